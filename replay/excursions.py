"""How high and how low prices went between two moments, for many pairs of moments in one pass.

Time is cut at every moment that is asked about; each stretch remembers its lowest and highest price, so an
event costs the same however many trades are open. A bar counts where it lies wholly between the moments; of
one that began before them only its close may: nobody knows when in a bar its low was.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from kernel.events import Bar, Event, Quote, Trade

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

Span = tuple[int, int]
"""After the first moment, up to and including the second; ns UTC."""


class PriceRanges:
    """Lows and highs of one symbol. A long position is worth the bid, a short one the ask."""

    def __init__(self, spans: Iterable[Span]) -> None:
        self._cuts = np.unique(np.array([moment for span in spans for moment in span], dtype=np.int64))
        stretches = max(0, len(self._cuts) - 1)
        self._lows = np.full((2, stretches), np.inf)
        self._highs = np.full((2, stretches), -np.inf)
        self._across: list[tuple[int, int, float, float]] = []
        """Bars over several stretches: first, last, low, high."""
        self._table: Floats = np.empty((0, 4))
        """The same as far as they were asked for, in order of their first stretch."""

    def take(self, events: Sequence[Event]) -> None:
        """Take events of the symbol, in order of ``ts`` within each call; bars, trades and quotes count."""
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
        """Lowest and highest price; infinities the wrong way round where there was none."""
        first, end = (int(place) for place in np.searchsorted(self._cuts, span))
        side = 0 if is_long else 1
        lows, highs = self._lows[side, first:end], self._highs[side, first:end]
        across = self._across_within(first, end)
        low = min(lows.min(initial=np.inf), across[:, 2].min(initial=np.inf))
        high = max(highs.max(initial=-np.inf), across[:, 3].max(initial=-np.inf))
        return float(low), float(high)

    def _across_within(self, first: int, end: int) -> Floats:
        """Bars over several stretches, all of them in ``first`` up to ``end``."""
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
        """The stretch that each moment is in or at the end of; outside of the array if in none."""
        return np.searchsorted(self._cuts, stamps, side="left") - 1

    def _widen(self, side: int, stretch: NDArray[np.intp], *, low: Floats, high: Floats) -> None:
        known = (stretch >= 0) & (stretch < self._lows.shape[1]) & np.isfinite(low) & np.isfinite(high)
        np.minimum.at(self._lows[side], stretch[known], low[known])
        np.maximum.at(self._highs[side], stretch[known], high[known])
