"""A store with one more stream, in memory: a run that is looked at and not kept.

All other streams are those of the store. Nothing can be written.
"""

from collections.abc import AsyncGenerator, Collection, Sequence

from eventstore import (
    Batch,
    Damage,
    EncodedEvents,
    EventStore,
    MemoryEventStore,
    Selection,
    StreamHead,
    StreamInfo,
)
from eventstore.port import StreamMove
from kernel.errors import StoreError
from kernel.events import Event

_ALL = Selection()


class OverlayStore:
    """Reads one stream from memory, and all others from another store."""

    def __init__(self, store: EventStore, memory: MemoryEventStore, stream: str) -> None:
        self._store = store
        self._memory = memory
        self._stream = stream

    def _of(self, stream: str) -> EventStore:
        return self._memory if stream == self._stream else self._store

    async def append(
        self,
        stream: str,
        events: Sequence[Event] | EncodedEvents,
        *,
        expected_seq: int,
        causes: Sequence[int] | None = None,
    ) -> StreamHead:
        del events, expected_seq, causes
        raise StoreError(f"stream {stream!r}: this view of a store is for reading alone")

    async def head(self, stream: str) -> StreamHead:
        return await self._of(stream).head(stream)

    async def block_hash(self, stream: str, seq: int) -> bytes:
        return await self._of(stream).block_hash(stream, seq)

    async def streams(
        self, names: Collection[str] | None = None, *, holding: type[Event] | None = None
    ) -> tuple[StreamInfo, ...]:
        own = await self._memory.streams(None if names is None else names, holding=holding)
        others = await self._store.streams(names, holding=holding)
        found = [*own, *(info for info in others if info.stream != self._stream)]
        return tuple(sorted(found, key=lambda info: info.stream))

    def read(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch]:
        return self._of(stream).read(stream, selection)

    def follow(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch]:
        return self._of(stream).follow(stream, selection)

    async def verify(self, stream: str) -> Damage | None:
        return await self._of(stream).verify(stream)

    async def move(self, moves: Sequence[StreamMove], *, record: Event, expected_seq: int) -> None:
        del moves, record, expected_seq
        raise StoreError("this view of a store is for reading alone")

    async def checkpoint(self, subscriber: str) -> int:
        return await self._store.checkpoint(subscriber)

    async def save_checkpoint(self, subscriber: str, seq: int) -> None:
        del seq
        raise StoreError(f"checkpoint {subscriber!r}: this view of a store is for reading alone")

    async def close(self) -> None:
        """Leave the other store open: it belongs to those who opened it."""
        await self._memory.close()
