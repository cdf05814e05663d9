"""The live engine and a replay are one machine: equal inputs, equal derived events, on any tape.

The engine gets a run's inputs as they come, in batches of any size, and may stop and start again at any
point; what it derives is what the replay of the same inputs derived.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.assembly.core import Core
from components.assembly.setup import core_of
from components.strategy_host.host import AnyStrategy
from eventstore import EventStore, MemoryEventStore, SqliteEventStore
from eventstore.tape import StreamTape
from kernel.clock import VirtualClock
from kernel.engine import CoreEngine
from kernel.errors import ReplayDiverged
from kernel.events import Bar, ClockTicked, Event, OrderFilled, OrderIntent, Quote, SessionStopped, TimerFired
from kernel.snapshot import take
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.run import Plan, later_inputs, opening_of
from strategies.ema_cross import EmaCross
from strategies.ma_cross import MovingAverageCross
from strategies.sdk import RiskLimits
from tests.replay.market import bar_series, quote_series, walk
from tests.replay.playing import causes_of, derived_of, encode, store_of
from tests.replay.sample_strategies import RandomOrders

LOG = "live"
CONFIG = ReplayConfig(risk=RiskLimits(allow_short=True, require_cash=False))


class Session(msgspec.Struct, frozen=True):
    """A replayed run: its plan, every input it had, what it derived."""

    plan: Plan
    inputs: tuple[Event, ...]
    derived: list[Event]


async def replayed(**streams: Sequence[Event]) -> Session:
    """Play three strategies over the streams. Those that would never be called are left out."""
    store = await store_of(**streams)
    types = {type(event) for events in streams.values() for event in events}
    strategies: list[AnyStrategy] = [RandomOrders(activity=0.7)]
    if Quote in types:
        strategies.insert(0, EmaCross(fast=2, slow=4, quantity=5))
    if Bar in types:
        strategies.insert(0, MovingAverageCross(fast=2, slow=4, allow_short=True))
    loaded = [from_instance(one) for one in strategies]
    names = tuple(name.replace("_", ".") for name in streams)
    plan = await plan_run(store, msgspec.structs.replace(CONFIG, streams=names), loaded=loaded)
    data = [event async for batch in later_inputs(store, plan) for event in batch]
    run = await run_and_record(store, plan)
    stop = SessionStopped(data[-1].ts, 1, "end of data")
    return Session(plan, (*opening_of(plan), *data, stop), await derived_of(store, run))


def fresh_core(plan: Plan) -> Core:
    """The run's components, as if nothing had happened yet."""
    strategies = tuple(
        msgspec.structs.replace(planned, loaded=from_instance(planned.loaded.strategy))
        for planned in plan.strategies
    )
    return core_of(msgspec.structs.replace(plan, strategies=strategies), plan.venue)


async def live(store: EventStore, plan: Plan, inputs: Sequence[Event], pauses: Sequence[int] = ()) -> Core:
    """Run the engine over these inputs, letting it work now and then, and stop it."""
    core = fresh_core(plan)
    clock = VirtualClock()
    engine = CoreEngine(core.bus, tape=StreamTape(store, LOG), clock=clock)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(engine.run(), name="engine")
        for place, event in enumerate(inputs):
            clock.advance(to_ts=max(event.ts, clock.now()))
            await engine.post(event)
            if place in pauses:
                for _ in range(20):
                    await asyncio.sleep(0)
        engine.stop()
        await running
    return core


async def derived_on(store: EventStore) -> list[Event]:
    """The derived events of the engine's log."""
    return await derived_of(store, LOG)


async def copy_of(store: EventStore, change: Callable[[int, Event], Event | None]) -> MemoryEventStore:
    """The log with events changed, or left out where ``change`` says ``None``."""
    events: list[Event] = []
    causes: list[int] = []
    async for batch in store.read(LOG):
        for seq, event, cause in zip(batch.seqs, batch.events, causes_of(batch), strict=True):
            kept = change(seq, event)
            if kept is not None:
                events.append(kept)
                causes.append(cause)
    copy = MemoryEventStore()
    await copy.append(LOG, events, expected_seq=0, causes=causes)
    return copy


def states(core: Core) -> Any:  # every component's state, as plain values
    return {name: msgspec.msgpack.decode(state.data) for name, state in take(core.bus).states.items()}


PAUSES = st.frozensets(st.integers(0, 80), max_size=12)


# --- the same inputs, the same events -----------------------------------------------------------


@given(bars=bar_series("A", most=30), quotes=quote_series("B", most=30), pauses=PAUSES)
async def test_the_engine_derives_what_a_replay_derives(
    bars: list[Event], quotes: list[Event], pauses: frozenset[int]
) -> None:
    session = await replayed(a_1d=bars, b_quotes=quotes)
    store = MemoryEventStore()

    await live(store, session.plan, session.inputs, tuple(pauses))

    assert encode(await derived_on(store)) == encode(session.derived)


async def test_the_engine_derives_the_same_on_a_sqlite_tape(tmp_path: Path) -> None:
    session = await replayed(a_1d=walk("A", 120, seed=8))

    async with await SqliteEventStore.open(tmp_path / "live.db") as store:
        await live(store, session.plan, session.inputs, (3, 40, 41, 90))

        assert encode(await derived_on(store)) == encode(session.derived)


async def test_every_input_and_its_time_is_on_the_tape() -> None:
    session = await replayed(a_1d=walk("A", 60, seed=8))
    store = MemoryEventStore()

    await live(store, session.plan, session.inputs)

    logged = [
        event
        async for batch in store.read(LOG)
        for event, cause in zip(batch.events, causes_of(batch), strict=True)
        if cause < 0 and not isinstance(event, ClockTicked)
    ]
    assert encode(logged) == encode(session.inputs)


async def test_the_sessions_of_these_tests_trade_and_hear_timers() -> None:
    session = await replayed(a_1d=walk("A", 60, seed=8))

    kinds = {type(event) for event in session.derived}

    assert {OrderFilled, OrderIntent, TimerFired} <= kinds


# --- stop anywhere, go on -----------------------------------------------------------------------


@given(bars=bar_series("A", most=30), quotes=quote_series("B", most=20), pauses=PAUSES, data=st.data())
async def test_an_engine_that_stopped_anywhere_goes_on_as_if_it_had_not(
    bars: list[Event], quotes: list[Event], pauses: frozenset[int], data: st.DataObject
) -> None:
    session = await replayed(a_1d=bars, b_quotes=quotes)
    stop = data.draw(st.integers(0, len(session.inputs)))
    store = MemoryEventStore()

    await live(store, session.plan, session.inputs[:stop], tuple(pauses))
    await live(store, session.plan, session.inputs[stop:], tuple(pauses))

    assert encode(await derived_on(store)) == encode(session.derived)


@given(bars=bar_series("A", most=30), pauses=PAUSES, data=st.data())
async def test_recovery_ends_in_the_state_that_the_engine_left(
    bars: list[Event], pauses: frozenset[int], data: st.DataObject
) -> None:
    session = await replayed(a_1d=bars)
    stop = data.draw(st.integers(1, len(session.inputs)))
    store = MemoryEventStore()
    left = await live(store, session.plan, session.inputs[:stop], tuple(pauses))

    recovered = fresh_core(session.plan)
    engine = CoreEngine(recovered.bus, tape=StreamTape(store, LOG), clock=VirtualClock())
    last_seq = await engine.recover()

    assert last_seq == (await store.head(LOG)).seq
    assert states(recovered) == states(left)


async def test_recovery_from_sqlite_in_another_life_of_the_store_goes_on(tmp_path: Path) -> None:
    session = await replayed(a_1d=walk("A", 80, seed=9))

    async with await SqliteEventStore.open(tmp_path / "live.db") as store:
        await live(store, session.plan, session.inputs[:50], (10, 20))
    async with await SqliteEventStore.open(tmp_path / "live.db") as store:
        await live(store, session.plan, session.inputs[50:])

        assert encode(await derived_on(store)) == encode(session.derived)


# --- a tape that says something else --------------------------------------------------------------

Change = Callable[[int, Event], Event | None]


def _other_quantity(_: int, event: Event) -> Event:
    if not isinstance(event, OrderIntent):
        return event
    return msgspec.structs.replace(event, order=msgspec.structs.replace(event.order, quantity=Decimal(999)))


def _no_fills(_: int, event: Event) -> Event | None:
    return None if isinstance(event, OrderFilled) else event


CHANGES: dict[str, Change] = {"a decision changed": _other_quantity, "fills left out": _no_fills}


async def logged(count: int) -> tuple[Session, MemoryEventStore]:
    session = await replayed(a_1d=walk("A", count, seed=8))
    store = MemoryEventStore()
    await live(store, session.plan, session.inputs)
    return session, store


async def recover(session: Session, store: EventStore) -> int:
    core = fresh_core(session.plan)
    return await CoreEngine(core.bus, tape=StreamTape(store, LOG), clock=VirtualClock()).recover()


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
async def test_a_tape_with_other_derived_events_stops_the_recovery(change: Change) -> None:
    session, store = await logged(60)
    changed = await copy_of(store, change)

    with pytest.raises(ReplayDiverged):
        await recover(session, changed)


async def test_a_derived_event_cut_off_the_end_of_the_tape_stops_the_recovery() -> None:
    session, store = await logged(60)
    last = (await store.head(LOG)).seq
    cut = await copy_of(store, lambda seq, event: None if seq == last else event)

    with pytest.raises(ReplayDiverged):
        await recover(session, cut)


async def test_the_whole_tape_recovers() -> None:
    session, store = await logged(60)

    last_seq = await recover(session, store)

    assert last_seq == (await store.head(LOG)).seq


async def test_an_engine_does_not_start_on_a_tape_that_says_something_else() -> None:
    session, store = await logged(60)
    changed = await copy_of(store, _other_quantity)

    starting: Awaitable[Core] = live(changed, session.plan, ())

    with pytest.raises(ExceptionGroup) as caught:
        await starting
    assert caught.value.subgroup(ReplayDiverged) is not None
