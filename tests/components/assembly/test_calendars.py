"""Trading calendars: names to sessions, over holidays, early closes, nights and changes of clocks."""

import gzip
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from components.assembly.calendars import calendar_events, trading_sessions
from kernel.errors import ConfigError
from kernel.events import TradingSession
from kernel.time_units import DAY_NS
from tests.ops.commands import ROOT
from tests.replay.playing import SHARED_DATA

NEW_YORK = ZoneInfo("America/New_York")
HOURS = SHARED_DATA / "reference" / "lean_market_hours_database.json.gz"


def by_day(name: str, first: date, last: date) -> dict[date, TradingSession]:
    """Sessions by trading day."""
    sessions = trading_sessions(name, first, last)
    return {datetime.strptime(str(one.day), "%Y%m%d").date(): one for one in sessions}  # noqa: DTZ007  # a day


def clocks(session: TradingSession, zone: ZoneInfo = NEW_YORK) -> tuple[str, str]:
    """Local opening and closing time."""
    opens, closes = (
        datetime.fromtimestamp(ts // 10**9, tz=zone).strftime("%a %H:%M")
        for ts in (session.open_ts, session.close_ts)
    )
    return opens, closes


def _first_column(path: Path) -> Iterator[int]:
    """Milliseconds since midnight of each row of a zipped file."""
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as rows:
        for row in io.TextIOWrapper(rows):
            yield int(row.partition(",")[0])


@pytest.mark.skipif(not HOURS.exists(), reason="needs ../shared/data")
def test_new_york_agrees_with_an_independent_list_of_holidays_and_early_closes() -> None:
    """21 years, day by day: there is no difference to explain."""
    listed = json.loads(gzip.decompress(HOURS.read_bytes()))["entries"]["Equity-usa-[*]"]
    holidays = {datetime.strptime(text, "%m/%d/%Y").date() for text in listed["holidays"]}  # noqa: DTZ007  # days
    early = {datetime.strptime(day, "%m/%d/%Y").date(): at[:5] for day, at in listed["earlyCloses"].items()}  # noqa: DTZ007  # days
    first, last = date(2000, 1, 1), date(2020, 12, 31)
    expected: dict[date, tuple[str, str]] = {}
    day = first
    while day <= last:
        if day.weekday() < 5 and day not in holidays:
            weekday = day.strftime("%a")
            expected[day] = f"{weekday} 09:30", f"{weekday} {early.get(day, '16:00')}"
        day += timedelta(days=1)

    ours = by_day("XNYS", first, last)

    assert {day: clocks(one) for day, one in ours.items() if first <= day <= last} == expected


def test_a_month_before_and_two_after_are_known_too() -> None:
    days = list(by_day("XNYS", date(2019, 7, 1), date(2019, 7, 5)))

    assert (days[0], days[-1]) == (date(2019, 5, 31), date(2019, 9, 5))
    assert date(2019, 7, 4) not in days


def test_an_overnight_session_has_the_day_that_it_ends_on() -> None:
    futures = by_day("us_futures", date(2021, 3, 8), date(2021, 3, 12))

    monday = futures[date(2021, 3, 8)]

    assert clocks(monday) == ("Sun 18:00", "Mon 18:00")


def test_clocks_that_change_move_the_close_in_utc_not_in_new_york() -> None:
    days = by_day("XNYS", date(2021, 3, 12), date(2021, 3, 15))

    friday, monday = days[date(2021, 3, 12)], days[date(2021, 3, 15)]

    assert clocks(friday)[1][4:] == clocks(monday)[1][4:] == "16:00"
    assert monday.close_ts - friday.close_ts == 3 * DAY_NS - DAY_NS // 24


def test_currencies_trade_from_sunday_to_friday_17_00_new_york() -> None:
    days = by_day("FX", date(2021, 3, 8), date(2021, 3, 19))

    monday, sunday_after_change = days[date(2021, 3, 8)], days[date(2021, 3, 15)]

    assert clocks(monday) == ("Sun 17:00", "Mon 17:00")
    assert clocks(days[date(2021, 3, 12)])[1] == "Fri 17:00"
    assert clocks(sunday_after_change, ZoneInfo("UTC"))[0] == "Sun 21:00"
    assert date(2021, 3, 13) not in days


def test_currencies_rest_at_christmas_and_new_year_and_on_no_other_weekday() -> None:
    days = by_day("FX", date(2019, 12, 2), date(2020, 1, 31))

    weekdays = [date(2019, 12, 2) + timedelta(days=number) for number in range(61)]

    missing = [day for day in weekdays if day.weekday() < 5 and day not in days]
    assert missing == [date(2019, 12, 25), date(2020, 1, 1)]


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs ../shared/data")
def test_real_currency_quotes_lie_within_the_sessions() -> None:
    folder = SHARED_DATA / "minute" / "lean_fx_oanda" / "eurusd"
    sessions = trading_sessions("FX", date(2014, 5, 1), date(2014, 5, 9))
    outside = 0
    for path in sorted(folder.glob("201405*_quote.zip")):
        midnight = datetime.strptime(path.name[:8], "%Y%m%d").replace(tzinfo=UTC)
        for milliseconds in _first_column(path):
            ts = int(midnight.timestamp()) * 10**9 + milliseconds * 10**6
            outside += not any(one.open_ts <= ts < one.close_ts for one in sessions)

    assert outside == 0


def test_round_the_clock_means_utc_days_without_a_gap() -> None:
    sessions = trading_sessions("24/7", date(2021, 3, 1), date(2021, 3, 31))

    assert all(one.close_ts - one.open_ts == DAY_NS and one.open_ts % DAY_NS == 0 for one in sessions)
    assert all(one.close_ts == following.open_ts for one, following in pairwise(sessions))


def test_each_calendar_is_defined_once_in_order_of_name() -> None:
    from_ts = int(datetime(2021, 3, 1, tzinfo=UTC).timestamp()) * 10**9

    events = calendar_events(["XNYS", "", "24/7", "XNYS"], ts=7, from_ts=from_ts, to_ts=from_ts)

    assert [(event.ts, event.calendar) for event in events] == [(7, "24/7"), (7, "XNYS")]


def test_an_unknown_name_is_refused_with_near_matches() -> None:
    with pytest.raises(ConfigError, match="calendar 'XNYX' is unknown; did you mean XNYS"):
        trading_sessions("XNYX", date(2021, 1, 1), date(2021, 1, 1))


def test_a_period_without_holidays_on_record_is_refused_with_what_there_is() -> None:
    with pytest.raises(
        ConfigError, match="'XHKG' is known from 1960-01-01 to 2049-12-31, not from 2000-01-10"
    ):
        trading_sessions("XHKG", date(2000, 1, 10), date(2060, 12, 31))


def test_only_the_margin_is_cut_where_records_begin() -> None:
    days = list(by_day("XTKS", date(1997, 1, 10), date(1997, 1, 31)))

    assert days[0] == date(1997, 1, 6)


def test_a_run_without_calendars_does_not_import_the_library() -> None:
    script = (
        "import sys; from components.assembly.calendars import calendar_events;"
        "calendar_events([''], ts=0, from_ts=0, to_ts=0); print('pandas' in sys.modules)"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "False\n"
