"""Prices that leave and come back, and splits that prices are not adjusted for.

Theory of operation. ``SpikeWatch`` remembers the price before it was left, and the rows since, three at most.
They are a spike if the next price lies as far from them as the price before did, on the same side. A price
that stays is none: that is a crash or a rally.

``SplitWatch`` compares the open of each session with the close of the one before. It remembers the usual size
of these changes, and the last one that looked like a split. Such a change is near a ratio of a split, far
above the usual changes, and the prices of that session and the next three are calm beside it. A coin that
loses half of its price in a day does so within the session, and is not calm.
"""

from collections import deque
from collections.abc import Iterator
from math import log
from statistics import median

import msgspec

from kernel.events import Bar
from kernel.time_units import HOUR_NS

SPIKE = 5.0
"""A price so many times those before and after it, or less than its inverse, is a spike: half of ten."""

SPIKE_ROWS = 3
"""A price that is away for longer stays."""

SPLIT_RATIOS = (
    *((2, 1), (3, 2), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1), (8, 1), (10, 1), (15, 1)),
    *((20, 1), (25, 1), (30, 1), (40, 1), (50, 1), (100, 1)),
)
"""The usual ones, new shares for old ones; a reverse split turns them round."""

OVERNIGHT_NS = 4 * HOUR_NS
"""A longer pause between two bars of less than a day is a night."""

CALM_SESSIONS = 3
"""So many sessions after a change must be calm before it is called a split."""

USUAL_SESSIONS = 64
"""The sessions that tell the usual changes over night."""

_FEWEST_SESSIONS = 10
_SMALLEST_CHANGE = 0.336  # ln 1.4: a split 3:2 on a day of rising prices
_FAR_ABOVE_USUAL = 10
_CALM_PART = (
    0.25  # of the change: the widest range of a calm session. Real splits stay below 0.21, crashes do not.
)
_NEAR = 0.03  # of the price, to the ratio: the true change of that night
_NEAR_PART = 0.05  # of the change: reverse splits 1:20 happen to prices that move much
_FLAT_RATIO = 3  # without open, high and low a session cannot show that it was calm


def is_far(price: float, other: float) -> bool:
    """Whether a price is ``SPIKE`` times another one, or the other is so many times the price."""
    return min(price, other) > 0 and not other / SPIKE < price < other * SPIKE


class Spike(msgspec.Struct, frozen=True):
    """A row whose price lies far from those before and after it."""

    from_ts: int
    ts: int
    price: float
    before: float


class SpikeWatch:
    """Follows the prices of one symbol's rows. ``is_waiting``: a price was left, and may come back."""

    def __init__(self) -> None:
        self._away: list[Spike] = []

    @property
    def is_waiting(self) -> bool:
        """Whether the last price may be a spike."""
        return bool(self._away)

    def forget(self) -> None:
        """The rows before are of no concern for those that follow."""
        self._away = []

    def add(self, ts: int, price: float, *, before_ts: int, before: float) -> list[Spike]:
        """Take a row and the one before it; returns the spikes that ended with it."""
        away = self._away
        if away:
            left = away[0].before
            if all(_on_one_side(each.price, left, price) for each in away):
                self._away = []
                return away
            if len(away) < SPIKE_ROWS and _on_one_side(price, left, left):
                away.append(Spike(away[0].from_ts, ts, price, left))
                return []
        self._away = [Spike(before_ts, ts, price, before)] if is_far(price, before) else []
        return []


def odd_prices(bar: Bar, before: float) -> Iterator[tuple[float, float]]:
    """(price, price beside it) of an open, high or low that lies far from both of its neighbours."""
    if _on_one_side(bar.open, before, bar.close):
        yield bar.open, bar.close
    top, bottom = max(bar.open, bar.close), min(bar.open, bar.close)
    if is_far(bar.high, top):
        yield bar.high, bar.close
    if is_far(bar.low, bottom):
        yield bar.low, bar.close


class Split(msgspec.Struct, frozen=True):
    """A change over night that looks like a split; it was knowable at ``ts``."""

    from_ts: int
    to_ts: int
    price: float
    before: float
    ts: int = 0


class SplitWatch:
    """Follows the sessions of one symbol's bars. A bar of a day or longer is a session."""

    def __init__(self, *, is_daily: bool) -> None:
        self._is_daily = is_daily
        self._open = self._high = self._low = self._close = 0.0
        self._ts = self._first_end = 0
        self._last_close, self._last_ts = 0.0, 0
        self._usual: deque[float] = deque(maxlen=USUAL_SESSIONS)
        self._change = 0.0
        self._split: Split | None = None
        self._calm = 0

    def add(self, bar: Bar) -> Split | None:
        """Take a bar; returns the split that is known with it. That of a session is known when it is over."""
        if not self._is_daily and self._ts and bar.open_ts - self._ts < OVERNIGHT_NS:
            if bar.high > self._high:
                self._high = bar.high
            if bar.low < self._low:
                self._low = bar.low
            self._close, self._ts = bar.close, bar.ts
            return None
        found = None if self._is_daily else self._end_session(bar.ts)
        self._open, self._high, self._low, self._close = bar.open, bar.high, bar.low, bar.close
        self._ts = self._first_end = bar.ts
        return self._end_session(bar.ts) if self._is_daily else found

    def begin_again(self) -> None:
        """The bars before are of no concern for those that follow: there is a hole."""
        self._last_close, self._ts, self._split = 0.0, 0, None

    def _end_session(self, known_ts: int) -> Split | None:
        """Judge the session that is over."""
        if not self._ts:
            return None
        before, opened = self._last_close, self._open
        found: Split | None = None
        if min(before, opened, self._low) > 0:
            move = _change(opened, before)
            if self._split is not None:
                found = self._confirmed(known_ts)
            elif abs(move) >= _SMALLEST_CHANGE and self._is_split_like(move):
                self._change, self._calm = abs(move), 0
                self._split = Split(self._last_ts, self._first_end, opened, before)
            self._usual.append(abs(move))
        self._last_close, self._last_ts = self._close, self._ts
        return found

    def _is_split_like(self, move: float) -> bool:
        change = abs(move)
        ratio = split_ratio(self._open, self._last_close)
        if ratio is None or len(self._usual) < _FEWEST_SESSIONS:
            return False
        if change < _FAR_ABOVE_USUAL * median(self._usual) or not self._is_calm(change):
            return False
        return self._high > self._low or max(ratio) >= _FLAT_RATIO * min(ratio)

    def _is_calm(self, change: float) -> bool:
        return _change(self._high, self._low) <= _CALM_PART * change

    def _confirmed(self, known_ts: int) -> Split | None:
        split = self._split
        assert split is not None, "called while a change waits for calm sessions"
        stays = abs(_change(self._close, self._last_close)) <= _CALM_PART * self._change
        self._calm += 1
        if not stays or not self._is_calm(self._change):
            self._split = None
        elif self._calm >= CALM_SESSIONS:
            self._split = None
            return msgspec.structs.replace(split, ts=known_ts)
        return None


def split_ratio(price: float, before: float) -> tuple[int, int] | None:
    """(new shares, old shares) of the split that a change of the price is near to; ``None`` for none."""
    change = abs(_change(price, before))
    new, old = min(SPLIT_RATIOS, key=lambda ratio: abs(change - log(ratio[0] / ratio[1])))
    exact = log(new / old)
    if abs(change - exact) > max(_NEAR, _NEAR_PART * exact):
        return None
    return (new, old) if price < before else (old, new)


def _change(price: float, before: float) -> float:
    """The logarithm of the ratio of two prices above 0, however far apart they are."""
    return log(price) - log(before)


def _on_one_side(price: float, first: float, second: float) -> bool:
    """Whether a price lies far above both others, or far below both."""
    if min(price, first, second) <= 0:
        return False
    return price >= SPIKE * max(first, second) or price * SPIKE <= min(first, second)
