"""Plays data streams through the core: the one function behind backtest, verification and stepping.

A run's inputs are its own (what it was told: configuration, code, instruments, cash, commands) and the events
of its data streams, numbered together from 1. What comes out, own inputs and derived events with
their causes, goes to a sink: a recorder appends it to the run's stream, a verifier compares it.
"""

import sys
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from typing import Protocol

import msgspec

from brokers.simulated.broker import SimulatedBroker
from eventstore import EventStore, Selection, StreamSlice, merge
from kernel.clock import HistoricalClock
from kernel.events import (
    CashMoved,
    ConfigLoaded,
    Event,
    RunStarted,
    SessionStarted,
    SessionStopped,
    StrategyLoaded,
    StreamRange,
    VenueDeclared,
)
from kernel.identifiers import StrategyId
from replay.assembly import Core, PlacedStrategy, assemble
from replay.calendars import calendar_events
from replay.commands import command_inputs
from replay.config import InstrumentConfig, ReplayConfig
from replay.models import LoadedModel, venue_models
from strategies.sdk.loading import LoadedStrategy

VERSION = "0.1.0"

Progress = Callable[[int], None]
"""Called with the number of data events played so far, about once per thousand."""

_ts_of = attrgetter("ts")


class PlannedStrategy(msgspec.Struct, frozen=True):
    """A loaded strategy and its place in a run."""

    strategy_id: StrategyId
    loaded: LoadedStrategy
    symbols: tuple[str, ...]


class Plan(msgspec.Struct, frozen=True):
    """Everything that determines a run; two runs of one plan are equal bit for bit."""

    config: ReplayConfig
    sources: tuple[StreamRange, ...]
    symbols: tuple[str, ...]
    strategies: tuple[PlannedStrategy, ...]
    start_ts: int
    event_count: int
    end_ts: int = 0
    """When the last data event is at the latest; calendars must reach that far."""
    models: tuple[LoadedModel, ...] = ()
    """The user's own models of the simulated venue."""
    opening: tuple[Event, ...] = ()
    """The run's own first inputs as they were recorded; empty: to be made from the rest."""


class Sink(Protocol):
    """Where a run's records go."""

    async def record(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Take records in order; a cause -k marks the k-th input, +k an event derived after it."""
        ...


class Played(msgspec.Struct, frozen=True):
    """What a run came to."""

    input_count: int
    last_ts: int
    core: Core


async def play(
    store: EventStore,
    plan: Plan,
    sink: Sink,
    *,
    clock: HistoricalClock | None = None,
    progress: Progress | None = None,
) -> Played:
    """Run the plan from beginning to end."""
    core = core_of(plan)
    bus = core.bus
    for event in plan.opening or opening_inputs(plan):
        await _record_own(core, event, sink)
    config = plan.config
    commands = deque(
        command_inputs(config.commands, start_ts=plan.start_ts, currency=config.portfolio.currency)
    )
    played = 0
    async for batch in _paced(data_inputs(store, plan), clock or HistoricalClock()):
        rest = batch
        while commands and commands[0].ts < rest[-1].ts:
            rest = await _play_until(core, commands.popleft(), rest, sink)
        await _play_data(core, rest, sink)
        played += len(batch)
        if progress is not None:
            progress(played)
    for command in commands:
        await _record_own(core, command, sink)
    await _record_own(core, SessionStopped(bus.now, 1, "end of data"), sink)
    return Played(bus.state.input_count, bus.now, core)


def opening_inputs(plan: Plan) -> tuple[Event, ...]:
    """What the run is told before its first data event, as input events.

    Raises ``ConfigError`` for a trading calendar that cannot be had.
    """
    config, ts = plan.config, plan.start_ts
    body = msgspec.json.encode(config, order="deterministic")
    strategies = [
        StrategyLoaded(
            ts,
            planned.strategy_id,
            planned.loaded.reference,
            planned.loaded.source_hash,
            planned.loaded.source,
            msgspec.json.encode(planned.loaded.strategy.params, order="deterministic").decode(),
            planned.loaded.version,
        )
        for planned in plan.strategies
    ]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return (
        RunStarted(ts, plan.sources, plan.symbols, config.from_ts or 0, config.to_ts or 0),
        ConfigLoaded(ts, sha256(body).hexdigest(), body.decode()),
        *strategies,
        *(model.recorded(ts) for model in plan.models),
        *_market_facts(plan),
        CashMoved(ts, config.cash, config.portfolio.currency),
        SessionStarted(ts, 1, "backtest", VERSION, python),
    )


def _market_facts(plan: Plan) -> tuple[Event, ...]:
    """Trading hours, what the venue takes if that is not everything, and the terms of the instruments."""
    config, ts = plan.config, plan.start_ts
    named = {instrument.symbol: instrument for instrument in config.instruments}
    own = config.portfolio.currency
    terms_of = [named.get(symbol) or InstrumentConfig(symbol=symbol, currency=own) for symbol in plan.symbols]
    names = (terms.calendar for terms in terms_of)
    calendars = calendar_events(names, ts=ts, from_ts=ts, to_ts=max(ts, plan.end_ts))
    takes = config.broker.capabilities()
    declared = VenueDeclared(
        ts, SimulatedBroker.name, takes.order_types, takes.times_in_force, takes.features
    )
    return (
        *calendars,
        *((declared,) if config.broker.lacks else ()),
        *(terms.defined(ts) for terms in terms_of),
    )


def data_inputs(store: EventStore, plan: Plan) -> AsyncIterator[list[Event]]:
    """The events of the plan's sources, merged by (ts, stream, seq)."""
    slices = [
        StreamSlice(source.stream, Selection(from_seq=source.first_seq, to_seq=source.last_seq))
        for source in plan.sources
    ]
    return merge(store, slices)


def core_of(plan: Plan) -> Core:
    """The plan's components, as if nothing had happened yet; strategies are used as they are."""
    placed = [
        PlacedStrategy(planned.strategy_id, planned.loaded.strategy, planned.symbols)
        for planned in plan.strategies
    ]
    config = plan.config
    return assemble(
        placed,
        risk_limits=config.risk,
        broker=config.broker,
        models=venue_models(config.broker, plan.models),
        portfolio=config.portfolio,
        environment=config.environment,
        signals=config.signals,
        execution=config.execution,
    )


async def _play_data(core: Core, inputs: list[Event], sink: Sink) -> None:
    core.bus.dispatch(inputs)
    if core.bus.derived.events:
        derived = core.bus.take_derived()
        await sink.record(derived.events, derived.causes)


async def _play_until(core: Core, command: Event, inputs: list[Event], sink: Sink) -> list[Event]:
    """The data up to a command's time, then the command; returns the data that is later."""
    place = bisect_right(inputs, command.ts, key=_ts_of)
    await _play_data(core, inputs[:place], sink)
    await _record_own(core, command, sink)
    return inputs[place:]


async def _record_own(core: Core, event: Event, sink: Sink) -> None:
    """Dispatch an input of the run's own; it is recorded before what followed from it."""
    core.bus.dispatch((event,))
    ordinal = core.bus.state.input_count
    derived = core.bus.take_derived()
    before = sum(1 for cause in derived.causes if cause < ordinal)  # timers that fell due first
    events = [*derived.events[:before], event, *derived.events[before:]]
    causes = [*derived.causes[:before], -ordinal, *derived.causes[before:]]
    await sink.record(events, causes)


async def _paced(batches: AsyncIterator[list[Event]], clock: HistoricalClock) -> AsyncIterator[list[Event]]:
    """The batches as they are or, if the clock is paced, cut by ``ts`` and each held until its time."""
    async for batch in batches:
        if not clock.is_paced:
            yield batch
            continue
        for ts, events in groupby(batch, key=_ts_of):
            await clock.reach(ts)
            yield list(events)
