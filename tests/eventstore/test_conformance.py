"""What every event store promises. Runs on each of ``samples.STORES``."""

import asyncio
from contextlib import aclosing

import msgspec
import pytest

from eventstore import EventStore, Selection, StreamHead, encode_events
from eventstore.encoding import BLOCK_EVENTS
from kernel.errors import AppendConflict, StoreError, StreamMissing
from kernel.events import Event, OrderIntent, Quote, TimerFired, Trade
from tests.eventstore.samples import (
    collected,
    flattened,
    intent,
    quote,
    quotes,
    read_all,
    read_events,
    timer,
    trade,
)

# --- append ---------------------------------------------------------------------------------------


async def test_appended_events_read_back_with_seqs_from_one(store: EventStore) -> None:
    events = quotes(3)

    await store.append("s", events, expected_seq=0)

    assert await read_all(store, "s") == [(1, 0, events[0]), (2, 0, events[1]), (3, 0, events[2])]


async def test_append_returns_the_head(store: EventStore) -> None:
    first = await store.append("s", quotes(3), expected_seq=0)
    second = await store.append("s", quotes(2, first_ts=7), expected_seq=3)

    assert (first.stream, first.seq, first.ts) == ("s", 3, 3)
    assert (second.seq, second.ts) == (5, 8)
    assert second == await store.head("s")
    assert second.block_hash != first.block_hash


async def test_an_unknown_stream_has_an_empty_head(store: EventStore) -> None:
    assert await store.head("nobody") == StreamHead(stream="nobody")


@pytest.mark.parametrize("expected_seq", [0, 2, 4, -1])
async def test_append_elsewhere_than_at_the_end_conflicts(store: EventStore, expected_seq: int) -> None:
    await store.append("s", quotes(3), expected_seq=0)

    with pytest.raises(AppendConflict) as caught:
        await store.append("s", quotes(1, first_ts=9), expected_seq=expected_seq)

    assert (caught.value.expected_seq, caught.value.actual_seq) == (expected_seq, 3)
    assert (await store.head("s")).seq == 3


async def test_a_retry_of_an_acknowledged_append_conflicts(store: EventStore) -> None:
    await store.append("s", quotes(3), expected_seq=0)

    with pytest.raises(AppendConflict):
        await store.append("s", quotes(3), expected_seq=0)

    assert len(await read_events(store, "s")) == 3


async def test_events_encoded_before_are_appended_as_they_are(store: EventStore) -> None:
    events, causes = quotes(3), [0, 1, 1]

    head = await store.append("s", encode_events("s", events, causes=causes), expected_seq=0)

    assert head == await store.head("s")
    assert await read_all(store, "s") == [(1, 0, events[0]), (2, 1, events[1]), (3, 1, events[2])]


async def test_the_hash_of_a_block_stands_for_everything_up_to_it(store: EventStore) -> None:
    first = await store.append("s", quotes(3), expected_seq=0)
    second = await store.append("s", quotes(2, first_ts=9), expected_seq=3)

    hashes = [await store.block_hash("s", seq) for seq in (1, 3, 4, 5)]

    assert hashes == [first.block_hash, first.block_hash, second.block_hash, second.block_hash]
    with pytest.raises(StreamMissing, match="holds no event 6"):
        await store.block_hash("s", 6)


async def test_ts_may_repeat_but_not_decrease(store: EventStore) -> None:
    await store.append("s", [quote(5), quote(5)], expected_seq=0)
    await store.append("s", [quote(5)], expected_seq=2)

    with pytest.raises(StoreError, match="ts would decrease from 5 at seq 3 to 4"):
        await store.append("s", [quote(4)], expected_seq=3)

    assert (await store.head("s")).seq == 3


async def test_a_refused_append_leaves_nothing_of_itself(store: EventStore) -> None:
    with pytest.raises(StoreError):
        await store.append("s", [*quotes(5000), quote(1)], expected_seq=0)

    assert (await store.head("s")).seq == 0
    assert await store.streams() == ()


@pytest.mark.parametrize("place", [0, 300, 599, 5000])
async def test_one_malformed_event_refuses_an_append_of_any_size(store: EventStore, place: int) -> None:
    """Acknowledged, it would make the stream unreadable from there on, for ever."""
    events = quotes(place + 600)
    events[place] = msgspec.structs.replace(events[place], bid="101.5")

    with pytest.raises(StoreError, match="Expected `float`, got `str`"):
        await store.append("s", events, expected_seq=0)

    assert (await store.head("s")).seq == 0
    assert (await store.append("s", quotes(600), expected_seq=0)).seq == 600
    assert await store.verify("s") is None


async def test_events_before_1970_are_taken(store: EventStore) -> None:
    await store.append("s", [quote(-5)], expected_seq=0)

    assert (await store.head("s")).ts == -5


async def test_appending_nothing_checks_the_end_and_changes_nothing(store: EventStore) -> None:
    head = await store.append("s", quotes(2), expected_seq=0)

    assert await store.append("s", [], expected_seq=2) == head
    with pytest.raises(AppendConflict):
        await store.append("s", [], expected_seq=1)
    assert await store.append("other", [], expected_seq=0) == StreamHead(stream="other")
    assert [info.stream for info in await store.streams()] == ["s"]


async def test_a_large_append_reads_back_whole_in_blocks(store: EventStore) -> None:
    events = quotes(2 * BLOCK_EVENTS + 10)

    await store.append("s", events, expected_seq=0)

    batches = await collected(store.read("s"))
    assert [len(batch.events) for batch in batches] == [BLOCK_EVENTS, BLOCK_EVENTS, 10]
    assert [event for _seq, _cause, event in flattened(batches)] == events


async def test_causes_are_kept_beside_the_events(store: EventStore) -> None:
    await store.append("s", quotes(3), expected_seq=0, causes=[-1, 1, 1])
    await store.append("s", quotes(1, first_ts=9), expected_seq=3)

    assert [cause for _seq, cause, _event in await read_all(store, "s")] == [-1, 1, 1, 0]


async def test_all_inputs_read_back_without_causes(store: EventStore) -> None:
    await store.append("s", quotes(3), expected_seq=0, causes=[0, 0, 0])

    assert [batch.causes for batch in await collected(store.read("s"))] == [None]


async def test_streams_do_not_touch_each_other(store: EventStore) -> None:
    await store.append("a", quotes(3), expected_seq=0)
    await store.append("b", quotes(2, first_ts=100), expected_seq=0)
    await store.append("a", quotes(1, first_ts=50), expected_seq=3)

    assert [(info.stream, info.last_seq) for info in await store.streams()] == [("a", 4), ("b", 2)]
    assert [seq for seq, _cause, _event in await read_all(store, "b")] == [1, 2]


async def test_chained_appends_in_flight_all_succeed_in_order(store: EventStore) -> None:
    chain = [store.append("s", quotes(2, first_ts=10 * place), expected_seq=2 * place) for place in range(50)]

    heads = await asyncio.gather(*chain)

    assert [head.seq for head in heads] == list(range(2, 102, 2))
    assert len(await read_events(store, "s")) == 100
    assert await store.verify("s") is None


async def test_each_head_of_chained_appends_names_the_block_that_holds_it(store: EventStore) -> None:
    chain = [store.append("s", quotes(2, first_ts=10 * place), expected_seq=2 * place) for place in range(9)]

    heads = await asyncio.gather(*chain)

    assert heads[-1] == await store.head("s")
    assert [head.ts for head in heads] == [10 * place + 1 for place in range(9)]


async def test_a_conflicting_append_in_flight_fails_alone(store: EventStore) -> None:
    outcomes = await asyncio.gather(
        store.append("s", quotes(2), expected_seq=0),
        store.append("s", quotes(2), expected_seq=0),
        store.append("t", quotes(1), expected_seq=0),
        store.append("s", quotes(2, first_ts=9), expected_seq=2),
        store.append("s", quotes(2, first_ts=1), expected_seq=4),
        return_exceptions=True,
    )

    seqs = [outcome.seq if isinstance(outcome, StreamHead) else type(outcome) for outcome in outcomes]
    assert seqs == [2, AppendConflict, 1, 4, StoreError]


async def test_of_writers_at_the_same_end_one_wins(store: EventStore) -> None:
    outcomes = await asyncio.gather(
        *(store.append("s", [quote(1, bid=float(writer))], expected_seq=0) for writer in range(10)),
        return_exceptions=True,
    )

    assert sum(isinstance(outcome, StreamHead) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, AppendConflict) for outcome in outcomes) == 9
    assert (await store.head("s")).seq == 1


async def test_a_cancelled_append_happens_or_not_and_the_store_goes_on(store: EventStore) -> None:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(ignore_outcome(store, quotes(2)), name="append")
        await asyncio.sleep(0)
        task.cancel()
    seq = (await store.append("marker", quotes(1), expected_seq=0)).seq

    head = await store.head("s")

    assert seq == 1
    assert head.seq in (0, 2)
    assert (await store.append("s", quotes(1, first_ts=99), expected_seq=head.seq)).seq == head.seq + 1


async def ignore_outcome(store: EventStore, events: list[Event]) -> None:
    await store.append("s", events, expected_seq=0)


async def test_events_changed_by_the_caller_afterwards_stay_as_they_were(store: EventStore) -> None:
    events = quotes(3)
    task = asyncio.ensure_future(store.append("s", events, expected_seq=0))
    await asyncio.sleep(0)
    events.clear()

    await task

    assert len(await read_events(store, "s")) == 3


# --- read -----------------------------------------------------------------------------------------


async def test_reading_a_missing_stream_says_so(store: EventStore) -> None:
    with pytest.raises(StreamMissing, match="nobody"):
        await collected(store.read("nobody"))
    with pytest.raises(StreamMissing):
        await store.verify("nobody")


async def fill_mixed(store: EventStore) -> list[Event]:
    """40 events in 20 blocks: ts 0, 0, 1, 1 ...; quotes, trades, intents and timers of A and B."""
    events: list[Event] = []
    for ts in range(0, 20, 2):
        events += [quote(ts, "A"), trade(ts, "B"), intent(ts + 1, "A"), timer(ts + 1)]
    for start in range(0, 40, 2):
        await store.append("s", events[start : start + 2], expected_seq=start, causes=[start, 0])
    return events


async def test_selection_by_seq_is_inclusive(store: EventStore) -> None:
    await fill_mixed(store)

    found = await read_all(store, "s", Selection(from_seq=4, to_seq=7))

    assert [(seq, cause) for seq, cause, _event in found] == [(4, 0), (5, 4), (6, 0), (7, 6)]


async def test_selection_by_time_is_inclusive(store: EventStore) -> None:
    await fill_mixed(store)

    found = await read_all(store, "s", Selection(from_ts=3, to_ts=4))

    assert [(seq, event.ts) for seq, _cause, event in found] == [(7, 3), (8, 3), (9, 4), (10, 4)]


async def test_selection_by_time_outside_the_stream_is_empty(store: EventStore) -> None:
    await fill_mixed(store)

    assert await read_all(store, "s", Selection(from_ts=20)) == []
    assert await read_all(store, "s", Selection(to_ts=-1)) == []
    assert await read_all(store, "s", Selection(from_seq=41)) == []


async def test_selection_by_symbol_finds_orders_and_never_events_without_a_symbol(store: EventStore) -> None:
    await fill_mixed(store)

    of_a = await read_events(store, "s", Selection(symbols=frozenset({"A"})))
    of_none = await read_events(store, "s", Selection(symbols=frozenset({"", "C"})))

    assert {type(event) for event in of_a} == {Quote, OrderIntent}
    assert len(of_a) == 20
    assert of_none == []


async def test_selection_by_type(store: EventStore) -> None:
    await fill_mixed(store)

    found = await read_all(store, "s", Selection(types=frozenset({Trade, TimerFired})))

    assert [seq for seq, _cause, _event in found] == list(range(2, 41, 2))


async def test_selection_of_everything_named_keeps_whole_batches(store: EventStore) -> None:
    await store.append("s", quotes(100), expected_seq=0)

    found = await collected(
        store.read("s", Selection(symbols=frozenset({"AAPL", "X"}), types=frozenset({Quote, Trade})))
    )

    assert [batch.seqs for batch in found] == [range(1, 101)]


async def test_many_symbols_in_a_block_are_still_filtered_exactly(store: EventStore) -> None:
    events: list[Event] = [quote(place, f"S{place}") for place in range(100)]
    await store.append("s", events, expected_seq=0)

    assert await read_events(store, "s", Selection(symbols=frozenset({"S7"}))) == [events[7]]


async def test_a_read_sees_what_was_there_when_it_began(store: EventStore) -> None:
    await store.append("s", quotes(10), expected_seq=0)

    seen: list[int] = []
    async with aclosing(store.read("s")) as batches:
        async for batch in batches:
            seen.extend(batch.seqs)
            await store.append("s", quotes(10, first_ts=100), expected_seq=10)

    assert seen == list(range(1, 11))


async def test_a_reader_that_stops_early_leaves_nothing_behind(store: EventStore) -> None:
    await store.append("s", quotes(BLOCK_EVENTS * 12), expected_seq=0)

    async with aclosing(store.read("s")) as batches:
        first = await anext(batches)

    assert first.seqs[0] == 1
    assert "eventstore read ahead" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_readers_at_the_same_time_do_not_disturb_each_other(store: EventStore) -> None:
    events = quotes(BLOCK_EVENTS * 10)
    await store.append("s", events, expected_seq=0)

    found = await asyncio.gather(*(read_events(store, "s") for _ in range(4)))

    assert all(each == events for each in found)


# --- follow ---------------------------------------------------------------------------------------


async def test_follow_reads_what_is_there_then_what_comes(store: EventStore) -> None:
    await store.append("s", quotes(3), expected_seq=0)

    async with aclosing(store.follow("s")) as batches:
        seen = list((await anext(batches)).seqs)
        for seq in range(3, 8):
            await store.append("s", quotes(1, first_ts=seq + 1), expected_seq=seq)
            seen += (await anext(batches)).seqs

    assert seen == list(range(1, 9))


async def test_follow_waits_for_a_stream_that_does_not_exist_yet(store: EventStore) -> None:
    async with asyncio.TaskGroup() as group:
        following = group.create_task(collected(store.follow("s", Selection(to_seq=4))), name="follow")
        await asyncio.sleep(0)
        await store.append("s", quotes(2), expected_seq=0)
        await store.append("s", quotes(2, first_ts=5), expected_seq=2)

    assert [seq for seq, _cause, _event in flattened(following.result())] == [1, 2, 3, 4]


async def test_follow_has_no_gap_or_repeat_while_appends_go_on(store: EventStore) -> None:
    count = 100

    async with asyncio.TaskGroup() as group:
        followers = [
            group.create_task(collected(store.follow("s", Selection(from_seq=start, to_seq=count))), name="f")
            for start in (1, 1, 57)
        ]
        for seq in range(count):
            await store.append("s", quotes(1, first_ts=seq), expected_seq=seq)

    seqs = [[seq for seq, _cause, _event in flattened(each.result())] for each in followers]
    assert seqs == [list(range(1, 101)), list(range(1, 101)), list(range(57, 101))]


async def test_follow_ends_once_nothing_later_can_match(store: EventStore) -> None:
    await store.append("s", quotes(5), expected_seq=0)

    found = flattened(await collected(store.follow("s", Selection(to_ts=4))))

    assert [seq for seq, _cause, _event in found] == [1, 2, 3, 4]


async def test_follow_skips_what_the_selection_leaves_out(store: EventStore) -> None:
    selection = Selection(types=frozenset({Trade}), from_ts=2, to_seq=6)
    await store.append("s", [trade(1), quote(2)], expected_seq=0)

    async with asyncio.TaskGroup() as group:
        following = group.create_task(collected(store.follow("s", selection)), name="follow")
        await store.append("s", [quote(3), trade(3)], expected_seq=2)
        await store.append("s", [quote(3), trade(4)], expected_seq=4)

    assert [seq for seq, _cause, _event in flattened(following.result())] == [4, 6]


async def test_a_follower_of_a_closed_store_ends_with_an_error(store: EventStore) -> None:
    async with aclosing(store.follow("s")) as batches:
        waiting = asyncio.ensure_future(anext(batches))
        await asyncio.sleep(0)

        await store.close()

        with pytest.raises(StoreError, match="closed"):
            await waiting


# --- the rest -------------------------------------------------------------------------------------


async def test_verify_finds_nothing_in_a_sound_stream(store: EventStore) -> None:
    await fill_mixed(store)

    assert await store.verify("s") is None


async def test_streams_are_described(store: EventStore) -> None:
    await fill_mixed(store)

    (info,) = await store.streams()

    assert (info.stream, info.last_seq, info.first_ts, info.last_ts) == ("s", 40, 0, 19)
    assert info.symbols == ("A", "B")
    assert info.event_types == ("OrderIntent", "Quote", "TimerFired", "Trade")
    assert info.block_count == 20
    assert info.payload_bytes > 0
    assert info.head_hash == (await store.head("s")).block_hash.hex()


async def test_a_checkpoint_is_kept_and_never_moves_backwards(store: EventStore) -> None:
    assert await store.checkpoint("portfolio") == 0

    await store.save_checkpoint("portfolio", 7)
    await store.save_checkpoint("portfolio", 5)

    assert await store.checkpoint("portfolio") == 7
    assert await store.checkpoint("risk") == 0


@pytest.mark.parametrize(("subscriber", "seq"), [("", 1), ("x", -1), ("x", 1.5), ("x", True), ("x", 1 << 63)])
async def test_a_checkpoint_that_makes_no_sense_is_refused(
    store: EventStore, subscriber: str, seq: int
) -> None:
    with pytest.raises(StoreError):
        await store.save_checkpoint(subscriber, seq)


async def test_a_closed_store_refuses_everything_and_closes_again(store: EventStore) -> None:
    await store.append("s", quotes(1), expected_seq=0)

    await store.close()
    await store.close()

    with pytest.raises(StoreError, match="closed"):
        await store.append("s", quotes(1), expected_seq=1)
    with pytest.raises(StoreError, match="closed"):
        await store.head("s")
    with pytest.raises(StoreError, match="closed"):
        await collected(store.read("s"))
    with pytest.raises(StoreError, match="closed"):
        await store.streams()
    with pytest.raises(StoreError, match="closed"):
        await store.checkpoint("x")
    with pytest.raises(StoreError, match="closed"):
        await store.save_checkpoint("x", 1)
