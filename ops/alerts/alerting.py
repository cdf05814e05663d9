"""The alerts of one daemon: an edge that hears events and looks at metrics, and its channels.

- What it remembers: the rules with their memories, the alerts of the log, who was told. All but the memories
  of rules is read from the log at a start.
- What changes it: events, once they are durable, and a look each second. What rules find becomes an input.
  Only when that is durable is anybody told.
- What never happens: the core waits for a rule, a channel or the network. Events that come faster than rules
  judge them are read from the log later.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing, suppress
from random import SystemRandom

import structlog

from brokers.feeds.pipeline import FeedPipeline
from eventstore import EventStore, Selection, StreamTape
from kernel.clock import Clock
from kernel.edge import Overflow
from kernel.errors import ComponentError
from kernel.events import AlertRaised, AlertResolved, Event, Quote, SessionStarted, SessionStopped, Severity
from kernel.secret import SecretSource
from kernel.supervision import Supervised
from kernel.time_units import MS_NS, SECOND_NS
from ops.alerts.channel import Channel
from ops.alerts.losses import Losses
from ops.alerts.metrics import METRICS, Parts
from ops.alerts.notices import Message, Notices
from ops.alerts.order_tallies import HEARD, OrderTallies
from ops.alerts.record import ALERT_TYPES, AlertRecord, read_alerts
from ops.alerts.rule_book import RuleBook
from ops.alerts.sending import AppriseSender
from ops.alerts.standard_rules import rules_of
from ops.alerts.status import AlertsStatus
from ops.daemon.upkeep import Upkeep
from replay.run_config import RunConfig
from replay.session import LiveSession

_log = structlog.get_logger()

EDGE = "alerts"
TAIL = 1_000
"""Records at the end of a log among which a stop is: few come after it."""
COUNTED = frozenset({"fill_rate_pct", "slippage_bps", "shadow_bps"})
"""Metrics that are counted from events of orders."""
_LEVELS = {Severity.INFO: logging.INFO, Severity.WARNING: logging.WARNING, Severity.CRITICAL: logging.ERROR}
LOSSES = frozenset({"drawdown_pct", "day_loss_pct"})
"""Metrics whose memory is on the tape."""


class Alerting:
    """The alerts of one daemon. An ``EdgeSubscriber``."""

    name = EDGE
    overflow = Overflow.CATCH_UP
    lane_capacity = 4_096
    """A burst of rejections; a longer one is read from the log."""

    def __init__(
        self,
        config: RunConfig,
        session: LiveSession,
        *,
        feeds: Sequence[FeedPipeline],
        upkeep: Upkeep,
        secrets: SecretSource,
        clock: Clock,
        wall: Clock,
    ) -> None:
        """Make it.

        - ``clock``: of the engine, for the times of rules and events.
        - ``wall``: for looks, messages and quiet hours.
        """
        settings = config.alerts
        rules = rules_of(settings)
        self._settings = settings
        self._log = config.log
        self._engine = session.engine
        self._clock = clock
        self._wall = wall
        self._book = RuleBook(rules, epoch=session.epoch, begin_ts=clock.now())
        self._notices = Notices(settings, rules, source=config.log)
        self._record = AlertRecord()
        self._tallies = OrderTallies(self._quote_of)
        self._losses = Losses()
        self._parts = Parts(config, session, feeds, upkeep, self._tallies, self._losses)
        self._counts_orders = bool(COUNTED & self._book.metrics)
        self._woken = asyncio.Event()
        self._channels = {
            one.name: Channel(
                one.name,
                AppriseSender(one.url, secrets=secrets, limit_s=settings.delivery.limit_s),
                settings=settings.delivery,
                clock=wall,
                report=self._report,
            )
            for one in (settings.channels if settings.enabled else ())
        }

    @property
    def event_types(self) -> frozenset[type[Event]]:
        """The events of alerts, those that rules hear, and those that are counted."""
        heard = ALERT_TYPES | self._book.event_types
        return heard | HEARD if self._counts_orders else heard

    @property
    def status(self) -> AlertsStatus:
        """The alerts and channels of now."""
        return AlertsStatus(
            open=tuple(self._record.open.values()),
            channels=tuple(channel.status for channel in self._channels.values()),
        )

    @property
    def open_alerts(self) -> tuple[str, ...]:
        """The ids of the alerts that are open, oldest first."""
        return tuple(self._record.open)

    def hear_of_hooks(self, slow_hooks: Callable[[], int]) -> None:
        """Take the function that counts slow hooks, which the daemon has."""
        self._parts.slow_hooks = slow_hooks

    def put(self, channel: str, message: Message) -> None:
        """Give a message to a channel; none takes it while alerts are off."""
        if channel in self._channels:
            self._channels[channel].put(message)

    async def begin(self, store: EventStore) -> None:
        """Read what former sessions have left, and subscribe. Before the engine runs."""
        if not self._settings.enabled:
            return
        log, now, wall = self._log, self._clock.now(), self._wall.now()
        self._record = await read_alerts(store, log, now_ts=now)
        self._book.restore((entry.alert_id, entry.rule) for entry in self._record.open.values())
        for entry in self._record.open.values():
            self._notices.begin(entry, wall)
        if self._record.equity is not None:
            self._losses.restore(self._record.equity)
        if await _ended_badly(store, log):
            self._parts.crash_times.append(now)
        tape = StreamTape(store, log)
        if not await tape.checkpoint(EDGE):  # the first time: nobody needs alerts about the whole past
            await tape.save_checkpoint(EDGE, await tape.last_seq())
        self._engine.subscribe(self)

    async def handle(self, seq: int, event: Event) -> None:
        """Take a durable event; see ``EdgeSubscriber``."""
        del seq
        if type(event) in ALERT_TYPES:
            entry = self._record.fold(event)
            if entry is not None:
                self._notices.begin(entry, self._wall.now())
            self._woken.set()
            _write(event)
        self._book.hear(event)
        if self._counts_orders:
            self._tallies.hear(event)

    async def run(self) -> None:
        """Look and tell until cancelled. A failure here is on record, and does not end the daemon."""
        if self._settings.enabled:
            try:
                await Supervised(
                    EDGE, self._work, clock=self._wall, random=SystemRandom().random, report=self._report
                ).run()
            finally:
                self._note_losses(is_last=True)

    async def _work(self) -> None:
        async with asyncio.TaskGroup() as group:
            for channel in self._channels.values():
                group.create_task(channel.run(), name=f"alerts to {channel.name}")
            await self._look_on()

    async def _look_on(self) -> None:
        look_ns = int(self._settings.look_s * SECOND_NS)
        look_ts = self._wall.now() + look_ns
        while True:
            await self._wall.wait(self._woken, until_ts=look_ts)
            self._woken.clear()
            wall = self._wall.now()
            if wall >= look_ts:
                self._parts.loop_lag_ms = (wall - look_ts) / MS_NS
                self._look()
                look_ts = self._wall.now() + look_ns
            for channel, message in self._notices.due(wall):
                self._channels[channel].put(message)

    def _look(self) -> None:
        now = self._clock.now()
        self._parts.look(now)
        values = {name: METRICS[name].read(self._parts) for name in self._book.metrics}
        for change in self._book.look(now, values):
            self._report(change)
        self._note_losses(is_last=False)

    def _note_losses(self, *, is_last: bool) -> None:
        noted = None
        if LOSSES & self._book.metrics:
            noted = self._losses.note(self._clock.now(), is_last=is_last)
        if noted is not None:
            self._report(noted)

    def _report(self, event: Event) -> None:
        with suppress(ComponentError):  # of an engine that has stopped
            self._engine.report(event)

    def _quote_of(self, symbol: str) -> Quote | None:
        quote = self._engine.bus.retained[Quote].get(symbol)
        return quote if isinstance(quote, Quote) else None


def _write(event: Event) -> None:
    """Put the beginning or the end of an alert into the text log."""
    match event:
        case AlertRaised(alert_id=alert, rule=rule, severity=severity, sentence=sentence):
            _log.log(_LEVELS[severity], "alert_raised", alert=alert, rule=rule, what=sentence)
        case AlertResolved(alert_id=alert, rule=rule):
            _log.info("alert_resolved", alert=alert, rule=rule)
        case _:
            pass


async def _ended_badly(store: EventStore, log: str) -> bool:
    """Whether the last session of a log ended without a stop, which leaves its record among the last ones."""
    head = await store.head(log)
    types: frozenset[type[Event]] = frozenset({SessionStarted, SessionStopped})
    selection = Selection(from_seq=max(1, head.seq - TAIL), types=types)
    last: Event | None = None
    if head.seq:
        async with aclosing(store.read(log, selection)) as found:
            async for batch in found:
                last = batch.events[-1]
    return head.seq > 0 and not isinstance(last, SessionStopped)
