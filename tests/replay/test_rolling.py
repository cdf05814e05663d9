"""Figures over time, judged by pandas and empyrical."""

import empyrical
import numpy as np
import pandas as pd
import pytest

from kernel.time_units import DAY_NS
from replay.equity import DailyCloses, EquityCurve, Floats, monthly_returns, simple_returns
from replay.performance.fill_flow import NO_FLOW, FillFlow
from replay.performance.rolling import annual_turnover, rolling, turnover_over_time, window_of, yearly_returns
from tests.replay.frames import untyped

FIRST = 18_000
"""2019-04-14, counted from 1970-01-01."""


def closes_of(count: int, *, seed: int = 1) -> DailyCloses:
    equity: Floats = 1_000.0 * np.cumprod(
        1 + np.random.default_rng(seed).normal(0.0004, 0.01, count + 1), dtype=np.float64
    )
    return DailyCloses(np.arange(FIRST, FIRST + count), equity[1:], simple_returns(equity))


def series_of(closes: DailyCloses) -> pd.Series:
    return pd.Series(closes.returns, index=untyped(pd).to_datetime(closes.days, unit="D"))


def flow_of(days: list[int], notional: list[float], commission: list[float]) -> FillFlow:
    size = len(days)
    return FillFlow(
        ts=np.array([(FIRST + number) * DAY_NS + 1 for number in days], dtype=np.int64),
        symbols=("A",) * size,
        quantity=np.ones(size),
        notional=np.array(notional),
        commission=np.array(commission),
        volume_share=np.full(size, np.nan),
    )


def curve_of(count: int, equity: float = 1_000.0) -> EquityCurve:
    ts = (np.arange(count) + FIRST + 1) * DAY_NS
    level: Floats = np.full(count, equity)
    return EquityCurve(ts, level, level, np.zeros(count))


@pytest.mark.parametrize("window", [21, 63, 126])
def test_rolling_figures_are_those_of_pandas_and_empyrical(window: int) -> None:
    closes = closes_of(400)
    returns = untyped(series_of(closes))

    found = rolling(closes, 252.0, window)

    spread = returns.rolling(window).std().dropna()
    np.testing.assert_allclose(found.volatility, spread * np.sqrt(252), rtol=1e-9)
    judge = untyped(empyrical).roll_sharpe_ratio(returns, window=window)
    np.testing.assert_allclose(found.sharpe[-len(judge) :], judge, rtol=1e-9)
    assert found.days[0] == FIRST + window - 1
    assert found.days[-1] == closes.days[-1]


def test_a_window_fits_twice_into_a_run() -> None:
    assert [window_of(count) for count in (41, 42, 125, 126, 251, 252, 5_000)] == [
        0,
        21,
        21,
        63,
        63,
        126,
        126,
    ]
    assert len(rolling(closes_of(30), 252.0).days) == 0


def test_a_window_without_a_change_has_no_sharpe_ratio() -> None:
    flat = DailyCloses(np.arange(FIRST, FIRST + 50), np.ones(50), np.zeros(50))

    found = rolling(flat, 252.0, 21)

    assert np.isnan(found.sharpe).all()
    assert (found.volatility == 0).all()


def test_monthly_and_yearly_returns_are_those_of_empyrical() -> None:
    closes = closes_of(700)
    returns = untyped(series_of(closes))

    months = [one.value for one in monthly_returns(closes)]
    years = {one.year: one.value for one in yearly_returns(closes)}

    np.testing.assert_allclose(months, untyped(empyrical).aggregate_returns(returns, "monthly"), rtol=1e-9)
    judge = untyped(empyrical).aggregate_returns(returns, "yearly")
    assert list(years) == list(judge.index)
    np.testing.assert_allclose(list(years.values()), judge, rtol=1e-9)


def test_turnover_and_costs_add_up_by_month_and_by_day() -> None:
    flow = flow_of([0, 1, 40, 300], [100.0, 200.0, 300.0, 400.0], [1.0, 2.0, 3.0, 4.0])

    by_month, by_day = (turnover_over_time(flow, curve_of(count)) for count in (301, 60))

    assert by_month.is_monthly
    assert not by_day.is_monthly
    assert (by_month.costs.sum(), by_month.turnover.sum()) == (10.0, 1.0)
    assert list(by_month.turnover[:2]) == pytest.approx([0.3, 0.3])
    assert by_day.costs[:2].tolist() == [1.0, 2.0]


def test_annual_turnover_needs_a_month() -> None:
    flow = flow_of([0, 1], [1_000.0, 1_000.0], [0.0, 0.0])

    assert annual_turnover(flow, curve_of(366)) == pytest.approx(2.0)
    assert annual_turnover(flow, curve_of(10)) is None
    assert annual_turnover(NO_FLOW, curve_of(366)) == 0.0
