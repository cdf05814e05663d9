"""Fills on bars: the OHLC rule, and two models that use one price of the bar.

A bar does not show how the price moved inside it. By the OHLC rule an order fills if the bar's range reaches
its price, whatever other orders do. If a bar reaches several orders, ranks decide the sequence: fills at the
open, then stops, then limits. So the protective stop of a bracket fills before the profit target.
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

    - A market order fills at the open.
    - A limit fills at the limit or the open, whichever is better. A touch is enough.
    - A stop fills at the stop or the open, whichever is worse. A touch is enough.
    - A stop-limit triggers as a stop. It fills in the same bar only if the trigger price is within its limit.
    - An if-touched order triggers at the touch price or the open, whichever is better.
    - A trailing stop is tested at its level from before the bar. Then the bar's extreme moves the level.
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
    """The OHLC rule, but a stop-limit that triggers beyond its limit can still fill in the same bar.

    It fills at its limit if the price must have returned to the limit: the order triggered at the open and
    the bar reached the limit, or it triggered later and the bar closed within the limit.
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
    """Only the open of a bar counts. An order that it does not fill waits for the next bar."""

    def fill(self, resting: Resting, bar: Bar) -> Price | None:
        return fill_at(resting, bar.open, bar.open_ts or bar.ts)


class CloseBars(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Only the close of a bar counts. An order that it does not fill waits for the next bar."""

    def fill(self, resting: Resting, bar: Bar) -> Price | None:
        return fill_at(resting, bar.close, bar.ts)


def _triggered(resting: Resting, bar: Bar) -> Price | None:
    """The fill of a stop or if-touched order, if the bar reaches its trigger."""
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
        return Price(resting.limit, slips=False, executed_ts=bar.ts, rank=AT_LIMIT)  # reached after the touch
    return None  # triggered beyond its limit: a limit order from the next bar on


def _at_limit(resting: Resting, bar: Bar) -> Price | None:
    """The fill of a limit order, if the bar reaches its limit."""
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
