"""Every figure on numbers that can be checked by hand; what is undefined says so."""

import math
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.events import BUY, SELL
from kernel.time_units import DAY_NS
from replay.equity import EquityCurve, Floats, daily_closes, monthly_returns, simple_returns
from replay.performance import metrics
from replay.performance.trades import match_fills
from tests.replay.recorded_run import day, fill

NONE = np.array([], dtype=np.float64)


def floats(*values: float) -> Floats:
    return np.array(values, dtype=np.float64)


def curve_of(points: list[tuple[int, float]]) -> EquityCurve:
    """A curve that is all cash."""
    ts = np.array([ts for ts, _ in points], dtype=np.int64)
    equity = floats(*(value for _, value in points))
    return EquityCurve(ts, equity, equity, np.zeros(len(points)))


# --- days and months --------------------------------------------------------------------------


def test_a_mark_at_midnight_closes_the_day_before_it() -> None:
    curve = curve_of([(day(0), 100.0), (day(1), 110.0), (day(2), 99.0)])

    closes = daily_closes(curve)

    assert [int(number) for number in closes.days] == [day(0) // DAY_NS, day(1) // DAY_NS]
    assert closes.returns == pytest.approx([0.1, -0.1])


def test_the_last_of_several_marks_closes_the_day() -> None:
    curve = curve_of(
        [(day(0), 100.0), (day(0, 10), 90.0), (day(0, 16), 120.0), (day(1, 10), 130.0), (day(1, 16), 60.0)]
    )

    closes = daily_closes(curve)

    assert list(closes.equity) == [120.0, 60.0]
    assert closes.returns == pytest.approx([0.2, -0.5])


def test_a_curve_without_marks_has_no_days() -> None:
    closes = daily_closes(curve_of([(day(0), 100.0)]))

    assert (len(closes.days), len(closes.returns), monthly_returns(closes)) == (0, 0, ())


def test_no_return_follows_from_nothing() -> None:
    returns = simple_returns(floats(0.0, 5.0, -1.0, 3.0, 6.0))

    assert np.isnan(returns[[0, 2]]).all()
    assert returns[[1, 3]] == pytest.approx([-1.2, 1.0])


def test_months_compound_their_days() -> None:
    points = [(day(0), 100.0), (day(10), 110.0), (day(31), 121.0), (day(32), 60.5)]

    months = monthly_returns(daily_closes(curve_of(points)))

    assert [(one.year, one.month) for one in months] == [(2024, 1), (2024, 2)]
    assert [one.value for one in months] == pytest.approx([0.21, -0.5])


# --- annualising ------------------------------------------------------------------------------


def days_of_weekdays(*weekdays: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Ten weeks of the given days of the week, Monday being 0."""
    first = day(0) // DAY_NS
    return np.array(
        sorted(first + 7 * week + weekday for week in range(10) for weekday in weekdays), dtype=np.int64
    )


@pytest.mark.parametrize(
    ("weekdays", "expected"),
    [
        ((0, 1, 2, 3, 4), 252.0),
        ((0, 1, 2, 3, 4, 5, 6), 365.0),
        ((6, 0, 1, 2, 3, 4), 252.0),
        ((1, 2, 3, 4, 5), 252.0),
        ((4,), 365.25 / 7),
    ],
    ids=["exchange", "round the clock", "currencies", "closing after midnight UTC", "weekly marks"],
)
def test_a_year_has_as_many_periods_as_its_market(weekdays: tuple[int, ...], expected: float) -> None:
    assert metrics.periods_per_year(days_of_weekdays(*weekdays)) == expected


def test_one_mark_is_taken_for_a_trading_day() -> None:
    assert metrics.periods_per_year(days_of_weekdays(0)[:1]) == 252.0
    assert metrics.periods_per_year(days_of_weekdays()) == 252.0


def test_annual_return_compounds_over_calendar_time() -> None:
    two_years = metrics.years_between(0, int(2 * 365.25 * DAY_NS))

    assert metrics.annual_return(1.21, two_years) == pytest.approx(0.10)


@pytest.mark.parametrize(
    ("growth", "years", "expected"),
    [
        (1.5, 0.5 / 365.25, None),
        (-0.1, 3.0, None),
        (0.0, 3.0, -1.0),
        (1e300, 1.5 / 365.25, None),
    ],
    ids=["less than a day", "below zero", "all lost", "beyond any float"],
)
def test_annual_return_at_its_limits(growth: float, years: float, expected: float | None) -> None:
    assert metrics.annual_return(growth, years) == expected


# --- risk -------------------------------------------------------------------------------------


def test_volatility_is_the_sample_deviation_of_a_year() -> None:
    assert metrics.volatility(floats(0.01, 0.03), 252.0) == pytest.approx(math.sqrt(0.0002 * 252))


def test_sharpe_is_mean_over_deviation() -> None:
    expected = 0.02 / math.sqrt(0.0002) * math.sqrt(252)

    assert metrics.sharpe_ratio(floats(0.01, 0.03), 252.0) == pytest.approx(expected)


def test_sortino_looks_at_losses_alone() -> None:
    expected = 0.01 * 252 / (math.sqrt(0.0001 / 2) * math.sqrt(252))

    assert metrics.sortino_ratio(floats(0.03, -0.01), 252.0) == pytest.approx(expected)


@pytest.mark.parametrize("returns", [NONE, floats(0.01), floats(0.01, np.nan)], ids=["none", "one", "a gap"])
def test_risk_is_undefined_without_a_sample(returns: Floats) -> None:
    assert metrics.volatility(returns, 252.0) is None
    assert metrics.sharpe_ratio(returns, 252.0) is None
    assert metrics.sortino_ratio(returns, 252.0) is None


def test_sharpe_is_undefined_without_variance() -> None:
    assert metrics.sharpe_ratio(floats(0.01, 0.01, 0.01), 252.0) is None


def test_sortino_is_undefined_without_a_loss() -> None:
    assert metrics.sortino_ratio(floats(0.01, 0.02), 252.0) is None


def test_calmar_is_undefined_without_a_drawdown() -> None:
    assert metrics.calmar_ratio(0.1, 0.0) is None
    assert metrics.calmar_ratio(0.1, -0.2) == 0.5


def test_max_drawdown_is_measured_from_the_highest_point() -> None:
    assert metrics.max_drawdown(floats(100, 120, 90, 130, 117)) == -0.25


def test_max_drawdown_of_a_curve_that_only_rises_is_zero() -> None:
    deepest = metrics.max_drawdown(floats(1, 2, 3))

    assert str(deepest) == "0.0"  # and not -0.0


def test_max_drawdown_is_undefined_without_capital() -> None:
    assert metrics.max_drawdown(floats(0.0, -5.0)) is None


@pytest.mark.parametrize(
    ("equity", "expected_days"),
    [
        ((100, 90, 95, 100, 99, 100), 3),
        ((100, 99, 100, 90, 95, 97), 3),
        ((100, 100, 101, 102), 0),
        ((100, 90, 80, 70), 3),
    ],
    ids=["until regained", "until the end", "never below", "from the start"],
)
def test_drawdown_duration_runs_from_peak_to_recovery(equity: tuple[float, ...], expected_days: int) -> None:
    ts = np.array([day(number) for number in range(len(equity))], dtype=np.int64)

    assert metrics.max_drawdown_duration_ns(ts, floats(*equity)) == expected_days * DAY_NS


@given(st.lists(st.floats(1.0, 1e6), min_size=1, max_size=60))
def test_a_drawdown_lies_between_nothing_and_everything(values: list[float]) -> None:
    equity = floats(*values)
    deepest = metrics.max_drawdown(equity)
    ts = np.arange(len(values), dtype=np.int64)

    assert deepest is not None
    assert -1.0 <= deepest <= 0.0
    assert (metrics.max_drawdown_duration_ns(ts, equity) == 0) == (deepest == 0.0)


def test_exposure_is_the_share_of_marks_with_a_position() -> None:
    assert metrics.exposure_share(floats(0, 10, 10, 0)) == 0.5
    assert metrics.exposure_share(NONE) is None


# --- trades -----------------------------------------------------------------------------------


def test_a_trade_that_breaks_even_is_neither_won_nor_lost() -> None:
    pnls = floats(10, 0, -5, 20)

    assert metrics.win_rate(pnls) == 0.5
    assert metrics.profit_factor(pnls) == 6.0


def test_trade_figures_are_undefined_without_trades() -> None:
    assert metrics.win_rate(NONE) is None
    assert metrics.profit_factor(NONE) is None
    assert metrics.mean_duration_ns(()) is None


def test_profit_factor_is_undefined_without_a_loser() -> None:
    assert metrics.profit_factor(floats(1, 2)) is None


# --- together ---------------------------------------------------------------------------------


def test_two_trades_on_paper() -> None:
    fills = [
        fill(day(0, 12), BUY, "10", "100", commission="1"),
        fill(day(1, 12), SELL, "10", "110", commission="1"),
        fill(day(2, 12), BUY, "10", "110", commission="1"),
        fill(day(5, 12), SELL, "10", "105", commission="1"),
    ]
    curve = curve_of([(day(0), 10_000.0), (day(1), 10_049.0), (day(2), 10_098.0), (day(6), 10_046.0)])

    m = metrics.measure(
        curve,
        match_fills(fills).trades,
        initial_equity=Decimal(10_000),
        final_equity=Decimal("10046.00"),
        fees=Decimal(4),
    )

    assert (m.final_equity, m.fees, m.trade_count) == (Decimal("10046.00"), Decimal(4), 2)
    assert m.total_return == 0.0046
    assert m.annual_return is None  # of 6 days
    assert m.max_drawdown == pytest.approx(10_046 / 10_098 - 1)
    assert m.max_drawdown_duration_ns == 4 * DAY_NS
    assert m.win_rate == 0.5
    assert m.profit_factor == pytest.approx(98 / 52)
    assert m.average_trade_duration_ns == 2 * DAY_NS
    assert m.best_trade == pytest.approx(0.098)
    assert m.worst_trade == pytest.approx(-52 / 1100)


def test_a_run_without_capital_has_no_rates() -> None:
    curve = curve_of([(day(0), 0.0), (day(1), 0.0), (day(2), 0.0)])

    m = metrics.measure(curve, (), initial_equity=Decimal(0), final_equity=Decimal(0), fees=Decimal(0))

    rates = (m.total_return, m.annual_return, m.volatility, m.sharpe, m.sortino, m.calmar, m.max_drawdown)
    assert rates == (None,) * 7


# --- few data ---------------------------------------------------------------------------------


def measured(points: list[tuple[int, float]]) -> metrics.Metrics:
    initial, final = (Decimal(str(value)) for _, value in (points[0], points[-1]))
    return metrics.measure(curve_of(points), (), initial_equity=initial, final_equity=final, fees=Decimal(0))


def test_months_are_annualised_by_twelve() -> None:
    """2023, closed at the end of each month: 28 to 31 days apart, the median is 31."""
    ends = np.arange("2023-02", "2024-03", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64) - 1

    assert metrics.periods_per_year(ends) == pytest.approx(12.0, rel=2e-3)


def test_a_hole_in_daily_data_does_not_make_it_weekly() -> None:
    days = np.array([*range(19_700, 19_710), 19_800], dtype=np.int64)

    assert metrics.periods_per_year(days) > 200


def test_less_than_a_month_is_not_annualised() -> None:
    found = measured([(day(place), 100.0 + place % 3) for place in range(20)])

    annualised = (found.annual_return, found.volatility, found.sharpe, found.sortino, found.calmar)
    assert annualised == (None,) * 5
    assert found.undefined["sharpe"] == "needs 30 days, has 19"
    assert found.max_drawdown is not None


def test_two_returns_have_no_sharpe_ratio_over_any_time() -> None:
    found = measured([(day(0), 100.0), (day(200), 110.0), (day(400), 105.0)])

    assert (found.volatility, found.sharpe, found.sortino) == (None, None, None)
    assert found.undefined["volatility"] == "needs 10 returns, has 2"
    assert found.annual_return is not None


def test_every_figure_that_is_none_has_a_reason() -> None:
    found = measured([(day(place), 100.0) for place in range(60)])

    missing = {name for name in found.__struct_fields__ if getattr(found, name) is None}
    assert missing == set(found.undefined)
    assert all(found.undefined.values())
    assert found.undefined["win_rate"] == "no trade was closed"
