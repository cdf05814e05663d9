"""Builds coarser bars from finer bars or trades: of time, or of a number, volume or value of trades.

Theory of operation. A bar in progress is a ``PartialBar``; parts are added to it in order of time. Nothing
of it is shown before it is complete, so nobody sees a bar before its last part is known.

- A bar of time covers a period of a trading day, or whole trading days. Periods begin with the day, the
  last one ends with it. A bar of weeks or months ends with the last trading day in it. It is complete when
  a part ends with it, when a part of a later period comes, or when its end has passed (``due``).
- Other bars are complete with the part that reaches their size. That part is never divided.

A split restates a bar in progress, so that all its prices are on the same terms.
"""

import re
from collections.abc import Callable
from datetime import date
from enum import Enum

import msgspec

from kernel.errors import InputError
from kernel.events import Bar, Trade
from kernel.time_units import DAY_NS
from kernel.timeframes import parse_timeframe

_EPOCH = date(1970, 1, 1).toordinal()
_WEEK_DAYS = 7
_SIZED = r"(tick|volume|dollar):(\d{1,15}(?:\.\d{1,9})?|\d{1,3}e\d{1,2})"

TradingDay = tuple[int, int, int]
"""(day as YYYYMMDD, its beginning, its end), in ns."""

TradingDays = Callable[[int], TradingDay]
"""The trading day that contains a moment, else the next one."""


class BarSize(Enum):
    """What makes a bar complete."""

    TIME = "time"
    TICKS = "tick"
    VOLUME = "volume"
    VALUE = "dollar"


class PartialBar(msgspec.Struct):
    """A bar in progress. ``end_ts``: the end of its period; 0 for bars that do not end by time.

    ``filled``: trades, volume or value so far. ``ts``: when its last part was known.
    """

    open_ts: int
    end_ts: int
    ts: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    filled: float = 0.0

    def restate(self, ratio: float) -> None:
        """Put prices and volume on the terms after a split."""
        self.open /= ratio
        self.high /= ratio
        self.low /= ratio
        self.close /= ratio
        self.volume *= ratio


def utc_day(ts: int) -> TradingDay:
    """The UTC date of a moment: the trading day where there is no calendar."""
    number = ts // DAY_NS
    day = date.fromordinal(_EPOCH + number)
    return day.year * 10_000 + day.month * 100 + day.day, number * DAY_NS, (number + 1) * DAY_NS


class BarBuilder:
    """Builds the bars of one timeframe (``1h``, ``1mo``, ``tick:100``, ``volume:1e6``, ``dollar:1e6``).

    It has no state: a bar in progress is handed in and out.
    """

    def __init__(self, timeframe: str, days: TradingDays = utc_day) -> None:
        """Raises ``InputError`` if the timeframe is none."""
        self.timeframe = timeframe
        self.size, self._limit = _parsed(timeframe)
        self._days = days
        time = parse_timeframe(timeframe) if self.size is BarSize.TIME else None
        self._length = 0 if time is None else time.length_ns
        self._months = 0 if time is None else time.months

    def is_finer(self, timeframe: str) -> bool:
        """Whether bars of a timeframe can be parts. Ticks cannot be counted in bars."""
        try:
            part = parse_timeframe(timeframe)
        except InputError:
            return False  # bars of ticks, volume or value have no length
        if self.size is not BarSize.TIME:
            return self.size is not BarSize.TICKS
        if self._length and part.length_ns:
            return part.length_ns < self._length and self._length % part.length_ns == 0
        if self._months and part.months:
            return part.months < self._months and self._months % part.months == 0
        return bool(self._months) and part.length_ns <= DAY_NS

    def add_bar(self, partial: PartialBar | None, bar: Bar) -> tuple[PartialBar | None, list[Bar]]:
        """Add a finer bar; returns the bar in progress and those that are complete now."""
        begin = bar.open_ts or bar.ts - (parse_timeframe(bar.timeframe).length_ns or 1)
        part = PartialBar(begin, 0, bar.ts, bar.open, bar.high, bar.low, bar.close, bar.volume)
        part.filled = bar.volume if self.size is BarSize.VOLUME else bar.volume * bar.close
        return self._add(partial, part, bar.symbol, ends_bar=True)

    def add_trade(self, partial: PartialBar | None, trade: Trade) -> tuple[PartialBar | None, list[Bar]]:
        """Add a trade; returns the bar in progress and those that are complete now.

        A trade in the last nanosecond of a period does not complete it, since another one may follow.
        """
        price, size = trade.price, trade.size
        part = PartialBar(trade.ts, 0, trade.ts, price, price, price, price, size)
        values = {BarSize.TICKS: 1.0, BarSize.VOLUME: size, BarSize.VALUE: size * price}
        part.filled = values.get(self.size, 0.0)
        return self._add(partial, part, trade.symbol, ends_bar=False)

    def due(self, partial: PartialBar | None, now: int, *, symbol: str) -> Bar | None:
        """The bar in progress if its period has ended by ``now``. Changes nothing."""
        if partial is None or not partial.end_ts or partial.end_ts > now:
            return None
        return self._bar(partial, symbol, partial.end_ts)

    def _add(
        self, partial: PartialBar | None, part: PartialBar, symbol: str, *, ends_bar: bool
    ) -> tuple[PartialBar | None, list[Bar]]:
        done: list[Bar] = []
        if self.size is not BarSize.TIME:
            partial = part if partial is None else _joined(partial, part)
            if partial.filled < self._limit:
                return partial, done
            return None, [self._bar(partial, symbol, part.ts)]
        if partial is not None and part.open_ts >= partial.end_ts:
            done.append(self._bar(partial, symbol, partial.end_ts))
            partial = None
        if partial is None:
            part.open_ts, part.end_ts = self._period(part.open_ts)
            partial = part
        else:
            partial = _joined(partial, part)
        if ends_bar and part.ts + 1 >= partial.end_ts:
            done.append(self._bar(partial, symbol, part.ts))
            partial = None
        return partial, done

    def _bar(self, partial: PartialBar, symbol: str, ts: int) -> Bar:
        return Bar(
            max(ts, partial.ts),
            symbol,
            self.timeframe,
            partial.open,
            partial.high,
            partial.low,
            partial.close,
            partial.volume,
            partial.open_ts,
        )

    def _period(self, ts: int) -> tuple[int, int]:
        """Beginning and end of the period that contains a moment.

        A moment before the day's beginning (before the open) is in a period that ends at a multiple of the
        length before it.
        """
        day, begin, end = self._days(ts)
        if self._length and self._length < DAY_NS:
            start = begin + (ts - begin) // self._length * self._length
            stop = start + self._length
            return start, min(stop, end) if start >= begin else stop
        group = self._group(day)
        following, _, next_end = self._days(end)
        while self._group(following) == group and next_end > end:
            end = next_end
            following, _, next_end = self._days(end)
        return min(begin, ts), end

    def _group(self, day: int) -> int:
        """The number of the bar that a trading day belongs to."""
        year, month, of_month = day // 10_000, day // 100 % 100, day % 100
        if self._months:
            return (year * 12 + month - 1) // self._months
        number = date(year, month, of_month).toordinal() - 1  # 0 is a Monday
        days = self._length // DAY_NS
        return number // days if days % _WEEK_DAYS == 0 else (number + 1 - _EPOCH) // days


def _joined(partial: PartialBar, part: PartialBar) -> PartialBar:
    partial.high = max(partial.high, part.high)
    partial.low = min(partial.low, part.low)
    partial.close = part.close
    partial.volume += part.volume
    partial.filled += part.filled
    partial.ts = part.ts
    return partial


def _parsed(timeframe: str) -> tuple[BarSize, float]:
    match = re.fullmatch(_SIZED, timeframe, re.ASCII)
    if match is None:
        if ":" in timeframe:
            raise InputError(
                f"timeframe is {timeframe!r}, expected tick:100, volume:10000 or dollar:1000000, or a length "
                "such as 1h"
            )
        length_ns = parse_timeframe(timeframe).length_ns
        if length_ns > DAY_NS and length_ns % DAY_NS:
            raise InputError(f"timeframe is {timeframe!r}, expected whole days for more than a day")
        return BarSize.TIME, 0.0
    limit = float(match[2])
    if limit <= 0 or (match[1] == "tick" and limit != int(limit)):
        raise InputError(f"timeframe is {timeframe!r}, expected a size above 0; ticks are whole")
    return BarSize(match[1]), limit
