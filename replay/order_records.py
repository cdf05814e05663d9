"""The orders and fills of a run, read back from its stream: one record each, in order of the log."""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from eventstore import EventStore, Selection
from kernel.contracts import inverse
from kernel.decimals import exact
from kernel.events import (
    Event,
    FillCorrected,
    InstrumentDefined,
    Order,
    OrderAccepted,
    OrderAdjusted,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderHeld,
    OrderRejected,
    OrderReplaced,
    OrderStatus,
    OrderSubmitted,
)
from kernel.fees import paid_by_terms
from kernel.identifiers import ClientOrderId
from replay.performance.trades import COMMISSION_QUANTUM, Corrections, last_corrections

ZERO = Decimal(0)

ORDER_TYPES: frozenset[type[Event]] = frozenset(
    {
        OrderHeld,
        OrderSubmitted,
        OrderDenied,
        OrderAccepted,
        OrderReplaced,
        OrderAdjusted,
        OrderFilled,
        OrderCancelled,
        OrderExpired,
        OrderRejected,
        FillCorrected,
        InstrumentDefined,
    }
)


class OrderRecord(msgspec.Struct, gc=False):
    """An order from its first event to its last.

    - ``order``: its terms, the latest if they were replaced or adjusted.
    - ``status``: after the last event of the run.
    - ``created_ts``, ``updated_ts``: of its first and last event, ns UTC.
    - ``filled_quantity``, ``average_price``: of its fills; without fills no price. That of inverse contracts
      is the harmonic one, as of their positions.
    - ``commission``: of its fills, in money.
    - ``reason``: why it was denied, rejected, cancelled or expired.
    """

    order: Order
    status: OrderStatus
    created_ts: int
    updated_ts: int
    filled_quantity: Decimal = ZERO
    average_price: Decimal | None = None
    commission: Decimal = ZERO
    reason: str = ""


class RunOrders(msgspec.Struct, frozen=True):
    """The orders and the fills of a run. Fills that were corrected have the corrected quantity and price."""

    orders: tuple[OrderRecord, ...] = ()
    fills: tuple[OrderFilled, ...] = ()


@exact
async def read_orders(store: EventStore, run_stream: str) -> RunOrders:
    """Read the orders of a run or a live log. Raises ``StreamMissing`` and ``StoreDamaged``."""
    events: list[Event] = []
    async for batch in store.read(run_stream, Selection(types=ORDER_TYPES)):
        events += batch.events
    return fold_orders(events)


@exact
def fold_orders(events: Iterable[Event]) -> RunOrders:
    """The orders and fills of events in the order of the log."""
    events = list(events)
    corrections = last_corrections(event for event in events if isinstance(event, FillCorrected))
    found: dict[ClientOrderId, OrderRecord] = {}
    fills: list[OrderFilled] = []
    instruments: dict[str, InstrumentDefined] = {}
    for event in events:
        match event:
            case InstrumentDefined(symbol=symbol):
                instruments[symbol] = event
            case OrderHeld(order=order):
                _open(found, order, event.ts, OrderStatus.PENDING)
            case OrderSubmitted(order=order):
                _open(found, order, event.ts, OrderStatus.SUBMITTED)
            case OrderDenied(order=order, reason=reason):
                _open(found, order, event.ts, OrderStatus.DENIED).reason = reason
            case OrderAccepted(client_order_id=key):
                _update(found, key, event.ts, OrderStatus.ACCEPTED)
            case OrderReplaced(order=order) | OrderAdjusted(order=order):
                _open(found, order, event.ts, None)
            case OrderFilled():
                fill = corrected(event, corrections)
                fills.append(fill)
                terms, charged = instruments.get(fill.symbol), paid_by_terms(fill, instruments).commission
                _fill(found, fill, charged=charged, is_inverse=terms is not None and terms.is_inverse)
            case OrderCancelled(client_order_id=key, reason=reason):
                _update(found, key, event.ts, OrderStatus.CANCELLED, reason)
            case OrderExpired(client_order_id=key, reason=reason):
                _update(found, key, event.ts, OrderStatus.EXPIRED, reason)
            case OrderRejected(client_order_id=key, reason=reason):
                _update(found, key, event.ts, OrderStatus.REJECTED, reason)
            case _:
                pass
    return RunOrders(tuple(found.values()), tuple(fills))


def _open(
    found: dict[ClientOrderId, OrderRecord], order: Order, ts: int, status: OrderStatus | None
) -> OrderRecord:
    """The record of an order, made or brought up to date. Without a status, the old one stays."""
    record = found.get(order.client_order_id)
    if record is None:
        record = found[order.client_order_id] = OrderRecord(order, status or OrderStatus.ACCEPTED, ts, ts)
    record.order, record.status, record.updated_ts = order, status or record.status, ts
    return record


def _update(
    found: dict[ClientOrderId, OrderRecord],
    key: ClientOrderId,
    ts: int,
    status: OrderStatus,
    reason: str = "",
) -> None:
    record = found.get(key)
    if record is not None:
        record.status, record.updated_ts = status, ts
        record.reason = reason or record.reason


def _fill(
    found: dict[ClientOrderId, OrderRecord], fill: OrderFilled, *, charged: Decimal, is_inverse: bool
) -> None:
    record = found.get(fill.client_order_id)
    if record is None:
        return
    is_whole = fill.leaves_quantity == 0
    record.status = OrderStatus.FILLED if is_whole else OrderStatus.PARTIALLY_FILLED
    record.updated_ts = fill.ts
    parts = ((record.filled_quantity, record.average_price or ZERO), (fill.quantity, fill.price))
    record.filled_quantity += fill.quantity
    record.commission += charged
    if record.filled_quantity:
        average = _average_of(parts, record.filled_quantity, is_inverse=is_inverse)
        record.average_price = average.quantize(COMMISSION_QUANTUM)


def _average_of(parts: Sequence[tuple[Decimal, Decimal]], quantity: Decimal, *, is_inverse: bool) -> Decimal:
    """The average price of parts (quantity, price): of an inverse contract the harmonic one."""
    if is_inverse:
        worth = sum((part * inverse(price) for part, price in parts), ZERO)
        return quantity / worth if worth else ZERO
    return sum((part * price for part, price in parts), ZERO) / quantity


def corrected(fill: OrderFilled, corrections: Corrections) -> OrderFilled:
    """A fill with the quantity and price of its last correction, if there is one."""
    correction = corrections.get((fill.client_order_id, fill.fill_id))
    if correction is None:
        return fill
    return msgspec.structs.replace(
        fill,
        quantity=correction.quantity,
        price=correction.price,
        commission=fill.commission - correction.commission_returned,
    )
