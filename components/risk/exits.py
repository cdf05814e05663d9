"""Exits: orders with which risk itself closes positions."""

from collections.abc import Mapping
from decimal import Decimal

from kernel.events import ApprovedOrder, Order, OrderOrigin, OrderType, Side
from kernel.identifiers import ClientOrderId
from kernel.position_sides import Leg, size_of

ZERO = Decimal(0)
EXITS = "risk"
"""The name under which risk acts.

It is the operator of risk's commands, the first word of an exit's tag, and the part of an exit's client order
id where other orders have their strategy's slug. No strategy gets this slug.
"""

TAG_LENGTH = 60


def exit_order(
    leg: Leg,
    symbol: str,
    *,
    signed_quantity: Decimal,
    client_order_id: ClientOrderId,
    reason: str,
) -> ApprovedOrder:
    """A market order that closes ``signed_quantity`` of a position; it belongs to the strategy.

    For a leg of hedging mode it is reduce-only, because any other order would open the other leg.
    """
    return ApprovedOrder(
        client_order_id,
        leg.strategy,
        symbol,
        Side.SELL if signed_quantity > 0 else Side.BUY,
        OrderType.MARKET,
        abs(signed_quantity),
        reduce_only=leg.side is not None and size_of(signed_quantity, leg.side) > 0,
        tag=f"{EXITS}: {reason}"[:TAG_LENGTH],
        origin=OrderOrigin.RISK,
    )


def is_exit(order: Order) -> bool:
    """Whether risk made this order to close a position: its strategy may neither cancel nor change it."""
    return order.origin is OrderOrigin.RISK


def parts_to_close(legs: Mapping[Leg, Decimal], fraction: Decimal, lot: Decimal) -> dict[Leg, Decimal]:
    """A fraction of each position, with its sign, in whole lots and one lot at least.

    A whole position is closed to the last unit, even if it is not in whole lots (for example after a split).
    """
    parts: dict[Leg, Decimal] = {}
    for leg, quantity in legs.items():
        size = abs(quantity)
        part = size if fraction >= 1 else min(size, max(lot, size * fraction // lot * lot))
        if part > 0:
            parts[leg] = part if quantity > 0 else -part
    return parts
