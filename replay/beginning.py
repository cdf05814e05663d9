"""The beginning of a run's market data."""

from collections.abc import Sequence
from contextlib import aclosing

import msgspec

from eventstore import EventStore, Selection
from kernel.errors import StreamMissing
from kernel.events import MARKET_TYPES, Bar, RunStarted, StreamRange


class Beginning(msgspec.Struct, frozen=True):
    """The first market event: the beginning of its interval, and the time when it was known."""

    opens_ts: int
    known_ts: int
    without_open: tuple[str, ...] = ()
    """Streams that begin with a bar without an open time."""


async def beginning_of(store: EventStore, started: RunStarted, sources: Sequence[StreamRange]) -> Beginning:
    """The first event of the data, or the first market event of a live log.

    The start of the run if its data streams no longer exist.
    """
    firsts: list[Beginning] = []
    without_open: list[str] = []
    for source in sources:
        if started.sources:
            first = Selection(from_seq=source.first_seq, to_seq=source.first_seq)
        else:
            first = Selection(types=frozenset(MARKET_TYPES))
        try:
            async with aclosing(store.read(source.stream, first)) as batches:
                async for batch in batches:
                    event = batch.events[0]
                    opens_ts = event.open_ts if isinstance(event, Bar) and event.open_ts else event.ts
                    firsts.append(Beginning(opens_ts, event.ts))
                    if isinstance(event, Bar) and not event.open_ts:
                        without_open.append(source.stream)
                    break
        except StreamMissing:
            continue
    if not firsts:
        return Beginning(started.ts, started.ts)
    opens_ts, known_ts = min(one.opens_ts for one in firsts), min(one.known_ts for one in firsts)
    return Beginning(opens_ts, known_ts, tuple(without_open))
