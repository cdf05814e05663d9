"""An engine goes on from a snapshot; another core takes over where a session has an opening of its own."""

import asyncio
from collections.abc import Sequence

import pytest

from kernel import snapshot
from kernel.bus import EventBus
from kernel.clock import VirtualClock
from kernel.engine import CoreEngine
from kernel.errors import ComponentError, ReplayDiverged
from kernel.events import ConfigLoaded, Event, Quote, SessionStarted, SignalRaised, TimerFired, TimerScheduled
from kernel.identifiers import TimerName
from kernel.reopenings import Reopenings
from tests.kernel.listeners import Listener, quote, signal
from tests.kernel.live import UnreliableTape, memory_tape, rows_of, run_until_stopped, running, until

SESSION = SessionStarted(1, 1, "paper", "", "")
OPENING = (ConfigLoaded(2, "h", "{}"), SessionStarted(2, 2, "paper", "", ""))


def counting_bus(*names: str) -> EventBus:
    """A bus whose components answer each quote with the number of quotes that they have heard."""
    bus = EventBus()
    for name in names:
        bus.register(_counter(name))
    return bus


def _counter(name: str) -> Listener:
    def told(event: Event) -> list[SignalRaised]:
        return [signal(event.ts, f"{name} {counter.state.heard}")]

    counter = Listener(name, {Quote: told})
    return counter


def engine_of(bus: EventBus, tape: UnreliableTape, **more: object) -> CoreEngine:
    return CoreEngine(bus, tape=tape, clock=VirtualClock(1_000), **more)  # type: ignore[arg-type]  # one keyword


def next_of(*names: str):  # type: ignore[no-untyped-def]  # a function of the engine's
    def reopen(bus: EventBus, opening: Sequence[Event]) -> EventBus:
        assert tuple(opening) == OPENING
        anew = counting_bus(*names)
        snapshot.take_over(anew, snapshot.take(bus))
        return anew

    return reopen


async def told(tape: UnreliableTape) -> list[str]:
    return [event.reason for _, _, event in await rows_of(tape) if isinstance(event, SignalRaised)]


# --- openings -----------------------------------------------------------------------------------


async def test_a_new_core_takes_over_the_states_of_components_that_are_still_there() -> None:
    tape = UnreliableTape()
    await run_until_stopped(engine_of(counting_bus("a", "b"), tape), [SESSION, quote(1), quote(1)])
    second = engine_of(counting_bus("a", "b"), tape, reopen=next_of("b", "c"))
    await second.recover()
    second.reopen(OPENING)

    await run_until_stopped(second, [quote(3)])

    assert (await told(tape))[-2:] == ["b 3", "c 1"]


async def test_a_recovery_over_an_opening_derives_the_same_events() -> None:
    tape = UnreliableTape()
    await run_until_stopped(engine_of(counting_bus("a"), tape), [SESSION, quote(1)])
    second = engine_of(counting_bus("a"), tape, reopen=next_of("b"))
    await second.recover()
    second.reopen(OPENING)
    await run_until_stopped(second, [quote(3)])

    third = engine_of(counting_bus("a"), tape, reopen=next_of("b"))

    assert await third.recover() == await tape.last_seq()
    assert list(third.bus.components)[-1] == "b"
    with pytest.raises(ReplayDiverged):
        await engine_of(counting_bus("a"), tape, reopen=next_of("a")).recover()


async def test_a_core_that_does_not_fit_leaves_the_log_as_it_was() -> None:
    tape = UnreliableTape()
    await run_until_stopped(engine_of(counting_bus("a"), tape), [SESSION])
    engine = engine_of(counting_bus("a"), tape)
    await engine.recover()

    with pytest.raises(ComponentError, match="nothing here makes a core"):
        engine.reopen(OPENING)

    assert engine.inbox_depth == 0


async def test_timers_of_components_that_are_gone_do_not_fire() -> None:
    tape = UnreliableTape()
    bus = counting_bus("a")
    bus.register(
        Listener("waits", {SessionStarted: lambda _: [TimerScheduled(1, "waits", TimerName("t"), 500)]})
    )
    await run_until_stopped(engine_of(bus, tape), [SESSION])
    again = counting_bus("a")
    again.register(
        Listener("waits", {SessionStarted: lambda _: [TimerScheduled(1, "waits", TimerName("t"), 500)]})
    )
    engine = engine_of(again, tape, reopen=next_of("a"))
    await engine.recover()
    engine.reopen(OPENING)

    await run_until_stopped(engine, [quote(900)])

    assert not [event for _, _, event in await rows_of(tape) if isinstance(event, TimerFired)]


def test_openings_are_found_in_portions_of_any_size() -> None:
    first = (ConfigLoaded(1, "h", "{}"), SESSION)
    inputs = [*first, quote(1), *OPENING, quote(2), quote(3), *OPENING, *OPENING]
    expected = [(*first, quote(1)), OPENING, (quote(2), quote(3)), OPENING, OPENING]

    for size in range(1, len(inputs) + 1):
        found: list[tuple[Event, ...]] = []
        reopenings = Reopenings()
        for start in range(0, len(inputs), size):
            for part, is_opening in reopenings.parts(inputs[start : start + size]):
                if is_opening or not found or found[-1][-1:] == OPENING[-1:]:
                    found.append(tuple(part))
                else:
                    found[-1] += tuple(part)
        assert found == expected, size
        reopenings.finish()


def test_a_log_that_ends_inside_an_opening_is_refused() -> None:
    reopenings = Reopenings(has_begun=True)
    assert list(reopenings.parts(OPENING[:1])) == []

    with pytest.raises(ReplayDiverged, match="ends inside an opening, after 1 of its inputs"):
        reopenings.finish()


# --- snapshots ----------------------------------------------------------------------------------


async def test_a_snapshot_waits_for_the_commit_of_the_step_under_way() -> None:
    tape = UnreliableTape()
    engine = engine_of(counting_bus("a"), tape)
    async with running(engine):
        await engine.post(SESSION)
        await engine.snapshot()
        tape.may_append.clear()
        await engine.post(quote(2))
        await tape.is_appending.wait()
        wanted = asyncio.ensure_future(engine.snapshot())
        await asyncio.sleep(0)
        assert not wanted.done()
        tape.may_append.set()
        seq, taken = await wanted

    assert (seq, taken.input_count) == (3, 2)
    assert seq == tape.durable_seq


async def test_a_recovery_from_a_snapshot_replays_only_the_rest() -> None:
    tape = UnreliableTape()
    engine = engine_of(counting_bus("a"), tape)
    async with running(engine):
        for event in (SESSION, quote(2), quote(3)):
            await engine.post(event)
        await until(lambda: tape.durable_seq == 5)
        seq, taken = await engine.snapshot()
        await engine.post(quote(4))
    restored = counting_bus("a")
    snapshot.put_back(restored, taken)
    heard = restored.components["a"]
    assert isinstance(heard, Listener)

    second = engine_of(restored, tape)
    last_seq = await second.recover(after_seq=seq, epoch=1)

    assert (last_seq, second.last_epoch) == (await tape.last_seq(), 1)
    assert [event.ts for event in heard.heard] == [4]


async def test_there_is_no_snapshot_of_an_engine_that_has_ended() -> None:
    engine = CoreEngine(counting_bus("a"), tape=memory_tape(), clock=VirtualClock(1_000))
    await run_until_stopped(engine, [SESSION])

    with pytest.raises(ComponentError, match="the engine has stopped"):
        await engine.snapshot()
