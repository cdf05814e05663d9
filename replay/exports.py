"""Writes the trades, orders, fills and equity of a run as CSV or Parquet files, exact.

| | CSV | Parquet |
| --- | --- | --- |
| amounts | decimal text | ``decimal128``; text if 38 digits are too few |
| times | ISO 8601 in UTC | ``timestamp[ns, UTC]`` |
| durations | seconds | ``duration[ns]`` |
| missing | empty | null |
"""

import csv
import importlib
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from eventstore import EventStore, Selection
from eventstore.segment_export import require_pyarrow
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import AccountMarked
from kernel.time_units import SECOND_NS
from replay import figures
from replay.order_records import read_orders
from replay.performance.metrics import drawdowns
from replay.results import RunResult
from replay.run_tables import (
    Cell,
    ColumnKind,
    DataColumn,
    DataTable,
    equity_table,
    fills_table,
    orders_table,
    trades_table,
)
from replay.written_files import check_folder

MOST_DIGITS = 38
"""Digits of a ``decimal128``."""


@exact
async def read_tables(store: EventStore, result: RunResult) -> tuple[DataTable, ...]:
    """The tables of a run or live log: trades, orders, fills, equity."""
    orders = await read_orders(store, result.run_stream)
    marks: dict[int, AccountMarked] = {}
    async for batch in store.read(result.run_stream, Selection(types=frozenset({AccountMarked}))):
        marks.update((event.ts, event) for event in batch.events if isinstance(event, AccountMarked))
    curve = result.equity
    return (
        trades_table(result.trades, result.open_lots),
        orders_table(orders.orders),
        fills_table(orders.fills),
        equity_table(curve, drawdowns(curve.performance), marks=marks, capital=result.metrics.initial_equity),
    )


def check_csv(folder: Path) -> None:
    """Raise ``InputError`` if the folder cannot hold CSV files; see ``write_csv``."""
    _check(folder, what="CSV")


def check_parquet(folder: Path) -> None:
    """Raise ``InputError`` if the folder cannot hold Parquet files, or pyarrow is missing."""
    _check(folder, what="Parquet")
    require_pyarrow()


@exact
def write_csv(tables: Sequence[DataTable], folder: Path) -> list[Path]:
    """Write a file for each table; returns their paths. The folder is made if its parent is there.

    Older exports there are replaced. Raises ``InputError`` for a file that has other columns, and for a
    folder that is missing or cannot be written.
    """
    return _write(tables, folder, suffix=".csv", columns_of=_csv_columns, write=_write_csv)


@exact
def write_parquet(tables: Sequence[DataTable], folder: Path) -> list[Path]:
    """The same as Parquet files. Needs pyarrow."""
    require_pyarrow()
    return _write(tables, folder, suffix=".parquet", columns_of=_parquet_columns, write=_write_parquet)


def _check(folder: Path, *, what: str) -> None:
    check_folder(folder, what=what)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{what} {folder}: is a file; name a folder")


def _write(
    tables: Sequence[DataTable],
    folder: Path,
    *,
    suffix: str,
    columns_of: Callable[[Path], tuple[str, ...]],
    write: Callable[[DataTable, Path], None],
) -> list[Path]:
    what = suffix.removeprefix(".")
    _check(folder, what=what)
    paths = [folder / f"{table.name}{suffix}" for table in tables]
    for table, path in zip(tables, paths, strict=True):
        if path.exists() and columns_of(path) != table.names:
            raise InputError(
                f"{what} {path}: there is a file with other columns; name another folder, nothing was written"
            )
    try:
        folder.mkdir(exist_ok=True)
        for table, path in zip(tables, paths, strict=True):
            part = path.with_name(f".{path.name}.part")
            write(table, part)
            part.replace(path)  # a reader never sees half a file
    except OSError as error:
        raise InputError(f"{what} {folder}: cannot be written: {error.strerror}") from error
    return paths


# --- CSV --------------------------------------------------------------------------------------


def _csv_columns(path: Path) -> tuple[str, ...]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.reader(file):
                return tuple(row)
            return ()
    except (OSError, UnicodeDecodeError, csv.Error):
        return ()


def _write_csv(table: DataTable, path: Path) -> None:
    columns = [[_cell_text(value, column.kind) for value in column.values] for column in table.columns]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table.names)
        writer.writerows(zip(*columns, strict=True))


def _cell_text(value: Cell, kind: ColumnKind) -> str:
    if value is None:
        return ""
    if kind is ColumnKind.TIME:
        return figures.iso(int(value))
    if kind is ColumnKind.DURATION:
        return f"{Decimal(int(value)) / SECOND_NS:f}"
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


# --- Parquet ----------------------------------------------------------------------------------


def _arrow(name: str) -> Any:
    """A module of pyarrow, which has no types. It takes a fifth of a second, so only an export imports it."""
    return importlib.import_module(name)


def _parquet_columns(path: Path) -> tuple[str, ...]:
    try:
        return tuple(_arrow("pyarrow.parquet").read_schema(path).names)
    except (OSError, ValueError):
        return ()


def _write_parquet(table: DataTable, path: Path) -> None:
    arrow = _arrow("pyarrow")
    arrays = [_array(arrow, column) for column in table.columns]
    _arrow("pyarrow.parquet").write_table(arrow.Table.from_arrays(arrays, names=list(table.names)), path)


def _array(arrow: Any, column: DataColumn) -> Any:
    values: Sequence[Cell] = column.values
    if column.kind is ColumnKind.AMOUNT:
        scale, digits = _extent(one for one in values if isinstance(one, Decimal))
        if digits > MOST_DIGITS:
            return arrow.array([None if one is None else f"{one:f}" for one in values], arrow.string())
        return arrow.array(values, arrow.decimal128(MOST_DIGITS, scale))
    kinds = {
        ColumnKind.TEXT: arrow.string(),
        ColumnKind.NUMBER: arrow.float64(),
        ColumnKind.TIME: arrow.timestamp("ns", tz="UTC"),
        ColumnKind.DURATION: arrow.duration("ns"),
    }
    return arrow.array(values, kinds[column.kind])


def _extent(amounts: Iterable[Decimal]) -> tuple[int, int]:
    """The decimals of the finest amount, and the digits that all need with them."""
    scale = whole = 0
    for amount in amounts:
        exponent = amount.as_tuple().exponent
        assert isinstance(exponent, int)  # amounts are finite
        scale = max(scale, -exponent)
        whole = max(whole, amount.adjusted() + 1)
    return scale, scale + whole
