"""Hedging mode: the two positions that a strategy can hold in one symbol, its long and its short *leg*.

An order says by itself which leg it changes, as the position side of crypto exchanges does:

- A buy opens the long leg, or makes it larger. A reduce-only sale closes the long leg.
- A sale opens the short leg, or makes it larger. A reduce-only buy closes the short leg.

So an order that is not reduce-only never closes anything, and no order turns a position.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import NamedTuple

from kernel.events import BUY, AdjustPosition, Order, PositionSide
from kernel.identifiers import StrategyId

LONG_LEG, SHORT_LEG = PositionSide.LONG, PositionSide.SHORT
BOTH_LEGS = (LONG_LEG, SHORT_LEG)


class Leg(NamedTuple):
    """A position of a strategy in some symbol. ``side``: ``None`` for its net position in netting mode."""

    strategy: StrategyId
    side: PositionSide | None = None


def position_side_of(order: Order) -> PositionSide:
    """The leg that an order changes in hedging mode."""
    return LONG_LEG if (order.side is BUY) is not order.reduce_only else SHORT_LEG


def size_of(held: Decimal, side: PositionSide) -> Decimal:
    """The size of a leg, of which ``held`` is the signed quantity."""
    return held if side is LONG_LEG else -held


def sides_set_by(event: AdjustPosition) -> Sequence[PositionSide]:
    """The legs that an operator's adjustment sets in hedging mode."""
    if event.quantity:
        return (LONG_LEG,) if event.quantity > 0 else (SHORT_LEG,)
    return BOTH_LEGS if event.position_side is None else (event.position_side,)
