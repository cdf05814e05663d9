"""Figures as people read them."""

from decimal import Decimal

import pytest

from kernel.time_units import HOUR_NS, SECOND_NS
from replay import figures
from tests.replay.recorded_run import day


@pytest.mark.parametrize(
    ("value_ns", "expected"),
    [
        (None, "-"),
        (0, "0 s"),
        (1, "1 ns"),
        (999.4, "999 ns"),
        (999.6, "1 µs"),
        (12_345, "12.3 µs"),
        (250_000_000, "250 ms"),
        (999_600_000, "1 s"),
        (1_250_000_000, "1.25 s"),
        (90 * SECOND_NS, "2 min"),
        (59.6 * 60 * SECOND_NS, "1 h"),
        (2 * HOUR_NS + 5 * 60 * SECOND_NS, "2 h 5 min"),
        (49 * HOUR_NS, "2 d 1 h"),
        (24 * 1_000 * HOUR_NS, "1,000 d"),
    ],
)
def test_a_duration_shows_its_two_largest_units(value_ns: float | None, expected: str) -> None:
    assert figures.duration(value_ns) == expected


def test_rates_are_percentages() -> None:
    assert figures.percent(0.12345) == "12.35 %"
    assert figures.percent(-12.5) == "-1,250.00 %"
    assert figures.percent(None) == "-"


def test_amounts_and_quantities_are_grouped() -> None:
    assert figures.money(Decimal("182350")) == "182,350.00"
    assert figures.price(Decimal("1234.50")) == "1,234.50"
    assert figures.quantity(Decimal("0.0500")) == "0.05"
    assert figures.quantity(Decimal("1E+3")) == "1,000"


def test_times_are_utc_to_the_nanosecond() -> None:
    assert figures.iso(day(0)) == "2024-01-01T00:00:00Z"
    assert figures.iso(day(1) - 1) == "2024-01-01T23:59:59.999999999Z"
    assert figures.iso(-SECOND_NS) == "1969-12-31T23:59:59Z"


def test_a_moment_shows_a_time_where_it_is_not_midnight() -> None:
    assert figures.moment(day(2)) == "2024-01-03"
    assert figures.moment(day(2, 14.5)) == "2024-01-03 14:30:00"


def test_a_period_of_one_day_has_one_date() -> None:
    assert figures.period((19_723, 19_723)) == "2024-01-01"
    assert figures.period((19_723, 19_727)) == "2024-01-01 to 2024-01-05"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "-"), (0.000032, "0.000032"), (1e-9, "0.000000001"), (68_250.1, "68,250.1"), (517.0, "517")],
)
def test_a_last_price_is_never_a_power_of_ten(value: float | None, expected: str) -> None:
    assert figures.last_price(value) == expected
