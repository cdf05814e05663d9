"""The records of a run and of a store's streams as data frames of pandas.

- Times are UTC and aware. Missing times are ``NaT``, missing numbers ``NaN``.
- Money, prices and quantities are ``float64``, nearest to the exact values, which the records hold.
- A frame without rows has all columns too.
"""

import importlib
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from eventstore.data_issues import described
from kernel.events import Bar, DataIssueFound, OrderFilled, Quote, Trade
from replay.equity import EquityCurve, Floats
from replay.order_records import OrderRecord
from replay.performance.trades import OpenLot, RoundTrip
from replay.run_tables import (
    ColumnKind,
    DataColumn,
    DataTable,
    fills_table,
    orders_table,
    trades_table,
)

if TYPE_CHECKING:
    import pandas as pd


def trades_frame(trades: Sequence[RoundTrip], lots: Sequence[OpenLot] = ()) -> "pd.DataFrame":
    """The columns of ``trades_table``."""
    return _frame_from(trades_table(trades, lots))


def equity_frame(curve: EquityCurve, drawdown: Floats) -> "pd.DataFrame":
    """The account at every mark, by ``time``. ``drawdown`` is a fraction of the peak, 0 or below."""
    frame = _frame(
        {
            "time": _times(curve.ts.tolist()),
            "equity": curve.equity,
            "cash": curve.cash,
            "exposure": curve.exposure,
            "drawdown": drawdown,
        }
    )
    return frame.set_index("time")


def orders_frame(orders: Sequence[OrderRecord]) -> "pd.DataFrame":
    """The columns of ``orders_table``."""
    return _frame_from(orders_table(orders))


def fills_frame(fills: Sequence[OrderFilled]) -> "pd.DataFrame":
    """The columns of ``fills_table``."""
    return _frame_from(fills_table(fills))


def bars_frame(bars: Sequence[Bar]) -> "pd.DataFrame":
    """Bars by ``time``, their open (their end if they have none); from ``known`` on they are known."""
    frame = _frame(
        {
            "time": _times(bar.open_ts or bar.ts for bar in bars),
            "symbol": [bar.symbol for bar in bars],
            "timeframe": [bar.timeframe for bar in bars],
            **{
                name: [getattr(bar, name) for bar in bars]
                for name in ("open", "high", "low", "close", "volume")
            },
            "known": _times(bar.ts for bar in bars),
        }
    )
    return frame.set_index("time")


def quotes_frame(quotes: Sequence[Quote]) -> "pd.DataFrame":
    """Quotes by ``time``, when they were known; ``exchange_time`` is the venue's own."""
    names = ("symbol", "bid", "ask", "bid_size", "ask_size")
    frame = _frame(
        {
            "time": _times(quote.ts for quote in quotes),
            **{name: [getattr(quote, name) for quote in quotes] for name in names},
            "exchange_time": _times(quote.exchange_ts for quote in quotes),
        }
    )
    return frame.set_index("time")


def prints_frame(trades: Sequence[Trade]) -> "pd.DataFrame":
    """Trades of the market by ``time``, when they were known; ``exchange_time`` is the venue's own."""
    frame = _frame(
        {
            "time": _times(trade.ts for trade in trades),
            **{name: [getattr(trade, name) for trade in trades] for name in ("symbol", "price", "size")},
            "aggressor": [trade.aggressor.value for trade in trades],
            "trade_id": [trade.trade_id for trade in trades],
            "exchange_time": _times(trade.exchange_ts for trade in trades),
        }
    )
    return frame.set_index("time")


def figures_frame(rows: Sequence[Mapping[str, object]], *, by: str) -> "pd.DataFrame":
    """One line for each strategy or symbol, a column for each figure. Amounts as text become numbers."""
    columns = list(rows[0]) if rows else [by]
    frame = _frame(
        {name: [_number(row[name]) if name != by else row[name] for row in rows] for name in columns}
    )
    return frame.set_index(by)


def issues_frame(issues: Mapping[str, Sequence[DataIssueFound]]) -> "pd.DataFrame":
    """What was odd in data streams; ``found`` and ``limit`` as in ``DataIssueFound``."""
    rows = [(stream, one) for stream, found in issues.items() for one in found]
    return _frame(
        {
            "stream": [stream for stream, _ in rows],
            "symbol": [one.symbol for _, one in rows],
            "timeframe": [one.timeframe for _, one in rows],
            "issue": [one.issue.value for _, one in rows],
            "from": _times(one.from_ts for _, one in rows),
            "to": _times(one.to_ts for _, one in rows),
            "known": _times(one.ts for _, one in rows),
            "found": _floats(one.found for _, one in rows),
            "limit": _floats(one.limit for _, one in rows),
            "words": [described(one) for _, one in rows],
        }
    )


def records_frame(kind: type[msgspec.Struct], records: Sequence[msgspec.Struct]) -> "pd.DataFrame":
    """Records of one kind, a column for each field. Its field ``ts``, ns UTC, becomes ``time``."""
    columns: dict[str, object] = {}
    for name in kind.__struct_fields__:
        values: list[Any] = [getattr(one, name) for one in records]  # the fields have any types
        if name == "ts":
            columns["time"] = _times(values)
        else:
            columns[name] = [float(value) if isinstance(value, Decimal) else value for value in values]
    return _frame(columns)


def time_of(ts: int) -> "pd.Timestamp":
    """The UTC-aware time of ns since the epoch; 0 is missing."""
    return _times([ts])[0]


def _frame_from(table: DataTable) -> Any:  # pandas has no types
    return _frame({column.name: _values(column) for column in table.columns})


def _values(column: DataColumn) -> Any:  # as above
    """The values of a column in the type that pandas computes with."""
    match column.kind:
        case ColumnKind.TEXT:
            return column.values
        case ColumnKind.AMOUNT | ColumnKind.NUMBER:
            return np.array(
                [np.nan if one is None else float(one) for one in column.values], dtype=np.float64
            )
        case ColumnKind.TIME:
            return _times(0 if ts is None else int(ts) for ts in column.values)
        case ColumnKind.DURATION:
            return _frame_of().to_timedelta(column.values, unit="ns")


def _frame(columns: Mapping[str, Any]) -> Any:  # pandas has no types
    return _frame_of().DataFrame(columns)


def _frame_of() -> Any:  # as above
    """The library. It takes half a second to import, so only a caller who wants a frame imports it."""
    return importlib.import_module("pandas")


def _times(ts: Iterable[int]) -> Any:  # as above
    stamps = np.fromiter(ts, dtype=np.int64).astype("datetime64[ns]")
    stamps[stamps == np.datetime64(0, "ns")] = np.datetime64("NaT")
    return _frame_of().DatetimeIndex(stamps).tz_localize("UTC")


def _floats(values: Iterable[Decimal | float | None]) -> Any:  # as above
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)


def _number(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return float(value)
    except ValueError:
        return value
