"""Trading calendars of a run: their sessions are looked up before the run and kept in its log.

The name of a calendar is one of:

- a name of ``exchange_calendars``: the MIC or alias of an exchange (``XNYS``, ``NYSE``, ``XLON``),
  ``us_futures``, or ``24/7`` and ``24/5``, with days in UTC;
- ``FX``: currency dealing from Sunday to Friday 17:00 New York. A trading day begins at 17:00 and has the
  date of its end. No trading day ends on 25 December or 1 January. The short breaks around 17:00 differ
  between dealers and are left out.

The library and pandas take about a second to import, so they are imported only when a run names a calendar.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import Protocol
from zoneinfo import ZoneInfo

from kernel.errors import ConfigError
from kernel.events import CalendarDefined, TradingSession
from kernel.time_units import SECOND_NS

FX = "FX"
PADDING_BEFORE = timedelta(days=31)
"""Sessions before the first event, for DAY orders and monthly rebalancing."""
PADDING_AFTER = timedelta(days=62)
"""Sessions after the last event, for orders with a later time limit."""

_NEW_YORK = ZoneInfo("America/New_York")
_FX_ROLL = time(17)
_FX_HOLIDAYS = ((1, 1), (12, 25))
_SATURDAY = 5


class _Timestamp(Protocol):
    """The used part of ``pandas.Timestamp``."""

    @property
    def value(self) -> int: ...
    def date(self) -> date: ...


class _Calendar(Protocol):
    """The used part of ``exchange_calendars.ExchangeCalendar``."""

    @property
    def sessions(self) -> Iterable[_Timestamp]: ...
    @property
    def opens(self) -> Iterable[_Timestamp]: ...
    @property
    def closes(self) -> Iterable[_Timestamp]: ...
    def bound_min(self) -> _Timestamp | None: ...
    def bound_max(self) -> _Timestamp | None: ...


def calendar_events(names: Iterable[str], *, ts: int, from_ts: int, to_ts: int) -> list[CalendarDefined]:
    """The sessions of each calendar over a period with a margin around it, as inputs stamped ``ts``.

    In order of name; empty names are ignored. Raises ``ConfigError`` for an unknown name, or for a period
    without holidays in the library.
    """
    first, last = _day_of(from_ts), _day_of(to_ts)
    wanted = sorted({name for name in names if name})
    return [CalendarDefined(ts, name, trading_sessions(name, first, last)) for name in wanted]


def trading_sessions(name: str, first: date, last: date) -> tuple[TradingSession, ...]:
    """The sessions from a month before ``first`` to two months after ``last``; raises as above."""
    if name == FX:
        return tuple(_fx_sessions(first - PADDING_BEFORE, last + PADDING_AFTER))
    calendar = _library_calendar(name, first, last)
    rows = zip(calendar.sessions, calendar.opens, calendar.closes, strict=True)
    return tuple(TradingSession(_label(day.date()), opens.value, closes.value) for day, opens, closes in rows)


def _fx_sessions(first: date, last: date) -> Iterator[TradingSession]:
    """Trading days of currency dealing: closed at weekends and on two days a year, open on bank holidays."""
    for number in range((last - first).days + 1):
        day = first + timedelta(days=number)
        if day.weekday() < _SATURDAY and (day.month, day.day) not in _FX_HOLIDAYS:
            eve = day - timedelta(days=1)
            yield TradingSession(_label(day), _new_york_ns(eve, _FX_ROLL), _new_york_ns(day, _FX_ROLL))


def _library_calendar(name: str, first: date, last: date) -> _Calendar:
    with warnings.catch_warnings():
        # With pandas 3 the library causes warnings about its own use of pandas.
        warnings.simplefilter("ignore")
        library = _library()
        get: Callable[..., _Calendar] = library.get_calendar
        known: Sequence[str] = library.get_calendar_names()
        if name not in known:
            raise ConfigError(_unknown(name, known))
        start, end = first - PADDING_BEFORE, last + PADDING_AFTER
        try:
            return get(name, start=start.isoformat(), end=end.isoformat())
        except ValueError:  # the margin, or the period itself, is outside the library's range
            return _within_bounds(get, name, (first, last))


def _within_bounds(get: Callable[..., _Calendar], name: str, period: tuple[date, date]) -> _Calendar:
    """The calendar over the period and the known part of its margin."""
    calendar, (first, last) = get(name), period
    earliest, latest = calendar.bound_min(), calendar.bound_max()
    start = max(first - PADDING_BEFORE, earliest.date()) if earliest else first - PADDING_BEFORE
    end = min(last + PADDING_AFTER, latest.date()) if latest else last + PADDING_AFTER
    if start > first or end < last:
        since = f"from {earliest.date()}" if earliest else ""
        until = f"to {latest.date()}" if latest else "on"
        raise ConfigError(f"calendar {name!r} is known {since} {until}, not from {first} to {last}")
    try:
        return get(name, start=start.isoformat(), end=end.isoformat())
    except ValueError as error:
        raise ConfigError(f"calendar {name!r} from {first} to {last}: {error}") from error


def _library() -> ModuleType:
    return import_module("exchange_calendars")


def _unknown(name: str, known: Sequence[str]) -> str:
    by_upper = {each.upper(): each for each in (*known, FX)}
    near = [by_upper[match] for match in get_close_matches(name.upper(), by_upper, n=4, cutoff=0.5)]
    hint = f"did you mean {', '.join(near)}?" if near else "expected a name such as XNYS, XLON, FX or 24/7"
    return f"calendar {name!r} is unknown; {hint}"


def _label(day: date) -> int:
    return day.year * 10_000 + day.month * 100 + day.day


def _day_of(ts: int) -> date:
    return datetime.fromtimestamp(ts // SECOND_NS, tz=UTC).date()


def _new_york_ns(day: date, clock: time) -> int:
    return int(datetime.combine(day, clock, _NEW_YORK).timestamp()) * SECOND_NS
