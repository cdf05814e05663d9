"""Archiving and pruning sealed segments: what is kept reads and verifies, and what is gone is named."""

from pathlib import Path

import pytest

from eventstore import EventStore, RetentionConfig, SegmentedEventStore, Selection, open_store
from eventstore.segment_pruning import SegmentChange, archive_segment, archive_segments, prune_segments
from eventstore.segment_records import read_record
from kernel.errors import InputError, StreamMissing
from kernel.events import MARKET_TYPES, Event, OrderIntent, Quote, SessionStarted
from kernel.time_units import DAY_NS
from tests.eventstore.samples import collected, flattened, quote, read_events
from tests.eventstore.segment_worlds import (
    EVENTS_OF_A_DAY,
    LOG,
    RECORDS_OF_A_DAY,
    live_log,
    pretend_backup,
    save_snapshot,
)

DAYS = 6
NOW = (DAYS + 1) * DAY_NS
RECORDS = Selection(types=frozenset({OrderIntent, SessionStarted}))
THREE_DAYS = RetentionConfig(market_data_days=3, records_years=7, needs_backup=False, needs_snapshot=False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.tape"


def files_of(path: Path, number: int) -> list[str]:
    return sorted(each.name for each in path.glob(f"segments/{number:06}*"))


def records_of(events: list[Event]) -> list[Event]:
    return [event for event in events if type(event) not in MARKET_TYPES]


async def prune(
    path: Path, retention: RetentionConfig, *, now_ts: int = NOW, is_trial: bool = False
) -> list[SegmentChange]:
    async with await SegmentedEventStore.open(path) as store:
        return await prune_segments(store, retention, now_ts=now_ts, is_trial=is_trial)


async def check_intact(store: EventStore) -> None:
    for info in await store.streams():
        assert await store.verify(info.stream) is None
    assert isinstance(store, SegmentedEventStore)
    assert await store.integrity() is None


async def test_an_archived_segment_reads_as_before_and_verifies(path: Path) -> None:
    events = await live_log(path, days=3)

    async with await SegmentedEventStore.open(path) as store:
        change = await archive_segment(store, 1, now_ts=NOW)
        same = await read_events(store, LOG)

    assert change.bytes_after < change.bytes_before / 2
    assert files_of(path, 1) == ["000001.db.zst"]
    async with await open_store(path, read_only=True) as reader:
        assert same == await read_events(reader, LOG) == events
        await check_intact(reader)


async def test_segments_are_archived_when_they_are_old_enough(path: Path) -> None:
    await live_log(path, days=DAYS)
    retention = RetentionConfig(archive_after_days=3)

    async with await SegmentedEventStore.open(path) as store:
        trial = await archive_segments(store, retention, now_ts=NOW, is_trial=True)
        changes = await archive_segments(store, retention, now_ts=NOW)
        again = await archive_segments(store, retention, now_ts=NOW)

    assert [change.number for change in trial] == [change.number for change in changes] == [1, 2, 3]
    assert again == []


async def test_the_open_segment_is_not_archived(path: Path) -> None:
    await live_log(path, days=2)

    async with await SegmentedEventStore.open(path) as store:
        with pytest.raises(InputError, match="not a sealed one"):
            await archive_segment(store, 2, now_ts=NOW)


async def test_a_damaged_archive_is_found(path: Path) -> None:
    await live_log(path, days=2)
    async with await SegmentedEventStore.open(path) as store:
        await archive_segment(store, 1, now_ts=NOW)
    archive = path / "segments" / "000001.db.zst"
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)

    async with await open_store(path, read_only=True) as store:
        assert "000001.db.zst is not the file" in (await store.integrity() or "")


async def test_pruning_keeps_the_orders_of_old_segments_with_their_seqs(
    path: Path,
) -> None:
    events = await live_log(path, days=DAYS)
    async with await open_store(path, read_only=True) as store:
        before = flattened(await collected(store.read(LOG, RECORDS)))

    changes = await prune(path, THREE_DAYS)

    assert [(change.number, change.what) for change in changes] == [
        (number, "market data removed") for number in (1, 2, 3)
    ]
    async with await open_store(path, read_only=True) as store:
        assert flattened(await collected(store.read(LOG, RECORDS))) == before
        assert (
            await read_events(store, LOG, Selection(from_seq=3 * EVENTS_OF_A_DAY + 1))
            == (events[3 * EVENTS_OF_A_DAY :])
        )
        await check_intact(store)


async def test_a_read_into_pruned_events_names_their_range(path: Path) -> None:
    await live_log(path, days=DAYS)
    await prune(path, THREE_DAYS)

    async with await SegmentedEventStore.open(path, read_only=True) as store:
        with pytest.raises(StreamMissing, match=r"events 1 to 21 are no longer .* from seq 22 on"):
            await read_events(store, LOG)
        with pytest.raises(StreamMissing, match="events 1 to 21"):
            await read_events(store, LOG, Selection(types=frozenset({Quote})))
        with pytest.raises(StreamMissing, match="up to 21"):
            await store.block_hash(LOG, 3)
        assert await store.first_seq(LOG) == 22


async def test_reads_by_time_after_the_pruned_events_need_no_seq(path: Path) -> None:
    events = await live_log(path, days=DAYS)
    await prune(path, THREE_DAYS)

    async with await open_store(path, read_only=True) as store:
        assert await read_events(store, LOG, Selection(from_ts=4 * DAY_NS)) == events[21:]


async def test_streams_that_are_no_live_logs_are_kept_whole(path: Path) -> None:
    await live_log(path, days=DAYS)

    await prune(path, THREE_DAYS)

    async with await open_store(path, read_only=True) as store:
        assert await read_events(store, "spy.1d") == [quote(day) for day in range(1, DAYS + 1)]


async def test_pruning_again_changes_nothing(path: Path) -> None:
    await live_log(path, days=DAYS)
    await prune(path, THREE_DAYS)

    assert await prune(path, THREE_DAYS) == []


async def test_a_trial_says_what_would_be_done_and_does_nothing(path: Path) -> None:
    events = await live_log(path, days=DAYS)

    changes = await prune(path, THREE_DAYS, is_trial=True)

    assert [change.number for change in changes] == [1, 2, 3]
    async with await open_store(path, read_only=True) as store:
        assert await read_events(store, LOG) == events


async def test_after_years_orders_go_too_and_the_log_goes_on(path: Path) -> None:
    events = await live_log(path, days=DAYS)
    await prune(path, THREE_DAYS)
    years = RetentionConfig(
        market_data_days=1, records_years=3 / 365.25, needs_backup=False, needs_snapshot=False
    )

    changes = await prune(path, years)

    assert [(change.number, change.what) for change in changes] == [
        (1, "logs removed"), (2, "logs removed"), (3, "logs removed"),
        (4, "market data removed"), (5, "market data removed"),
    ]  # fmt: skip
    async with await SegmentedEventStore.open(path) as store:
        with pytest.raises(StreamMissing, match="from seq 8 on"):
            await read_events(store, LOG, RECORDS)
        later = Selection(from_seq=22, types=RECORDS.types)
        assert await read_events(store, LOG, later) == records_of(events[21:])
        await store.append(LOG, [quote(NOW)], expected_seq=DAYS * EVENTS_OF_A_DAY)
        await check_intact(store)


async def test_an_archived_segment_is_pruned_too(path: Path) -> None:
    events = await live_log(path, days=DAYS)
    async with await SegmentedEventStore.open(path) as store:
        await archive_segment(store, 1, now_ts=NOW)

    await prune(path, THREE_DAYS)

    assert files_of(path, 1) == ["000001.kept.db"]
    async with await open_store(path, read_only=True) as store:
        assert await read_events(store, LOG, RECORDS) == records_of(events)
        await check_intact(store)


async def test_nothing_is_pruned_before_a_backup_holds_it(path: Path) -> None:
    await live_log(path, days=DAYS)
    careful = RetentionConfig(market_data_days=3, needs_snapshot=False)

    refused = await prune(path, careful)
    pretend_backup(path, 2)
    changes = await prune(path, careful)

    assert [(change.number, change.refusal) for change in refused] == [
        (1, "no backup holds it: onetape backup PATH")
    ]
    assert [(change.number, bool(change.refusal)) for change in changes] == [
        (1, False),
        (2, False),
        (3, True),
    ]


async def test_nothing_is_pruned_after_the_newest_snapshot(path: Path) -> None:
    await live_log(path, days=DAYS)
    careful = RetentionConfig(market_data_days=3, needs_backup=False)

    refused = await prune(path, careful)
    async with await SegmentedEventStore.open(path) as store:
        await save_snapshot(store)
    changes = await prune(path, careful)

    assert "no snapshot of 'log'" in refused[0].refusal
    assert [change.refusal for change in changes] == ["", "", ""]


async def test_nothing_is_pruned_that_a_strategy_in_a_process_of_its_own_needs(path: Path) -> None:
    await live_log(path, days=DAYS)
    careful = RetentionConfig(market_data_days=3, needs_backup=False)
    async with await SegmentedEventStore.open(path) as store:
        await save_snapshot(store)
        await save_snapshot(store, seq=EVENTS_OF_A_DAY + 1, follower="worker-a")
        folder = store.folder.snapshots / "worker-a"

        done, refused = await prune_segments(store, careful, now_ts=NOW)
        gone = await prune_segments(store, careful, now_ts=NOW, followers=[folder.with_name("worker-b")])
        rest = await prune_segments(store, careful, now_ts=NOW, followers=[])

    assert (done.number, done.refusal) == (1, "")
    assert refused.number == 2
    assert f"{folder} has no snapshot of 'log' after it" in refused.refusal
    assert "worker-b has no snapshot" in gone[0].refusal
    assert [(change.number, change.refusal) for change in rest] == [(2, ""), (3, "")]


async def test_kept_events_that_were_changed_are_damage(path: Path) -> None:
    await live_log(path, days=DAYS)
    await prune(path, THREE_DAYS)
    (path / "segments" / "000002.kept.db").unlink()

    async with await open_store(path, read_only=True) as store:
        damage = await store.verify(LOG)
        assert damage is not None
        assert (damage.first_bad_seq, damage.reason) == (EVENTS_OF_A_DAY + 1, "segment 2 is missing")
        assert "000002.kept.db is missing" in (await store.integrity() or "")


async def test_a_crash_before_the_segment_is_deleted_is_finished_by_the_next_open(path: Path) -> None:
    await live_log(path, days=DAYS)
    sealed = (path / "segments" / "000001.db").read_bytes()
    await prune(path, THREE_DAYS)
    kept = path / "segments" / "000001.kept.db"
    kept.rename(path / "segments" / "000001.new.kept.db")
    (path / "segments" / "000001.db").write_bytes(sealed)

    async with await SegmentedEventStore.open(path) as store:
        await check_intact(store)

    assert files_of(path, 1) == ["000001.kept.db"]


async def test_what_was_done_is_on_record(path: Path) -> None:
    await live_log(path, days=DAYS)
    await prune(path, THREE_DAYS)

    async with await open_store(path, read_only=True) as store:
        pruned = (await read_record(store)).of(2).pruned

    assert pruned is not None
    (kept,) = pruned.kept
    assert (kept.stream, kept.first_seq, kept.last_seq, kept.event_count) == (LOG, 8, 14, RECORDS_OF_A_DAY)
    assert pruned.reason == "market data are kept for less time"


def test_market_data_are_not_kept_longer_than_orders() -> None:
    with pytest.raises(ValueError, match="market_data_days"):
        RetentionConfig(market_data_days=None, records_years=1)
