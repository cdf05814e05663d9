"""The trading day of a bar, wherever its day begins and ends."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from kernel.events import Bar
from kernel.time_units import DAY_NS, SECOND_NS
from kernel.trading_days import day_of_bar, days_since_epoch, holds_whole_days, utc_day

DAYS = [date(2024, 1, 31), date(2024, 2, 29), date(2024, 3, 10), date(2024, 7, 1), date(2024, 11, 3)]
"""Ends of months, a beginning of one, and two days on which New York changes its clocks."""


def ns(day: date, clock: time, zone: str) -> int:
    return int(datetime.combine(day, clock, ZoneInfo(zone)).astimezone(UTC).timestamp()) * SECOND_NS


def bar(open_ts: int, ts: int, timeframe: str = "1d") -> Bar:
    return Bar(ts, "A", timeframe, 1.0, 1.0, 1.0, 1.0, 1.0, open_ts)


def label(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(
    "zone",
    [
        *("UTC", "America/New_York", "America/Los_Angeles", "Pacific/Honolulu"),
        *("Europe/London", "Asia/Kolkata", "Asia/Tokyo", "Australia/Sydney", "Pacific/Auckland"),
    ],
)
def test_a_day_from_midnight_to_midnight_is_that_day_in_every_zone(zone: str, day: date) -> None:
    midnight = time(0)
    found = bar(ns(day, midnight, zone), ns(day + timedelta(days=1), midnight, zone) - 1)

    assert day_of_bar(found) == label(day)


@pytest.mark.parametrize("day", DAYS)
@pytest.mark.parametrize(
    ("zone", "opens", "closes"),
    [
        ("America/New_York", time(9, 30), time(16)),
        ("Europe/London", time(8), time(16, 30)),
        ("Asia/Tokyo", time(9), time(15)),
        ("Australia/Sydney", time(10), time(16)),
    ],
)
def test_a_session_is_the_day_of_its_exchange(zone: str, opens: time, closes: time, day: date) -> None:
    assert day_of_bar(bar(ns(day, opens, zone), ns(day, closes, zone))) == label(day)


@pytest.mark.parametrize("day", DAYS)
def test_a_day_of_currency_dealing_that_begins_the_evening_before_is_the_day_of_its_end(day: date) -> None:
    eve, roll = day - timedelta(days=1), time(17)

    assert day_of_bar(bar(ns(eve, roll, "America/New_York"), ns(day, roll, "America/New_York"))) == label(day)


def test_a_bar_of_several_days_belongs_to_its_last_one() -> None:
    week = bar(ns(date(2024, 1, 29), time(0), "America/New_York"), ns(date(2024, 2, 3), time(0), "UTC"), "1w")

    assert day_of_bar(week) == 20_240_202


def test_a_bar_without_an_open_time_belongs_to_the_utc_day_in_which_it_ends() -> None:
    assert day_of_bar(bar(0, ns(date(2024, 2, 1), time(0), "UTC"))) == 20_240_131


@pytest.mark.parametrize(("timeframe", "expected"), [("1d", True), ("2w", True), ("1mo", True), ("1y", True)])
def test_days_and_longer_hold_whole_days(timeframe: str, expected: bool) -> None:
    assert holds_whole_days(timeframe) is expected


@pytest.mark.parametrize("timeframe", ["1s", "1m", "60m", "4h"])
def test_shorter_bars_hold_a_part_of_a_day(timeframe: str) -> None:
    assert not holds_whole_days(timeframe)


def test_days_are_counted_from_1970() -> None:
    assert days_since_epoch(utc_day(20_000 * DAY_NS)) == 20_000
