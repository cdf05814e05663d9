"""The store port: named streams of events, appended in blocks, with ``seq`` from 1 and without gaps.

The conformance suite in ``tests/eventstore`` runs on every implementation.
"""

from collections.abc import AsyncGenerator, Collection, Sequence
from typing import Protocol

import msgspec

from eventstore.block import CODEC_MSGPACK, EncodedEvents
from kernel.events import Event


class StreamHead(msgspec.Struct, frozen=True):
    """The end of a stream. An empty or unknown stream has seq 0, ts 0 and the empty hash."""

    stream: str
    seq: int = 0
    ts: int = 0
    block_hash: bytes = b""


class StreamInfo(msgspec.Struct, frozen=True, gc=False):
    """One line about a stream, for people.

    ``symbols`` is empty if some block holds too many symbols to list.
    """

    stream: str
    last_seq: int
    first_ts: int
    last_ts: int
    block_count: int
    payload_bytes: int
    head_hash: str
    symbols: tuple[str, ...] = ()
    event_types: tuple[str, ...] = ()


class Selection(msgspec.Struct, frozen=True):
    """The events of a stream to read. All bounds are inclusive; ``None`` means no bound.

    Blocks that cannot hold a match are skipped and not decoded. An event without a symbol never matches a
    selection by symbol. ``text`` skips the blocks in which no event has exactly this text in some field, for
    example an id; of the other blocks it filters no event.
    """

    from_seq: int = 1
    to_seq: int | None = None
    from_ts: int | None = None
    to_ts: int | None = None
    symbols: frozenset[str] | None = None
    types: frozenset[type[Event]] | None = None
    text: str | None = None


class Batch(msgspec.Struct, frozen=True):
    """Events of one stream as read, in order of seq.

    - ``seqs`` and ``causes`` run parallel to ``events``.
    - ``causes``: -k marks the k-th input of a run, +k an event derived after it (``kernel.records``). In old
      live logs, whose inputs have no numbers, 0 is an input and n an event derived after the input at seq n.
      ``None``: inputs alone, without numbers, as in a stream of market data.
    - ``payload``: the events as they are stored, one msgpack array; ``None`` if the batch is only part of a
      block.
    - ``codec``: of the payload (``eventstore.block``).
    """

    stream: str
    seqs: Sequence[int]
    events: Sequence[Event]
    causes: Sequence[int] | None = None
    payload: bytes | None = None
    codec: int = CODEC_MSGPACK


class Damage(msgspec.Struct, frozen=True):
    """The first damage that ``verify`` found in a stream."""

    stream: str
    first_bad_seq: int
    reason: str


class StreamMove(msgspec.Struct, frozen=True):
    """The events under one key (``stream_keys``) get another key, or are removed if ``to`` is ``None``.

    ``block_hash``: the hash of their last block, as it was when the move was decided.
    """

    stream: str
    to: str | None
    block_hash: bytes


class EventStore(Protocol):
    """Append-only event streams.

    Methods are safe to call concurrently from one event loop. A cancelled ``append`` has an unknown
    outcome: ask ``head``.
    """

    async def append(
        self,
        stream: str,
        events: Sequence[Event] | EncodedEvents,
        *,
        expected_seq: int,
        causes: Sequence[int] | None = None,
    ) -> StreamHead:
        """Append events after ``expected_seq``; return the new head once they are durable.

        Appends that wait at the same time are committed together. Either all of ``events`` are appended or
        no event is. ``EncodedEvents`` already hold their causes. Raises:

        - ``AppendConflict`` if the stream's last seq is not ``expected_seq``;
        - ``StoreDamaged`` if the stream's end cannot be trusted;
        - ``StoreError`` if ``ts`` would decrease or the store cannot write.
        """
        ...

    async def head(self, stream: str) -> StreamHead:
        """The stream's present end, including appends of other writers.

        Raises ``StoreDamaged`` if the last stored block cannot be the stream's end.
        """
        ...

    async def block_hash(self, stream: str, seq: int) -> bytes:
        """The chained hash of the block that holds ``seq``. It identifies all events up to that block's end.

        Raises ``StreamMissing`` if the stream ends before ``seq``.
        """
        ...

    async def streams(
        self, names: Collection[str] | None = None, *, holding: type[Event] | None = None
    ) -> tuple[StreamInfo, ...]:
        """Every stream, or those of ``names`` that exist; in order of name.

        Events that were put aside are listed only by their key.

        ``holding`` leaves out streams without an event of this type. A call with few ``names`` does not take
        longer in a store with many streams.
        """
        ...

    def read(self, stream: str, selection: Selection = ...) -> AsyncGenerator[Batch]:
        """Read the present events in order of seq, checked against the hash chain.

        Raises ``StoreDamaged`` at the first block that does not fit the hash chain, and ``StreamMissing`` if
        the stream does not exist.
        """
        ...

    def follow(self, stream: str, selection: Selection = ...) -> AsyncGenerator[Batch]:
        """Read the present events and then new ones, without gap or repeat.

        It ends when it is cancelled, or when no later event can match the selection. Closing the store ends
        it with ``StoreError``. The stream need not exist yet.
        """
        ...

    async def verify(self, stream: str) -> Damage | None:
        """Check every block of a stream; return the first damage, or ``None``.

        Raises ``StreamMissing`` if the stream does not exist.
        """
        ...

    async def move(self, moves: Sequence[StreamMove], *, record: Event, expected_seq: int) -> None:
        """Move or remove the events of whole streams, and append ``record`` to the catalogue.

        ``expected_seq``: the catalogue's last seq. Either all is done and durable, or nothing. A reader that
        has begun reads moved events to their end; if they are removed, it gets ``StreamMissing``. Appends to
        a moved stream are refused with ``AppendConflict``. Users call the functions in ``catalogue``. Raises:

        - ``AppendConflict`` if the catalogue does not end at ``expected_seq``;
        - ``StoreError`` if events do not end with ``block_hash``, or there are events under the new key.
        """
        ...

    async def checkpoint(self, subscriber: str) -> int:
        """The seq up to which a subscriber has handled its log; 0 if it never saved one."""
        ...

    async def save_checkpoint(self, subscriber: str, seq: int) -> None:
        """Save a subscriber's checkpoint durably. A lower seq than the saved one changes nothing."""
        ...

    async def close(self) -> None:
        """Commit the waiting appends, then release files. Idempotent. It completes even if cancelled."""
        ...
