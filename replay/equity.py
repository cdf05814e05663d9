"""The equity curve: the account at every mark, and its daily and monthly returns.

A mark belongs to the trading day of the latest market data (``AccountMarked.day``). In older logs it belongs
to the UTC day of ``ts`` - 1 ns: a mark at midnight closes the day before it.
"""

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from kernel.events import AccountMarked
from kernel.time_units import DAY_NS
from kernel.trading_days import days_since_epoch

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


class EquityCurve(msgspec.Struct, frozen=True, eq=False):
    """Arrays of equal length, in order of time. The first point is the capital before the first market event.

    - ``ts``: ns UTC.
    - ``equity``, ``cash``: in the account's currency, as the floats nearest to the exact values in the log.
    - ``exposure``: sum of absolute position values, in the same form.
    - ``unitised``: ``performance``, if money was paid in or withdrawn after the first point.
    - ``days``: the trading day of each point, from 1970-01-01. Without it: the UTC days of ``ts`` - 1.
    """

    ts: Integers
    equity: Floats
    cash: Floats
    exposure: Floats
    unitised: Floats | None = None
    days: Integers | None = None

    @property
    def performance(self) -> Floats:
        """The value of the starting capital, without later deposits and withdrawals.

        Returns and drawdowns are computed from it.
        """
        return self.equity if self.unitised is None else self.unitised

    @property
    def trading_days(self) -> Integers:
        """The trading day of each point, counted from 1970-01-01; never before that of the point before."""
        days = (self.ts - 1) // DAY_NS if self.days is None else self.days
        return np.maximum.accumulate(days)

    def __len__(self) -> int:
        return len(self.ts)


class DailyCloses(msgspec.Struct, frozen=True, eq=False):
    """Equity at the last mark of every day with a mark.

    - ``days``: counted from 1970-01-01.
    - ``returns``: simple, the first on the starting capital; NaN if the day before ended without capital.
    """

    days: Integers
    equity: Floats
    returns: Floats


class MonthlyReturn(msgspec.Struct, frozen=True):
    """The compounded return of the trading days of one calendar month, 1 to 12."""

    year: int
    month: int
    value: float


def day_of(mark: AccountMarked) -> int:
    """The trading day of a mark, counted from 1970-01-01."""
    return days_since_epoch(mark.day) if mark.day else (mark.ts - 1) // DAY_NS


def trading_days_of(days: Sequence[int]) -> Integers:
    """The days of a curve's points. Its first point is no later than the mark after it."""
    return np.array([min(days[:2]), *days[1:]], dtype=np.int64)


def daily_closes(curve: EquityCurve) -> DailyCloses:
    """The curve by days, with the returns of its performance."""
    days = curve.trading_days[1:]
    is_last = np.ones(len(days), dtype=np.bool_)
    is_last[:-1] = days[1:] != days[:-1]
    performance = curve.performance
    closes = np.concatenate((performance[:1], performance[1:][is_last]))
    return DailyCloses(days[is_last], curve.equity[1:][is_last], simple_returns(closes))


def time_weighted(ts: Integers, equity: Floats, flows: Sequence[tuple[int, float]]) -> Floats:
    """The equity without the flows (ns, amount) between its points.

    The return between two points is the Modified Dietz return: the gain divided by the sum of the first value
    and the flows, each flow weighted by the share of the time that was left. The product over all points is
    the time-weighted return. It is exact if flows come just after a mark. Between two points without capital
    the return is 0. Source: GIPS Standards 2020, Calculation Methodology.
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
    """``equity[i] / equity[i - 1] - 1``, one fewer than the points; NaN after a point that is not above 0."""
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
