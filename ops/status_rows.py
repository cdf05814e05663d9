"""The status of a daemon as rows of text, for ``onetape status`` and ``onetape top``."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from brokers.feeds.pipeline import SourceStatus
from brokers.orders.edge import EdgeStatus
from kernel.time_units import SECOND_NS
from ops.alert_rows import alert_rows, channel_rows
from ops.daemon.shadow import ShadowStatus
from ops.daemon.status import DaemonStatus, HeldPosition, OpenOrder
from replay.figures import grouped
from replay.rows import Rows, number, text
from replay.run_config import Mode


def status_rows(status: DaemonStatus) -> Iterator[Rows]:
    """The tables of a status that have rows, from the daemon and its feeds to its orders."""
    yield Rows("Daemon", (text("Log"), text(status.log)), tuple(_facts(status)))
    tables = (
        feed_rows(status),
        lane_rows(status),
        worker_rows(status),
        pnl_rows(status),
        position_rows(status.positions, status.currency),
        order_rows(status.orders),
        alert_rows(status.alerts.open, title="Open alerts"),
        channel_rows(status.alerts.channels),
    )
    yield from (rows for rows in tables if rows)


def pnl_rows(status: DaemonStatus) -> Rows:
    """The P&L of each strategy, and below it that of its symbols if it has several."""
    columns = (
        text("Strategy"), text("Symbol"), number(f"Net {status.currency}"), number("Realised", rank=1),
        number("Unrealised", rank=1), number("Commissions", rank=2), number("Income", rank=3),
    )  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for one in status.pnl:
        whole = (one.net, one.realised, one.unrealised, one.commissions, one.income)
        rows.append((one.strategy, "all", *map(grouped, whole)))
        for each in one.symbols:
            rows.append(
                (one.strategy, each.symbol, "", grouped(each.realised), grouped(each.unrealised), "", "")
            )
    return Rows("P&L since the log began", columns, tuple(rows))


def position_rows(held: Sequence[HeldPosition], currency: str = "") -> Rows:
    """The open positions of strategies."""
    value = number(f"Value {currency}".strip())
    columns = (text("Strategy"), text("Symbol"), number("Quantity"), value)
    return Rows(
        "Positions",
        columns,
        tuple((one.strategy, one.symbol, grouped(one.quantity), grouped(one.value)) for one in held),
    )


def lane_rows(status: DaemonStatus) -> Rows:
    """How far each edge is behind the log."""
    columns = (
        text("Edge"), number("Waiting"), number("At most"), number("Handled seq", rank=1),
        number("Conflated", rank=3), number("Failures", rank=2), text("Reads from", rank=4),
    )  # fmt: skip
    rows = tuple(
        (
            one.edge, f"{one.depth:,}", f"{one.peak:,}", f"{one.handled_seq:,}", f"{one.conflated:,}",
            f"{one.failures:,}", "log" if one.is_behind else "memory",
        )
        for one in status.lanes
    )  # fmt: skip
    return Rows("Lanes", columns, rows)


def worker_rows(status: DaemonStatus) -> Rows:
    """The processes of strategies."""
    columns = (
        text("Process of"), text("State"), number("Handled seq"), number("Slowest ms", rank=1),
        number("Restarts"), text("Reason", rank=4),
    )  # fmt: skip
    rows = tuple(
        (one.strategy, one.state, f"{one.seq:,}", f"{one.slowest_ms:.1f}", f"{one.restarts:,}", one.reason)
        for one in status.workers
    )
    return Rows("Processes", columns, rows)


def mode_words(mode: str) -> str:
    """The mode, and what becomes of orders if that is not in its name."""
    return f"{mode} (no order is sent)" if mode == Mode.ADVISORY else mode


def _facts(status: DaemonStatus) -> Iterator[tuple[str, str]]:
    yield (
        "Mode",
        f"{mode_words(status.mode)}, session {status.epoch}, {'ready' if status.is_ready else 'not ready'}",
    )
    yield "Trading", status.trading_state
    yield f"Equity {status.currency}", f"{grouped(status.equity)} (cash {grouped(status.cash)})"
    if status.venue is not None:
        yield "Venue", _venue(status.venue)
    if status.shadow is not None:
        yield "Twin", twin_words(status.shadow)
    yield "Running for", duration(status.ts - status.started_ts)
    yield "Log", f"seq {status.seq:,}, {status.inputs:,} inputs, last snapshot at {status.snapshot_seq:,}"
    yield "Commit", f"{status.commit_p50_ms:.2f} ms median, {status.commit_p99_ms:.2f} ms 99 %"
    yield "Inbox", f"{status.waiting:,} waiting, {status.waiting_peak:,} at most, {status.refused:,} refused"
    yield "Disk", status.disk
    yield "Memory", f"{status.memory_mb:.0f} MB"
    for slow in status.slow_hooks:
        who = f"{slow.strategy} in {slow.hook}" if slow.strategy else "the core"
        yield "Slow", f"{who}: {slow.count:,} times, {slow.worst_ms:,.0f} ms at most"
    for problem in problems(status):
        yield "Problem", problem


def problems(status: DaemonStatus) -> Iterator[str]:
    """What keeps a daemon from being ready, or a component from its events, in sentences."""
    for feed in status.feeds:
        for source in feed.sources:
            if not (source.is_connected and source.is_fresh):
                said = f": {source.reason}" if source.reason else ""
                yield f"feed {feed.name}, source {source.name}: {_source_state(source)}{said}"
    if status.venue is not None and not status.venue.is_connected:
        yield f"venue {status.venue.venue} is not connected: {status.venue.reason or 'not yet'}"
    for name, state in status.failing.items():
        yield f"{name} is {state}"


def twin_words(shadow: ShadowStatus) -> str:
    """What the twin of mode ``shadow`` has found, in a line."""
    if shadow.problem:
        return f"has ended: {shadow.problem}"
    bps = "" if shadow.difference_bps is None else f", live {shadow.difference_bps:+,.2f} bps"
    return (
        f"{shadow.compared:,} orders compared{bps}, {shadow.missed:,} missed, {shadow.lucky:,} lucky; "
        f"{shadow.waiting:,} under way"
    )


def _venue(venue: EdgeStatus) -> str:
    state = "connected" if venue.is_connected else f"not connected: {venue.reason or 'not yet'}"
    doubt = f", {venue.doubtful:,} in doubt" if venue.doubtful else ""
    return (
        f"{venue.venue}, account {venue.account}, {state}; {venue.sent:,} orders sent, {venue.refused:,} "
        f"held back{doubt}"
    )


def feed_rows(status: DaemonStatus) -> Rows:
    """The sources of each feed."""
    columns = (
        text("Feed"), text("Source", rank=1), text("State"), text("Last data"),
        number("Events", rank=2), number("Refused", rank=3), number("Restarts", rank=2),
        text("Reason", rank=4),
    )  # fmt: skip
    rows = tuple(
        (
            feed.name,
            source.name,
            _source_state(source),
            _clock(source.last_heard_ts),
            f"{feed.delivered:,}",
            f"{feed.quarantined:,}",
            f"{source.restarts:,}",
            source.reason,
        )
        for feed in status.feeds
        for source in feed.sources
    )
    return Rows("Feeds", columns, rows)


def order_rows(orders: Sequence[OpenOrder]) -> Rows:
    """The orders that are not finished."""
    columns = (
        text("Order"), text("Strategy", rank=2), text("Symbol"), text("Side"), text("Type", rank=1),
        number("Quantity"), number("Filled", rank=1), text("Status"),
    )  # fmt: skip
    rows = tuple(
        (
            one.client_order_id, one.strategy, one.symbol, one.side, one.order_type,
            grouped(one.quantity), grouped(one.filled), one.status,
        )
        for one in orders
    )  # fmt: skip
    return Rows("Open orders", columns, rows)


def _source_state(source: SourceStatus) -> str:
    is_stale = source.state == "running" and not source.is_fresh
    return "running, no fresh data" if is_stale else source.state


def _clock(ts: int) -> str:
    return "-" if not ts else datetime.fromtimestamp(ts // SECOND_NS, tz=UTC).strftime("%H:%M:%S")


def duration(ns: int) -> str:
    """Days, hours, minutes and seconds, as a clock shows them."""
    minutes, seconds = divmod(ns // SECOND_NS, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return (
        f"{days} d {hours:02}:{minutes:02}:{seconds:02}" if days else f"{hours:02}:{minutes:02}:{seconds:02}"
    )
