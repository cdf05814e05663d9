"""Exits: orders with which risk itself closes positions."""

from collections.abc import Mapping
from decimal import Decimal

from kernel.events import ApprovedOrder, Order, OrderOrigin, OrderType, Side
from kernel.identifiers import ClientOrderId, StrategyId

ZERO = Decimal(0)
EXITS = "risk"
"""The name under which risk acts.

It is the operator of risk's commands, the first word of an exit's tag, and the part of an exit's client order
id where other orders have their strategy's slug. No strategy gets this slug.
"""

TAG_LENGTH = 60


def exit_order(
    strategy: StrategyId,
    symbol: str,
    *,
    signed_quantity: Decimal,
    client_order_id: ClientOrderId,
    reason: str,
) -> ApprovedOrder:
    """A market order that closes ``signed_quantity`` of a strategy's position; it belongs to the strategy."""
    return ApprovedOrder(
        client_order_id,
        strategy,
        symbol,
        Side.SELL if signed_quantity > 0 else Side.BUY,
        OrderType.MARKET,
        abs(signed_quantity),
        tag=f"{EXITS}: {reason}"[:TAG_LENGTH],
        origin=OrderOrigin.RISK,
    )


def is_exit(order: Order) -> bool:
    """Whether risk made this order to close a position: its strategy may neither cancel nor change it."""
    return order.origin is OrderOrigin.RISK


def parts_to_close(
    holders: Mapping[StrategyId, Decimal], fraction: Decimal, lot: Decimal
) -> dict[StrategyId, Decimal]:
    """A fraction of each strategy's position, with its sign, in whole lots and one lot at least.

    A whole position is closed to the last unit, even if it is not in whole lots (for example after a split).
    """
    parts: dict[StrategyId, Decimal] = {}
    for strategy, quantity in holders.items():
        size = abs(quantity)
        part = size if fraction >= 1 else min(size, max(lot, size * fraction // lot * lot))
        if part > 0:
            parts[strategy] = part if quantity > 0 else -part
    return parts
