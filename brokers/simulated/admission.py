"""What the venue takes, and an order as it comes to rest: first trail level, expiry, auction."""

from brokers.simulated.fills.triggers import trail
from brokers.simulated.hours import TradingHours, next_close, next_open
from brokers.simulated.resting import AT_ONCE, ON_CLOSE, ON_OPEN, Resting
from kernel.bus import EventBus
from kernel.events import Bar, Order, OrderType, Quote, TimeInForce, Trade, VenueFeature

# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_MARKET = OrderType.MARKET
_LIMIT = OrderType.LIMIT
_TRAILING = OrderType.TRAILING_STOP
_GTC = TimeInForce.GTC
_DAY = TimeInForce.DAY
_GTD = TimeInForce.GTD

_NEEDS_LIMIT = frozenset(
    {
        OrderType.LIMIT,
        OrderType.STOP_LIMIT,
        OrderType.LIMIT_IF_TOUCHED,
        OrderType.LIMIT_ON_OPEN,
        OrderType.LIMIT_ON_CLOSE,
    }
)
_NEEDS_STOP = frozenset(
    {OrderType.STOP, OrderType.STOP_LIMIT, OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED}
)
NEVER = -2
"""Before any ``ts``."""

WHOLE_DAYS = ("d", "w")
"""Units of timeframes whose bars hold whole trading days."""


def refusal(order: Order, ts: int) -> str:
    """Why nobody could work this order; empty if there is no reason."""
    order_type = order.order_type
    if order_type is _MARKET and order.time_in_force is _GTC and not order.post_only:
        return ""
    if order_type in _NEEDS_LIMIT and order.limit_price is None:
        return f"a {order_type.value} order needs a limit price"
    if order_type in _NEEDS_STOP and order.stop_price is None:
        return f"a {order_type.value} order needs a stop price"
    if order_type is _TRAILING:
        trails = [each for each in (order.trail_amount, order.trail_percent) if each is not None]
        if len(trails) != 1 or trails[0] <= 0:
            return "a trailing_stop order needs either a trail amount or a trail percent above 0"
    if order.post_only and (order_type is not _LIMIT or order.time_in_force in AT_ONCE):
        return "post-only is for limit orders that may rest"
    if order.time_in_force is _GTD and order.expire_ts <= ts:
        return f"expire_ts {order.expire_ts} is not after {ts}"
    if order.display_quantity is not None and order.display_quantity <= 0:
        return f"display quantity {order.display_quantity} is not above 0"
    return ""


def missing(order: Order, lacking: frozenset[str]) -> str:
    """What of the order a venue that lacks these does not take; empty if it takes it."""
    asked = [order.order_type.value, order.time_in_force.value]
    if order.post_only:
        asked.append(VenueFeature.POST_ONLY.value)
    if order.reduce_only:
        asked.append(VenueFeature.REDUCE_ONLY.value)
    if order.display_quantity is not None:
        asked.append(VenueFeature.ICEBERG.value)
    return next((each for each in asked if each in lacking), "")


def replacement_refusal(resting: Resting | None, order: Order, ts: int, *, lacking: frozenset[str]) -> str:
    """Why an order does not get these new terms; empty if it does."""
    if resting is None:
        return "no such order"
    if VenueFeature.REPLACE.value in lacking:
        return "orders are not replaced by this venue"
    filled = resting.order.quantity - resting.leaves
    if order.quantity <= filled:
        return f"{filled} of {order.quantity} are filled already"
    return refusal(order, ts)


def schedule(resting: Resting, hours: TradingHours, bus: EventBus) -> None:
    """Work out when the order expires, and which open or close it is for.

    An order on open or close has no other end, but for GTD.
    """
    order, ts = resting.order, resting.since_ts
    symbol, time_in_force = order.symbol, order.time_in_force
    if order.order_type in ON_OPEN:
        resting.due_ts = next_open(hours, symbol, ts)
    elif order.order_type in ON_CLOSE:
        bar = bus.last(Bar, symbol)
        has_no_calendar = hours.session(symbol, ts) is None
        if has_no_calendar and bar is not None and bar.timeframe.endswith(WHOLE_DAYS):
            resting.due_ts = ts  # the next bar is the next day, whenever it ends
        else:
            resting.due_ts = resting.expire_ts = next_close(hours, symbol, ts)
    elif time_in_force is _DAY:
        resting.expire_ts = hours.day_end(symbol, ts)
    if time_in_force is _GTD and (not resting.expire_ts or order.expire_ts < resting.expire_ts):
        resting.expire_ts = order.expire_ts


def set_first_level(resting: Resting, bus: EventBus, *, restated_ts: int) -> None:
    """Start a trailing stop without a stop price from the last price that its symbol had."""
    if not resting.is_trailing or resting.stop:
        return
    price = last_price(bus, resting, restated_ts=restated_ts)
    if price:
        trail(resting, price)


def last_price(bus: EventBus, resting: Resting, *, restated_ts: int) -> float:
    """The price that the order would meet now: the latest of quote, trade and bar close; 0.0 for none.

    Prices up to ``restated_ts`` are on other terms, or of another share: they are none.
    """
    symbol = resting.order.symbol
    bar, trade, quote = bus.last(Bar, symbol), bus.last(Trade, symbol), bus.last(Quote, symbol)
    latest_ts, price = restated_ts + 1, 0.0
    if bar is not None and bar.ts >= latest_ts:
        latest_ts, price = bar.ts, bar.close
    if trade is not None and trade.ts >= latest_ts:
        latest_ts, price = trade.ts, trade.price
    if quote is not None and quote.ts >= latest_ts:
        price = quote.ask if resting.is_buy else quote.bid
    return price if price == price else 0.0  # NaN is no price
