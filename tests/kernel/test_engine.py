"""The live engine: what is on the tape, in which order, and who may see it when."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.bus import EventBus
from kernel.clock import VirtualClock
from kernel.engine import EngineConfig
from kernel.errors import ComponentError
from kernel.events import ClockTicked, Event, Quote, SignalRaised, TimerFired, Trade
from kernel.recovery import step
from kernel.time_units import MS_NS
from tests.kernel.listeners import Listener, quote, signal, silent
from tests.kernel.live import (
    Edge,
    Row,
    UnreliableTape,
    answering_bus,
    engine_over,
    idle,
    memory_tape,
    rows_of,
    run_until_stopped,
    running,
    timer_bus,
    trade,
    until,
)


def kinds(rows: Sequence[Row]) -> list[str]:
    return [type(event).__name__ for _, _, event in rows]


# --- the tape -------------------------------------------------------------------------------------


async def test_inputs_and_what_followed_from_each_are_on_the_tape_in_order() -> None:
    tape = memory_tape()
    engine = engine_over(tape, bus=answering_bus())

    await run_until_stopped(engine, [quote(1, price=7.0), trade(2), quote(3, price=8.0)])

    assert await rows_of(tape) == [
        (1, -1, quote(1, price=7.0)),
        (2, 1, signal(1, "7.0")),
        (3, -2, trade(2)),
        (4, -3, quote(3, price=8.0)),
        (5, 3, signal(3, "8.0")),
    ]


async def test_what_arrives_while_an_append_runs_goes_into_the_next_one_together() -> None:
    tape = UnreliableTape()
    tape.may_append.clear()
    engine = engine_over(tape)
    async with running(engine):
        await engine.post(quote(1))
        await tape.is_appending.wait()
        for ts in (2, 3, 4):
            await engine.post(quote(ts))
        tape.may_append.set()

    assert tape.appends == [1, 3]


async def test_a_step_takes_no_more_than_the_batch_limit() -> None:
    tape = UnreliableTape()
    engine = engine_over(tape, config=EngineConfig(batch_limit=2))
    for ts in range(1, 6):
        await engine.post(quote(ts))

    await run_until_stopped(engine)

    assert tape.appends == [2, 2, 1]


async def test_steps_of_a_slow_core_take_fewer_inputs_so_that_a_command_waits_for_a_short_one() -> None:
    """A ms for each quote: the first step is longer than its 20 ms, the others take the least."""
    tape, clock, bus = UnreliableTape(), VirtualClock(1_000), EventBus()

    def be_slow(_: Event) -> None:
        clock.advance(to_ts=clock.now() + MS_NS)

    bus.register(Listener("slow", {Quote: be_slow}))
    engine = engine_over(tape, bus=bus, clock=clock)
    for _ in range(1_000):
        await engine.post(quote(1))
    async with running(engine):
        await until(lambda: engine.steps == 1)
        for _ in range(600):
            await engine.post(quote(1))

    assert tape.appends == [1_000, 256, 256, 88]


async def test_an_input_from_the_past_is_stamped_with_the_present() -> None:
    """Its own time is over, and it is not before now that it is known."""
    tape = memory_tape()

    await run_until_stopped(engine_over(tape), [quote(500), quote(501), quote(3), quote(502)])

    assert [event.ts for _, _, event in await rows_of(tape)] == [500, 501, 1_000, 1_000]


async def test_an_input_from_the_future_is_stamped_with_the_present() -> None:
    tape = memory_tape()

    await run_until_stopped(engine_over(tape, clock=VirtualClock(1_000)), [quote(5_000), quote(900)])

    assert [event.ts for _, _, event in await rows_of(tape)] == [1_000, 1_000]


@given(
    bursts=st.lists(
        st.tuples(
            st.integers(0, 50),
            st.lists(st.tuples(st.integers(-100, 2_000), st.sampled_from("ABC")), max_size=6),
        ),
        max_size=8,
    ),
    batch_limit=st.integers(1, 5),
)
async def test_the_tape_is_gap_free_and_in_order_of_time_with_every_cause_named(
    bursts: list[tuple[int, list[tuple[int, str]]]], batch_limit: int
) -> None:
    tape, clock, edge = memory_tape(), VirtualClock(), Edge(event_types=(Quote, SignalRaised, TimerFired))
    bus = timer_bus(40, every_ns=30)
    engine = engine_over(tape, edge, bus=bus, clock=clock, config=EngineConfig(batch_limit=batch_limit))
    async with running(engine):
        for step, posts in bursts:
            clock.advance(to_ts=clock.now() + step)
            for ts, symbol in posts:
                await engine.post(quote(ts, symbol))
            await asyncio.sleep(0)

    rows = await rows_of(tape)
    assert [seq for seq, _, _ in rows] == list(range(1, len(rows) + 1))
    stamps = [event.ts for _, _, event in rows]
    assert stamps == sorted(stamps)
    last_input = 0
    for _, cause, event in rows:
        if isinstance(event, Quote | ClockTicked):
            last_input += 1
            assert cause == -last_input
        else:
            assert cause == last_input
    assert sorted(edge.seqs) == [seq for seq, _, event in rows if type(event) in edge.event_types]
    assert (await rows_replayed(rows)) == rows


async def rows_replayed(rows: list[Row]) -> list[Row]:
    """The rows that another core makes of the same inputs, all of them in one step."""
    made = step(timer_bus(40, every_ns=30), [event for _, cause, event in rows if cause < 0])
    return list(zip(range(1, len(rows) + 1), made.causes, made.events, strict=True))


# --- output commit --------------------------------------------------------------------------------


async def test_no_edge_sees_an_event_before_it_is_durable() -> None:
    tape = UnreliableTape()
    seen: list[tuple[int, int]] = []

    async def look(seq: int, _event: Event) -> None:
        seen.append((seq, tape.durable_seq))

    edge = Edge(event_types=(Quote, SignalRaised), act=look)
    engine = engine_over(tape, edge, bus=answering_bus())
    async with running(engine):
        for ts in range(1, 20):
            await engine.post(quote(ts))
            await asyncio.sleep(0)

    assert len(seen) == 38
    assert [seq for seq, durable_seq in seen if seq > durable_seq] == []


async def test_nothing_is_released_while_the_append_runs() -> None:
    tape, edge = UnreliableTape(), Edge()
    tape.may_append.clear()
    engine = engine_over(tape, edge)
    async with running(engine):
        await engine.post(quote(1))
        await tape.is_appending.wait()
        await idle()
        begun_before = list(edge.begun)
        tape.may_append.set()

    assert begun_before == []
    assert edge.seqs == [1]


# --- time -----------------------------------------------------------------------------------------


async def test_a_timer_that_falls_due_without_an_input_is_fired_by_a_tick_of_the_clock() -> None:
    tape, clock = memory_tape(), VirtualClock(10)
    engine = engine_over(tape, bus=timer_bus(20), clock=clock)
    async with running(engine):
        await engine.post(quote(10))
        await idle()
        clock.advance(to_ts=25)
        await idle()

    rows = await rows_of(tape)
    assert kinds(rows) == ["Quote", "TimerScheduled", "TimerFired", "SignalRaised", "ClockTicked"]
    assert [(cause, event.ts) for _, cause, event in rows[2:]] == [(1, 20), (1, 20), (-2, 25)]


async def test_a_timer_waits_for_everything_stamped_with_its_due_time() -> None:
    tape, clock = memory_tape(), VirtualClock(10)
    engine = engine_over(tape, bus=timer_bus(20), clock=clock)
    async with running(engine):
        await engine.post(quote(10))
        await idle()
        clock.advance(to_ts=20)
        await idle()
        kinds_at_due_time = kinds(await rows_of(tape))
        await engine.post(trade(20))
        await idle()
        clock.advance(to_ts=21)
        await idle()

    assert kinds_at_due_time == ["Quote", "TimerScheduled"]
    assert kinds(await rows_of(tape))[2:] == ["Trade", "TimerFired", "SignalRaised", "ClockTicked"]


async def test_a_timer_fires_before_the_input_that_passes_it_and_needs_no_tick() -> None:
    tape, clock = memory_tape(), VirtualClock(10)
    engine = engine_over(tape, bus=timer_bus(20), clock=clock)
    async with running(engine):
        await engine.post(quote(10))
        await idle()
        await engine.post(trade(30))
        clock.advance(to_ts=30)
        await idle()

    assert kinds(await rows_of(tape)) == ["Quote", "TimerScheduled", "TimerFired", "SignalRaised", "Trade"]


async def test_inputs_stamped_in_the_past_do_not_hold_up_a_timer() -> None:
    tape, clock = memory_tape(), VirtualClock(10)
    engine = engine_over(tape, bus=timer_bus(20), clock=clock, config=EngineConfig(batch_limit=1))
    async with running(engine):
        await engine.post(quote(10))
        await idle()
        clock.advance(to_ts=25)
        await engine.post(trade(5))
        await engine.post(trade(5))
        await idle()

    rows = (await rows_of(tape))[2:]
    assert kinds(rows) == ["TimerFired", "SignalRaised", "Trade", "Trade"]
    assert [event.ts for _, _, event in rows] == [20, 20, 25, 25]


async def test_a_timer_set_for_the_past_fires_at_once() -> None:
    tape = memory_tape()
    engine = engine_over(tape, bus=timer_bus(3), clock=VirtualClock(10))
    async with running(engine):
        await engine.post(quote(10))
        await until(lambda: engine.bus.state.input_count == 2)

    fired = [event for _, _, event in await rows_of(tape) if isinstance(event, TimerFired)]
    assert [(event.ts, event.due_ts) for event in fired] == [(10, 3)]


# --- the life of an engine ------------------------------------------------------------------------


async def test_what_is_posted_before_the_run_is_kept() -> None:
    tape = memory_tape()
    engine = engine_over(tape)
    await engine.post(quote(1))
    await engine.post(quote(2))

    await run_until_stopped(engine, [quote(3)])

    assert [event.ts for _, _, event in await rows_of(tape)] == [1, 2, 3]


async def test_an_engine_runs_once() -> None:
    engine = engine_over(memory_tape())
    await run_until_stopped(engine)

    with pytest.raises(ComponentError, match="runs once"):
        await engine.run()


async def test_a_second_run_beside_the_first_is_refused_and_does_not_disturb_it() -> None:
    tape = memory_tape()
    engine = engine_over(tape)
    async with running(engine):
        await idle()
        with pytest.raises(ComponentError, match="runs once"):
            await engine.run()
        await engine.post(quote(1))

    assert len(await rows_of(tape)) == 1


async def test_two_edges_of_one_name_are_refused() -> None:
    engine = engine_over(memory_tape(), Edge("broker"))

    with pytest.raises(ComponentError, match="'broker' is registered twice"):
        engine.subscribe(Edge("broker"))


async def test_an_edge_that_can_hold_nothing_is_refused() -> None:
    with pytest.raises(ComponentError, match="lane_capacity 0 is below 1"):
        engine_over(memory_tape(), Edge(lane_capacity=0))


async def test_an_edge_that_comes_after_the_start_is_refused() -> None:
    engine = engine_over(memory_tape())
    async with running(engine):
        await idle()
        with pytest.raises(ComponentError, match="comes too late"):
            engine.subscribe(Edge())


async def test_an_edge_that_asked_for_nothing_on_the_tape_is_not_called() -> None:
    edge = Edge(event_types=(Trade,))

    await run_until_stopped(engine_over(memory_tape(), edge), [quote(1), quote(2)])

    assert edge.begun == []


async def test_edges_do_not_share_their_places() -> None:
    gates = {"one": Edge("one"), "two": Edge("two", (Quote, Trade))}
    tape = memory_tape()

    await run_until_stopped(engine_over(tape, *gates.values()), [quote(1), trade(2)])

    assert [edge.seqs for edge in gates.values()] == [[1], [1, 2]]
    assert [await tape.checkpoint(name) for name in gates] == [2, 2]


async def test_a_component_that_raises_does_not_stop_the_engine() -> None:
    def stumble(event: Event) -> None:
        raise ValueError(f"bad {event}")

    bus, tape = EventBus(), memory_tape()
    bus.register(Listener("poisoned", {Quote: stumble}))
    bus.register(Listener("well", {Quote: silent}))

    await run_until_stopped(engine_over(tape, bus=bus), [quote(1), quote(2)])

    assert kinds(await rows_of(tape)) == ["Quote", "ComponentFailed", "Quote", "ComponentFailed"]
