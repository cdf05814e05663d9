"""An order as the simulated venue holds it: its terms in the market's numbers, and how far it has come."""

from decimal import Decimal

import msgspec

from kernel.events import Order, OrderType, Side, TimeInForce

NOTHING, STOP, TOUCH = 0, 1, 2
"""What an order waits for: nothing; a price against it (stops); a price in its favour (if-touched)."""

_BUY = Side.BUY
_MARKET = OrderType.MARKET
_LIMIT = OrderType.LIMIT
_TRAILING = OrderType.TRAILING_STOP
_WAITS_FOR: dict[OrderType, int] = {
    OrderType.STOP: STOP,
    OrderType.STOP_LIMIT: STOP,
    OrderType.TRAILING_STOP: STOP,
    OrderType.MARKET_IF_TOUCHED: TOUCH,
    OrderType.LIMIT_IF_TOUCHED: TOUCH,
}
ON_OPEN = frozenset({OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN})
ON_CLOSE = frozenset({OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE})
AT_ONCE = frozenset({TimeInForce.IOC, TimeInForce.FOK})
_GTC = TimeInForce.GTC
_ZERO = Decimal(0)


class Resting(msgspec.Struct, gc=False):
    """An order at the venue since ``since_ts``; ``limit``, ``stop`` and ``trail`` as floats, 0.0 for none.

    ``placed_ts`` is when an order came whose terms of ``since_ts`` took time to arrive, 0 for others.
    ``stop`` is the trigger price; a trailing stop's moves with the market. ``leaves`` is what is still to
    fill. ``expire_ts`` is when the rest expires (0: never), ``due_ts`` the open or close that an order on
    open or close is for. ``is_posted``: it has been offered before and stayed, so it makes liquidity.
    ``is_plain``: no instruction needs looking after, but for prices. ``queue_ahead`` is the size ahead of
    it at ``queue_price``, for models that count a queue, ``queue_shown`` the size that was shown there last
    and ``queue_traded`` what was traded there since.
    """

    order: Order
    since_ts: int
    is_buy: bool
    leaves: Decimal
    limit: float = 0.0
    stop: float = 0.0
    waits_for: int = NOTHING
    is_limited: bool = False
    is_plain: bool = True
    is_triggered: bool = False
    is_posted: bool = False
    trail: float = 0.0
    fill_count: int = 0
    charged: Decimal = _ZERO
    expire_ts: int = 0
    due_ts: int = 0
    queue_ahead: float = 0.0
    queue_price: float = 0.0
    queue_shown: float = 0.0
    queue_traded: float = 0.0
    placed_ts: int = 0

    @property
    def is_trailing(self) -> bool:
        """Whether the trigger price follows the market."""
        return self.trail > 0.0

    @property
    def has_moved(self) -> bool:
        """Whether what the market did changed the order since it came."""
        return self.trail > 0.0 or self.is_triggered or self.fill_count > 0


def rest(order: Order, ts: int) -> Resting:
    """An order as the venue sees it from ``ts`` on."""
    order_type = order.order_type
    resting = Resting(order, ts, order.side is _BUY, order.quantity)
    if order.limit_price is not None:
        resting.limit = float(order.limit_price)
        resting.is_limited = True
    if order_type is not _MARKET and order_type is not _LIMIT:
        resting.waits_for = _WAITS_FOR.get(order_type, NOTHING)
        if order.stop_price is not None:
            resting.stop = float(order.stop_price)
        if order_type is _TRAILING:
            trail = order.trail_amount if order.trail_percent is None else order.trail_percent
            resting.trail = 0.0 if trail is None else float(trail)
    resting.is_plain = not (
        order.post_only
        or order.reduce_only
        or order.group_id
        or order.display_quantity is not None
        or (order.time_in_force is not _GTC and order.time_in_force in AT_ONCE)
        or order_type in ON_OPEN
        or order_type in ON_CLOSE
    )
    return resting


def renew(old: Resting, order: Order, ts: int) -> Resting:
    """``old`` under new terms from ``ts`` on: what it has filled, reached and been charged stays."""
    fresh = rest(order, ts)
    fresh.leaves = order.quantity - (old.order.quantity - old.leaves)
    fresh.fill_count, fresh.charged = old.fill_count, old.charged
    fresh.expire_ts, fresh.due_ts = old.expire_ts, old.due_ts
    if old.is_triggered:
        fresh.is_triggered, fresh.waits_for = True, NOTHING
    if old.is_trailing and order.stop_price == old.order.stop_price:
        fresh.stop = old.stop
    if fresh.limit == old.limit and order.quantity <= old.order.quantity:  # anything else goes to the back
        fresh.is_posted = old.is_posted
        fresh.queue_ahead, fresh.queue_price = old.queue_ahead, old.queue_price
        fresh.queue_shown, fresh.queue_traded = old.queue_shown, old.queue_traded
    return fresh
