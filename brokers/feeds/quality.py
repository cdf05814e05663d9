"""Checks of market data from outside, before strategies see them.

- What it remembers: the last accepted price of each symbol, and a price that moved too far until others
  confirm it.
- What changes it: accepted messages. A price far from the last one is refused, until a few messages in a row
  agree on it: then the market has really moved there. After a pause any price is accepted.
- What never happens: a message is changed. It passes, or it is refused with a sentence.
"""

from collections.abc import Callable
from math import inf
from typing import Annotated, Any

import msgspec

from kernel.events import Bar, BookDelta, BookSnapshot, Event, PriceLevel, Quote, Trade
from kernel.time_units import SECOND_NS


class QualityConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which messages are refused (``quality:``)."""

    spike: Annotated[float, msgspec.Meta(ge=0)] = 0.5
    """The largest move from a symbol's last price: with 0.5, prices up to 1.5 times as high or as low pass.
    Exchanges halt a stock before it moves that far. 0: any move, as prices around 0 need it."""
    spike_confirmations: Annotated[int, msgspec.Meta(ge=1)] = 3
    """The message in a row that is accepted at a new price level: wrong prints come alone."""
    reference_s: Annotated[float, msgspec.Meta(gt=0)] = 300.0
    """The age, in seconds, after which a last price no longer limits the next one: prices open elsewhere."""
    future_s: Annotated[float, msgspec.Meta(ge=0)] = 5.0
    """How far the venue's time may be ahead of ours: clocks differ by less."""
    allow_negative_prices: bool = False
    """Prices of 0 and below, as of spreads and some futures."""
    allow_one_sided: bool = False
    """Quotes with one side missing (0 or NaN). Off: few strategies expect them."""
    allow_crossed: bool = False
    """A bid above the ask, as in quotes that join several venues."""


class _Level(msgspec.Struct, gc=False):
    """The last accepted price of a symbol, and a price that is far from it with its confirmations."""

    price: float
    ts: int
    candidate: float = 0.0
    confirmations: int = 0


class QualityChecks:
    """The checks of one feed. ``by_type``: the check of each type, for callers in a hurry."""

    def __init__(self, config: QualityConfig) -> None:
        self._config = config
        self._levels: dict[str, _Level] = {}
        self._spike = config.spike or inf
        self._factor = 1.0 + self._spike
        self._future_ns = int(config.future_s * SECOND_NS)
        self._reference_ns = int(config.reference_s * SECOND_NS)
        self._lowest = -inf if config.allow_negative_prices else 0.0
        # Any: each check takes the type that is its key
        self.by_type: dict[type[Event], Callable[[Any, int], str]] = {
            Quote: self._quote_problem,
            Trade: self._trade_problem,
            Bar: self._bar_problem,
            BookSnapshot: self._book_problem,
            BookDelta: self._levels_problem,
        }

    def problem_of(self, event: Event, *, now: int) -> str:
        """Why a message is refused; empty if it passes. Events that are not market data pass."""
        check = self.by_type.get(type(event))
        return "" if check is None else check(event, now)

    def _quote_problem(self, quote: Quote, now: int) -> str:
        bid, ask = quote.bid, quote.ask
        if not (self._lowest < bid <= ask < inf):
            problem = self._sides_problem(bid, ask)
            if problem or not (self._is_price(bid) and self._is_price(ask)):
                return problem or self._stamp_problem(quote.exchange_ts, now)
        if not (0.0 <= quote.bid_size < inf and 0.0 <= quote.ask_size < inf):
            return f"sizes {quote.bid_size!r} and {quote.ask_size!r}: a size is 0 or more"
        if quote.exchange_ts > now + self._future_ns:
            return self._stamp_problem(quote.exchange_ts, now)
        return self._move_problem(quote.symbol, (bid + ask) / 2, now)

    def _trade_problem(self, trade: Trade, now: int) -> str:
        if not self._is_price(trade.price):
            return _bad_price("price", trade.price)
        if not 0.0 <= trade.size < inf:
            return f"size {trade.size!r}: a size is 0 or more"
        if trade.exchange_ts > now + self._future_ns:
            return self._stamp_problem(trade.exchange_ts, now)
        return self._move_problem(trade.symbol, trade.price, now)

    def _bar_problem(self, bar: Bar, now: int) -> str:
        for name in ("open", "high", "low", "close"):
            price: float = getattr(bar, name)
            if not self._is_price(price):
                return _bad_price(name, price)
        if not bar.low <= min(bar.open, bar.close) <= max(bar.open, bar.close) <= bar.high:
            return f"open {bar.open!r}, high {bar.high!r}, low {bar.low!r}, close {bar.close!r} do not agree"
        if not 0.0 <= bar.volume < inf:
            return f"volume {bar.volume!r}: a volume is 0 or more"
        if bar.open_ts > now + self._future_ns:
            return self._stamp_problem(bar.open_ts, now)
        return self._move_problem(bar.symbol, bar.close, now)

    def _book_problem(self, book: BookSnapshot, now: int) -> str:
        problem = self._levels_problem(book, now)
        if not problem and book.bids and book.asks:
            return self._crossed_problem(book.bids[0].price, book.asks[0].price)
        return problem

    def _levels_problem(self, book: BookSnapshot | BookDelta, now: int) -> str:
        for side in (book.bids, book.asks):
            for level in side:
                if not self._is_level(level):
                    return f"a level of {level.size!r} at {level.price!r}"
        return self._stamp_problem(book.exchange_ts, now)

    def _sides_problem(self, bid: float, ask: float) -> str:
        """Why the sides of a quote are wrong; empty if one is missing and may be."""
        missing = [(name, price) for name, price in (("bid", bid), ("ask", ask)) if not self._is_price(price)]
        if not missing:
            return self._crossed_problem(bid, ask)
        name, price = missing[0]
        if self._config.allow_one_sided and len(missing) == 1 and (price == 0.0 or price != price):
            return ""
        return _bad_price(name, price)

    def _crossed_problem(self, bid: float, ask: float) -> str:
        if bid <= ask or self._config.allow_crossed:
            return ""
        return f"bid {bid!r} is above ask {ask!r}"

    def _stamp_problem(self, exchange_ts: int, now: int) -> str:
        ahead = exchange_ts - now
        if ahead <= self._future_ns:
            return ""
        return f"its time is {ahead / SECOND_NS:.3f} s ahead; {self._config.future_s:g} s are allowed"

    def _move_problem(self, symbol: str, price: float, now: int) -> str:
        """Compare a price with the last one of the symbol, and make it the last one if it passes."""
        level = self._levels.get(symbol)
        if level is None:
            self._levels[symbol] = _Level(price, now)
            return ""
        last = level.price
        if (
            last <= price * self._factor and price <= last * self._factor
        ):  # prices above 0: nearly all of them
            level.price, level.ts, level.confirmations = price, now, 0
            return ""
        if not self._is_far(price, last) or now - level.ts > self._reference_ns:
            level.price, level.ts, level.confirmations = price, now, 0
            return ""
        if level.confirmations and not self._is_far(price, level.candidate):
            level.confirmations += 1
        else:
            level.confirmations = 1
        level.candidate = price
        if level.confirmations >= self._config.spike_confirmations:
            level.price, level.ts, level.confirmations = price, now, 0
            return ""
        return f"price {price!r} is a jump from {last!r}, the last one"

    def _is_far(self, price: float, last: float) -> bool:
        """Whether a price is too far from another one. Doubling is as far as halving."""
        return abs(price - last) > self._spike * min(abs(price), abs(last))

    def _is_price(self, price: float) -> bool:
        return self._lowest < price < inf

    def _is_level(self, level: PriceLevel) -> bool:
        return self._is_price(level.price) and 0.0 <= level.size < inf


def _bad_price(name: str, price: float) -> str:
    return f"{name} {price!r}: expected a number above 0" if price <= 0 else f"{name} {price!r}: not a number"
