"""A synthetic market: the prices of each symbol walk at random, from a seed.

The n-th message of a seed is always the same, but for its time. Symbols take turns in an order from the seed.
Messages of a symbol are numbered from 1 over all channels.
"""

from collections.abc import Sequence
from itertools import product
from math import exp
from random import Random
from string import ascii_uppercase

import msgspec

from brokers.feeds.config import Channel
from brokers.feeds.dialect import BarMessage, BookMessage, MarketMessage, QuoteMessage, TradeMessage
from kernel.events import AggressorSide
from kernel.time_units import SECOND_NS

BOOK_LEVELS = 5
MOVE = 0.0002
"""Standard deviation of a price's move per message: 2 basis points."""
TREND = 0.00002
"""The most that a price drifts per message; the drift changes as prices go."""
TREND_LENGTH = 200
"""Messages of a symbol, on average, until its drift changes: so that strategies find something to follow."""
_TICK = 0.01
_LOWEST, _HIGHEST = 20.0, 500.0
_LARGEST_LOTS = 20


class _Symbol(msgspec.Struct):
    """The state of one symbol."""

    name: str
    price: float
    drift: float = 0.0
    seq: int = 0
    channel: int = 0
    opened: float = 0.0


def symbol_names(count: int) -> tuple[str, ...]:
    """The first names of three letters, ``AAA``, ``AAB`` and so on; of four beyond 17,576."""
    names: list[str] = []
    length = 3
    while len(names) < count:
        letters = product(ascii_uppercase, repeat=length)
        names += ["".join(each) for each, _ in zip(letters, range(count - len(names)), strict=False)]
        length += 1
    return tuple(names)


class SyntheticMarket:
    """The market. ``channels`` come in turn for each symbol."""

    def __init__(self, symbols: Sequence[str], channels: Sequence[Channel], *, seed: int) -> None:
        self._dice = Random(seed)
        self._channels = tuple(channels)
        order = list(symbols)
        self._dice.shuffle(order)
        self._symbols = [_Symbol(name, round(self._dice.uniform(_LOWEST, _HIGHEST), 2)) for name in order]
        self._turn = 0

    def next(self, count: int, *, ts: int) -> list[MarketMessage]:
        """The next messages, stamped with ``ts``."""
        return [self._message(ts) for _ in range(count)]

    def _message(self, ts: int) -> MarketMessage:
        symbol = self._symbols[self._turn]
        self._turn = (self._turn + 1) % len(self._symbols)
        self._move(symbol)
        channel = self._channels[symbol.channel]
        symbol.channel = (symbol.channel + 1) % len(self._channels)
        symbol.seq += 1
        match channel:
            case Channel.QUOTES:
                return self._quote(symbol, ts)
            case Channel.TRADES:
                return self._trade(symbol, ts)
            case Channel.BOOKS:
                return self._book(symbol, ts)
            case Channel.BARS:
                return self._bar(symbol, ts)

    def _move(self, symbol: _Symbol) -> None:
        dice = self._dice
        if dice.random() < 1 / TREND_LENGTH:
            symbol.drift = dice.uniform(-TREND, TREND)
        price = symbol.price * exp(symbol.drift + dice.gauss(0.0, MOVE))
        symbol.price = min(max(price, _LOWEST / 2), _HIGHEST * 2)

    def _quote(self, symbol: _Symbol, ts: int) -> QuoteMessage:
        bid, ask = self._sides(symbol)
        return QuoteMessage(symbol.name, bid, self._size(), ask, self._size(), ts, symbol.seq)

    def _trade(self, symbol: _Symbol, ts: int) -> TradeMessage:
        bid, ask = self._sides(symbol)
        is_buy = self._dice.random() < 0.5
        side = AggressorSide.BUYER if is_buy else AggressorSide.SELLER
        return TradeMessage(symbol.name, ask if is_buy else bid, self._size(), ts, symbol.seq, side)

    def _book(self, symbol: _Symbol, ts: int) -> BookMessage:
        bid, ask = self._sides(symbol)
        return BookMessage(
            symbol.name,
            tuple((round(bid - step * _TICK, 2), self._size()) for step in range(BOOK_LEVELS)),
            tuple((round(ask + step * _TICK, 2), self._size()) for step in range(BOOK_LEVELS)),
            ts,
            symbol.seq,
        )

    def _bar(self, symbol: _Symbol, ts: int) -> BarMessage:
        """A bar of a second, from the price of the last one to the price now."""
        opened = symbol.opened or round(symbol.price, 2)
        close = round(symbol.price, 2)
        symbol.opened = close
        high, low = max(opened, close), min(opened, close)
        return BarMessage(
            symbol.name, "1s", opened, high, low, close, self._size(), ts - SECOND_NS, ts, symbol.seq
        )

    def _sides(self, symbol: _Symbol) -> tuple[float, float]:
        middle, half = symbol.price, _TICK * self._dice.randint(1, 3) / 2
        bid = round(middle - half, 2)
        return bid, max(round(middle + half, 2), round(bid + _TICK, 2))

    def _size(self) -> float:
        return 100.0 * self._dice.randint(1, _LARGEST_LOTS)
