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
from kernel.events import Bar, DataIssueFound, OrderFilled, Quote, Side, Trade
from replay.equity import EquityCurve, Floats
from replay.order_records import OrderRecord
from replay.trades import OpenLot, RoundTrip

if TYPE_CHECKING:
    import pandas as pd


def trades_frame(trades: Sequence[RoundTrip], lots: Sequence[OpenLot] = ()) -> "pd.DataFrame":
    """Closed round trips in order of their exits, then open lots, whose exit is missing.

    ``pnl`` and ``commission`` are in ``currency``; ``return`` is after commission, a fraction of the notional
    at entry. ``side`` is ``long`` or ``short``.
    """
    both: list[RoundTrip | OpenLot] = [*trades, *lots]
    closed = [one if isinstance(one, RoundTrip) else None for one in both]
    return _frame(
        {
            "strategy": [one.strategy for one in both],
            "symbol": [one.symbol for one in both],
            "side": ["long" if one.side is Side.BUY else "short" for one in both],
            "quantity": _floats(one.quantity for one in both),
            "entry_time": _times(one.entry_ts for one in both),
            "exit_time": _times(one.exit_ts if one else 0 for one in closed),
            "entry_price": _floats(one.entry_price for one in both),
            "exit_price": _floats(one.exit_price if one else None for one in closed),
            "pnl": _floats(one.pnl if one else None for one in closed),
            "commission": _floats(one.commission for one in both),
            "net_pnl": _floats(one.net_pnl if one else None for one in closed),
            "return": _floats(one.net_return if one else None for one in closed),
            "duration": _frame_of().to_timedelta(
                [one.duration_ns if one else None for one in closed], unit="ns"
            ),
            "currency": [one.currency for one in both],
            "entry_order": [one.entry_order for one in both],
            "exit_order": [one.exit_order if one else "" for one in closed],
        }
    )


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
    """Orders as the run left them, in order of their creation; denied ones too."""
    return _frame(
        {
            "order": [one.order.client_order_id for one in orders],
            "strategy": [one.order.strategy for one in orders],
            "symbol": [one.order.symbol for one in orders],
            "side": [one.order.side.value for one in orders],
            "type": [one.order.order_type.value for one in orders],
            "quantity": _floats(one.order.quantity for one in orders),
            "limit_price": _floats(one.order.limit_price for one in orders),
            "stop_price": _floats(one.order.stop_price for one in orders),
            "time_in_force": [one.order.time_in_force.value for one in orders],
            "tag": [one.order.tag for one in orders],
            "status": [one.status.value for one in orders],
            "created": _times(one.created_ts for one in orders),
            "updated": _times(one.updated_ts for one in orders),
            "filled_quantity": _floats(one.filled_quantity for one in orders),
            "average_price": _floats(one.average_price for one in orders),
            "commission": _floats(one.commission for one in orders),
            "reason": [one.reason for one in orders],
        }
    )


def fills_frame(fills: Sequence[OrderFilled]) -> "pd.DataFrame":
    """Fills in the order of the log. ``time`` is that of the execution; ``known`` is when we knew of it."""
    return _frame(
        {
            "time": _times(one.executed_ts or one.ts for one in fills),
            "known": _times(one.ts for one in fills),
            "order": [one.client_order_id for one in fills],
            "fill": [one.fill_id for one in fills],
            "strategy": [one.strategy for one in fills],
            "symbol": [one.symbol for one in fills],
            "side": [one.side.value for one in fills],
            "quantity": _floats(one.quantity for one in fills),
            "price": _floats(one.price for one in fills),
            "commission": _floats(one.commission for one in fills),
            "currency": [one.currency for one in fills],
            "liquidity": [one.liquidity.value for one in fills],
        }
    )


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
