"""Encodes events into runs. All checks on events to append are made here, before any I/O."""

from collections.abc import Callable, Sequence

import msgspec

from eventstore.block import EncodedEvents, EncodedRun
from eventstore.readability import check_readable
from eventstore.stream_keys import name_in
from eventstore.vocabulary import TAG_OF_TYPE, symbols_in
from kernel.errors import StoreError
from kernel.events import AnyEvent, Event

BLOCK_EVENTS = 4096
"""Most events in a block.

For quotes, ns of CPU per event to append and to read: 406 and 290 in blocks of 512, 391 and 282 in blocks of
1,024, 385 and 267 in blocks of 4,096. A filter skips whole blocks, so larger blocks would make it coarser.
"""

BLOCK_BYTES = 1 << 20
"""Most payload bytes in a block, unless a single event is larger. Bounds the memory of a reader."""

MAX_EVENT_BYTES = 64 << 20
"""Largest event in bytes. Far above any real event; SQLite's limit is 1 GB."""

FULL_CHECK_EVENTS = 512
"""Up to this many events ``encode_events`` checks every event; of more events it checks a sample."""

_INT64_MAX = (1 << 63) - 1

_encoder = msgspec.msgpack.Encoder()
_decode = msgspec.msgpack.Decoder(list[AnyEvent]).decode

_PayloadCheck = Callable[[list[Event], bytes], None]


def encode_events(stream: str, events: Sequence[Event], *, causes: Sequence[int] | None) -> EncodedEvents:
    """Events ready to append, for a writer that needs their bytes or knows that they can be decoded.

    Raises as ``append`` does. ``append`` checks that every event can be decoded. This function, given more
    than 512 events, decodes only the first event of each type, for two users:

    - A run. Its derived events are seldom alike, and decoding takes 1-3 us per event: a replay with 44,000
      orders in a million quotes would take a tenth longer. A sample is enough, since its inputs were checked
      when they were appended, and the run can be repeated. Its results are read from its blocks, so most
      undecodable events are found when the run ends; ``verify`` finds the others.
    - An importer. It has just decoded its events from its own spool.
    """
    check = _check_all if len(events) <= FULL_CHECK_EVENTS else _check_firsts
    return EncodedEvents(_encode(stream, events, causes=causes, check=check))


def encode_step(stream: str, events: Sequence[Event], *, causes: Sequence[int]) -> EncodedEvents:
    """Events of a step of the engine, ready to append. Raises as ``append`` does.

    Only derived events are decoded: inputs were read back when they were admitted.
    """
    derived = [event for event, cause in zip(events, causes, strict=False) if cause >= 0]
    encoded = _encode(stream, events, causes=causes, check=_check_nothing)
    if derived:
        _encode(stream, derived, causes=None, check=_check_all)
    return EncodedEvents(encoded)


def encode_runs(
    stream: str, events: Sequence[Event] | EncodedEvents, *, causes: Sequence[int] | None = None
) -> tuple[EncodedRun, ...]:
    """Check and encode events as runs of at most one block each. ``EncodedEvents`` are returned unchanged.

    Raises ``StoreError`` if ``ts`` decreases, a type is outside the vocabulary, a field of any event has the
    wrong type, or ``causes`` are not one whole number for each event.
    """
    if isinstance(events, EncodedEvents):
        _check_name(stream)
        return events.runs
    return _encode(stream, events, causes=causes, check=_check_all)


def _encode(
    stream: str, events: Sequence[Event], *, causes: Sequence[int] | None, check: _PayloadCheck
) -> tuple[EncodedRun, ...]:
    _check_name(stream)
    events = events if isinstance(events, list) else list(events)
    causes = None if causes is None else _checked_causes(stream, causes, event_count=len(events))
    try:
        types = _checked_types(events)
        _check_ts(events)
        runs: list[EncodedRun] = []
        for start in range(0, len(events), BLOCK_EVENTS):
            end = start + BLOCK_EVENTS
            causes_here = None if causes is None else causes[start:end]
            runs += _encode_split(events[start:end], causes_here, types=types, check=check)
    except (TypeError, ValueError, OverflowError, msgspec.MsgspecError) as error:
        raise StoreError(f"stream {stream!r}: nothing was appended: {error}") from error
    return tuple(runs)


def _check_name(key: str) -> None:
    stream = name_in(key)
    if not stream or len(stream) > 255 or not stream.isprintable():
        raise StoreError(f"a stream's name must be 1 to 255 printable characters, but is {stream!r}")


def _checked_causes(stream: str, causes: Sequence[int], *, event_count: int) -> tuple[int, ...] | None:
    checked = tuple(causes)
    if len(checked) != event_count:
        raise StoreError(f"stream {stream!r}: {event_count} events came with {len(checked)} causes")
    if not checked:
        return None
    if set(map(type, checked)) != {int} or max(map(abs, checked)) > _INT64_MAX:
        wrong = next(cause for cause in checked if type(cause) is not int or abs(cause) > _INT64_MAX)
        raise StoreError(f"stream {stream!r}: a cause must be a whole number, but is {wrong!r}")
    return checked if any(checked) else None


def _checked_types(events: list[Event]) -> frozenset[type[Event]]:
    types = frozenset(map(type, events))
    strangers = types - TAG_OF_TYPE.keys()
    if strangers:
        names = ", ".join(sorted(stranger.__name__ for stranger in strangers))
        raise ValueError(f"{names} is not an event of the vocabulary")
    return types


def _check_ts(events: list[Event]) -> None:
    stamps = [event.ts for event in events]
    # Sorting a sorted list is one pass in C: 10 ns per event. A Python loop takes 60.
    if stamps != sorted(stamps):
        place = next(i for i in range(1, len(stamps)) if stamps[i] < stamps[i - 1])
        raise ValueError(f"ts decreases from {stamps[place - 1]} to {stamps[place]} at event {place + 1}")
    for stamp in (stamps[0], stamps[-1]) if stamps else ():
        if type(stamp) is not int or abs(stamp) > _INT64_MAX:
            raise ValueError(f"ts must be a whole number of ns that fits 64 bits, but is {stamp!r}")


def _check_all(events: list[Event], payload: bytes) -> None:
    """Raise unless every event can be decoded."""
    check_readable(payload, len(events))


def _check_nothing(_events: list[Event], _payload: bytes) -> None:
    """For events that are checked apart."""


def _check_firsts(events: list[Event], _payload: bytes) -> None:
    """Raise unless the first event of each type can be decoded."""
    firsts = {type(event): event for event in reversed(events)}
    _decode(_encoder.encode(list(firsts.values())))


def _encode_split(
    events: list[Event],
    causes: tuple[int, ...] | None,
    *,
    types: frozenset[type[Event]],
    check: _PayloadCheck,
) -> list[EncodedRun]:
    """One run, or several where events are large. ``types`` may contain types that do not occur here."""
    payload = _encoder.encode(events)
    if len(payload) > BLOCK_BYTES and len(events) > 1:
        half = len(events) // 2
        head, tail = (None, None) if causes is None else (causes[:half], causes[half:])
        return [
            *_encode_split(events[:half], head, types=types, check=check),
            *_encode_split(events[half:], tail, types=types, check=check),
        ]
    if len(payload) > MAX_EVENT_BYTES:
        raise ValueError(f"an event of {len(payload)} bytes is larger than {MAX_EVENT_BYTES}")
    check(events, payload)
    if len(types) > 1:
        types = frozenset(map(type, events))
    return [
        EncodedRun(
            count=len(events),
            first_ts=events[0].ts,
            last_ts=events[-1].ts,
            types=frozenset(TAG_OF_TYPE[event_type] for event_type in types),
            symbols=symbols_in(events, types),
            causes=causes if causes is not None and any(causes) else None,
            payload=payload,
        )
    ]
