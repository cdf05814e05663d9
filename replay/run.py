"""Plays data streams through the core: the one function behind backtest, verification and stepping.

A run's inputs are its own (what it was told: configuration, code, instruments, cash, commands) and the events
of its data streams, numbered together from 1. What comes out, own inputs and derived events with
their causes, goes to a sink: a recorder appends it to the run's stream, a verifier compares it.
"""

import sys
from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Protocol

import msgspec

from brokers.simulated.broker import SimulatedBroker
from components.strategy_host.host import AnyStrategy
from eventstore import EventStore, Selection, StreamSlice, merge
from kernel.clock import HistoricalClock
from kernel.decimals import exact
from kernel.events import (
    CalendarDefined,
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
from replay.models import LoadedModel, risk_rules, venue_models
from strategies.sdk.loading import LoadedStrategy
from strategies.sdk.rebuilding import rebuilt

VERSION = "0.1.0"
NO_STRATEGIES: Mapping[StrategyId, AnyStrategy] = MappingProxyType({})

Progress = Callable[[int], None]
"""Called with the number of data events played so far, about once per thousand."""

_ts_of = attrgetter("ts")
_encode = msgspec.msgpack.Encoder().encode


class PlannedStrategy(msgspec.Struct, frozen=True):
    """A loaded strategy and its place in a run.

    ``was_told``: the configuration names its symbols; otherwise they are all that the data has.
    """

    strategy_id: StrategyId
    loaded: LoadedStrategy
    symbols: tuple[str, ...]
    was_told: bool


class Plan(msgspec.Struct, frozen=True):
    """Everything that determines a run; two runs of one plan are equal bit for bit."""

    config: ReplayConfig
    sources: tuple[StreamRange, ...]
    symbols: tuple[str, ...]
    strategies: tuple[PlannedStrategy, ...]
    """Each core gets instances of its own, made anew: the ones here never run."""
    start_ts: int
    event_count: int
    end_ts: int = 0
    """When the last data event is at the latest; calendars must reach that far."""
    models: tuple[LoadedModel, ...] = ()
    """The user's own models of the simulated venue, and own risk rules."""
    opening: tuple[Event, ...] = ()
    """The run's own first inputs as they were recorded; empty: to be made from the rest."""


class Sink(Protocol):
    """Where a run's records go."""

    async def record(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Take records in order; a cause -k marks the k-th input, +k an event derived after it."""
        ...


class CoreExchange(msgspec.Struct, frozen=True):
    """Where the run goes on in another core: after how many data events, and what makes that core."""

    places: tuple[int, ...]
    next_core: Callable[[Core], Core]


NO_EXCHANGE = CoreExchange((), lambda core: core)


class Played(msgspec.Struct, frozen=True):
    """What a run came to."""

    input_count: int
    last_ts: int
    core: Core


@exact
async def play(
    store: EventStore,
    plan: Plan,
    sink: Sink,
    *,
    clock: HistoricalClock | None = None,
    progress: Progress | None = None,
    exchange: CoreExchange = NO_EXCHANGE,
) -> Played:
    """Run the plan from beginning to end."""
    player = _Player(plan, sink, exchange)
    for event in plan.opening or opening_inputs(plan):
        await player.own(event)
    async for batch in _paced(data_inputs(store, plan), clock or HistoricalClock()):
        await player.data(batch)
        if progress is not None:
            progress(player.played)
    return await player.end()


@exact
def opening_inputs(plan: Plan, *, calendars: Sequence[CalendarDefined] | None = None) -> tuple[Event, ...]:
    """What the run is told before its first data event, as input events.

    Trading hours are looked up unless ``calendars`` are given. Raises ``ConfigError`` for some that cannot
    be had.
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
    told = (
        RunStarted(
            ts, plan.sources, plan.symbols, config.from_ts or 0, config.to_ts or 0, symbols_ahead=False
        ),
        ConfigLoaded(ts, sha256(body).hexdigest(), body.decode()),
        *strategies,
        *(model.recorded(ts) for model in plan.models),
        *(_calendars(plan) if calendars is None else calendars),
        *_market_facts(plan),
        CashMoved(ts, config.cash, config.portfolio.currency),
    )
    return (*told, SessionStarted(ts, 1, "backtest", VERSION, python, opening_hash(map(_encode, told))))


def opening_hash(encoded: Iterable[bytes]) -> str:
    """SHA-256, in hex, of the inputs before a session's start, each as the log holds it."""
    digest = sha256()
    for event in encoded:
        digest.update(event)
    return digest.hexdigest()


def _calendars(plan: Plan) -> Sequence[Event]:
    ts = plan.start_ts
    names = (terms.calendar for terms in _terms(plan))
    return calendar_events(names, ts=ts, from_ts=ts, to_ts=max(ts, plan.end_ts))


def _terms(plan: Plan) -> list[InstrumentConfig]:
    """The terms of every instrument of the run."""
    named = {instrument.symbol: instrument for instrument in plan.config.instruments}
    own = plan.config.portfolio.currency
    return [named.get(symbol) or InstrumentConfig(symbol=symbol, currency=own) for symbol in plan.symbols]


def _market_facts(plan: Plan) -> tuple[Event, ...]:
    """What the venue takes if that is not everything, and the terms of the instruments."""
    config, ts = plan.config, plan.start_ts
    takes = config.broker.capabilities()
    declared = VenueDeclared(
        ts, SimulatedBroker.name, takes.order_types, takes.times_in_force, takes.features
    )
    return (
        *((declared,) if config.broker.lacks else ()),
        *(terms.defined(ts) for terms in _terms(plan)),
    )


def data_inputs(store: EventStore, plan: Plan) -> AsyncIterator[list[Event]]:
    """The events of the plan's sources, merged by (ts, stream, seq)."""
    slices = [
        StreamSlice(source.stream, Selection(from_seq=source.first_seq, to_seq=source.last_seq))
        for source in plan.sources
    ]
    return merge(store, slices)


@exact
def core_of(plan: Plan, *, kept: Mapping[StrategyId, AnyStrategy] = NO_STRATEGIES) -> Core:
    """The plan's components, as if nothing had happened yet, with strategies made anew but those ``kept``."""
    placed = [
        PlacedStrategy(
            planned.strategy_id,
            kept.get(planned.strategy_id) or rebuilt(planned.loaded.strategy),
            planned.symbols,
            planned.was_told,
        )
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
        risk_rules=risk_rules(plan.models),
    )


class _Player:
    """Feeds a core and passes on what comes of it; between two inputs another core may take over."""

    def __init__(self, plan: Plan, sink: Sink, exchange: CoreExchange) -> None:
        config = plan.config
        self.played = 0
        """Data events so far."""
        self._core = core_of(plan)
        self._sink = sink
        self._places = deque(exchange.places)
        self._next_core = exchange.next_core
        self._commands = deque(
            command_inputs(config.commands, start_ts=plan.start_ts, currency=config.portfolio.currency)
        )

    async def own(self, event: Event) -> None:
        """Dispatch an input of the run's own; it is recorded before what followed from it."""
        bus = self._core.bus
        bus.dispatch((event,))
        ordinal = bus.state.input_count
        derived = bus.take_derived()
        before = sum(1 for cause in derived.causes if cause < ordinal)  # timers that fell due first
        events = [*derived.events[:before], event, *derived.events[before:]]
        causes = [*derived.causes[:before], -ordinal, *derived.causes[before:]]
        await self._sink.record(events, causes)

    async def data(self, inputs: list[Event]) -> None:
        """Play data events, and the commands and exchanges of cores that fall between them."""
        rest = inputs
        while self._places and self._places[0] <= self.played + len(rest):
            count = self._places.popleft() - self.played
            await self._data(rest[:count])
            rest = rest[count:]
            self._core = self._next_core(self._core)
        await self._data(rest)

    async def end(self) -> Played:
        """Play what comes after all data."""
        while self._places:
            self._places.popleft()
            self._core = self._next_core(self._core)
        while self._commands:
            await self.own(self._commands.popleft())
        await self.own(SessionStopped(self._core.bus.now, 1, "end of data"))
        return Played(self._core.bus.state.input_count, self._core.bus.now, self._core)

    async def _data(self, inputs: list[Event]) -> None:
        rest = inputs
        while self._commands and rest and self._commands[0].ts < rest[-1].ts:
            command = self._commands.popleft()
            place = bisect_right(rest, command.ts, key=_ts_of)
            await self._dispatch(rest[:place])
            await self.own(command)
            rest = rest[place:]
        await self._dispatch(rest)
        self.played += len(inputs)

    async def _dispatch(self, inputs: list[Event]) -> None:
        bus = self._core.bus
        bus.dispatch(inputs)
        if bus.derived.events:
            derived = bus.take_derived()
            await self._sink.record(derived.events, derived.causes)


async def _paced(batches: AsyncIterator[list[Event]], clock: HistoricalClock) -> AsyncIterator[list[Event]]:
    """The batches as they are or, if the clock is paced, cut by ``ts`` and each held until its time."""
    async for batch in batches:
        if not clock.is_paced:
            yield batch
            continue
        for ts, events in groupby(batch, key=_ts_of):
            await clock.reach(ts)
            yield list(events)
