"""The market in a symbol while a log is read: the last prices, and what was traded.

A split or a change of the symbol restates all of it, so it stays in the terms of the present.
"""

from decimal import Decimal
from math import isfinite, sqrt

import msgspec

from brokers.simulated.volatility import Volatility, add_close
from kernel.bus import is_two_sided
from kernel.events import Bar, Quote, Trade

ZERO = Decimal(0)
TWO = Decimal(2)


class Sighting(msgspec.Struct, frozen=True, gc=False):
    """The market in a symbol at a moment. ``None``: the data do not have it.

    - ``price``: the middle of the quote, else the last trade or close.
    - ``bid``, ``ask``: of the last quote; ``bid_size``, ``ask_size``: shown there.
    - ``open``: of the bar that came last, ``volume``: of that bar or trade.
    - ``volatility``: of the returns between closes, that bar's too, as the simulated venue has it
      when it fills on the bar.
    """

    price: Decimal | None = None
    bid: Decimal | None = None
    ask: Decimal | None = None
    bid_size: float = 0.0
    ask_size: float = 0.0
    open: Decimal | None = None
    volume: float = 0.0
    volatility: float = 0.0

    @property
    def spread(self) -> Decimal | None:
        """Ask minus bid; ``None`` without a quote."""
        return None if self.bid is None or self.ask is None else self.ask - self.bid

    def restated(self, ratio: Decimal) -> "Sighting":
        """In the terms after a split into ``ratio`` new units for an old one."""
        price, bid, ask, opened = (
            None if one is None else one / ratio for one in (self.price, self.bid, self.ask, self.open)
        )
        bid_size, ask_size, volume = (
            size * float(ratio) for size in (self.bid_size, self.ask_size, self.volume)
        )
        return Sighting(price, bid, ask, bid_size, ask_size, opened, volume, self.volatility)


class Traded(msgspec.Struct, frozen=True, gc=False):
    """What was traded so far: units, and what they were worth."""

    units: Decimal = ZERO
    worth: Decimal = ZERO

    def with_part(self, price: float, size: float) -> "Traded":
        """With another trade."""
        exactly = _exact(price)
        if exactly is None or not (isfinite(size) and size > 0):
            return self
        units = Decimal(repr(size))
        return Traded(self.units + units, self.worth + exactly * units)

    def average_since(self, before: "Traded") -> Decimal | None:
        """The average price since then; ``None`` if nothing was traded."""
        units = self.units - before.units
        return (self.worth - before.worth) / units if units else None

    def restated(self, ratio: Decimal) -> "Traded":
        """In the terms after a split: more units for the same money."""
        return Traded(self.units * ratio, self.worth)


class MarketInSymbol:
    """What is known of a symbol: the last prices, and what was traded, by its trades and by its bars."""

    def __init__(self) -> None:
        self.trades = self.bars = Traded()
        self._last = Sighting()
        self._quoted: Sighting | None = None
        self._volatilities: dict[str, Volatility] = {}

    def take(self, event: Bar | Quote | Trade) -> None:
        """Take market data. A quote with one side changes nothing."""
        match event:
            case Quote():
                if is_two_sided(event):
                    bid, ask = Decimal(repr(event.bid)), Decimal(repr(event.ask))
                    middle = (bid + ask) / TWO
                    self._quoted = Sighting(middle, bid, ask, event.bid_size, event.ask_size)
            case Trade():
                self.trades = self.trades.with_part(event.price, event.size)
                self._note(price=_exact(event.price), volume=event.size)
            case Bar():
                typical = (event.high + event.low + event.close) / 3
                self.bars = self.bars.with_part(typical, event.volume)
                add_close(self._volatilities, event)
                known = self._volatilities.get(event.symbol)
                volatility = 0.0 if known is None else sqrt(known.mean_square)
                opened = _exact(event.open)
                self._last = Sighting(
                    _exact(event.close), open=opened, volume=event.volume, volatility=volatility
                )

    def sighting(self) -> Sighting:
        """The market of now."""
        last, quoted = self._last, self._quoted
        if quoted is None:
            return last
        return msgspec.structs.replace(quoted, open=last.open, volume=last.volume, volatility=last.volatility)

    def restate(self, ratio: Decimal) -> None:
        """Go on in the terms after a split."""
        self.trades, self.bars = self.trades.restated(ratio), self.bars.restated(ratio)
        self._last = self._last.restated(ratio)
        self._quoted = None if self._quoted is None else self._quoted.restated(ratio)

    def _note(self, *, price: Decimal | None, volume: float) -> None:
        self._last = msgspec.structs.replace(self._last, price=price, volume=volume)


def _exact(price: float) -> Decimal | None:
    """A price as it is written; ``None`` if it is no number."""
    return Decimal(repr(price)) if isfinite(price) else None
