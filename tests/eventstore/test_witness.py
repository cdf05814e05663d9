"""The witness: what it remembers, how a store without it is met, and what it notices."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from eventstore import SqliteEventStore
from eventstore.block_id import MAX_STREAMS, block_id
from eventstore.witness import Witness, WitnessEntry, witness_path
from kernel.errors import LogTruncated, StoreDamaged
from tests.eventstore.samples import collected, quotes, trade


async def make_store(path: Path, *, blocks: int = 3) -> None:
    """A closed store whose stream ``s`` holds ``blocks`` blocks of two events."""
    async with await SqliteEventStore.open(path) as store:
        await extend(store, blocks=blocks)


async def extend(store: SqliteEventStore, *, blocks: int, stream: str = "s") -> None:
    seq = (await store.head(stream)).seq
    for _ in range(blocks):
        seq = (await store.append(stream, quotes(2, first_ts=seq + 1), expected_seq=seq)).seq


# --- the last commits of the file -----------------------------------------------------------------


async def test_a_missing_witness_is_reported_and_renewed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await make_store(path)
    witness_path(path).unlink()

    with capture_logs() as logs:
        async with await SqliteEventStore.open(path):
            pass

    assert [(entry["event"], entry["log_level"]) for entry in logs] == [
        ("event_store_without_witness", "warning")
    ]
    assert len(commits_of(path)) == 1


async def test_a_store_whose_file_is_gone_is_not_made_anew_over_its_witness(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await make_store(path)
    path.unlink()

    with pytest.raises(LogTruncated, match=r"store\.db.*gone.*delete the witness"):
        await SqliteEventStore.open(path)

    assert not path.exists()


async def test_yesterdays_file_in_todays_place_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await make_store(path)
    shutil.copy(path, tmp_path / "yesterday")
    async with await SqliteEventStore.open(path) as store:
        await extend(store, blocks=2)
    shutil.copy(tmp_path / "yesterday", path)

    for read_only in (True, False):
        with pytest.raises(LogTruncated, match="last commit is missing"):
            await SqliteEventStore.open(path, read_only=read_only)


async def test_another_history_of_the_same_length_is_refused(tmp_path: Path) -> None:
    path, other = tmp_path / "store.db", tmp_path / "other.db"
    await make_store(path)
    async with await SqliteEventStore.open(other) as store:
        for seq in range(0, 6, 2):
            await store.append("s", [trade(seq), trade(seq)], expected_seq=seq)
    shutil.copy(other, path)

    with pytest.raises(LogTruncated, match="another commit is in place of its last one"):
        await SqliteEventStore.open(path)


async def test_a_torn_witness_slot_leaves_the_other_to_judge(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await make_store(path)
    latest = commits_of(path)[-1]
    content = bytearray(witness_path(path).read_bytes())
    content[(latest.number % 2) * 64 + 20] ^= 0xFF
    witness_path(path).write_bytes(content)

    async with await SqliteEventStore.open(path) as store:
        assert (await store.head("s")).seq == 6

    assert [entry.number for entry in commits_of(path)] == [latest.number - 1]


def test_the_witness_keeps_the_last_two_commits(tmp_path: Path) -> None:
    store_path = tmp_path / "store.db"
    witness = Witness.create(store_path)

    for place in range(5):
        witness.remember([(block_id(1, first_seq=place), bytes([place]) * 32)])
    witness.close()
    witness.close()

    assert commits_of(store_path) == [
        WitnessEntry(number=4, block_id=block_id(1, first_seq=3), hash=b"\3" * 32),
        WitnessEntry(number=5, block_id=block_id(1, first_seq=4), hash=b"\4" * 32),
    ]


async def test_the_witness_names_the_last_commit_before_it_is_acknowledged(
    sqlite_store: SqliteEventStore, tmp_path: Path
) -> None:
    head = await sqlite_store.append("s", quotes(2), expected_seq=0)

    assert commits_of(tmp_path / "store.db")[-1].hash == head.block_hash


# --- the end of each stream -----------------------------------------------------------------------


@pytest.fixture
async def short(tmp_path: Path) -> Path:
    """A store, closed in good order, whose stream ``a`` lost its last block; ``b`` was written after it."""
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as store:
        await extend(store, blocks=3, stream="a")
        await extend(store, blocks=3, stream="b")
    execute(path, "DELETE FROM block WHERE id = (SELECT max(id) FROM block WHERE id >> 42 = 1)")
    return path


async def test_a_shortened_stream_is_seen_by_whoever_asks_for_its_end(short: Path) -> None:
    async with await SqliteEventStore.open(short) as store:
        with pytest.raises(StoreDamaged, match="ends at seq 4, but the witness remembers") as asked:
            await store.head("a")
        with pytest.raises(StoreDamaged) as read:
            await collected(store.read("a"))
        damage = await store.verify("a")
        trouble = await store.integrity()

    assert (asked.value.first_bad_seq, read.value.first_bad_seq) == (5, 5)
    assert damage is not None
    assert damage.first_bad_seq == 5
    assert trouble is not None
    assert "stream 'a' ends before seq 5" in trouble


async def test_a_shortened_stream_is_never_appended_to_and_others_are(short: Path) -> None:
    async with await SqliteEventStore.open(short) as store:
        with pytest.raises(StoreDamaged):
            await store.append("a", quotes(1, first_ts=9), expected_seq=4)
        await extend(store, blocks=1, stream="b")

        assert (await store.head("b")).seq == 8


async def test_a_damaged_stream_does_not_fail_the_others_of_its_commit(short: Path) -> None:
    async with await SqliteEventStore.open(short) as store:
        outcomes = await asyncio.gather(
            store.append("b", quotes(1, first_ts=9), expected_seq=6),
            store.append("a", quotes(1, first_ts=9), expected_seq=4),
            store.append("b", quotes(1, first_ts=9), expected_seq=7),
            return_exceptions=True,
        )

    assert [type(outcome).__name__ for outcome in outcomes] == ["StreamHead", "StoreDamaged", "StreamHead"]


async def test_a_stream_with_another_last_block_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await make_store(path)
    async with await SqliteEventStore.open(path) as store:
        await extend(store, blocks=3, stream="t")
    last = "(SELECT max(id) FROM block WHERE id >> 42 = 1)"
    execute(path, f"UPDATE block SET hash = zeroblob(32) WHERE id = {last}")

    async with await SqliteEventStore.open(path) as store:
        with pytest.raises(StoreDamaged) as caught:
            await collected(store.read("s"))

    assert caught.value.first_bad_seq == 5


async def test_an_older_memory_of_a_stream_is_harmless(tmp_path: Path) -> None:
    """As another process leaves it behind that was slower."""
    path = tmp_path / "store.db"
    await make_store(path)
    old = witness_path(path).read_bytes()[4096:]
    async with await SqliteEventStore.open(path) as store:
        await extend(store, blocks=2)
    with witness_path(path).open("r+b") as file:
        file.seek(4096)
        file.write(old)

    async with await SqliteEventStore.open(path) as store:
        await extend(store, blocks=1)

        assert await store.verify("s") is None


@pytest.mark.parametrize("lost", ["a", "b"])
@pytest.mark.parametrize("asked", ["a", "b", "new"])
async def test_a_stream_whose_name_is_lost_is_not_begun_anew(tmp_path: Path, lost: str, asked: str) -> None:
    """Ids are given again once the last name is gone: the id, or the name, would be used twice."""
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as store:
        await extend(store, blocks=1, stream="a")
        await extend(store, blocks=1, stream="b")
    execute(path, f"DELETE FROM stream WHERE name = '{lost}'")

    async with await SqliteEventStore.open(path) as store:
        if asked in ("a", "b") and asked != lost:
            await extend(store, blocks=1, stream=asked)
            return
        with pytest.raises(StoreDamaged, match="is lost"):
            await store.head(asked)
        with pytest.raises(StoreDamaged, match="is lost"):
            await store.append(asked, quotes(1), expected_seq=0)
        assert await store.integrity() is not None


async def test_many_streams_are_remembered_and_all_of_them_judged(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as store:
        await asyncio.gather(*(store.append(f"s{place}", quotes(1), expected_seq=0) for place in range(200)))

        assert await store.integrity() is None
    execute(path, "DELETE FROM block WHERE id >> 42 = 123")

    async with await SqliteEventStore.open(path, read_only=True) as store:
        trouble = await store.integrity()

    assert trouble is not None
    assert "ends before seq 1" in trouble


async def test_whoever_may_read_the_store_may_read_its_witness(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await make_store(path)

    assert witness_path(path).stat().st_mode & 0o444 == path.stat().st_mode & 0o444


def test_the_witness_of_the_last_possible_stream_is_a_sparse_file(tmp_path: Path) -> None:
    store_path = tmp_path / "store.db"
    with closing(Witness.create(store_path)) as witness:
        witness.remember([(block_id(MAX_STREAMS, first_seq=1), b"x" * 32)])

        assert witness.highest_stream_id() == MAX_STREAMS
        assert witness.last_block(MAX_STREAMS) is not None
        assert witness.last_block(MAX_STREAMS + 1) is None
    assert witness_path(store_path).stat().st_blocks * 512 < 100_000


def execute(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(sql)


def commits_of(store_path: Path) -> list[WitnessEntry]:
    witness = Witness.open_for_reading(store_path)
    assert witness is not None
    with closing(witness):
        return witness.commits()
