"""``backtest``: the run in one call, for notebooks."""

import asyncio
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from eventstore import SqliteEventStore
from eventstore.importing import ImportOptions
from kernel.errors import InputError, OnetapeError, StreamMissing
from kernel.events import Bar
from replay import Backtest, backtest
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold
from strategies.ma_cross import MovingAverageCross
from tests.ops.commands import onetape, store_heads
from tests.replay.market import walk, write_csv

A = ImportOptions(symbol="A")


def cross(fast: int = 3) -> MovingAverageCross:
    return MovingAverageCross(fast=fast, slow=8, quantity=10)


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Two hundred daily bars as a file."""
    path = tmp_path / "bars.csv"
    write_csv(path, walk("A", 200, seed=13))
    return path


@pytest.fixture
def market(tmp_path: Path, bars: Path) -> Path:
    """A store with the same bars in the stream ``a.1d``."""
    path = tmp_path / "market.db"
    assert onetape("import", bars, "--symbol", "A", "--store", path).exit_code == 0
    return path


# --- where the data comes from ------------------------------------------------------------------


async def test_it_works_inside_a_running_event_loop(bars: Path) -> None:
    """As in a notebook, whose loop must not be needed to get on."""
    outside = await asyncio.to_thread(lambda: backtest(cross(), data=bars, importing=A))

    inside = backtest(cross(), data=bars, importing=A)

    assert inside.result.digest == outside.result.digest


def test_the_path_may_be_text_or_several_paths(tmp_path: Path) -> None:
    days = walk("A", 200, seed=13)
    halves = [tmp_path / "first.csv", tmp_path / "second.csv"]
    write_csv(halves[0], days[:90])
    write_csv(halves[1], days[90:])
    write_csv(tmp_path / "whole.csv", days)

    whole = backtest(cross(), data=str(tmp_path / "whole.csv"), importing=A)
    parts = backtest(cross(), data=halves, importing=A)

    assert parts.result.digest == whole.result.digest
    assert parts.result.fills > 0


def test_a_parquet_file_gives_the_same_as_a_csv_file(tmp_path: Path, bars: Path) -> None:
    path = tmp_path / "bars.parquet"
    rows = [bar for bar in walk("A", 200, seed=13) if isinstance(bar, Bar)]
    columns = {
        name: [getattr(bar, name) for bar in rows] for name in ("open", "high", "low", "close", "volume")
    }
    days = np.array([bar.open_ts for bar in rows], dtype="datetime64[ns]").astype("datetime64[D]")
    table = pa.table({"date": pa.array(days), **columns})  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]  # pyarrow has no types
    pq.write_table(table, path)  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]  # as above

    done = backtest(cross(), data=path, importing=A)

    assert done.result.digest == backtest(cross(), data=bars, importing=A).result.digest


def test_a_store_gives_the_same_and_keeps_the_run(market: Path, bars: Path) -> None:
    done = backtest(cross(), data=market, streams=["a.1d"])

    assert done.result.digest == backtest(cross(), data=bars, importing=A).result.digest
    assert done.result.run_stream in store_heads(market)


def test_a_run_kept_in_a_store_can_be_verified(market: Path) -> None:
    done = backtest([cross(), BuyAndHold()], data=market, streams=["a.1d"])

    async def verified_digest() -> str:
        async with await SqliteEventStore.open(market, read_only=True) as store:
            return (await verify_run(store, done.result.run_stream)).digest

    assert asyncio.run(verified_digest()) == done.result.digest


def test_the_period_is_inclusive(bars: Path) -> None:
    done = backtest(BuyAndHold(), data=bars, importing=A, start="2004-01-11", end="2004-01-20")

    assert done.result.sources[0].first_seq == 11
    assert done.result.sources[0].last_seq == 20


# --- strategies ---------------------------------------------------------------------------------


def test_several_strategies_share_one_account(bars: Path) -> None:
    done = backtest([cross(), BuyAndHold(fraction=0.3)], data=bars, importing=A)

    assert [one.strategy for one in done.result.strategies] == ["ma_cross", "buy_and_hold"]
    assert {lot.strategy for lot in done.result.open_lots} >= {"buy_and_hold"}


def test_two_instances_of_one_class_get_ids_of_their_own(bars: Path) -> None:
    alone = [backtest(cross(fast), data=bars, importing=A) for fast in (2, 5)]

    both = backtest([cross(2), cross(5)], data=bars, importing=A)

    assert [one.strategy for one in both.result.strategies] == ["ma_cross", "ma_cross.2"]
    assert both.result.fills == sum(one.result.fills for one in alone)
    gained = [one.metrics.final_equity - Decimal(100_000) for one in alone]
    assert both.metrics.final_equity == Decimal(100_000) + sum(gained)


def test_an_instance_can_be_run_many_times(bars: Path) -> None:
    strategy = cross()

    digests = {backtest(strategy, data=bars, importing=A).result.digest for _ in range(3)}

    assert len(digests) == 1
    assert strategy.state.targets == {}


# --- what comes of it ---------------------------------------------------------------------------


@pytest.fixture
def done(bars: Path) -> Backtest:
    return backtest(cross(), data=bars, importing=A, cash=50_000)


def test_trades_and_open_lots_add_up_to_the_equity(done: Backtest) -> None:
    last = walk("A", 200, seed=13)[-1]
    assert isinstance(last, Bar)

    closed = sum(trade.net_pnl for trade in done.trades)
    still_open = sum(
        lot.quantity * (Decimal(repr(last.close)) - lot.entry_price) for lot in done.result.open_lots
    )

    assert len(done.trades) > 3
    assert done.metrics.final_equity == 50_000 + closed + still_open


def test_the_equity_begins_with_the_cash_and_ends_with_the_final_equity(done: Backtest) -> None:
    assert done.equity.iloc[0] == 50_000
    assert done.equity.iloc[-1] == float(done.metrics.final_equity)


def test_the_report_is_a_page_where_it_was_wanted(done: Backtest, tmp_path: Path) -> None:
    path = done.report(str(tmp_path / "r.html"))

    assert path == tmp_path / "r.html"
    assert "ma_cross" in path.read_text()


# --- what it refuses ----------------------------------------------------------------------------


def test_a_missing_store_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nope\.db"):
        backtest(cross(), data=tmp_path / "nope.db", streams=["a.1d"])

    assert list(tmp_path.iterdir()) == []


def test_a_store_needs_streams_that_it_holds(market: Path) -> None:
    with pytest.raises(StreamMissing, match=r"'b\.1d'.*a\.1d"):
        backtest(cross(), data=market, streams=["b.1d"])


def test_a_store_without_streams_named_says_which_there_are(market: Path) -> None:
    with pytest.raises(OnetapeError, match=r"a\.1d"):
        backtest(cross(), data=market)


@pytest.mark.parametrize("cash", [-1, "much", float("nan"), float("inf")])
def test_cash_that_cannot_be_is_refused(bars: Path, cash: float | str) -> None:
    with pytest.raises(OnetapeError, match="cash"):
        backtest(cross(), data=bars, importing=A, cash=cash)


def test_nothing_to_run_is_refused(bars: Path) -> None:
    with pytest.raises(OnetapeError, match="no strategy"):
        backtest([], data=bars, importing=A)


def test_nothing_to_run_on_is_refused() -> None:
    with pytest.raises(InputError, match="data"):
        backtest(cross(), data=[])


def test_a_store_beside_files_is_refused(market: Path, bars: Path) -> None:
    with pytest.raises(InputError, match="one store or several files"):
        backtest(cross(), data=[market, bars])


def test_a_file_without_symbols_is_about_the_one_it_is_named_after(bars: Path) -> None:
    result = backtest(cross(), data=bars).result

    assert result.symbols == ("BARS",)


def test_several_files_without_symbols_are_of_those_they_are_named_after(bars: Path) -> None:
    other = bars.with_name("other.csv")
    other.write_bytes(bars.read_bytes())

    result = backtest(cross(), data=[bars, other]).result

    assert result.symbols == ("BARS", "OTHER")
