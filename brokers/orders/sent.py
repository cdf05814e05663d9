"""What the edge knows about the orders that it has sent, or that an earlier session may have sent."""

from collections.abc import Callable
from decimal import Decimal

import msgspec

from brokers.orders.ours import OrderRecord
from kernel.events import ExecutionKind, ExecutionReport, OrderStatus
from kernel.identifiers import ClientOrderId, FillId

_ENDS = frozenset({ExecutionKind.CANCELLED, ExecutionKind.EXPIRED, ExecutionKind.REJECTED})
CORRECTIONS = frozenset({ExecutionKind.FILL_CORRECTED, ExecutionKind.FILL_BUSTED})
_WORKING = frozenset({OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_REPLACE})
_ACCEPTS = frozenset({ExecutionKind.ACCEPTED, ExecutionKind.FILL, ExecutionKind.REPLACED})

FILLS_KEPT = 20_000
"""Fills that were told and are remembered, so that asking for them tells nothing twice."""


class SentOrder(msgspec.Struct):
    """An order that has left, or may have.

    - ``in_flight``: a request about it waits for its answer.
    - ``is_accepted``, ``is_ended``: it was reported so.
    - ``is_doubtful``: the outcome of a request about it is unknown.
    - ``is_unknown``: it was reported so, and not as accepted since.
    - ``filled_quantity``: of the fills that were told, each counted once.
    - ``asked_for``: the quantity for which all fills were asked for last.
    - ``other_terms``: quantity and limit at the venue that were not ours when it was looked at last.
    """

    in_flight: int = 0
    is_accepted: bool = False
    is_ended: bool = False
    is_doubtful: bool = False
    is_unknown: bool = False
    filled_quantity: Decimal = Decimal(0)
    asked_for: Decimal = Decimal(0)
    other_terms: tuple[Decimal, Decimal | None] | None = None


class SentOrders:
    """The orders that may be at the venue, by client order id; oldest first."""

    def __init__(self) -> None:
        self.latest_fill_ts = 0
        """When the latest fill was executed, by the venue's clock."""
        self._orders: dict[ClientOrderId, SentOrder] = {}
        self.fill_count = 0
        """Fills that were told."""
        self.correction_count = 0
        """Corrections of fills that were told."""
        self._told_fills: dict[tuple[ClientOrderId, FillId], bool] = {}
        """Fills that were told, and whether they were asked for. Some venues number them by symbol."""

    def __contains__(self, client_order_id: ClientOrderId) -> bool:
        return client_order_id in self._orders

    def get(self, client_order_id: ClientOrderId) -> SentOrder | None:
        """What is known about an order; ``None`` if it has not left."""
        return self._orders.get(client_order_id)

    def add(self, client_order_id: ClientOrderId) -> SentOrder:
        """An order leaves now, or may have left before."""
        return self._orders.setdefault(client_order_id, SentOrder())

    def take_up(self, client_order_id: ClientOrderId, record: OrderRecord) -> SentOrder:
        """An order of our record is or may be at the venue, also one of an earlier session."""
        sent = self._orders.get(client_order_id)
        if sent is None:
            sent = self._orders[client_order_id] = SentOrder(
                is_accepted=record.status in _WORKING or record.filled_quantity > 0,
                is_unknown=record.status is OrderStatus.UNKNOWN,
                filled_quantity=record.filled_quantity,
            )
        return sent

    def forget(self, client_order_id: ClientOrderId) -> None:
        """An order has not left after all."""
        self._orders.pop(client_order_id, None)

    @property
    def doubtful(self) -> int:
        """How many have a request whose outcome is unknown."""
        return sum(1 for sent in self._orders.values() if sent.is_doubtful)

    def doubt_all(self) -> None:
        """Any request may have had an outcome that was not heard: the connection was lost."""
        for sent in self._orders.values():
            sent.is_doubtful = True

    def settled(self) -> list[ClientOrderId]:
        """The orders without a request on its way."""
        return [key for key, sent in self._orders.items() if not sent.in_flight]

    def keep_only(self, is_open: Callable[[ClientOrderId], bool]) -> None:
        """Forget the orders that are finished in our record."""
        self._orders = {key: one for key, one in self._orders.items() if one.in_flight or is_open(key)}

    def knows_fill(self, fill: ExecutionReport) -> bool:
        """Whether a fill was told."""
        return _key_of(fill) in self._told_fills

    def has_news(self, report: ExecutionReport) -> bool:
        """Whether a report of the venue says something that was not asked for before.

        A fill that the venue itself reports twice is news: the record shows that it does so.
        """
        return report.kind is not ExecutionKind.FILL or not self._told_fills.get(_key_of(report), False)

    def note(self, report: ExecutionReport, *, was_asked: bool = False) -> None:
        """Remember what the venue said. ``was_asked``: in answer to a question."""
        sent = self._orders.get(report.client_order_id)
        if report.kind is ExecutionKind.FILL:
            self._note_fill(report, sent, was_asked=was_asked)
        elif report.kind in CORRECTIONS:
            self.correction_count += 1
        if sent is not None:
            sent.is_accepted = sent.is_accepted or report.kind in _ACCEPTS
            sent.is_ended = sent.is_ended or report.kind in _ENDS
            if report.kind is ExecutionKind.UNKNOWN:
                sent.is_unknown = True
            elif report.kind is ExecutionKind.ACCEPTED:
                sent.is_unknown = False

    def _note_fill(self, report: ExecutionReport, sent: SentOrder | None, *, was_asked: bool) -> None:
        key = _key_of(report)
        if sent is not None and key not in self._told_fills:
            sent.filled_quantity += report.quantity or 0
        self.latest_fill_ts = max(self.latest_fill_ts, report.executed_ts)
        self.fill_count += 1
        self._told_fills[key] = was_asked
        if len(self._told_fills) > 2 * FILLS_KEPT:
            self._told_fills = dict(list(self._told_fills.items())[-FILLS_KEPT:])


def _key_of(fill: ExecutionReport) -> tuple[ClientOrderId, FillId]:
    return fill.client_order_id, fill.fill_id
