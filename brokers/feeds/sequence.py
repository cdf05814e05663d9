"""Puts the messages of a source in order, by the numbers that the source gives them.

- What it remembers: for each numbering (one per symbol, or one for the whole source) the next number,
  messages that came too early, and the last gaps.
- What changes it: a message, or the time. A message that is too early waits for those before it. If they do
  not come in time, or too many wait, a gap is put on record and the waiting messages are delivered.
- What never happens: a message is delivered twice, or after a message with a higher number of its numbering.
  A message that comes after its gap was recorded is ignored as late, because newer ones are out.
"""

from collections.abc import Sequence

import msgspec

from kernel.events import Event, FeedFault, FeedGapDetected
from kernel.timers import NEVER

GAPS_REMEMBERED = 64
"""Gaps per numbering by which late messages are told from duplicates. It is only for the record."""


class _Numbering(msgspec.Struct):
    """The state of one numbering. ``waiting``: messages that are too early; ``since``: when the first came.

    ``gaps``: the first and last number of each.
    """

    following: int
    waiting: dict[int, Event] = {}
    since: int = 0
    gaps: list[tuple[int, int]] = []


class SequenceOrder:
    """The order of one source's messages.

    - ``hold_ns``, ``hold_limit``: how long, and how many, messages wait for earlier ones.
    - ``by_symbol``: each symbol has numbers of its own; otherwise the source counts all its messages.
    """

    def __init__(self, feed: str, *, by_symbol: bool, hold_ns: int, hold_limit: int) -> None:
        self.due_ts = NEVER
        """When messages that wait are delivered without those before them."""
        self.ignored: list[tuple[FeedFault, str, int]] = []
        """Messages that were ignored since the last call: the fault, the symbol and the number."""
        self._feed = feed
        self._by_symbol = by_symbol
        self._hold_ns = hold_ns
        self._hold_limit = hold_limit
        self._numberings: dict[str, _Numbering] = {}

    def order(self, events: Sequence[Event], seqs: Sequence[int], *, now: int) -> list[Event]:
        """The events that can be delivered now, in order, with records of gaps between them."""
        ordered: list[Event] = []
        add = ordered.append
        numberings, by_symbol = self._numberings, self._by_symbol
        for event, seq in zip(events, seqs, strict=True):
            symbol: str = getattr(event, "symbol", "") if by_symbol else ""
            numbering = numberings.get(symbol)
            if numbering is None:
                numberings[symbol] = _Numbering(seq + 1)
                add(event)
            elif seq == numbering.following and not numbering.waiting:
                numbering.following = seq + 1
                add(event)
            else:
                self._place(symbol, numbering, event, seq, now=now, ordered=ordered)
        return ordered

    def skip(self, events: Sequence[Event], seqs: Sequence[int]) -> None:
        """Count messages that are not delivered because another source is in use."""
        for event, seq in zip(events, seqs, strict=True):
            symbol: str = getattr(event, "symbol", "") if self._by_symbol else ""
            numbering = self._numberings.get(symbol)
            if numbering is None or numbering.following <= seq or numbering.waiting:
                self._numberings[symbol] = _Numbering(seq + 1)

    def due(self, now: int) -> list[Event]:
        """The messages that have waited long enough, with the records of their gaps."""
        ordered: list[Event] = []
        if now < self.due_ts:
            return ordered
        self.due_ts = NEVER
        for symbol, numbering in self._numberings.items():
            while numbering.waiting and numbering.since + self._hold_ns <= now:
                self._give_up(symbol, numbering, now=now, ordered=ordered)
            if numbering.waiting:
                self.due_ts = min(self.due_ts, numbering.since + self._hold_ns)
        return ordered

    def flush(self, now: int) -> list[Event]:
        """All messages that wait, with the records of their gaps: those before them will not come."""
        ordered: list[Event] = []
        for symbol, numbering in self._numberings.items():
            while numbering.waiting:
                self._give_up(symbol, numbering, now=now, ordered=ordered)
        self.due_ts = NEVER
        return ordered

    def restart(self) -> None:
        """Forget all numbers: the source begins to count anew."""
        self._numberings.clear()
        self.due_ts = NEVER

    def _place(
        self, symbol: str, numbering: _Numbering, event: Event, seq: int, *, now: int, ordered: list[Event]
    ) -> None:
        if seq < numbering.following or seq in numbering.waiting:
            is_late = any(first <= seq <= last for first, last in numbering.gaps)
            fault = FeedFault.LATE if is_late else FeedFault.DUPLICATE
            self.ignored.append((fault, getattr(event, "symbol", ""), seq))
            return
        if not numbering.waiting:
            numbering.since = now
        numbering.waiting[seq] = event
        self._release(numbering, ordered)
        if numbering.waiting and (not self._hold_ns or len(numbering.waiting) > self._hold_limit):
            self._give_up(symbol, numbering, now=now, ordered=ordered)
        if numbering.waiting:
            self.due_ts = min(self.due_ts, numbering.since + self._hold_ns)

    def _release(self, numbering: _Numbering, ordered: list[Event]) -> None:
        """Deliver the messages that wait for nothing any more."""
        while numbering.following in numbering.waiting:
            ordered.append(numbering.waiting.pop(numbering.following))
            numbering.following += 1

    def _give_up(self, symbol: str, numbering: _Numbering, *, now: int, ordered: list[Event]) -> None:
        """Record the first gap, and deliver the messages up to the next one."""
        following = min(numbering.waiting)
        ordered.append(FeedGapDetected(now, symbol, self._feed, numbering.following - 1, following))
        numbering.gaps = [*numbering.gaps[1 - GAPS_REMEMBERED :], (numbering.following, following - 1)]
        numbering.following = following
        self._release(numbering, ordered)
