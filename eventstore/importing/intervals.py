"""The stamp rule of ``ImportOptions``: from the text of a time stamp to kernel time.

Theory of operation. A row may be used from its ``ts`` on, so ``ts`` must never be too early.

- A quote or trade is known at its stamp. The stamp must have a time of day.
- A bar shorter than a day has its stamp at one end (``label``); the timeframe gives the other end.
- A bar of whole days that is stamped by a date, or by midnight with ``label`` open, covers whole local days.
  Without ``session`` it begins at local midnight and is known at the last nanosecond of its last day. With
  ``session`` it begins and ends at the session's hours. Days have 23 or 25 hours where clocks change.
- A bar of whole days with any other time of day begins or ends at that local time.
- A bar of months covers whole local months, from the first moment of its first day to the last nanosecond of
  its last day (or the hours of ``session``). Any day of a month stands for that month, since vendors stamp
  monthly bars by their first or last day, or the first or last day of trading. With ``label`` open it is the
  first month of the bar, with close the last one. Midnight of a first day with ``label`` close ends the month
  before.

A stamp with its own offset from UTC is first converted to the zone of the options. The results of daily bars
are cached by text; the cache does not change any result.
"""

import re
from datetime import timedelta
from typing import Protocol

from eventstore.importing.defects import RowDefect
from eventstore.importing.local_time import LocalTime
from eventstore.importing.options import ImportOptions, Label
from eventstore.importing.timestamps import Stamp, StampParser
from eventstore.moments import EPOCH
from kernel.errors import InputError
from kernel.time_units import DAY_NS, SECOND_NS
from kernel.timeframes import parse_timeframe

_FIRST_DAYS = 7
_LAST_DAYS = 22
"""A bar of several months is stamped in the first or last days of a month. The first day of trading is the
5th at the latest, the last one the 24th at the earliest."""

_CACHE_LIMIT = 100_000

DEFAULT_TIMEFRAME = "1d"
"""Of options that name none, where no file can tell it."""


class Intervals(Protocol):
    """The rule for the bars of a file."""

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice."""
        ...

    def interval(self, text: str, later: bool) -> tuple[int, int]:
        """(open_ts, ts) of the bar with this stamp; raises ``RowDefect``.

        ``later``: take the second of two equal times.
        """
        ...


def timeframe_ns(timeframe: str) -> int:
    """Length of a timeframe; of months the shortest. Raises ``InputError`` if it is not a timeframe."""
    return parse_timeframe(timeframe).shortest_ns


def session_hours(session: str) -> tuple[int, int]:
    """Open and close of ``HH:MM-HH:MM`` in ns since midnight; raises ``InputError``."""
    match = re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)", session, re.ASCII)
    if match is None or (match[3] == "24" and match[4] != "00"):
        raise InputError(f"session is {session!r}, expected local hours such as 09:30-16:00")
    hours = [(int(match[i]) * 60 + int(match[i + 1])) * 60 * SECOND_NS for i in (1, 3)]
    return hours[0], hours[1]


def stamp_parser(options: ImportOptions) -> StampParser:
    """The parser that the options ask for."""
    return StampParser(time_format=options.time_format, unit=options.time_unit, date_order=options.date_order)


def intervals_of(options: ImportOptions) -> Intervals:
    """The rule for bars; raises ``InputError`` for options that do not fit together."""
    timeframe = parse_timeframe(options.timeframe or DEFAULT_TIMEFRAME)
    if timeframe.months:
        return MonthlyIntervals(options)
    if timeframe.is_whole_days:
        return DailyIntervals(options)
    if options.session:
        raise InputError(f"option session is for bars of whole days, the timeframe is {options.timeframe}")
    return IntradayIntervals(options)


class Instants:
    """Converts stamps of a single moment: of quotes, trades and the ends of bars."""

    def __init__(self, options: ImportOptions) -> None:
        self._parse = stamp_parser(options).parse
        self._local = LocalTime(options.tz or "UTC")
        self._is_utc = self._local.is_utc

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice."""
        return self._local.repeated_count

    def instant(self, text: str, later: bool = False) -> int:
        """The instant of a stamp, in ns UTC; a date alone is refused."""
        wall_ns, offset_ns, has_time = self._parse(text)
        if not has_time:
            raise RowDefect("time", text, expected="a date and a time of day")
        if offset_ns is not None:
            return wall_ns - offset_ns
        return wall_ns if self._is_utc else self._local.to_utc(wall_ns, later=later)


class IntradayIntervals:
    """Bars shorter than a day. The stamp is one end; the timeframe gives the other."""

    def __init__(self, options: ImportOptions) -> None:
        self._instants = Instants(options)
        self._instant = self._instants.instant
        length = timeframe_ns(options.timeframe or DEFAULT_TIMEFRAME)
        self._before, self._after = (length, 0) if options.label is Label.CLOSE else (0, length)

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice."""
        return self._instants.repeated_count

    def interval(self, text: str, later: bool) -> tuple[int, int]:
        """(open_ts, ts) of the bar with this stamp."""
        stamp = self._instant(text, later)
        return stamp - self._before, stamp + self._after


class DailyIntervals:
    """Bars of whole days: calendar days of the zone, of 23 or 25 hours where clocks change."""

    def __init__(self, options: ImportOptions) -> None:
        self._parse = stamp_parser(options).parse
        self._local = LocalTime(options.tz or "UTC")
        self._length = timeframe_ns(options.timeframe or DEFAULT_TIMEFRAME)
        self._label = options.label or Label.OPEN
        self._session = session_hours(options.session) if options.session else None
        self._known: dict[tuple[str, bool], tuple[int, int]] = {}

    @property
    def repeated_count(self) -> int:
        """How many stamps so far are local times that occur twice."""
        return self._local.repeated_count

    def interval(self, text: str, later: bool) -> tuple[int, int]:
        """(open_ts, ts) of the bar with this stamp."""
        known = self._known.get((text, later))
        if known is None:
            if len(self._known) > _CACHE_LIMIT:
                self._known.clear()
            known = self._known[text, later] = self._new_interval(self._parse(text), later)
        return known

    def _new_interval(self, stamp: Stamp, later: bool) -> tuple[int, int]:
        wall_ns, offset_ns, has_time = stamp
        at = 0
        if offset_ns is not None:
            at = wall_ns - offset_ns
            wall_ns = self._local.to_wall(at)
        is_midnight = wall_ns % DAY_NS == 0
        if not has_time or (is_midnight and self._label is Label.OPEN):
            return self._whole_days(wall_ns)
        if offset_ns is None:
            at = self._local.to_utc(wall_ns, later=later)
        if self._label is Label.OPEN:
            return at, self._local.to_utc_or_next(wall_ns + self._length)
        return self._local.to_utc_or_next(wall_ns - self._length), at

    def _whole_days(self, day_ns: int) -> tuple[int, int]:
        first = day_ns if self._label is Label.OPEN else day_ns - self._length + DAY_NS
        last = first + self._length - DAY_NS
        local = self._local.to_utc_or_next
        if self._session is None:
            return local(first), local(last + DAY_NS) - 1
        opens, closes = self._session
        first = first if opens < closes else first - DAY_NS
        return local(first + opens), local(last + closes)


class MonthlyIntervals:
    """Bars of whole calendar months of the zone."""

    def __init__(self, options: ImportOptions) -> None:
        self._parse = stamp_parser(options).parse
        self._local = LocalTime(options.tz or "UTC")
        self._months = parse_timeframe(options.timeframe).months
        self._is_label_open = options.label is not Label.CLOSE
        self._session = session_hours(options.session) if options.session else None
        self.repeated_count = 0  # no month begins or ends in an hour that occurs twice

    def interval(self, text: str, later: bool) -> tuple[int, int]:
        """(open_ts, ts) of the bar with this stamp."""
        del later  # a month does not end in an hour that occurs twice
        wall_ns, offset_ns, has_time = self._parse(text)
        if offset_ns is not None:
            wall_ns = self._local.to_wall(wall_ns - offset_ns)
        if has_time and not self._is_label_open and wall_ns % DAY_NS == 0:
            is_first_day = (EPOCH + timedelta(microseconds=wall_ns // 1_000)).day == 1
            wall_ns -= is_first_day  # the end of the last day of the month before
        first = self._first_month(text, wall_ns)
        opens, closes = self._session or (0, DAY_NS)
        begin = month_start_ns(first) + opens - (0 if opens < closes else DAY_NS)
        end = month_start_ns(first + self._months) - DAY_NS + closes
        local = self._local.to_utc_or_next
        return local(begin), local(end) - (self._session is None)

    def _first_month(self, text: str, wall_ns: int) -> int:
        """The first month of the bar, counted from year 0."""
        day = EPOCH + timedelta(microseconds=wall_ns // 1_000)
        month = day.year * 12 + day.month - 1
        if self._months == 1:
            return month
        if self._is_label_open:
            if day.day > _FIRST_DAYS:
                raise RowDefect("time", text, expected="the first day of the bar's months (see label)")
            return month
        if day.day < _LAST_DAYS:
            raise RowDefect("time", text, expected="the last day of the bar's months (see label)")
        return month - self._months + 1


def month_start_ns(month: int) -> int:
    """The local time at which a month begins, in ns since the epoch; months are counted from year 0."""
    first_day = EPOCH.replace(year=month // 12, month=month % 12 + 1)
    return (first_day - EPOCH).days * DAY_NS
