"""When bars can have opened, and which moments they can still hold."""

import pytest

from kernel.bar_times import EndsOfBars, earliest_open, end_of_bar_around, note_end
from kernel.events import Bar
from kernel.time_units import DAY_NS, HOUR_NS, MINUTE_NS


def bar(ts: int, timeframe: str = "1h", opened_ts: int = 0) -> Bar:
    return Bar(ts, "A", timeframe, 1.0, 1.0, 1.0, 1.0, 1.0, open_ts=opened_ts)


def test_a_bar_opened_when_it_says_so() -> None:
    assert earliest_open(bar(3 * HOUR_NS, opened_ts=7), {"A": {"1h": 2 * HOUR_NS}}) == 7


@pytest.mark.parametrize(
    ("one", "earliest"),
    [
        (bar(10 * HOUR_NS), 9 * HOUR_NS),
        (bar(2 * HOUR_NS + MINUTE_NS), 2 * HOUR_NS),
        (bar(10 * HOUR_NS, "1mo"), 0),
        (bar(10 * HOUR_NS, "500 ticks"), 0),
    ],
)
def test_a_bar_opened_no_earlier_than_the_last_one_ended_and_its_timeframe_before_its_end(
    one: Bar, earliest: int
) -> None:
    ended: EndsOfBars = {}
    note_end(bar(2 * HOUR_NS), ended)

    assert earliest_open(one, ended) == earliest


@pytest.mark.parametrize(
    ("moment", "last", "end"),
    [
        (3 * HOUR_NS, bar(HOUR_NS), 3 * HOUR_NS),
        (3 * HOUR_NS, bar(HOUR_NS - 1, opened_ts=1), 3 * HOUR_NS),
        (3 * HOUR_NS, bar(HOUR_NS // 2), 3 * HOUR_NS + HOUR_NS // 2),
        (DAY_NS, bar(21 * HOUR_NS, "1d", 14 * HOUR_NS), DAY_NS),
        (DAY_NS + 16 * HOUR_NS, bar(21 * HOUR_NS, "1d", 14 * HOUR_NS), DAY_NS + 21 * HOUR_NS),
        (3 * DAY_NS, bar(DAY_NS, "1mo"), 0),
    ],
)
def test_a_moment_lies_inside_a_bar_or_between_two(moment: int, last: Bar, end: int) -> None:
    assert end_of_bar_around(moment, last) == end
