"""Fills on quotes and trades.

Orders take the side of a quote that they need: buys the ask, sales the bid. Triggers look at the same
price. The plain models fill at what the market shows, so a limit that the market jumped over fills at the
better price; the others hold that a resting order was there first, and fill it at its limit.
"""

from math import isfinite

import msgspec

from brokers.simulated.fills.port import Price
from brokers.simulated.fills.triggers import fill_at, has_triggered_at, is_within_limit
from brokers.simulated.resting import Resting
from kernel.events import Quote, Trade


class SideQuotes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every fill is at the quote, the default; 0 stands for a side that is missing."""

    def fill(self, resting: Resting, quote: Quote) -> Price | None:
        return fill_at(resting, quote.ask if resting.is_buy else quote.bid, quote.ts)


class MakerQuotes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit that its first quote allows takes at the quote; one that rested fills at its limit."""

    def fill(self, resting: Resting, quote: Quote) -> Price | None:
        price = quote.ask if resting.is_buy else quote.bid
        return fill_as_maker(resting, price, quote.ts)


class PrintTrades(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every fill is at the print, the default."""

    def fill(self, resting: Resting, trade: Trade) -> Price | None:
        return fill_at(resting, trade.price, trade.ts)


class TouchTrades(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit that rested fills at its limit when a trade prints at it or beyond."""

    def fill(self, resting: Resting, trade: Trade) -> Price | None:
        return fill_as_maker(resting, trade.price, trade.ts)


class ThroughTrades(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit that rested fills at its limit only when a trade prints beyond it: others were ahead."""

    def fill(self, resting: Resting, trade: Trade) -> Price | None:
        is_at_limit = resting.is_limited and not resting.waits_for and trade.price == resting.limit
        if is_at_limit:
            resting.is_posted = True
            return None
        return fill_as_maker(resting, trade.price, trade.ts)


def fill_as_maker(resting: Resting, price: float, ts: int) -> Price | None:
    """As ``fill_at``, but a limit order takes only at its first price; from then on it makes."""
    if not resting.is_limited:
        return fill_at(resting, price, ts)
    if not price or not isfinite(price):
        return None
    if resting.waits_for and not has_triggered_at(resting, price):
        return None
    was_posted, resting.is_posted = resting.is_posted, True
    if not is_within_limit(resting, price):
        return None
    return Price(resting.limit if was_posted else price, slips=not was_posted, executed_ts=ts)
