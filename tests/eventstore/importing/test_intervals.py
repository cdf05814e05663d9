"""When a bar is known."""

import pytest

from eventstore.importing.defects import RowDefect
from eventstore.importing.intervals import intervals_of
from eventstore.importing.options import ImportOptions, Label
from eventstore.moments import iso_utc
from kernel.errors import InputError


def interval(text: str, options: ImportOptions) -> tuple[str, str]:
    """(open_ts, ts) of a stamp, readable."""
    open_ts, ts = intervals_of(options).interval(text, False)
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
    rule = intervals_of(ImportOptions(timeframe="1m")).interval

    with pytest.raises(RowDefect, match="time of day"):
        rule("2012-03-01", False)


@pytest.mark.parametrize("timeframe", ["1", "d", "0m", "1M", "1.5h", "1 m", "0mo", "1mon", "٣m"])
def test_a_timeframe_that_is_none_is_refused_by_name(timeframe: str) -> None:
    with pytest.raises(InputError, match="timeframe"):
        intervals_of(ImportOptions(timeframe=timeframe))


@pytest.mark.parametrize("session", ["9:30-16:00", "09:30", "25:00-26:00", "09:60-16:00", "09:30-24:30"])
def test_a_session_that_is_none_is_refused_by_name(session: str) -> None:
    with pytest.raises(InputError, match="session"):
        intervals_of(ImportOptions(session=session))


def test_a_session_is_only_for_bars_of_days() -> None:
    with pytest.raises(InputError, match="timeframe is 1m"):
        intervals_of(ImportOptions(timeframe="1m", session="09:30-16:00"))


@pytest.mark.parametrize("label", [Label.OPEN, Label.CLOSE])
@pytest.mark.parametrize("stamp", ["2024-02-01", "2024-02-29", "2024-02-28 00:00:00", "2024-02-29 16:00"])
def test_a_monthly_bar_covers_its_calendar_month_whichever_day_it_is_stamped_by(
    stamp: str, label: Label
) -> None:
    options = ImportOptions(timeframe="1mo", label=label)

    assert interval(stamp, options) == ("2024-02-01T00:00:00Z", "2024-02-29T23:59:59.999999999Z")


def test_a_month_begins_and_ends_at_local_midnights_on_both_sides_of_a_clock_change() -> None:
    options = ImportOptions(timeframe="1mo", tz="America/New_York")

    assert interval("2024-03-01", options) == ("2024-03-01T05:00:00Z", "2024-04-01T03:59:59.999999999Z")


def test_midnight_after_a_month_is_its_close() -> None:
    options = ImportOptions(timeframe="1mo", label=Label.CLOSE)

    assert interval("2024-02-01T00:00:00", options) == (
        "2024-01-01T00:00:00Z",
        "2024-01-31T23:59:59.999999999Z",
    )


def test_a_stamp_with_an_offset_counts_in_the_month_of_the_options_zone() -> None:
    options = ImportOptions(timeframe="1mo", tz="America/New_York")

    assert interval("2024-04-01T03:00:00Z", options)[0] == "2024-03-01T05:00:00Z"


def test_a_session_gives_a_monthly_bar_its_first_open_and_last_close() -> None:
    options = ImportOptions(timeframe="1mo", tz="America/New_York", session="09:30-16:00")

    assert interval("2012-03-01", options) == ("2012-03-01T14:30:00Z", "2012-03-31T20:00:00Z")


@pytest.mark.parametrize(
    ("timeframe", "label", "stamp", "begin", "end"),
    [
        ("3mo", Label.OPEN, "2024-01-02", "2024-01-01", "2024-03-31"),
        ("3mo", Label.CLOSE, "2024-03-28", "2024-01-01", "2024-03-31"),
        ("3mo", Label.CLOSE, "2024-01-31", "2023-11-01", "2024-01-31"),
        ("1y", Label.OPEN, "2023-01-03", "2023-01-01", "2023-12-31"),
        ("1y", Label.CLOSE, "2023-12-29", "2023-01-01", "2023-12-31"),
    ],
)
def test_quarters_and_years_are_counted_from_the_end_that_the_label_names(
    timeframe: str, label: Label, stamp: str, begin: str, end: str
) -> None:
    open_text, end_text = interval(stamp, ImportOptions(timeframe=timeframe, label=label))

    assert (open_text[:10], end_text[:10]) == (begin, end)


def test_a_quarter_stamped_by_its_other_end_is_refused() -> None:
    with pytest.raises(RowDefect, match="first day of the bar's months"):
        interval("2024-03-31", ImportOptions(timeframe="3mo"))


def test_a_capital_m_is_refused_with_the_word_for_a_month() -> None:
    with pytest.raises(InputError, match="'1M': a month is written 1mo, and a minute 1m"):
        intervals_of(ImportOptions(timeframe="1M"))
