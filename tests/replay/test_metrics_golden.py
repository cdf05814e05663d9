"""Our figures against what public libraries say of the same numbers."""

import csv
import io
import json
import math
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from kernel.events import BUY, SELL, OrderFilled
from kernel.time_units import DAY_NS
from replay.equity import EquityCurve, Floats, daily_closes
from replay.performance import metrics
from replay.performance.trades import Matched, match_fills
from tests.replay.recorded_run import fill

PERIODS = {"daily": 252.0, "weekly": 52.0, "monthly": 12.0, "yearly": 1.0}
COMMISSION_RATE = Decimal("0.002")

Figure = float | None
Fields = dict[str, str]


# --- empyrical: published test values ---------------------------------------------------------


def figures_of(returns: Floats, period: str, count: int) -> dict[str, Figure]:
    """Ours, by the name of the function of empyrical. ``count`` includes missing returns."""
    per_year = PERIODS[period]
    equity = np.concatenate(([1.0], np.cumprod(1.0 + returns)))
    growth = float(equity[-1])
    yearly = metrics.annual_return(growth, count / per_year) if count else None
    deepest = metrics.max_drawdown(equity) if count else None
    return {
        "annual_return": yearly,
        "cagr": yearly,
        "cum_returns_final": growth - 1.0 if count else None,
        "annual_volatility": metrics.volatility(returns, per_year),
        "sharpe_ratio": metrics.sharpe_ratio(returns, per_year),
        "sortino_ratio": metrics.sortino_ratio(returns, per_year),
        "downside_risk": metrics.downside_risk(returns, per_year),
        "max_drawdown": deepest,
        "calmar_ratio": metrics.calmar_ratio(yearly, deepest),
    }


def test_figures_agree_with_the_test_values_of_empyrical(shared_data: Path) -> None:
    """NaN and infinity are both "undefined" here, and a missing return is left out.

    Cases with another risk-free rate, required return or starting value than 0 are not ours.
    """
    cases = json.loads((shared_data / "golden/empyrical_metric_cases.json").read_text())["cases"]
    checked = 0

    for case in cases:
        inputs = case["inputs"]
        options = (
            inputs.get("risk_free", 0),
            inputs.get("required_return", 0),
            inputs.get("starting_value", 0),
        )
        if options != (0, 0, 0) or "factor_returns" in inputs:
            continue
        values: list[Figure] = inputs["returns"]["values"]
        returns = np.array([value for value in values if value is not None], dtype=np.float64)
        ours = figures_of(returns, inputs.get("period", "daily"), len(values))
        if case["function"] not in ours:
            continue
        is_undefined = case["expected"] in ("NaN", "Infinity")
        tolerance = 1e-4 if case["function"] == "cum_returns_final" else 2e-8
        expected = None if is_undefined else pytest.approx(case["expected"], rel=1e-7, abs=tolerance)
        assert ours[case["function"]] == expected, case
        checked += 1

    assert checked >= 35


# --- empyrical and quantstats: real daily returns ---------------------------------------------


def adjusted_returns(data: Path, symbol: str) -> Floats:
    """Simple daily returns of the adjusted close, dated 2005 to 2020."""
    with zipfile.ZipFile(data / f"daily/lean_usa/{symbol}.zip") as archive:
        text = archive.read(archive.namelist()[0]).decode()
    rows = [(line[0][:8], float(line[4])) for line in csv.reader(io.StringIO(text))]
    factors = [
        (line[0], float(line[1]) * float(line[2]))
        for line in csv.reader((data / f"daily/lean_usa_factor_files/{symbol}.csv").read_text().splitlines())
        if line[0].isdigit()
    ]
    until = [day for day, _ in factors]
    days = [day for day, _ in rows]
    places = np.searchsorted(until, days)  # a row holds up to and including its date
    scaled = [row[1] * factors[int(place)][1] for row, place in zip(rows, places, strict=True)]
    closes = np.array(scaled, dtype=np.float64)
    returns = closes[1:] / closes[:-1] - 1.0
    chosen = [20050101 <= int(day) <= 20201231 for day in days[1:]]
    return np.asarray(returns[np.array(chosen)], dtype=np.float64)


@pytest.mark.parametrize("symbol", ["spy", "aapl", "ibm", "bac"])
def test_figures_of_real_returns_agree_with_empyrical_and_quantstats(shared_data: Path, symbol: str) -> None:
    """Two places differ by name only: their profit factor is of days, ours of trades."""
    reference = json.loads((shared_data / "golden/metrics_reference.json").read_text())["values"][symbol]
    returns = adjusted_returns(shared_data, symbol)

    ours = figures_of(returns, "daily", len(returns))

    assert len(returns) == reference["n_returns"]
    shared = set(ours) & set(reference["empyrical_reloaded_0.7.1"])
    assert len(shared) == 8
    for name in sorted(shared):
        assert ours[name] == pytest.approx(reference["empyrical_reloaded_0.7.1"][name], rel=1e-9), name
    theirs = reference["quantstats_0.0.86"]
    assert ours["sharpe_ratio"] == pytest.approx(theirs["sharpe"], rel=1e-9)
    assert ours["sortino_ratio"] == pytest.approx(theirs["sortino"], rel=1e-9)
    assert metrics.profit_factor(returns) == pytest.approx(theirs["profit_factor"], rel=1e-9)


# --- backtesting.py: an equity curve and its trades -------------------------------------------


def golden_stats(data: Path, run: str) -> dict[str, float]:
    stats = json.loads((data / "golden/backtesting_py_goog.json").read_text())["computed"][run]["stats"]
    return {name: value for name, value in stats.items() if isinstance(value, int | float)}


def golden_rows(data: Path, run: str, kind: str) -> list[Fields]:
    with (data / f"golden/backtesting_py_goog_{run}_{kind}.csv").open() as file:
        return list(csv.DictReader(file))


def end_of(text: str) -> int:
    """The end of a day, ns UTC."""
    return ((date.fromisoformat(text[:10]) - date(1970, 1, 1)).days + 1) * DAY_NS


def golden_curve(data: Path, run: str) -> EquityCurve:
    rows = golden_rows(data, run, "equity")
    equity = np.array([float(row["Equity"]) for row in rows], dtype=np.float64)
    ts = np.array([end_of(row[""]) for row in rows], dtype=np.int64)
    return EquityCurve(ts, equity, equity, np.zeros(len(rows)))


def golden_fills(rows: list[Fields], *, commission_rate: Decimal) -> list[OrderFilled]:
    """Two fills a trade; where one trade follows another at once, the old one is closed first."""
    dated: list[tuple[int, int, OrderFilled]] = []
    for number, row in enumerate(rows):
        size, entered, left = int(row["Size"]), end_of(row["EntryTime"]), end_of(row["ExitTime"])
        for is_entry, ts, price in ((1, entered, row["EntryPrice"]), (0, left, row["ExitPrice"])):
            side = BUY if (size > 0) == bool(is_entry) else SELL
            commission = str(abs(size) * Decimal(price) * commission_rate)
            one = fill(ts, side, str(abs(size)), price, commission=commission, fill_id=f"{number}-{is_entry}")
            dated.append((ts, is_entry, one))
    return [one for _, _, one in sorted(dated, key=lambda each: each[:2])]


def golden_trades(data: Path, run: str, *, commission_rate: Decimal) -> tuple[list[Fields], Matched]:
    rows = golden_rows(data, run, "trades")
    return rows, match_fills(golden_fills(rows, commission_rate=commission_rate))


@pytest.mark.parametrize("run", ["sma10_30_nocost", "sma10_20_commission"])
def test_curve_figures_agree_with_backtesting_py(shared_data: Path, run: str) -> None:
    """Total return, CAGR over calendar time, drawdown and its longest duration are defined alike.

    Its "Return (Ann.)" is the geometric mean of daily returns to the power of 252, and its Calmar uses
    that; both follow from our functions. Its volatility compounds the variance, its Sharpe divides the
    annual geometric return by it and its Sortino the same return by our downside risk; ours use the
    arithmetic mean, as empyrical does.
    """
    stats = golden_stats(shared_data, run)
    curve = golden_curve(shared_data, run)
    growth = float(curve.equity[-1] / curve.equity[0])

    cagr = metrics.annual_return(growth, metrics.years_between(int(curve.ts[0]), int(curve.ts[-1])))
    returns = daily_closes(curve).returns
    geometric = metrics.annual_return(growth, len(returns) / 252)
    deepest = metrics.max_drawdown(curve.equity)
    longest_ns = metrics.max_drawdown_duration_ns(curve.ts, curve.equity)
    risk = metrics.downside_risk(returns, metrics.periods_per_year(daily_closes(curve).days))

    assert cagr is not None
    assert deepest is not None
    assert geometric is not None
    assert risk is not None
    assert cagr * 100 == pytest.approx(stats["CAGR [%]"], rel=1e-9)
    assert geometric * 100 == pytest.approx(stats["Return (Ann.) [%]"], rel=1e-9)
    assert deepest * 100 == pytest.approx(stats["Max. Drawdown [%]"], rel=1e-9)
    assert longest_ns == golden_drawdown_days(shared_data, run) * DAY_NS
    assert metrics.calmar_ratio(geometric, deepest) == pytest.approx(stats["Calmar Ratio"], rel=1e-9)
    assert geometric / risk == pytest.approx(stats["Sortino Ratio"], rel=1e-9)


def golden_drawdown_days(data: Path, run: str) -> int:
    stats = json.loads((data / "golden/backtesting_py_goog.json").read_text())["computed"][run]["stats"]
    return int(stats["Max. Drawdown Duration"].split()[0])


@pytest.mark.parametrize(
    ("run", "rate"),
    [("sma10_30_nocost", Decimal(0)), ("sma10_20_commission", COMMISSION_RATE)],
    ids=["no cost", "0.2 % a side"],
)
def test_trades_agree_with_backtesting_py(shared_data: Path, run: str, rate: Decimal) -> None:
    """Its P&L is after commission, as our ``net_pnl``; its profit factor is of returns, ours of money.

    Its times are whole days, so its mean duration is rounded up to one.
    """
    stats = golden_stats(shared_data, run)
    rows, matched = golden_trades(shared_data, run, commission_rate=rate)

    trades = matched.trades
    returns = [rate_of_trade for trade in trades if (rate_of_trade := trade.net_return) is not None]
    pnls = np.array([float(trade.net_pnl) for trade in trades])

    assert len(trades) == len(rows) == stats["# Trades"]
    assert matched.open_lots == ()
    assert list(pnls) == pytest.approx([float(row["PnL"]) for row in rows], abs=1e-6)
    assert returns == pytest.approx([float(row["ReturnPct"]) for row in rows], rel=1e-9)
    assert max(returns) * 100 == pytest.approx(stats["Best Trade [%]"])
    assert min(returns) * 100 == pytest.approx(stats["Worst Trade [%]"])
    assert metrics.win_rate(pnls) == pytest.approx(stats["Win Rate [%]"] / 100)
    assert metrics.profit_factor(np.array(returns)) == pytest.approx(stats["Profit Factor"])
    mean_days = (metrics.mean_duration_ns(trades) or 0.0) / DAY_NS
    assert math.ceil(mean_days) == golden_mean_days(shared_data, run)


def golden_mean_days(data: Path, run: str) -> int:
    stats = json.loads((data / "golden/backtesting_py_goog.json").read_text())["computed"][run]["stats"]
    return int(stats["Avg. Trade Duration"].split()[0])


def test_trades_of_the_golden_run_add_up_to_its_profit(shared_data: Path) -> None:
    _, matched = golden_trades(shared_data, "sma10_30_nocost", commission_rate=Decimal(0))

    assert sum(trade.pnl for trade in matched.trades) == Decimal("41422.99")
