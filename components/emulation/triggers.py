"""When the condition of an emulated order comes true. Pure functions of the order and a market event.

A quote counts with the side that the order would trade at: the bid for a sale, the ask for a buy. A
trade counts with its price; a bar with its high and low if it opened when the order was here, else with
its close alone (one that does not say when it opened must end after the order came). A bar over what
shorter ones have said already counts for nothing. A trailing stop is tested against the level from before
the event, then the event's best price moves the level, never back; once a quote or trade moved it, bars
that were open then may hold prices from before that.
"""

from decimal import Decimal
from math import isfinite

import msgspec

from kernel.corporate_actions import level_after
from kernel.events import BUY, TRAILING_STOP, ApprovedOrder, Bar, OrderType, Quote, Trade

TOUCHED = frozenset({OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED})
"""They wait for a better price; stops wait for a worse one."""

NOWHERE = 0.0
"""The level of a trailing stop that has not seen a price, and the best price then."""


class Condition(msgspec.Struct, gc=False):
    """What an order waits for: the price at ``level``, or beyond it upwards (``rises``) or downwards.

    ``trail_amount`` (price) or ``trail_fraction`` is the distance that a trailing stop keeps from the
    ``best`` price since it is here; both 0 for others. ``since_ts``: when it came to wait for this level.
    ``opened_ts`` is when the latest bar began that counted.
    """

    is_buy: bool
    rises: bool
    since_ts: int
    level: float
    best: float = NOWHERE
    trail_amount: float = 0.0
    trail_fraction: float = 0.0
    opened_ts: int = 0

    @property
    def trails(self) -> bool:
        """Whether the level moves."""
        return self.trail_amount > 0 or self.trail_fraction > 0


def condition_of(order: ApprovedOrder, *, since_ts: int, last_price: float | None) -> Condition | None:
    """What the order waits for, ``None`` if for no price.

    A trailing stop without a first stop price begins at its distance from ``last_price``.
    """
    if order.stop_price is None and order.order_type is not TRAILING_STOP:
        return None
    is_buy = order.side is BUY
    condition = Condition(
        is_buy,
        is_buy is not (order.order_type in TOUCHED),
        since_ts,
        NOWHERE if order.stop_price is None else float(order.stop_price),
        NOWHERE,
        0.0 if order.trail_amount is None else float(order.trail_amount),
        0.0 if order.trail_percent is None else float(order.trail_percent) / 100,
    )
    begins_here = condition.trails and condition.level == NOWHERE
    if begins_here and last_price is not None and isfinite(last_price) and last_price > 0:
        _trail(condition, last_price)
    return condition


def reached_by_quote(condition: Condition, quote: Quote) -> bool:
    """Whether a quote makes the condition true; 0 stands for a side that is missing."""
    return _reached_by_tick(condition, quote.ask if condition.is_buy else quote.bid, ts=quote.ts)


def reached_by_trade(condition: Condition, trade: Trade) -> bool:
    """Whether a market print makes the condition true."""
    return _reached_by_tick(condition, trade.price, ts=trade.ts)


def reached_by_bar(condition: Condition, bar: Bar) -> bool:
    """Whether a bar makes the condition true."""
    opened_ts = bar.open_ts
    if bar.ts <= condition.since_ts or 0 < opened_ts <= condition.opened_ts:
        return False
    condition.opened_ts = opened_ts
    if 0 < opened_ts < condition.since_ts:
        return _reached_at(condition, bar.close)
    if not isfinite(bar.high + bar.low):
        return False
    worst, best = (bar.high, bar.low) if condition.rises else (bar.low, bar.high)
    is_reached = _is_at(condition, worst)
    if condition.trails:
        _trail(condition, best)
    return is_reached


def rescale(condition: Condition, ratio: Decimal) -> None:
    """A split: prices from before it, as prices from after it."""
    condition.level = level_after(condition.level, ratio)
    condition.best = level_after(condition.best, ratio)
    condition.trail_amount = level_after(condition.trail_amount, ratio)


def _reached_by_tick(condition: Condition, price: float, *, ts: int) -> bool:
    level = condition.level
    is_reached = _reached_at(condition, price)
    if condition.level != level:
        condition.since_ts = ts
    return is_reached


def _reached_at(condition: Condition, price: float) -> bool:
    if not price or not isfinite(price):
        return False
    is_reached = _is_at(condition, price)
    if condition.trails:
        _trail(condition, price)
    return is_reached


def _is_at(condition: Condition, price: float) -> bool:
    if condition.level == NOWHERE:
        return False
    return price >= condition.level if condition.rises else price <= condition.level


def _trail(condition: Condition, price: float) -> None:
    """Move the level after a better price: down for a buy, up for a sale."""
    known = condition.best != NOWHERE
    best = min(condition.best, price) if condition.is_buy else max(condition.best, price)
    condition.best = best = best if known else price
    distance = condition.trail_amount or best * condition.trail_fraction
    level = best + distance if condition.is_buy else best - distance
    if condition.level == NOWHERE:
        condition.level = level
    else:
        condition.level = min(condition.level, level) if condition.is_buy else max(condition.level, level)
