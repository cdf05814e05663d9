"""An order at the simulated venue: its terms, its history, and its place in the queue."""

from decimal import Decimal

import msgspec

from kernel.events import BUY, GTC, LIMIT, MARKET, Order, OrderType, TimeInForce

NOTHING, STOP, TOUCH = 0, 1, 2
"""The trigger that an order waits for: none, a worse price (stops), a better price (if touched)."""

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
_ZERO = Decimal(0)


class Resting(msgspec.Struct, gc=False):
    """An order at the venue. Its prices are floats; 0.0 means that it does not have the price.

    Terms:

    - ``since_ts``: the time at which these terms arrived.
    - ``placed_ts``: the time at which the order first arrived, if it was replaced with latency; else 0.
    - ``leaves``: the quantity still to fill.
    - ``stop``: the trigger price. For a trailing stop it follows the market at the distance ``trail``.
    - ``waits_for``: ``NOTHING``, ``STOP`` or ``TOUCH``.
    - ``is_limited``: it has a limit price.
    - ``is_plain``: it has no instruction (see ``instructions`` and ``fill_sharing``).
    - ``expire_ts``: the time at which the rest expires; 0: never.
    - ``due_ts``: the open or close at which an order on open or on close fills.

    Its history:

    - ``is_triggered``: its trigger was reached.
    - ``is_posted``: it has rested, so its next fill makes liquidity.
    - ``fill_count``: its fills so far.

    Its place in the queue (see ``fills.queue``):

    - ``queue_price``: the price at which it queues.
    - ``queue_ahead``: the size ahead of it there.
    - ``queue_shown``: the size that the market showed there last.
    - ``queue_traded``: the size that traded there since.
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
        """Whether the market has trailed, triggered or partly filled the order."""
        return self.trail > 0.0 or self.is_triggered or self.fill_count > 0


def rest(order: Order, ts: int) -> Resting:
    """A new order at the venue, from ``ts`` on."""
    order_type, time_in_force = order.order_type, order.time_in_force
    resting = Resting(order, ts, order.side is BUY, order.quantity)
    if order.limit_price is not None:
        resting.limit = float(order.limit_price)
        resting.is_limited = True
    is_for_auction = False
    if order_type is not MARKET and order_type is not LIMIT:
        is_for_auction = order_type in ON_OPEN or order_type in ON_CLOSE
        _set_trigger(resting)
    resting.is_plain = not (
        order.post_only
        or order.reduce_only
        or order.group_id
        or order.display_quantity is not None
        or (time_in_force is not GTC and time_in_force in AT_ONCE)
        or is_for_auction
    )
    return resting


def renew(old: Resting, order: Order, ts: int) -> Resting:
    """``old`` with new terms from ``ts`` on. Its fills stay, and a triggered order stays triggered.

    It keeps its place in the queue only if the limit is the same and the quantity is not larger.
    """
    fresh = rest(order, ts)
    fresh.leaves = order.quantity - (old.order.quantity - old.leaves)
    fresh.fill_count = old.fill_count
    fresh.expire_ts, fresh.due_ts = old.expire_ts, old.due_ts
    if old.is_triggered:
        fresh.is_triggered, fresh.waits_for = True, NOTHING
    if old.is_trailing and order.stop_price == old.order.stop_price:
        fresh.stop = old.stop
    if fresh.limit == old.limit and order.quantity <= old.order.quantity:
        fresh.is_posted = old.is_posted
        fresh.queue_ahead, fresh.queue_price = old.queue_ahead, old.queue_price
        fresh.queue_shown, fresh.queue_traded = old.queue_shown, old.queue_traded
    return fresh


def _set_trigger(resting: Resting) -> None:
    """Set the kind and the price of the trigger of a stop, trailing stop or if-touched order."""
    order = resting.order
    resting.waits_for = _WAITS_FOR.get(order.order_type, NOTHING)
    if order.stop_price is not None:
        resting.stop = float(order.stop_price)
    if order.order_type is OrderType.TRAILING_STOP:
        trail = order.trail_amount if order.trail_percent is None else order.trail_percent
        resting.trail = 0.0 if trail is None else float(trail)
