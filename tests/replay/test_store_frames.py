"""Market data of a store as data frames."""

import asyncio
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from eventstore import MemoryEventStore, SqliteEventStore
from kernel.errors import ConfigError, InputError, OnetapeError
from kernel.events import BUYER, Bar, Quote, Trade
from replay import backtest, read_bars, read_quotes, read_trades
from strategies.ma_cross import MovingAverageCross
from tests.replay.frames import days_frame, untyped
from tests.replay.market import walk

SECOND = 1_000_000_000
QUOTES = [Quote(k * SECOND, "A", 1.0 + k, 1.5 + k, 10.0, 20.0) for k in range(1, 4)]
TRADES = [Trade(k * SECOND, "A", 1.0 + k, 5.0, BUYER, f"t{k}", k * SECOND - 1) for k in range(1, 4)]


async def _fill(path: Path) -> None:
    async with await SqliteEventStore.open(path) as store:
        await store.append("a.1d", walk("A", 200, seed=13), expected_seq=0)
        await store.append("a.quotes", QUOTES, expected_seq=0)
        await store.append("a.trades", TRADES, expected_seq=0)


@pytest.fixture
def market(tmp_path: Path) -> Path:
    """A store with 200 daily bars, three quotes and three trades."""
    asyncio.run(_fill(tmp_path / "market.db"))
    return tmp_path / "market.db"


def test_bars_are_rows_by_the_time_of_their_open(market: Path) -> None:
    frame = untyped(read_bars(market, "a.1d"))

    assert str(frame.index.dtype) == str(frame["known"].dtype) == "datetime64[ns, UTC]"
    assert list(frame.index.strftime("%Y-%m-%d")) == list(days_frame().index.strftime("%Y-%m-%d"))
    assert list(frame["close"]) == list(days_frame()["Close"])
    assert set(frame["symbol"]) == {"A"}


def test_what_was_read_gives_the_run_of_the_store(market: Path) -> None:
    cross = MovingAverageCross(fast=3, slow=8, quantity=10)

    of_frame = backtest(cross, read_bars(market, "a.1d"))

    assert of_frame.result.digest == backtest(cross, "a.1d", store=market).result.digest


def test_quotes_and_trades_are_rows_by_time(market: Path) -> None:
    quotes, trades = untyped(read_quotes(market, "a.quotes")), untyped(read_trades(market, "a.trades"))

    assert list(quotes["ask"]) == [2.5, 3.5, 4.5]
    assert quotes["exchange_time"].isna().all()
    assert [stamp.value for stamp in quotes.index] == [quote.ts for quote in QUOTES]
    assert list(trades["aggressor"]) == ["buyer"] * 3
    assert [stamp.value for stamp in trades["exchange_time"]] == [trade.exchange_ts for trade in TRADES]


@pytest.mark.parametrize(
    "day", ["2004-01-12", date(2004, 1, 12), pd.Timestamp("2004-01-12"), np.datetime64("2004-01-12")]
)
def test_the_period_is_inclusive_and_a_day_means_all_of_it(market: Path, day: str | date) -> None:
    frame = untyped(read_bars(market, "a.1d", start="2004-01-11", end=day))

    assert list(frame.index.day) == [11, 12]


async def test_an_open_store_can_be_read_where_it_is_open(market: Path) -> None:
    async with await SqliteEventStore.open(market, read_only=True) as store:
        assert len(read_bars(store, "a.1d")) == 200


async def test_a_store_in_memory_can_be_read() -> None:
    store = MemoryEventStore()
    await store.append("a.1d", walk("A", 5, seed=13), expected_seq=0)

    assert len(read_bars(store, "a.1d")) == 5


def test_reading_changes_no_file(market: Path) -> None:
    before = market.read_bytes()
    market.chmod(0o444)

    read_bars(market, "a.1d")

    assert market.read_bytes() == before


REFUSED: dict[str, tuple[Callable[[Path], object], type[OnetapeError], str]] = {
    "no store": (lambda path: read_bars(path.with_name("no.db"), "a.1d"), InputError, "there is no store at"),
    "no stream": (
        lambda path: read_bars(path, "b.1d"),
        InputError,
        "no stream 'b.1d' in the store; it holds a.1d, a.quotes, a.trades",
    ),
    "another kind": (lambda path: read_bars(path, "a.quotes"), InputError, "has no Bar; it has Quote"),
    "no time": (lambda path: read_bars(path, "a.1d", end="soon"), ConfigError, "end: 'soon' is not a date"),
}


@pytest.mark.parametrize(("read", "kind", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_is_not_there_is_refused_in_a_sentence(
    market: Path, read: Callable[[Path], object], kind: type[OnetapeError], problem: str
) -> None:
    with pytest.raises(kind, match=problem):
        read(market)


def test_bars_without_an_open_time_are_at_their_end() -> None:
    store = MemoryEventStore()
    bar = Bar(86_400 * SECOND, "A", "1d", 1.0, 1.0, 1.0, 1.0, 0.0)
    asyncio.run(store.append("a.1d", [bar], expected_seq=0))

    assert untyped(read_bars(store, "a.1d")).index[0] == pd.Timestamp("1970-01-02", tz="UTC")
