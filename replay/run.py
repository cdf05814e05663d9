"""Plays data streams through the core: the one function behind backtest, verification and stepping.

A run's inputs are its own (what it was told: configuration, code, instruments, cash, commands) and the events
of its data streams, numbered together from 1. What comes out, own inputs and derived events with
their causes, goes to a sink: a recorder appends it to the run's stream, a verifier compares it.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Protocol

import msgspec

from components.assembly.core import Core
from components.assembly.opening import opening_inputs, trading_hours
from components.assembly.setup import CoreSetup, core_of
from eventstore import EventStore, Selection, StreamSlice, merge
from kernel.clock import HistoricalClock
from kernel.decimals import exact
from kernel.events import CalendarDefined, Event, RunStarted, SessionStopped, StreamRange
from replay.commands import command_inputs
from replay.config import ReplayConfig
from replay.simulated_venue import SimulatedVenue

MODE = "backtest"

Progress = Callable[[int], None]
"""Called with the number of data events played so far, about once per thousand."""

_ts_of = attrgetter("ts")


class Plan(CoreSetup, frozen=True, kw_only=True):
    """Everything that determines a run; two runs of one plan are equal bit for bit.

    - ``end_ts``: when the last data event is at the latest. Calendars must reach that far.
    - ``opening``: the run's own first inputs as they were recorded; empty: to be made from the rest.
    """

    config: ReplayConfig
    sources: tuple[StreamRange, ...]
    start_ts: int
    event_count: int
    end_ts: int = 0
    opening: tuple[Event, ...] = ()

    @property
    def venue(self) -> SimulatedVenue:
        """Where its orders are executed."""
        return SimulatedVenue(self.config.broker, self.models)


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
    for event in plan.opening or opening_of(plan):
        await player.own(event)
    async for batch in _paced(data_inputs(store, plan), clock or HistoricalClock()):
        await player.data(batch)
        if progress is not None:
            progress(player.played)
    return await player.end()


def opening_of(plan: Plan, *, calendars: Sequence[CalendarDefined] | None = None) -> tuple[Event, ...]:
    """What the run is told before its first data event, as input events.

    Trading hours are looked up unless ``calendars`` are given. Raises ``ConfigError`` for some that cannot
    be had.
    """
    config, ts = plan.config, plan.start_ts
    if calendars is None:
        calendars = trading_hours(plan, from_ts=ts, to_ts=max(ts, plan.end_ts))
    started = RunStarted(
        ts, plan.sources, plan.symbols, config.from_ts or 0, config.to_ts or 0, symbols_ahead=False
    )
    return opening_inputs(plan, plan.venue, started=started, calendars=calendars, mode=MODE)


def data_inputs(store: EventStore, plan: Plan) -> AsyncIterator[list[Event]]:
    """The events of the plan's sources, merged by (ts, stream, seq)."""
    slices = [
        StreamSlice(source.stream, Selection(from_seq=source.first_seq, to_seq=source.last_seq))
        for source in plan.sources
    ]
    return merge(store, slices)


class _Player:
    """Feeds a core and passes on what comes of it; between two inputs another core may take over."""

    def __init__(self, plan: Plan, sink: Sink, exchange: CoreExchange) -> None:
        config = plan.config
        self.played = 0
        """Data events so far."""
        self._core = core_of(plan, plan.venue)
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
