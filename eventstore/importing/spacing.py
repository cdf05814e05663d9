"""Notices bars that lie much further apart than their timeframe: monthly rows imported as daily ones."""

from collections.abc import Sequence
from shlex import quote
from typing import Self

from kernel.events import Bar, Event
from kernel.time_units import DAY_NS, SECOND_NS
from kernel.timeframes import parse_timeframe

_USUAL = ("1s", "1m", "5m", "15m", "30m", "1h", "4h", "1d", "1w", "1mo", "3mo", "1y")
_TOO_FAR = 5
"""Bars of a day lie up to 4 days apart around holidays, but no two rows of a file do so only with a gap."""

_FEWEST_GAPS = 2


class Spacing:
    """The smallest distance between two bars of one stream, in the rows of an import."""

    def __init__(self, stream: str) -> None:
        self._stream = stream
        self._timeframe = ""
        self._last_ts = 0
        self._gap_count = 0
        self._smallest_ns = 0

    def add(self, events: Sequence[Event]) -> Self:
        """Take the next events of the stream."""
        for event in events:
            if isinstance(event, Bar):
                if self._timeframe:
                    gap_ns = event.ts - self._last_ts
                    self._gap_count += 1
                    if gap_ns < self._smallest_ns or self._gap_count == 1:
                        self._smallest_ns = gap_ns
                self._timeframe, self._last_ts = event.timeframe, event.ts
        return self

    def note(self) -> str:
        """A sentence if even the nearest bars lie too far apart; else empty."""
        if self._gap_count < _FEWEST_GAPS:
            return ""
        if self._smallest_ns < _TOO_FAR * parse_timeframe(self._timeframe).shortest_ns:
            return ""
        likely = _nearest(self._smallest_ns)
        return (
            f"{self._stream}: its rows lie {_apart(self._smallest_ns)} or more apart, but its timeframe is "
            f"{self._timeframe}. If they are bars of {likely}: onetape streams delete {quote(self._stream)}, "
            f"then import again with --timeframe {likely}"
        )


def _nearest(gap_ns: int) -> str:
    """The usual timeframe that lies nearest to a distance, in proportion."""
    return min(_USUAL, key=lambda name: max(gap_ns / _length(name), _length(name) / gap_ns))


def _length(name: str) -> float:
    parsed = parse_timeframe(name)
    return parsed.length_ns or parsed.months * 30 * DAY_NS


def _apart(gap_ns: int) -> str:
    if gap_ns >= DAY_NS:
        return f"{gap_ns // DAY_NS} days"
    return f"{gap_ns // SECOND_NS:,} s"
