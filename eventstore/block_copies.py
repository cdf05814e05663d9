"""Whole blocks outside of a store: copied from one store to another, or written to a file and read back.

A copied block has the hash that it had, because a hash covers the name of the stream and all that the block
holds, and nothing of the store. So a copy is checked by one comparison: the hash of its last block.

A file holds the blocks of one stream from its first one on. Each is the length of a record in 4 bytes, and
the record, in msgpack. Where types, symbols and times of a block are needed, they are read from its events.
"""

from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from typing import Protocol

import msgspec

from eventstore.block import EncodedEvents, EncodedRun, decode_as_written
from eventstore.encoding import MAX_EVENT_BYTES
from eventstore.port import EventStore, StreamHead
from eventstore.vocabulary import TAG_OF_TYPE, symbols_in
from kernel.errors import StoreDamaged

_LENGTH_BYTES = 4
_MOST_BYTES = MAX_EVENT_BYTES + (1 << 20)
"""Of a record: the largest event, and its surroundings."""
_AT_ONCE = 256
"""Blocks that are appended together: a commit costs as much as some blocks."""


class BlockRecord(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A block in a file. ``causes``: as in ``EncodedRun``; ``payload``: the events as they were stored."""

    codec: int
    causes: tuple[int, ...] | None
    payload: bytes


class Source(Protocol):
    """Anything that is read from."""

    def read(self, size: int, /) -> bytes:
        """At most ``size`` bytes; fewer only at the end."""
        ...


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(BlockRecord).decode


async def read_blocks(store: EventStore, stream: str, *, to_seq: int) -> AsyncGenerator[BlockRecord]:
    """The blocks of a stream from its first one on, to that which holds ``to_seq``.

    Raises what ``EventStore.read`` raises.
    """
    async with aclosing(store.read(stream)) as batches:
        async for batch in batches:
            assert batch.payload is not None, "a stream that is read whole comes in whole blocks"
            causes = None if batch.causes is None else tuple(batch.causes)
            yield BlockRecord(batch.codec, causes, batch.payload)
            if batch.seqs[-1] >= to_seq:
                return


def framed(record: BlockRecord) -> bytes:
    """A record as it is in a file."""
    data = _encode(record)
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


def records_in(source: Source, *, name: str) -> Iterator[BlockRecord]:
    """The records of a file. Raises ``StoreDamaged`` for bytes that are no record; ``name`` is the stream."""
    seq = 1
    while head := source.read(_LENGTH_BYTES):
        length = int.from_bytes(head, "big")
        data = source.read(length) if length <= _MOST_BYTES else b""
        if len(head) < _LENGTH_BYTES or len(data) < length or not data:
            raise StoreDamaged(name, first_bad_seq=seq, reason="the file ends inside a block")
        try:
            record = _decode(data)
            count = msgspec.msgpack.decode(record.payload, type=list[msgspec.Raw])
        except msgspec.MsgspecError as error:
            raise StoreDamaged(name, first_bad_seq=seq, reason=f"this is no block: {error}") from error
        yield record
        seq += len(count)


async def append_blocks(
    store: EventStore, stream: str, records: AsyncGenerator[BlockRecord] | Iterator[BlockRecord]
) -> StreamHead:
    """Append blocks to a new stream, each as a block of its own; returns the head.

    Raises ``StoreDamaged`` for events that cannot be read, and what ``EventStore.append`` raises.
    """
    head = StreamHead(stream)
    waiting: list[EncodedRun] = []
    count = 0
    async for record in _each(records):
        waiting.append(_run(stream, record, first_seq=head.seq + count + 1))
        count += waiting[-1].count
        if len(waiting) >= _AT_ONCE:
            head = await store.append(stream, EncodedEvents(tuple(waiting)), expected_seq=head.seq)
            waiting, count = [], 0
    if waiting:
        head = await store.append(stream, EncodedEvents(tuple(waiting)), expected_seq=head.seq)
    return head


async def _each(
    records: AsyncGenerator[BlockRecord] | Iterator[BlockRecord],
) -> AsyncGenerator[BlockRecord]:
    if isinstance(records, Iterator):
        for record in records:
            yield record
        return
    async with aclosing(records):
        async for record in records:
            yield record


def _run(stream: str, record: BlockRecord, *, first_seq: int) -> EncodedRun:
    try:
        events = decode_as_written(record.payload)
    except msgspec.MsgspecError as error:
        reason = f"it cannot be decoded: {error}"
        raise StoreDamaged(stream, first_bad_seq=first_seq, reason=reason) from error
    causes = record.causes
    stamps = [event.ts for event in events]
    if not events or stamps != sorted(stamps) or (causes is not None and len(causes) != len(events)):
        reason = "a block without events, with other times than increasing ones, or with other causes"
        raise StoreDamaged(stream, first_bad_seq=first_seq, reason=reason)
    types = frozenset(map(type, events))
    return EncodedRun(
        count=len(events),
        first_ts=stamps[0],
        last_ts=stamps[-1],
        types=frozenset(TAG_OF_TYPE[kind] for kind in types),
        symbols=symbols_in(events, types),
        causes=causes,
        payload=record.payload,
        codec=record.codec,
        is_block=True,
    )
