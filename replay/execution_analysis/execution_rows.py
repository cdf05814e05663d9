"""Executed orders and their sums as tables, as objects for programs, and as a data frame."""

import importlib
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from kernel.time_units import MS_NS
from replay.execution_analysis.records import ExecutedOrder
from replay.execution_analysis.totals import ExecutionTotals, Refusals
from replay.rows import Rows, number, text

if TYPE_CHECKING:
    import pandas as pd

NONE = "-"


def execution_rows(
    totals: Sequence[ExecutionTotals], refused: Sequence[Refusals], *, by: str
) -> tuple[Rows, ...]:
    """The tables: orders, costs, times, and reasons of orders that failed."""
    name = text(by or "orders")
    return (
        Rows(
            "Orders",
            (
                name,
                *map(number, ("orders", "sent", "filled", "partly", "unfilled", "fill rate")),
                *(number(one, rank=1) for one in ("denied", "rejected", "cancelled", "expired")),
            ),
            tuple(_order_cells(one) for one in totals),
        ),
        Rows(
            "Costs in basis points",
            (
                name,
                *map(number, ("slippage", "fees", "shortfall", "spread", "vs limit", "vs VWAP")),
                number("notional", rank=1),
                text("currency"),
            ),
            tuple(_bps_cells(one) for one in totals),
            note="Above 0 is a cost. Slippage: against the price at the decision. "
            "Shortfall: slippage, fees and missed fills.",
        ),
        Rows(
            "Costs in money, times in seconds",
            (
                name,
                *map(number, ("slippage", "fees", "missed", "shortfall", "first fill", "done")),
                text("currency"),
            ),
            tuple(_money_cells(one) for one in totals),
        ),
        Rows(
            "Orders that failed",
            (text("what"), number("count"), text("rule or reason")),
            tuple((one.what, f"{one.count:,}", one.reason) for one in refused),
        ),
    )


def totals_object(one: ExecutionTotals) -> dict[str, object]:
    """A group for programs: exact numbers as texts, basis points and rates as numbers."""
    exact: dict[str, object] = {
        name: str(value) if isinstance(value := getattr(one, name), Decimal) else value
        for name in one.__struct_fields__
    }
    ratios = ("fill_rate", "slippage_bps", "shortfall_bps", "limit_bps", "vwap_bps", "spread_bps", "fees_bps")
    shortfall = one.shortfall
    return {
        **exact,
        "shortfall": None if shortfall is None else str(shortfall),
        **{name: _float(getattr(one, name)) for name in ratios},
    }


def order_object(one: ExecutedOrder) -> dict[str, object]:
    """An order for programs."""
    return {
        "order": one.order.client_order_id,
        "strategy": one.order.strategy,
        "symbol": one.order.symbol,
        "side": one.order.side.value,
        "type": one.order.order_type.value,
        "status": one.status.value,
        "quantity": str(one.order.quantity),
        "filled": str(one.filled),
        "currency": one.currency,
        "decided_ts": one.decided_ts,
        "arrival_price": None if one.arrival.price is None else str(one.arrival.price),
        "vwap": None if one.vwap is None else float(one.vwap),
        "first_fill_ms": None if one.first_fill_ns is None else one.first_fill_ns / MS_NS,
        "done_ms": None if one.done_ns is None else one.done_ns / MS_NS,
        **{name: None if (value := getattr(one, name)) is None else str(value) for name in _AMOUNTS},
        "rule": one.rule,
        "reason": one.reason,
    }


def executions_frame(executed: Sequence[ExecutedOrder]) -> "pd.DataFrame":
    """One row for each order, in order of the decisions; the columns of ``order_object``.

    Amounts are ``float64``, ``decided`` is a time in UTC. Without orders it has all columns too.
    """
    pandas: Any = importlib.import_module("pandas")  # imported only by a caller who uses it
    objects = [order_object(one) for one in executed]
    names = list(order_object(executed[0])) if executed else _COLUMNS
    frame = pandas.DataFrame({name: [one[name] for one in objects] for name in names})
    numbers = [name for name in names if name in _NUMBERS]
    frame[numbers] = frame[numbers].astype("float64")
    frame.insert(0, "decided", pandas.to_datetime(frame.pop("decided_ts"), unit="ns", utc=True))
    return frame


_AMOUNTS = ("slippage", "fees", "missed", "against_limit", "against_vwap", "spread_paid", "notional")
_NUMBERS = frozenset({*_AMOUNTS, "quantity", "filled", "arrival_price", "vwap", "first_fill_ms", "done_ms"})
_COLUMNS = (
    *("order", "strategy", "symbol", "side", "type", "status", "quantity", "filled", "currency"),
    *("decided_ts", "arrival_price", "vwap", "first_fill_ms", "done_ms", *_AMOUNTS, "rule", "reason"),
)


def _order_cells(one: ExecutionTotals) -> tuple[str, ...]:
    rate = one.fill_rate
    counts = (one.orders, one.sent, one.filled, one.partly, one.unfilled)
    ends = (one.denied, one.rejected, one.cancelled, one.expired)
    percent = NONE if rate is None else f"{100 * rate:.1f} %"
    return (one.group, *(f"{count:,}" for count in counts), percent, *(f"{count:,}" for count in ends))


def _bps_cells(one: ExecutionTotals) -> tuple[str, ...]:
    costs = (
        one.slippage_bps,
        one.fees_bps,
        one.shortfall_bps,
        one.spread_bps,
        one.limit_bps,
        one.vwap_bps,
    )
    return (one.group, *map(_two, costs), f"{one.notional:,.2f}", one.currency)


def _money_cells(one: ExecutionTotals) -> tuple[str, ...]:
    costs = (one.slippage, one.fees, one.missed, one.shortfall)
    times = (one.first_fill_s, one.done_s)
    return (one.group, *map(_two, costs), *map(_seconds, times), one.currency)


def _two(value: Decimal | None) -> str:
    return NONE if value is None else f"{value:,.2f}"


def _seconds(value: float | None) -> str:
    return NONE if value is None else f"{value:,.3f}"


def _float(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
