"""The page about one trading day: one HTML file without a script, small enough to be sent by mail."""

from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from string import Template

from kernel.decimals import exact
from kernel.errors import InputError
from replay.days.record import DayRecord
from replay.days.tables import REFUSED, amount, day_tables, unclean_ends
from replay.report.day_chart import day_chart
from replay.report.files import check_replaceable
from replay.report.parts import asset, card, escaped, tile, tone_of


@exact
def write_day_report(day: DayRecord, path: Path) -> Path:
    """Write the page; an older report there is replaced. Returns the path.

    Raises ``InputError`` if it cannot be written, or a file there is not a report.
    """
    check_replaceable(path)
    whole = path.with_name(f".{path.name}.part")
    try:
        whole.write_text(day_page(day), encoding="utf-8")
        whole.replace(path)  # a reader never sees half a page
    except OSError as error:
        raise InputError(f"report {path}: cannot be written: {error.strerror}") from error
    return path


@exact
def day_page(day: DayRecord) -> str:
    """The whole page."""
    return Template(asset("day.html")).substitute(
        log=escaped(day.log),
        day=day.day.isoformat(),
        style=asset("report.css"),
        banner=_banner(day),
        about=escaped(_about(day)),
        tiles="\n".join(_tiles(day)),
        curve=_curve(day),
        tables="\n".join(card(rows) for rows in day_tables(day)) or _nothing(),
    )


def _about(day: DayRecord) -> str:
    over = "The whole trading day" if day.is_over else "The trading day so far"
    modes = " and ".join(dict.fromkeys(one.mode for one in day.sessions))
    in_mode = f" in mode {modes}" if modes else ""
    return f"{over}{in_mode}, 00:00 to 24:00 UTC. Times are UTC, amounts in {day.currency}."


def _banner(day: DayRecord) -> str:
    """An amber banner if a person should look."""
    refused = sum(one.status in REFUSED for one in day.orders.orders)
    counts = (
        (len(day.problems), "kind of problem", "kinds of problems"),
        (refused, "denied or rejected order", "denied or rejected orders"),
        (unclean_ends(day), "session that ended without a stop", "sessions that ended without a stop"),
    )
    told = [f"{count:,} {one if count == 1 else many}" for count, one, many in counts if count]
    if not told:
        return ""
    return f"<p class='banner amber' role='alert'><strong>To look at</strong> {escaped(', '.join(told))}</p>"


def _tiles(day: DayRecord) -> Iterable[str]:
    opening, closing, pnl = day.opening_equity, day.closing_equity, day.pnl
    yield tile("Equity before", amount(opening), day.currency)
    if closing is None and opening is not None and pnl is not None:
        computed = opening + day.paid_in + day.income + pnl
        yield tile("Equity after", amount(computed), "computed; the account was not marked")
    else:
        yield tile("Equity after", amount(closing), f"{day.currency}, at the last mark")
    yield tile("P&L of positions", amount(pnl), "after commissions", tone=_tone(pnl))
    yield tile("Commissions", amount(day.commissions), day.currency)
    yield tile("Paid in", amount(day.paid_in), "deposits less withdrawals")
    if day.income:
        yield tile("Income and fees", amount(day.income), "interest, dividends, fees apart from fills")
    fills = len(day.orders.fills)
    yield tile("Orders", f"{len(day.orders.orders):,}", f"{fills:,} {'fill' if fills == 1 else 'fills'}")
    yield tile("Sessions", f"{len(day.sessions):,}")


def _tone(value: Decimal | None) -> str:
    return tone_of(None if value is None else float(value))


def _curve(day: DayRecord) -> str:
    chart = day_chart(day.marks)
    if chart:
        return f"<section class='card'><h2>Equity</h2>{chart}</section>"
    return (
        "<p class='muted'>There is no chart: the account was marked less than twice on this day. "
        "<code>portfolio: {mark_every_s: 60}</code> marks it each minute.</p>"
    )


def _nothing() -> str:
    return "<section class='card'><p class='muted'>Nothing happened on this day.</p></section>"
