"""Orders that close positions because risk says so: how much, of whose, under which id."""

from collections.abc import Mapping
from decimal import Decimal

from kernel.events import ApprovedOrder, Order, OrderType, Side
from kernel.identifiers import ClientOrderId, StrategyId

ZERO = Decimal(0)
EXITS = "risk"
"""The part of an exit's client order id where a strategy's orders have the strategy's name."""

TAG_LENGTH = 60


def exit_order(
    strategy: StrategyId,
    symbol: str,
    *,
    signed_quantity: Decimal,
    client_order_id: ClientOrderId,
    reason: str,
) -> ApprovedOrder:
    """A market order against a position of ``signed_quantity``, which its strategy owns."""
    return ApprovedOrder(
        client_order_id,
        strategy,
        symbol,
        Side.SELL if signed_quantity > 0 else Side.BUY,
        OrderType.MARKET,
        abs(signed_quantity),
        tag=f"{EXITS}: {reason}"[:TAG_LENGTH],
    )


def is_exit(order: Order) -> bool:
    """Whether risk made this order to close a position: its strategy may neither cancel nor change it."""
    return f"-{EXITS}-" in order.client_order_id


def parts_to_close(
    holders: Mapping[StrategyId, Decimal], fraction: Decimal, lot: Decimal
) -> dict[StrategyId, Decimal]:
    """The fraction of each strategy's position, with its sign, in whole lots and one at least.

    A position that is no whole number of lots (after a split, say) is closed whole or to the lot below.
    """
    parts: dict[StrategyId, Decimal] = {}
    for strategy, quantity in holders.items():
        size = abs(quantity)
        part = size if fraction >= 1 else min(size, max(lot, size * fraction // lot * lot))
        if part > 0:
            parts[strategy] = part if quantity > 0 else -part
    return parts
