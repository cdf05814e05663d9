"""A trading day as tables of text: positions, fills, orders, problems, sessions."""

import re
from collections.abc import Iterator
from decimal import Decimal

from kernel.decimals import exact
from kernel.events import OrderStatus
from kernel.time_units import MS_NS, SECOND_NS
from replay import figures
from replay.days.record import DayRecord
from replay.days.sessions import DaySession
from replay.order_records import OrderRecord
from replay.rows import Rows, number, text
from replay.twin.rows import order_rows as order_rows_of_twin
from replay.twin.rows import total_rows
from replay.twin.totals import totals_of

MOST_ROWS = 1_000
"""Most fills or orders on a page; the log has all of them."""

_NUMBER = re.compile(r"[\d.,]+")

REFUSED = frozenset({OrderStatus.DENIED, OrderStatus.REJECTED})
"""The states of orders that never worked."""


@exact
def day_tables(day: DayRecord) -> Iterator[Rows]:
    """The tables that have rows, what needs attention first."""
    tables = (
        problem_rows(day),
        refused_rows(day),
        position_rows(day),
        *twin_rows(day),
        fill_rows(day),
        order_rows(day),
        session_rows(day),
    )
    yield from (rows for rows in tables if rows)


def problem_rows(day: DayRecord) -> Rows:
    """What went wrong."""
    columns = (
        text("Problem"), text("Where"), number("Times"), text("First"), text("Last"),
        text("Detail of the last"),
    )  # fmt: skip
    rows = tuple(
        (one.kind, one.place, f"{one.count:,}", clock(one.first_ts), clock(one.last_ts), one.detail)
        for one in day.problems
    )
    return Rows("Problems", columns, rows)


def refused_rows(day: DayRecord) -> Rows:
    """Orders that were denied by risk or rejected by the venue.

    Those whose reasons differ in numbers alone are one row, with the last of these reasons.
    """
    columns = (
        text("By"), text("Strategy"), text("Symbol"), number("Times"), text("First"), text("Last"),
        text("Last order"), text("Last reason"),
    )  # fmt: skip
    found: dict[tuple[str, ...], list[OrderRecord]] = {}
    for one in day.orders.orders:
        if one.status in REFUSED:
            by = "risk" if one.status is OrderStatus.DENIED else "venue"
            words = _NUMBER.sub("", one.reason)
            found.setdefault((by, one.order.strategy, one.order.symbol, words), []).append(one)
    rows = tuple(
        (
            *key[:3], f"{len(same):,}", clock(same[0].updated_ts), clock(same[-1].updated_ts),
            same[-1].order.client_order_id, same[-1].reason,
        )
        for key, same in found.items()
    )  # fmt: skip
    return Rows("Denied and rejected orders", columns, rows)


def position_rows(day: DayRecord) -> Rows:
    """P&L of the day by strategy and symbol, and what is held at its end."""
    columns = (
        text("Strategy"), text("Symbol"), number(f"P&L {day.currency}"), number("Quantity at the end"),
        number("Last price"), number(f"Value {day.currency}"),
    )  # fmt: skip
    rows = tuple(
        (
            one.strategy,
            one.symbol if one.side is None else f"{one.symbol} {one.side.value}",
            amount(one.pnl),
            figures.quantity(one.quantity),
            figures.last_price(None if one.price is None else float(one.price)),
            amount(one.value),
        )
        for one in day.positions
    )
    note = "P&L is of this day, realised and unrealised, before commissions, at the last rates of the day."
    tones = tuple(float(one.pnl or 0) for one in day.positions)
    return Rows("P&L and positions", columns, rows, note=note, tones=tones)


def twin_rows(day: DayRecord) -> tuple[Rows, ...]:
    """In mode ``shadow``: the totals of live and simulated orders, and the orders that differ."""
    if not day.compared:
        return ()
    return total_rows(totals_of(day.compared, day.terms)), order_rows_of_twin(day.compared, most=MOST_ROWS)


def fill_rows(day: DayRecord) -> Rows:
    """The fills."""
    columns = (
        text("Time"), text("Strategy"), text("Symbol"), text("Side"), number("Quantity"), number("Price"),
        number("Commission"), text("Order"),
    )  # fmt: skip
    fills = day.orders.fills
    rows = tuple(
        (
            clock(one.executed_ts or one.ts), one.strategy, one.symbol, one.side.value,
            figures.quantity(one.quantity), figures.price(one.price), figures.money(one.commission),
            one.client_order_id,
        )
        for one in fills[:MOST_ROWS]
    )  # fmt: skip
    return Rows("Fills", columns, rows, note=_rest(len(fills)))


def order_rows(day: DayRecord) -> Rows:
    """Orders of the day, and older ones to which something happened on it."""
    columns = (
        text("Time"), text("Order"), text("Strategy"), text("Symbol"), text("Side"), text("Type"),
        number("Quantity"), number("Filled"), number("Average price"), text("Status"), text("Reason"),
    )  # fmt: skip
    orders = day.orders.orders
    rows = tuple(
        (
            figures.moment(one.created_ts) if one.created_ts < day.start_ts else clock(one.created_ts),
            one.order.client_order_id, one.order.strategy, one.order.symbol, one.order.side.value,
            one.order.order_type.value, figures.quantity(one.order.quantity),
            figures.quantity(one.filled_quantity),
            figures.UNDEFINED if one.average_price is None else figures.average_price(one.average_price),
            one.status.value, one.reason,
        )
        for one in orders[:MOST_ROWS]
    )  # fmt: skip
    return Rows("Orders", columns, rows, note=_rest(len(orders)))


def session_rows(day: DayRecord) -> Rows:
    """The sessions of the daemon on this day."""
    columns = (
        number("Session"), text("Mode"), text("Version"), text("Started"), text("Ended"), text("Reason"),
    )  # fmt: skip
    rows = tuple(
        (
            str(one.epoch), one.mode, one.version, figures.moment(one.started_ts), *_end(one),
        )
        for one in day.sessions
    )  # fmt: skip
    return Rows("Sessions", columns, rows)


def unclean_ends(day: DayRecord) -> int:
    """Sessions that ended without a stop, as by a crash or a power cut."""
    return sum(1 for one in day.sessions if not one.stopped_ts and not one.is_last)


def amount(value: Decimal | None) -> str:
    """Money, or a dash if it is not known."""
    return figures.UNDEFINED if value is None else figures.money(value)


def clock(ts: int) -> str:
    """The time of a day, to the millisecond."""
    return f"{figures.iso(ts // SECOND_NS * SECOND_NS)[11:19]}.{ts % SECOND_NS // MS_NS:03}"


def _end(one: DaySession) -> tuple[str, str]:
    if one.stopped_ts:
        return figures.moment(one.stopped_ts), one.reason
    return ("-", "runs on") if one.is_last else ("-", "ended without a stop")


def _rest(count: int) -> str:
    return f"The first {MOST_ROWS:,} of {count:,} are listed; the log has all." if count > MOST_ROWS else ""
