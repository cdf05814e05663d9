"""Trades, orders, fills and equity leave exactly, and come back in every library that reads them."""

import csv
import json
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from eventstore import MemoryEventStore
from kernel.errors import InputError
from kernel.events import BUY, SELL, Event
from replay.exports import read_tables, write_csv, write_parquet
from replay.frames import orders_frame, trades_frame
from replay.order_records import read_orders
from replay.results import RunResult, read_results
from replay.run_tables import DataTable
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.frames import untyped
from tests.replay.market import walk
from tests.replay.market import write_csv as write_bars
from tests.replay.recorded_run import DATA, bar, day, fill, mark, record_run

NAMES = ("trades", "orders", "fills", "equity")
FILLS: list[Event] = [
    fill(day(1, 1), BUY, "0.30000000001", "100.1", commission="0.1"),
    fill(day(2, 1), SELL, "0.1", "101.3", commission="0.2"),
    fill(day(3, 1), SELL, "0.1", "99.99999999999999999999", commission="0.30000000000000000001"),
]
MARKS: list[Event] = [
    mark(day(number), f"10000.{number}", exposure="20.020000000000000001") for number in (2, 3, 5)
]


@pytest.fixture
async def store() -> AsyncIterator[MemoryEventStore]:
    async with MemoryEventStore() as memory:
        yield memory


def rows_of(query: str) -> list[tuple[object, ...]]:
    relation = duckdb.sql(query)
    assert relation is not None
    return relation.fetchall()


async def run_of(store: MemoryEventStore) -> tuple[RunResult, Sequence[DataTable]]:
    derived = sorted([*FILLS, *MARKS], key=lambda event: event.ts)
    run = await record_run(store, derived, data={DATA: [bar(number, 100) for number in range(6)]})
    result = await read_results(store, run)
    return result, await read_tables(store, result)


async def test_sums_of_a_file_are_exactly_those_of_the_run(store: MemoryEventStore, tmp_path: Path) -> None:
    result, tables = await run_of(store)

    write_csv(tables, tmp_path / "out")
    write_parquet(tables, tmp_path / "out")

    net = sum((one.net_pnl for one in result.trades), Decimal(0))
    with (tmp_path / "out/trades.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sum((Decimal(row["net_pnl"]) for row in rows if row["net_pnl"]), Decimal(0)) == net
    asked = rows_of(f"select sum(net_pnl), sum(commission) from '{tmp_path}/out/trades.parquet'")
    paid = [one.commission for one in result.trades] + [one.commission for one in result.open_lots]
    fees = sum(paid, Decimal(0))
    assert asked == [(net, fees)]
    frame = untyped(pd).read_parquet(tmp_path / "out/trades.parquet")
    assert sum(frame["net_pnl"].dropna(), Decimal(0)) == net
    assert [row["exit_time"] for row in rows] == ["2024-01-03T01:00:00Z", "2024-01-04T01:00:00Z", ""]
    assert str(frame["exit_time"].dtype) == "datetime64[ns, UTC]"
    assert frame["exit_time"].isna().tolist() == [False, False, True]


async def test_equity_is_that_of_the_log_and_not_its_float(store: MemoryEventStore, tmp_path: Path) -> None:
    _, tables = await run_of(store)

    (path,) = write_parquet([one for one in tables if one.name == "equity"], tmp_path)

    rows = rows_of(f"select equity, cash, exposure from '{path}'")
    assert rows[0] == (Decimal(10_000), Decimal(10_000), Decimal(0))
    assert rows[1] == (
        Decimal("10000.2"),
        Decimal("9980.179999999999999999"),
        Decimal("20.020000000000000001"),
    )


async def test_files_have_the_columns_of_the_frames(store: MemoryEventStore, tmp_path: Path) -> None:
    result, tables = await run_of(store)
    orders = await read_orders(store, result.run_stream)

    write_parquet(tables, tmp_path)

    for name, frame in (
        ("trades", trades_frame(result.trades, result.open_lots)),
        ("orders", orders_frame(orders.orders)),
    ):
        assert list(untyped(pd).read_parquet(tmp_path / f"{name}.parquet").columns) == list(
            untyped(frame).columns
        )


async def test_digits_that_no_decimal_holds_are_text(store: MemoryEventStore, tmp_path: Path) -> None:
    amounts = "1" + "0" * 25, "0.00000000000000000001"
    fills = [fill(day(1) + place, BUY, amount, "1") for place, amount in enumerate(amounts)]
    run = await record_run(store, [*fills, mark(day(2), "10000")], data={DATA: [bar(0, 1)]})
    tables = await read_tables(store, await read_results(store, run))

    write_parquet(tables, tmp_path)

    found = rows_of(f"select quantity, price from '{tmp_path}/fills.parquet'")
    assert found == [(amount, Decimal(1)) for amount in amounts]


async def test_a_run_without_trades_has_files_with_all_columns(
    store: MemoryEventStore, tmp_path: Path
) -> None:
    run = await record_run(store, MARKS, data={DATA: [bar(0, 1)]})
    tables = await read_tables(store, await read_results(store, run))

    write_csv(tables, tmp_path)
    write_parquet(tables, tmp_path)

    assert (tmp_path / "trades.csv").read_text().startswith("strategy,symbol,side,quantity,entry_time")
    assert untyped(pd).read_parquet(tmp_path / "trades.parquet").shape == (0, 16)


async def test_a_file_of_somebody_else_is_not_written_over(store: MemoryEventStore, tmp_path: Path) -> None:
    _, tables = await run_of(store)
    (tmp_path / "trades.csv").write_text("mine\n")

    with pytest.raises(InputError, match=r"trades\.csv: there is a file with other columns"):
        write_csv(tables, tmp_path)

    assert not (tmp_path / "orders.csv").exists()
    with pytest.raises(InputError, match="there is no folder"):
        write_csv(tables, tmp_path / "a" / "b")
    write_csv(tables, tmp_path / "c")
    write_csv(tables, tmp_path / "c")


def test_the_command_writes_what_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_bars(tmp_path / "a.csv", walk("A", 60, seed=11))
    assert onetape("import", "a.csv", "--symbol", "A").exit_code == 0
    cross = ("--strategy", "strategies.ma_cross:MovingAverageCross", "--param", "fast=2", "--param", "slow=5")
    assert replay("--stream", "a.1d", *cross, "--no-report").exit_code == 0

    done = replay(
        "report", "run.ma_cross.1", "--csv", "t", "--parquet", "t", "--json", "r.json", "--report", "r.html"
    )
    printed = replay("report", "run.ma_cross.1", "--report", "r.html", "--json")

    assert (done.exit_code, done.stderr) == (0, "")
    assert sorted(path.name for path in (tmp_path / "t").iterdir()) == sorted(
        f"{name}.{form}" for name in NAMES for form in ("csv", "parquet")
    )
    fields = json.loads((tmp_path / "r.json").read_text())
    assert (fields["report"], fields["csv"]) == ("r.html", "t")
    assert {**fields, "csv": 0, "parquet": 0} == {**json.loads(printed.stdout), "csv": 0, "parquet": 0}
    with (tmp_path / "t/trades.csv").open(newline="") as file:
        closed = [row for row in csv.DictReader(file) if row["exit_time"]]
    assert sum((Decimal(row["net_pnl"]) for row in closed), Decimal(0)) == Decimal(
        fields["by_symbol"][0]["pnl"]
    )
    assert replay("report", "run.ma_cross.1", "--csv", "r.html").exit_code != 0
