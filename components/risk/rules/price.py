"""Rules on prices: the largest distance of an order from the market."""

from decimal import Decimal
from math import isfinite

from components.risk.order_check import OrderCheck
from kernel.events import BUY
from strategies.sdk.risk_rules import Denial

BPS = Decimal(10_000)
ZERO = Decimal(0)


class PriceCollar:
    """Denies orders that could trade more than ``limit`` basis points worse than the last price.

    A limit order is compared at its limit, any other order at the side of the quote that it would take. A
    price better than the last one is allowed. Basis points of a price below zero are of its absolute value.
    """

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        order, last = order_check.order, order_check.last_price
        size = _size_of(order_check)
        if last is None or size is None:
            return Denial("price_collar_bps", "there is no last price to compare with", self.limit, "")
        price = order.limit_price
        if price is None:
            price = _far_side(order_check)
        if price is None:
            return None
        worse = price - last if order.side is BUY else last - price
        if worse * BPS <= self.limit * size:
            return None
        sentence = f"{price} is further from the last price {last} than the collar allows"
        return Denial("price_collar_bps", sentence, self.limit, round(worse * BPS / size, 2))


class StopCollar:
    """Denies stop and touch prices more than ``limit`` basis points above or below the last price."""

    def __init__(self, limit: Decimal) -> None:
        self.limit = limit

    def check(self, order_check: OrderCheck) -> Denial | None:
        stop, last = order_check.order.stop_price, order_check.last_price
        if stop is None:
            return None
        size = _size_of(order_check)
        if last is None or size is None:
            return Denial("stop_collar_bps", "there is no last price to compare with", self.limit, "")
        away = abs(stop - last)
        if away * BPS <= self.limit * size:
            return None
        sentence = f"the stop price {stop} is further from the last price {last} than the collar allows"
        return Denial("stop_collar_bps", sentence, self.limit, round(away * BPS / size, 2))


def _size_of(order_check: OrderCheck) -> Decimal | None:
    """The last price that basis points are of, without its sign; ``None`` without one."""
    last = order_check.last_price
    if last is None or not last or (last < 0 and not order_check.instrument.allow_negative_prices):
        return None
    return abs(last)


def _far_side(order_check: OrderCheck) -> Decimal | None:
    """The quote at which an order without a limit would trade; ``None`` without a quote."""
    quote = order_check.last_quote
    if quote is None:
        return None
    price = quote.ask if order_check.order.side is BUY else quote.bid
    is_price = 0 < price < float("inf")
    if order_check.instrument.allow_negative_prices:
        is_price = price != 0 and isfinite(price)  # 0 is a missing side
    return Decimal(repr(price)) if is_price else None
