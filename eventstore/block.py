"""The block: the unit of storage, hashing and commit, shared by every store.

Theory of operation. A block holds consecutive events of one stream as one msgpack list. Its header describes
the contents, so that a reader can skip the block without reading the payload. A block never changes once it
is written. Two hashes protect it:

- ``payload_hash`` = SHA-256 of causes and payload;
- ``hash`` = SHA-256 of the previous block's hash and every header field, ``payload_hash`` included. Of a
  stream's key only the name counts (``stream_keys``).

So a changed byte in any column is found, and so is a block that was removed or inserted. The chain can be
followed over headers alone: a filter that skips a block because of its header has checked that header. The
chain does not show a missing end; the witness does (``witness.py``).
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from hashlib import sha256

import msgspec

from eventstore.stream_keys import name_in
from eventstore.vocabulary import TYPE_OF_TAG
from kernel.errors import StoreDamaged, StoreError
from kernel.events import AnyEvent, Event
from kernel.events.upcasting import CHANGED_SINCE_1, MADE_OF_1, from_format_1

CODEC_FORMAT_1 = 1
"""Payload is one msgpack array of tagged events, in order of seq, in format 1 of the vocabulary."""

CODEC_MSGPACK = 2
"""The same in format 2 (``kernel.events.upcasting``), which is written today."""

_KNOWN_CODECS = (CODEC_FORMAT_1, CODEC_MSGPACK)

MAX_LISTED_SYMBOLS = 64
"""A block with more symbols does not list them, and is read for any selection by symbol."""

GENESIS_HASH = b""
"""The previous hash of the first block of a stream."""

_encode = msgspec.msgpack.Encoder().encode
_decode_events = msgspec.msgpack.Decoder(list[AnyEvent]).decode
_decode_event = msgspec.msgpack.Decoder(AnyEvent).decode
_decode_raws = msgspec.msgpack.Decoder(list[msgspec.Raw]).decode
_decode_causes = msgspec.msgpack.Decoder(list[int]).decode
_decode_tags = msgspec.msgpack.Decoder(frozenset[int]).decode
_decode_symbols = msgspec.msgpack.Decoder(frozenset[str]).decode


class BlockHeader(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """The description of a block, readable without its events.

    - ``types``: a sorted msgpack list of event tags.
    - ``symbols``: a sorted msgpack list of symbols, with ``""`` if some event has no symbol; ``None`` if
      there are too many to list.
    - ``payload_bytes``: the payload's size, for reading ahead. It is not part of the hash.
    """

    stream: str
    first_seq: int
    last_seq: int
    first_ts: int
    last_ts: int
    codec: int
    types: bytes
    symbols: bytes | None
    payload_hash: bytes
    hash: bytes
    payload_bytes: int = 0

    @property
    def event_count(self) -> int:
        """How many events the block holds."""
        return self.last_seq - self.first_seq + 1


class Block(msgspec.Struct, frozen=True, gc=False):
    """A block as stored. ``causes`` is ``None`` where there are only inputs without numbers."""

    header: BlockHeader
    causes: bytes | None
    payload: bytes


class EncodedRun(msgspec.Struct, frozen=True, gc=False):
    """Consecutive events, checked and encoded, without a place in a stream yet.

    - ``payload``: a whole msgpack array.
    - ``causes``: run parallel to the events; ``None``: only inputs without numbers.
    - ``codec``: of the payload.
    - ``is_block``: it is a block of its own, as where it was copied from, so that its hash is the same.
    """

    count: int
    first_ts: int
    last_ts: int
    types: frozenset[int]
    symbols: frozenset[str]
    causes: tuple[int, ...] | None
    payload: bytes
    codec: int = CODEC_MSGPACK
    is_block: bool = False


class EncodedEvents(msgspec.Struct, frozen=True):
    """Events and causes encoded by ``encode_events``. ``append`` does not check them again."""

    runs: tuple[EncodedRun, ...]

    @property
    def count(self) -> int:
        """How many events."""
        return sum(run.count for run in self.runs)

    def item_bytes(self) -> Iterator[memoryview]:
        """The msgpack of the events, in pieces, without array headers."""
        for run in self.runs:
            yield item_bytes(run.payload)


def seal(stream: str, first_seq: int, *, runs: list[EncodedRun], previous_hash: bytes) -> Block:
    """A block of the given runs, in order, chained to the block before it."""
    payload = _joined_payload(runs)
    causes = _joined_causes(runs)
    types = frozenset(tag for run in runs for tag in run.types)
    symbols = frozenset(symbol for run in runs for symbol in run.symbols)
    header = BlockHeader(
        stream=stream,
        first_seq=first_seq,
        last_seq=first_seq + sum(run.count for run in runs) - 1,
        first_ts=runs[0].first_ts,
        last_ts=runs[-1].last_ts,
        codec=runs[0].codec,
        types=_encode(sorted(types)),
        symbols=_encode(sorted(symbols)) if len(symbols) <= MAX_LISTED_SYMBOLS else None,
        payload_hash=payload_hash(causes, payload),
        hash=b"",
        payload_bytes=len(payload),
    )
    sealed = msgspec.structs.replace(header, hash=_chained_hash(header, previous_hash))
    return Block(header=sealed, causes=causes, payload=payload)


def check_chain(header: BlockHeader, previous_hash: bytes) -> None:
    """Raise ``StoreDamaged`` unless the header is intact and follows the block with ``previous_hash``."""
    try:
        is_intact = _chained_hash(header, previous_hash) == header.hash
    except (TypeError, ValueError, OverflowError):  # a damaged column may hold any type of value
        is_intact = False
    if not is_intact:
        raise StoreDamaged(
            header.stream, first_bad_seq=header.first_seq, reason="a block does not continue the hash chain"
        )


def unseal(block: Block) -> tuple[Sequence[Event], list[int] | None]:
    """The events and causes of a block whose header ``check_chain`` accepted, as they are said today.

    Raises as ``unseal_as_written`` does.
    """
    events, causes = unseal_as_written(block)
    header = block.header
    if header.codec == CODEC_FORMAT_1 and not CHANGED_SINCE_1.isdisjoint(types_listed(header.types)):
        events = from_format_1(events)
    return events, causes


def unseal_as_written(block: Block) -> tuple[Sequence[Event], list[int] | None]:
    """The events and causes of a block in the format that it was written in.

    The payload's hash is checked before decoding. Raises ``StoreDamaged``; it names the first event that
    cannot be decoded.
    """
    check_payload(block)
    header = block.header
    if header.codec not in _KNOWN_CODECS:
        raise StoreError(
            f"stream {header.stream!r}: seq {header.first_seq} is stored with codec {header.codec}, which "
            "this version does not know; read it with the version that wrote it, or a newer one"
        )
    try:
        events: Sequence[Event] = _decode_events(block.payload)
        causes = None if block.causes is None else _decode_causes(block.causes)
    except msgspec.DecodeError as error:
        raise _first_unreadable(block, error) from error
    if len(events) != header.event_count or (causes is not None and len(causes) != len(events)):
        raise StoreDamaged(
            header.stream,
            first_bad_seq=header.first_seq,
            reason=f"a block holds {len(events)} events where its header says {header.event_count}",
        )
    return events, causes


def check_payload(block: Block) -> None:
    """Raise ``StoreDamaged`` unless the payload is the one that was hashed."""
    header = block.header
    if payload_hash(block.causes, block.payload) != header.payload_hash:
        raise StoreDamaged(
            header.stream, first_bad_seq=header.first_seq, reason="a block's payload does not match its hash"
        )


def has_text(block: Block, text: str) -> bool:
    """Whether an event of a block may have a text in a field, without decoding. ``False`` is certain.

    Raises ``StoreDamaged``, because a changed payload may have lost it.
    """
    check_payload(block)
    if block.header.codec == CODEC_FORMAT_1:
        return True
    try:
        return _encode(text) in block.payload
    except UnicodeEncodeError:  # of a command line that is no UTF-8; no event has such a text
        return False


def item_bytes(payload: bytes) -> memoryview:
    """The bytes of a payload after its array header."""
    return memoryview(payload)[array_header_bytes(payload) :]


def decode_as_written(payload: bytes) -> list[Event]:
    """The events of a payload in the format that it was written in. Raises ``msgspec.MsgspecError``."""
    return list(_decode_events(payload))


def items(payload: bytes) -> list[bytes]:
    """The stored bytes of each event in a payload."""
    return [bytes(raw) for raw in _decode_raws(payload)]


@lru_cache(maxsize=1024)
def types_listed(packed: bytes) -> frozenset[type[Event]]:
    """The event types that a header lists. Cached, because a stream has few combinations of types."""
    return frozenset(TYPE_OF_TAG[tag] for tag in _decode_tags(packed) if tag in TYPE_OF_TAG)


def types_read(header: BlockHeader) -> frozenset[type[Event]]:
    """The event types that ``unseal`` may give: those listed, and what they are today."""
    listed = types_listed(header.types)
    if header.codec == CODEC_FORMAT_1 and not listed.isdisjoint(MADE_OF_1):
        return listed | {MADE_OF_1[kind] for kind in listed & MADE_OF_1.keys()}
    return listed


@lru_cache(maxsize=1024)
def symbols_listed(packed: bytes) -> frozenset[str]:
    """The symbols that a header lists."""
    return _decode_symbols(packed)


def payload_hash(causes: bytes | None, payload: bytes) -> bytes:
    """SHA-256 of the length of the causes (-1 for ``None``), the causes and the payload."""
    digest = sha256((-1 if causes is None else len(causes)).to_bytes(8, "big", signed=True))
    if causes is not None:
        digest.update(causes)
    digest.update(payload)
    return digest.digest()


def _chained_hash(header: BlockHeader, previous_hash: bytes) -> bytes:
    packed = _encode(
        (
            name_in(header.stream),
            header.first_seq,
            header.last_seq,
            header.first_ts,
            header.last_ts,
            header.codec,
            header.types,
            header.symbols,
            header.payload_hash,
        )
    )
    return sha256(previous_hash + packed).digest()


def _joined_payload(runs: list[EncodedRun]) -> bytes:
    if len(runs) == 1:
        return runs[0].payload
    count = sum(run.count for run in runs)
    header = b"\xdd" + count.to_bytes(4, "big")  # msgpack array32, valid for any length
    return header + b"".join(item_bytes(run.payload) for run in runs)


def array_header_bytes(payload: bytes) -> int:
    """Length of a msgpack array's header: 1 for up to 15 elements, 3 for up to 65,535, else 5."""
    return {0xDC: 3, 0xDD: 5}.get(payload[0], 1)


def _joined_causes(runs: list[EncodedRun]) -> bytes | None:
    if all(run.causes is None for run in runs):
        return None
    joined: list[int] = []
    for run in runs:
        joined.extend(run.causes if run.causes is not None else [0] * run.count)
    return _encode(joined)


def _first_unreadable(block: Block, error: msgspec.DecodeError) -> StoreDamaged:
    """The error for a block with the right hash that cannot be decoded; it names the first such event.

    A newer version wrote it, or the checks before writing missed it.
    """
    header = block.header
    bad_seq, reason = header.first_seq, str(error)
    for place, raw in enumerate(_decode_raws(block.payload)):
        try:
            _decode_event(raw)
        except msgspec.DecodeError as event_error:
            bad_seq, reason = header.first_seq + place, str(event_error)
            break
    return StoreDamaged(
        header.stream, first_bad_seq=bad_seq, reason=f"its hash is right, but it cannot be decoded: {reason}"
    )
