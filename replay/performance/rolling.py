"""Figures over time: Sharpe ratio and volatility of a moving window, returns by year, turnover and costs.

All are pure functions of the account's daily closes and of the fills.
"""

import math

import msgspec
import numpy as np

from kernel.time_units import DAY_NS
from replay.equity import DailyCloses, EquityCurve, Floats, Integers
from replay.performance.fill_flow import FillFlow
from replay.performance.metrics import LEAST_DAYS

WINDOWS = (126, 63, 21)
"""Returns in a window: half a year of trading days, or less for a shorter run."""

FEWEST_WINDOWS = 2
"""A window is used if the run has so many times its returns."""

MONTHS_FROM_DAYS = 92
"""Runs of more days are shown by month, others by day."""


class Rolling(msgspec.Struct, frozen=True, eq=False):
    """Annualised figures of the last ``window`` daily returns; NaN where they are not defined.

    ``days``: counted from 1970-01-01, the last day of each window. Empty for a run that is too short.
    """

    window: int
    days: Integers
    sharpe: Floats
    volatility: Floats


class Turnover(msgspec.Struct, frozen=True, eq=False):
    """What was traded and what it cost, by month or day. Empty without marks.

    - ``starts``: the first day of each part, counted from 1970-01-01.
    - ``is_monthly``: whether the parts are months.
    - ``turnover``: the value of its fills as a part of the average equity of the period's marks.
    - ``costs``: commissions in the account's currency.
    """

    starts: Integers
    is_monthly: bool
    turnover: Floats
    costs: Floats


class YearlyReturn(msgspec.Struct, frozen=True):
    """The compounded return of the trading days of one calendar year."""

    year: int
    value: float


def window_of(return_count: int) -> int:
    """The window for so many returns; 0 if there are too few."""
    return next((size for size in WINDOWS if return_count >= FEWEST_WINDOWS * size), 0)


def rolling(closes: DailyCloses, per_year: float, window: int = 0) -> Rolling:
    """Sharpe ratio and volatility as in ``metrics``, of each ``window`` consecutive returns.

    Without a window, ``window_of`` chooses it.
    """
    returns = closes.returns
    size = window or window_of(len(returns))
    if not size or len(returns) < size:
        nothing: Floats = np.empty(0)
        return Rolling(size, np.empty(0, dtype=np.int64), nothing, nothing)
    windows = np.lib.stride_tricks.sliding_window_view(returns, size)
    mean, spread = windows.mean(axis=1), windows.std(axis=1, ddof=1)
    sharpe = np.full(len(mean), np.nan)
    is_level = np.ptp(windows, axis=1) == 0
    np.divide(mean, spread, out=sharpe, where=~is_level)
    root = math.sqrt(per_year)
    return Rolling(size, closes.days[size - 1 :], sharpe * root, spread * root)


def yearly_returns(closes: DailyCloses) -> tuple[YearlyReturn, ...]:
    """Daily returns compounded by calendar year; years without a close are left out."""
    years = closes.days.astype("datetime64[D]").astype("datetime64[Y]").astype(np.int64) + 1970
    return tuple(
        YearlyReturn(int(year), float(np.prod(1.0 + closes.returns[years == year])) - 1.0)
        for year in np.unique(years)
    )


def turnover_over_time(flow: FillFlow, curve: EquityCurve) -> Turnover:
    """Turnover and costs by calendar month, or by UTC day in a run of up to three months."""
    fill_days, mark_days = flow.ts // DAY_NS, curve.trading_days
    is_monthly = int(mark_days[-1] - mark_days[0]) > MONTHS_FROM_DAYS
    first = min(int(mark_days[0]), int(fill_days.min(initial=int(mark_days[0]))))
    last = max(int(mark_days[-1]), int(fill_days.max(initial=int(mark_days[-1]))))
    parts = np.unique(_starts(np.arange(first, last + 1), is_monthly=is_monthly))
    places = np.searchsorted(parts, _starts(fill_days, is_monthly=is_monthly))
    value: Floats = np.bincount(places, flow.notional, len(parts)).astype(np.float64)
    costs: Floats = np.bincount(places, flow.commission, len(parts)).astype(np.float64)
    average = float(np.mean(curve.equity))
    shares = value / average if average > 0 else np.full(len(parts), np.nan)
    return Turnover(parts, is_monthly, shares, costs)


def annual_turnover(flow: FillFlow, curve: EquityCurve) -> float | None:
    """The value of all fills over the average equity at the marks, for a year of 365 days.

    ``None`` for a run of less than ``LEAST_DAYS`` days, or without capital.
    """
    days = float(curve.ts[-1] - curve.ts[0]) / DAY_NS
    average = float(np.mean(curve.equity))
    if days < LEAST_DAYS or average <= 0:
        return None
    return float(flow.notional.sum()) / average * 365.0 / days


def _starts(days: Integers, *, is_monthly: bool) -> Integers:
    """The first day of the part that each day belongs to."""
    if not is_monthly:
        return days
    months = days.astype("datetime64[D]").astype("datetime64[M]")
    return months.astype("datetime64[D]").astype(np.int64)
