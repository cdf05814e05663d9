"""What a corporate action does to the terms of an order.

A split leaves what was filled as it was booked and restates the rest: quantity times the ratio, in whole
lots, prices over the ratio, to the nearest tick. So ``quantity`` less what was filled is still what is left.
A fill of before a split that is undone leaves more, in the units of today. A symbol change moves the order. A
merger or delisting ends it. Dividends change nothing: a venue may lower orders by the dividend, ours stand.
"""

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TypeVar

import msgspec

from components.orders.state import OrderSplit
from kernel.corporate_actions import whole_lots
from kernel.events import CorporateAction, CorporateActionKind, InstrumentDefined, Order

ENDING = frozenset({CorporateActionKind.MERGER, CorporateActionKind.DELISTING})
"""Actions after which there is nothing left to trade."""

RESTATING = frozenset({CorporateActionKind.SPLIT, CorporateActionKind.SYMBOL_CHANGE})
"""Actions after which orders go on under new terms."""

OrderT = TypeVar("OrderT", bound=Order)


def has_expired(instrument: InstrumentDefined, ts: int) -> bool:
    """Whether the last moment at which the instrument trades is over."""
    return 0 < instrument.expiry_ts < ts


def restated(
    order: OrderT, action: CorporateAction, *, filled: Decimal, instrument: InstrumentDefined
) -> OrderT:
    """The order under its new terms; what is left of it may be nothing."""
    ratio, tick, lot = action.ratio, instrument.tick_size, instrument.lot_size
    symbol = action.new_symbol or order.symbol
    if ratio == 1:
        return msgspec.structs.replace(order, symbol=symbol)
    leaves = whole_lots((order.quantity - filled) * ratio, lot)
    display = order.display_quantity
    return msgspec.structs.replace(
        order,
        symbol=symbol,
        quantity=filled + leaves,
        limit_price=_over(order.limit_price, ratio, tick=tick),
        stop_price=_over(order.stop_price, ratio, tick=tick),
        trail_amount=_over(order.trail_amount, ratio, tick=tick),
        display_quantity=None if display is None else max(lot, whole_lots(display * ratio, lot)),
    )


def with_more_left(
    splits: Sequence[OrderSplit], quantity: Decimal, *, action_count: int
) -> tuple[tuple[OrderSplit, ...], Decimal]:
    """The splits as if ``quantity`` more had been left after ``action_count`` actions; what that is now."""
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
    return whole_lots(leaves * split.ratio, split.lot_size)


def _over(price: Decimal | None, ratio: Decimal, *, tick: Decimal) -> Decimal | None:
    if price is None:
        return None
    ticks = (price / ratio / tick).to_integral_value(ROUND_HALF_EVEN)
    return (max(Decimal(1), ticks) * tick).quantize(tick)
