"""The daemon: a session on a live log, feeds that post into it, and tasks that keep it in order.

What it remembers: the parts and their tasks. All state of trading is in the log.

What changes it: a signal stops it in stages, each with a time limit: feeds, engine, snapshot; then the store
is closed. After a second signal, or a stage that takes too long, it ends as in a crash, and the next start
recovers.

What never happens: a task outlives the daemon, or a failure of the engine leaves the process running.
"""

import asyncio
import os
from collections.abc import Callable, Sequence

import structlog

from brokers.feeds.making import kinds_of
from brokers.feeds.pipeline import FeedPipeline, FeedStatus
from brokers.orders.edge import BrokerEdge
from kernel.clock import Clock
from kernel.error_groups import errors_in
from kernel.errors import OnetapeError, StoreError
from kernel.loggable import words_of
from ops.alerts.alerting import Alerting
from ops.control.making import Control
from ops.daemon.canary import CanaryWatch
from ops.daemon.day_reports import DayReports
from ops.daemon.lane_status import lanes_of
from ops.daemon.limits import parts_of
from ops.daemon.reloading import Reloading
from ops.daemon.service import Service
from ops.daemon.shadow import Shadow
from ops.daemon.signals import StopRequest
from ops.daemon.slow_hooks import SlowHooks
from ops.daemon.status import DaemonStatus, orders_of, positions_of, rss_mb
from ops.daemon.strategy_pnl import pnl_of
from ops.daemon.upkeep import Upkeep
from ops.daemon.workers import Workers
from ops.traces.tracing import Tracing
from replay.declared_needs import never_called
from replay.run_config import RunConfig
from replay.session import LiveSession

_log = structlog.get_logger()

END_OF_FEEDS = "end of the feeds"


class Interrupted(OnetapeError):
    """The daemon was ended at once, as in a crash."""


class Daemon:
    """Runs once."""

    def __init__(
        self,
        config: RunConfig,
        session: LiveSession,
        *,
        feeds: Sequence[FeedPipeline],
        upkeep: Upkeep,
        reports: DayReports,
        reloading: Reloading,
        canaries: CanaryWatch,
        workers: Workers,
        control: Callable[[Callable[[], DaemonStatus]], Control],
        alerting: Alerting,
        service: Service,
        clock: Clock,
        broker: BrokerEdge | None = None,
        stops_with_feeds: bool = False,
        tracing: Tracing | None = None,
        shadow: Shadow | None = None,
    ) -> None:
        """Make the daemon of a session that has been recovered and does not run yet.

        - ``broker``: the edge to the venue of live trading.
        - ``control``: makes the control API, from the function that gives the status.
        - ``tracing``: sends traces of orders, if that is wanted. ``shadow``: the twin of mode ``shadow``.
        - ``stops_with_feeds``: stop when the last feed has ended, as a playback does.
        """
        self._config = config
        self._session = session
        self._feeds = feeds
        self._broker = broker
        self._upkeep = upkeep
        self._reports = reports
        self._reloading = reloading
        self._canaries = canaries
        self._workers = workers
        self._control = control(self.status)
        self._alerting = alerting
        self._service = service
        self._clock = clock
        self._stops_with_feeds = stops_with_feeds
        self._tracing = tracing
        self._shadow = shadow
        self._slow_hooks = SlowHooks(session.engine, limit_ms=config.engine.slow_hook_ms)
        alerting.hear_of_hooks(lambda: sum(one.count for one in self._slow_hooks.found))
        self._started_ts = clock.now()
        self._is_open = False

    @property
    def _has_venue(self) -> bool:
        """Whether orders can leave, as far as the connection to the venue counts."""
        return self._broker is None or self._broker.status.is_connected

    async def run(self, stop: StopRequest) -> None:
        """Run until ``stop`` asks for an end. Raises ``StoreError`` and others of the engine and the feeds.

        Raises ``Interrupted`` if it was ended at once.
        """
        try:
            with self._slow_hooks:
                await self._run_until(stop)
        except ExceptionGroup as failures:
            raise _single(failures) from failures
        finally:
            self._is_open = False
            await self._control.server.stop()

    def status(self) -> DaemonStatus:
        """The figures of now."""
        session, engine, core = self._session, self._session.engine, self._session.core
        bus = engine.bus
        p50, p99 = engine.commit_ms
        feeds = tuple(feed.status for feed in self._feeds)
        return DaemonStatus(
            mode=self._config.mode.value,
            log=self._config.log,
            store=self._config.store,
            pid=os.getpid(),
            epoch=session.epoch,
            started_ts=self._started_ts,
            ts=self._clock.now(),
            is_ready=self._is_open and all(map(_is_usable, feeds)) and self._has_venue,
            seq=engine.last_seq,
            inputs=bus.state.input_count,
            steps=engine.steps,
            waiting=engine.inbox_depth,
            waiting_peak=engine.inbox_peak,
            refused=engine.refused,
            commit_p50_ms=p50,
            commit_p99_ms=p99,
            trading_state=core.risk.state.trading_state.value,
            currency=self._config.portfolio.currency,
            cash=f"{core.portfolio.cash:.2f}",
            equity=f"{core.portfolio.equity:.2f}",
            positions=positions_of(session),
            orders=orders_of(session),
            feeds=feeds,
            failing={
                name: "quarantined" if is_out else "backing off"
                for name, is_out in bus.state.quarantined.items()
            },
            snapshot_seq=self._upkeep.snapshot_seq,
            disk=self._upkeep.disk_state,
            memory_mb=round(rss_mb(), 1),
            lanes=lanes_of(engine),
            pnl=pnl_of(session),
            workers=self._workers.statuses,
            slow_hooks=self._slow_hooks.found,
            tasks=len(asyncio.all_tasks()),
            alerts=self._alerting.status,
            venue=None if self._broker is None else self._broker.status,
            shadow=None if self._shadow is None else self._shadow.status,
        )

    # --- running ------------------------------------------------------------------------------

    async def _run_until(self, stop: StopRequest) -> None:
        async with asyncio.TaskGroup() as group:
            # first: a panic of before the start is obeyed in the step that begins the session
            panic = group.create_task(self._control.panic.run(), name="panic watch")
            engine = group.create_task(self._session.engine.run(), name="engine")
            edges = group.create_task(self._run_edges(stop), name="edges")
            workers = group.create_task(self._workers.run(), name="workers")
            broker = group.create_task(self._run_broker(), name="broker")
            urgent = group.create_task(_end_at_once(stop), name="urgent stop")
            await self._control.server.start()
            self._tell_open()
            await stop.asked.wait()
            await self._stop(stop, engine, edges, workers)
            broker.cancel()
            urgent.cancel()
            panic.cancel()

    async def _run_edges(self, stop: StopRequest) -> None:
        """Run the feeds and the upkeep until cancelled. An edge that has failed for good ends all."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._upkeep.run(self._session, stop), name="upkeep")
            group.create_task(self._reports.run(), name="day reports")
            group.create_task(self._reloading.run(), name="reloading")
            group.create_task(self._canaries.run(), name="canaries")
            group.create_task(self._alerting.run(), name="alerts")
            group.create_task(self._stay_alive(), name="watchdog")
            if self._tracing is not None:
                group.create_task(self._tracing.run(), name="traces")
            if self._shadow is not None:
                group.create_task(self._shadow.run(), name="shadow")
            await self._run_feeds()
            if self._stops_with_feeds:
                stop.ask(END_OF_FEEDS)

    async def _run_broker(self) -> None:
        """Keep the connection to the venue. It outlives the engine, which waits for requests under way."""
        if self._broker is not None:
            await self._broker.run()

    async def _run_feeds(self) -> None:
        async with asyncio.TaskGroup() as group:
            for feed in self._feeds:
                group.create_task(feed.run(), name=f"feed {feed.name}")

    async def _stay_alive(self) -> None:
        """Tell systemd that the loop turns, as often as it wants to hear it."""
        every_ns = self._service.alive_every_ns
        while every_ns:
            self._service.alive()
            await self._clock.wait(asyncio.Event(), until_ts=self._clock.now() + every_ns)
        await asyncio.Event().wait()

    def _tell_open(self) -> None:
        self._is_open = True
        self._service.ready()
        self._service.doing(f"{self._config.mode.value}: session {self._session.epoch} of {self._config.log}")
        _log.info(
            "started",
            mode=self._config.mode.value,
            log=self._config.log,
            session=self._session.epoch,
            seq=self._session.engine.last_seq,
        )
        given = kinds_of(self._config.feeds)
        for what in () if given is None else never_called(self._session.plan.strategies, given):
            _log.warning("strategy_never_called", what=what)

    # --- stopping -----------------------------------------------------------------------------

    async def _stop(
        self,
        stop: StopRequest,
        engine: "asyncio.Task[None]",
        edges: "asyncio.Task[None]",
        workers: "asyncio.Task[None]",
    ) -> None:
        """Stop stage by stage. Raises ``Interrupted`` for a stage that takes too long."""
        limits, drain_s = self._config.stop, self._config.engine.drain_timeout_s
        self._is_open = False
        self._service.stopping()
        _log.info("stopping", reason=stop.reason)
        edges.cancel()
        await self._end_of(edges, "feeds", limits.feeds_s)
        self._session.end(stop.reason)
        self._service.needs_time(2 * limits.workers_s)
        await self._workers.settle(limits.workers_s)
        await self._workers.stop(limits.workers_s)
        workers.cancel()
        self._session.stop()
        await self._end_of(engine, "engine", drain_s + limits.close_s)
        self._service.needs_time(limits.snapshot_s)
        try:
            async with asyncio.timeout(limits.snapshot_s):
                await self._upkeep.save_last(self._session)
        except (TimeoutError, OnetapeError) as error:
            _log.warning("snapshot_failed", error=words_of(error))
        _log.info("stopped", seq=self._session.engine.last_seq)

    async def _end_of(self, task: "asyncio.Task[None]", name: str, limit_s: float) -> None:
        """Wait for the end of a stage, up to its limit."""
        self._service.needs_time(limit_s)
        for part_s in parts_of(limit_s):
            await asyncio.wait((task,), timeout=part_s)
            if task.done():
                return
        raise Interrupted(
            f"stopped at once: the {name} did not end within {limit_s:g} s; the next start recovers"
        )


async def _end_at_once(stop: StopRequest) -> None:
    """Raise ``Interrupted`` after a second signal, which ends every task beside it."""
    await stop.urgent.wait()
    raise Interrupted("stopped at once, by a second signal; the next start recovers")


def _is_usable(feed: FeedStatus) -> bool:
    """Whether a source of the feed is connected and delivers, or rests with its market."""
    return any(source.is_connected and source.is_fresh for source in feed.sources)


def _single(failures: ExceptionGroup[Exception]) -> BaseException:
    """The error that matters of a group: that of the store first."""
    errors = list(errors_in(failures))
    return next((each for each in errors if isinstance(each, StoreError)), errors[0])
