"""Corporate actions: how they change the terms of an order.

- A split restates the leaves quantity, not the fills: leaves times the ratio, in whole lots; prices over the
  ratio, to the nearest tick. The order's quantity becomes filled plus restated leaves.
- A fill from before a split can be undone later. Then the leaves quantity grows, in present units.
- A symbol change moves the order.
- A merger or delisting ends it.
- A dividend changes nothing. Some venues lower orders by the dividend; we do not.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec

from components.orders.state import OrderSplit
from kernel.corporate_actions import ONE, price_after, successor, units_after
from kernel.events import CorporateAction, InstrumentDefined, Order

OrderT = TypeVar("OrderT", bound=Order)


def restated(
    order: OrderT, action: CorporateAction, *, filled: Decimal, instrument: InstrumentDefined
) -> OrderT:
    """The order on the terms of ``instrument``, after the action. Its leaves quantity can become 0."""
    ratio, tick, lot = action.ratio, instrument.tick_size, instrument.lot_size
    symbol = successor(action)
    if ratio == ONE:
        return msgspec.structs.replace(order, symbol=symbol)
    leaves = units_after(order.quantity - filled, ratio, lot_size=lot)
    display = order.display_quantity
    return msgspec.structs.replace(
        order,
        symbol=symbol,
        quantity=filled + leaves,
        limit_price=_over(order.limit_price, ratio, tick=tick),
        stop_price=_over(order.stop_price, ratio, tick=tick),
        trail_amount=_over(order.trail_amount, ratio, tick=tick),
        display_quantity=None if display is None else max(lot, units_after(display, ratio, lot_size=lot)),
    )


def with_more_left(
    splits: Sequence[OrderSplit], quantity: Decimal, *, action_count: int
) -> tuple[tuple[OrderSplit, ...], Decimal]:
    """Undo a fill of ``quantity`` that was booked after ``action_count`` corporate actions.

    Returns the order's later splits with the larger leaves, and the quantity in present units.
    """
    done: list[OrderSplit] = []
    for split in splits:
        if split.action <= action_count:
            done.append(split)
            continue
        leaves = split.leaves + quantity
        quantity = _leaves_after(split, leaves) - _leaves_after(split, split.leaves)
        done.append(msgspec.structs.replace(split, leaves=leaves))
    return tuple(done), quantity


def _leaves_after(split: OrderSplit, leaves: Decimal) -> Decimal:
    return units_after(leaves, split.ratio, lot_size=split.lot_size)


def _over(price: Decimal | None, ratio: Decimal, *, tick: Decimal) -> Decimal | None:
    return None if price is None else price_after(price, ratio, tick_size=tick)
