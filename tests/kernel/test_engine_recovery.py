"""Recovery: another core over the same tape comes to the same state, or says where it does not."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec
import pytest

from eventstore import MemoryEventStore, StreamTape
from eventstore.encoding import BLOCK_EVENTS
from kernel.bus import EventBus
from kernel.clock import VirtualClock
from kernel.errors import ComponentError, ReplayDiverged
from kernel.events import Event, Quote, SessionStarted, SignalRaised, TimerFired
from kernel.snapshot import take
from kernel.tape import Recorded
from tests.kernel.listeners import Listener, quote, signal, timer
from tests.kernel.live import (
    Row,
    answering_bus,
    engine_over,
    idle,
    memory_tape,
    rows_of,
    run_until_stopped,
    running,
    trade,
    until,
)


async def recorded(*inputs: Event) -> list[Row]:
    """What a run with the answering component leaves on its tape."""
    tape = memory_tape()
    await run_until_stopped(engine_over(tape, bus=answering_bus()), inputs)
    return await rows_of(tape)


async def tape_of(rows: Sequence[Row], *, append_size: int = 1_000_000) -> StreamTape:
    """A tape with these records, in appends of at most this size."""
    tape = memory_tape()
    for start in range(0, len(rows), append_size):
        part = rows[start : start + append_size]
        await tape.append(
            [event for _, _, event in part], expected_seq=start, causes=[cause for _, cause, _ in part]
        )
    return tape


def ticking_bus() -> EventBus:
    """A bus with a timer that goes on for ever once a quote came, and is answered."""
    bus = EventBus()
    bus.register(
        Listener(
            "metronome",
            {
                Quote: lambda event: [timer(event.ts, event.ts + 5, every_ns=5)],
                TimerFired: lambda event: [signal(event.ts, "tick")],
            },
        )
    )
    return bus


async def test_recovery_restores_the_state_of_the_run() -> None:
    tape, clock = memory_tape(), VirtualClock(1)
    first = engine_over(tape, bus=ticking_bus(), clock=clock)
    async with running(first):
        for ts in (1, 9, 30):
            clock.advance(to_ts=ts)
            await first.post(quote(ts))
            await idle()
    second = engine_over(tape, bus=ticking_bus())

    last_seq = await second.recover()

    assert last_seq == len(await rows_of(tape))
    assert take(second.bus) == take(first.bus)


async def test_a_recovered_engine_goes_on_where_the_first_one_ended() -> None:
    tape = memory_tape()
    await run_until_stopped(engine_over(tape, bus=answering_bus()), [quote(1)])

    await run_until_stopped(engine_over(tape, bus=answering_bus()), [quote(1), trade(2)])

    assert await rows_of(tape) == [
        (1, -1, quote(1)),
        (2, 1, signal(1, "100.0")),
        (3, -2, quote(1)),
        (4, 2, signal(1, "100.0")),
        (5, -3, trade(2)),
    ]


async def test_recovery_finds_the_last_epoch() -> None:
    tape = memory_tape()
    sessions = [SessionStarted(1, epoch, "live", "0", "3.11") for epoch in (1, 2, 3)]
    await run_until_stopped(engine_over(tape), sessions)
    engine = engine_over(tape)

    await engine.recover()

    assert engine.last_epoch == 3


async def test_a_clock_behind_the_tape_does_not_take_the_new_run_back_in_time() -> None:
    tape = memory_tape()
    await run_until_stopped(engine_over(tape, clock=VirtualClock(1_000)), [quote(1_000)])

    await run_until_stopped(engine_over(tape, clock=VirtualClock(500)), [quote(500), quote(2_000)])

    assert [event.ts for _, _, event in await rows_of(tape)] == [1_000, 1_000, 1_000]


@pytest.mark.parametrize("append_size", [1, 2, 3, 7])
async def test_timers_between_any_two_appends_are_recovered(append_size: int) -> None:
    tape, clock = memory_tape(), VirtualClock(1)
    engine = engine_over(tape, bus=ticking_bus(), clock=clock)
    async with running(engine):
        for ts in (1, 9, 30, 31):
            clock.advance(to_ts=ts)
            await engine.post(quote(ts))
            await idle()
    rows = await rows_of(tape)

    last_seq = await engine_over(await tape_of(rows, append_size=append_size), bus=ticking_bus()).recover()

    assert last_seq == len(rows)


async def test_an_append_that_was_split_into_blocks_is_recovered() -> None:
    """The second block begins with what follows from the last input of the first one."""
    tape = memory_tape()
    engine = engine_over(tape, bus=bus_with_two_answers(), clock=VirtualClock(10_000))
    for ts in range(1, 3_001):
        await engine.post(quote(ts))
    await run_until_stopped(engine)
    first, second = [page async for page in tape.read(1)][:2]

    last_seq = await engine_over(tape, bus=bus_with_two_answers()).recover()

    assert second.causes is not None
    assert first.causes is not None
    assert second.causes[0] == -first.causes[-1]
    assert len(first.seqs) == BLOCK_EVENTS
    assert last_seq == 9_000


def bus_with_two_answers() -> EventBus:
    bus = EventBus()
    bus.register(Listener("answers", {Quote: lambda event: [signal(event.ts, word) for word in "ab"]}))
    return bus


async def test_an_altered_derived_event_is_named() -> None:
    rows = await recorded(quote(1), quote(2), quote(3))
    seq, cause, event = rows[3]
    assert isinstance(event, SignalRaised)
    rows[3] = (seq, cause, msgspec.structs.replace(event, reason="100.5"))

    with pytest.raises(ReplayDiverged, match=r"^seq 4: recorded .*100\.5.*, replayed .*100\.0"):
        await engine_over(await tape_of(rows), bus=answering_bus()).recover()


async def test_a_derived_event_that_moved_behind_another_input_is_named() -> None:
    rows = await recorded(quote(1), trade(1))
    answer, other = rows[1], rows[2]
    moved = [rows[0], (2, -2, other[2]), (3, 2, answer[2])]

    with pytest.raises(ReplayDiverged, match=r"^seq 2: recorded .*\(Trade\).*, replayed .*\(SignalRaised\)"):
        await engine_over(await tape_of(moved), bus=answering_bus()).recover()


@pytest.mark.parametrize("append_size", [1, 100])
async def test_a_derived_event_that_is_missing_is_named(append_size: int) -> None:
    rows = await recorded(quote(1), quote(2), quote(3))
    tape = await tape_of([*rows[:3], (4, -3, quote(3)), (5, 3, signal(3, "100.0"))], append_size=append_size)

    with pytest.raises(ReplayDiverged, match=r"^seq 4: recorded .*\(Quote\) as input 3"):
        await engine_over(tape, bus=answering_bus()).recover()


async def test_a_tape_that_lacks_the_last_derived_event_is_refused() -> None:
    rows = await recorded(quote(1), quote(2))

    with pytest.raises(
        ReplayDiverged,
        match=r"^the record ends after input 2, but the replay goes on with .*\(SignalRaised\)",
    ):
        await engine_over(await tape_of(rows[:3]), bus=answering_bus()).recover()


async def test_a_tape_with_one_derived_event_too_many_is_refused() -> None:
    rows = await recorded(quote(1), quote(2))

    with pytest.raises(
        ReplayDiverged, match=r"^seq 5: recorded .*\(SignalRaised\), but the replay has ended"
    ):
        await engine_over(await tape_of([*rows, (5, 2, signal(2, "more"))]), bus=answering_bus()).recover()


async def test_an_engine_that_cannot_recover_does_not_run() -> None:
    rows = await recorded(quote(1))
    tape = await tape_of(rows)
    engine = engine_over(tape)

    with pytest.raises(ReplayDiverged):
        await engine.run()
    with pytest.raises(ComponentError):
        await engine.post(quote(2))

    assert await rows_of(tape) == rows


async def test_an_engine_does_not_run_after_a_recovery_that_failed() -> None:
    tape = await tape_of(await recorded(quote(1)))
    engine = engine_over(tape)
    with pytest.raises(ReplayDiverged):
        await engine.recover()

    with pytest.raises(ComponentError, match="recovery failed: make another engine with a new bus"):
        await engine.run()
    with pytest.raises(ComponentError, match="recovery failed"):
        await engine.recover()


async def test_a_bus_that_was_used_is_not_recovered_into() -> None:
    bus = EventBus()
    bus.dispatch([quote(1)])

    with pytest.raises(ComponentError, match="the bus has taken 1 inputs"):
        await engine_over(memory_tape(), bus=bus).recover()


class SlowTape(StreamTape):
    """A tape whose every page comes only when the test says so."""

    def __init__(self, tape: StreamTape) -> None:
        super().__init__(MemoryEventStore(), "unused")
        self.may_read = asyncio.Event()
        self._tape = tape

    async def read(
        self, from_seq: int, types: frozenset[type[Event]] | None = None
    ) -> AsyncGenerator[Recorded, None]:
        async with aclosing(self._tape.read(from_seq, types)) as pages:
            async for page in pages:
                await self.may_read.wait()
                yield page

    async def last_seq(self) -> int:
        return await self._tape.last_seq()


async def test_a_recovery_beside_another_is_refused_and_does_not_disturb_it() -> None:
    tape = SlowTape(await tape_of(await recorded(quote(1), quote(2)), append_size=2))
    engine = engine_over(tape, bus=answering_bus())
    async with asyncio.TaskGroup() as group:
        first = group.create_task(engine.recover(), name="recovery")
        await idle()
        with pytest.raises(ComponentError, match="is recovering already"):
            await engine.recover()
        with pytest.raises(ComponentError, match="is recovering already"):
            await engine.run()
        tape.may_read.set()

    assert first.result() == await engine.recover() == 4
    assert engine.bus.state.input_count == 2


async def test_a_recovery_beside_the_one_of_a_run_is_refused_and_the_run_goes_on() -> None:
    tape = SlowTape(await tape_of(await recorded(quote(1), quote(2)), append_size=2))
    engine = engine_over(tape, bus=answering_bus())
    async with running(engine):
        await idle()
        with pytest.raises(ComponentError, match="is recovering already"):
            await engine.recover()
        tape.may_read.set()
        await until(lambda: engine.bus.state.input_count == 2)

    assert await engine.recover() == 4


async def test_a_recovery_that_was_given_up_leaves_an_engine_that_says_so() -> None:
    tape = SlowTape(await tape_of(await recorded(quote(1), quote(2)), append_size=2))
    engine = engine_over(tape, bus=answering_bus())
    async with asyncio.TaskGroup() as group:
        given_up = group.create_task(engine.recover(), name="recovery")
        await idle()
        given_up.cancel()

    with pytest.raises(ComponentError, match="recovery failed"):
        await engine.run()


async def test_a_run_may_follow_a_recovery() -> None:
    tape = await tape_of(await recorded(quote(1)))
    engine = engine_over(tape, bus=answering_bus())
    await engine.recover()

    await run_until_stopped(engine, [quote(2)])

    assert len(await rows_of(tape)) == 4


async def test_recovery_is_done_once() -> None:
    engine = engine_over(await tape_of(await recorded(quote(1))), bus=answering_bus())

    first, second = await engine.recover(), await engine.recover()

    assert (first, second) == (2, 2)
    assert engine.bus.state.input_count == 1


async def test_an_empty_tape_is_recovered_to_nothing() -> None:
    engine = engine_over(StreamTape(MemoryEventStore(), "new"))

    assert await engine.recover() == 0
