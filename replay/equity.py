"""The equity curve: the account at every mark, and what it makes per day and per month.

A mark at midnight UTC closes the day before it, so a mark belongs to the day of ``ts`` - 1 ns.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernel.time_units import DAY_NS

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class EquityCurve(msgspec.Struct, frozen=True, eq=False):
    """Parallel arrays in order of time. The first point is the capital before the first market event.

    ``ts`` is in ns UTC; ``equity``, ``cash`` and ``exposure`` (sum of absolute position values) are in
    the account's currency, nearest float to the exact values in the log. ``unitised`` is ``performance``
    where money was paid in or taken out after the first point.
    """

    ts: Integers
    equity: Floats
    cash: Floats
    exposure: Floats
    unitised: Floats | None = None

    @property
    def performance(self) -> Floats:
        """What the starting capital would have become without the money that came or went later: what
        returns and drawdowns are of.
        """
        return self.equity if self.unitised is None else self.unitised

    def __len__(self) -> int:
        return len(self.ts)


class DailyCloses(msgspec.Struct, frozen=True, eq=False):
    """Equity at the last mark of every day that has one.

    ``days`` counts from 1970-01-01. ``returns`` are simple: the first is over the starting capital.
    NaN where the day before ended without capital.
    """

    days: Integers
    equity: Floats
    returns: Floats


class MonthlyReturn(msgspec.Struct, frozen=True):
    """The compounded return of one calendar month (UTC), 1 to 12."""

    year: int
    month: int
    value: float


def daily_closes(curve: EquityCurve) -> DailyCloses:
    """The curve, day by day; returns are of its performance."""
    days = (curve.ts[1:] - 1) // DAY_NS
    is_last = np.ones(len(days), dtype=np.bool_)
    is_last[:-1] = days[1:] != days[:-1]
    performance = curve.performance
    closes = np.concatenate((performance[:1], performance[1:][is_last]))
    return DailyCloses(days[is_last], curve.equity[1:][is_last], simple_returns(closes))


def time_weighted(ts: Integers, equity: Floats, flows: Sequence[tuple[int, float]]) -> Floats:
    """Equity without the flows (ns, amount) that came between its points.

    Between two points the return is that of Modified Dietz: the gain over the first value and the flows,
    each weighted by how much of the time was left. Chained over the points that is the time-weighted
    return, exact where flows come just after a mark. Source: GIPS Standards 2020, Calculation Methodology.
    A stretch that begins without capital earns nothing.
    """
    paid, weighted = np.zeros(len(ts)), np.zeros(len(ts))
    for flow_ts, amount in flows:
        place = int(np.searchsorted(ts, flow_ts, side="left"))
        if 0 < place < len(ts):
            paid[place] += amount
            weighted[place] += amount * float(ts[place] - flow_ts) / float(ts[place] - ts[place - 1])
    invested = equity[:-1] + weighted[1:]
    growth: Floats = np.ones(len(ts))
    np.divide(equity[1:] - equity[:-1] - paid[1:], invested, out=growth[1:], where=invested > 0)
    growth[1:][invested > 0] += 1.0
    growth[1:][invested <= 0] = 1.0
    start = equity[0] if equity[0] > 0 else 1.0
    return np.cumprod(growth, dtype=np.float64) * start


def simple_returns(equity: Floats) -> Floats:
    """``equity[i] / equity[i - 1] - 1``, one fewer than the points; NaN after one that is not above 0."""
    before, after = equity[:-1], equity[1:]
    returns = np.full(len(after), np.nan)
    np.divide(after, before, out=returns, where=before > 0)
    return returns - 1.0


def monthly_returns(closes: DailyCloses) -> tuple[MonthlyReturn, ...]:
    """Daily returns compounded by calendar month; months without a close are left out."""
    months = closes.days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    found: list[MonthlyReturn] = []
    for month in np.unique(months):
        growth = float(np.prod(1.0 + closes.returns[months == month]))
        found.append(MonthlyReturn(1970 + int(month) // 12, int(month) % 12 + 1, growth - 1.0))
    return tuple(found)
