"""What a fill model is: one small class for each kind of market data, with one method."""

from decimal import Decimal
from enum import StrEnum
from typing import Protocol

import msgspec

from brokers.simulated.resting import Resting
from kernel.events import Bar, Quote, Side, Trade


class FillTiming(StrEnum):
    """When a market order decided at the close of a bar fills."""

    NEXT_OPEN = "next_open"
    THIS_CLOSE = "this_close"


class Price(msgspec.Struct, frozen=True, gc=False):
    """A fill: its price, whether it took liquidity (then slippage applies), and when it happened.

    ``rank`` says where in the market event it happened, the smaller the earlier. ``quantity`` is what
    there is at this price; ``None``: all that is left of the order.
    """

    price: float
    slips: bool
    executed_ts: int
    rank: float = 0.0
    quantity: Decimal | None = None


class BarFill(Protocol):
    """Whether, and at what price, a bar fills an order.

    A model may change ``waits_for``, ``is_triggered``, ``is_posted``, ``stop`` and the queue's fields of
    what it is shown, and nothing else. It is only shown bars that began when the order was there.
    """

    def fill(self, resting: Resting, bar: Bar) -> Price | None: ...


class QuoteFill(Protocol):
    """Whether, and at what price, a quote fills an order."""

    def fill(self, resting: Resting, quote: Quote) -> Price | None: ...


class TradeFill(Protocol):
    """Whether, and at what price, a market print fills an order."""

    def fill(self, resting: Resting, trade: Trade) -> Price | None: ...


class VolumeModel(Protocol):
    """How much of a market event's volume our orders can have between them."""

    def available(self, event: Bar | Quote | Trade, side: Side) -> float:
        """In units of the instrument. Quotes have a size for each side; others share one volume."""
        ...
