"""What was dropped for a slow edge, and how long producers waited, is on the tape, once in an interval."""

import asyncio
from collections.abc import Sequence

from kernel.clock import VirtualClock
from kernel.edge import Overflow
from kernel.engine import CoreEngine, EngineConfig
from kernel.events import Event, EventsConflated, InboxOverloaded
from kernel.time_units import SECOND_NS
from tests.kernel.listeners import quote
from tests.kernel.live import Edge, Gate, UnreliableTape, engine_over, idle, rows_of, running

CROWDED = EngineConfig(inbox_capacity=1, batch_limit=1, overload_ms=0.0)


def slow(gate: Gate) -> Edge:
    return Edge("screen", act=gate, overflow=Overflow.CONFLATE, lane_capacity=1)


async def post(engine: CoreEngine, *stamps: int) -> None:
    for ts in stamps:
        await engine.post(quote(ts))
    await idle()


async def told(tape: UnreliableTape, *kinds: type[Event]) -> Sequence[Event]:
    return [event for _, cause, event in await rows_of(tape) if isinstance(event, kinds) and cause < 0]


async def test_conflated_events_are_on_record_once_in_an_interval_with_their_number() -> None:
    tape, gate, clock = UnreliableTape(), Gate(), VirtualClock(1_000)
    engine = engine_over(tape, slow(gate), clock=clock, config=EngineConfig(pressure_every_s=10.0))
    async with running(engine):
        await post(engine, *range(1, 5))
        await post(engine, *range(5, 8))
        early = await told(tape, EventsConflated)
        clock.advance(to_ts=1_000 + 10 * SECOND_NS)
        await idle()
        later = await told(tape, EventsConflated)
        gate.open()

    first, second = [event for event in later if isinstance(event, EventsConflated)]
    assert early == [first]
    assert (first.ts, second.ts) == (1_000, 1_000 + 10 * SECOND_NS)
    assert first.count + second.count == engine.lanes["screen"].conflated == 5


async def test_rest_is_on_record_before_the_end() -> None:
    tape, gate = UnreliableTape(), Gate()
    engine = engine_over(tape, slow(gate), clock=VirtualClock(1_000))
    async with running(engine):
        await post(engine, *range(1, 5))
        await post(engine, *range(5, 8))
        engine.stop()
        gate.open()

    counts = [
        event.count for event in await told(tape, EventsConflated) if isinstance(event, EventsConflated)
    ]
    assert sum(counts) == engine.lanes["screen"].conflated == 5


async def test_waiting_producers_are_on_record_with_their_waits() -> None:
    tape = UnreliableTape()
    engine = engine_over(tape, clock=VirtualClock(1_000), config=CROWDED)
    async with running(engine), asyncio.TaskGroup() as producers:
        tape.may_append.clear()
        for ts in range(1, 5):
            producers.create_task(engine.post(quote(ts)))
        await tape.is_appending.wait()
        await idle()
        tape.may_append.set()

    overloads = await told(tape, InboxOverloaded)
    assert overloads
    first = overloads[0]
    assert isinstance(first, InboxOverloaded)
    assert first.waits >= 1
    assert first.waited_ns >= first.longest_ns > 0


async def test_short_waits_are_no_overload() -> None:
    tape = UnreliableTape()
    engine = engine_over(tape, config=EngineConfig(inbox_capacity=1, batch_limit=1))
    async with running(engine):
        await post(engine, *range(1, 20))

    assert await told(tape, InboxOverloaded, EventsConflated) == []
