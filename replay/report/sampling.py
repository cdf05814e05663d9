"""Reduces a series to few points for a chart, and keeps every extreme visible."""

import numpy as np

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


def _extremes(values: Floats, *, count: int, size: int) -> Integers:
    """Places of the lowest and the highest of each group, in order; first and last if all are equal."""
    grouped = values[: count * size].reshape(count, size)
    low, high = grouped.argmin(axis=1), grouped.argmax(axis=1)
    is_level = low == high
    first = np.where(is_level, 0, np.minimum(low, high))
    last = np.where(is_level, size - 1, np.maximum(low, high))
    places = np.arange(count) * size
    return np.stack((places + first, places + last), axis=1).ravel()
