"""Damage to the file: found and named, or without effect. Never taken for data."""

import random
import shutil
import sqlite3
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path

import msgspec
import pytest

from eventstore import Batch, Selection, SqliteEventStore
from eventstore.witness import witness_path
from kernel.errors import LogTruncated, StoreDamaged, StoreError
from kernel.events import Event, TimerFired, Trade
from tests.eventstore.samples import collected, quote, quotes, read_all, timer, trade

STREAMS = ("data", "log")
Contents = dict[str, list[tuple[int, int, Event]]]


@pytest.fixture
async def sound(tmp_path: Path) -> Path:
    """A closed store of two streams: blocks of 5 events; ``data`` all quotes but the last block."""
    path = tmp_path / "sound.db"
    async with await SqliteEventStore.open(path) as store:
        for seq in range(0, 60, 5):
            await store.append("data", quotes(5, first_ts=seq), expected_seq=seq)
            causes = list(range(seq, seq + 5))
            await store.append("log", [trade(seq) for _ in range(5)], expected_seq=seq, causes=causes)
        await store.append("data", [trade(100), timer(101), quote(102, "B")], expected_seq=60)
        await store.append("log", quotes(4000, first_ts=1000), expected_seq=60)
        await store.save_checkpoint("portfolio", 42)
    return path


async def contents(path: Path) -> Contents:
    """All there is, after every check that ``onetape verify`` would make. Raises ``StoreError``."""
    async with await SqliteEventStore.open(path, read_only=True) as store:
        found = {stream: await read_all(store, stream) for stream in STREAMS}
        for stream in STREAMS:
            damage = await store.verify(stream)
            if damage is not None:
                raise StoreDamaged(stream, first_bad_seq=damage.first_bad_seq, reason=damage.reason)
        if await store.checkpoint("portfolio") != 42:
            raise AssertionError("a damaged checkpoint was believed")
        trouble = await store.integrity()
        if trouble is not None:
            raise StoreError(trouble)
    return found


async def check_flips(sound: Path, places: Iterable[int]) -> int:
    """Flip one bit at each place, in turn; returns how many were detected."""
    expected = await contents(sound)
    detected = 0
    for place in places:
        path = flipped_copy(sound, place)
        try:
            found = await contents(path)
        except StoreError:
            detected += 1
        else:
            assert found == expected, f"a flipped bit in byte {place} changed what is read"
    return detected


async def test_a_flipped_bit_anywhere_in_the_file_is_detected_or_harmless(sound: Path) -> None:
    places = random.Random(7).sample(range(size_of(sound)), 150)

    assert await check_flips(sound, places) > 50


@pytest.mark.slow
async def test_many_flipped_bits_anywhere_in_the_file_are_detected_or_harmless(sound: Path) -> None:
    places = {*range(200), *random.Random(11).sample(range(size_of(sound)), 4000)}

    assert await check_flips(sound, sorted(places)) > 1000


@pytest.mark.parametrize(
    "column",
    [
        "last_seq",
        "first_ts",
        "last_ts",
        "codec",
        "types",
        "symbols",
        "payload_hash",
        "hash",
        "causes",
        "payload",
    ],
)
async def test_a_change_in_any_column_is_found_and_its_first_seq_named(sound: Path, column: str) -> None:
    change_column(sound, "log", first_seq=31, column=column)

    async with await SqliteEventStore.open(sound, read_only=True) as store:
        damage = await store.verify("log")
        with pytest.raises(StoreDamaged) as caught:
            await collected(store.read("log"))
        other = await store.verify("data")

    assert damage is not None
    assert (damage.stream, damage.first_bad_seq) == ("log", 31)
    assert caught.value.first_bad_seq == 31
    assert other is None


@pytest.mark.parametrize("column", ["last_ts", "types", "payload"])
@pytest.mark.parametrize("to", [None, "text where there was none"])
async def test_what_comes_before_the_damage_is_read(sound: Path, column: str, to: str | None) -> None:
    """A value of another type cannot even be loaded, and ends a page early."""
    change_column(sound, "log", first_seq=31, column=column, to=to)

    async with await SqliteEventStore.open(sound, read_only=True) as store:
        found = await seqs_before_damage(store.read("log"))

    assert found == list(range(1, 31))


@pytest.mark.parametrize(
    ("column", "selection"),
    [
        ("types", Selection(types=frozenset({Trade, TimerFired}))),
        ("symbols", Selection(symbols=frozenset({"B"}))),
        ("first_ts", Selection(to_ts=101)),
        ("last_ts", Selection(from_ts=100)),
    ],
)
async def test_a_damaged_header_cannot_make_a_filter_skip_its_block(
    sound: Path, column: str, selection: Selection
) -> None:
    """The last block of ``data`` holds the only trade, timer and B: skipped, nothing would be missed."""
    change_column(sound, "data", first_seq=61, column=column)

    async with await SqliteEventStore.open(sound, read_only=True) as store:
        with pytest.raises(StoreDamaged) as caught:
            await collected(store.read("data", selection))

    assert caught.value.first_bad_seq == 61


async def test_a_damaged_header_on_the_way_to_a_time_cannot_mislead_the_search(sound: Path) -> None:
    change_column(sound, "data", first_seq=31, column="last_ts", to=-1)

    async with await SqliteEventStore.open(sound, read_only=True) as store:
        with pytest.raises(StoreDamaged) as caught:
            await collected(store.read("data", Selection(from_ts=32)))

    assert caught.value.first_bad_seq == 31


@pytest.mark.parametrize("first_seq", [1, 31, 56])
async def test_a_missing_block_is_named_by_its_first_seq(sound: Path, first_seq: int) -> None:
    execute(sound, f"DELETE FROM block WHERE id = {row_id(sound, 'data', first_seq)}")

    async with await SqliteEventStore.open(sound, read_only=True) as store:
        damage = await store.verify("data")

    assert damage is not None
    assert damage.first_bad_seq == first_seq


@pytest.mark.parametrize("stream", STREAMS)
async def test_either_of_the_last_two_commits_missing_is_refused_at_opening(sound: Path, stream: str) -> None:
    execute(sound, f"DELETE FROM block WHERE id = {row_id(sound, stream, 61)}")

    with pytest.raises(LogTruncated):
        await SqliteEventStore.open(sound)


async def test_two_blocks_in_each_others_place_are_found(sound: Path) -> None:
    """Each is intact by itself; only the chain tells."""
    one, two = row_id(sound, "data", 11), row_id(sound, "data", 16)
    execute(sound, f"UPDATE block SET id = 1 WHERE id = {one}")
    execute(sound, f"UPDATE block SET id = {one} WHERE id = {two}")
    execute(sound, f"UPDATE block SET id = {two} WHERE id = 1")

    async with await SqliteEventStore.open(sound, read_only=True) as store:
        damage = await store.verify("data")

    assert damage is not None
    assert damage.first_bad_seq == 11


async def test_no_writer_continues_a_damaged_head(sound: Path) -> None:
    change_column(sound, "data", first_seq=61, column="last_ts")

    async with await SqliteEventStore.open(sound) as store:
        with pytest.raises(StoreDamaged):
            await store.append("data", quotes(1, first_ts=200), expected_seq=63)
        assert (await store.append("log", quotes(1, first_ts=9000), expected_seq=4060)).seq == 4061


async def test_blocks_of_no_stream_are_reported(sound: Path) -> None:
    execute(sound, "DELETE FROM stream WHERE name = 'data'")

    async with await SqliteEventStore.open(sound, read_only=True) as store:
        trouble = await store.integrity()

    assert trouble is not None
    assert "13 blocks belong to no stream" in trouble


async def test_a_damaged_checkpoint_is_not_believed(sound: Path) -> None:
    execute(sound, "UPDATE checkpoint SET seq = 43")

    async with await SqliteEventStore.open(sound) as store:
        with pytest.raises(StoreError, match="checkpoint of 'portfolio' is damaged"):
            await store.checkpoint("portfolio")


@pytest.mark.parametrize("keep", [0.0, 0.1, 0.3, 0.6, 0.9, 0.99])
async def test_a_truncated_file_is_detected(sound: Path, keep: float) -> None:
    truncate(sound, int(size_of(sound) * keep))

    with pytest.raises(StoreError, match=r"sound\.db|damaged"):
        await contents(sound)


async def test_a_deleted_wal_with_acknowledged_commits_is_detected(tmp_path: Path) -> None:
    """A crash with commits still in the WAL: with it nothing is lost, without it the loss is named."""
    path, recovered, crashed = (tmp_path / name for name in ("store.db", "recovered.db", "crashed.db"))
    async with await SqliteEventStore.open(path) as store:
        await store.append("s", quotes(3), expected_seq=0)
        await store.append("s", quotes(3, first_ts=10), expected_seq=3)
        copy_as_after_a_crash(path, recovered)
        copy_as_after_a_crash(path, crashed)
    wal_of(crashed).unlink()

    async with await SqliteEventStore.open(recovered) as store:
        assert (await store.head("s")).seq == 6
    with pytest.raises(StoreError, match=r"crashed\.db"):
        await SqliteEventStore.open(crashed, read_only=True)
    with pytest.raises(LogTruncated):
        await SqliteEventStore.open(crashed)


async def test_a_wal_that_lost_its_tail_is_detected(tmp_path: Path) -> None:
    """SQLite drops torn frames without a word; the witness does not."""
    path, crashed = tmp_path / "store.db", tmp_path / "crashed.db"
    async with await SqliteEventStore.open(path) as store:
        for seq in range(0, 30, 3):
            await store.append("s", quotes(3, first_ts=seq), expected_seq=seq)
        copy_as_after_a_crash(path, crashed)
    truncate(wal_of(crashed), size_of(wal_of(crashed)) - 5000)

    with pytest.raises(LogTruncated, match="last commit is missing"):
        await SqliteEventStore.open(crashed)


async def test_following_stops_at_damage(sound: Path) -> None:
    change_column(sound, "data", first_seq=31, column="payload")

    async with await SqliteEventStore.open(sound, read_only=True) as store:
        found = await seqs_before_damage(store.follow("data"))

    assert found == list(range(1, 31))


async def seqs_before_damage(batches: AsyncGenerator[Batch]) -> list[int]:
    """What is read until ``StoreDamaged``, which must come."""
    found: list[int] = []
    try:
        async for batch in batches:
            found += batch.seqs
    except StoreDamaged:
        return found
    raise AssertionError("the damage was not noticed")


def flipped_copy(sound: Path, place: int) -> Path:
    """A copy of a store with one bit of one byte flipped."""
    path = sound.with_name("flipped.db")
    shutil.copy(witness_path(sound), witness_path(path))
    content = bytearray(sound.read_bytes())
    content[place] ^= 1 << (place % 8)
    path.write_bytes(content)
    return path


def copy_as_after_a_crash(path: Path, target: Path) -> None:
    """What lies on the disk of a store that is open: nothing was closed in good order."""
    for suffix in ("", "-wal", ".witness"):
        shutil.copy(f"{path}{suffix}", f"{target}{suffix}")


def wal_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


def size_of(path: Path) -> int:
    return path.stat().st_size


def truncate(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def change_column(
    path: Path, stream: str, *, first_seq: int, column: str, to: int | str | None = None
) -> None:
    """Change one column of one block: another number, one flipped bit, or other types and symbols."""
    changed = row_id(path, stream, first_seq)
    ((value,),) = execute(path, f"SELECT {column} FROM block WHERE id = {changed}")
    new: object
    if to is not None:
        new = to
    elif column in ("types", "symbols"):
        new = msgspec.msgpack.encode([2] if column == "types" else ["AAPL"])
        new = new if new != value else msgspec.msgpack.encode([])
    elif isinstance(value, int):
        new = value + 1000 if column == "first_ts" else value - 1000
    else:
        assert isinstance(value, bytes)
        new = value[:-1] + bytes([value[-1] ^ 1])
    execute(path, f"UPDATE block SET {column} = ? WHERE id = {changed}", new)


def row_id(path: Path, stream: str, first_seq: int) -> int:
    ((stream_id,),) = execute(path, "SELECT id FROM stream WHERE name = ?", stream)
    assert isinstance(stream_id, int)
    return (stream_id << 42) + first_seq


def execute(path: Path, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return connection.execute(sql, parameters).fetchall()
    finally:
        connection.close()
