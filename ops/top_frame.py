"""One frame of ``onetape top``: the status of a daemon as it fits into a terminal.

Rates are the difference of two statuses over the time between them. Tables that are longer than their share
of the height end in a line that counts the rest.
"""

from collections.abc import Iterator

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from kernel.time_units import SECOND_NS
from ops.alert_rows import alert_rows
from ops.daemon.status import DaemonStatus
from ops.status_rows import (
    duration,
    feed_rows,
    lane_rows,
    mode_words,
    order_rows,
    pnl_rows,
    position_rows,
    problems,
    twin_words,
)
from ops.tables import fitting, table_of
from replay.figures import grouped, moment
from replay.rows import Rows, number

FIXED_LINES = 10
"""Lines of a frame besides the rows of its tables: the head, the rates, titles and headings."""
FEWEST_ROWS = 3
"""Rows that a table keeps in a low terminal; the terminal cuts the rest of the frame."""


class Rates(msgspec.Struct, frozen=True):
    """Events a second between two statuses."""

    inputs: float
    records: float
    steps: float
    by_feed: dict[str, float]


def rates_between(before: DaemonStatus, after: DaemonStatus) -> Rates | None:
    """The rates between two statuses of one session, ``None`` if there is no time between them."""
    seconds = (after.ts - before.ts) / SECOND_NS
    if seconds <= 0 or (before.pid, before.epoch) != (after.pid, after.epoch):
        return None
    delivered = {feed.name: feed.delivered for feed in before.feeds}
    return Rates(
        inputs=(after.inputs - before.inputs) / seconds,
        records=(after.seq - before.seq) / seconds,
        steps=(after.steps - before.steps) / seconds,
        by_feed={feed.name: (feed.delivered - delivered.get(feed.name, 0)) / seconds for feed in after.feeds},
    )


def frame(
    status: DaemonStatus, rates: Rates | None, *, width: int, height: int | None, problem: str = ""
) -> RenderableType:
    """The frame. ``height`` ``None``: as many rows as there are. ``problem``: a line above everything."""
    tables = [
        alert_rows(status.alerts.open, title="Open alerts"),
        _feeds(status, rates),
        lane_rows(status),
        pnl_rows(status),
        position_rows(status.positions, status.currency),
        order_rows(status.orders),
    ]
    shown = [rows for rows in tables if rows]
    parts: list[RenderableType] = [Text(problem, style="bold red")] if problem else []
    parts.extend(_head(status, rates))
    most = (
        None
        if height is None
        else max(FEWEST_ROWS, (height - FIXED_LINES - 2 * len(shown)) // len(shown or [0]))
    )
    for rows in shown:
        parts.extend(_section(rows, width=width, most=most))
    return Group(*parts)


def _head(status: DaemonStatus, rates: Rates | None) -> Iterator[Text]:
    ready = "ready" if status.is_ready else "NOT READY"
    yield Text.assemble(
        (status.log, "bold"),
        f"  {mode_words(status.mode)}, session {status.epoch}, ",
        (ready, "green" if status.is_ready else "bold red"),
        f", {status.trading_state}, up {duration(status.ts - status.started_ts)}, {moment(status.ts)} UTC",
    )
    yield Text(f"Equity {grouped(status.equity)} {status.currency}, cash {grouped(status.cash)}")
    if rates is None:
        yield Text("Rates: not measured yet")
    else:
        yield Text(
            f"Rates: {rates.inputs:,.0f} inputs/s, {rates.records:,.0f} records/s, "
            f"{rates.steps:,.0f} commits/s"
        )
    yield Text(
        f"Latency: in to durable {status.commit_p50_ms:.2f} ms median, {status.commit_p99_ms:.2f} ms 99 %"
    )
    yield Text(
        f"Inbox: {status.waiting:,} waiting, {status.waiting_peak:,} at most, {status.refused:,} refused; "
        f"log at seq {status.seq:,}, snapshot at {status.snapshot_seq:,}"
    )
    if status.shadow is not None:
        yield Text(f"Twin: {twin_words(status.shadow)}")
    yield Text(f"Memory {status.memory_mb:.0f} MB, disk {status.disk}")
    for problem in problems(status):
        yield Text(f"Problem: {problem}", style="bold red")


def _feeds(status: DaemonStatus, rates: Rates | None) -> Rows:
    """The sources of each feed, with the events a second of the feed."""
    rows = feed_rows(status)
    speeds = {} if rates is None else rates.by_feed
    cells = tuple(
        (*each[:3], f"{speeds[each[0]]:,.0f}" if each[0] in speeds else "-", *each[3:]) for each in rows.rows
    )
    columns = (*rows.columns[:3], number("Events/s"), *rows.columns[3:])
    return msgspec.structs.replace(rows, columns=columns, rows=cells)


def _section(rows: Rows, *, width: int, most: int | None) -> Iterator[RenderableType]:
    yield Text(f"\n{rows.title}", style="bold")
    more = 0 if most is None else len(rows.rows) - most
    cut = rows if more <= 0 else msgspec.structs.replace(rows, rows=rows.rows[:most])
    yield table_of(cut, fitting(cut, width))
    if more > 0:
        yield Text(f"and {more:,} more", style="dim")
