"""What is odd in imported data: found, said in the summary, kept with the time at which it was knowable."""

from pathlib import Path

import pytest

from eventstore import MemoryEventStore
from eventstore.data_issues import SILENT_BARS, IssueFinder, described, read_issues
from eventstore.importing import ImportOptions, ImportResult, import_file
from kernel.errors import InputError
from kernel.events import Bar, DataIssue, DataIssueFound, Trade
from kernel.time_units import DAY_NS, MINUTE_NS
from tests.eventstore.importing.files import write_bars

OPTIONS = ImportOptions(symbol="A")
DAY = 19_723


def bar(day: int, close: float, *, volume: float = 1.0, high: float = 0.0) -> Bar:
    ts = (DAY + day) * DAY_NS
    return Bar(ts, "A", "1d", close, high or close, close, close, volume, ts - DAY_NS)


def row(date: str, price: float, volume: int = 100) -> str:
    return f"{date},{price},{price},{price},{price},{volume}"


def found_in(*events: Bar | Trade) -> list[DataIssueFound]:
    finder = IssueFinder()
    finder.add("a", events)
    return finder.found("a", after_ts=0)


async def imported(store: MemoryEventStore, folder: Path, *rows: str) -> ImportResult:
    return await import_file(store, write_bars(folder, *rows), OPTIONS)


def test_a_price_ten_times_the_one_before_is_known_with_its_row_and_so_is_the_way_back() -> None:
    up, down = found_in(bar(0, 10.0), bar(1, 101.0), bar(2, 10.0))

    assert (up.issue, up.ts, up.found, up.limit) == (DataIssue.PRICE_JUMP, (DAY + 1) * DAY_NS, 101.0, 10.0)
    assert (down.ts, down.found) == ((DAY + 2) * DAY_NS, 10.0)


def test_a_high_far_from_its_bar_is_a_jump() -> None:
    (issue,) = found_in(bar(0, 10.0), bar(1, 10.0, high=150.0))

    assert (issue.issue, issue.found) == (DataIssue.PRICE_JUMP, 150.0)


def test_eleven_weeks_without_a_row_are_known_with_the_row_after_them() -> None:
    (issue,) = found_in(bar(0, 10.0), bar(77, 10.0))

    assert (issue.issue, issue.ts, issue.from_ts) == (DataIssue.GAP, (DAY + 77) * DAY_NS, DAY * DAY_NS)
    assert described(issue) == "A: nothing between 2024-01-01T00:00:00 and 2024-03-18T00:00:00 (77 days)"


def test_holidays_and_weekends_are_no_gaps_and_months_may_lie_a_month_apart() -> None:
    month = [Bar((DAY + 31 * n) * DAY_NS, "A", "1mo", 1.0, 1.0, 1.0, 1.0, 0.0) for n in range(4)]

    assert found_in(bar(0, 10.0), bar(7, 10.0)) == []
    assert found_in(*month) == []


def test_a_long_run_without_volume_is_known_at_its_end() -> None:
    silent = [bar(1 + n, 10.0, volume=0.0) for n in range(SILENT_BARS)]

    (issue,) = found_in(bar(0, 10.0), *silent, bar(SILENT_BARS + 1, 10.0))

    assert (issue.issue, issue.found, issue.ts) == (DataIssue.NO_VOLUME, SILENT_BARS, silent[-1].ts)


def test_data_without_any_volume_are_not_odd() -> None:
    assert found_in(*[bar(n, 10.0, volume=0.0) for n in range(50)]) == []


def test_trades_have_jumps_and_gaps_too() -> None:
    trades = [Trade(DAY * DAY_NS + n * MINUTE_NS, "A", price, 1.0) for n, price in enumerate((10.0, 0.9))]

    assert [issue.issue for issue in found_in(*trades)] == [DataIssue.PRICE_JUMP]


async def test_findings_are_in_the_summary_and_on_record_beside_the_stream(tmp_path: Path) -> None:
    store = MemoryEventStore()

    result = await imported(
        store, tmp_path, row("2024-01-02", 10), row("2024-01-03", 150), row("2024-03-29", 150)
    )

    assert result.notes == (
        "a.1d: A: price 150 beside 10 at 2024-01-03T23:59:59",
        "a.1d: A: nothing between 2024-01-03T23:59:59 and 2024-03-29T23:59:59 (86 days)",
    )
    assert [issue.issue for issue in await read_issues(store, "a.1d")] == [
        DataIssue.PRICE_JUMP,
        DataIssue.GAP,
    ]


async def test_the_same_rows_again_are_found_once_and_new_rows_are_compared_with_the_stream(
    tmp_path: Path,
) -> None:
    store = MemoryEventStore()
    first = (row("2024-01-02", 10), row("2024-01-03", 150))
    await imported(store, tmp_path, *first)

    again = await imported(store, tmp_path, *first)
    later = await imported(store, tmp_path, row("2024-01-04", 9))
    longer = await imported(store, tmp_path, *first, row("2024-01-04", 9), row("2024-01-05", 95))

    assert (again.notes, len(later.notes), len(longer.notes)) == ((), 1, 1)
    assert [issue.found for issue in await read_issues(store, "a.1d")] == [150.0, 9.0, 95.0]


@pytest.mark.parametrize("overlaps", [True, False])
async def test_prices_of_another_unit_are_refused_with_the_factor_to_paste(
    tmp_path: Path, *, overlaps: bool
) -> None:
    store = MemoryEventStore()
    await imported(store, tmp_path, row("2024-01-02", 185.64), row("2024-01-03", 184.25))
    before = await store.head("a.1d")
    raw = [row("2024-01-03", 184_250_000_000)] if overlaps else []

    with pytest.raises(InputError, match="--price-scale 1e-9; to keep them apart: --stream NAME"):
        await imported(store, tmp_path, *raw, row("2024-01-04", 181_910_000_000))

    assert await store.head("a.1d") == before


async def test_a_stream_of_a_wide_range_still_refuses_rows_that_begin_elsewhere(tmp_path: Path) -> None:
    store = MemoryEventStore()
    await imported(store, tmp_path, row("2004-01-02", 0.04), row("2024-01-03", 1000))

    with pytest.raises(InputError, match="--price-scale 1e-4"):
        await imported(store, tmp_path, row("2024-01-04", 10_100_000))
