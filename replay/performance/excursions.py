"""The lowest and highest price between two times, for many pairs of times in one pass.

Time is cut at every time in question, and each stretch remembers its lowest and highest price. So an event
takes the same time, however many trades are open. High and low of a bar count only if the whole bar is
between the two times, since the time of its low within the bar is unknown. Of a bar that began earlier only
the close counts.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from kernel.events import Bar, Event, Quote, Trade

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Span = tuple[int, int]
"""From after the first time, up to and including the second; ns UTC."""


class PriceRanges:
    """Lows and highs of one symbol. The bid counts for a long position, the ask for a short one."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._cuts = np.unique(np.array([moment for span in spans for moment in span], dtype=np.int64))
        stretches = max(0, len(self._cuts) - 1)
        self._lows = np.full((2, stretches), np.inf)
        self._highs = np.full((2, stretches), -np.inf)
        self._across: list[tuple[int, int, float, float]] = []
        """Bars over several stretches: first, last, low, high."""
        self._table: Floats = np.empty((0, 4))
        """The same bars in order of their first stretch; renewed by ``between`` if bars were added."""

    def take(self, events: Sequence[Event]) -> None:
        """Take events of the symbol, in order of ``ts`` within each call. Uses bars, trades and quotes."""
        points: list[tuple[int, float, float]] = []
        bars: list[Bar] = []
        for event in events:
            match event:
                case Quote():
                    points.append((event.ts, event.bid or np.nan, event.ask or np.nan))
                case Trade():
                    points.append((event.ts, event.price, event.price))
                case Bar():
                    points.append((event.ts, event.close, event.close))
                    if 0 < event.open_ts < event.ts:
                        bars.append(event)
                case _:
                    continue
        if points:
            stamps = np.array([point[0] for point in points], dtype=np.int64)
            stretch = self._stretch_up_to(stamps)
            for side in (0, 1):
                prices = np.array([point[1 + side] for point in points], dtype=np.float64)
                self._widen(side, stretch, low=prices, high=prices)
        if bars:
            self._take_bars(bars)

    def between(self, span: Span, *, is_long: bool) -> tuple[float, float]:
        """Lowest and highest price; plus and minus infinity if there was no price."""
        first, end = (int(place) for place in np.searchsorted(self._cuts, span))
        side = 0 if is_long else 1
        lows, highs = self._lows[side, first:end], self._highs[side, first:end]
        across = self._across_within(first, end)
        low = min(lows.min(initial=np.inf), across[:, 2].min(initial=np.inf))
        high = max(highs.max(initial=-np.inf), across[:, 3].max(initial=-np.inf))
        return float(low), float(high)

    def _across_within(self, first: int, end: int) -> Floats:
        """Bars over several stretches that are all within ``first`` up to, not including, ``end``."""
        if len(self._table) != len(self._across):
            self._table = np.array(sorted(self._across), dtype=np.float64)
        begin, stop = np.searchsorted(self._table[:, 0], (first, end))
        rows = self._table[begin:stop]
        return rows[rows[:, 1] < end]

    def _take_bars(self, bars: Sequence[Bar]) -> None:
        opened = np.array([bar.open_ts for bar in bars], dtype=np.int64)
        closed = np.array([bar.ts for bar in bars], dtype=np.int64)
        low = np.array([bar.low for bar in bars], dtype=np.float64)
        high = np.array([bar.high for bar in bars], dtype=np.float64)
        start = np.searchsorted(self._cuts, opened, side="right") - 1
        last = self._stretch_up_to(closed)
        within = start == last
        for side in (0, 1):
            self._widen(side, np.where(within, last, -1), low=low, high=high)
        for place in np.flatnonzero((start >= 0) & (start < last) & (last < self._lows.shape[1])):
            row = (int(start[place]), int(last[place]), float(low[place]), float(high[place]))
            self._across.append(row)

    def _stretch_up_to(self, stamps: Integers) -> NDArray[np.intp]:
        """The stretch that contains each time, its end included; outside the array if there is none."""
        return np.searchsorted(self._cuts, stamps, side="left") - 1

    def _widen(self, side: int, stretch: NDArray[np.intp], *, low: Floats, high: Floats) -> None:
        known = (stretch >= 0) & (stretch < self._lows.shape[1]) & np.isfinite(low) & np.isfinite(high)
        np.minimum.at(self._lows[side], stretch[known], low[known])
        np.maximum.at(self._highs[side], stretch[known], high[known])
