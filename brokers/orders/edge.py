"""The edge to a venue: takes requests from the durable log, sends them, and reports what the venue says.

What it remembers: the connection, and the orders that may be at the venue (``sent``). Everything else is in
the log.

What changes it: the lanes hand it durable requests, in order within a symbol; the venue reports; a connection
is lost and made again, after growing delays. A request waits until there is a connection on which everything
was compared (``reconciliation``).

What never happens:

- An order leaves before it is durable, or while the trading state holds it back: the gate is asked again
  right before each send. An order that may not leave is reported as rejected, one that is too old as expired.
- An order leaves twice. A request without an answer is unknown, and asked about.
- The log's requests of earlier sessions leave again. Only an order that the venue certainly does not have is
  sent after a restart, if it is not too old.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress

import msgspec
import structlog

from brokers.orders.config import VenueSettings
from brokers.orders.ours import OurRecord
from brokers.orders.port import LiveVenue, Outcome, VenueConnection
from brokers.orders.reconciliation import NOW, Reconciliation
from brokers.orders.sent import SentOrders
from kernel.clock import Clock
from kernel.edge import Overflow
from kernel.error_groups import errors_in
from kernel.errors import ComponentError, VenueUnavailable
from kernel.events import (
    ApprovedOrder,
    BrokerConnected,
    BrokerDisconnected,
    CancelSubmitted,
    Event,
    ExecutionKind,
    ExecutionReport,
    MessageQuarantined,
    OrderStatus,
    OrderSubmitted,
    ReplaceSubmitted,
)
from kernel.identifiers import ClientOrderId
from kernel.loggable import words_of
from kernel.supervision import Supervised
from kernel.time_units import MS_NS, SECOND_NS

NAME = "broker"
LANE_CAPACITY = 1_024
"""Requests of a symbol that may wait in memory; beyond that, they are read from the log."""

LEAST_BETWEEN_NS = 100 * MS_NS
"""Between two comparisons, however much is doubtful: venues count questions."""

_log = structlog.get_logger()


class EdgeStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The venue, for people. ``doubtful``: requests whose outcome is unknown."""

    venue: str
    account: str
    is_connected: bool
    sent: int
    refused: int
    doubtful: int
    restarts: int
    reason: str = ""


class BrokerEdge:
    """An ``EdgeSubscriber`` over one venue. ``run`` keeps the connection, and runs once."""

    name = NAME
    event_types: frozenset[type[Event]] = frozenset({OrderSubmitted, CancelSubmitted, ReplaceSubmitted})
    overflow = Overflow.CATCH_UP
    lane_capacity = LANE_CAPACITY

    def __init__(
        self,
        venue: LiveVenue,
        config: VenueSettings,
        ours: OurRecord,
        *,
        unsent: Sequence[ClientOrderId],
        last_seq: int,
        last_ts: int,
        currency: str,
        report: Callable[[Event], None],
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        """Make it for a session that was recovered and does not run yet.

        - ``unsent``: the orders that the lanes will hand over again, because it is not known that they were
          handled.
        - ``last_seq``: the end of the log before this session. ``last_ts``: when those before last knew all
          that the venue had told.
        - ``currency``: that of the account.
        - ``report``: of the engine. ``random``: numbers from 0 to 1.
        """
        self._venue = venue
        self._config = config
        self._ours = ours
        self._engine_report = report
        self._last_seq = last_seq
        self._clock = clock
        self._sent = SentOrders()
        self._sent_count = self._refused_count = 0
        self._connection: VenueConnection | None = None
        self._ready = asyncio.Event()
        self._doubt = asyncio.Event()
        self._reconciliation = Reconciliation(
            *(venue, config, ours, self._sent),
            unsent=unsent,
            last_ts=last_ts,
            currency=currency,
            report=self._report,
            clock=clock,
        )
        self._supervised = Supervised(
            f"venue {venue.name}",
            self._run_connected,
            clock=clock,
            random=random,
            report=self._report,
            policy=config.restart,
            says_when_it_works=True,
        )
        self._remember_open(frozenset(unsent))

    @property
    def status(self) -> EdgeStatus:
        """The figures of now."""
        return EdgeStatus(
            venue=self._venue.name,
            account=self._venue.account,
            is_connected=self._ready.is_set(),
            sent=self._sent_count,
            refused=self._refused_count,
            doubtful=self._sent.doubtful,
            restarts=self._supervised.restarts,
            reason="" if self._ready.is_set() else self._supervised.reason,
        )

    def _remember_open(self, unsent: frozenset[ClientOrderId]) -> None:
        """The orders of earlier sessions that may be at the venue."""
        for record in self._ours.open_records():
            key = record.order.client_order_id
            if record.status is not OrderStatus.PENDING and key not in unsent:
                self._sent.take_up(key, record)

    # --- the connection -----------------------------------------------------------------------

    async def run(self) -> None:
        """Keep a connection until cancelled."""
        await self._supervised.run()

    async def _run_connected(self) -> None:
        reason = "the connection was given up"
        try:
            async with self._venue.connect() as connection, asyncio.TaskGroup() as group:
                group.create_task(self._read(connection), name=f"venue {self._venue.name}: reports")
                await self._reconciliation.first(connection)
                self._connection = connection
                self._supervised.works()
                self._report(BrokerConnected(NOW, self._venue.name, self._venue.account))
                self._ready.set()
                await self._compare_regularly(connection)
        except* VenueUnavailable as failures:
            reason = words_of(errors_in(failures)[0])
            raise
        finally:
            self._connection = None
            if self._ready.is_set():
                self._ready.clear()
                self._report(BrokerDisconnected(NOW, self._venue.name, reason))

    async def _read(self, connection: VenueConnection) -> None:
        """Report what the venue says, until the connection is lost."""
        async for report in connection.reports():
            if isinstance(report, MessageQuarantined):
                self._report(report)
                self._doubt.set()  # it may have been about one of ours
                continue
            if self._ours.record(report.client_order_id) is None:
                self._doubt.set()  # somebody else's order
                continue
            if report.kind is ExecutionKind.ACCEPTED and not self._ours.is_open(report.client_order_id):
                self._doubt.set()  # it came late
            if self._sent.has_news(report):
                self._sent.note(report)
                self._report(report)

    async def _compare_regularly(self, connection: VenueConnection) -> None:
        """Compare at intervals; soon after a request whose outcome is unknown."""
        while True:
            until_ts = self._clock.now() + int(self._config.reconcile_every_s * SECOND_NS)
            while self._clock.now() < until_ts and not self._doubt.is_set():
                await self._clock.wait(self._doubt, until_ts=until_ts)
            self._doubt.clear()
            await self._reconciliation.again(connection)
            await self._clock.wait(asyncio.Event(), until_ts=self._clock.now() + LEAST_BETWEEN_NS)

    async def _connected(self) -> VenueConnection:
        """The connection, when everything was compared on it."""
        while self._connection is None or not self._ready.is_set():
            await self._ready.wait()
        return self._connection

    def _lost(self, connection: VenueConnection) -> None:
        """A connection takes no more requests; ``run`` will notice too."""
        if self._connection is connection:
            self._connection = None
            self._ready.clear()
            self._report(BrokerDisconnected(NOW, self._venue.name, "it takes no more requests"))

    def _report(self, event: Event) -> None:
        """Put an event on the tape. After the end of the engine there is nobody who would hear it."""
        with suppress(ComponentError):
            self._engine_report(event)

    # --- requests -----------------------------------------------------------------------------

    async def handle(self, seq: int, event: Event) -> None:
        """Send one durable request."""
        match event:
            case OrderSubmitted():
                await self._submit(seq, event)
            case CancelSubmitted():
                await self._cancel(event)
            case ReplaceSubmitted():
                if seq > self._last_seq:
                    await self._replace(event.order, event)
            case _:
                pass

    async def _submit(self, seq: int, event: OrderSubmitted) -> None:
        order, key = event.order, event.order.client_order_id
        while True:
            connection = await self._connected()
            if key in self._sent or (seq <= self._last_seq and key not in self._reconciliation.may_send):
                return
            reason = self._ours.refusal(order)
            if reason:
                self._refuse(order, ExecutionKind.REJECTED, reason)
                return
            if self._is_cancelled(key):
                self._refuse(order, ExecutionKind.CANCELLED, "it was cancelled meanwhile")
                return
            reason = self._lateness(event.ts)
            if reason:
                self._refuse(order, ExecutionKind.EXPIRED, reason)
                return
            sent = self._sent.add(key)
            sent.in_flight += 1
            try:
                outcome = await connection.submit(order)
            except VenueUnavailable:
                self._sent.forget(key)
                self._lost(connection)
                continue
            finally:
                sent.in_flight -= 1
            self._sent_count += 1
            if outcome is Outcome.UNKNOWN:
                self._doubt_order(order)
            return

    async def _cancel(self, event: CancelSubmitted) -> None:
        """Send a cancel; one that may have arrived is sent again if the order turns out to be open."""
        key = event.client_order_id
        while True:
            connection = await self._connected()
            sent = self._sent.get(key)
            if sent is None or sent.is_ended:
                return
            sent.in_flight += 1
            try:
                outcome = await connection.cancel(key, event.symbol, event.broker_order_id)
            except VenueUnavailable:
                self._lost(connection)
                continue
            finally:
                sent.in_flight -= 1
            if outcome is not Outcome.ACCEPTED:  # of a rejected one too: the order may not be there at all
                sent.is_doubtful = True
                self._doubt.set()
            return

    async def _replace(self, order: ApprovedOrder, event: ReplaceSubmitted) -> None:
        while True:
            connection = await self._connected()
            sent = self._sent.get(order.client_order_id)
            if sent is None or sent.is_ended:
                return
            reason = self._ours.refusal(order) or self._lateness(event.ts)
            if reason:
                self._refuse(order, ExecutionKind.REPLACE_REJECTED, reason)
                return
            sent.in_flight += 1
            try:
                outcome = await connection.replace(order, event.broker_order_id)
            except VenueUnavailable:
                self._lost(connection)
                continue
            finally:
                sent.in_flight -= 1
            if outcome is Outcome.UNKNOWN:
                self._doubt_order(order)
            return

    def _is_cancelled(self, key: ClientOrderId) -> bool:
        record = self._ours.record(key)
        return record is not None and record.status is OrderStatus.PENDING_CANCEL

    def _lateness(self, decided_ts: int) -> str:
        """Why a request is too old to leave; empty if it is not."""
        waited_s = (self._clock.now() - decided_ts) / SECOND_NS
        return f"it waited {waited_s:.0f} s for the venue" if waited_s > self._config.send_within_s else ""

    def _refuse(self, order: ApprovedOrder, kind: ExecutionKind, reason: str) -> None:
        reason = f"not sent: {reason}"
        self._refused_count += 1
        _log.warning("order_not_sent", order=order.client_order_id, symbol=order.symbol, reason=reason)
        self._report(ExecutionReport(NOW, kind, order.client_order_id, order.symbol, reason=reason))

    def _doubt_order(self, order: ApprovedOrder) -> None:
        """The outcome of a request is unknown: it is asked about."""
        key = order.client_order_id
        sent = self._sent.add(key)
        sent.is_doubtful = True
        self._doubt.set()
        reason = f"no answer of {self._venue.name}"
        report = ExecutionReport(NOW, ExecutionKind.UNKNOWN, key, order.symbol, reason=reason)
        self._sent.note(report)
        self._report(report)
