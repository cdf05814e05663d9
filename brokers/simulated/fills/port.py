"""The port of fill models: one small class with one method for each kind of market data."""

from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from brokers.simulated.resting import Resting
from kernel.events import Bar, Quote, Trade


class FillTiming(StrEnum):
    """The price at which a market order fills that was decided at the close of a bar."""

    NEXT_OPEN = "next_open"
    THIS_CLOSE = "this_close"


class Price(msgspec.Struct, frozen=True, gc=False):
    """The fill that a model gives an order.

    - ``price``: per unit, before slippage.
    - ``slips``: it takes liquidity, so slippage applies.
    - ``executed_ts``: the time of the fill.
    - ``rank``: the place of the fill within the market event; smaller is earlier.
    - ``quantity``: the quantity available at this price; ``None``: enough for the whole order.
    """

    price: float
    slips: bool
    executed_ts: int
    rank: float = 0.0
    quantity: Decimal | None = None


class BarFill(Protocol):
    """Whether, and at what price, a bar fills an order.

    A model may change ``waits_for``, ``is_triggered``, ``is_posted``, ``stop`` and the queue's fields of the
    order, and nothing else. It sees a bar only if the order was there when the bar opened.
    """

    def fill(self, resting: Resting, bar: Bar) -> Price | None: ...


class QuoteFill(Protocol):
    """Whether, and at what price, a quote fills an order."""

    def fill(self, resting: Resting, quote: Quote) -> Price | None: ...


class TradeFill(Protocol):
    """Whether, and at what price, a trade of the market fills an order."""

    def fill(self, resting: Resting, trade: Trade) -> Price | None: ...
