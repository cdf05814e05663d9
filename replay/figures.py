"""Figures as text for people, the same in tables and in the report."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from kernel.decimals import exact
from kernel.events import Side
from kernel.time_units import DAY_NS, SECOND_NS
from replay.performance.trades import RoundTrip

UNDEFINED = "-"
NAMES_SHOWN = 10


def explained(text: str, reason: str | None) -> str:
    """A figure; with the reason if it is not defined."""
    return f"{text} ({reason})" if text == UNDEFINED and reason else text


def percent(value: float | None) -> str:
    """A fraction as a percentage with two decimals."""
    return UNDEFINED if value is None else f"{value * 100:,.2f} %"


def ratio(value: float | None) -> str:
    """A plain number with two decimals."""
    return UNDEFINED if value is None else f"{value:,.2f}"


@exact
def money(value: Decimal) -> str:
    """An amount with two decimals."""
    return f"{value:,.2f}"


@exact
def price(value: Decimal) -> str:
    """A price with all its digits, trailing zeros included."""
    return f"{value:,f}"


@exact
def average_price(value: Decimal) -> str:
    """The average of prices, which has more decimals than they have, without zeros at its end."""
    return f"{value.normalize():,f}"


@exact
def grouped(number: str | None) -> str:
    """An exact number in text with separators of thousands; ``None``: it is not known."""
    return UNDEFINED if number is None else f"{Decimal(number):,f}"


def last_price(value: float | None) -> str:
    """A price of the market in ten digits, never as a power of ten."""
    return UNDEFINED if value is None else f"{Decimal(f'{value:.10g}'):,f}"


@exact
def quantity(value: Decimal) -> str:
    """A quantity with all its digits, without trailing zeros."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def duration(value_ns: float | None) -> str:
    """The two largest units: ``46 d 3 h``, ``2 h 5 min``, ``12.5 s``, ``1 ns``."""
    if value_ns is None:
        return UNDEFINED
    seconds = value_ns / SECOND_NS
    if seconds < 60:
        return _short(value_ns)
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days:,} d {hours} h" if hours else f"{days:,} d"


def _short(value_ns: float) -> str:
    """Less than a minute, with three digits, in the largest unit of which there is one."""
    for unit, length_ns in (("s", SECOND_NS), ("ms", SECOND_NS // 1_000), ("µs", SECOND_NS // 1_000_000)):
        if value_ns >= 0.9995 * length_ns:  # 999.6 ms has three digits as 1 s
            return f"{value_ns / length_ns:.3g} {unit}"
    return f"{value_ns:.3g} ns" if value_ns else "0 s"


def iso(ts: int) -> str:
    """A time in ns since the epoch as ISO 8601 in UTC, with as many decimals as it needs."""
    seconds, ns = divmod(ts, SECOND_NS)
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{ns:09d}".rstrip("0") + "Z" if ns else f"{text}Z"


def moment(ts: int) -> str:
    """A time for people: the day, and the time to the second unless it is midnight (UTC)."""
    day, _, clock = iso(ts).rstrip("Z").partition("T")
    clock = clock.partition(".")[0]
    return day if clock == "00:00:00" else f"{day} {clock}"


def period(days: tuple[int, int]) -> str:
    """The first and the last trading day, which are counted from 1970-01-01."""
    first, last = (iso(day * DAY_NS)[:10] for day in days)
    return first if first == last else f"{first} to {last}"


def names(values: Sequence[str]) -> str:
    """The first names by comma, and the number of the others."""
    more = len(values) - NAMES_SHOWN
    shown = ", ".join(values[:NAMES_SHOWN])
    return f"{shown} and {more:,} more" if more > 0 else shown


def trade_cells(number: int, trade: RoundTrip) -> tuple[str, ...]:
    """The first cells of a row in every table of trades, from the number to the duration."""
    return (
        str(number),
        trade.strategy,
        trade.symbol,
        "long" if trade.side is Side.BUY else "short",
        quantity(trade.quantity),
        moment(trade.entry_ts),
        price(trade.entry_price),
        moment(trade.exit_ts),
        price(trade.exit_price),
        duration(trade.duration_ns),
    )
