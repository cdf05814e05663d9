"""Compares our record with the venue's: orders, fills, positions, the account.

After each connection, and regularly while all is well. In this order:

1. Fills that are not in our record are reported, and corrections of those that are; so are those of a time
   without a connection.
2. Each order that may be there is looked for: among the open ones, then by its id. What the venue says about
   it is reported, unless it was told before.
3. An order that the venue does not know is asked about again after a while. Then it is believed to be absent:
   it is reported as rejected, or may be sent if that is safe (see ``LiveVenue.ids_are_unique``). Should it
   turn up later all the same, it is cancelled.
4. Positions are reported, read between two equal lists of fills, so that both tell of one moment.

What never happens: a fill, a position or an answer is made up. A question without an answer ends the
comparison with ``VenueUnavailable``.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal

import msgspec
import structlog

from brokers.orders.config import VenueSettings
from brokers.orders.ours import FillRecord, OrderRecord, OurRecord
from brokers.orders.port import (
    LiveVenue,
    Outcome,
    VenueAccount,
    VenueConnection,
    VenueOrder,
    VenueOrderState,
)
from brokers.orders.sent import SentOrder, SentOrders
from kernel.clock import Clock
from kernel.errors import VenueUnavailable
from kernel.events import (
    AccountReported,
    Event,
    ExecutionKind,
    ExecutionReport,
    OrderStatus,
    PositionReported,
)
from kernel.events.live import ForeignOrderReported
from kernel.identifiers import ClientOrderId, FillId
from kernel.time_units import SECOND_NS

ZERO = Decimal(0)
NOW = 0
"""The ``ts`` of a report: the engine stamps it with the time at which it takes it."""
RECHECKED_NS = 60 * SECOND_NS
"""How far back fills are asked for again while a connection lasts: they may become visible late."""
QUESTIONS_AT_ONCE = 16
"""Orders that are asked about at once: after a crash there may be thousands, and an answer takes some ms."""
TRIES = 5
"""How often positions are read again because something was filled meanwhile."""

_log = structlog.get_logger()

_AT_REST = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED})
"""States of an order at the venue about which no request is under way."""

_ENDS: Mapping[VenueOrderState, ExecutionKind] = {
    VenueOrderState.CANCELLED: ExecutionKind.CANCELLED,
    VenueOrderState.EXPIRED: ExecutionKind.EXPIRED,
    VenueOrderState.REJECTED: ExecutionKind.REJECTED,
}


class Reconciliation:
    """Compares the orders of one venue.

    - ``unsent``: orders of earlier sessions that the edge has not handled; empty after the first comparison.
    - ``may_send``: those of them that the venue certainly does not have, and of which nothing is known.
    """

    def __init__(
        self,
        venue: LiveVenue,
        config: VenueSettings,
        ours: OurRecord,
        sent: SentOrders,
        *,
        unsent: Sequence[ClientOrderId],
        last_ts: int,
        currency: str,
        report: Callable[[Event], None],
        clock: Clock,
    ) -> None:
        """Make it.

        - ``last_ts``: when the log's earlier sessions last knew all that the venue had told.
        - ``currency``: the only one that the account may be in.
        """
        self.unsent = dict.fromkeys(unsent)
        self.may_send: dict[ClientOrderId, None] = {}
        self._venue = venue
        self._config = config
        self._ours = ours
        self._sent = sent
        self._report = report
        self._clock = clock
        self._overlap_ns = int(config.fills_overlap_s * SECOND_NS)
        self._last_ts = last_ts
        self._currency = currency
        self._foreign: dict[ClientOrderId, None] = {}
        self._corrected: dict[tuple[ClientOrderId, FillId], tuple[Decimal | None, Decimal | None]] = {}
        self._has_asked_all = False
        self._account: AccountReported | None = None

    async def first(self, connection: VenueConnection) -> None:
        """Compare everything after a connection was made. Returns when nothing is doubtful any more."""
        since = max(self._last_ts, self._sent.latest_fill_ts) - self._overlap_ns
        self._account = None
        self._sent.doubt_all()
        await self._fills(connection, since)
        await self._orders(connection)
        self.unsent.clear()
        await self._positions(connection)

    async def again(self, connection: VenueConnection) -> None:
        """Compare while the connection lasts."""
        await self._fills(connection, self._recently)
        await self._orders(connection)
        await self._positions(connection)

    @property
    def _recently(self) -> int:
        return max(self._sent.latest_fill_ts - RECHECKED_NS, self._last_ts - self._overlap_ns)

    # --- fills --------------------------------------------------------------------------------

    async def _fills(self, connection: VenueConnection, since: int) -> None:
        """Report the fills that our record does not have, or has otherwise."""
        before = self._sent.correction_count
        fills = await connection.fills_since(max(0, since))
        is_newest = self._sent.correction_count == before
        for fill in fills:
            record = self._ours.record(fill.client_order_id)
            if record is None:
                continue
            booked = record.fills.get(fill.fill_id)
            if booked is not None:
                if is_newest:
                    self._correct(fill, booked)
            elif fill.kind is ExecutionKind.FILL and not self._sent.knows_fill(fill):
                # the order is there, also if it was not known to be
                self._sent.take_up(fill.client_order_id, record)
                self._sent.note(fill, was_asked=True)
                self._report(fill)

    def _correct(self, fill: ExecutionReport, booked: FillRecord) -> None:
        """Report a correction that was not heard of, once."""
        is_busted = fill.kind is ExecutionKind.FILL_BUSTED
        quantity, price = (ZERO, booked.price) if is_busted else (fill.quantity, fill.price)
        key = (fill.client_order_id, fill.fill_id)
        if (quantity, price) in ((booked.quantity, booked.price), self._corrected.get(key)):
            return
        self._corrected[key] = (quantity, price)
        kind = ExecutionKind.FILL_BUSTED if is_busted else ExecutionKind.FILL_CORRECTED
        report = msgspec.structs.replace(fill, kind=kind, reason="found by asking")
        self._sent.note(report)
        self._report(report)

    # --- orders -------------------------------------------------------------------------------

    async def _orders(self, connection: VenueConnection) -> None:
        self._has_asked_all = False
        self._sent.keep_only(self._ours.is_open)
        asked = list(dict.fromkeys((*self._sent.settled(), *filter(self._ours.is_open, self.unsent))))
        there = {one.client_order_id: one for one in await connection.open_orders()}
        self._report_foreign(there)
        await self._cancel_ended(connection, there)
        for key in asked:
            if key in there:
                await self._agree(connection, there[key])
        absent = await self._agree_by_asking(connection, [key for key in asked if key not in there])
        if absent:
            await self._settle()
            for key in await self._agree_by_asking(connection, absent):
                self._end_absent(key)

    async def _agree_by_asking(
        self, connection: VenueConnection, keys: Sequence[ClientOrderId]
    ) -> list[ClientOrderId]:
        """Ask for orders by their ids; returns those that the venue does not know."""
        found: dict[ClientOrderId, VenueOrder | None] = {}
        waiting = iter(keys)

        async def ask() -> None:
            for key in waiting:
                found[key] = await connection.order(key)

        async with asyncio.TaskGroup() as group:
            for number in range(min(QUESTIONS_AT_ONCE, len(keys))):
                group.create_task(ask(), name=f"venue {self._venue.name}: questions {number}")
        for order in found.values():
            if order is not None:
                await self._agree(connection, order)
        return [key for key in keys if found[key] is None]

    async def _agree(self, connection: VenueConnection, found: VenueOrder) -> None:
        """Report what the venue says about an order, unless that was told."""
        key = found.client_order_id
        record = self._ours.record(key)
        if record is None:
            return
        sent = self._sent.take_up(key, record)
        if sent.is_ended or sent.in_flight:
            return
        await self._find_fills(connection, found, sent)
        kind = _ENDS.get(found.state)
        if kind is not None:
            self._tell(found, kind)
        elif found.state is VenueOrderState.OPEN:
            if not sent.is_accepted or sent.is_unknown:
                self._tell(found, ExecutionKind.ACCEPTED)
            await self._finish_request(connection, record, found, sent)
            return
        sent.is_doubtful = False

    async def _find_fills(self, connection: VenueConnection, found: VenueOrder, sent: SentOrder) -> None:
        """Ask for all fills if the venue has filled more of an order than it has told.

        Once in a comparison, and once for an order: after a crash there are thousands of orders.
        """
        if self._has_asked_all or found.filled_quantity <= max(sent.filled_quantity, sent.asked_for):
            return
        self._has_asked_all, sent.asked_for = True, found.filled_quantity
        await self._fills(connection, 0)
        if sent.filled_quantity < found.filled_quantity:
            missing = found.filled_quantity - sent.filled_quantity
            key, symbol = found.client_order_id, found.symbol
            _log.error("fills_are_missing", order=key, symbol=symbol, quantity=f"{missing:f}")

    async def _finish_request(
        self, connection: VenueConnection, record: OrderRecord, found: VenueOrder, sent: SentOrder
    ) -> None:
        """End a request about an open order whose outcome is unknown. Without one, compare the terms."""
        if not sent.is_doubtful:
            self._compare_terms(record, found, sent)
            return
        sent.is_doubtful = False
        wanted = record.replacement
        if wanted is not None:
            is_done = (wanted.quantity, wanted.limit_price) == (found.quantity, found.limit_price)
            self._tell(found, ExecutionKind.REPLACED if is_done else ExecutionKind.REPLACE_REJECTED)
        if record.status is OrderStatus.PENDING_CANCEL:
            key, symbol = found.client_order_id, found.symbol
            outcome = await connection.cancel(key, symbol, found.broker_order_id)
            sent.is_doubtful = outcome is not Outcome.ACCEPTED

    def _compare_terms(self, record: OrderRecord, found: VenueOrder, sent: SentOrder) -> None:
        """Report the venue's terms if they are not ours, seen twice: a report of them may be on its way."""
        terms, ours = (found.quantity, found.limit_price), (record.order.quantity, record.order.limit_price)
        if terms == ours or record.status not in _AT_REST or sent.other_terms != terms:
            sent.other_terms = None if terms == ours else terms
            return
        sent.other_terms = None
        self._tell(found, ExecutionKind.REPLACED)

    def _end_absent(self, key: ClientOrderId) -> None:
        """An order is not there, asked twice."""
        record, sent = self._ours.record(key), self._sent.get(key)
        if record is None or not self._ours.is_open(key):
            return
        is_untouched = sent is None and record.status is OrderStatus.SUBMITTED
        if is_untouched and self._venue.ids_are_unique:
            self.may_send[key] = None
            return
        is_known = (sent is not None and sent.is_accepted) or record.filled_quantity
        is_cancelled = is_known or record.status is OrderStatus.PENDING_CANCEL
        kind = ExecutionKind.CANCELLED if is_cancelled else ExecutionKind.REJECTED
        report = ExecutionReport(
            NOW, kind, key, record.order.symbol, reason=f"{self._venue.name} does not have it, asked twice"
        )
        self._sent.note(report)
        self._report(report)

    def _tell(self, found: VenueOrder, kind: ExecutionKind) -> None:
        has_terms = kind is ExecutionKind.REPLACED
        report = ExecutionReport(
            NOW,
            kind,
            found.client_order_id,
            found.symbol,
            found.broker_order_id,
            quantity=found.quantity if has_terms else None,
            limit_price=found.limit_price if has_terms else None,
            reason=found.reason or "found by asking",
        )
        self._sent.note(report)
        self._report(report)

    def _report_foreign(self, there: Mapping[ClientOrderId, VenueOrder]) -> None:
        for key, found in there.items():
            if self._ours.record(key) is None and key not in self._foreign:
                self._foreign[key] = None
                leaves = found.quantity - found.filled_quantity
                self._report(ForeignOrderReported(NOW, self._venue.name, key, found.symbol, leaves))

    async def _cancel_ended(
        self, connection: VenueConnection, there: Mapping[ClientOrderId, VenueOrder]
    ) -> None:
        """Cancel orders that came so late that they count as absent. What they filled is booked."""
        for key, found in there.items():
            if self._ours.record(key) is not None and not self._ours.is_open(key):
                _log.error("order_came_late", order=key, symbol=found.symbol)
                await connection.cancel(key, found.symbol, found.broker_order_id)

    async def _settle(self) -> None:
        until_ts = self._clock.now() + int(self._config.settle_s * SECOND_NS)
        while self._clock.now() < until_ts:
            await self._clock.wait(asyncio.Event(), until_ts=until_ts)

    # --- the account --------------------------------------------------------------------------

    async def _positions(self, connection: VenueConnection) -> None:
        """Report positions and the account, after all fills that made them."""
        for _ in range(TRIES):
            before = self._sent.fill_count
            held = {one.symbol: one for one in await connection.positions()}
            account = await connection.account()
            self._check_currency(account.currency)
            await self._fills(connection, self._recently)
            if self._sent.fill_count == before:
                break
        else:
            return  # too much is filled: the next comparison may find a calmer moment
        self._report_account(account)
        for symbol in dict.fromkeys((*held, *self._ours.held_symbols())):
            found = held.get(symbol)
            if found is None:
                self._report(PositionReported(NOW, self._venue.account, symbol, ZERO))
            else:
                report = PositionReported(
                    NOW, self._venue.account, symbol, found.quantity, found.average_price
                )
                self._report(report)

    def _check_currency(self, currency: str) -> None:
        """Raise ``VenueUnavailable`` for an account whose cash would be booked as something else."""
        if currency != self._currency:
            raise VenueUnavailable(
                f"account {self._venue.account} at {self._venue.name} is in {currency}, and "
                f"portfolio.currency is {self._currency}: nothing leaves before they are the same"
            )

    def _report_account(self, account: VenueAccount) -> None:
        told = AccountReported(
            NOW,
            self._venue.account,
            account.cash,
            account.equity,
            account.buying_power,
            account.currency,
        )
        if told != self._account:
            self._account = told
            self._report(told)
