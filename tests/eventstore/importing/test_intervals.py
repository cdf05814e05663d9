"""When a bar is known."""

import pytest

from eventstore.importing.defects import RowDefect
from eventstore.importing.intervals import interval_rule
from eventstore.importing.local_time import iso_utc
from eventstore.importing.options import ImportOptions, Label
from kernel.errors import InputError


def interval(text: str, options: ImportOptions) -> tuple[str, str]:
    """(open_ts, ts) of a stamp, readable."""
    open_ts, ts = interval_rule(options)(text, False)
    return iso_utc(open_ts), iso_utc(ts)


def test_an_intraday_bar_stamped_at_its_open_is_known_a_timeframe_later() -> None:
    options = ImportOptions(timeframe="5m")

    assert interval("2012-03-01 09:30", options) == ("2012-03-01T09:30:00Z", "2012-03-01T09:35:00Z")


def test_an_intraday_bar_stamped_at_its_close_is_known_then() -> None:
    options = ImportOptions(timeframe="5m", label=Label.CLOSE)

    assert interval("2012-03-01 09:30", options) == ("2012-03-01T09:25:00Z", "2012-03-01T09:30:00Z")


def test_a_daily_bar_stamped_by_date_is_known_in_the_last_nanosecond_of_its_local_day() -> None:
    options = ImportOptions(tz="America/New_York")

    assert interval("2012-12-31", options) == ("2012-12-31T05:00:00Z", "2013-01-01T04:59:59.999999999Z")


def test_a_day_on_which_clocks_change_is_as_long_as_it_is() -> None:
    options = ImportOptions(tz="America/New_York")

    assert interval("2012-03-11", options) == ("2012-03-11T05:00:00Z", "2012-03-12T03:59:59.999999999Z")


def test_a_day_without_a_midnight_begins_at_its_first_moment() -> None:
    options = ImportOptions(tz="America/Sao_Paulo")

    assert interval("2017-10-15", options)[0] == "2017-10-15T03:00:00Z"


def test_a_session_gives_a_daily_bar_its_hours() -> None:
    options = ImportOptions(tz="America/New_York", session="09:30-16:00")

    assert interval("2012-07-02", options) == ("2012-07-02T13:30:00Z", "2012-07-02T20:00:00Z")


def test_a_session_over_midnight_opens_on_the_day_before() -> None:
    options = ImportOptions(tz="America/Chicago", session="17:00-16:00")

    assert interval("2012-07-03", options) == ("2012-07-02T22:00:00Z", "2012-07-03T21:00:00Z")


@pytest.mark.parametrize("text", ["2012-07-02 00:00:00", "2012-07-02T00:00:00-04:00", "1341201600"])
def test_a_daily_bar_stamped_by_its_midnight_covers_that_day(text: str) -> None:
    options = ImportOptions(tz="America/New_York")

    assert interval(text, options) == ("2012-07-02T04:00:00Z", "2012-07-03T03:59:59.999999999Z")


def test_a_daily_bar_stamped_at_its_close_by_midnight_is_known_then() -> None:
    options = ImportOptions(label=Label.CLOSE)

    assert interval("2012-07-02 00:00", options) == ("2012-07-01T00:00:00Z", "2012-07-02T00:00:00Z")


def test_a_daily_bar_stamped_at_an_hour_ends_at_that_hour_of_the_next_day() -> None:
    options = ImportOptions(tz="America/New_York")

    assert interval("2012-03-10 17:00", options) == ("2012-03-10T22:00:00Z", "2012-03-11T21:00:00Z")


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (Label.OPEN, ("2006-01-06T00:00:00Z", "2006-01-12T23:59:59.999999999Z")),
        (Label.CLOSE, ("2005-12-31T00:00:00Z", "2006-01-06T23:59:59.999999999Z")),
    ],
)
def test_the_label_says_which_end_of_a_week_its_date_is(label: Label, expected: tuple[str, str]) -> None:
    options = ImportOptions(timeframe="1w", label=label)

    assert interval("2006-01-06", options) == expected


def test_an_intraday_bar_needs_a_time_of_day() -> None:
    rule = interval_rule(ImportOptions(timeframe="1m"))

    with pytest.raises(RowDefect, match="time of day"):
        rule("2012-03-01", False)


@pytest.mark.parametrize("timeframe", ["", "1", "d", "0m", "1M", "1.5h", "1 m", "1mo", "٣m"])
def test_a_timeframe_that_is_none_is_refused_by_name(timeframe: str) -> None:
    with pytest.raises(InputError, match="timeframe"):
        interval_rule(ImportOptions(timeframe=timeframe))


@pytest.mark.parametrize("session", ["9:30-16:00", "09:30", "25:00-26:00", "09:60-16:00", "09:30-24:30"])
def test_a_session_that_is_none_is_refused_by_name(session: str) -> None:
    with pytest.raises(InputError, match="session"):
        interval_rule(ImportOptions(session=session))


def test_a_session_is_only_for_bars_of_days() -> None:
    with pytest.raises(InputError, match="timeframe is 1m"):
        interval_rule(ImportOptions(timeframe="1m", session="09:30-16:00"))
