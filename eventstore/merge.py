"""Several streams as one, in the one order that every replay sees."""

from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack
from operator import attrgetter

import msgspec

from eventstore.port import Batch, EventStore, Selection
from kernel.events import Event

MERGED_EVENTS = 4096
"""Most events handed out at once."""

_ts_of: Callable[[Event], int] = attrgetter("ts")


class StreamSlice(msgspec.Struct, frozen=True):
    """What to read of a stream."""

    stream: str
    selection: Selection = Selection()


async def merge(store: EventStore, slices: Sequence[StreamSlice]) -> AsyncGenerator[list[Event], None]:
    """Events of several slices in order of (``ts``, stream name, seq), in lists, none empty.

    The order depends on what is stored alone, never on timing. Holds about a block of each slice in
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
            merged = _take_settled(sources)
            for start in range(0, len(merged), MERGED_EVENTS):
                yield merged if len(merged) <= MERGED_EVENTS else merged[start : start + MERGED_EVENTS]


class _Source:
    """One slice being read: the events at hand, not handed out yet."""

    def __init__(self, batches: AsyncGenerator[Batch]) -> None:
        self._batches = batches
        self.events: Sequence[Event] = ()

    async def fill(self) -> None:
        """Have events at hand, unless the slice is at its end."""
        if not self.events:
            batch = await anext(self._batches, None)
            self.events = () if batch is None else batch.events

    def take(self, count: int) -> Sequence[Event]:
        taken, self.events = self.events[:count], self.events[count:]
        return taken

    async def close(self) -> None:
        await self._batches.aclose()


def _take_settled(sources: list[_Source]) -> list[Event]:
    """Take, in order, the events that nothing still unread can precede.

    ``limit`` is the earliest last ``ts`` at hand: whatever is earlier has no rival left to come. Of
    the ties at ``limit``, those up to and including the first stream that ends there are settled,
    as the streams before it are past ``limit``; later ones wait. So that stream's events all go, and
    each round gets on.
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
    # Stable: events of one ts stay in order of stream and seq. C speed: 60 ns per event.
    taken.sort(key=_ts_of)
    return taken
