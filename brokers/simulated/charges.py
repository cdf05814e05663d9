"""Commission charged so far, by order and by calendar month, for models with ``needs_history``.

A commission model may need an order's earlier fills (a minimum per order) or the month's volume (tiers). An
order's charges are forgotten when it is finished, so the state grows only with working orders.
"""

from datetime import UTC, datetime
from decimal import Decimal

import msgspec

from brokers.simulated.commission import ZERO, CommissionModel, FillTerms
from kernel.events import MAKER, Liquidity, Order
from kernel.identifiers import ClientOrderId
from kernel.time_units import SECOND_NS


class OrderCharges(msgspec.Struct, gc=False):
    """The sums of an order's earlier fills.

    - ``filled``: units. ``made``: units that made liquidity.
    - ``notional``, ``accrued`` (the rates alone) and ``charged``: in currency.
    """

    filled: Decimal = ZERO
    made: Decimal = ZERO
    notional: Decimal = ZERO
    accrued: Decimal = ZERO
    charged: Decimal = ZERO


class Charges(msgspec.Struct):
    """The charges of each working order, and the volume of the month that ends at ``month_end_ts`` (UTC).

    The month's volume is that of all symbols together.
    """

    orders: dict[ClientOrderId, OrderCharges] = {}
    month_end_ts: int = 0
    month_quantity: Decimal = ZERO
    month_notional: Decimal = ZERO


def fill_terms(
    charges: Charges,
    model: CommissionModel,
    *,
    ts: int,
    order: Order,
    quantity: Decimal,
    price: Decimal,
    liquidity: Liquidity,
    multiplier: Decimal,
) -> FillTerms:
    """The terms of a fill at ``ts``, with the sums of earlier fills if the model needs them."""
    if not model.needs_history:
        return FillTerms(
            order, quantity, price, liquidity, multiplier, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO, ZERO
        )
    if ts >= charges.month_end_ts:
        charges.month_end_ts = _month_end(ts)
        charges.month_quantity = charges.month_notional = ZERO
    before = charges.orders.get(order.client_order_id) or OrderCharges()
    return FillTerms(
        order,
        quantity,
        price,
        liquidity,
        multiplier,
        before.filled,
        before.charged,
        charges.month_quantity,
        charges.month_notional,
        before.notional,
        before.accrued,
        before.made,
    )


def note_charge(charges: Charges, model: CommissionModel, fill: FillTerms, commission: Decimal) -> None:
    """Add a fill and its commission to ``charges`` if the model needs history.

    A model that raises leaves ``charges`` as they were.
    """
    if not model.needs_history:
        return
    order, quantity = fill.order, fill.quantity
    before = charges.orders.get(order.client_order_id) or OrderCharges()
    notional = fill.notional
    filled = before.filled + quantity
    is_done = filled >= order.quantity
    accrued = ZERO if is_done else before.accrued + model.accrual(fill)
    # nothing below raises
    charges.month_quantity += quantity
    charges.month_notional += notional
    if is_done:
        forget(charges, order.client_order_id)
    else:
        charges.orders[order.client_order_id] = OrderCharges(
            filled,
            before.made + quantity if fill.liquidity is MAKER else before.made,
            before.notional + notional,
            accrued,
            before.charged + commission,
        )


def forget(charges: Charges, client_order_id: ClientOrderId) -> None:
    """Forget a finished order."""
    charges.orders.pop(client_order_id, None)


def _month_end(ts: int) -> int:
    """The first ns of the next calendar month, UTC."""
    day = datetime.fromtimestamp(ts // SECOND_NS, UTC)
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return int(datetime(year, month, 1, tzinfo=UTC).timestamp()) * SECOND_NS
