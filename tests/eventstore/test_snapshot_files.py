"""Snapshots on disk: the newest one that fits is found, others are ignored with a reason."""

import asyncio
from collections.abc import Callable
from itertools import accumulate, pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore import MemoryEventStore
from eventstore.snapshot_files import SnapshotFiles, SnapshotKey, SnapshotsConfig
from kernel.errors import StoreError
from tests.eventstore.samples import quotes
from tests.kernel.live import until

CODE = "onetape 1, python 3.11, code abc"


@pytest.fixture
async def store() -> MemoryEventStore:
    """A log of three blocks with two events each."""
    made = MemoryEventStore()
    for seq in (0, 2, 4):
        await made.append("log", quotes(2, first_ts=seq + 1), expected_seq=seq)
    return made


@pytest.fixture
def files(tmp_path: Path) -> SnapshotFiles:
    return SnapshotFiles(tmp_path / "snapshots", keep=2)


async def key(store: MemoryEventStore, seq: int, fingerprint: str = CODE) -> SnapshotKey:
    return SnapshotKey("log", seq, await store.block_hash("log", seq), fingerprint)


async def test_the_newest_snapshot_comes_back_as_it_was_saved(
    store: MemoryEventStore, files: SnapshotFiles
) -> None:
    files.save(await key(store, 2), b"early")
    files.save(await key(store, 4), b"late")

    found = await files.newest(store, "log", CODE)

    assert found.snapshot is not None
    assert (found.snapshot.key, found.snapshot.body) == (await key(store, 4), b"late")
    assert found.ignored == ()


async def test_without_a_snapshot_there_is_none(store: MemoryEventStore, files: SnapshotFiles) -> None:
    found = await files.newest(store, "log", CODE)

    assert (found.snapshot, found.ignored) == (None, ())


async def test_only_the_last_ones_of_each_log_are_kept(store: MemoryEventStore, files: SnapshotFiles) -> None:
    await store.append("log-2", quotes(1), expected_seq=0)
    other = SnapshotKey("log-2", 1, (await store.head("log-2")).block_hash, CODE)
    paths = [files.save(other, b"other")]

    paths += [files.save(await key(store, seq), b"") for seq in (2, 4, 6)]

    assert [path.exists() for path in paths] == [True, False, True, True]
    assert files.newest_seq("log-2") == 1


@given(
    steps=st.lists(st.integers(1, 50), min_size=1, max_size=120),
    keep=st.integers(1, 4),
    older=st.integers(0, 12),
    size=st.integers(0, 30_000),
)
def test_older_ones_are_few_small_and_spread_over_the_log(
    steps: list[int], keep: int, older: int, size: int
) -> None:
    with TemporaryDirectory() as folder:
        files = SnapshotFiles(Path(folder), keep=keep, older=older, older_mb=0.1)
        saved = list(accumulate(steps))

        for seq in saved:
            files.save(SnapshotKey("log", seq, b"", CODE), bytes(size))
        seqs = files.seqs("log")

        assert seqs[-keep:] == saved[-keep:]
        spread, room = seqs[:-keep], min(older, 100_000 // (size + 90))
        assert len(spread) <= older
        assert len(spread) * size <= 100_000
        if len(spread) == room > 0:
            ways = [after - before for before, after in pairwise((0, *spread, seqs[-keep:][0]))]
            assert max(ways) <= 2 * saved[-1] / (room + 1) + 3 * max(steps)


def test_those_before_a_seq_are_forgotten(tmp_path: Path) -> None:
    files = SnapshotFiles(tmp_path, keep=9)
    for seq in (3, 5, 8):
        files.save(SnapshotKey("log", seq, b"", CODE), b"")

    files.forget("log", before_seq=5)

    assert files.seqs("log") == [5, 8]


def _flip_body(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _flip_header(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[30] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _foreign(path: Path) -> None:
    path.write_bytes(b"something else entirely, which is no snapshot at all")


@pytest.mark.parametrize("damage", [_flip_body, _flip_header, _cut, _empty, _foreign])
async def test_a_damaged_snapshot_is_ignored_and_the_one_before_it_is_used(
    store: MemoryEventStore, files: SnapshotFiles, damage: Callable[[Path], None]
) -> None:
    files.save(await key(store, 2), b"early")
    damage(files.save(await key(store, 4), b"late"))

    found = await files.newest(store, "log", CODE)

    assert found.snapshot is not None
    assert found.snapshot.body == b"early"
    assert len(found.ignored) == 1
    assert "damaged" in found.ignored[0]
    assert files.newest_seq("log") == 2


@pytest.mark.parametrize(
    ("seq", "block_hash", "fingerprint", "reason"),
    [
        (8, b"x", CODE, "the log ends at 6"),
        (4, None, "other code", "other code"),
        (4, b"another", CODE, "another history"),
    ],
)
async def test_a_snapshot_that_does_not_fit_is_ignored_with_its_reason(
    store: MemoryEventStore,
    files: SnapshotFiles,
    *,
    seq: int,
    block_hash: bytes | None,
    fingerprint: str,
    reason: str,
) -> None:
    block_hash = block_hash or await store.block_hash("log", seq)
    files.save(SnapshotKey("log", seq, block_hash, fingerprint), b"")

    found = await files.newest(store, "log", CODE)

    assert found.snapshot is None
    assert reason in found.ignored[0]


async def test_a_snapshot_that_cannot_be_written_changes_nothing(
    store: MemoryEventStore, files: SnapshotFiles, tmp_path: Path
) -> None:
    files.save(await key(store, 2), b"early")
    (tmp_path / "snapshots" / "log-0000000000004.new").mkdir()

    with pytest.raises(StoreError, match="cannot be written"):
        files.save(await key(store, 4), b"late")

    found = await files.newest(store, "log", CODE)
    assert found.snapshot is not None
    assert found.snapshot.body == b"early"


async def test_what_a_crash_left_of_a_snapshot_goes_with_the_next_one(
    store: MemoryEventStore, files: SnapshotFiles
) -> None:
    first = files.save(await key(store, 2), b"")
    (left, of_another) = (first.with_name(f"{log}-{3:013}.new") for log in ("log", "log-2"))
    left.write_bytes(b"half")
    of_another.write_bytes(b"half")

    files.save(await key(store, 4), b"")

    assert (left.exists(), of_another.exists()) == (False, True)


def test_at_least_one_snapshot_is_kept_and_the_interval_is_above_zero() -> None:
    with pytest.raises(ValueError, match="keep"):
        SnapshotsConfig(keep=0)
    with pytest.raises(ValueError, match="every_s"):
        SnapshotsConfig(every_s=0)
    with pytest.raises(ValueError, match="older: -1 is below 0"):
        SnapshotsConfig(older=-1)
    with pytest.raises(ValueError, match="older_mb: -1 is below 0"):
        SnapshotsConfig(older_mb=-1)


async def test_a_snapshot_that_is_still_being_written_is_not_taken_for_one_that_a_crash_left(
    store: MemoryEventStore, files: SnapshotFiles, tmp_path: Path
) -> None:
    """A stop does not wait for the thread of the last regular one, and saves the end of the log."""
    folder, large = tmp_path / "snapshots", b"0" * (50 << 20)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(asyncio.to_thread(files.save, await key(store, 2), large), name="first")
        await until(lambda: folder.exists() and any(folder.iterdir()))
        await asyncio.to_thread(files.save, await key(store, 4), b"late")

    assert files.seqs("log") == [2, 4]
    assert first.result().exists()
