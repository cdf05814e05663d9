"""The report: one file that needs no network, whatever the run came to."""

import json
import re
import zlib
from base64 import b64decode
from collections.abc import AsyncIterator
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest

from eventstore import MemoryEventStore
from kernel.errors import InputError
from kernel.events import BUY, SELL, CorporateAction, CorporateActionKind, Event, Quote, Trade
from kernel.identifiers import StrategyId
from replay.report import read_prices, write_report
from replay.report.charts import ChartData, chart_data
from replay.report.prices import read_market
from replay.results import read_results
from tests.replay.recorded_run import DATA, bar, day, fill, mark, record_run

BARS: list[Event] = [bar(number, 100.0 + number) for number in range(40)]
MARKS: list[Event] = [mark(day(number + 1), f"{10_000 + number * 10}") for number in range(40)]
VILLAIN = "<script>alert('x')</script>&\""


@pytest.fixture
async def store() -> AsyncIterator[MemoryEventStore]:
    async with MemoryEventStore() as memory:
        yield memory


def round_trips(count: int, *, symbol: str = "ABC", strategy: str = "by_hand") -> list[Event]:
    """One long trade a day, from day 1 on."""
    trades: list[Event] = []
    for number in range(count):
        ts = day(1) + number * 1_000
        for side, price in ((BUY, "100.00"), (SELL, "101.00")):
            name = f"{symbol}-{number}-{side.value}"
            one = fill(ts, side, "10", price, symbol=symbol, strategy=StrategyId(strategy), fill_id=name)
            trades.append(one)
    return trades


def story(*parts: list[Event]) -> list[Event]:
    """Events of several kinds in the order of the log."""
    return sorted((event for part in parts for event in part), key=lambda event: event.ts)


async def page_of(store: MemoryEventStore, run: str, folder: Path) -> str:
    result = await read_results(store, run)
    path = write_report(result, folder / "report.html", await read_prices(store, result))
    return path.read_text(encoding="utf-8")


def charts_of(page: str) -> ChartData:
    """The data that the page draws."""
    found = re.search(r'<script type="application/json" id="chart-data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    json.loads(found[1], parse_constant=pytest.fail)
    return msgspec.json.decode(found[1], type=ChartData)


class Elements(HTMLParser):
    """What stands in a page: tags with attributes, and the text outside scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] not in ("script", "style"):
            self.text += data


async def test_the_report_shows_header_figures_and_trades(store: MemoryEventStore, tmp_path: Path) -> None:
    run = await record_run(store, story(round_trips(3), MARKS), data={DATA: BARS})

    page = await page_of(store, run, tmp_path)

    text = Elements(page).text
    for expected in (
        "by_hand",
        "strategies.by_hand:ByHand",
        "2024-01-01 to 2024-02-09",
        "run.by_hand.1",
        "abc.1d 1-40",
        "d1935e57",
        "10,390.00",
        "3.90 %",
        "101.00",
        "2024-01-02",
    ):
        assert expected in text


async def test_the_report_loads_nothing_from_elsewhere(store: MemoryEventStore, tmp_path: Path) -> None:
    run = await record_run(store, story(round_trips(1), MARKS), data={DATA: BARS})

    page = await page_of(store, run, tmp_path)

    elements = Elements(page)
    assert not [
        tag for tag, attributes in elements.tags if tag == "link" or {"src", "href"} & set(attributes)
    ]
    policies = [attributes.get("content") or "" for tag, attributes in elements.tags if tag == "meta"]
    assert any("default-src 'none'" in policy for policy in policies)
    packed = re.search(r'id="plotly-packed">([^<]+)</script>', page)
    assert packed is not None
    assert b"* plotly.js v" in zlib.decompress(b64decode(packed[1]))[:200]
    assert len(page) < 3_000_000


async def test_text_from_data_is_never_markup(store: MemoryEventStore, tmp_path: Path) -> None:
    bars: list[Event] = [bar(number, 100.0, symbol=VILLAIN) for number in range(3)]
    trades = round_trips(1, symbol=VILLAIN, strategy=VILLAIN)
    params = json.dumps({VILLAIN: VILLAIN})
    run = await record_run(store, trades, data={VILLAIN: bars}, strategies=(VILLAIN,), params=params)

    page = await page_of(store, run, tmp_path)

    elements = Elements(page)
    assert "<script>alert" not in page
    assert [tag for tag, _ in elements.tags].count("script") == 3
    assert elements.text.count(VILLAIN) >= 5
    assert charts_of(page).prices[0].symbol == VILLAIN


async def test_texts_of_markers_are_escaped_for_the_plotting_library(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    run = await record_run(
        store, round_trips(1, strategy=VILLAIN), data={DATA: BARS}, strategies=("one", VILLAIN)
    )

    (chart,) = charts_of(await page_of(store, run, tmp_path)).prices

    assert "&lt;script&gt;" in chart.long_entries.text[0]
    assert "<script>" not in chart.gains.text[0]


async def test_a_currency_is_never_markup(store: MemoryEventStore) -> None:
    run = await record_run(store, round_trips(1), data={DATA: BARS})
    result = await read_results(store, run)
    trades = tuple(msgspec.structs.replace(trade, currency=VILLAIN) for trade in result.trades)
    result = msgspec.structs.replace(result, currency=VILLAIN, trades=trades)

    drawn = chart_data(result, await read_prices(store, result))

    assert "<script" not in drawn.currency
    assert "<script" not in drawn.prices[0].gains.text[0]


async def test_entries_and_exits_are_marked_where_they_happened(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    fills: list[Event] = [
        fill(day(1), BUY, "10", "100.00"),
        fill(day(2), SELL, "10", "105.00", commission="1"),
        fill(day(3), SELL, "10", "105.00"),
        fill(day(4), BUY, "4", "106.00"),
        fill(day(5), BUY, "6", "104.00"),
        fill(day(6), BUY, "1", "103.00"),
    ]
    run = await record_run(store, fills, data={DATA: BARS})

    (chart,) = charts_of(await page_of(store, run, tmp_path)).prices

    assert chart.long_entries.x == ["2024-01-02T00:00:00.000", "2024-01-07T00:00:00.000"]
    assert chart.long_entries.text[0] == "Buy 10 at 100.00"
    assert (chart.short_entries.y, chart.short_entries.text) == ([105.0], ["Sell short 10 at 105.00"])
    assert chart.gains.y == [105.0, 104.0]
    assert chart.gains.text[0] == "Sell 10 at 105.00<br>P&amp;L +49.00 USD (4.90 %) after 1 d"
    assert chart.losses.text == ["Buy back 4 at 106.00<br>P&amp;L -4.00 USD (-0.95 %) after 1 d"]


async def test_an_entry_before_a_split_is_marked_in_the_terms_of_its_day(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    bars = [bar(number, 100.0 if number < 2 else 25.0) for number in range(6)]
    split: list[Event] = [CorporateAction(day(2), "ABC", CorporateActionKind.SPLIT, Decimal(4))]
    fills: list[Event] = [
        fill(day(1), BUY, "10", "100.00"),
        fill(day(3), SELL, "30", "26.00"),
        fill(day(4), BUY, "2", "25.00"),
    ]
    run = await record_run(store, fills, data={DATA: [*bars], "acts": split})

    (chart,) = charts_of(await page_of(store, run, tmp_path)).prices

    assert chart.long_entries.y == [100.0, 25.0]
    assert chart.long_entries.text == ["Buy 10 at 100", "Buy 2 at 25.00"]
    assert chart.gains.text[0].startswith("Sell 30 at 26.00<br>P&amp;L +30.00 USD")


async def test_a_mark_at_midnight_is_drawn_on_the_day_it_closes(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    run = await record_run(store, MARKS[:2], data={DATA: BARS[:2]})

    curve = charts_of(await page_of(store, run, tmp_path)).curve

    assert curve.x == ["2024-01-01T00:00:00.000", "2024-01-01T23:59:59.999", "2024-01-02T23:59:59.999"]
    assert curve.equity == [10_000.0, 10_000.0, 10_010.0]
    assert not curve.is_intraday


async def test_months_are_coloured_by_what_they_returned(store: MemoryEventStore, tmp_path: Path) -> None:
    run = await record_run(store, MARKS, data={DATA: BARS})

    page = await page_of(store, run, tmp_path)

    assert "<th scope='row'>2024</th><td class='heat gain ' style='--strength:0.30'>3.0</td>" in page
    assert "<td class='heat gain total' style='--strength:0.39'>3.9</td>" in page


async def test_a_long_list_of_trades_is_cut_and_says_so(store: MemoryEventStore, tmp_path: Path) -> None:
    run = await record_run(store, story(round_trips(1_001), MARKS), data={DATA: BARS})

    page = await page_of(store, run, tmp_path)

    assert "The first 500 of 1,001 are listed" in page
    assert page.count("<td>long</td>") == 500
    (chart,) = charts_of(page).prices
    assert "The first 1,000 of 1,001 round trips are marked." in chart.note


async def test_a_long_list_of_open_lots_is_cut_and_says_so(store: MemoryEventStore, tmp_path: Path) -> None:
    lots = [fill(day(1) + n, BUY, "1", "100", fill_id=f"b{n}") for n in range(501)]
    run = await record_run(store, story([*lots], MARKS), data={DATA: BARS})

    page = await page_of(store, run, tmp_path)

    assert page.count("<tr class='open'>") == 500
    assert "Of 501 open lots the first 500 are at the end of the list." in page


async def test_a_run_without_trades_has_a_report(store: MemoryEventStore, tmp_path: Path) -> None:
    run = await record_run(store, MARKS, data={DATA: BARS})

    page = await page_of(store, run, tmp_path)

    assert "No trade was closed." in page
    assert [chart.symbol for chart in charts_of(page).prices] == ["ABC"]


async def test_a_run_of_one_day_has_a_report(store: MemoryEventStore, tmp_path: Path) -> None:
    run = await record_run(store, [mark(day(1) - 1, "10000")], data={DATA: BARS[:1]})

    page = await page_of(store, run, tmp_path)

    charts = charts_of(page)
    assert (len(charts.curve.x), charts.prices, charts.returns, charts.flat_days) == (2, [], [], 1)
    assert 'id="price-card" hidden' in page


async def test_a_run_without_capital_has_a_report(store: MemoryEventStore, tmp_path: Path) -> None:
    run = await record_run(store, [mark(day(1), "0"), mark(day(2), "0")], data={DATA: BARS}, cash="0")

    page = await page_of(store, run, tmp_path)

    assert charts_of(page).curve.drawdown == [None, None, None]


async def test_many_symbols_are_charted_most_traded_first(store: MemoryEventStore, tmp_path: Path) -> None:
    data = {
        f"{symbol}.1d": [bar(number, 10.0, symbol=symbol) for number in range(3)]
        for symbol in ("AAA", "BBB", "CCC")
    }
    trades = story(round_trips(1, symbol="BBB"), round_trips(2, symbol="CCC"))
    run = await record_run(store, trades, data=data)

    page = await page_of(store, run, tmp_path)

    assert [chart.symbol for chart in charts_of(page).prices] == ["CCC", "BBB"]
    assert page.count("<option>") == 2


async def test_prices_are_closes_prints_and_mid_quotes(store: MemoryEventStore) -> None:
    quotes: list[Event] = [Quote(day(0, 1), "ABC", 9.0, 11.0), Trade(day(0, 2), "ABC", 10.5, 1.0)]
    run = await record_run(store, [], data={"abc.q": quotes, DATA: BARS[:1]})

    prices = await read_prices(store, await read_results(store, run))

    assert list(prices["ABC"].price) == [10.0, 10.5, 100.0]
    assert list(prices["ABC"].ts) == [day(0, 1), day(0, 2), day(1) - 1]


async def test_a_quote_with_one_side_is_no_price(store: MemoryEventStore) -> None:
    quotes: list[Event] = [
        Quote(day(0, 1), "ABC", 9.0, 11.0),
        Quote(day(0, 2), "ABC", 0.0, 11.0),
        Quote(day(0, 3), "ABC", 9.5, 0.0),
    ]
    run = await record_run(store, [mark(day(1), "10000")], data={"abc.q": quotes})

    market = await read_market(store, await read_results(store, run))

    assert list(market.charted["ABC"].price) == [10.0]
    assert list(market.marked["ABC"].price) == [10.0]


async def test_many_prices_are_thinned_but_keep_their_extremes(store: MemoryEventStore) -> None:
    quotes: list[Event] = [Quote(day(0) + n, "ABC", 100 + n % 7, 100 + n % 7) for n in range(20_000)]
    quotes[12_345] = Quote(day(0) + 12_345, "ABC", 500.0, 500.0)
    run = await record_run(store, [], data={"abc.q": quotes})

    prices = await read_prices(store, await read_results(store, run))

    series = prices["ABC"]
    assert series.is_thinned
    assert len(series.ts) <= 5_000
    assert float(series.price.max()) == 500.0


async def test_many_symbols_share_the_points_of_the_page(store: MemoryEventStore) -> None:
    data = {
        f"{symbol}.q": [Quote(day(0) + n, f"{symbol}", 100 + n % 7, 100 + n % 7) for n in range(2_500)]
        for symbol in range(30)
    }
    run = await record_run(store, [], data=data)

    prices = await read_prices(store, await read_results(store, run))

    assert len(prices) == 30
    assert all(series.is_thinned and len(series.ts) <= 2_000 for series in prices.values())


async def test_prices_of_a_run_whose_data_are_gone_are_left_out(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    run = await record_run(store, round_trips(1), data={DATA: BARS})
    result = await read_results(store, run)
    async with MemoryEventStore() as empty:
        prices = await read_prices(empty, result)

    path = write_report(result, tmp_path / "report.html", prices)

    assert prices == {}
    assert 'id="price-card" hidden' in path.read_text(encoding="utf-8")


async def test_a_folder_that_is_not_there_is_refused(store: MemoryEventStore, tmp_path: Path) -> None:
    result = await read_results(store, await record_run(store, MARKS, data={DATA: BARS}))

    with pytest.raises(InputError, match=r"report .*r\.html: there is no folder .*b; create it first"):
        write_report(result, tmp_path / "a" / "b" / "r.html", {})


async def test_a_path_that_cannot_be_written_is_named(store: MemoryEventStore, tmp_path: Path) -> None:
    result = await read_results(store, await record_run(store, MARKS, data={DATA: BARS}))
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match=r"r\.html"):
        write_report(result, tmp_path / "file" / "r.html", {})
