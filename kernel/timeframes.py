"""Timeframes of bars: a count and a unit, such as ``5m``, ``1d`` or ``1mo``.

Seconds, minutes, hours, days and weeks (``s m h d w``) have a fixed length. Months and years (``mo y``)
follow the calendar: a bar of ``1mo`` covers one month of 28 to 31 days, a quarter is ``3mo``, a year ``1y``.
"""

import re
from functools import lru_cache

import msgspec

from kernel.errors import InputError
from kernel.time_units import DAY_NS, DAY_S, SECOND_NS

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": DAY_S, "w": 7 * DAY_S}
_MONTHS = {"mo": 1, "y": 12}
_SHORTEST_MONTH_NS = 28 * DAY_NS


class Timeframe(msgspec.Struct, frozen=True):
    """A parsed timeframe. One of ``length_ns`` (a fixed length) and ``months`` (of the calendar) is 0."""

    length_ns: int
    months: int

    @property
    def shortest_ns(self) -> int:
        """The length of its shortest bar; a month has at least 28 days."""
        return self.length_ns or self.months * _SHORTEST_MONTH_NS

    @property
    def is_whole_days(self) -> bool:
        """Whether a bar covers whole days."""
        return self.length_ns % DAY_NS == 0


@lru_cache(maxsize=256)
def parse_timeframe(text: str) -> Timeframe:
    """The timeframe that a text names. Raises ``InputError`` if it names none."""
    match = re.fullmatch(r"([1-9]\d{0,5})(s|m|h|d|w|mo|y)", text, re.ASCII)
    if match is None:
        raise InputError(_explained(text))
    count, unit = int(match[1]), match[2]
    if unit in _MONTHS:
        return Timeframe(0, count * _MONTHS[unit])
    return Timeframe(count * _SECONDS[unit] * SECOND_NS, 0)


@lru_cache(maxsize=256)
def fixed_length_ns(text: str) -> int:
    """The length of a timeframe in ns; 0 if it follows the calendar, or is not known as a timeframe."""
    try:
        return parse_timeframe(text).length_ns
    except InputError:
        return 0


def _explained(text: str) -> str:
    months = re.fullmatch(r"([1-9]\d{0,5})(M|Mo|MO|Mon|mon|MN|mn)", text, re.ASCII)
    if months is not None:
        return f"timeframe is {text!r}: a month is written {months[1]}mo, and a minute {months[1]}m"
    return (
        f"timeframe is {text!r}, expected a count and s, m, h, d, w, mo (months) or y, "
        "such as 5m, 1d, 1mo or 1y"
    )
