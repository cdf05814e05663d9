"""A session on a live log: an engine that continues at the end of the log.

The log begins like the stream of a backtest, with configuration, code, trading hours and instruments as
inputs, and also contains its market data. So ``replay verify``, ``replay journal`` and ``replay report`` can
read it.

    session = await begin_session(store, "paper", config, clock=RealTimeClock(), mode="paper")
    async with asyncio.TaskGroup() as group:
        group.create_task(session.engine.run(), name="engine")
        await session.engine.post(quote)
        ...
        session.stop("end of day")
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from types import MappingProxyType
from typing import Protocol

import msgspec

from components.assembly.code_on_disk import code_on_disk
from components.assembly.core import Core
from components.assembly.opening import session_started, trading_hours
from components.assembly.settings import StrategyConfig, with_account_values
from components.assembly.setup import CoreSetup
from components.assembly.user_models import load_rules
from components.pauses import Pauses
from eventstore import EventStore, Selection, StreamTape
from eventstore.backup import least_epoch
from eventstore.text_log import text_log
from kernel.clock import Clock
from kernel.decimals import exact
from kernel.engine import CoreEngine, EngineConfig
from kernel.errors import ComponentError, ConfigError, ReplayDiverged
from kernel.events import CalendarDefined, Event, RunStarted, SessionStarted, SessionStopped
from kernel.identifiers import StrategyId
from kernel.time_units import DAY_NS, SECOND_NS
from replay.config import ReplayConfig, check_config, check_live_inputs
from replay.declared_needs import check_declared_live
from replay.deploying.deployments import Deployments, read_deployments, with_deployed
from replay.live_change import (
    Change,
    Codes,
    check_while_running,
    codes_that_stay,
    opening_of_change,
    refused_versions,
    without_refused,
)
from replay.planned_strategies import planned_strategies
from replay.record import checked_plan, live_places, named_symbols, read_record
from replay.reopening import (
    Cores,
    Orphan,
    check_change,
    commands_for_orphans,
    is_changed,
    opening_after,
)
from replay.run import BACKTEST, Plan, opening_of
from replay.run_config import config_hash
from replay.session_snapshots import SessionSnapshots
from replay.simulated_venue import load_models
from strategies.sdk.loading import LoadedStrategy

DEFAULTS = EngineConfig()

HOURS_AHEAD_NS = 270 * DAY_NS
"""Trading hours are recorded this far ahead; exchanges announce holidays about a year before."""


class Hours(Protocol):
    """Looks up the trading hours of a setup's instruments, stamped ``from_ts``. It takes seconds."""

    async def __call__(
        self, setup: CoreSetup, *, from_ts: int, to_ts: int
    ) -> tuple[CalendarDefined, ...]: ...


async def hours_here(setup: CoreSetup, *, from_ts: int, to_ts: int) -> tuple[CalendarDefined, ...]:
    """Look them up in this process, while nothing else goes on."""
    return trading_hours(setup, from_ts=from_ts, to_ts=to_ts)


NO_ORPHANS: Mapping[StrategyId, Orphan] = MappingProxyType({})


class LiveSession:
    """An engine over a live log.

    ``epoch`` counts the sessions of the log: from 1; with a real venue from the second of its begin; after
    a restore from ``least_epoch``. It is recorded and part of every order's id.
    """

    def __init__(
        self,
        engine: CoreEngine,
        cores: Cores,
        *,
        clock: Clock,
        epoch: int,
        deployments: Deployments | None = None,
    ) -> None:
        self.engine = engine
        self.epoch = epoch
        self.cores = cores
        self.deployments = deployments or Deployments()
        """The deployments of the log."""
        self._clock = clock
        self._has_ended = False

    @property
    def core(self) -> Core:
        """The core that runs."""
        return self.cores.core

    @property
    def plan(self) -> Plan:
        """What the core was made of."""
        return self.cores.plan

    def is_paused(self, strategy: StrategyId) -> bool:
        """Whether an operator paused the strategy and has not resumed it."""
        pauses = self.core.bus.components[Pauses.name]
        assert isinstance(pauses, Pauses)
        return pauses.is_paused(strategy)

    async def change(
        self,
        change: Change,
        *,
        orphans: Mapping[StrategyId, Orphan] = NO_ORPHANS,
        hours: Hours = hours_here,
    ) -> int:
        """Go on with another configuration or other code, between two events; returns the seq of the change.

        Strategies that are new or have other code or parameters start again (``on_start``), with the state
        that they had. Everything else goes on. Raises ``ConfigError``, ``InputError``, ``StrategyRefused`` or
        ``ComponentError`` for a change that cannot be made; nothing is changed or recorded then.
        """
        before = self.plan
        config = before.config if change.config is None else change.config
        check_while_running(before.config, config)
        codes = Codes(before, change, refused_versions(self.core))
        after = await asyncio.to_thread(
            live_plan, config, ts=self._clock.now(), mode=before.mode, loaded=None, code_of=codes
        )
        after = msgspec.structs.replace(after, assumed=before.assumed, rules=before.rules)
        calendars = await self._new_hours(after, hours)
        made: list[Event] = []

        def opening_at(ts: int) -> tuple[Event, ...]:
            if self.plan is not before:
                raise ConfigError("the session was changed by somebody else at the same time; try again")
            check_change(before, after, self.core, orphans)
            if not (is_changed(before, after) or change.is_told):
                raise ConfigError("nothing has changed: configuration and code are those that run")
            made[:] = opening_of_change(
                before,
                after,
                change,
                ts=ts,
                epoch=self.epoch,
                calendars=calendars,
                file_hash=self._file_hash(before, after),
            )
            return tuple(made)

        seq = await self.engine.change(opening_at)
        for event in made:
            self.deployments.fold(event)
        commands = commands_for_orphans(
            before,
            after,
            self.core,
            orphans,
            ts=self._clock.now(),
            operator=change.operator,
            reason=change.reason,
        )
        for command in commands:
            self.engine.report(command)
        return seq

    def _file_hash(self, before: Plan, after: Plan) -> str:
        """The hash of the configuration in the file, if changes of operators hold over it from now on."""
        if self.cores.file_hash or before.config == after.config:
            return self.cores.file_hash
        return config_hash(before.config)

    async def _new_hours(self, after: Plan, hours: Hours) -> tuple[CalendarDefined, ...]:
        """The trading hours that a changed plan needs and the core does not know."""
        named = {terms.calendar for terms in after.instruments if terms.calendar}
        if named <= set(self.core.hours.state.sessions):
            return ()
        now = self._clock.now()
        return await hours(after, from_ts=now, to_ts=now + HOURS_AHEAD_NS)

    def end(self, reason: str = "") -> None:
        """Tell the strategies that the session ends. What they decide then still counts until ``stop``."""
        if not self._has_ended:
            self._has_ended = True
            self.engine.report(SessionStopped(self._clock.now(), self.epoch, reason))

    def stop(self, reason: str = "") -> None:
        """End the session. ``engine.run`` returns after all inputs taken are durable and delivered."""
        self.end(reason)
        self.engine.stop()


@exact
async def begin_session(
    store: EventStore,
    log: str,
    config: ReplayConfig,
    *,
    clock: Clock,
    mode: str,
    loaded: Sequence[LoadedStrategy] | None = None,
    engine_config: EngineConfig = DEFAULTS,
    orphans: Mapping[StrategyId, Orphan] = NO_ORPHANS,
    hours: Hours = hours_here,
    snapshots: SessionSnapshots | None = None,
) -> LiveSession:
    """Make the core of a live log, recover it to the end of the log, and record the start of a session.

    - A new log begins with ``config``. Its symbols are those that ``instruments`` and the strategies name;
      its orders go to the simulated venue. ``loaded`` replaces ``config.strategies``.
    - An existing log is recovered with the configuration and the sources that it holds. Then the session
      begins with those of today: if anything has changed, with an opening of its own (``reopening``). What
      operators changed while a session ran holds as long as ``config`` is what it was then. Strategies that
      were deployed go on with the version that was deployed, whatever ``config`` says of them.
    - ``orphans``: what becomes of the positions of strategies that are gone.
    - ``hours`` looks trading hours up.
    - ``snapshots``: the recovery begins with the newest one that fits; without it, at the start of the log.
    - ``mode`` is only recorded; nothing depends on it.
    - A new log with a real venue begins with an epoch that no other log has: venues take an id once for ever.
    - In a store that was restored from a backup, the session has an epoch that the original never has.

    Run ``session.engine`` next. Raises ``ConfigError`` for a configuration that cannot run live, or that
    cannot follow the one of the log; ``ReplayDiverged`` if the core derives other events than the log holds;
    ``StreamMissing`` for a stream that is not a live log.
    """
    today = live_plan(config, ts=clock.now(), mode=mode, loaded=loaded)
    tape = StreamTape(store, log)
    if not (await store.head(log)).seq:
        opening, epoch = await _first_opening(store, today, hours)
        cores = Cores(today, opening, started=_start_of(opening))
        engine = CoreEngine(cores.core.bus, tape=tape, clock=clock, config=engine_config, reopen=cores.reopen)
        await engine.recover()
        for event in opening:
            engine.report(event)
        return LiveSession(engine, cores, clock=clock, epoch=epoch)
    engine, cores = await recovered(store, log, clock=clock, engine_config=engine_config, snapshots=snapshots)
    epoch = max(engine.last_epoch + 1, await least_epoch(store))
    file_hash = _still_over(cores, today)
    deployments = await read_deployments(store, log)
    deployed = deployments.strategies
    if deployed or file_hash:
        goes_on = cores.plan.config
        if not file_hash:
            file_hash = config_hash(today.config)
            goes_on = msgspec.structs.replace(
                today.config, strategies=with_deployed(today, cores.plan, deployed)
            )
        code_of = codes_that_stay(cores.plan, deployed)
        today = live_plan(goes_on, ts=clock.now(), mode=mode, loaded=loaded, code_of=code_of)
    await _begin_next(
        engine,
        cores,
        today,
        epoch=epoch,
        ts=clock.now(),
        orphans=orphans,
        hours=hours,
        file_hash=file_hash,
    )
    return LiveSession(engine, cores, clock=clock, epoch=epoch, deployments=deployments)


async def recovered(
    store: EventStore,
    log: str,
    *,
    clock: Clock,
    engine_config: EngineConfig = DEFAULTS,
    snapshots: SessionSnapshots | None = None,
) -> tuple[CoreEngine, Cores]:
    """The engine of a log at its end, and its cores; nothing is appended.

    Raises ``ReplayDiverged`` and ``StreamMissing`` as ``begin_session`` does.
    """
    restored = None if snapshots is None else await snapshots.restore()
    cores = await _first_cores(store, log) if restored is None else restored.cores
    tape = StreamTape(store, log)
    engine = CoreEngine(cores.core.bus, tape=tape, clock=clock, config=engine_config, reopen=cores.reopen)
    try:
        if restored is None:
            await engine.recover()
        else:
            await engine.recover(after_seq=restored.seq, epoch=restored.epoch)
    except ReplayDiverged as diverged:
        if made_by := await _other_version(store, log):
            raise ReplayDiverged(
                f"{diverged}. The log was last written by {made_by}; this is {_this_version()}. Recover it "
                "with that version (onetape recover FILE), then start this one"
            ) from diverged
        raise
    return engine, cores


def _this_version() -> str:
    session = session_started(0, epoch=0, mode="")
    return f"onetape {session.version} under Python {session.python}"


async def _other_version(store: EventStore, log: str) -> str:
    """The version of the last session of a log, in words; empty if it is this one."""
    last = _this_version()
    async with aclosing(store.read(log, Selection(types=frozenset({SessionStarted})))) as batches:
        async for batch in batches:
            for event in batch.events:
                assert isinstance(event, SessionStarted)
                last = f"onetape {event.version} under Python {event.python}"
    return "" if last == _this_version() else last


async def _first_cores(store: EventStore, log: str) -> Cores:
    """The core of the opening of a log."""
    record = await read_record(store, log)
    plan = await checked_plan(store, record, current_code=False)
    return Cores(plan, record.opening, started=record.started)


async def _first_opening(store: EventStore, today: Plan, hours: Hours) -> tuple[Sequence[Event], int]:
    """The opening of a new log, and its epoch."""
    calendars = await hours(today, from_ts=today.start_ts, to_ts=today.end_ts)
    *told, started = opening_of(today, calendars=calendars)
    epoch = await least_epoch(store)
    if not today.venue.is_in_core:
        epoch = max(epoch, today.start_ts // SECOND_NS)
    return (*told, msgspec.structs.replace(started, epoch=epoch)), epoch


def _start_of(opening: Sequence[Event]) -> RunStarted:
    started = opening[0]
    assert isinstance(started, RunStarted)
    return started


def _still_over(cores: Cores, today: Plan) -> str:
    """The hash of the file over which changes of operators hold, if the file is still as it was."""
    if not cores.file_hash:
        return ""
    if config_hash(today.config) == cores.file_hash:
        return cores.file_hash
    text_log().warning("changes_of_operators_end", why="the configuration file was changed since")
    return ""


async def _begin_next(
    engine: CoreEngine,
    cores: Cores,
    today: Plan,
    *,
    epoch: int,
    ts: int,
    orphans: Mapping[StrategyId, Orphan],
    hours: Hours,
    file_hash: str,
) -> None:
    """Begin a later session: with an opening if configuration or code has changed."""
    before, core = cores.plan, cores.core
    today = msgspec.structs.replace(today, assumed=before.assumed, rules=before.rules)
    today = without_refused(before, today, refused_versions(core))
    check_change(before, today, core, orphans)
    if not is_changed(before, today):
        engine.report(session_started(ts, epoch=epoch, mode=today.mode))
        return
    calendars = await hours(today, from_ts=ts, to_ts=max(ts, today.end_ts))
    try:
        opening = opening_after(before, today, ts=ts, epoch=epoch, calendars=calendars, file_hash=file_hash)
        engine.reopen(opening)
    except ComponentError as error:
        raise ConfigError(f"the log cannot go on with this configuration: {error}") from error
    for command in commands_for_orphans(before, today, core, orphans, ts=ts):
        engine.report(command)


def live_plan(
    config: ReplayConfig,
    *,
    ts: int,
    mode: str,
    loaded: Sequence[LoadedStrategy] | None,
    code_of: Callable[[StrategyConfig], LoadedStrategy] = code_on_disk,
) -> Plan:
    """The plan of a session from now on, by this configuration and, unless told otherwise, the code on disk.

    It may have no strategies yet: they are deployed. Raises ``ConfigError`` or ``InputError`` for what cannot
    run live.
    """
    check_config(config)
    config = with_account_values(config)
    check_live_inputs(config)
    if mode == BACKTEST:
        raise ConfigError(f"mode: {mode!r} is only for a replay; expected another one, for example paper")
    symbols = named_symbols(config)
    if not symbols:
        raise ConfigError("instruments: expected at least one; a live log trades the instruments named there")
    has_some = loaded is not None or config.enabled_strategies
    strategies = planned_strategies(config, symbols, loaded, code_of) if has_some else ()
    strategies = live_places(strategies, config)
    check_declared_live(strategies, config)
    return Plan(
        config=config,
        sources=(),
        symbols=symbols,
        strategies=strategies,
        models=(*load_models(config.broker), *load_rules(config.risk)),
        start_ts=ts,
        event_count=0,
        end_ts=ts + HOURS_AHEAD_NS,
        mode=mode,
    )
