"""The page of a run: every section is there, and what it draws are the figures of the run."""

from collections.abc import AsyncIterator
from copy import copy
from hashlib import sha256

import msgspec
import numpy as np
import pytest

from eventstore import MemoryEventStore
from kernel.events import BUY, SELL, Event
from replay.equity import daily_closes
from replay.performance.journal import read_journal
from replay.performance.metrics import periods_per_year
from replay.performance.rolling import rolling, yearly_returns
from replay.report import report_page
from replay.report.charts import ChartData
from replay.report.figure_charts import DRAWN_TRADES, trade_chart
from replay.results import RunResult
from replay.run_reading import read_run
from tests.replay.recorded_run import DATA, RUN, bar, day, fill, mark, record_run
from tests.replay.test_report import Elements, charts_of

DAYS = 400
CLOSES = 100 + np.cumsum(np.random.default_rng(5).normal(0.05, 1, DAYS)).round(2)


@pytest.fixture
async def store() -> AsyncIterator[MemoryEventStore]:
    async with MemoryEventStore() as memory:
        yield memory


def story() -> list[Event]:
    """A trade each ten days, and a mark each day."""
    gains = np.random.default_rng(6).normal(5, 60, DAYS)
    equity = 10_000 + np.cumsum(gains)
    marks: list[Event] = [
        mark(day(number + 1) - 1, f"{equity[number]:.2f}", exposure=f"{100 * (number % 20)}")
        for number in range(DAYS)
    ]
    fills: list[Event] = []
    for number in range(2, DAYS - 5, 10):
        entry, closing = f"{CLOSES[number]:.2f}", f"{CLOSES[number + 4]:.2f}"
        fills += [
            fill(day(number, 1), BUY, "10", entry, commission="1", fill_id=f"b{number}"),
            fill(day(number + 4, 1), SELL, "10", closing, commission="1", fill_id=f"s{number}"),
        ]
    return sorted([*marks, *fills], key=lambda event: event.ts)


async def sheet(store: MemoryEventStore) -> tuple[RunResult, str, ChartData]:
    bars = [bar(number, float(close)) for number, close in enumerate(CLOSES)]
    await record_run(store, story(), data={DATA: bars})
    read = await read_run(store, RUN)
    page = report_page(read.result, read.prices, await read_journal(store, read.result))
    return read.result, page, charts_of(page)


async def test_every_section_is_there_in_order_with_a_name_for_readers(store: MemoryEventStore) -> None:
    _, page, _ = await sheet(store)

    headings = [
        *("Diagnosis", "Equity and drawdown", "Rolling Sharpe ratio and volatility, 126 trading days"),
        *("Monthly returns, %", "Yearly returns", "Trades on price", "Exposure, turnover and costs"),
        *("Distribution of daily returns", "Distribution of trades"),
        *("Largest move against each trade (MAE)", "Largest move for each trade (MFE)"),
        *("By exit", "Deepest drawdowns", "By part of the time", "Trades", "Code", "Data"),
    ]
    places = [page.index(f"<h2>{heading}</h2>") for heading in headings]
    assert places == sorted(places)
    tags = Elements(page).tags
    charts = [attributes for _, attributes in tags if "chart" in (attributes.get("class") or "").split()]
    assert len(charts) == 9
    assert all(one.get("role") == "figure" and one.get("aria-label") for one in charts)
    assert all(attributes.get("aria-label") for tag, attributes in tags if tag == "table")
    assert all(attributes.get("scope") for tag, attributes in tags if tag == "th")
    assert "hidden" not in {key for tag, attributes in tags if tag == "section" for key in attributes}


async def test_what_is_drawn_are_the_figures_of_the_run(store: MemoryEventStore) -> None:
    result, _, charts = await sheet(store)

    closes = daily_closes(result.equity)
    judged = rolling(closes, periods_per_year(closes.days))
    assert charts.rolling.sharpe == pytest.approx(list(judged.sharpe), rel=1e-5)
    assert charts.rolling.volatility == pytest.approx(list(judged.volatility), rel=1e-5)
    assert charts.years.returns == pytest.approx([one.value for one in yearly_returns(closes)], rel=1e-5)
    assert result.benchmark is not None
    whole = float(np.prod([1 + (value or 0) for value in charts.years.benchmark])) - 1
    assert whole == pytest.approx(result.benchmark.total_return, rel=1e-4)
    assert sum(charts.flow.costs) == pytest.approx(float(sum(one.commission for one in result.trades)))
    assert sum(charts.trades.counts) == len(result.trades) == len(charts.trades.returns)
    assert charts.trades.returns == pytest.approx([one.net_return for one in result.trades])
    exposure = [value or 0 for value in charts.flow.exposure]
    assert max(exposure) == pytest.approx(
        float((result.equity.exposure / result.equity.equity).max()), rel=1e-5
    )


async def test_excursions_are_those_of_the_journal(store: MemoryEventStore) -> None:
    result, _, charts = await sheet(store)
    journal = await read_journal(store, result)

    assert charts.trades.mae[0] == pytest.approx(-float(journal[0].mae) / (10 * CLOSES[2]))
    gains = [float(one.pnl / (one.quantity * one.entry_price)) for one in result.trades]
    assert all(mfe >= gain - 1e-9 for mfe, gain in zip(charts.trades.mfe, gains, strict=True))


async def test_hashes_of_code_data_and_configuration_are_shown(store: MemoryEventStore) -> None:
    result, page, _ = await sheet(store)

    text = Elements(page).text
    assert result.strategies[0].source_hash in text
    assert result.sources[0].head_hash in text
    assert sha256(result.config.encode()).hexdigest() in text


async def test_of_very_many_trades_some_are_drawn_and_all_are_counted(store: MemoryEventStore) -> None:
    result, _, _ = await sheet(store)
    journal = await read_journal(store, result)
    many = [msgspec.structs.replace(one, trade=copy(one.trade)) for _ in range(60) for one in journal]

    chart = trade_chart([one.trade for one in many], many)

    assert len(chart.mae) == DRAWN_TRADES
    assert sum(chart.counts) == len(many)
    assert chart.note.startswith(f"2,000 of {len(many):,} trades are drawn")
    assert max(chart.returns) == max(one.trade.net_return or 0 for one in journal)


async def test_a_run_of_one_day_without_trades_hides_what_it_has_not(store: MemoryEventStore) -> None:
    await record_run(store, [mark(day(1) - 1, "10000")], data={DATA: [bar(0, 100)]})
    read = await read_run(store, RUN)

    page = report_page(read.result, read.prices)

    assert "<h2>Diagnosis</h2>" not in page
    hidden = [attributes for tag, attributes in Elements(page).tags if "hidden" in attributes and tag != "p"]
    assert len(hidden) >= 5
