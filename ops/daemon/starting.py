"""Starts a daemon: opens the store, recovers the log, makes the feeds, and runs until it is stopped.

A signal that arrives meanwhile is obeyed at once: lookups and the recovery are cancelled, and nothing is
recorded. The store is opened to the end first, which takes less than a second, so that it can be closed.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import SystemRandom

import structlog

from brokers.feeds.config import FeedConfig, PlaybackFeedConfig, PlayedTimes
from brokers.feeds.hours import FeedHours
from brokers.feeds.making import make_pipelines
from brokers.feeds.pipeline import FeedPipeline
from eventstore import StoreOnDisk, open_store
from eventstore.snapshot_files import SnapshotFiles
from kernel.clock import Clock, PlaybackClock, RealTimeClock
from kernel.decimals import exact
from kernel.errors import ConfigError
from kernel.identifiers import StrategyId
from ops.alerts.alerting import Alerting
from ops.alerts.sending import require_library
from ops.alerts.standard_rules import check_rules
from ops.control.making import ControlParts
from ops.daemon.advising import Advising
from ops.daemon.allocator import keep_large_buffers_apart
from ops.daemon.broker import broker_of
from ops.daemon.canary import CanaryWatch
from ops.daemon.daemon import Daemon
from ops.daemon.day_reports import DayReports
from ops.daemon.deploying import Deploying
from ops.daemon.feed_hours import CoreHours
from ops.daemon.hours import hours_apart
from ops.daemon.reloading import Reloading
from ops.daemon.service import Service
from ops.daemon.shadow import Shadow, shadow_of
from ops.daemon.signals import StopAsked, stop_by_signal
from ops.daemon.upkeep import Upkeep
from ops.daemon.workers import Workers
from ops.secret_sources import SecretPlaces
from ops.traces.exporting import OtlpExporter
from ops.traces.exporting import require_library as require_otel
from ops.traces.order_traces import OrderTraces
from ops.traces.tracing import Tracing
from replay.played_streams import first_ts, played_before, recorded_streams
from replay.reopening import Orphan
from replay.run_config import Mode, RunConfig, secrets_of
from replay.session import LiveSession, begin_session
from replay.session_snapshots import FOLDER, SessionSnapshots

_log = structlog.get_logger()


def check_runnable(config: RunConfig) -> None:
    """Raise ``ConfigError`` for a configuration that is not for a daemon, or not for this version."""
    if config.mode is Mode.BACKTEST:
        raise ConfigError("mode: a backtest is run by `replay`; for `onetape run` write mode: paper")
    if not config.feeds:
        raise ConfigError("feeds: expected at least one; without a feed there is no market data")
    check_rules(config.alerts)
    require_library(config.alerts.channels)
    if config.traces.endpoint:
        require_otel()


@exact
async def run_daemon(
    config: RunConfig, *, orphans: Mapping[StrategyId, Orphan], stops_with_feeds: bool
) -> None:
    """Run a daemon to its end. Raises ``ConfigError``, ``StoreError`` and others of the engine."""
    check_runnable(config)
    keep_large_buffers_apart()
    secrets = _secrets_of(config)
    wall, service = RealTimeClock(), Service()
    async with stop_by_signal() as stop:
        clock = await _clock_of(config.feeds)
        store = await open_store(config.store, durability=config.durability, segments=config.segments)
        try:
            _warn_of_loss(store)
            service.doing("recovering")
            snapshots = _snapshots_of(config, store)
            async with stop.interrupting():
                session = await _session(config, store, clock=clock, orphans=orphans, snapshots=snapshots)
                played = await _played(config, store)
            shadow = await _shadow(config, session, store, wall=wall)
            broker = await broker_of(config, session, store, secrets=secrets, clock=clock)
            feeds = _feeds(config, session, clock=clock, secrets=secrets, played=played)
            upkeep = Upkeep(config, store, snapshots=snapshots, clock=wall)
            reloading = Reloading(config, session, store=store, clock=clock)
            deploying = Deploying(config, session, reloading)
            canaries = CanaryWatch(session, deploying, log=config.log, clock=clock, wall=wall)
            await canaries.begin(store)
            alerting = Alerting(
                config, session, feeds=feeds, upkeep=upkeep, secrets=secrets, clock=clock, wall=wall
            )
            tracing = await _begin_edges(config, session, store, alerting=alerting, clock=clock, wall=wall)
            control = ControlParts(
                config,
                session,
                store,
                upkeep=upkeep,
                reloading=reloading,
                deploying=deploying,
                alerting=alerting,
                stop=stop,
                clock=wall,
            )
            await control.prepare()
            await Daemon(
                config,
                session,
                feeds=feeds,
                broker=broker,
                upkeep=upkeep,
                reports=DayReports(config, clock=wall),
                reloading=reloading,
                canaries=canaries,
                alerting=alerting,
                tracing=tracing,
                shadow=shadow,
                control=control.control,
                workers=Workers(config, session, clock=wall, random=SystemRandom().random),
                service=service,
                clock=wall,
                stops_with_feeds=stops_with_feeds,
            ).run(stop)
        except StopAsked:
            _log.info("stopped_while_recovering", reason=stop.reason)
        finally:
            await store.close()
            service.close()


async def _session(
    config: RunConfig,
    store: StoreOnDisk,
    *,
    clock: Clock,
    orphans: Mapping[StrategyId, Orphan],
    snapshots: SessionSnapshots,
) -> LiveSession:
    """The session on the recovered log."""
    return await begin_session(
        store,
        config.log,
        config,
        clock=clock,
        mode=config.mode.value,
        engine_config=config.engine,
        orphans=orphans,
        hours=hours_apart,
        snapshots=snapshots,
    )


async def _shadow(
    config: RunConfig, session: LiveSession, store: StoreOnDisk, *, wall: Clock
) -> Shadow | None:
    """The twin of mode ``shadow``."""
    if config.mode is not Mode.SHADOW:
        return None
    return await shadow_of(store, config.log, session.engine, config=config.shadow, wall=wall)


async def _begin_edges(
    config: RunConfig,
    session: LiveSession,
    store: StoreOnDisk,
    *,
    alerting: Alerting,
    clock: Clock,
    wall: Clock,
) -> Tracing | None:
    """Subscribe the edges that tell people and programs. Before the engine runs. Returns that of traces."""
    await alerting.begin(store)
    if config.mode is Mode.ADVISORY:
        advising = Advising(config.log, channels=config.alerts.advice, put=alerting.put, clock=clock)
        await advising.begin(store, session.engine)
    if not config.traces.endpoint:
        return None
    traces = OrderTraces(config.log, epoch=session.epoch, sample=config.traces.sample)
    exporter = OtlpExporter(config.traces.endpoint, log=config.log)
    tracing = Tracing(store, config.log, traces, exporter, clock=clock, wall=wall)
    await tracing.begin(session.engine)
    return tracing


def _secrets_of(config: RunConfig) -> SecretPlaces:
    """The places of secrets. Raises ``ConfigError`` if one of the configuration is not there."""
    places = SecretPlaces(config.secrets.folder)
    for reference in secrets_of(config).values():
        places.look_up(reference)
    return places


def _snapshots_of(config: RunConfig, store: StoreOnDisk) -> SessionSnapshots:
    files = SnapshotFiles.kept_by(config.snapshots, Path(config.store) / FOLDER)
    return SessionSnapshots(files, store=store, log=config.log)


async def _played(config: RunConfig, store: StoreOnDisk) -> dict[str, int]:
    """By playback feed, how many recorded events were played before."""
    return {
        feed.name: await played_before(store, config.log, feed)
        for feed in config.feeds
        if isinstance(feed, PlaybackFeedConfig)
    }


def _feeds(
    config: RunConfig,
    session: LiveSession,
    *,
    clock: Clock,
    secrets: SecretPlaces,
    played: Mapping[str, int],
) -> Sequence[FeedPipeline]:
    """The feeds, which post into the session's engine."""
    return make_pipelines(
        config.feeds,
        post=session.engine.post_all,
        report=session.engine.report,
        clock=clock,
        random=SystemRandom().random,
        open_streams=recorded_streams,
        hours=_hours_of(config.feeds, session),
        secrets=secrets,
        played=played,
    )


async def _clock_of(feeds: Sequence[FeedConfig]) -> Clock:
    """The wall clock; for recorded data with their own times, the time of those."""
    kept = [feed for feed in feeds if isinstance(feed, PlaybackFeedConfig) and feed.times is PlayedTimes.KEPT]
    if not kept:
        return RealTimeClock()
    if len(kept) < len(feeds):
        raise ConfigError("feeds: times: kept is for all feeds or for none, because the engine has one clock")
    speeds = {None if feed.speed == "max" else float(feed.speed) for feed in kept}
    if len(speeds) > 1:
        raise ConfigError(
            "feeds: with times: kept all feeds need the same speed, because the engine has one clock"
        )
    return PlaybackClock(min([await first_ts(feed) for feed in kept]), speeds.pop())


def _hours_of(feeds: Sequence[FeedConfig], session: LiveSession) -> dict[str, FeedHours]:
    """The hours of the calendars that feeds name."""
    named, known = {feed.calendar for feed in feeds}, session.core.hours.state.sessions
    return {calendar: CoreHours(session, calendar) for calendar in named if calendar in known}


def _warn_of_loss(store: StoreOnDisk) -> None:
    if store.possible_loss:
        _log.warning("commits_may_be_missing", what=store.possible_loss, pid=os.getpid())
