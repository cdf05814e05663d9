"""What a report shows beside curve and trades: banner, benchmark, candles, logged figures, open positions."""

from collections.abc import AsyncIterator, Sequence
from decimal import Decimal

import pytest

from eventstore import MemoryEventStore
from kernel.events import (
    BUY,
    SELL,
    ComponentFailed,
    DecisionRefused,
    Event,
    LoggedFigure,
    Quote,
    StrategyLogged,
)
from kernel.identifiers import StrategyId
from replay.report import report_page
from replay.results import RunResult
from replay.run_reading import read_run
from replay.tables import exit_rows, open_rows, result_lines
from tests.replay.recorded_run import DATA, RUN, STRATEGY, bar, day, fill, mark, record_run
from tests.replay.test_report import Elements, charts_of

BARS: list[Event] = [bar(number, 100.0 + number) for number in range(20)]


@pytest.fixture
async def store() -> AsyncIterator[MemoryEventStore]:
    async with MemoryEventStore() as memory:
        yield memory


async def read(
    store: MemoryEventStore, derived: Sequence[Event], data: dict[str, Sequence[Event]] | None = None
) -> tuple[RunResult, str]:
    """A run's result and its page."""
    await record_run(store, derived, data=data or {DATA: BARS})
    found = await read_run(store, RUN)
    return found.result, report_page(found.result, found.prices)


def logged(number: int, **values: float | str | bool | Decimal) -> StrategyLogged:
    figures = tuple(
        LoggedFigure(name, exact=value) if isinstance(value, Decimal) else LoggedFigure(name, value)
        for name, value in values.items()
    )
    return StrategyLogged(day(number), STRATEGY, "seen", figures)


# --- banner -----------------------------------------------------------------------------------


async def test_a_run_that_failed_says_so_in_red_above_everything(store: MemoryEventStore) -> None:
    failed = ComponentFailed(day(1), "strategy:by_hand", "Bar", "ValueError: <b>no</b>", 1, "on_bar:7")

    _, page = await read(store, [failed, mark(day(2), "10000")])

    banner = page.partition("class='banner'")[2].partition("</p>")[0]
    assert "This run failed. Its figures cannot be relied on." in banner
    assert "ValueError: &lt;b&gt;no&lt;/b&gt;" in banner
    assert page.index("class='banner'") < page.index("<header>")


async def test_a_ruined_account_says_so_in_red(store: MemoryEventStore) -> None:
    result, page = await read(store, [mark(day(1), "10000"), mark(day(2), "-5"), mark(day(3), "20")])

    assert dict(result_lines(result))["Ruined"] == "2024-01-03: the equity was 0 or below"
    assert "The account was ruined.</strong> Its equity was 0 or below at 2024-01-03." in page


async def test_problems_are_in_amber_above_everything_and_escaped(store: MemoryEventStore) -> None:
    refused = DecisionRefused(day(1), STRATEGY, "ABC", "<b>no</b>")

    _, page = await read(store, [fill(day(1), BUY, "1", "100"), refused, mark(day(2), "10000")])

    banner = page.partition("class='banner amber'")[2].partition("</p>")[0]
    assert (
        "decisions refused: 1; first: a decision of by_hand on ABC refused: &lt;b&gt;no&lt;/b&gt;" in banner
    )
    assert page.index("class='banner amber'") < page.index("<header>")


async def test_a_sound_run_has_no_banner(store: MemoryEventStore) -> None:
    _, page = await read(store, [fill(day(1), BUY, "1", "100"), mark(day(2), "10000")])

    assert "class='banner" not in page


# --- charts -----------------------------------------------------------------------------------


async def test_the_benchmark_is_drawn_beside_the_equity(store: MemoryEventStore) -> None:
    marks = [mark(day(number + 1) - 1, "10000") for number in range(20)]

    _, page = await read(store, marks)

    curve = charts_of(page).curve
    assert len(curve.benchmark) == len(curve.equity) == 21
    assert curve.benchmark[-1] == pytest.approx(11_900)
    assert "benchmark 19.00 %" in Elements(page).text


async def test_bars_are_drawn_as_candles_and_quotes_are_not(store: MemoryEventStore) -> None:
    quotes: list[Event] = [Quote(day(number), "XYZ", 9.0, 11.0) for number in range(5)]

    _, page = await read(store, [mark(day(5), "10000")], {DATA: BARS, "xyz.q": quotes})

    candles = {chart.symbol: chart.candles for chart in charts_of(page).prices}
    assert candles["XYZ"] is None
    assert candles["ABC"] is not None
    assert candles["ABC"].close[:2] == [100.0, 101.0]
    for control in ("curve-log", "price-log", "price-form"):
        assert f'id="{control}"' in page


async def test_logged_numbers_are_drawn_on_the_price_or_below_it(store: MemoryEventStore) -> None:
    lines = [
        logged(number, sma=100.0 + number, rsi=float(number) / 20, exact=Decimal(105), note="up", is_up=True)
        for number in range(1, 10)
    ]

    result, page = await read(store, [*lines, mark(day(11), "10000")])

    (chart,) = charts_of(page).prices
    assert {one.name: one.on_price for one in chart.indicators} == {"sma": True, "rsi": False, "exact": True}
    assert chart.indicators[0].y == [101.0 + number for number in range(9)]
    assert [one.symbol for one in result.logged] == ["ABC"] * 3


async def test_a_logged_symbol_says_where_its_figures_belong(store: MemoryEventStore) -> None:
    data: dict[str, Sequence[Event]] = {
        DATA: BARS,
        "xyz.1d": [bar(number, 50.0, symbol="XYZ") for number in range(20)],
    }
    lines: list[Event] = [logged(1, symbol="XYZ", sma=50.0), logged(2, sma=1.0)]

    _, page = await read(store, [*lines, mark(day(3), "10000")], data)

    names = {chart.symbol: [one.y for one in chart.indicators] for chart in charts_of(page).prices}
    assert names == {"ABC": [[1.0]], "XYZ": [[50.0], [1.0]]}


async def test_a_logged_name_is_never_markup(store: MemoryEventStore) -> None:
    line = StrategyLogged(day(1), StrategyId("s"), "", (LoggedFigure("<script>x", 100.0),))

    _, page = await read(store, [line, mark(day(2), "10000")])

    assert charts_of(page).prices[0].indicators[0].name == "&lt;script&gt;x"


# --- trades -----------------------------------------------------------------------------------


async def test_open_positions_are_at_the_end_of_the_list_at_the_last_price(store: MemoryEventStore) -> None:
    fills: list[Event] = [
        fill(day(1), BUY, "10", "100"),
        fill(day(2), SELL, "10", "105"),
        fill(day(3), SELL, "4", "110", commission="1"),
    ]

    result, page = await read(store, [*fills, *(mark(day(number), "10000") for number in (4, 20))])

    (row,) = open_rows(result).rows
    assert row == ("by_hand", "ABC", "short", "4", "2024-01-04", "110", "119", "-37.00")
    assert "<tr class='open'>" in page
    assert "1 open lot is at the end of the list." in page
    assert page.index("<td>long</td>") < page.index("<tr class='open'>")


async def test_reasons_of_exits_are_in_the_list_and_in_a_table(store: MemoryEventStore) -> None:
    fills: list[Event] = [fill(day(1), BUY, "10", "100"), fill(day(2), SELL, "10", "105")]

    result, page = await read(store, [*fills, mark(day(3), "10050")])

    assert exit_rows(result).rows == (("unknown", "1", "100.00 %", "50.00"),)
    assert "By exit" in page
    assert "<td>unknown</td>" in page


async def test_figures_say_what_was_run_on_what(store: MemoryEventStore) -> None:
    result, page = await read(store, [mark(day(1), "10000")])

    lines = dict(result_lines(result))
    assert lines["Strategy"] == "by_hand 1.0 (strategies.by_hand:ByHand)"
    assert lines["Initial cash"] == "10,000.00 USD"
    assert "<dt>Initial cash</dt><dd>10,000.00 USD</dd>" in page
