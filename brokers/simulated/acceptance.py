"""Which orders the venue accepts, and how an accepted order starts.

An order starts with its expiry, with the open or close that it is for, and with the first level of a
trailing stop.
"""

from brokers.simulated.fills.triggers import trail
from brokers.simulated.hours import TradingHours, next_close, next_open
from brokers.simulated.resting import AT_ONCE, ON_CLOSE, ON_OPEN, Resting
from kernel.bar_times import has_days_without_hours
from kernel.bus import EventBus, is_price
from kernel.events import (
    DAY,
    GTC,
    GTD,
    LIMIT,
    MARKET,
    TRAILING_STOP,
    Bar,
    Order,
    OrderType,
    Quote,
    Trade,
    VenueFeature,
)
from kernel.rules import FIRST_RULES, RULES, deciding_ts

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
"""A time before any ``ts``."""


def refusal(order: Order, ts: int, *, lacking: frozenset[str]) -> str:
    """The reason why the venue rejects an order; empty if it accepts it.

    ``lacking``: names of the types, times in force and features that the venue does not have.
    """
    return _mistake(order, ts) or _lack(order, lacking)


def replacement_refusal(resting: Resting | None, order: Order, ts: int, *, lacking: frozenset[str]) -> str:
    """The reason why the venue rejects new terms for an order; empty if it accepts them."""
    if resting is None:
        return "no such order"
    if VenueFeature.REPLACE.value in lacking:
        return "orders are not replaced by this venue"
    filled = resting.order.quantity - resting.leaves
    if order.quantity <= filled:
        return f"{filled} of {order.quantity} are filled already"
    return _mistake(order, ts)


def start(
    resting: Resting, hours: TradingHours, bus: EventBus, *, restated_ts: int, rules: int = RULES
) -> None:
    """Set the first level of a trailing stop, the expiry, and the auction of an accepted order.

    ``restated_ts``: when the prices of the symbol were last restated; ``NEVER`` if they were not.
    """
    if resting.is_trailing and not resting.stop:
        price = last_price(bus, resting, restated_ts=restated_ts, rules=rules)
        if price:
            trail(resting, price)
    order, ts = resting.order, resting.since_ts
    if order.order_type in ON_OPEN:
        resting.due_ts = next_open(hours, order.symbol, ts)
    elif order.order_type in ON_CLOSE:
        _set_close(resting, hours, bus, rules=rules)
    elif order.time_in_force is DAY:
        _set_day(resting, hours, bus, rules=rules)
    if order.time_in_force is GTD and (not resting.expire_ts or order.expire_ts < resting.expire_ts):
        resting.expire_ts = order.expire_ts


def last_price(bus: EventBus, resting: Resting, *, restated_ts: int, rules: int = RULES) -> float:
    """The price at which the order would trade now; 0.0 without one.

    It is the latest of quote, trade and bar close. Of a quote without the needed side, the last quote with
    both sides counts instead. Prices up to ``restated_ts`` are ignored: they are on other terms, or of
    another share.
    """
    symbol = resting.order.symbol
    bar, trade, quote = bus.last(Bar, symbol), bus.last(Trade, symbol), bus.last(Quote, symbol)
    latest_ts, price = restated_ts + 1, 0.0
    if bar is not None and bar.ts >= latest_ts:
        latest_ts, price = bar.ts, bar.close
    if trade is not None and trade.ts >= latest_ts:
        latest_ts, price = trade.ts, trade.price
    if quote is not None and rules > FIRST_RULES and not is_price(_needed_side(resting, quote)):
        quote = bus.last_two_sided(symbol)
    if quote is not None and quote.ts >= latest_ts:
        price = _needed_side(resting, quote)
    return price if price == price else 0.0  # NaN is no price


def _needed_side(resting: Resting, quote: Quote) -> float:
    return quote.ask if resting.is_buy else quote.bid


def _mistake(order: Order, ts: int) -> str:
    """The reason why no venue can accept the order; empty if there is none."""
    order_type = order.order_type
    if order_type is MARKET and order.time_in_force is GTC and not order.post_only:
        return ""
    if order.limit_price is None and order_type in _NEEDS_LIMIT:
        return f"a {order_type.value} order needs a limit price"
    if order.stop_price is None and order_type in _NEEDS_STOP:
        return f"a {order_type.value} order needs a stop price"
    if order_type is TRAILING_STOP:
        trails = [each for each in (order.trail_amount, order.trail_percent) if each is not None]
        if len(trails) != 1 or trails[0] <= 0:
            return "a trailing_stop order needs either a trail amount or a trail percent above 0"
    if order.post_only and (order_type is not LIMIT or order.time_in_force in AT_ONCE):
        return "post-only is for limit orders that may rest"
    if order.time_in_force is GTD and order.expire_ts <= ts:
        return f"expire_ts {order.expire_ts} is not after {ts}"
    if order.display_quantity is not None and order.display_quantity <= 0:
        return f"display quantity {order.display_quantity} is not above 0"
    return ""


def _lack(order: Order, lacking: frozenset[str]) -> str:
    """The first feature of the order that the venue lacks, as a sentence; empty if it lacks nothing."""
    if not lacking:
        return ""
    asked = [order.order_type.value, order.time_in_force.value]
    if order.post_only:
        asked.append(VenueFeature.POST_ONLY.value)
    if order.reduce_only:
        asked.append(VenueFeature.REDUCE_ONLY.value)
    if order.display_quantity is not None:
        asked.append(VenueFeature.ICEBERG.value)
    return next((f"{each} is not taken by this venue" for each in asked if each in lacking), "")


def _set_day(resting: Resting, hours: TradingHours, bus: EventBus, *, rules: int) -> None:
    """Set the expiry of a DAY order, and ``due_ts`` if its day is the next bar, whenever that comes."""
    symbol, ts = resting.order.symbol, resting.since_ts
    resting.expire_ts = hours.day_end(symbol, deciding_ts(ts, rules=rules))
    if rules > FIRST_RULES and has_days_without_hours(hours, bus, symbol, ts):
        resting.due_ts = ts


def _set_close(resting: Resting, hours: TradingHours, bus: EventBus, *, rules: int) -> None:
    """Set the close at which an order on close fills. It expires then, unless daily bars have the close.

    A bar that ends in the last nanosecond of the session holds its close.
    """
    symbol, ts = resting.order.symbol, resting.since_ts
    if has_days_without_hours(hours, bus, symbol, ts):
        resting.due_ts = ts  # the next bar is the next day, whenever it ends
        return
    decided_ts = deciding_ts(ts, rules=rules)
    resting.expire_ts = next_close(hours, symbol, decided_ts)
    resting.due_ts = resting.expire_ts - (decided_ts - ts)
