"""When and at what price an order fills, by kind of market data. Each model is a pure function.

Bars (the "OHLC rule"): an order works from the next bar on, the first that opens when the order is there;
a bar that was open before (of another symbol, with the same close) would fill it in the past. A market
order fills at its open; a limit at the limit or the open, whichever is better; a stop at the stop or
the open, whichever is worse; a touch is enough; a stop-limit can fill in the bar that triggers it only
if the trigger price is within its limit. With ``this_close`` a market order decided at a bar's close
fills at that close.

Quotes: an order works from the next quote on; buys at the ask, sells at the bid, in any size.

Trades: an order works from the next trade on; at its price.
"""

from enum import StrEnum
from math import isfinite

import msgspec

from kernel.events import Bar, Order, OrderType, Quote, Side, Trade

# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_BUY = Side.BUY
_MARKET = OrderType.MARKET
_LIMIT = OrderType.LIMIT
_STOP = OrderType.STOP


class FillTiming(StrEnum):
    """When a market order decided at the close of a bar fills."""

    NEXT_OPEN = "next_open"
    THIS_CLOSE = "this_close"


class Price(msgspec.Struct, frozen=True, gc=False):
    """A fill: the price, whether slippage applies, and when it happened."""

    price: float
    slips: bool
    executed_ts: int


class Resting(msgspec.Struct, gc=False):
    """An order at the simulated venue since ``since_ts``; prices as floats, the market's own terms."""

    order: Order
    since_ts: int
    limit: float
    stop: float
    is_triggered: bool = False
    fill_count: int = 0


def rest(order: Order, ts: int) -> Resting:
    """An order as the venue sees it from ``ts`` on."""
    return Resting(
        order,
        ts,
        0.0 if order.limit_price is None else float(order.limit_price),
        0.0 if order.stop_price is None else float(order.stop_price),
    )


def fill_on_bar(resting: Resting, bar: Bar) -> Price | None:
    """Whether a bar fills an order; sets ``is_triggered`` when it reaches a stop."""
    if not _is_next(bar, resting.since_ts) or not isfinite(bar.open + bar.high + bar.low):
        return None
    order_type = resting.order.order_type
    if order_type is _MARKET:
        return Price(bar.open, slips=True, executed_ts=bar.open_ts or bar.ts)
    is_buy = resting.order.side is _BUY
    worst, best = (bar.high, bar.low) if is_buy else (bar.low, bar.high)
    entry = bar.open
    if order_type is not _LIMIT and not resting.is_triggered:
        if not _reaches(worst, resting.stop, is_buy=is_buy):
            return None
        resting.is_triggered = True
        entry = max(resting.stop, bar.open) if is_buy else min(resting.stop, bar.open)
        if order_type is _STOP:
            return Price(
                entry, slips=True, executed_ts=bar.ts if entry != bar.open else bar.open_ts or bar.ts
            )
        if not _reaches(resting.limit, entry, is_buy=is_buy):
            return None  # triggered beyond its limit: works as a limit order from the next bar on
        return Price(entry, slips=False, executed_ts=bar.ts)
    if not _reaches(resting.limit, best, is_buy=is_buy):
        return None
    price = min(resting.limit, entry) if is_buy else max(resting.limit, entry)
    return Price(price, slips=False, executed_ts=bar.ts if price != bar.open else bar.open_ts or bar.ts)


def fill_at_close(resting: Resting, bar: Bar) -> Price | None:
    """As ``fill_on_bar``, but a market order that came at the bar's close fills at that close."""
    if resting.order.order_type is _MARKET and resting.since_ts == bar.ts:
        return Price(bar.close, slips=True, executed_ts=bar.ts) if isfinite(bar.close) else None
    return fill_on_bar(resting, bar)


def fill_on_quote(resting: Resting, quote: Quote) -> Price | None:
    """Whether a quote fills an order, at the side it would take; 0 stands for a side that is missing."""
    price = quote.ask if resting.order.side is _BUY else quote.bid
    return _fill_at(resting, price, ts=quote.ts)


def fill_on_trade(resting: Resting, trade: Trade) -> Price | None:
    """Whether a market print fills an order, at its price."""
    return _fill_at(resting, trade.price, ts=trade.ts)


def _is_next(bar: Bar, since_ts: int) -> bool:
    """Whether the bar began when the order was there; one without ``open_ts`` must end after that."""
    return bar.open_ts >= since_ts if bar.open_ts else bar.ts > since_ts


def _fill_at(resting: Resting, price: float, *, ts: int) -> Price | None:
    if not price or not isfinite(price):
        return None
    order_type = resting.order.order_type
    if order_type is _MARKET:
        return Price(price, slips=True, executed_ts=ts)
    is_buy = resting.order.side is _BUY
    if order_type is not _LIMIT and not resting.is_triggered:
        if not _reaches(price, resting.stop, is_buy=is_buy):
            return None
        resting.is_triggered = True
        if order_type is _STOP:
            return Price(price, slips=True, executed_ts=ts)
    if not _reaches(resting.limit, price, is_buy=is_buy):
        return None
    return Price(price, slips=False, executed_ts=ts)


def _reaches(price: float, target: float, *, is_buy: bool) -> bool:
    """Whether ``price`` is at ``target`` or beyond it, upwards for a buy and downwards for a sale."""
    return price >= target if is_buy else price <= target
