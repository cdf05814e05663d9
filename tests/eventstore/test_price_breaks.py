"""Prices that leave and come back are found by both neighbours; splits are told from crashes."""

from pathlib import Path

import pytest

from eventstore import MemoryEventStore
from eventstore.data_issues import IssueFinder, described, read_issues
from eventstore.importing import DataKind, ImportOptions, ImportResult, import_file
from kernel.events import Bar, DataIssue, DataIssueFound, Trade
from kernel.time_units import DAY_NS, HOUR_NS, MINUTE_NS
from tests.eventstore.importing.files import write_bars
from tests.replay.playing import SHARED_DATA

DAY = 19_723
WAVE = (0.0, 0.004, -0.006, 0.009, -0.003, 0.007, -0.008, 0.002)


def bar(day: int, close: float, *, opened: float = 0.0, high: float = 0.0, low: float = 0.0) -> Bar:
    """A bar of a day; without a high or low its range is 2 %."""
    ts, first = (DAY + day) * DAY_NS, opened or close
    top, bottom = high or max(first, close) * 1.01, low or min(first, close) * 0.99
    return Bar(ts, "A", "1d", first, top, bottom, close, 1.0, ts - DAY_NS)


def wave(first: int, count: int, price: float) -> list[Bar]:
    """Days of usual changes round a price."""
    return [bar(first + n, price * (1 + WAVE[n % len(WAVE)])) for n in range(count)]


def found_in(*events: Bar | Trade) -> list[DataIssueFound]:
    finder = IssueFinder()
    finder.add("a", events)
    return finder.found("a", after_ts=0)


def splits_in(*events: Bar | Trade) -> list[str]:
    return [described(one) for one in found_in(*events) if one.issue is DataIssue.LIKELY_SPLIT]


@pytest.mark.parametrize("factor", [10.0, 100.0, 1000.0, 0.1, 0.01, 0.001])
@pytest.mark.parametrize("true_change", [0.93, 0.986, 1.0, 1.014, 1.07])
def test_a_row_ten_times_off_is_found_whatever_the_true_price_did_that_day(
    factor: float, true_change: float
) -> None:
    wrong = bar(1, 100.0 * true_change * factor)

    found = found_in(bar(0, 100.0), wrong, bar(2, 100.0))

    assert [one.found for one in found if one.to_ts == wrong.ts] == [wrong.close]
    assert {one.issue for one in found} == {DataIssue.PRICE_JUMP}


def test_a_spike_is_known_when_the_price_is_back_and_not_before() -> None:
    (issue,) = found_in(bar(0, 100.0), bar(1, 950.0), bar(2, 97.0))

    assert (issue.ts, issue.from_ts, issue.to_ts) == tuple((DAY + n) * DAY_NS for n in (2, 0, 1))
    assert (issue.found, issue.limit) == (950.0, 100.0)


def test_three_wrong_rows_in_a_row_are_three_findings() -> None:
    found = found_in(bar(0, 100.0), bar(1, 980.0), bar(2, 990.0), bar(3, 970.0), bar(4, 99.0))

    assert [one.found for one in found if one.to_ts < bar(4, 1.0).ts] == [980.0, 990.0, 970.0]


@pytest.mark.parametrize("after", [14.0, 700.0])
def test_a_crash_or_rally_that_stays_is_no_spike(after: float) -> None:
    found = found_in(*wave(0, 20, 100.0), *wave(20, 20, after))

    assert [one for one in found if one.issue is DataIssue.PRICE_JUMP] == []


@pytest.mark.parametrize(
    ("wrong", "price"),
    [
        (bar(1, 100.0, opened=960.0), 960.0),
        (bar(1, 100.0, opened=10.3, low=10.3), 10.3),
        (bar(1, 100.0, high=960.0), 960.0),
        (bar(1, 100.0, low=10.4), 10.4),
        (bar(1, 960.0, opened=100.0, high=960.0), 960.0),
    ],
)
def test_each_price_of_a_bar_is_compared_with_both_of_its_neighbours(wrong: Bar, price: float) -> None:
    found = found_in(bar(0, 100.0), wrong, bar(2, 100.0))

    assert price in [one.found for one in found if one.to_ts == wrong.ts]


def test_trades_have_spikes_too() -> None:
    prices = (100.0, 940.0, 101.0)
    trades = [Trade(DAY * DAY_NS + n * MINUTE_NS, "A", each, 1.0) for n, each in enumerate(prices)]

    assert [one.found for one in found_in(*trades)] == [940.0]


# --- splits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        (645.57, 92.7, "7:1"),
        (499.23, 127.67, "4:1"),
        (101.0, 50.5, "2:1"),
        (150.7, 100.5, "3:2"),
        (209.8, 69.9, "3:1"),
        (1000.0, 101.0, "10:1"),
        (2.13, 18.01, "1:8"),
        (1.13, 19.7, "1:20"),
    ],
)
def test_a_change_over_night_by_a_usual_ratio_is_a_likely_split(
    before: float, after: float, ratio: str
) -> None:
    (words,) = splits_in(*wave(0, 19, before), bar(19, before), *wave(20, 8, after))

    assert f"A: looks like a split {ratio} that the prices are not adjusted for" in words


def test_a_split_is_known_after_three_calm_days() -> None:
    found = found_in(*wave(0, 20, 100.0), *wave(20, 8, 50.0))

    assert [(one.issue, one.to_ts, one.ts) for one in found] == [
        (DataIssue.LIKELY_SPLIT, (DAY + 20) * DAY_NS, (DAY + 23) * DAY_NS)
    ]


def test_a_coin_that_loses_half_in_a_day_has_no_split() -> None:
    """It trades round the clock: the loss is within the bar, not between two bars."""
    crash = bar(20, 50.0, opened=100.0)

    assert splits_in(*wave(0, 20, 100.0), crash, *wave(21, 8, 50.0)) == []


def test_closes_alone_do_not_make_a_loss_of_half_a_split() -> None:
    days = [bar(n, 100.0 + n % 2, high=100.0 + n % 2, low=100.0 + n % 2) for n in range(20)]
    later = [bar(n, 50.0 + n % 2, high=50.0 + n % 2, low=50.0 + n % 2) for n in range(20, 30)]

    assert splits_in(*days, *later) == []


def test_a_share_that_opens_at_half_on_bad_news_and_moves_wildly_has_no_split() -> None:
    wild = [bar(20, 44.0, opened=50.0, high=56.0, low=41.0), bar(21, 53.0), bar(22, 47.0), bar(23, 55.0)]

    assert splits_in(*wave(0, 20, 100.0), *wild) == []


def test_a_price_that_is_double_for_a_day_is_no_split() -> None:
    assert splits_in(*wave(0, 20, 100.0), bar(20, 200.0), *wave(21, 9, 100.0)) == []


def test_a_change_that_is_usual_for_the_stream_is_no_split() -> None:
    prices = [1.0 if n % 3 else 1.5 for n in range(30)]

    assert splits_in(*[bar(n, price) for n, price in enumerate(prices)]) == []


def test_prices_as_far_apart_as_floats_can_be_are_looked_at() -> None:
    assert splits_in(*wave(0, 20, 1e300), *wave(20, 20, 1e-300), *wave(40, 20, 1e300)) == []


def test_minutes_show_a_split_between_two_sessions() -> None:
    bars: list[Bar] = []
    for day in range(30):
        price = (100.0 if day < 20 else 25.0) * (1 + WAVE[day % len(WAVE)])
        begin = (DAY + day) * DAY_NS + 15 * HOUR_NS
        for minute in range(5):
            ts = begin + minute * MINUTE_NS
            bars.append(Bar(ts + MINUTE_NS, "A", "1m", price, price * 1.001, price * 0.999, price, 1.0, ts))

    (words,) = splits_in(*bars)

    assert "split 4:1" in words


# --- in imports -------------------------------------------------------------------------------


def rows(first: int, count: int, price: float) -> list[str]:
    """Rows of a raw file: days of January and February 2024."""
    lines: list[str] = []
    for day, each in enumerate(wave(0, count, price), start=first):
        date = f"2024-{1 + day // 31:02d}-{1 + day % 31:02d}"
        lines.append(f"{date},{each.open:.2f},{each.high:.2f},{each.low:.2f},{each.close:.2f},100")
    return lines


RAW = (*rows(0, 20, 640.0), *rows(20, 10, 92.0))


@pytest.mark.skipif(not SHARED_DATA.is_dir(), reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("symbol", "ratios"),
    [
        ("aapl", ["2:1", "2:1", "7:1", "4:1"]),
        ("aig", ["3:2", "3:2", "1:20"]),
        ("eem", ["3:1", "3:1"]),
        ("uso", ["1:8"]),
        ("wm", ["3:2"]),
        ("spy", []),
    ],
)
async def test_raw_prices_of_two_decades_have_their_splits_and_no_others(
    symbol: str, ratios: list[str]
) -> None:
    store = MemoryEventStore()

    await import_file(store, SHARED_DATA / f"daily/lean_usa/{symbol}.zip", ImportOptions())

    found = [one for one in await read_issues(store, f"{symbol}.1d") if one.issue is DataIssue.LIKELY_SPLIT]
    assert [described(one).split()[5] for one in found] == ratios


async def imported(store: MemoryEventStore, folder: Path, *lines: str) -> ImportResult:
    return await import_file(store, write_bars(folder, *lines), ImportOptions(symbol="A"))


async def test_a_split_is_in_the_summary_with_what_to_do_and_on_record(tmp_path: Path) -> None:
    store = MemoryEventStore()

    result = await imported(store, tmp_path, *RAW)

    assert "looks like a split 7:1" in result.notes[0]
    assert "onetape import FILE --kind corporate-actions" in result.notes[1]
    assert [one.issue for one in await read_issues(store, "a.1d")] == [DataIssue.LIKELY_SPLIT]


async def test_a_split_that_is_in_the_store_is_not_odd(tmp_path: Path) -> None:
    store = MemoryEventStore()
    actions = tmp_path / "actions.csv"
    actions.write_text("symbol,ex_date,type,ratio\nA,2024-01-21,split,7\n")
    await import_file(store, actions, ImportOptions(kind=DataKind.CORPORATE_ACTIONS))

    result = await imported(store, tmp_path, *RAW)

    assert result.notes == ()
    assert await read_issues(store, "a.1d") == ()


async def test_files_of_one_day_each_find_what_one_long_file_finds(tmp_path: Path) -> None:
    whole, parts = MemoryEventStore(), MemoryEventStore()
    spike = "2024-02-01,900,900,900,900,100"
    lines = (*RAW, spike, *rows(32, 3, 92.0))
    await imported(whole, tmp_path, *lines)

    for line in lines:
        await imported(parts, tmp_path, line)

    assert await read_issues(parts, "a.1d") == await read_issues(whole, "a.1d")
    assert len(await read_issues(whole, "a.1d")) == 2


async def test_a_wick_in_the_first_row_of_a_later_file_is_one_finding(tmp_path: Path) -> None:
    store = MemoryEventStore()
    await imported(store, tmp_path, *rows(0, 3, 92.0))

    result = await imported(store, tmp_path, "2024-01-10,92,900,91,92,100", *rows(12, 3, 92.0))

    (issue,) = await read_issues(store, "a.1d")
    assert (issue.found, issue.limit) == (900.0, 92.0)
    assert len(result.notes) == 1


@pytest.mark.parametrize(("dividend", "count"), [("0.5", 1), ("553.1", 0)])
async def test_a_small_dividend_of_the_day_does_not_explain_a_split(
    tmp_path: Path, dividend: str, count: int
) -> None:
    store = MemoryEventStore()
    actions = tmp_path / "actions.csv"
    actions.write_text(f"symbol,ex_date,type,amount\nA,2024-01-21,dividend,{dividend}\n")
    await import_file(store, actions, ImportOptions(kind=DataKind.CORPORATE_ACTIONS))

    await imported(store, tmp_path, *RAW)

    assert len(await read_issues(store, "a.1d")) == count
