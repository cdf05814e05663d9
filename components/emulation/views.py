"""Views of the account and the market that emulation reads, and figures made from them."""

from decimal import Decimal
from typing import Protocol

from kernel.events import Order, Quote, Side
from kernel.identifiers import StrategyId


class AccountView(Protocol):
    """The part of the account that emulation reads."""

    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...


class MarketView(Protocol):
    """The part of market data that emulation reads."""

    def last_price(self, symbol: str) -> float | None: ...
    def last_quote(self, symbol: str) -> Quote | None: ...


def reducible(account: AccountView, order: Order) -> Decimal:
    """The quantity that the order can close of its strategy's position; 0 or less if nothing."""
    held = account.strategy_position(order.strategy, order.symbol)
    return -held if order.side is Side.BUY else held


def would_take(market: MarketView, order: Order) -> bool:
    """Whether a limit order would trade at once, by the last quote; without a quote, by the last price."""
    is_buy, quote = order.side is Side.BUY, market.last_quote(order.symbol)
    assert order.limit_price is not None
    limit = float(order.limit_price)
    if quote is not None and quote.bid and quote.ask:
        return limit >= quote.ask if is_buy else limit <= quote.bid
    price = market.last_price(order.symbol)
    return price is not None and (limit > price if is_buy else limit < price)


def price_for(market: MarketView, order: Order) -> float | None:
    """The price at which the order would trade now.

    The opposite side of the quote if the quote is the latest price, else the last price.
    """
    price, quote = market.last_price(order.symbol), market.last_quote(order.symbol)
    if quote is None or price != (quote.bid + quote.ask) / 2:
        return price
    return quote.ask if order.side is Side.BUY else quote.bid
