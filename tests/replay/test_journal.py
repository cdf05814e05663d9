"""The trade journal: what prices did while a trade was open, and which orders it was of."""

import csv
import json
from collections.abc import AsyncIterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstore import MemoryEventStore
from kernel.errors import InputError
from kernel.events import (
    BUY,
    LIMIT,
    SELL,
    ApprovedOrder,
    Bar,
    CorporateAction,
    CorporateActionKind,
    Event,
    Order,
    OrderFilled,
    OrderSubmitted,
    Quote,
    Side,
    Trade,
)
from replay import backtest
from replay.performance.excursions import PriceRanges
from replay.performance.journal import COLUMNS, JournalEntry, as_row, read_journal, write_csv
from replay.results import read_results
from strategies.ma_cross import MovingAverageCross
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk
from tests.replay.market import write_csv as write_bars
from tests.replay.recorded_run import DATA, STRATEGY, day, fill, record_run


def ohlc(number: int, low: float, high: float, close: float, *, symbol: str = "ABC") -> Bar:
    """A daily bar."""
    return Bar(day(number + 1) - 1, symbol, "1d", close, high, low, close, 1000.0, day(number))


def bought(number: int, price: str, *, quantity: str = "10", side: Side = BUY) -> OrderFilled:
    """Executed at the open of a day."""
    return fill(day(number + 1) - 1, side, quantity, price, executed_ts=day(number))


@pytest.fixture
async def store() -> AsyncIterator[MemoryEventStore]:
    async with MemoryEventStore() as memory:
        yield memory


async def journal_of(
    store: MemoryEventStore, derived: list[Event], data: list[Event]
) -> tuple[JournalEntry, ...]:
    run = await record_run(store, derived, data={DATA: data})
    return await read_journal(store, await read_results(store, run))


BARS: list[Event] = [
    ohlc(0, 1.0, 500.0, 100.0),
    ohlc(1, 90.0, 120.0, 110.0),
    ohlc(2, 95.0, 130.0, 105.0),
    ohlc(3, 1.0, 500.0, 100.0),
]


async def test_bars_between_entry_and_exit_count_and_others_do_not(store: MemoryEventStore) -> None:
    (entry,) = await journal_of(store, [bought(1, "100"), bought(3, "104", side=SELL)], BARS)

    assert (entry.worst_price, entry.best_price) == (Decimal("90.0"), Decimal("130.0"))
    assert (entry.mae, entry.mfe) == (Decimal("-100.0"), Decimal("300.0"))


async def test_a_short_trade_suffers_from_high_prices(store: MemoryEventStore) -> None:
    (entry,) = await journal_of(store, [bought(1, "100", side=SELL), bought(3, "104")], BARS)

    assert (entry.worst_price, entry.best_price) == (Decimal("130.0"), Decimal("90.0"))
    assert (entry.mae, entry.mfe) == (Decimal("-300.0"), Decimal("100.0"))


async def test_of_the_bar_in_which_a_trade_began_only_the_close_counts(store: MemoryEventStore) -> None:
    entered = fill(day(2) - 1, BUY, "1", "100", executed_ts=day(1, 12))

    (entry,) = await journal_of(store, [entered, bought(2, "104", side=SELL, quantity="1")], BARS)

    assert (entry.worst_price, entry.best_price) == (Decimal(100), Decimal("110.0"))


async def test_a_long_trade_is_worth_the_bid_and_a_short_one_the_ask(store: MemoryEventStore) -> None:
    quotes: list[Event] = [Quote(day(0, hour), "ABC", 90.0 + hour, 100.0 + hour) for hour in range(5)]
    fills: list[Event] = [
        fill(day(0, 1), BUY, "1", "101"),
        fill(day(0, 2), SELL, "2", "92"),
        fill(day(0, 4), BUY, "1", "104"),
    ]

    long, short = await journal_of(store, fills, quotes)

    assert (long.worst_price, long.best_price) == (Decimal(92), Decimal(101))
    assert (short.worst_price, short.best_price) == (Decimal(104), Decimal(92))


async def test_prices_from_before_a_split_count_on_the_terms_of_the_exit(store: MemoryEventStore) -> None:
    data: list[Event] = [
        *BARS[:2],
        CorporateAction(day(2) - 1, "ABC", CorporateActionKind.SPLIT, Decimal(2)),
        ohlc(2, 50.0, 70.0, 55.0),
        ohlc(3, 50.0, 60.0, 55.0),
    ]

    (entry,) = await journal_of(store, [bought(1, "100"), bought(3, "56", side=SELL, quantity="20")], data)

    trade = entry.trade
    assert (trade.quantity, trade.entry_price, trade.pnl) == (Decimal(20), Decimal(50), Decimal(120))
    assert (entry.worst_price, entry.best_price) == (Decimal("45.0"), Decimal("70.0"))


async def test_prices_under_the_old_symbol_count(store: MemoryEventStore) -> None:
    data: list[Event] = [
        *BARS[:2],
        CorporateAction(day(2) - 1, "ABC", CorporateActionKind.SYMBOL_CHANGE, new_symbol="XYZ"),
        ohlc(2, 95.0, 105.0, 100.0, symbol="XYZ"),
        ohlc(3, 95.0, 105.0, 100.0, symbol="XYZ"),
    ]
    sold = fill(day(4) - 1, SELL, "10", "104", symbol="XYZ", executed_ts=day(3))

    (entry,) = await journal_of(store, [bought(1, "100"), sold], data)

    assert (entry.trade.symbol, entry.trade.pnl) == ("XYZ", Decimal(40))
    assert (entry.worst_price, entry.best_price) == (Decimal("90.0"), Decimal("120.0"))


async def test_tags_are_those_of_the_orders_that_opened_and_closed(store: MemoryEventStore) -> None:
    fills = [bought(1, "100"), bought(3, "104", side=SELL)]
    orders = [
        OrderSubmitted(
            day(1),
            ApprovedOrder.of(
                Order(one.client_order_id, STRATEGY, "ABC", one.side, LIMIT, Decimal(10), tag=tag)
            ),
        )
        for one, tag in zip(fills, ("breakout", "target"), strict=True)
    ]

    (entry,) = await journal_of(store, [*orders, *fills], BARS)

    assert (entry.entry_tag, entry.exit_tag) == ("breakout", "target")


async def test_a_run_without_trades_has_an_empty_journal(store: MemoryEventStore) -> None:
    assert await journal_of(store, [bought(1, "100")], BARS) == ()


async def test_the_csv_file_has_a_row_for_each_trade(store: MemoryEventStore, tmp_path: Path) -> None:
    journal = await journal_of(store, [bought(1, "100"), bought(3, "104", side=SELL)], BARS)

    write_csv(journal, tmp_path / "trades.csv")

    with (tmp_path / "trades.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert tuple(row) == COLUMNS
    assert (row["side"], row["quantity"], row["pnl"], row["mae"]) == ("long", "10", "40", "-100.0")
    assert row["entry"] == "2024-01-02T00:00:00Z"


def test_a_folder_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"journal .*trades\.csv: there is no folder .*out; create it first"):
        write_csv([], tmp_path / "out" / "trades.csv")

    assert list(tmp_path.iterdir()) == []


def test_the_command_prints_the_journal_of_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_bars(tmp_path / "a.csv", walk("A", 100, seed=12))
    assert onetape("import", "a.csv", "--symbol", "A", "--store", "market.db").exit_code == 0
    arguments = (
        "--strategy",
        "strategies.ma_cross:MovingAverageCross",
        "--param",
        "fast=2",
        "--param",
        "slow=5",
    )
    told = json.loads(replay("--store", "market.db", "--stream", "a.1d", *arguments, "--json").stdout)

    listed = replay("journal", told["run_stream"], "--store", "market.db", "--json")
    shown = replay("journal", told["run_stream"], "--store", "market.db")
    written = replay("journal", told["run_stream"], "--store", "market.db", "--csv", "trades.csv")

    assert (listed.exit_code, shown.exit_code, written.exit_code) == (0, 0, 0)
    rows = [json.loads(line) for line in listed.stdout.splitlines()]
    assert len(rows) == told["trades"] > 0
    assert all(float(row["mae"]) <= 0 <= float(row["mfe"]) for row in rows)
    assert len((tmp_path / "trades.csv").read_text().splitlines()) == len(rows) + 1


def test_a_backtest_has_its_journal(tmp_path: Path) -> None:
    write_bars(tmp_path / "a.csv", walk("A", 100, seed=12))

    done = backtest(MovingAverageCross(fast=2, slow=5, quantity=10), data=tmp_path / "a.csv")

    assert [entry.trade for entry in done.journal] == list(done.trades)
    assert set(as_row(done.journal[0])) == set(COLUMNS)


moments = st.integers(1, 40)
prices = st.floats(1.0, 100.0, allow_nan=False)


def in_order(span: tuple[int, int]) -> tuple[int, int]:
    return min(span), max(span)


spans = st.lists(st.tuples(moments, moments).map(in_order), min_size=1, max_size=8)


def some_print(ts: int, price: float) -> Trade:
    return Trade(ts, "A", price, 1.0)


def some_bar(ts: int, length: int, price: float, reach: float) -> Bar:
    return Bar(ts, "A", "1d", price, price + reach, price - reach, price, 1.0, max(0, ts - length))


prints = st.builds(some_print, moments, prices)
bars = st.builds(some_bar, moments, st.integers(0, 9), prices, prices)


@given(spans, st.lists(st.lists(prints | bars, max_size=10), max_size=3))
def test_ranges_are_those_of_looking_at_every_event(
    spans: list[tuple[int, int]], batches: list[list[Trade | Bar]]
) -> None:
    ranges = PriceRanges(spans)
    for batch in batches:
        ranges.take(batch)

    for start, end in spans:
        seen: list[float] = []
        for event in (event for batch in batches for event in batch):
            if isinstance(event, Trade):
                seen += [event.price] if start < event.ts <= end else []
                continue
            seen += [event.close] if start < event.ts <= end else []
            if 0 < event.open_ts < event.ts and start <= event.open_ts and event.ts <= end:
                seen += [event.low, event.high]
        low, high = min(seen, default=float("inf")), max(seen, default=float("-inf"))
        assert ranges.between((start, end), is_long=True) == (low, high)


def test_a_row_says_its_currency_and_what_that_is_worth_in_the_account_s(tmp_path: Path) -> None:
    write_bars(tmp_path / "a.csv", walk("A", 60, seed=12))
    (tmp_path / "eurusd.csv").write_text("date,rate\n2003-12-31,1.25\n")
    strategy = MovingAverageCross(fast=2, slow=5, quantity=10)

    done = backtest(
        strategy,
        data=tmp_path / "a.csv",
        fx_rates=tmp_path / "eurusd.csv",
        instruments=[{"symbol": "A", "currency": "EUR"}],
    )

    rows = [as_row(entry) for entry in done.journal]
    assert rows
    assert {(row["currency"], row["rate"]) for row in rows} == {("EUR", "1.25")}
