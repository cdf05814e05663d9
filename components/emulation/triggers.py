"""Conditions of emulated orders: when a market event makes one true. Pure functions.

The price that is compared with the level:

- Quote: the side that the order would trade at, the bid for a sale, the ask for a buy.
- Trade: its price.
- Bar that opened after the order arrived: its high and low.
- Bar that opened before that: its close alone, because high and low may be older than the order.
- Bar without ``open_ts``: as if it had opened at the earliest moment that is possible
  (``kernel.bar_times``). In logs of the first rules: its high and low, if it ends after the order arrived.
- Bar that opened no later than one already used (a longer timeframe): ignored.

A trailing stop is tested against the level before the event. Then the best price of the event moves the
level, never back. After a quote or trade has moved it, bars that were open at that moment count with their
close alone, because their high and low may be older than the level.
"""

from decimal import Decimal
from math import isfinite

import msgspec

from kernel.corporate_actions import level_after
from kernel.events import BUY, TRAILING_STOP, ApprovedOrder, Bar, OrderType, Quote, Trade

TOUCHED = frozenset({OrderType.MARKET_IF_TOUCHED, OrderType.LIMIT_IF_TOUCHED})
"""Types that wait for a better price; stops wait for a worse one."""

NOWHERE = 0.0
"""Level and best price of a trailing stop before its first price."""

_NEXT_TO_ZERO = 5e-324  # a level at 0, which is not ``NOWHERE``


class Condition(msgspec.Struct, gc=False):
    """The price that an order waits for.

    - ``rises``: true at ``level`` or above it; otherwise at ``level`` or below it.
    - ``since_ts``: the time since which the order has waited for this level.
    - ``best``: the best price since the order arrived, for a trailing stop.
    - ``trail_amount``: distance of a trailing stop from ``best``, as a price; 0 for other types.
    - ``trail_fraction``: the same distance as a fraction of ``best``; 0 for other types.
    - ``opened_ts``: the opening time of the last bar that was used.
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
    """The condition of an order; ``None`` for an order that waits for no price.

    A trailing stop without a stop price begins at its distance from ``last_price``.
    """
    if order.stop_price is None and order.order_type is not TRAILING_STOP:
        return None
    is_buy = order.side is BUY
    condition = Condition(
        is_buy,
        is_buy is not (order.order_type in TOUCHED),
        since_ts,
        NOWHERE if order.stop_price is None else float(order.stop_price) or _NEXT_TO_ZERO,
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


def reached_by_bar(condition: Condition, bar: Bar, *, opened_ts: int | None) -> bool:
    """Whether a bar makes the condition true.

    ``opened_ts``: when it opened, or can have opened at the earliest; ``None`` to take its high and low.
    """
    if bar.ts <= condition.since_ts:
        return False
    if opened_ts is None:
        condition.opened_ts = 0
    else:
        if condition.opened_ts > 0 and opened_ts <= condition.opened_ts:
            return False
        condition.opened_ts = opened_ts
        if opened_ts < condition.since_ts:
            return _reached_at(condition, bar.close)
    if not isfinite(bar.high + bar.low):
        return False
    worst, best = (bar.high, bar.low) if condition.rises else (bar.low, bar.high)
    is_reached = _is_at(condition, worst)
    if condition.trails:
        _trail(condition, best)
    return is_reached


def rescale(condition: Condition, ratio: Decimal) -> None:
    """Convert the prices of a condition to their terms after a split."""
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
    """Let the level follow a better price: down for a buy, up for a sale."""
    known = condition.best != NOWHERE
    best = min(condition.best, price) if condition.is_buy else max(condition.best, price)
    condition.best = best = best if known else price
    distance = condition.trail_amount or best * condition.trail_fraction
    level = best + distance if condition.is_buy else best - distance
    if condition.level == NOWHERE:
        condition.level = level
    else:
        condition.level = min(condition.level, level) if condition.is_buy else max(condition.level, level)
