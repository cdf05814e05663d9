"""What a stamp means, to the nanosecond."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore.importing.defects import RowDefect
from eventstore.importing.local_time import LocalTime, wall_ns_of
from eventstore.importing.options import TimeUnit
from eventstore.importing.timestamps import StampParser
from eventstore.moments import iso_utc
from kernel.errors import InputError
from kernel.time_units import DAY_NS, SECOND_NS

NOON = wall_ns_of(datetime(2012, 3, 1, 12, 30, 15, tzinfo=UTC))

instants = st.integers(min_value=-5_000_000_000 * SECOND_NS, max_value=7_000_000_000 * SECOND_NS)


@pytest.mark.parametrize(
    "text",
    [
        "2012-03-01T12:30:15",
        "2012-03-01 12:30:15",
        "20120301 123015",
        "2012/03/01 12:30:15",
        "2012.03.01 12:30:15.000000000",
        " 2012-03-01 12:30:15 ",
    ],
)
def test_a_stamp_without_a_zone_is_a_clock_reading(text: str) -> None:
    parser = StampParser()

    stamp = parser.parse(text)

    assert stamp == (NOON, None, True)


@pytest.mark.parametrize(
    ("text", "offset_hours"),
    [
        ("2012-03-01T12:30:15Z", 0),
        ("2012-03-01 12:30:15 UTC", 0),
        ("2012-03-01 12:30:15+00:00", 0),
        ("2012-03-01T12:30:15-0500", -5),
        ("2012-03-01T12:30:15+09", 9),
        ("2012-03-01T12:30:15+05:30", 5.5),
        ("2012-03-01 12:30:15 EST", -5),
        ("2012-03-01 12:30:15EDT", -4),
        ("2012-03-01 12:30:15 CEST", 2),
        ("20120301 12:30:15 JST", 9),
        ("Mar 1, 2012 12:30:15 PM PST", -8),
    ],
)
def test_a_zone_in_the_text_is_kept(text: str, offset_hours: float) -> None:
    parser = StampParser()

    stamp = parser.parse(text)

    assert stamp == (NOON, int(offset_hours * 3600) * SECOND_NS, True)


@pytest.mark.parametrize("name", ["CST", "IST", "BST", "XYZ"])
def test_a_zone_name_with_several_meanings_is_refused_with_the_options_to_paste(name: str) -> None:
    text = f"2012-03-01 12:30:15 {name}"

    with pytest.raises(RowDefect, match=rf"--time-format '%Y-%m-%d %H:%M:%S {name}' and --tz"):
        StampParser().parse(text)

    assert StampParser(time_format=f"%Y-%m-%d %H:%M:%S {name}").parse(text) == (NOON, None, True)


@pytest.mark.parametrize("text", ["2012-03-01", "20120301", "2012/03/01", "2012.03.01"])
def test_a_date_alone_has_no_time(text: str) -> None:
    parser = StampParser()

    stamp = parser.parse(text)

    assert stamp == (NOON // DAY_NS * DAY_NS, None, False)


@pytest.mark.parametrize("digits", [0, 3, 6, 9])
def test_the_unit_of_a_number_shows_in_its_digits(digits: int) -> None:
    text = str(NOON // SECOND_NS * 10**digits)

    stamp = StampParser().parse(text)

    assert stamp == (NOON, 0, True)


def test_decimals_of_a_number_are_exact() -> None:
    parser = StampParser()

    stamp = parser.parse("1330605015.123456789")

    assert stamp == (1_330_605_015_123_456_789, 0, True)


def test_a_declared_unit_wins_over_the_number_of_digits() -> None:
    parser = StampParser(unit=TimeUnit.MILLISECONDS)

    stamp = parser.parse("1000")

    assert stamp == (SECOND_NS, 0, True)


def test_all_nine_decimals_count() -> None:
    parser = StampParser()

    first, second = parser.parse("2012-03-01T12:30:15.000000001"), parser.parse("2012-03-01T12:30:15.1")

    assert (first[0] - NOON, second[0] - NOON) == (1, 100_000_000)


def test_a_format_of_ones_own_is_followed() -> None:
    parser = StampParser(time_format="%d.%m.%Y %H:%M:%S")

    stamp = parser.parse("01.03.2012 12:30:15")

    assert stamp == (NOON, None, True)


def test_a_format_without_hours_makes_a_date_alone() -> None:
    parser = StampParser(time_format="%m/%d/%Y")

    stamp = parser.parse("03/01/2012")

    assert stamp == (NOON // DAY_NS * DAY_NS, None, False)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "03/01/2012",
        "2012-02-30",
        "2012-13-01",
        "2012-03-01T24:00:00",
        "2012-03-01T12:60:00",
        "2012-03-01T12:30:60",
        "2012-03-01T12:30:15.1234567890",
        "2012-03-01T12:30:15+25:00",
        "2012-03-01X12:30:15",
        "2012-03-01T12",
        "0001-01-01",
        "9999-12-31",
        "99999999999999999999",
        "1e9",
        "nan",
        "\u0662\u0660\u0661\u0662-03-01",  # digits, but not of files of prices
    ],
)
def test_what_is_no_time_is_refused_with_the_value_seen(text: str) -> None:
    parser = StampParser()

    with pytest.raises(RowDefect) as caught:
        parser.parse(text)

    assert (caught.value.field, caught.value.seen) == ("time", text)


@given(instants)
def test_iso_text_of_any_instant_parses_back_to_it(ts: int) -> None:
    parser = StampParser()

    stamp = parser.parse(iso_utc(ts))

    assert stamp == (ts, 0, True)


@given(st.lists(st.tuples(instants, st.sampled_from(["", "Z", "+01:00"])), max_size=20))
def test_what_was_parsed_before_does_not_matter(rows: list[tuple[int, str]]) -> None:
    parser = StampParser()
    texts = [iso_utc(ts).rstrip("Z") + zone for ts, zone in rows]

    together = [parser.parse(text) for text in texts]

    assert together == [StampParser().parse(text) for text in texts]


@given(
    instants, st.sampled_from(["America/New_York", "Europe/Berlin", "Asia/Kolkata", "Australia/Lord_Howe"])
)
def test_a_local_reading_leads_back_to_its_instant(ts: int, zone: str) -> None:
    ts = max(ts, 0)  # older offsets have seconds, which no file of prices is written in
    local = LocalTime(zone)
    wall_ns = local.to_wall(ts)

    readings = {local.to_utc(wall_ns), local.to_utc(wall_ns, later=True)}

    assert ts in readings


def test_a_skipped_local_time_is_refused() -> None:
    local = LocalTime("America/New_York")
    wall_ns = wall_ns_of(datetime(2012, 3, 11, 2, 30, tzinfo=UTC))

    with pytest.raises(RowDefect, match="exists in America/New_York"):
        local.to_utc(wall_ns)


def test_a_repeated_local_time_has_two_readings_an_hour_apart() -> None:
    local = LocalTime("America/New_York")
    wall_ns = wall_ns_of(datetime(2012, 11, 4, 1, 30, tzinfo=UTC))

    first, second = local.to_utc(wall_ns), local.to_utc(wall_ns, later=True)

    assert (iso_utc(first), iso_utc(second)) == ("2012-11-04T05:30:00Z", "2012-11-04T06:30:00Z")


def test_a_zone_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="'Mars/Olympus'"):
        LocalTime("Mars/Olympus")


@given(st.integers(min_value=0, max_value=86_399), st.lists(st.integers(0, 10**9 - 1), max_size=9))
def test_decimals_count_after_their_second_was_seen(second: int, nanoseconds: list[int]) -> None:
    """Whole seconds are remembered; their decimals must not be."""
    parser = StampParser()
    whole = NOON // DAY_NS * DAY_NS + second * SECOND_NS

    parsed = [
        parser.parse(iso_utc(whole + ns)[:-1] + zone) for ns in nanoseconds for zone in ("", "Z", "+00:00")
    ]

    assert [stamp[0] for stamp in parsed] == [whole + ns for ns in nanoseconds for _ in range(3)]


@pytest.mark.parametrize("text", ["2012-03-01T12:30:15.x", "2012-03-01T12:30:15.", "2012-03-01T12:30:15.1+x"])
def test_nonsense_after_a_second_that_was_seen_is_refused(text: str) -> None:
    parser = StampParser()
    parser.parse("2012-03-01T12:30:15")

    with pytest.raises(RowDefect):
        parser.parse(text)
