"""Finds the events of a file that a stream already holds, so that no event is appended twice.

Compared with its stream, a file may repeat events and then add later ones, only repeat events, or begin after
the stream's end. Everything else contradicts the stream: another value for the same time, a row that the
stream lacks between rows that it has, or a row that the file lacks between rows that it has.
"""

from collections.abc import Iterator

from eventstore.importing.spool import Frame, Lane, Spool, SpooledEvent
from eventstore.moments import iso_utc
from eventstore.port import EventStore, Selection, StreamHead
from kernel.errors import InputError
from kernel.events import Event, MessageQuarantined

_Line = tuple[str, int, SpooledEvent]


class StreamContradicted(InputError):
    """A file contradicts the stream that it should be appended to; nothing was changed."""


async def known_count(store: EventStore, spool: Spool, lane: Lane, *, head: StreamHead) -> int:
    """The number of events at the lane's beginning that the stream already holds.

    Raises ``StreamContradicted`` naming the first difference.
    """
    if head.seq == 0 or lane.first_ts > head.ts:
        return 0
    ours = _lines(spool.frames(lane))
    batches = store.read(lane.stream, Selection(from_ts=lane.first_ts))
    count = 0
    try:
        async for batch in batches:
            # ``ours`` is last: zip must not take a line from it when the batch is at its end
            for seq, stored, line in zip(batch.seqs, batch.events, ours, strict=False):
                if line[2] != stored:
                    raise StreamContradicted(_difference(line, stored, stream=lane.stream, seq=seq))
                count += 1
            if count == lane.count:
                break
    finally:
        await batches.aclose()
    return count


async def known_messages(store: EventStore, stream: str, *, head: StreamHead) -> set[tuple[str, str, str]]:
    """The bad rows that a quarantine stream already holds, by source, reason and text."""
    if head.seq == 0:
        return set()
    known: set[tuple[str, str, str]] = set()
    async for batch in store.read(stream, Selection(types=frozenset({MessageQuarantined}))):
        known.update(message_key(event) for event in batch.events if isinstance(event, MessageQuarantined))
    return known


def message_key(message: MessageQuarantined) -> tuple[str, str, str]:
    """A key that is equal for equal quarantined rows."""
    return message.source, message.reason, message.raw


def _lines(frames: Iterator[Frame]) -> Iterator[_Line]:
    for frame in frames:
        for line, event in zip(frame.lines, frame.events, strict=True):
            yield frame.file, line, event


def _difference(line: _Line, stored: Event, *, stream: str, seq: int) -> str:
    file, number, event = line
    where = f"{file}, line {number}"
    what = f"stream {stream!r} at seq {seq}; nothing was imported; --replace takes the file's rows instead"
    if event.__class__ is not stored.__class__:
        return f"{where}: a {type(event).__name__}, but there is a {type(stored).__name__} in {what}"
    if event.ts < stored.ts:
        return (
            f"{where}: time {iso_utc(event.ts)} is not in the stream: next is {iso_utc(stored.ts)} in {what}"
        )
    if event.ts > stored.ts:
        return f"{where}: rows are missing before {iso_utc(event.ts)}: next is {iso_utc(stored.ts)} in {what}"
    field = next(name for name in event.__struct_fields__ if getattr(event, name) != getattr(stored, name))
    return (
        f"{where}: {field} at {iso_utc(event.ts)} is {getattr(event, field)!r} in the file "
        f"and {getattr(stored, field)!r} in {what}"
    )
