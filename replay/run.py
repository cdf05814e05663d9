"""Plays inputs through the core: the one function behind backtest and verification.

A backtest has inputs of its own (configuration, code, instruments, cash, commands) and the events of its data
streams, numbered together from 1. A live log has only inputs of its own. Own inputs and derived events go to
a sink with their causes: a recorder appends them to the run's stream, a verifier compares them with it.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing
from itertools import groupby
from operator import attrgetter
from typing import Protocol

import msgspec

from brokers.simulated.funds import FundsRules
from components.assembly.core import Core
from components.assembly.opening import opening_inputs, trading_hours
from components.assembly.setup import CoreSetup, core_of
from eventstore import EventStore, Selection, StreamSlice, merge
from kernel import snapshot
from kernel.bus import EventBus
from kernel.clock import HistoricalClock
from kernel.decimals import exact
from kernel.errors import ReplayDiverged
from kernel.events import CalendarDefined, Event, RunStarted, SessionStopped, StreamRange
from kernel.records import interleaved
from kernel.reopenings import Reopenings
from kernel.rules import FIRST_RULES
from replay.commands import command_inputs
from replay.config import ReplayConfig
from replay.live_venue import DeclaredVenue
from replay.run_config import live_venue
from replay.simulated_venue import SimulatedVenue

BACKTEST = "backtest"

Opening = Sequence[Event]
"""The inputs with which a later session begins whose configuration or code has changed."""

Progress = Callable[[int], None]
"""Called after each list of inputs, with the number of inputs played after the opening, without commands."""

AtRest = Callable[[Core, int], Awaitable[None]]
"""Gets the core between two inputs, and how many inputs were played as ``Progress`` counts them."""

AT_REST_EVERY = 2_048
"""Most inputs between two such moments: a tenth of a second of bars, two milliseconds of quotes."""

_ts_of = attrgetter("ts")


class Plan(CoreSetup, frozen=True, kw_only=True):
    """Everything that determines a run; two runs of one plan are equal bit for bit.

    - ``sources``: the data streams to play. A live log has none: its inputs are in its own stream.
    - ``event_count``: the number of inputs after the opening, without the configured commands.
    - ``end_ts``: the latest possible time of the last data event. Calendars must reach that far.
    - ``mode``: the mode that is recorded in the log.
    - ``opening``: the recorded opening inputs. If empty, they are made from the other fields.
    - ``log``: the live log to play again; ``None`` for a run over data streams.
    """

    config: ReplayConfig
    sources: tuple[StreamRange, ...]
    start_ts: int
    event_count: int
    end_ts: int = 0
    mode: str = BACKTEST
    opening: tuple[Event, ...] = ()
    log: StreamRange | None = None

    @property
    def venue(self) -> SimulatedVenue | DeclaredVenue:
        """The venue that executes its orders."""
        config, funds = self.config, None
        live = live_venue(config)
        if live is not None:
            return live
        if self.rules > FIRST_RULES:
            risk, currency = config.risk, config.portfolio.currency
            funds = FundsRules(risk.require_cash, bool(risk.require_margin), currency)
        return SimulatedVenue(config.broker, self.models, funds, self.rules)


class Sink(Protocol):
    """The receiver of a run's records."""

    async def record(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Take records in order; a cause -k marks the k-th input, +k an event derived after it."""
        ...


class CoreReplacement(msgspec.Struct, frozen=True):
    """Replacements of the core.

    - ``places``: after how many inputs of the data or the live log. The opening and commands do not count.
    - ``next_core``: makes the next core from the present one, its plan, and the openings of later sessions
      that were played so far.
    """

    places: tuple[int, ...]
    next_core: Callable[[Core, Plan, Sequence[Opening]], Core]


NO_REPLACEMENT = CoreReplacement((), lambda core, _plan, _openings: core)


def _no_next_plan(_plan: Plan, opening: Opening) -> Plan:
    """For runs over data streams, which have one session."""
    raise ReplayDiverged(f"a run over data streams has another opening of {len(opening)} inputs")


def core_after(plan: Plan, bus: EventBus) -> Core:
    """The core of a later session, with the states of the core on ``bus``.

    Raises ``ComponentError`` if a state does not fit.
    """
    core = core_of(plan, plan.venue)
    snapshot.take_over(core.bus, snapshot.take(bus))
    return core


class Played(msgspec.Struct, frozen=True):
    """The result of playing a run."""

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
    replacement: CoreReplacement = NO_REPLACEMENT,
    next_plan: Callable[[Plan, Opening], Plan] = _no_next_plan,
    at_rest: AtRest | None = None,
) -> Played:
    """Run the plan from beginning to end.

    ``next_plan``: the plan of a later session, from its opening. ``at_rest``: gets the core after each list
    of inputs.
    """
    player = _Player(plan, sink, replacement, next_plan)
    for event in plan.opening or opening_of(plan):
        await player.own((event,))
    most = None if at_rest is None else AT_REST_EVERY
    async for batch in _paced(later_inputs(store, plan), clock or HistoricalClock()):
        for part in (batch,) if most is None else _parts(batch, most):
            await player.take(part)
            if progress is not None:
                progress(player.played)
            if at_rest is not None:
                await at_rest(player.core, player.played)
    return await player.end()


def opening_of(plan: Plan, *, calendars: Sequence[CalendarDefined] | None = None) -> tuple[Event, ...]:
    """The opening of a run: its own inputs before the first data event.

    Trading hours are looked up unless ``calendars`` are given. Raises ``ConfigError`` for an unknown
    calendar.
    """
    config, ts = plan.config, plan.start_ts
    if calendars is None:
        calendars = trading_hours(plan, from_ts=ts, to_ts=max(ts, plan.end_ts))
    started = RunStarted(
        ts,
        plan.sources,
        plan.symbols,
        config.from_ts or 0,
        config.to_ts or 0,
        symbols_ahead=False,
        rules=plan.rules,
    )
    return opening_inputs(plan, plan.venue, started=started, calendars=calendars, mode=plan.mode)


def later_inputs(store: EventStore, plan: Plan) -> AsyncIterator[list[Event]]:
    """The inputs after the opening: merged from the sources by (ts, stream, seq), or from the live log."""
    if plan.log is not None:
        return _logged_inputs(store, plan.log, after=len(plan.opening))
    slices = [
        StreamSlice(source.stream, Selection(from_seq=source.first_seq, to_seq=source.last_seq))
        for source in plan.sources
    ]
    return merge(store, slices)


def with_commands(inputs: list[Event], commands: deque[Event]) -> Iterator[tuple[list[Event], bool]]:
    """Data in parts, with the commands that are due before its end, each with the answer whether it is one.

    A command comes after all data of its time. Those that are given are taken from ``commands``.
    """
    rest = inputs
    while commands and rest and commands[0].ts < rest[-1].ts:
        command = commands.popleft()
        place = bisect_right(rest, command.ts, key=_ts_of)
        if place:
            yield rest[:place], False
        yield [command], True
        rest = rest[place:]
    if rest:
        yield rest, False


async def _logged_inputs(store: EventStore, log: StreamRange, *, after: int) -> AsyncIterator[list[Event]]:
    """The inputs of a live log, without the first ``after``."""
    async with aclosing(store.read(log.stream, Selection(to_seq=log.last_seq))) as batches:
        async for batch in batches:
            inputs = [
                event for event, cause in zip(batch.events, batch.causes or (), strict=True) if cause < -after
            ]
            if inputs:
                yield inputs


class _Player:
    """Feeds a core and passes its records on. Between two inputs another core may replace it."""

    def __init__(
        self,
        plan: Plan,
        sink: Sink,
        replacement: CoreReplacement,
        next_plan: Callable[[Plan, Opening], Plan],
    ) -> None:
        config = plan.config
        self._plan = plan
        self._next_plan = next_plan
        self._reopenings = Reopenings(has_begun=True)
        self._openings: list[Opening] = []
        self.played = 0
        """Inputs after the opening so far."""
        self._core = core_of(plan, plan.venue)
        self._sink = sink
        self._is_log = plan.log is not None
        self._places = deque(replacement.places)
        self._next_core = replacement.next_core
        self._commands = deque(
            command_inputs(config.commands, start_ts=plan.start_ts, currency=config.portfolio.currency)
        )

    @property
    def core(self) -> Core:
        """The core that runs."""
        return self._core

    async def own(self, inputs: Sequence[Event]) -> None:
        """Dispatch the run's own inputs, and pass them on with the events derived from them."""
        bus = self._core.bus
        first_ordinal = bus.state.input_count + 1
        bus.dispatch(inputs)
        records = interleaved(inputs, bus.take_derived(), first_ordinal=first_ordinal)
        await self._sink.record(records.events, records.causes)

    async def take(self, inputs: list[Event]) -> None:
        """Play later inputs, and the commands and replacements of the core between them."""
        rest = inputs
        while self._places and self._places[0] <= self.played + len(rest):
            count = self._places.popleft() - self.played
            await self._take(rest[:count])
            rest = rest[count:]
            self._replace()
        await self._take(rest)

    async def end(self) -> Played:
        """Make the replacements and play the commands that are left, then ``SessionStopped``.

        A live log already contains its ``SessionStopped``.
        """
        while self._places:
            self._places.popleft()
            self._replace()
        self._reopenings.finish()
        while self._commands:
            await self.own((self._commands.popleft(),))
        if not self._is_log:
            await self.own((SessionStopped(self._core.bus.now, 1, "end of data"),))
        return Played(self._core.bus.state.input_count, self._core.bus.now, self._core)

    async def _take(self, inputs: list[Event]) -> None:
        for part, is_command in with_commands(inputs, self._commands):
            await (self.own(part) if is_command else self._dispatch(part))
        self.played += len(inputs)

    def _replace(self) -> None:
        self._core = self._next_core(self._core, self._plan, self._openings)

    async def _dispatch(self, inputs: list[Event]) -> None:
        if self._is_log:
            for part, is_opening in self._reopenings.parts(inputs):
                if is_opening:
                    self._openings.append(part)
                    self._plan = self._next_plan(self._plan, part)
                    self._core = core_after(self._plan, self._core.bus)
                await self.own(part)
            return
        bus = self._core.bus
        bus.dispatch(inputs)
        if bus.derived.events:
            derived = bus.take_derived()
            await self._sink.record(derived.events, derived.causes)


def _parts(batch: list[Event], most: int) -> Iterator[list[Event]]:
    """A list of inputs in parts."""
    if len(batch) <= most:
        yield batch
        return
    for start in range(0, len(batch), most):
        yield batch[start : start + most]


async def _paced(batches: AsyncIterator[list[Event]], clock: HistoricalClock) -> AsyncIterator[list[Event]]:
    """The batches as they are. If the clock is paced, split by ``ts``, each part delayed until its time."""
    async for batch in batches:
        if not clock.is_paced:
            yield batch
            continue
        for ts, events in groupby(batch, key=_ts_of):
            await clock.reach(ts)
            yield list(events)
