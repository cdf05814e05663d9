"""Fills on bars along an assumed path through the bar's four prices.

A path has three straight legs: open to one extreme, to the other extreme, to the close.

- At the open: an order whose trigger is reached triggers. A market order fills. A limit order fills if the
  open is within its limit; it takes liquidity unless it has rested before.
- On each leg the price passes all values between the two ends. A stop or if-touched order triggers when the
  leg reaches its trigger, and fills there unless its limit forbids it. A limit order fills at its limit when
  the leg reaches it, and makes liquidity.
- A stop-limit that triggered on a leg is a limit order for the rest of the path.
- A trailing stop follows the price to the end of each leg that does not trigger it.
- A fill's rank is its place on the path: 1.5 is half way along the second leg. So the path decides which of
  two orders in a group fills.
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
    """The path goes from the open to one extreme, to the other extreme, to the close.

    ``first`` says which extreme comes first:

    - ``nearer``: the one nearer to the open; the low if both are equally near.
    - ``high``, ``low``: that one.
    - ``adverse``: the one against the order, the high for buys and the low for sales. Stops are then reached
      before limits, and each order fills as late or as badly as the bar allows.
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
    """``PathBars`` with ``first: adverse``."""

    first: FirstExtreme = FirstExtreme.ADVERSE


def _walk(resting: Resting, bar: Bar, prices: tuple[float, ...]) -> Price | None:
    """The first fill along the path. ``prices[0]`` is the open."""
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
    """The price of a fill on one leg, and whether it takes liquidity."""
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
    """The price at which a leg reaches the trigger: ``start`` if that is beyond it."""
    stop = resting.stop
    if rises_to_trigger(resting):
        return max(start, stop) if end >= stop or start >= stop else None
    return min(start, stop) if end <= stop or start <= stop else None
