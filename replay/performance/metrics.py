"""Return, risk and trade figures: pure functions, each with its formula and its source.

``None`` means undefined, for example without variance, trades or losers, or if there are too few data;
``Metrics.undefined`` says why. Rates are fractions (0.05 is 5 %). Risk-free rate and required return are 0.
The source is empyrical-reloaded 0.7 (https://empyrical.ml4trading.io) where named; otherwise the formula is
the definition.
"""

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import numpy as np

from kernel.decimals import exact
from kernel.time_units import DAY_NS
from replay.equity import EquityCurve, Floats, Integers, daily_closes
from replay.performance.trades import RoundTrip, net_pnls, net_returns

LEAST_DAYS = 30
"""Calendar days from which on a figure is annualised. A year made of less is mostly chance."""

LEAST_RETURNS = 10
"""Returns that a standard deviation needs: of 10, its own error is still a quarter of it."""

TRADING_DAYS_PER_YEAR = 252.0
CALENDAR_DAYS_PER_YEAR = 365.25
SATURDAY = 5


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of a run. Times in ns UTC, money in the account's currency and exact.

    - Returns are time-weighted if money was paid in or withdrawn during the run.
    - ``max_drawdown`` is 0 or below; durations are in ns of calendar time.
    - ``trade_count`` and the figures of trades are of closed round trips, after commission.
    - ``fees`` is the sum of all commissions.
    - ``undefined``: the reason for each figure that is ``None``, by name.
    """

    start_ts: int
    end_ts: int
    initial_equity: Decimal
    final_equity: Decimal
    total_return: float | None
    annual_return: float | None
    volatility: float | None
    sharpe: float | None
    sortino: float | None
    calmar: float | None
    max_drawdown: float | None
    max_drawdown_duration_ns: int
    exposure: float | None
    trade_count: int
    win_rate: float | None
    profit_factor: float | None
    average_trade_duration_ns: float | None
    best_trade: float | None
    worst_trade: float | None
    fees: Decimal
    undefined: Mapping[str, str] = {}


class TradeFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of closed round trips, after commission; ``None`` as in ``Metrics``."""

    trade_count: int
    win_rate: float | None
    profit_factor: float | None
    average_trade_duration_ns: float | None
    best_trade: float | None
    worst_trade: float | None


@exact
def measure_trades(trades: Sequence[RoundTrip]) -> TradeFigures:
    """All figures of trades."""
    pnls = np.array([float(pnl) for pnl in net_pnls(trades)], dtype=np.float64)
    returns = net_returns(trades)
    return TradeFigures(
        trade_count=len(trades),
        win_rate=win_rate(pnls),
        profit_factor=profit_factor(pnls),
        average_trade_duration_ns=mean_duration_ns(trades),
        best_trade=max(returns, default=None),
        worst_trade=min(returns, default=None),
    )


@exact
def measure(
    curve: EquityCurve,
    trades: Sequence[RoundTrip],
    *,
    initial_equity: Decimal,
    final_equity: Decimal,
    fees: Decimal,
) -> Metrics:
    """All figures of a run. The curve must have at least the point of the starting capital."""
    closes = daily_closes(curve)
    per_year = periods_per_year(closes.days)
    start_ts, end_ts = int(curve.ts[0]), int(curve.ts[-1])
    growth = float(final_equity / initial_equity) if initial_equity > 0 else None
    gained = None if growth is None else float((final_equity - initial_equity) / initial_equity)
    if curve.unitised is not None:
        growth = float(curve.performance[-1] / curve.performance[0])
        gained = growth - 1.0
    deepest = max_drawdown(curve.performance)
    of_trades = measure_trades(trades)
    shortages = shortages_of(start_ts, end_ts, return_count=len(closes.returns))
    yearly = None
    if growth is not None and "annual_return" not in shortages:
        yearly = annual_return(growth, years_between(start_ts, end_ts))
    is_sample = "sharpe" not in shortages
    found = Metrics(
        start_ts=start_ts,
        end_ts=end_ts,
        initial_equity=initial_equity,
        final_equity=final_equity,
        total_return=gained,
        annual_return=yearly,
        volatility=volatility(closes.returns, per_year) if is_sample else None,
        sharpe=sharpe_ratio(closes.returns, per_year) if is_sample else None,
        sortino=sortino_ratio(closes.returns, per_year) if is_sample else None,
        calmar=calmar_ratio(yearly, deepest),
        max_drawdown=deepest,
        max_drawdown_duration_ns=max_drawdown_duration_ns(curve.ts, curve.performance),
        exposure=exposure_share(curve.exposure[1:]),
        trade_count=of_trades.trade_count,
        win_rate=of_trades.win_rate,
        profit_factor=of_trades.profit_factor,
        average_trade_duration_ns=of_trades.average_trade_duration_ns,
        best_trade=of_trades.best_trade,
        worst_trade=of_trades.worst_trade,
        fees=fees,
    )
    return msgspec.structs.replace(found, undefined=reasons_for(found, shortages))


# --- what is undefined ------------------------------------------------------------------------


def shortages_of(start_ts: int, end_ts: int, *, return_count: int) -> dict[str, str]:
    """The annualised figures that need more data than there is, each with the reason."""
    reason = too_short(start_ts, end_ts)
    if reason:
        return dict.fromkeys(("annual_return", "volatility", "sharpe", "sortino", "calmar"), reason)
    reason = too_few(return_count)
    return dict.fromkeys(("volatility", "sharpe", "sortino"), reason) if reason else {}


def too_short(start_ts: int, end_ts: int) -> str:
    """The reason why nothing is annualised; empty if the period is long enough."""
    days = (end_ts - start_ts) / DAY_NS
    return f"needs {LEAST_DAYS} days, has {days:.3g}" if days < LEAST_DAYS else ""


def too_few(return_count: int) -> str:
    """The reason why nothing is estimated from returns; empty if there are enough."""
    return f"needs {LEAST_RETURNS} returns, has {return_count}" if return_count < LEAST_RETURNS else ""


def reasons_for(metrics: Metrics, shortages: Mapping[str, str]) -> dict[str, str]:
    """The reason for each figure that is ``None``, by name."""
    no_trade = "no trade was closed"
    reasons = {
        "total_return": "there was no capital at the start",
        "annual_return": "the result was below 0, or is larger than any number",
        "volatility": "a day ended without capital",
        "sharpe": "all returns are equal, or a day ended without capital",
        "sortino": "no return is below 0, or a day ended without capital",
        "calmar": "there was no drawdown, or there is no annual return",
        "max_drawdown": "there was no capital",
        "exposure": "the account was never marked",
        "win_rate": no_trade,
        "profit_factor": "no trade lost money" if metrics.trade_count else no_trade,
        "average_trade_duration_ns": no_trade,
        "best_trade": no_trade,
        "worst_trade": no_trade,
        **shortages,
    }
    return {name: reason for name, reason in reasons.items() if getattr(metrics, name) is None}


# --- time -------------------------------------------------------------------------------------


def years_between(start_ts: int, end_ts: int) -> float:
    """Calendar time in years of 365.25 days."""
    return (end_ts - start_ts) / (CALENDAR_DAYS_PER_YEAR * DAY_NS)


def periods_per_year(days: Integers) -> float:
    """The number of periods in a year, which annualises the figures of these days.

    - 365 if both Saturdays and Sundays have marks, each at least 0.6 times as often as an average day of the
      week. One weekend day alone does not count, such as Sunday evenings of currencies, or sessions that end
      after midnight UTC.
    - 365.25 over the mean distance in days if marks are mostly five days or more apart: 12 for months, whose
      median of 31 days would make 11.8.
    - 252 otherwise.
    """
    distance = float(np.median(np.diff(days))) if len(days) > 1 else 1.0
    if distance >= 5.0:
        return CALENDAR_DAYS_PER_YEAR * (len(days) - 1) / float(days[-1] - days[0])
    weekdays = np.bincount((days + 3) % 7, minlength=7)  # 1970-01-01 was a Thursday
    is_continuous = len(days) > 0 and weekdays[SATURDAY:].min() >= 0.6 * weekdays.mean()
    return 365.0 if is_continuous else TRADING_DAYS_PER_YEAR


# --- return -----------------------------------------------------------------------------------


def annual_return(growth: float, years: float) -> float | None:
    """``growth ** (1 / years) - 1``, with ``growth`` = final over initial equity (CAGR).

    With calendar years this is the CAGR of ``backtesting`` 0.6; with ``years`` = daily returns / 252
    it is ``annual_return`` of empyrical. Undefined for less than a day, and for a growth below 0.
    """
    if years * CALENDAR_DAYS_PER_YEAR < 1.0 or growth < 0:
        return None
    if growth == 0:
        return -1.0
    exponent = math.log(growth) / years
    return math.expm1(exponent) if exponent < 700.0 else None  # beyond that the result is no float


# --- risk -------------------------------------------------------------------------------------


def volatility(returns: Floats, per_year: float) -> float | None:
    """``std(returns, ddof=1) * sqrt(per_year)``. Source: empyrical ``annual_volatility``."""
    if not _is_sample(returns):
        return None
    return float(np.std(returns, ddof=1)) * math.sqrt(per_year)


def sharpe_ratio(returns: Floats, per_year: float) -> float | None:
    """``mean / std(ddof=1) * sqrt(per_year)``. Source: empyrical ``sharpe_ratio``.

    Undefined if all returns are equal; empyrical returns infinity.
    """
    if not _is_sample(returns) or np.ptp(returns) == 0:
        return None
    return float(np.mean(returns) / np.std(returns, ddof=1)) * math.sqrt(per_year)


def sortino_ratio(returns: Floats, per_year: float) -> float | None:
    """``mean * per_year / downside_risk``. Source: empyrical ``sortino_ratio``.

    Undefined if no return is below 0; empyrical returns infinity.
    """
    if not _is_sample(returns):
        return None
    risk = downside_risk(returns, per_year)
    return float(np.mean(returns)) * per_year / risk if risk else None


def downside_risk(returns: Floats, per_year: float) -> float | None:
    """``sqrt(mean(min(returns, 0) ** 2)) * sqrt(per_year)``. Source: empyrical ``downside_risk``."""
    if len(returns) == 0 or not np.isfinite(returns).all():
        return None
    return math.sqrt(float(np.mean(np.minimum(returns, 0.0) ** 2)) * per_year)


def calmar_ratio(yearly: float | None, deepest: float | None) -> float | None:
    """``annual return / |max drawdown|``; ``None`` without drawdown. Source: empyrical ``calmar_ratio``."""
    return yearly / -deepest if yearly is not None and deepest else None


def drawdowns(equity: Floats) -> Floats:
    """Distance below the highest point so far as a fraction of it: 0 or below.

    NaN before the first point above 0.
    """
    peaks = np.maximum.accumulate(equity)
    depths = np.full(len(equity), np.nan)
    np.divide(equity, peaks, out=depths, where=peaks > 0)
    return depths - 1.0


def max_drawdown(equity: Floats) -> float | None:
    """The deepest of ``drawdowns``: 0 or below. Source: empyrical ``max_drawdown``."""
    depths = drawdowns(equity)
    defined = depths[~np.isnan(depths)]
    return float(defined.min()) + 0.0 if len(defined) else None


def max_drawdown_duration_ns(ts: Integers, equity: Floats) -> int:
    """The longest time from a peak until its value was reached again, or until the end."""
    at_peak = np.flatnonzero(equity >= np.maximum.accumulate(equity))
    under_water = np.flatnonzero(np.diff(at_peak) > 1)
    spells = [int(ts[at_peak[i + 1]] - ts[at_peak[i]]) for i in under_water]
    if len(at_peak) and at_peak[-1] < len(ts) - 1:
        spells.append(int(ts[-1] - ts[at_peak[-1]]))
    return max(spells, default=0)


def exposure_share(exposure: Floats) -> float | None:
    """Share of marks with a position: ``mean(exposure > 0)``."""
    return float(np.mean(exposure > 0)) if len(exposure) else None


# --- trades -----------------------------------------------------------------------------------


def win_rate(pnls: Floats) -> float | None:
    """Share of trades with a P&L above 0. A trade with a P&L of 0 is not a win."""
    return float(np.mean(pnls > 0)) if len(pnls) else None


def profit_factor(pnls: Floats) -> float | None:
    """Sum of gains over sum of losses, in money; undefined without a loss."""
    losses = -float(pnls[pnls < 0].sum())
    return float(pnls[pnls > 0].sum()) / losses if losses else None


def mean_duration_ns(trades: Sequence[RoundTrip]) -> float | None:
    """Mean time from entry to exit. Every round trip counts once, independent of its size."""
    return sum(trade.duration_ns for trade in trades) / len(trades) if trades else None


def _is_sample(returns: Floats) -> bool:
    """Whether a standard deviation is defined: two returns or more, all of them finite."""
    return len(returns) > 1 and bool(np.isfinite(returns).all())
