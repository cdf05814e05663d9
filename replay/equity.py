"""The equity curve: the account at every mark, and what it makes per day and per month.

A mark at midnight UTC closes the day before it, so a mark belongs to the day of ``ts`` - 1 ns.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

DAY_NS = 86_400_000_000_000

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class EquityCurve(msgspec.Struct, frozen=True, eq=False):
    """Parallel arrays in order of time. The first point is the capital before the first market event.

    ``ts`` is in ns UTC; ``equity``, ``cash`` and ``exposure`` (sum of absolute position values) are in
    the account's currency, nearest float to the exact values in the log.
    """

    ts: Integers
    equity: Floats
    cash: Floats
    exposure: Floats

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
    """The curve, day by day."""
    days = (curve.ts[1:] - 1) // DAY_NS
    is_last = np.ones(len(days), dtype=np.bool_)
    is_last[:-1] = days[1:] != days[:-1]
    equity = curve.equity[1:][is_last]
    return DailyCloses(days[is_last], equity, simple_returns(np.concatenate((curve.equity[:1], equity))))


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
