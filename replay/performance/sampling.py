"""Reduces a series to few points for a chart, and keeps every extreme visible."""

from collections.abc import Sequence

import msgspec
import numpy as np

from kernel.events import Bar
from replay.equity import Floats, Integers


class ExtremesSample:
    """Takes a series piece by piece and keeps at most ``limit`` points of it, in order.

    Up to ``limit`` - 4 points are all kept. Of a longer series it keeps the lowest and the highest point of
    each group of consecutive points. All groups have one size, which doubles whenever the limit is reached.
    So memory is bounded and the resolution is even, for a series of any length.
    """

    def __init__(self, limit: int) -> None:
        if limit < 8 or limit % 4:
            raise ValueError(f"limit is {limit}, expected a multiple of 4, at least 8")
        self._room = limit - 4
        self._group = 2
        self._kept_ts: Integers = np.empty(0, dtype=np.int64)
        self._kept_values: Floats = np.empty(0, dtype=np.float64)
        self._pending_ts: Integers = self._kept_ts
        self._pending_values: Floats = self._kept_values
        self._last_ts: Integers = self._kept_ts
        self._last_value: Floats = self._kept_values

    @property
    def is_thinned(self) -> bool:
        """Whether points were left out."""
        return self._group > 2

    def take(self, ts: Integers, values: Floats) -> None:
        """Add the next points."""
        if len(ts):
            self._last_ts, self._last_value = ts[-1:], values[-1:]
        ts = np.concatenate((self._pending_ts, ts))
        values = np.concatenate((self._pending_values, values))
        while len(values) >= self._group:
            groups = min(len(values) // self._group, (self._room - len(self._kept_ts)) // 2)
            if groups == 0:
                self._halve()
                continue
            chosen = _extremes(values, count=groups, size=self._group)
            self._kept_ts = np.concatenate((self._kept_ts, ts[chosen]))
            self._kept_values = np.concatenate((self._kept_values, values[chosen]))
            ts, values = ts[groups * self._group :], values[groups * self._group :]
        self._pending_ts, self._pending_values = ts, values

    def points(self) -> tuple[Integers, Floats]:
        """The kept points; the last point of the series is always among them."""
        rest = len(self._pending_values)
        chosen = _extremes(self._pending_values, count=1, size=rest) if rest > 2 else np.arange(rest)
        ts = np.concatenate((self._kept_ts, self._pending_ts[chosen]))
        values = np.concatenate((self._kept_values, self._pending_values[chosen]))
        if len(ts) and ts[-1] != self._last_ts[0]:
            ts, values = np.concatenate((ts, self._last_ts)), np.concatenate((values, self._last_value))
        return ts, values

    def _halve(self) -> None:
        """Merge each two groups into one."""
        chosen = _extremes(self._kept_values, count=len(self._kept_values) // 4, size=4)
        self._kept_ts, self._kept_values = self._kept_ts[chosen], self._kept_values[chosen]
        self._group *= 2


class Candles(msgspec.Struct, frozen=True, eq=False):
    """Bars of one timeframe in order of ``ts`` (ns UTC, the end); each is of up to ``bars_each`` bars."""

    ts: Integers
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    bars_each: int


class CandleSample:
    """Takes bars piece by piece and keeps at most ``limit`` candles, an even number.

    All candles but the last are of one number of bars, which doubles whenever the limit is reached.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._each = 1
        self._candles = _NO_CANDLES
        self._pending: list[Bar] = []

    def take(self, bars: Sequence[Bar]) -> None:
        """Add the next bars."""
        self._pending.extend(bars)
        while len(self._pending) >= self._each:
            candles = min(len(self._pending) // self._each, self._limit - len(self._candles.ts))
            taken = candles * self._each
            self._candles = _joined(self._candles, _grouped(_of_bars(self._pending[:taken]), self._each))
            del self._pending[:taken]
            if len(self._candles.ts) == self._limit:
                self._candles = _grouped(self._candles, 2)
                self._each *= 2

    def candles(self) -> Candles | None:
        """All candles, in order of time; ``None`` without bars."""
        rest = _of_bars(self._pending)
        found = _joined(self._candles, _grouped(rest, max(1, len(rest.ts))))
        if not len(found.ts):
            return None
        return msgspec.structs.replace(
            _part(found, np.argsort(found.ts, kind="stable")), bars_each=self._each
        )


_NO_FLOATS: Floats = np.empty(0)
_NO_CANDLES = Candles(np.empty(0, dtype=np.int64), _NO_FLOATS, _NO_FLOATS, _NO_FLOATS, _NO_FLOATS, 1)


def _of_bars(bars: Sequence[Bar]) -> Candles:
    columns = np.array([(bar.open, bar.high, bar.low, bar.close) for bar in bars]).reshape(len(bars), 4)
    stamps = np.array([bar.ts for bar in bars], dtype=np.int64)
    return Candles(stamps, columns[:, 0], columns[:, 1], columns[:, 2], columns[:, 3], 1)


def _grouped(one: Candles, size: int) -> Candles:
    """Each ``size`` candles as one; their number must be a multiple of ``size``."""
    if size == 1:
        return one
    shape = (-1, size)
    return Candles(
        one.ts.reshape(shape)[:, -1],
        one.open.reshape(shape)[:, 0],
        one.high.reshape(shape).max(axis=1, initial=-np.inf),
        one.low.reshape(shape).min(axis=1, initial=np.inf),
        one.close.reshape(shape)[:, -1],
        1,
    )


def _joined(first: Candles, second: Candles) -> Candles:
    return Candles(
        np.concatenate((first.ts, second.ts)),
        np.concatenate((first.open, second.open)),
        np.concatenate((first.high, second.high)),
        np.concatenate((first.low, second.low)),
        np.concatenate((first.close, second.close)),
        1,
    )


def _part(one: Candles, places: Integers) -> Candles:
    return Candles(one.ts[places], one.open[places], one.high[places], one.low[places], one.close[places], 1)


def _extremes(values: Floats, *, count: int, size: int) -> Integers:
    """Places of the lowest and the highest of each group, in order; first and last if all are equal."""
    grouped = values[: count * size].reshape(count, size)
    low, high = grouped.argmin(axis=1), grouped.argmax(axis=1)
    is_level = low == high
    first = np.where(is_level, 0, np.minimum(low, high))
    last = np.where(is_level, size - 1, np.maximum(low, high))
    places = np.arange(count) * size
    return np.stack((places + first, places + last), axis=1).ravel()
