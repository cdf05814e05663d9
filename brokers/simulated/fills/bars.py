"""Fills on bars: the "OHLC rule", and two models that look at one price of the bar alone.

How a price moved inside its bar is not known. ``OhlcBars`` asks of each order by itself whether the bar's
range reached it; where two orders that exclude each other were reached, the order of their ranks decides:
what happens at the open, then stops, then limits, so a protective stop goes before the profit.
"""

from math import isfinite

import msgspec

from brokers.simulated.fills.port import Price
from brokers.simulated.fills.triggers import (
    fill_at,
    is_reached,
    is_within_limit,
    rises_to_trigger,
    trail,
    trigger,
)
from brokers.simulated.resting import TOUCH, Resting
from kernel.events import Bar

AT_OPEN, AT_STOP, AT_LIMIT = 0.0, 1.0, 2.0
"""Ranks of fills in one bar."""


class OhlcBars(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The OHLC rule, the default.

    A market order fills at the open; a limit at the limit or the open, whichever is better; a stop at the
    stop or the open, whichever is worse; a touch is enough. A stop-limit fills in the bar that triggers it
    only if the trigger price is within its limit. An if-touched order triggers at the touch price or the
    open, whichever is better. A trailing stop is tested against its level from before the bar; then the
    bar's extreme moves the level for the next one.
    """

    def fill(self, resting: Resting, bar: Bar) -> Price | None:
        if not isfinite(bar.open + bar.high + bar.low):
            return None
        if resting.waits_for:
            return _triggered(resting, bar)
        if not resting.is_limited:
            return Price(bar.open, slips=True, executed_ts=bar.open_ts or bar.ts)
        return _at_limit(resting, bar)


class OhlcReturnBars(OhlcBars, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The OHLC rule, but a stop-limit that triggers beyond its limit fills if the price must have come back.

    That is at the limit, in the bar that triggers it: it triggered at the open and the bar reached the limit
    later, or it triggered within the bar and the bar closed within the limit.
    """

    def fill(self, resting: Resting, bar: Bar) -> Price | None:
        was_triggered, is_at_open = resting.is_triggered, is_reached(resting, bar.open)
        price = OhlcBars.fill(self, resting, bar)
        if price is not None or was_triggered or not resting.is_triggered:
            return price
        furthest = (bar.low if resting.is_buy else bar.high) if is_at_open else bar.close
        if not is_within_limit(resting, furthest):
            return None
        return Price(resting.limit, slips=False, executed_ts=bar.ts, rank=AT_LIMIT)


class OpenBars(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bar is one price, its open: what that does not reach waits for the next bar."""

    def fill(self, resting: Resting, bar: Bar) -> Price | None:
        return fill_at(resting, bar.open, bar.open_ts or bar.ts)


class CloseBars(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A bar is one price, its close: what that does not reach waits for the next bar."""

    def fill(self, resting: Resting, bar: Bar) -> Price | None:
        return fill_at(resting, bar.close, bar.ts)


def _triggered(resting: Resting, bar: Bar) -> Price | None:
    """A stop or if-touched order that waits: its fill, if this bar reaches its trigger."""
    if resting.is_trailing and not resting.stop:
        trail(resting, bar.open)
    was_touch = resting.waits_for == TOUCH
    if rises_to_trigger(resting):
        is_hit, entry = bar.high >= resting.stop, max(resting.stop, bar.open)
    else:
        is_hit, entry = bar.low <= resting.stop, min(resting.stop, bar.open)
    if not is_hit:
        if resting.is_trailing:
            trail(resting, bar.low if resting.is_buy else bar.high)
        return None
    trigger(resting)
    is_at_open = entry == bar.open
    rank = AT_OPEN if is_at_open else AT_STOP
    if not resting.is_limited:
        return Price(
            entry, slips=True, executed_ts=(bar.open_ts or bar.ts) if is_at_open else bar.ts, rank=rank
        )
    if is_within_limit(resting, entry):
        return Price(entry, slips=False, executed_ts=bar.ts, rank=rank)
    if was_touch and is_within_limit(resting, bar.low if resting.is_buy else bar.high):
        return Price(resting.limit, slips=False, executed_ts=bar.ts, rank=AT_LIMIT)  # on the same way
    return None  # triggered beyond its limit: works as a limit order from the next bar on


def _at_limit(resting: Resting, bar: Bar) -> Price | None:
    if resting.is_buy:
        if not bar.low <= resting.limit:
            return None
        price = min(resting.limit, bar.open)
    else:
        if not bar.high >= resting.limit:
            return None
        price = max(resting.limit, bar.open)
    if price == bar.open:
        return Price(price, slips=False, executed_ts=bar.open_ts or bar.ts)
    return Price(price, slips=False, executed_ts=bar.ts, rank=AT_LIMIT)
