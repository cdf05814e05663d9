"""Fills on quotes and trades.

Buys use the ask of a quote and sales its bid, also for triggers. The default models fill at the price that
the market shows, so a limit order gets a better price if the market jumps over its limit. In the other models
a resting limit order was there first, so it fills at its limit.
"""

from math import isfinite

import msgspec

from brokers.simulated.fills.port import Price
from brokers.simulated.fills.triggers import fill_at, has_triggered_at, is_within_limit
from brokers.simulated.resting import Resting
from kernel.events import Quote, Trade


class SideQuotes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The default: every fill is at the quote. 0 stands for a missing side."""

    def fill(self, resting: Resting, quote: Quote) -> Price | None:
        return fill_at(resting, quote.ask if resting.is_buy else quote.bid, quote.ts)


class MakerQuotes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A limit order fills at its first quote if that is within its limit; later it fills at its limit."""

    def fill(self, resting: Resting, quote: Quote) -> Price | None:
        price = quote.ask if resting.is_buy else quote.bid
        return fill_as_maker(resting, price, quote.ts)


class PrintTrades(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The default: every fill is at the price of the trade."""

    def fill(self, resting: Resting, trade: Trade) -> Price | None:
        return fill_at(resting, trade.price, trade.ts)


class TouchTrades(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A resting limit order fills at its limit when a trade prints at the limit or beyond it."""

    def fill(self, resting: Resting, trade: Trade) -> Price | None:
        return fill_as_maker(resting, trade.price, trade.ts)


class ThroughTrades(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A resting limit order fills at its limit only when a trade prints beyond it.

    A trade at the limit fills other orders that were ahead in the queue.
    """

    def fill(self, resting: Resting, trade: Trade) -> Price | None:
        is_at_limit = resting.is_limited and not resting.waits_for and trade.price == resting.limit
        if is_at_limit:
            resting.is_posted = True
            return None
        return fill_as_maker(resting, trade.price, trade.ts)


def fill_as_maker(resting: Resting, price: float, ts: int) -> Price | None:
    """As ``fill_at``, but a limit order takes liquidity only at its first price; later it makes liquidity."""
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
