"""A store in a folder: its segments read as one, and a crash at any point of a roll is recovered."""

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path

import pytest

from eventstore import (
    EventStore,
    MemoryEventStore,
    SegmentedEventStore,
    SegmentsConfig,
    Selection,
    open_store,
)
from eventstore.catalogue import delete_stream
from eventstore.segment_folder import SegmentFolder
from eventstore.segment_records import read_record
from eventstore.segment_rolling import build_segment, put_in_place, seal
from eventstore.segment_status import SegmentState, list_segments
from eventstore.sqlite_file import open_for_reading
from eventstore.witness import witness_path
from kernel.errors import LogTruncated, StoreError
from kernel.events import Event, OrderIntent
from kernel.time_units import DAY_NS
from tests.eventstore.samples import intent, quotes, read_events

SMALL = SegmentsConfig(roll_mb=0.001)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.tape"


async def append(store: EventStore, count: int, *, stream: str = "s") -> list[Event]:
    """Append quotes after the stream's end."""
    head = await store.head(stream)
    events = quotes(count, first_ts=head.ts + 1)
    await store.append(stream, events, expected_seq=head.seq)
    return events


async def fill(path: Path, *, segments: int) -> list[Event]:
    """A store with so many segments, of three events each."""
    events: list[Event] = []
    async with await SegmentedEventStore.open(path) as store:
        for number in range(segments):
            if number:
                await store.roll()
            events += await append(store, 3)
    return events


def forbid_writing(path: Path) -> None:
    for file in path.glob("segments/*"):
        file.chmod(0o444)


def files_of(path: Path) -> list[str]:
    return sorted(each.name for each in path.glob("segments/*.db"))


async def states(store: SegmentedEventStore) -> list[SegmentState]:
    record = await read_record(store)
    return [each.state for each in list_segments(store.folder, record, last=store.files.current.number)]


async def test_a_stream_across_segments_has_the_hashes_that_it_has_in_one_piece(path: Path) -> None:
    whole = MemoryEventStore()
    for _ in range(4):
        await append(whole, 3)

    await fill(path, segments=4)

    async with await open_store(path, read_only=True) as store:
        assert await store.head("s") == await whole.head("s")
        assert [await store.block_hash("s", seq) for seq in range(1, 13)] == [
            await whole.block_hash("s", seq) for seq in range(1, 13)
        ]
        assert await store.streams() == await whole.streams()


@pytest.mark.parametrize("first", range(1, 13))
async def test_reading_begins_in_any_segment_by_seq_and_by_time(path: Path, first: int) -> None:
    events = await fill(path, segments=4)

    async with await open_store(path, read_only=True) as store:
        by_seq = await read_events(store, "s", Selection(from_seq=first, to_seq=first + 4))
        by_time = await read_events(store, "s", Selection(from_ts=events[first - 1].ts))

    assert by_seq == events[first - 1 : first + 4]
    assert by_time == events[first - 1 :]


async def test_a_segment_ends_when_it_is_large(path: Path) -> None:
    async with await SegmentedEventStore.open(path, settings=SMALL) as store:
        for _ in range(30):
            await append(store, 3)
        assert await store.verify("s") is None

    assert 3 <= len(files_of(path)) <= 15


async def test_a_segment_ends_with_the_first_append_of_a_new_day(path: Path) -> None:
    now = [5 * DAY_NS]
    async with await SegmentedEventStore.open(path, now_ns=lambda: now[0]) as store:
        await append(store, 3)
        now[0] += DAY_NS - 1
        await append(store, 3)
        same_day = files_of(path)
        now[0] += 1
        await append(store, 3)

    assert same_day == ["000001.db"]
    assert files_of(path) == ["000001.db", "000002.db"]


async def test_a_day_counts_from_the_segments_own_begin_also_after_a_restart(path: Path) -> None:
    async with await SegmentedEventStore.open(path, now_ns=lambda: DAY_NS) as store:
        await append(store, 3)

    async with await SegmentedEventStore.open(path, now_ns=lambda: 2 * DAY_NS) as store:
        await append(store, 3)

    assert len(files_of(path)) == 2


async def test_appends_that_wait_for_each_other_keep_their_order_across_rolls(path: Path) -> None:
    many = quotes(200)
    async with await SegmentedEventStore.open(path, settings=SMALL) as store, asyncio.TaskGroup() as group:
        for place in range(0, 200, 2):
            group.create_task(store.append("s", many[place : place + 2], expected_seq=place), name=f"{place}")

    async with await open_store(path, read_only=True) as store:
        assert await read_events(store, "s") == many
        assert await store.verify("s") is None
    assert len(files_of(path)) > 3


async def test_a_cancelled_append_does_not_stop_the_roll_that_it_waits_for(path: Path) -> None:
    async with await SegmentedEventStore.open(path, settings=SMALL) as store:
        await append(store, 30)
        async with asyncio.TaskGroup() as group:
            waiting = group.create_task(append(store, 1), name="append")
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            waiting.cancel()

        events = await append(store, 1)

        assert (await read_events(store, "s"))[-1:] == events
        assert await store.verify("s") is None
    assert len(files_of(path)) >= 2


async def test_readers_and_followers_of_other_stores_go_on_across_rolls(path: Path) -> None:
    found: list[Event] = []
    async with (
        await SegmentedEventStore.open(path) as writer,
        await SegmentedEventStore.open(path, read_only=True) as reader,
        aclosing(reader.follow("s", Selection(to_seq=12))) as batches,
    ):
        events = await append(writer, 3)
        found += (await anext(batches)).events
        for _ in range(3):
            await writer.roll()
            events += await append(writer, 3)
        async for batch in batches:
            found += batch.events

        assert found == events
        assert (await reader.head("s")).seq == 12
        assert await reader.verify("s") is None


async def test_checkpoints_and_ids_of_streams_go_on_in_the_next_segment(path: Path) -> None:
    async with await SegmentedEventStore.open(path) as store:
        for stream in ("a", "b", "c"):
            await append(store, 2, stream=stream)
        await store.save_checkpoint("gui", 2)
        await delete_stream(store, "b", ts=1, reason="")
        await store.roll()

        await append(store, 1, stream="c")
        await append(store, 1, stream="b")

        assert await store.checkpoint("gui") == 2
        assert [(info.stream, info.last_seq) for info in await store.streams()] == [
            ("a", 2),
            ("b", 1),
            ("c", 3),
        ]
        assert await store.integrity() is None


async def test_types_of_earlier_segments_are_listed_and_searched(path: Path) -> None:
    async with await SegmentedEventStore.open(path) as store:
        await store.append("s", [intent(1, "MSFT")], expected_seq=0)
        await store.roll()
        await append(store, 1)

        (info,) = await store.streams(holding=OrderIntent)

    assert info.event_types == ("OrderIntent", "Quote")
    assert info.symbols == ("AAPL", "MSFT")
    assert (info.block_count, info.last_seq) == (2, 2)


async def test_opening_and_appending_need_the_open_segment_alone(path: Path, tmp_path: Path) -> None:
    events = await fill(path, segments=3)
    for name in ("000001.db", "000002.db"):
        shutil.move(path / "segments" / name, tmp_path)

    async with await SegmentedEventStore.open(path) as store:
        events += await append(store, 3)
        head = await store.head("s")
        recent = await read_events(store, "s", Selection(from_seq=7))

    assert head.seq == 12
    assert recent == events[6:]


async def test_a_segment_that_is_missing_without_a_record_is_damage(path: Path) -> None:
    await fill(path, segments=3)
    (path / "segments" / "000002.db").unlink()

    async with await open_store(path, read_only=True) as store:
        damage = await store.verify("s")
        assert damage is not None
        assert (damage.first_bad_seq, damage.reason) == (4, "segment 2 is missing")
        assert "000002.db is missing" in (await store.integrity() or "")


async def test_a_sealed_file_that_changed_is_found_by_its_hash(path: Path) -> None:
    await fill(path, segments=2)
    sealed = path / "segments" / "000001.db"
    content = bytearray(sealed.read_bytes())
    content[-1] ^= 1
    sealed.chmod(0o644)
    sealed.write_bytes(content)
    sealed.chmod(0o444)

    async with await open_store(path, read_only=True) as store:
        assert "SHA-256 differs" in (await store.integrity() or "")


async def test_one_process_writes_and_a_second_one_is_told_who(path: Path) -> None:
    async with await SegmentedEventStore.open(path):
        with pytest.raises(StoreError, match="writes to it"):
            await SegmentedEventStore.open(path)

    async with await SegmentedEventStore.open(path):
        pass


async def test_a_segment_is_not_written_to_as_a_store_of_its_own_and_can_be_read(path: Path) -> None:
    events = await fill(path, segments=2)
    last = path / "segments" / "000002.db"

    with pytest.raises(StoreError, match="open the folder"):
        await open_store(last)

    async with await open_store(last, read_only=True) as store:
        assert await read_events(store, "s", Selection(from_seq=4)) == events[3:]
        assert await store.verify("s") is None


async def test_a_store_whose_open_segment_is_gone_is_refused(path: Path) -> None:
    await fill(path, segments=3)
    (path / "segments" / "000003.db").unlink()

    with pytest.raises(LogTruncated, match="after segment 2"):
        await open_store(path)
    with pytest.raises(LogTruncated, match="after segment 2"):
        await open_store(path, read_only=True)


async def test_a_store_that_nobody_may_write_to_is_read(path: Path) -> None:
    events = await fill(path, segments=2)
    forbid_writing(path)

    async with await open_store(path, read_only=True) as store:
        assert await read_events(store, "s") == events


async def test_a_roll_that_fails_leaves_the_segment_open(path: Path) -> None:
    async with await SegmentedEventStore.open(path, settings=SMALL) as store:
        await append(store, 30)
        (path / "segments" / "000002.new.db").mkdir()

        await append(store, 3)
        with pytest.raises(StoreError):
            await store.roll()
        (path / "segments" / "000002.new.db").rmdir()
        await store.roll()
        await append(store, 3)

        assert await store.verify("s") is None
    assert files_of(path) == ["000001.db", "000002.db"]


async def _built(folder: SegmentFolder) -> None:
    """The next segment was being written."""
    reader = await open_for_reading(folder.file(1))
    try:
        await build_segment(folder, 2, reader, opened_ts=1)
    finally:
        await reader.close()


async def _half_built(folder: SegmentFolder) -> None:
    await _built(folder)
    content = folder.new(2).read_bytes()
    folder.new(2).write_bytes(content[: len(content) // 2])


async def _witness_in_place(folder: SegmentFolder) -> None:
    await _built(folder)
    witness_path(folder.new(2)).rename(witness_path(folder.file(2)))


async def _in_place(folder: SegmentFolder) -> None:
    await _built(folder)
    await put_in_place(folder, 2)


async def _read_only(folder: SegmentFolder) -> None:
    await _in_place(folder)
    folder.file(1).chmod(0o444)


async def _sealed(folder: SegmentFolder) -> None:
    """Sealed, and not recorded."""
    await _in_place(folder)
    await seal(folder, 1, ts=1)


@pytest.mark.parametrize(
    ("crashed", "is_rolled"),
    [
        (_half_built, False),
        (_built, False),
        (_witness_in_place, False),
        (_in_place, True),
        (_read_only, True),
        (_sealed, True),
    ],
)
async def test_a_crash_at_any_point_of_a_roll_is_recovered(
    path: Path, crashed: Callable[[SegmentFolder], Awaitable[None]], *, is_rolled: bool
) -> None:
    events = await fill(path, segments=1)
    folder = SegmentFolder(path)
    await crashed(folder)
    async with await open_store(path, read_only=True) as reader:
        assert await read_events(reader, "s") == events

    async with await SegmentedEventStore.open(path, settings=SegmentsConfig(roll_daily=False)) as store:
        events += await append(store, 3)
        assert await states(store) == [SegmentState.SEALED, SegmentState.OPEN][not is_rolled :]
        await store.roll()
        events += await append(store, 3)

        assert await read_events(store, "s") == events
        assert await store.verify("s") is None
        assert await store.integrity() is None
    assert not [name for name in files_of(path) if "new" in name]


async def test_each_sealed_segment_is_on_record_with_its_hash_and_period(path: Path) -> None:
    await fill(path, segments=3)

    async with await open_store(path, read_only=True) as store:
        record = await read_record(store)

    assert sorted(record.segments) == [1, 2]
    sealed = record.of(2).sealed
    assert sealed is not None
    assert (sealed.first_ts, sealed.last_ts) == (4, 6)
    assert sealed.size_bytes == (path / "segments" / "000002.db").stat().st_size
