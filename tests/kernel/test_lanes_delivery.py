"""Delivery at least once: checkpoints, attempts, and failures that go on record."""

import asyncio

import pytest

from kernel.clock import VirtualClock
from kernel.edge import Delivery
from kernel.errors import StoreError
from kernel.events import ComponentFailed, Event, Trade
from tests.kernel.listeners import quote
from tests.kernel.live import (
    Delivered,
    Edge,
    Gate,
    gate_for,
    idle,
    lanes_of,
    memory_tape,
    quotes,
    trade,
    until,
)

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
        delivered.lanes.mark_done(1)
        between = delivered.lanes.handled_seq
        delivered.lanes.mark_done(2)

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


class Unspeakable(Exception):
    """Has no text."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize("error", [SystemExit(0), Unspeakable()], ids=type)
async def test_whatever_a_subscriber_raises_is_reported_in_words(error: BaseException) -> None:
    async def give_up(_seq: int, _event: Event) -> None:
        raise error

    async with lanes_of(Edge(act=give_up), delivery=Delivery(attempts=1)) as delivered:
        await delivered.release([quote(1)])
        await delivered.lanes.drain()

    [(_, failed)] = delivered.failures
    assert failed.error.startswith(f"{type(error).__name__}: ")
    assert failed.where.startswith("give_up:")


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
