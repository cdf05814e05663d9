"""Fills on bars by walking an assumed path through the bar's four prices.

Along the path every order meets the prices one after the other: a stop-limit can be triggered and filled
in one bar, a trailing stop follows and turns, and a fill's rank is its place on the path. Limits that the
open is already through take liquidity at the open; those that rested make it, at their limit.
"""

from enum import StrEnum
from itertools import pairwise
from math import isfinite

import msgspec

from brokers.simulated.fills.port import Price
from brokers.simulated.fills.triggers import is_within_limit, rises_to_trigger, trail, trigger
from brokers.simulated.resting import Resting
from kernel.events import Bar


class FirstExtreme(StrEnum):
    """Which extreme a bar reaches first."""

    NEARER = "nearer"
    HIGH = "high"
    LOW = "low"
    ADVERSE = "adverse"


class PathBars(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Open, one extreme, the other one, close.

    ``first``: ``nearer`` is the extreme nearer to the open, the low if both are as near; ``adverse`` is for
    each order the one against it, the high for buys and the low for sales: stops are reached before
    limits, and everybody fills as late or as badly as the bar allows.
    """

    first: FirstExtreme = FirstExtreme.NEARER

    def fill(self, resting: Resting, bar: Bar) -> Price | None:
        if not isfinite(bar.open + bar.high + bar.low + bar.close):
            return None
        prices = (
            (bar.open, bar.high, bar.low, bar.close)
            if self._is_high_first(resting, bar)
            else (bar.open, bar.low, bar.high, bar.close)
        )
        price = _walk(resting, bar, prices)
        resting.is_posted = not resting.waits_for
        return price

    def _is_high_first(self, resting: Resting, bar: Bar) -> bool:
        match self.first:
            case FirstExtreme.NEARER:
                return bar.high - bar.open < bar.open - bar.low
            case FirstExtreme.ADVERSE:
                return resting.is_buy
            case _:
                return self.first is FirstExtreme.HIGH


class AdversePathBars(PathBars, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``PathBars`` that for each order goes first to the extreme against it."""

    first: FirstExtreme = FirstExtreme.ADVERSE


def _walk(resting: Resting, bar: Bar, prices: tuple[float, ...]) -> Price | None:
    """The first fill along the path, if any; ``prices[0]`` is met at the bar's beginning."""
    opened_ts = bar.open_ts or bar.ts
    first = prices[0]
    if resting.waits_for:
        if resting.is_trailing and not resting.stop:
            trail(resting, first)
        if _crossing(resting, first, first) is not None:
            trigger(resting)
    if not resting.waits_for:
        if not resting.is_limited:
            return Price(first, slips=True, executed_ts=opened_ts)
        if is_within_limit(resting, first):
            return Price(first, slips=not resting.is_posted, executed_ts=opened_ts)
    for number, (start, end) in enumerate(pairwise(prices)):
        found = _on_leg(resting, start, end)
        if found is not None:
            price, slips = found
            share = (price - start) / (end - start) if end != start else 0.0
            return Price(price, slips=slips, executed_ts=bar.ts, rank=number + share)
    return None


def _on_leg(resting: Resting, start: float, end: float) -> tuple[float, bool] | None:
    """A fill on the straight way between two prices, and whether it takes liquidity."""
    if resting.waits_for:
        if resting.is_trailing:
            trail(resting, start)
        crossing = _crossing(resting, start, end)
        if crossing is None:
            if resting.is_trailing:
                trail(resting, end)
            return None
        trigger(resting)
        if not resting.is_limited or is_within_limit(resting, crossing):
            return crossing, True
        start = crossing
    if is_within_limit(resting, end) and not is_within_limit(resting, start):
        return resting.limit, False
    return None


def _crossing(resting: Resting, start: float, end: float) -> float | None:
    """Where the trigger is met on the way; at ``start`` if that is beyond it."""
    stop = resting.stop
    if rises_to_trigger(resting):
        return max(start, stop) if end >= stop or start >= stop else None
    return min(start, stop) if end <= stop or start <= stop else None
