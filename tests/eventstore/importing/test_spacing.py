"""Rows that lie much further apart than their timeframe."""

import pytest

from eventstore.importing.spacing import Spacing
from eventstore.moments import iso_utc
from kernel.events import Bar
from kernel.time_units import DAY_NS, MINUTE_NS


def bars(timeframe: str, stamps: list[int]) -> list[Bar]:
    return [Bar(ts, "A", timeframe, 1.0, 1.0, 1.0, 1.0, 0.0) for ts in stamps]


@pytest.mark.parametrize(
    ("timeframe", "gap_ns", "likely"),
    [
        ("1d", 31 * DAY_NS, "1mo"),
        ("1d", 91 * DAY_NS, "3mo"),
        ("1d", 7 * DAY_NS, "1w"),
        ("1m", 60 * MINUTE_NS, "1h"),
    ],
)
def test_rows_far_apart_deserve_a_word_that_names_the_likely_timeframe(
    timeframe: str, gap_ns: int, likely: str
) -> None:
    note = Spacing("a").add(bars(timeframe, [gap_ns, 2 * gap_ns, 3 * gap_ns])).note()

    assert f"again with --timeframe {likely}" in note, iso_utc(gap_ns)


def test_daily_rows_with_a_long_hole_get_no_word() -> None:
    assert not Spacing("a").add(bars("1d", [day * DAY_NS for day in (1, 2, 3, 90, 91)])).note()


def test_monthly_bars_get_no_word() -> None:
    assert not Spacing("a").add(bars("1mo", [day * DAY_NS for day in (31, 60, 91)])).note()
