"""The trading day of market data, as YYYYMMDD.

- A bar of whole days: the UTC date of the middle of its last 24 hours, one hour later. That is the bar's own
  date for local days in every zone from UTC-10 to UTC+13, for sessions in any zone, and for days that begin
  at 17:00 New York the evening before. Its end would be the next date west of Greenwich, and its beginning
  the date before east of it.
- All other data, and bars that do not say when they opened: the UTC date of the last nanosecond up to then.
"""

from datetime import date

from kernel.errors import InputError
from kernel.events import Bar
from kernel.time_units import DAY_NS, HOUR_NS
from kernel.timeframes import parse_timeframe

_EPOCH = date(1970, 1, 1).toordinal()


def holds_whole_days(timeframe: str) -> bool:
    """Whether bars of this timeframe hold whole trading days; no, if it is not known as a timeframe."""
    try:
        return parse_timeframe(timeframe).is_whole_days
    except InputError:
        return False


def utc_day(ts: int) -> int:
    """The UTC date of a moment."""
    day = date.fromordinal(_EPOCH + ts // DAY_NS)
    return day.year * 10_000 + day.month * 100 + day.day


def first_day_of_bar(bar: Bar) -> int:
    """The trading day of a bar of whole days; the first one, if it holds several."""
    if not bar.open_ts:
        return day_of_bar(bar)
    return utc_day((bar.open_ts + min(bar.ts + 1, bar.open_ts + DAY_NS)) // 2 + HOUR_NS)


def day_of_bar(bar: Bar) -> int:
    """The trading day of a bar of whole days; the last one, if it holds several."""
    end_ts = bar.ts + 1
    if not bar.open_ts:
        return utc_day(max(0, bar.ts - 1))
    first_ts = max(bar.open_ts, end_ts - DAY_NS)
    return utc_day((first_ts + end_ts) // 2 + HOUR_NS)


def days_since_epoch(day: int) -> int:
    """A day as YYYYMMDD, counted from 1970-01-01."""
    return date(day // 10_000, day // 100 % 100, day % 100).toordinal() - _EPOCH
