"""Counts ignored messages, and makes few records of them.

The first of its kind in a second is recorded at once, the others of that second together at its end: a venue
that sends an hour again must not fill the tape.
"""

import msgspec

from kernel.events import FeedFault, FeedMessagesIgnored
from kernel.time_units import SECOND_NS
from kernel.timers import NEVER


class _Kind(msgspec.Struct):
    """Ignored messages of one kind that have no record yet."""

    second_end: int = 0
    count: int = 0
    symbol: str = ""
    first_seq: int = 0
    last_seq: int = 0


class IgnoredMessages:
    """The ignored messages of one source."""

    def __init__(self, feed: str, source: str) -> None:
        self.count = 0
        """All ignored messages."""
        self.due_ts = NEVER
        """When the next record is due."""
        self._feed = feed
        self._source = source
        self._kinds = {fault: _Kind() for fault in FeedFault}

    def note(self, fault: FeedFault, symbol: str, seq: int, *, now: int) -> FeedMessagesIgnored | None:
        """Count a message. Returns its record if it is the first of its kind in this second."""
        self.count += 1
        kind = self._kinds[fault]
        if now >= kind.second_end and not kind.count:
            kind.second_end = now + SECOND_NS
            return FeedMessagesIgnored(now, self._feed, self._source, fault, 1, symbol, seq, seq)
        if not kind.count:
            kind.symbol, kind.first_seq = symbol, seq
        kind.count += 1
        kind.last_seq = seq
        self.due_ts = min(self.due_ts, kind.second_end)
        return None

    def due(self, now: int) -> list[FeedMessagesIgnored]:
        """The records of messages that were counted together."""
        records: list[FeedMessagesIgnored] = []
        if now < self.due_ts:
            return records
        self.due_ts = NEVER
        for fault, kind in self._kinds.items():
            if kind.count and kind.second_end <= now:
                records.append(
                    FeedMessagesIgnored(
                        now,
                        self._feed,
                        self._source,
                        fault,
                        kind.count,
                        kind.symbol,
                        kind.first_seq,
                        kind.last_seq,
                    )
                )
                kind.count, kind.second_end = 0, now + SECOND_NS
            if kind.count:
                self.due_ts = min(self.due_ts, kind.second_end)
        return records
