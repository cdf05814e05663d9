"""Lanes: order within a symbol, independence of symbols, and what a full lane does."""

import asyncio
from decimal import Decimal

import pytest

from kernel.clock import VirtualClock
from kernel.edge import Delivery, Overflow
from kernel.errors import StoreError
from kernel.events import (
    ApprovedOrder,
    Bar,
    CancelSubmitted,
    ComponentFailed,
    Event,
    HaltTrading,
    OrderSubmitted,
    OrderType,
    Quote,
    Side,
    Trade,
)
from kernel.identifiers import ClientOrderId, StrategyId
from tests.kernel.listeners import bar, quote
from tests.kernel.live import Delivered, Edge, Gate, gate_for, idle, lanes_of, memory_tape, trade, until

MARKET = (Quote, Trade, Bar)


def quotes(first_ts: int, last_ts: int, symbol: str = "A") -> list[Event]:
    return [quote(ts, symbol) for ts in range(first_ts, last_ts + 1)]


# --- order ----------------------------------------------------------------------------------------


async def test_events_of_a_symbol_are_handled_in_order() -> None:
    async def dawdle(seq: int, _event: Event) -> None:
        for _ in range(seq * 7 % 5):
            await asyncio.sleep(0)

    edge = Edge(event_types=MARKET, act=dawdle)
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1), trade(1), bar(2), quote(3), trade(3)])
        await delivered.release([quote(4), quote(5)])
        await delivered.lanes.drain()

    assert edge.seqs == [1, 2, 3, 4, 5, 6, 7]


async def test_a_slow_symbol_does_not_hold_up_another() -> None:
    edge = Edge(act=gate_for("SLOW", Gate()))
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1, "SLOW"), quote(2, "FAST"), quote(3, "SLOW"), quote(4, "FAST")])
        await until(lambda: edge.seqs == [2, 4])

    assert [seq for seq, _ in edge.begun] == [1, 2, 4]


async def test_a_cancellation_waits_behind_the_order_it_cancels() -> None:
    client_order_id, strategy = ClientOrderId("c-1"), StrategyId("s")
    order = ApprovedOrder(client_order_id, strategy, "A", Side.BUY, OrderType.MARKET, Decimal(1))
    cancel = CancelSubmitted(2, client_order_id, strategy, "A")
    gate = Gate()
    edge = Edge(event_types=(OrderSubmitted, CancelSubmitted), act=gate)
    async with lanes_of(edge) as delivered:
        await delivered.release([OrderSubmitted(1, order), cancel])
        await idle()

        assert [seq for seq, _ in edge.begun] == [1]


async def test_events_without_a_symbol_are_handled_in_order() -> None:
    edge = Edge(event_types=(HaltTrading,))
    async with lanes_of(edge) as delivered:
        await delivered.release([HaltTrading(ts, "me") for ts in (1, 2, 3)])
        await delivered.lanes.drain()

    assert edge.seqs == [1, 2, 3]


async def test_an_edge_gets_only_the_types_it_asked_for() -> None:
    edge = Edge(event_types=(Trade,))
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1), trade(2), quote(3)])
        await delivered.release([quote(4)])
        await delivered.lanes.drain()

    assert edge.handled == [(2, trade(2))]


# --- a full lane ----------------------------------------------------------------------------------


async def test_a_full_blocking_lane_holds_up_the_producer() -> None:
    gate = Gate()
    edge = Edge(act=gate, lane_capacity=2)
    async with lanes_of(edge) as delivered, asyncio.TaskGroup() as group:
        release = group.create_task(delivered.release(quotes(1, 9)))
        await idle()
        was_held_up = not release.done()
        depth = delivered.lanes.depth
        gate.open()
        await release
        await delivered.lanes.drain()

    assert was_held_up
    assert depth == 2
    assert edge.seqs == list(range(1, 10))


async def test_no_more_than_the_capacity_ever_waits_in_a_blocking_lane() -> None:
    edge = Edge(lane_capacity=3)
    async with lanes_of(edge) as delivered:
        for first_ts in range(1, 100, 10):
            await delivered.release(quotes(first_ts, first_ts + 9))
        await delivered.lanes.drain()

    assert delivered.lanes.peak == 3
    assert edge.seqs == list(range(1, 101))


async def test_the_latest_quote_wins_in_a_full_conflating_lane() -> None:
    gate = Gate()
    edge = Edge(act=gate, overflow=Overflow.CONFLATE, lane_capacity=1)
    async with lanes_of(edge) as delivered:
        await delivered.release([quote(1)])
        await idle()
        await delivered.release([quote(2), quote(2, "B"), quote(3), quote(4)])
        gate.open()
        await delivered.lanes.drain()

    assert [seq for seq, event in edge.handled if event == quote(event.ts, "A")] == [1, 5]
    assert delivered.lanes.conflated == 2
    assert delivered.lanes.peak == 1
    assert delivered.lanes.handled_seq == 5


async def test_a_quote_does_not_replace_an_event_of_another_type() -> None:
    gate = Gate()
    edge = Edge(event_types=MARKET, act=gate, overflow=Overflow.CONFLATE, lane_capacity=3)
    async with lanes_of(edge) as delivered:
        await delivered.release([trade(1)])
        await idle()
        await delivered.release([trade(2), quote(3), trade(4), quote(5), quote(6)])
        gate.open()
        await delivered.lanes.drain()

    assert [event for _, event in edge.handled] == [trade(1), trade(2), trade(4), quote(6)]


async def test_what_cannot_be_conflated_waits_for_room() -> None:
    gate = Gate()
    edge = Edge(event_types=MARKET, act=gate, overflow=Overflow.CONFLATE, lane_capacity=2)
    async with lanes_of(edge) as delivered, asyncio.TaskGroup() as group:
        group.create_task(delivered.release([trade(ts) for ts in range(1, 8)]))
        await idle()
        depth = delivered.lanes.depth
        gate.open()
        await until(lambda: len(edge.handled) == 7)

    assert depth == 2
    assert edge.seqs == list(range(1, 8))
    assert delivered.lanes.conflated == 0


async def test_a_full_catch_up_lane_does_not_hold_up_the_producer() -> None:
    edge = Edge(act=Gate(), overflow=Overflow.CATCH_UP, lane_capacity=2)
    async with lanes_of(edge) as delivered:
        await delivered.release(quotes(1, 50))
        await delivered.release(quotes(51, 99))

        assert delivered.lanes.is_behind
        assert delivered.lanes.depth <= 2


async def test_a_subscriber_that_fell_behind_rejoins_without_gap_or_repeat() -> None:
    gate = Gate()
    edge = Edge(act=gate, overflow=Overflow.CATCH_UP, lane_capacity=2)
    async with lanes_of(edge) as delivered:
        await delivered.release(quotes(1, 50))
        gate.open()
        await delivered.lanes.drain()
        was_level = not delivered.lanes.is_behind
        await delivered.release(quotes(51, 52))
        await delivered.lanes.drain()

    assert was_level
    assert edge.seqs == list(range(1, 53))


async def test_what_was_read_from_the_tape_before_its_release_is_not_repeated() -> None:
    """The tape holds an append before its release has reached every subscriber."""
    gate = Gate()
    edge = Edge(act=gate, overflow=Overflow.CATCH_UP, lane_capacity=2)
    async with lanes_of(edge) as delivered:
        await delivered.release(quotes(1, 9))
        first_seq = await delivered.append(quotes(10, 15))
        gate.open()
        await delivered.lanes.drain()
        read_ahead = list(edge.seqs)
        await delivered.lanes.release(first_seq, quotes(10, 15), types=frozenset({Quote}))
        await delivered.release(quotes(16, 17))
        await delivered.lanes.drain()

    assert read_ahead[-1] == 15
    assert edge.seqs == list(range(1, 18))


# --- checkpoints ----------------------------------------------------------------------------------


async def test_a_new_subscriber_begins_at_the_beginning_of_the_tape() -> None:
    tape = memory_tape()
    await tape.append([quote(1), trade(2), quote(3)], expected_seq=0)
    edge = Edge()

    async with lanes_of(edge, tape=tape) as delivered:
        await delivered.lanes.drain()

    assert edge.seqs == [1, 3]


async def test_a_subscriber_begins_behind_its_checkpoint() -> None:
    tape = memory_tape()
    await tape.append(quotes(1, 5), expected_seq=0)
    await tape.save_checkpoint("edge", 3)
    edge = Edge()

    async with lanes_of(edge, tape=tape) as delivered:
        await delivered.release(quotes(6, 7))
        await delivered.lanes.drain()

    assert edge.seqs == [4, 5, 6, 7]


async def test_a_checkpoint_beyond_the_end_of_the_tape_is_refused() -> None:
    tape = memory_tape()
    await tape.append(quotes(1, 5), expected_seq=0)
    await tape.save_checkpoint("edge", 6)

    with pytest.raises(ExceptionGroup) as caught:
        async with lanes_of(Edge(), tape=tape):
            pass

    assert caught.group_contains(StoreError, match="has handled seq 6, but the tape ends at 5")


async def test_the_checkpoint_does_not_pass_an_event_that_is_not_handled() -> None:
    tape, gate = memory_tape(), Gate()
    edge = Edge(act=gate_for("SLOW", gate))
    async with lanes_of(edge, tape=tape, delivery=Delivery(checkpoint_every=1)) as delivered:
        await delivered.release([quote(1), quote(2, "SLOW"), *quotes(3, 9)])
        await until(lambda: len(edge.handled) == 8)
        saved_while_waiting = await tape.checkpoint("edge")
        gate.open()
        await delivered.lanes.drain()

    assert saved_while_waiting == 1
    assert await tape.checkpoint("edge") == 9


async def test_the_checkpoint_of_a_subscriber_that_is_behind_stays_behind() -> None:
    tape, gate = memory_tape(), Gate()
    await tape.append(quotes(1, 20), expected_seq=0)
    edge = Edge(act=gate, lane_capacity=2)
    async with lanes_of(edge, tape=tape) as delivered:
        await delivered.release(quotes(21, 30))
        gate.permit()
        await until(lambda: edge.seqs == [1])
        await idle()
        await delivered.lanes.save_checkpoint()

    assert await tape.checkpoint("edge") == 1


async def test_the_checkpoint_is_saved_now_and_then() -> None:
    tape = memory_tape()
    async with lanes_of(Edge(), tape=tape, delivery=Delivery(checkpoint_every=10)) as delivered:
        await delivered.release(quotes(1, 25))
        await delivered.lanes.drain()

    assert await tape.checkpoint("edge") == 20


async def test_the_checkpoint_passes_events_that_the_subscriber_did_not_ask_for() -> None:
    tape = memory_tape()
    async with lanes_of(Edge(event_types=(Trade,)), tape=tape) as delivered:
        await delivered.release(quotes(1, 9))
        await delivered.lanes.save_checkpoint()

    assert await tape.checkpoint("edge") == 9


# --- failures -------------------------------------------------------------------------------------


class Stubborn:
    """An act that raises so many times for each event."""

    def __init__(self, times: int, error: type[BaseException] = RuntimeError) -> None:
        self.calls: list[int] = []
        self._times = times
        self._error = error

    async def __call__(self, seq: int, event: Event) -> None:
        self.calls.append(seq)
        if self.calls.count(seq) <= self._times:
            raise self._error(f"no {type(event).__name__} today")


async def test_an_event_is_tried_again_before_the_next_one() -> None:
    act = Stubborn(2)
    edge = Edge(act=act)
    async with lanes_of(edge) as delivered:
        await delivered.release(quotes(1, 2))
        await delivered.lanes.drain()

    assert act.calls == [1, 1, 1, 2, 2, 2]
    assert edge.seqs == [1, 2]
    assert delivered.failures == []


async def test_an_event_that_fails_every_time_is_reported_and_passed() -> None:
    act = Stubborn(3)
    async with lanes_of(Edge(act=act), clock=VirtualClock(77)) as delivered:
        await delivered.release([quote(1), trade(2), quote(3)])
        await delivered.lanes.drain()

    reason = "RuntimeError: no Quote today"
    (first_seq, first), (second_seq, second) = delivered.failures
    assert (first_seq, second_seq) == (1, 3)
    assert (first.ts, first.component, first.event_type, first.error) == (77, "edge", "Quote", reason)
    assert first.where.startswith("__call__:")
    assert (first.failures, second.failures, delivered.lanes.failures) == (1, 2, 2)


async def test_the_back_off_doubles_and_goes_by_the_clock() -> None:
    clock, act = VirtualClock(), Stubborn(9)
    async with lanes_of(
        Edge(act=act), clock=clock, delivery=Delivery(attempts=3, back_off_s=1.0)
    ) as delivered:
        await delivered.release([quote(1)])
        calls: list[int] = []
        for seconds in (0.999, 1.0, 2.999, 3.0):
            await idle()
            clock.advance(to_ts=int(seconds * 1e9))
            await idle()
            calls.append(len(act.calls))

    assert calls == [1, 2, 2, 3]
    assert len(delivered.failures) == 1


async def test_the_checkpoint_does_not_pass_a_failure_that_is_not_on_record() -> None:
    tape = memory_tape()
    async with lanes_of(Edge(act=Stubborn(3)), tape=tape) as delivered:
        await delivered.release(quotes(1, 2))
        await delivered.lanes.drain()
        before = delivered.lanes.handled_seq
        delivered.lanes.settle(1)
        between = delivered.lanes.handled_seq
        delivered.lanes.settle(2)

    assert (before, between, delivered.lanes.handled_seq) == (0, 1, 2)


async def test_a_failure_to_hear_of_a_failure_is_counted_and_not_reported() -> None:
    """Reported, it would be delivered, fail, and be reported again for ever."""
    edge = Edge(event_types=(ComponentFailed,), act=Stubborn(3))
    async with lanes_of(edge) as delivered:
        await delivered.release([ComponentFailed(1, "other", "Quote", "E: e", 1)])
        await delivered.lanes.drain()

    assert delivered.failures == []
    assert delivered.lanes.failures == 1
    assert delivered.lanes.handled_seq == 1


async def test_a_cancellation_of_something_else_is_a_failure_of_the_subscriber() -> None:
    edge = Edge(act=Stubborn(3, error=asyncio.CancelledError))
    async with lanes_of(edge) as delivered:
        await delivered.release(quotes(1, 2))
        await delivered.lanes.drain()

    assert [seq for seq, _ in delivered.failures] == [1, 2]


async def test_a_subscriber_that_swallows_its_cancellation_ends_all_the_same() -> None:
    async def cling(_seq: int, _event: Event) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            return

    edge = Edge(act=cling)
    async with lanes_of(edge) as delivered:
        await delivered.release(quotes(1, 2))
        await idle()

    assert edge.seqs == [1]


async def test_an_error_in_place_of_a_cancellation_is_no_failure() -> None:
    async def lose_connection(_seq: int, _event: Event) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise ConnectionError from error

    closed: Delivered
    async with lanes_of(Edge(act=lose_connection)) as closed:
        await closed.release(quotes(1, 2))
        await idle()

    assert closed.failures == []
    assert closed.lanes.handled_seq == 0
