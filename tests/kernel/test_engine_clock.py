"""The engine's time, whatever the wall clock does: it goes on, timers fire, and steps are on the tape."""

from collections.abc import Sequence
from itertools import pairwise

from kernel.bus import EventBus
from kernel.events import ClockJumped, ClockTicked, Event, Quote, SessionStarted, TimerFired
from kernel.snapshot import take
from kernel.time_units import HOUR_NS, MINUTE_NS, SECOND_NS
from tests.kernel.listeners import Listener, quote, timer
from tests.kernel.live import (
    Row,
    Time,
    engine_over,
    memory_tape,
    rows_of,
    run_until_stopped,
    running,
    until,
)


def of_type(rows: Sequence[Row], *types: type[Event]) -> list[Event]:
    return [event for _, _, event in rows if isinstance(event, types)]


def bus_with_a_timer() -> EventBus:
    """A bus that is called every minute once a session has started."""
    bus = EventBus()
    bus.register(
        Listener(
            "metronome",
            {SessionStarted: lambda event: [timer(event.ts, event.ts + MINUTE_NS, every_ns=MINUTE_NS)]},
        )
    )
    return bus


def opening(time: Time) -> SessionStarted:
    return SessionStarted(time.wall, 1, "live", "0", "3.11")


async def test_a_step_of_the_wall_clock_is_an_input_on_the_tape_once() -> None:
    time, tape = Time(), memory_tape()
    start = time.wall
    engine = engine_over(tape, clock=time.clock())
    async with running(engine):
        await engine.post(quote(start))
        await until(lambda: engine.bus.state.input_count == 1)
        time.step(HOUR_NS)
        await until(lambda: engine.bus.state.input_count == 2)
        time.go_on(SECOND_NS)
        await engine.post(quote(time.wall))

    assert await rows_of(tape) == [
        (1, -1, quote(start)),
        (2, -2, ClockJumped(start + HOUR_NS, HOUR_NS)),
        (3, -3, quote(start + HOUR_NS + SECOND_NS)),
    ]


async def test_a_step_forward_fires_the_timers_that_it_passed() -> None:
    time, tape = Time(), memory_tape()
    engine = engine_over(tape, bus=bus_with_a_timer(), clock=time.clock())
    async with running(engine):
        await engine.post(opening(time))
        await until(lambda: engine.bus.state.input_count == 1)
        time.step(5 * MINUTE_NS + 1)
        await until(lambda: engine.bus.state.input_count == 2)

    rows = await rows_of(tape)
    assert len(of_type(rows, TimerFired)) == 5
    assert of_type(rows, ClockJumped, ClockTicked) == [ClockJumped(time.wall, 5 * MINUTE_NS + 1)]


async def test_an_hour_ahead_and_back_kernel_time_goes_on_and_timers_fire() -> None:
    """Quotes are stamped by the wall clock, as a feed does; kernel time is ahead of it for two hours."""
    time, tape, bus = Time(), memory_tape(), bus_with_a_timer()
    start = time.wall
    engine = engine_over(tape, bus=bus, clock=time.clock())
    said: list[int] = []
    async with running(engine):
        await engine.post(opening(time))
        for step in (0, HOUR_NS, -HOUR_NS, *[0] * 25):
            time.step(step)
            time.go_on(5 * MINUTE_NS)
            await engine.post(quote(time.wall))
            await until(lambda: not engine.inbox_depth)
            said.append(bus.state.now)

    rows = await rows_of(tape)
    steps = [event.step_ns for event in of_type(rows, ClockJumped) if isinstance(event, ClockJumped)]
    assert steps == [HOUR_NS, -HOUR_NS]
    assert all(later > earlier for earlier, later in pairwise(said))
    assert said[-1] == time.wall == of_type(rows, Quote)[-1].ts
    fired = [event.ts for event in of_type(rows, TimerFired)]
    assert fired == list(range(start + MINUTE_NS, time.wall, MINUTE_NS))


async def test_a_timer_fires_behind_a_step_back_though_nothing_arrives() -> None:
    time, tape = Time(), memory_tape()
    engine = engine_over(tape, bus=bus_with_a_timer(), clock=time.clock())
    async with running(engine):
        await engine.post(opening(time))
        await until(lambda: engine.bus.state.input_count == 1)
        time.step(-HOUR_NS)
        await until(lambda: engine.bus.state.input_count == 2)
        time.go_on(3 * MINUTE_NS)
        await until(lambda: engine.bus.state.input_count == 3)

    rows = await rows_of(tape)
    assert len(of_type(rows, TimerFired)) == 1
    assert len(of_type(rows, ClockTicked)) == 1


async def test_a_session_whose_wall_clock_is_behind_the_tape_goes_on_from_the_tapes_time() -> None:
    time, tape = Time(), memory_tape()
    await run_until_stopped(engine_over(tape, bus=bus_with_a_timer(), clock=time.clock()), [opening(time)])
    bus, first = bus_with_a_timer(), time.wall
    time.step(-HOUR_NS)
    engine = engine_over(tape, bus=bus, clock=time.clock())
    async with running(engine):
        await until(lambda: bus.state.input_count == 1)
        time.go_on(4 * MINUTE_NS)
        await until(lambda: bus.state.input_count == 2)

    (tick,) = of_type(await rows_of(tape), ClockTicked)
    assert tick.ts == first + 2 * MINUTE_NS
    assert bus.state.failures == {}


async def test_a_tape_with_steps_of_the_clock_recovers_without_a_clock() -> None:
    time, tape = Time(), memory_tape()
    start = time.wall
    first = engine_over(tape, bus=bus_with_a_timer(), clock=time.clock())
    async with running(first):
        await first.post(opening(time))
        for step in (0, HOUR_NS, -2 * HOUR_NS, HOUR_NS):
            time.step(step)
            time.go_on(MINUTE_NS)
            await first.post(quote(time.wall))
            await until(lambda: not first.inbox_depth)
    time.wall = start
    second = engine_over(tape, bus=bus_with_a_timer())

    await second.recover()

    assert take(second.bus) == take(first.bus)
