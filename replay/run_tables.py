"""The records of a run as tables of exact values: one source for data frames, CSV and Parquet.

Every table has all its columns also without rows. Money, prices and quantities are ``Decimal``, times ns UTC.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum

import msgspec

from kernel.events import AccountMarked, OrderFilled, Side
from replay.equity import EquityCurve, Floats
from replay.order_records import OrderRecord
from replay.performance.trades import OpenLot, RoundTrip

Cell = str | Decimal | float | int | None
ZERO = Decimal(0)


class ColumnKind(Enum):
    """What a column holds.

    - ``TEXT``: words and ids.
    - ``AMOUNT``: exact decimals.
    - ``NUMBER``: floats.
    - ``TIME``: ns UTC.
    - ``DURATION``: ns.
    """

    TEXT = 0
    AMOUNT = 1
    NUMBER = 2
    TIME = 3
    DURATION = 4


class DataColumn(msgspec.Struct, frozen=True):
    """A column; ``None`` is a missing value."""

    name: str
    kind: ColumnKind
    values: Sequence[Cell]


class DataTable(msgspec.Struct, frozen=True):
    """A table; all columns have the same length."""

    name: str
    columns: tuple[DataColumn, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(column.name for column in self.columns)


def trades_table(trades: Sequence[RoundTrip], lots: Sequence[OpenLot] = ()) -> DataTable:
    """Closed round trips in order of their exits, then open lots, whose exit is missing.

    Amounts are in ``currency``; ``return`` is after commission, a fraction of the notional at entry. ``side``
    is ``long`` or ``short``.
    """
    both: list[RoundTrip | OpenLot] = [*trades, *lots]
    closed = [one if isinstance(one, RoundTrip) else None for one in both]
    return DataTable(
        "trades",
        (
            _texts("strategy", (one.strategy for one in both)),
            _texts("symbol", (one.symbol for one in both)),
            _texts("side", ("long" if one.side is Side.BUY else "short" for one in both)),
            _amounts("quantity", (one.quantity for one in both)),
            _times("entry_time", (one.entry_ts for one in both)),
            _times("exit_time", (one.exit_ts if one else 0 for one in closed)),
            _amounts("entry_price", (one.entry_price for one in both)),
            _amounts("exit_price", (one.exit_price if one else None for one in closed)),
            _amounts("pnl", (one.pnl if one else None for one in closed)),
            _amounts("commission", (one.commission for one in both)),
            _amounts("net_pnl", (one.net_pnl if one else None for one in closed)),
            _numbers("return", (one.net_return if one else None for one in closed)),
            DataColumn("duration", ColumnKind.DURATION, [one.duration_ns if one else None for one in closed]),
            _texts("currency", (one.currency for one in both)),
            _texts("entry_order", (one.entry_order for one in both)),
            _texts("exit_order", (one.exit_order if one else "" for one in closed)),
        ),
    )


def orders_table(orders: Sequence[OrderRecord]) -> DataTable:
    """Orders as the run left them, in order of their creation; denied ones too."""
    return DataTable(
        "orders",
        (
            _texts("order", (one.order.client_order_id for one in orders)),
            _texts("strategy", (one.order.strategy for one in orders)),
            _texts("symbol", (one.order.symbol for one in orders)),
            _texts("side", (one.order.side.value for one in orders)),
            _texts("type", (one.order.order_type.value for one in orders)),
            _amounts("quantity", (one.order.quantity for one in orders)),
            _amounts("limit_price", (one.order.limit_price for one in orders)),
            _amounts("stop_price", (one.order.stop_price for one in orders)),
            _texts("time_in_force", (one.order.time_in_force.value for one in orders)),
            _texts("tag", (one.order.tag for one in orders)),
            _texts("status", (one.status.value for one in orders)),
            _times("created", (one.created_ts for one in orders)),
            _times("updated", (one.updated_ts for one in orders)),
            _amounts("filled_quantity", (one.filled_quantity for one in orders)),
            _amounts("average_price", (one.average_price for one in orders)),
            _amounts("commission", (one.commission for one in orders)),
            _texts("reason", (one.reason for one in orders)),
        ),
    )


def fills_table(fills: Sequence[OrderFilled]) -> DataTable:
    """Fills in the order of the log. ``time`` is that of the execution; ``known`` is when we knew of it."""
    return DataTable(
        "fills",
        (
            _times("time", (one.executed_ts or one.ts for one in fills)),
            _times("known", (one.ts for one in fills)),
            _texts("order", (one.client_order_id for one in fills)),
            _texts("fill", (one.fill_id for one in fills)),
            _texts("strategy", (one.strategy for one in fills)),
            _texts("symbol", (one.symbol for one in fills)),
            _texts("side", (one.side.value for one in fills)),
            _amounts("quantity", (one.quantity for one in fills)),
            _amounts("price", (one.price for one in fills)),
            _amounts("commission", (one.commission for one in fills)),
            _texts("currency", (one.currency for one in fills)),
            _texts("liquidity", (one.liquidity.value for one in fills)),
        ),
    )


def equity_table(
    curve: EquityCurve, drawdown: Floats, marks: Mapping[int, AccountMarked], capital: Decimal
) -> DataTable:
    """The account at every mark, exact, in its currency. The first row is the capital.

    ``exposure`` is the sum of absolute position values; ``drawdown`` is a fraction of the peak, 0 or below.
    """
    stamps: list[int] = curve.ts.tolist()
    found = [None if place == 0 else marks.get(ts) for place, ts in enumerate(stamps)]
    return DataTable(
        "equity",
        (
            _times("time", stamps),
            _amounts("equity", (capital if one is None else one.equity for one in found)),
            _amounts("cash", (capital if one is None else one.cash for one in found)),
            _amounts("exposure", (ZERO if one is None else one.exposure for one in found)),
            _numbers("drawdown", (None if depth != depth else depth for depth in drawdown.tolist())),
        ),
    )


def _texts(name: str, values: Iterable[str]) -> DataColumn:
    return DataColumn(name, ColumnKind.TEXT, list(values))


def _amounts(name: str, values: Iterable[Decimal | None]) -> DataColumn:
    return DataColumn(name, ColumnKind.AMOUNT, list(values))


def _numbers(name: str, values: Iterable[float | None]) -> DataColumn:
    return DataColumn(name, ColumnKind.NUMBER, list(values))


def _times(name: str, values: Iterable[int]) -> DataColumn:
    return DataColumn(name, ColumnKind.TIME, [ts or None for ts in values])
