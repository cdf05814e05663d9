"""Short ways to write down the orders that a hook returns.

The order type follows from the prices given: no price for a market order, ``limit`` or ``stop`` for one of
these, both for a stop-limit, a trail for a trailing stop. Name the others (if-touched, on open, on close)
with ``order_type``. ``PlaceOrder`` explains each term.
"""

from kernel.events import BUY, GTC, LIMIT, MARKET, SELL, OrderType, TimeInForce
from strategies.sdk.decisions import (
    Number,
    OneCancelsOther,
    OneTriggersOther,
    PlaceOrder,
    Quantity,
    Target,
)


def buy(
    symbol: str,
    quantity: Quantity,
    *,
    limit: Number | None = None,
    stop: Number | None = None,
    time_in_force: TimeInForce = GTC,
    tag: str = "",
    order_type: OrderType | None = None,
    expire_ts: int = 0,
    post_only: bool = False,
    reduce_only: bool = False,
    trail_amount: Number | None = None,
    trail_percent: Number | None = None,
    display_quantity: Number | None = None,
    stop_loss: Number | None = None,
    take_profit: Number | None = None,
) -> PlaceOrder:
    """An order to buy."""
    return PlaceOrder(
        symbol,
        BUY,
        quantity,
        order_type or _order_type(limit, stop, trail=trail_amount or trail_percent),
        limit,
        stop,
        time_in_force,
        tag,
        expire_ts,
        post_only,
        reduce_only,
        trail_amount,
        trail_percent,
        display_quantity,
        stop_loss,
        take_profit,
    )


def sell(
    symbol: str,
    quantity: Quantity,
    *,
    limit: Number | None = None,
    stop: Number | None = None,
    time_in_force: TimeInForce = GTC,
    tag: str = "",
    order_type: OrderType | None = None,
    expire_ts: int = 0,
    post_only: bool = False,
    reduce_only: bool = False,
    trail_amount: Number | None = None,
    trail_percent: Number | None = None,
    display_quantity: Number | None = None,
    stop_loss: Number | None = None,
    take_profit: Number | None = None,
) -> PlaceOrder:
    """An order to sell."""
    return PlaceOrder(
        symbol,
        SELL,
        quantity,
        order_type or _order_type(limit, stop, trail=trail_amount or trail_percent),
        limit,
        stop,
        time_in_force,
        tag,
        expire_ts,
        post_only,
        reduce_only,
        trail_amount,
        trail_percent,
        display_quantity,
        stop_loss,
        take_profit,
    )


def target_position(
    symbol: str,
    position: Number,
    *,
    limit: Number | None = None,
    time_in_force: TimeInForce = GTC,
    tag: str = "",
) -> Target:
    """An order that brings the position to ``position`` units, negative for short."""
    return Target(symbol, position, None, _order_type(limit, None), limit, None, time_in_force, tag)


def target_weight(
    symbol: str,
    weight: Number,
    *,
    limit: Number | None = None,
    time_in_force: TimeInForce = GTC,
    tag: str = "",
) -> Target:
    """An order that brings the position's value to ``weight`` of the equity (0.6 is 60 %)."""
    return Target(symbol, None, weight, _order_type(limit, None), limit, None, time_in_force, tag)


def one_cancels_other(*orders: PlaceOrder) -> OneCancelsOther:
    """Orders that reduce each other: a fill of one reduces the others by its quantity."""
    return OneCancelsOther(orders)


def one_triggers_other(first: PlaceOrder, *then: PlaceOrder | OneCancelsOther) -> OneTriggersOther:
    """An order, and orders that wait for its fill."""
    return OneTriggersOther(first, then)


def _order_type(limit: Number | None, stop: Number | None, *, trail: Number | None = None) -> OrderType:
    if stop is None and trail is None:
        return MARKET if limit is None else LIMIT
    if trail is not None:
        return OrderType.TRAILING_STOP
    return OrderType.STOP if limit is None else OrderType.STOP_LIMIT
