"""What emulation reads of the account and the market, and what an order would meet there now."""

from decimal import Decimal
from typing import Protocol

from kernel.events import Order, Quote, Side
from kernel.identifiers import StrategyId


class AccountView(Protocol):
    """What is read of the account."""

    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...


class MarketView(Protocol):
    """What is read of the market."""

    def last_price(self, symbol: str) -> float | None: ...
    def last_quote(self, symbol: str) -> Quote | None: ...


def reducible(account: AccountView, order: Order) -> Decimal:
    """How much of its strategy's position the order can close; not above 0 if there is nothing to close."""
    held = account.strategy_position(order.strategy, order.symbol)
    return -held if order.side is Side.BUY else held


def would_take(market: MarketView, order: Order) -> bool:
    """Whether a limit order would trade at once against the last quote, or the last price without one."""
    is_buy, quote = order.side is Side.BUY, market.last_quote(order.symbol)
    assert order.limit_price is not None
    limit = float(order.limit_price)
    if quote is not None and quote.bid and quote.ask:
        return limit >= quote.ask if is_buy else limit <= quote.bid
    price = market.last_price(order.symbol)
    return price is not None and (limit > price if is_buy else limit < price)


def price_for(market: MarketView, order: Order) -> float | None:
    """The price the order would meet now: the other side of the quote if that is the latest price."""
    price, quote = market.last_price(order.symbol), market.last_quote(order.symbol)
    if quote is None or price != (quote.bid + quote.ask) / 2:
        return price
    return quote.ask if order.side is Side.BUY else quote.bid
