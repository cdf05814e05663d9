"""Writes a run into its own stream, and sums up its derived events as they pass."""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from eventstore import EventStore
from kernel.events import Event, RunFinished

FLUSH_AT = 4_096
"""Records gathered before they are appended: a few blocks at a time, about half a megabyte."""

_encode = msgspec.msgpack.Encoder().encode


class DerivedDigest:
    """SHA-256 over the derived events, each as it is encoded in the log, in order.

    Independent of how they were grouped: the array header in front of each group is left out.
    """

    def __init__(self) -> None:
        self.count = 0
        self._hash = sha256()

    def update(self, derived: Sequence[Event]) -> None:
        """Take the next derived events."""
        if derived:
            self.count += len(derived)
            self._hash.update(encoded_items(derived))

    def hexdigest(self) -> str:
        """The digest so far, in hex."""
        return self._hash.hexdigest()


class RunRecorder:
    """The sink that appends a run to a stream which must be empty."""

    def __init__(self, store: EventStore, stream: str) -> None:
        self.stream = stream
        self.digest = DerivedDigest()
        self._store = store
        self._seq = 0
        self._events: list[Event] = []
        self._causes: list[int] = []

    async def record(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Take records; appends them once enough have gathered."""
        self._events.extend(events)
        self._causes.extend(causes)
        if len(self._events) >= FLUSH_AT:
            await self._flush()

    async def finish(self, *, input_count: int, ts: int) -> RunFinished:
        """Append what is left and the closing record; the run is whole once this returns."""
        await self._flush()
        finished = RunFinished(ts, input_count, self.digest.count, self.digest.hexdigest())
        self._events.append(finished)
        self._causes.append(-(input_count + 1))
        await self._flush()
        return finished

    async def _flush(self) -> None:
        events, causes = self._events, self._causes
        if not events:
            return
        self._events, self._causes = [], []
        self.digest.update(derived_of(events, causes))
        head = await self._store.append(self.stream, events, expected_seq=self._seq, causes=causes)
        self._seq = head.seq


def derived_of(events: Sequence[Event], causes: Sequence[int]) -> Sequence[Event]:
    """The derived events among records."""
    if min(causes) > 0:
        return events
    return [event for event, cause in zip(events, causes, strict=True) if cause > 0]


def encoded_items(events: Sequence[Event]) -> memoryview:
    """The events' msgpack one behind the other, without the array header in front."""
    count = len(events)
    header_size = 1 if count < 16 else 3 if count < 65_536 else 5
    return memoryview(_encode(events))[header_size:]
