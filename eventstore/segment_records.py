"""The record of a store's segments and restores: the stream under the key ``SEGMENTS``.

Each change of a segment's file is an event, written after the new file is in place and before the old one is
deleted. So a missing file without an event is damage, and one that an event explains is not.
"""

from collections.abc import Iterable

import msgspec

from eventstore.port import EventStore
from eventstore.stream_keys import SEGMENTS
from kernel.events import (
    Event,
    SegmentArchived,
    SegmentPruned,
    SegmentSealed,
    StoreRestored,
)


class SegmentRecord(msgspec.Struct, frozen=True):
    """What was done to one segment."""

    number: int
    sealed: SegmentSealed | None = None
    archived: SegmentArchived | None = None
    pruned: SegmentPruned | None = None


class StoreRecord(msgspec.Struct, frozen=True):
    """What was done to a store: to each segment, by number, and the last restore from a backup."""

    segments: dict[int, SegmentRecord]
    restored: StoreRestored | None = None

    def of(self, number: int) -> SegmentRecord:
        """The record of a segment."""
        return self.segments.get(number) or SegmentRecord(number)

    @property
    def pruned(self) -> frozenset[int]:
        """The segments that lost events."""
        return frozenset(number for number, record in self.segments.items() if record.pruned is not None)


async def read_record(store: EventStore) -> StoreRecord:
    """The record of a store; an empty one if nothing was done yet."""
    if not (await store.head(SEGMENTS)).seq:
        return StoreRecord({})
    events: list[Event] = []
    async for batch in store.read(SEGMENTS):
        events += batch.events
    return record_of(events)


def record_of(events: Iterable[Event]) -> StoreRecord:
    """The record that events make."""
    segments: dict[int, SegmentRecord] = {}
    restored: StoreRestored | None = None
    for event in events:
        match event:
            case SegmentSealed():
                segments[event.number] = SegmentRecord(event.number, event)
            case SegmentArchived():
                known = segments.get(event.number) or SegmentRecord(event.number)
                segments[event.number] = msgspec.structs.replace(known, archived=event)
            case SegmentPruned():
                known = segments.get(event.number) or SegmentRecord(event.number)
                segments[event.number] = msgspec.structs.replace(known, pruned=event)
            case StoreRestored():
                restored = event
            case _:
                pass
    return StoreRecord(segments, restored)


async def append_record(store: EventStore, event: Event) -> None:
    """Append to the record. Its time is raised to the record's last one, if a clock went back."""
    head = await store.head(SEGMENTS)
    event = msgspec.structs.replace(event, ts=max(event.ts, head.ts))
    await store.append(SEGMENTS, (event,), expected_seq=head.seq)
