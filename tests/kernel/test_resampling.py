"""Coarser bars from finer bars and trades."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.errors import InputError
from kernel.events import Bar, Event, Trade
from kernel.resampling import BarBuilder, PartialBar, TradingDay
from kernel.time_units import DAY_NS, HOUR_NS, MINUTE_NS

MONDAY = 19_723 * DAY_NS
"""1 January 2024, UTC."""


def minute(number: int, close: float, *, volume: float = 1.0, start: int = MONDAY) -> Bar:
    """A bar of one minute, that many minutes after the start."""
    begin = start + number * MINUTE_NS
    return Bar(begin + MINUTE_NS, "A", "1m", close, close + 1, close - 1, close, volume, begin)


def daily(day: int, close: float) -> Bar:
    begin = MONDAY + day * DAY_NS
    return Bar(begin + DAY_NS - 1, "A", "1d", close, close, close, close, 1.0, begin)


def trade(ts: int, price: float, size: float = 1.0) -> Trade:
    return Trade(ts, "A", price, size)


def built(builder: BarBuilder, events: list[Event]) -> tuple[list[Bar], PartialBar | None]:
    """The complete bars, and the one in progress."""
    done: list[Bar] = []
    partial: PartialBar | None = None
    for event in events:
        if isinstance(event, Trade):
            partial, more = builder.add_trade(partial, event)
        else:
            assert isinstance(event, Bar)
            partial, more = builder.add_bar(partial, event)
        done += more
    return done, partial


def test_an_hour_of_minutes_is_complete_with_its_last_minute_and_not_before() -> None:
    builder = BarBuilder("1h")
    minutes: list[Event] = [minute(number, 100.0 + number) for number in range(60)]

    early, _ = built(builder, minutes[:59])
    (bar,), partial = built(builder, minutes)

    assert (early, partial) == ([], None)
    assert (bar.open_ts, bar.ts, bar.timeframe) == (MONDAY, MONDAY + HOUR_NS, "1h")
    assert (bar.open, bar.high, bar.low, bar.close, bar.volume) == (100.0, 160.0, 99.0, 159.0, 60.0)


def test_an_hour_without_its_last_minutes_is_known_at_its_end() -> None:
    builder = BarBuilder("1h")
    events: list[Event] = [minute(0, 100.0), minute(30, 101.0)]
    _, partial = built(builder, events)

    before = builder.due(partial, MONDAY + HOUR_NS - 1, symbol="A")
    at_end = builder.due(partial, MONDAY + HOUR_NS, symbol="A")
    (by_next,), _ = built(builder, [*events, minute(75, 102.0)])

    assert before is None
    assert at_end is not None
    assert (at_end.ts, at_end.close) == (MONDAY + HOUR_NS, 101.0)
    assert by_next == at_end


def test_a_trade_at_the_turn_of_the_hour_belongs_to_the_next_hour() -> None:
    builder = BarBuilder("1h")

    (bar,), partial = built(
        builder, [trade(MONDAY, 10.0), trade(MONDAY + HOUR_NS - 1, 11.0), trade(MONDAY + HOUR_NS, 50.0)]
    )

    assert (bar.close, bar.high, bar.ts) == (11.0, 11.0, MONDAY + HOUR_NS)
    assert partial is not None
    assert partial.open == 50.0


def new_york(ts: int) -> TradingDay:
    """Sessions from 14:30 to 21:00 UTC, on every day."""
    day = (ts - MONDAY) // DAY_NS
    while ts >= MONDAY + day * DAY_NS + 21 * HOUR_NS:
        day += 1
    begin = MONDAY + day * DAY_NS
    return 20_240_101 + day, begin + 14 * HOUR_NS + 30 * MINUTE_NS, begin + 21 * HOUR_NS


def test_hours_begin_with_the_session_and_the_last_one_ends_with_it() -> None:
    builder = BarBuilder("1h", new_york)
    opens = MONDAY + 14 * HOUR_NS + 30 * MINUTE_NS

    bars, _ = built(builder, [minute(number, 100.0, start=opens) for number in range(390)])

    assert len(bars) == 7
    assert [bar.open_ts for bar in bars[:2]] == [opens, opens + HOUR_NS]
    assert (bars[-1].open_ts, bars[-1].ts) == (MONDAY + 20 * HOUR_NS + 30 * MINUTE_NS, MONDAY + 21 * HOUR_NS)


def test_a_day_of_minutes_is_known_at_the_close_of_its_session() -> None:
    builder = BarBuilder("1d", new_york)
    opens = MONDAY + 14 * HOUR_NS + 30 * MINUTE_NS

    (bar,), _ = built(builder, [minute(number, 100.0, start=opens) for number in range(390)])

    assert (bar.open_ts, bar.ts) == (opens, MONDAY + 21 * HOUR_NS)


@pytest.mark.parametrize(
    ("timeframe", "ends"), [("1w", [6, 13, 20, 27]), ("1mo", [30, 59, 90]), ("3mo", [90])]
)
def test_days_make_weeks_from_monday_and_calendar_months(timeframe: str, ends: list[int]) -> None:
    bars, _ = built(BarBuilder(timeframe), [daily(day, 100.0 + day) for day in range(95)])

    assert [bar.close - 100.0 for bar in bars[: len(ends)]] == ends
    assert [(bar.ts - MONDAY) // DAY_NS for bar in bars[: len(ends)]] == ends


def test_a_week_of_business_days_is_known_at_its_end_or_with_the_next_week() -> None:
    builder = BarBuilder("1w")
    week: list[Event] = [daily(day, 100.0 + day) for day in range(5)]
    _, partial = built(builder, week)

    on_friday = builder.due(partial, MONDAY + 5 * DAY_NS - 1, symbol="A")
    on_monday = builder.due(partial, MONDAY + 7 * DAY_NS, symbol="A")

    assert on_friday is None
    assert on_monday is not None
    assert on_monday.close == 104.0


def test_bars_of_ticks_are_complete_with_their_last_trade() -> None:
    bars, partial = built(BarBuilder("tick:3"), [trade(MONDAY + n, 10.0 + n) for n in range(7)])

    assert [(bar.open_ts - MONDAY, bar.ts - MONDAY, bar.volume) for bar in bars] == [(0, 2, 3.0), (3, 5, 3.0)]
    assert partial is not None
    assert partial.filled == 1.0


def test_bars_of_volume_and_value_end_with_the_part_that_reaches_them() -> None:
    trades: list[Event] = [trade(MONDAY + n, 10.0, size=4.0) for n in range(6)]

    by_volume, _ = built(BarBuilder("volume:10"), trades)
    by_value, _ = built(BarBuilder("dollar:80"), trades)
    of_bars, _ = built(BarBuilder("volume:2"), [minute(n, 10.0) for n in range(4)])

    assert [bar.volume for bar in by_volume] == [12.0, 12.0]
    assert [bar.volume for bar in by_value] == [8.0, 8.0, 8.0]
    assert [bar.ts for bar in of_bars] == [MONDAY + 2 * MINUTE_NS, MONDAY + 4 * MINUTE_NS]


def test_a_split_puts_a_bar_in_progress_on_the_terms_after_it() -> None:
    builder = BarBuilder("1mo")
    _, partial = built(builder, [daily(0, 100.0)])
    assert partial is not None

    partial.restate(4.0)
    partial, _ = builder.add_bar(partial, daily(1, 26.0))

    assert partial is not None
    assert (partial.open, partial.high, partial.close, partial.volume) == (25.0, 26.0, 26.0, 5.0)


@pytest.mark.parametrize(
    ("timeframe", "part", "fits"),
    [
        *(("1h", "1m", True), ("1h", "7m", False), ("1h", "1h", False), ("1d", "1h", True)),
        *(("1mo", "1d", True), ("1mo", "1w", False), ("1y", "1mo", True), ("1w", "1d", True)),
        *(("tick:5", "1m", False), ("volume:5", "1m", True), ("1h", "tick:5", False)),
    ],
)
def test_which_bars_can_be_parts(timeframe: str, part: str, *, fits: bool) -> None:
    assert BarBuilder(timeframe).is_finer(part) is fits


@pytest.mark.parametrize("text", ["tick:0", "tick:1.5", "volume:", "cents:5", "36h", "1M", "dollar:-1"])
def test_what_is_no_timeframe_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="timeframe"):
        BarBuilder(text)


@given(
    st.lists(st.tuples(st.integers(1, 40 * MINUTE_NS), st.floats(1, 100)), min_size=1, max_size=60),
    st.sampled_from(["15m", "1h", "1d", "tick:3", "volume:5", "dollar:99"]),
)
def test_no_bar_depends_on_what_came_after_it_was_known(
    steps: list[tuple[int, float]], timeframe: str
) -> None:
    """Cut anywhere, the trades give the same bars as far as these were known."""
    ts, trades = MONDAY, list[Event]()
    for gap, price in steps:
        ts += gap
        trades.append(trade(ts, price))
    whole, _ = built(BarBuilder(timeframe), trades)

    for cut in range(1, len(trades)):
        known, _ = built(BarBuilder(timeframe), trades[:cut])
        assert known == whole[: len(known)]
        assert all(bar.ts <= trades[cut - 1].ts for bar in known)
