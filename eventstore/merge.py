"""Several streams merged into one, in the same order in every replay."""

from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from operator import attrgetter

import msgspec

from eventstore.port import Batch, EventStore, Selection
from kernel.events import Event

MERGED_EVENTS = 4096
"""Most events in one list."""

_ts_of: Callable[[Event], int] = attrgetter("ts")


class StreamSlice(msgspec.Struct, frozen=True):
    """A stream, and the part of it to read."""

    stream: str
    selection: Selection = Selection()


async def merge(store: EventStore, slices: Sequence[StreamSlice]) -> AsyncGenerator[list[Event], None]:
    """Events of several slices in order of (``ts``, stream name, seq), in lists that are not empty.

    The order depends only on the stored events, never on timing. Holds about a block of each slice in
    memory. Raises what ``EventStore.read`` raises.
    """
    async with AsyncExitStack() as cleanup:
        sources = [
            _Source(store.read(piece.stream, piece.selection))
            for piece in sorted(slices, key=attrgetter("stream"))
        ]
        for source in sources:
            cleanup.push_async_callback(source.close)
        while True:
            for source in sources:
                await source.fill()
            sources = [source for source in sources if source.events]
            if not sources:
                return
            merged = _take_in_order(sources)
            for start in range(0, len(merged), MERGED_EVENTS):
                yield merged if len(merged) <= MERGED_EVENTS else merged[start : start + MERGED_EVENTS]


class _Source:
    """One slice being read. ``events`` are loaded but not merged yet."""

    def __init__(self, batches: AsyncGenerator[Batch]) -> None:
        self._batches = batches
        self.events: Sequence[Event] = ()

    async def fill(self) -> None:
        """Load the next batch if no event is loaded. At the end of the slice ``events`` stays empty."""
        if not self.events:
            batch = await anext(self._batches, None)
            self.events = () if batch is None else batch.events

    def take(self, count: int) -> Sequence[Event]:
        taken, self.events = self.events[:count], self.events[count:]
        return taken

    async def close(self) -> None:
        await self._batches.aclose()


def _take_in_order(sources: list[_Source]) -> list[Event]:
    """Take, in order, the loaded events that no unread event can precede.

    ``limit`` is the smallest last ``ts`` of all loaded batches. All events before ``limit`` can be taken:
    unread events of every stream are at ``limit`` or later. Events exactly at ``limit`` are taken from the
    first stream whose batch ends there, and from the streams before it, which have loaded past ``limit``.
    In later streams they wait, since the first one may have more of them unread. So each call uses up at
    least one batch.
    """
    if len(sources) == 1:
        return list(sources[0].take(len(sources[0].events)))
    last_stamps = [source.events[-1].ts for source in sources]
    limit = min(last_stamps)
    first_to_end = last_stamps.index(limit)
    taken: list[Event] = []
    for place, source in enumerate(sources):
        cut = bisect_right if place <= first_to_end else bisect_left
        taken.extend(source.take(cut(source.events, limit, key=_ts_of)))
    # The sort is stable, so events of one ts stay in order of stream and seq. In C: 60 ns per event.
    taken.sort(key=_ts_of)
    return taken
