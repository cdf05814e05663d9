"""Writes a run into its own stream, and computes the digest of its derived events."""

from collections.abc import Awaitable, Callable, Sequence
from hashlib import sha256

from eventstore import EncodedEvents, EventStore, encode_events
from kernel.errors import AppendConflict
from kernel.events import Event, RunFinished

FLUSH_AT = 4_096
"""Records gathered before they are appended: about half a megabyte."""


class DerivedDigest:
    """SHA-256 of the derived events in order, as they are encoded in the log.

    It does not depend on the grouping into blocks, as array headers are left out.
    """

    def __init__(self) -> None:
        self.count = 0
        self._hash = sha256()

    def update(self, derived: EncodedEvents) -> None:
        """Add the next derived events."""
        self.count += derived.count
        for items in derived.item_bytes():
            self._hash.update(items)

    def hexdigest(self) -> str:
        """The digest so far, in hex."""
        return self._hash.hexdigest()


NextName = Callable[[], Awaitable[str]]
"""Finds a name that no stream of the store has."""


class RunRecorder:
    """Appends the records of a run to its stream, which must be empty.

    ``stream`` is the name once the first records are appended. If another run took the name before that,
    ``next_name`` gives the next; without it, the ``AppendConflict`` is raised.
    """

    def __init__(self, store: EventStore, stream: str, *, next_name: NextName | None = None) -> None:
        self.stream = stream
        self.digest = DerivedDigest()
        self._store = store
        self._next_name = next_name
        self._seq = 0
        self._events: list[Event] = []
        self._causes: list[int] = []

    async def record(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Add records. They are appended when ``FLUSH_AT`` have gathered."""
        self._events.extend(events)
        self._causes.extend(causes)
        if len(self._events) >= FLUSH_AT:
            await self.flush()

    @property
    def seq(self) -> int:
        """The last record so far."""
        return self._seq + len(self._events)

    async def block_hash(self, seq: int) -> bytes | None:
        """The hash of the block that holds a record; ``None`` until it is appended."""
        return await self._store.block_hash(self.stream, seq) if seq <= self._seq else None

    async def finish(self, *, input_count: int, ts: int) -> RunFinished:
        """Append the remaining records and ``RunFinished``. The run is complete when this returns."""
        await self.flush()
        finished = RunFinished(ts, input_count, self.digest.count, self.digest.hexdigest())
        self._events.append(finished)
        self._causes.append(-(input_count + 1))
        await self.flush()
        return finished

    async def flush(self) -> None:
        """Append the records that were added."""
        events, causes = self._events, self._causes
        if not events:
            return
        self._events, self._causes = [], []
        encoded = encode_events(self.stream, events, causes=causes)
        derived = derived_of(events, causes)
        if derived is events:  # the usual case: all are derived, and are encoded only once
            self.digest.update(encoded)
        elif derived:
            self.digest.update(encode_events(self.stream, derived, causes=None))
        self._seq = await self._append(encoded)

    async def _append(self, encoded: EncodedEvents) -> int:
        """Append, under another name if another run took this one; returns the last seq."""
        while True:
            try:
                return (await self._store.append(self.stream, encoded, expected_seq=self._seq)).seq
            except AppendConflict:
                if self._seq or self._next_name is None:
                    raise
                self.stream = await self._next_name()


def derived_of(events: Sequence[Event], causes: Sequence[int]) -> Sequence[Event]:
    """The derived events among records."""
    if min(causes) > 0:
        return events
    return [event for event, cause in zip(events, causes, strict=True) if cause > 0]
