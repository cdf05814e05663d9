"""Deletes, replaces, puts aside and restores whole streams, and keeps a record of it in the store's
catalogue.

The catalogue is a stream like any other, with its own hash chain, under the key ``CATALOGUE``. Each change
is one event with the stream's former head hash, count of events and period. The change and its event are
one transaction, so no crash leaves one without the other.

A stream's siblings go with it: ``NAME.quarantine`` (rows refused at import) and ``NAME.facts`` (data
quality).
"""

from collections.abc import Collection, Sequence
from shlex import quote

import msgspec

from eventstore.port import EventStore, Selection, StreamInfo, StreamMove
from eventstore.stream_keys import CATALOGUE, FACTS_SUFFIX, QUARANTINE_SUFFIX, aside_key, new_key
from kernel.errors import InputError, StreamMissing
from kernel.events import StreamDeleted, StreamReplaced, StreamRestored, StreamSetAside, StreamVersion

CatalogueEvent = StreamDeleted | StreamSetAside | StreamRestored | StreamReplaced


class StreamHistory(msgspec.Struct, frozen=True):
    """The changes of all streams, in order, and the versions that are put aside now."""

    changes: tuple[CatalogueEvent, ...]
    aside: tuple[StreamVersion, ...]

    def aside_of(self, stream: str) -> tuple[StreamVersion, ...]:
        """The versions of a stream that are put aside, the latest last."""
        return tuple(version for version in self.aside if version.stream == stream)

    def last_change(self, stream: str) -> CatalogueEvent | None:
        """The last change of a stream; ``None`` if it was never changed."""
        for change in reversed(self.changes):
            if any(version.stream == stream for version in change.versions):
                return change
        return None


async def read_history(store: EventStore) -> StreamHistory:
    """The catalogue of a store."""
    changes: list[CatalogueEvent] = []
    if (await store.head(CATALOGUE)).seq:
        async for batch in store.read(CATALOGUE, Selection()):
            changes += [event for event in batch.events if isinstance(event, CatalogueEvent)]
    aside: dict[tuple[str, int], StreamVersion] = {}
    for change in changes:
        for version in change.versions:
            if version.number and isinstance(change, StreamSetAside | StreamReplaced):
                aside[version.stream, version.number] = version
            else:
                aside.pop((version.stream, version.number), None)
    return StreamHistory(tuple(changes), tuple(aside.values()))


def siblings_of(stream: str) -> tuple[str, ...]:
    """A stream and the streams that belong to it."""
    return stream, stream + QUARANTINE_SUFFIX, stream + FACTS_SUFFIX


async def delete_stream(store: EventStore, stream: str, *, ts: int, reason: str) -> StreamDeleted:
    """Remove a stream and its siblings for good. Raises ``StreamMissing``."""
    catalogue = await store.head(CATALOGUE)
    infos = await _present(store, siblings_of(stream), stream)
    record = StreamDeleted(max(ts, catalogue.ts), _versions(infos), reason)
    await store.move(_moves(infos, number=0), record=record, expected_seq=catalogue.seq)
    return record


async def delete_aside(store: EventStore, stream: str, number: int, *, ts: int, reason: str) -> StreamDeleted:
    """Remove a version that is put aside for good, with the siblings put aside with it."""
    catalogue = await store.head(CATALOGUE)
    versions = await _aside(store, stream, number)
    moves = [StreamMove(aside_key(one.stream, one.number), None, _hash(one)) for one in versions]
    record = StreamDeleted(max(ts, catalogue.ts), versions, reason)
    await store.move(moves, record=record, expected_seq=catalogue.seq)
    return record


async def set_aside(store: EventStore, stream: str, *, ts: int, reason: str) -> StreamSetAside:
    """Put a stream and its siblings aside: no longer there under their names, and kept. Raises
    ``StreamMissing``."""
    catalogue = await store.head(CATALOGUE)
    infos = await _present(store, siblings_of(stream), stream)
    number = catalogue.seq + 1
    record = StreamSetAside(max(ts, catalogue.ts), _versions(infos, number=number), reason)
    await store.move(_moves(infos, number=number), record=record, expected_seq=catalogue.seq)
    return record


async def restore(
    store: EventStore, stream: str, *, ts: int, reason: str, number: int | None = None
) -> StreamRestored:
    """Give a stream the events back that were put aside under ``number``, or last.

    A stream that is there must be deleted or put aside first: ``InputError``. Raises ``StreamMissing`` if
    nothing is put aside.
    """
    catalogue = await store.head(CATALOGUE)
    versions = await _aside(store, stream, number)
    if await store.streams([one.stream for one in versions]):
        raise InputError(
            f"stream {stream!r} has events: put them aside first "
            f"(onetape streams set-aside {quote(stream)}), or delete them"
        )
    moves = [StreamMove(aside_key(one.stream, one.number), one.stream, _hash(one)) for one in versions]
    record = StreamRestored(max(ts, catalogue.ts), versions, reason)
    await store.move(moves, record=record, expected_seq=catalogue.seq)
    return record


async def discard_new(store: EventStore, streams: Collection[str], *, ts: int) -> None:
    """Remove what an interrupted replacement of these streams has left."""
    infos = await store.streams([new_key(each) for each in _with_facts(streams)])
    if infos:
        catalogue = await store.head(CATALOGUE)
        record = StreamDeleted(max(ts, catalogue.ts), (), "left by a replacement that was interrupted")
        moves = [StreamMove(info.stream, None, bytes.fromhex(info.head_hash)) for info in infos]
        await store.move(moves, record=record, expected_seq=catalogue.seq)


async def put_new_in_place(
    store: EventStore, streams: Sequence[str], *, ts: int, reason: str, keeps_old: bool = True
) -> StreamReplaced:
    """Replace streams, and the facts about them, by the events under their ``new_key``, in one step.

    ``keeps_old``: the old events are put aside; else they are removed.
    """
    catalogue = await store.head(CATALOGUE)
    names = {new_key(each): each for each in _with_facts(streams)}
    old = await store.streams(names.values())
    new = await store.streams(names)
    number = catalogue.seq + 1 if keeps_old else 0
    moves = _moves(old, number=number) + [
        StreamMove(info.stream, names[info.stream], bytes.fromhex(info.head_hash)) for info in new
    ]
    by = tuple(msgspec.structs.replace(_version(info, 0), stream=names[info.stream]) for info in new)
    record = StreamReplaced(max(ts, catalogue.ts), _versions(old, number=number), by, reason)
    await store.move(moves, record=record, expected_seq=catalogue.seq)
    return record


def _with_facts(streams: Collection[str]) -> list[str]:
    return [each for stream in streams for each in (stream, stream + FACTS_SUFFIX)]


async def _present(store: EventStore, names: Sequence[str], stream: str) -> tuple[StreamInfo, ...]:
    infos = await store.streams(names)
    if all(info.stream != stream for info in infos):
        raise StreamMissing(f"there is no stream {stream!r} in the store")
    return infos


async def _aside(store: EventStore, stream: str, number: int | None) -> tuple[StreamVersion, ...]:
    """The version of a stream put aside under a number, or last, and its siblings put aside with it."""
    history = await read_history(store)
    found = [one for one in history.aside_of(stream) if number in (None, one.number)]
    if not found:
        which = "nothing" if number is None else f"no version {number}"
        raise StreamMissing(f"{which} of stream {stream!r} is put aside")
    chosen = found[-1].number
    names = siblings_of(stream)
    return tuple(one for one in history.aside if one.number == chosen and one.stream in names)


def _versions(infos: Sequence[StreamInfo], *, number: int = 0) -> tuple[StreamVersion, ...]:
    return tuple(_version(info, number) for info in infos)


def _version(info: StreamInfo, number: int) -> StreamVersion:
    return StreamVersion(info.stream, info.last_seq, info.first_ts, info.last_ts, info.head_hash, number)


def _moves(infos: Sequence[StreamInfo], *, number: int) -> list[StreamMove]:
    """Moves that put streams aside, or remove them if the number is 0."""
    return [
        StreamMove(
            info.stream,
            aside_key(info.stream, number) if number else None,
            bytes.fromhex(info.head_hash),
        )
        for info in infos
    ]


def _hash(version: StreamVersion) -> bytes:
    return bytes.fromhex(version.head_hash)
