"""The data that a run read, also after its streams were put aside or replaced.

A run names its data by stream, range and hash. Present events of a stream with that hash are the data. Else
the versions that are put aside are searched. If neither has the hash, the catalogue says what became of the
stream. The facts about a stream are those beside the events that the run read.
"""

from collections.abc import AsyncGenerator, Collection, Mapping, Sequence
from shlex import quote

import msgspec

from eventstore.block import EncodedEvents
from eventstore.catalogue import CatalogueEvent, StreamHistory, read_history
from eventstore.derivations import holds
from eventstore.moments import iso_utc
from eventstore.port import Batch, Damage, EventStore, Selection, StreamHead, StreamInfo, StreamMove
from eventstore.stream_keys import CLOSED_MARK, FACTS_SUFFIX, aside_key
from kernel.events import Event, StreamDeleted, StreamRange, StreamReplaced, StreamSetAside, StreamVersion

_ALL = Selection()


class RecordedData(msgspec.Struct, frozen=True):
    """``store``: reads each stream of a run as the run read it. ``lost``: a sentence for each that it
    cannot."""

    store: EventStore
    lost: tuple[str, ...] = ()


async def recorded_data(store: EventStore, sources: Sequence[StreamRange]) -> RecordedData:
    """The data of a run. Its streams that are lost do not exist in the view.

    A stream that has other events for a reason that is not in the catalogue is left as it is.
    """
    missing = [source for source in sources if not await holds(store, source)]
    if not missing:
        return RecordedData(store)
    history = await read_history(store)
    keys: dict[str, str] = {}
    lost: list[str] = []
    for source in missing:
        facts = f"{source.stream}{FACTS_SUFFIX}"
        for version in reversed(history.aside_of(source.stream)):
            kept = msgspec.structs.replace(source, stream=aside_key(version.stream, version.number))
            if await holds(store, kept):
                keys[source.stream] = aside_key(version.stream, version.number)
                keys.setdefault(facts, aside_key(facts, version.number))
                break
        else:
            sentence = _what_became(history, source)
            if sentence:
                lost.append(sentence)
                keys[source.stream] = f"{source.stream}{CLOSED_MARK}"  # a key that nothing has
                keys.setdefault(facts, f"{facts}{CLOSED_MARK}")
    return RecordedData(_View(store, keys) if keys else store, tuple(lost))


async def why_missing(store: EventStore, stream: str) -> str:
    """What became of a stream that is not there, as the end of a sentence; empty if it is unknown."""
    history = await read_history(store)
    change = history.last_change(stream)
    if change is None:
        return ""
    if isinstance(change, StreamSetAside):
        return f": it was set aside{_when(change)}; to get it back: onetape streams restore {quote(stream)}"
    return f": it was {_word(change)}{_when(change)}" if isinstance(change, StreamDeleted) else ""


def _what_became(history: StreamHistory, source: StreamRange) -> str:
    """A sentence on the change that took the data of a run away; empty if no change is known."""
    held: CatalogueEvent | None = None
    for change in history.changes:
        for version in change.versions:
            if _may_hold(version, source) and not isinstance(change, StreamSetAside):
                held = change
    if held is None:
        return ""
    return (
        f"stream {source.stream!r}, which it read up to seq {source.last_seq}, was {_word(held)}"
        f"{_when(held)}, and its former events were not kept"
    )


def _may_hold(version: StreamVersion, source: StreamRange) -> bool:
    if version.stream != source.stream or version.last_seq < source.last_seq:
        return False
    return version.last_seq > source.last_seq or version.head_hash == source.head_hash


def _word(change: CatalogueEvent) -> str:
    return "replaced" if isinstance(change, StreamReplaced) else "deleted"


def _when(change: CatalogueEvent) -> str:
    return f" on {iso_utc(change.ts)}" + (f" ({change.reason})" if change.reason else "")


class _View:
    """A store in which some streams are read under another key."""

    def __init__(self, store: EventStore, keys: Mapping[str, str]) -> None:
        self._store = store
        self._keys = keys
        self._names = {key: name for name, key in keys.items()}

    def _key(self, stream: str) -> str:
        return self._keys.get(stream, stream)

    async def append(
        self,
        stream: str,
        events: Sequence[Event] | EncodedEvents,
        *,
        expected_seq: int,
        causes: Sequence[int] | None = None,
    ) -> StreamHead:
        return await self._store.append(stream, events, expected_seq=expected_seq, causes=causes)

    async def head(self, stream: str) -> StreamHead:
        return await self._store.head(self._key(stream))

    async def block_hash(self, stream: str, seq: int) -> bytes:
        return await self._store.block_hash(self._key(stream), seq)

    async def streams(
        self, names: Collection[str] | None = None, *, holding: type[Event] | None = None
    ) -> tuple[StreamInfo, ...]:
        if names is None:
            names = {info.stream for info in await self._store.streams(holding=holding)} | self._keys.keys()
        infos = await self._store.streams([self._key(name) for name in names], holding=holding)
        renamed = [
            msgspec.structs.replace(info, stream=self._names.get(info.stream, info.stream)) for info in infos
        ]
        return tuple(sorted(renamed, key=lambda info: info.stream))

    def read(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch]:
        return self._store.read(self._key(stream), selection)

    def follow(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch]:
        return self._store.follow(self._key(stream), selection)

    async def verify(self, stream: str) -> Damage | None:
        return await self._store.verify(self._key(stream))

    async def move(self, moves: Sequence[StreamMove], *, record: Event, expected_seq: int) -> None:
        await self._store.move(moves, record=record, expected_seq=expected_seq)

    async def checkpoint(self, subscriber: str) -> int:
        return await self._store.checkpoint(subscriber)

    async def save_checkpoint(self, subscriber: str, seq: int) -> None:
        await self._store.save_checkpoint(subscriber, seq)

    async def close(self) -> None:
        await self._store.close()
