"""What data streams were built from: recorded in the catalogue, so that it outlives the streams.

A derivation is recorded each time a stream is built or built on. It names the source by range and hash, and
the definition. So whoever read the stream once can tell later whether it has become another one because its
definition changed, or because its source did.
"""

import msgspec

from eventstore.port import EventStore, Selection
from eventstore.stream_keys import CATALOGUE
from kernel.errors import StreamMissing
from kernel.events import StreamDerived, StreamRange


async def read_derivations(store: EventStore, stream: str) -> tuple[StreamDerived, ...]:
    """All derivations of a stream, the latest last."""
    if not (await store.head(CATALOGUE)).seq:
        return ()
    found: list[StreamDerived] = []
    async for batch in store.read(CATALOGUE, Selection(types=frozenset({StreamDerived}))):
        found += [
            event for event in batch.events if isinstance(event, StreamDerived) and event.stream == stream
        ]
    return tuple(found)


async def record_derivation(
    store: EventStore, stream: str, *, source: StreamRange, definition: str, ts: int
) -> None:
    """Record how a stream is built by now, unless that is recorded already. ``ts``: now, ns UTC."""
    head = await store.head(stream)
    catalogue = await store.head(CATALOGUE)
    now = max(ts, catalogue.ts)
    built = StreamDerived(now, stream, head.seq, head.block_hash.hex(), source, definition)
    known = await read_derivations(store, stream)
    if known and msgspec.structs.replace(known[-1], ts=now) == built:
        return
    await store.append(CATALOGUE, [built], expected_seq=catalogue.seq)


async def holds(store: EventStore, part: StreamRange) -> bool:
    """Whether a stream has the events of a range that was read once."""
    try:
        return (await store.block_hash(part.stream, part.last_seq)).hex() == part.head_hash
    except StreamMissing:
        return False
