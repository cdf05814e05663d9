"""Admission of inputs: the core gets each input in the form in which the tape will hold it.

Events are not checked when they are made: a producer may give a price as text, or an amount as a float. So
each input is encoded and decoded, as the tape does it, before the core sees it.

- A value that the tape decodes as another type (1000.0 for a ``Decimal``, text for an enum, a
  ``numpy.float64``) is converted at once. The core and a later replay see the same value.
- An input that the tape could not decode is refused alone. Nothing else changes.

It costs under 1 us for a quote, 0.4 us in a batch, and only in a live engine: the inputs of a replay were
admitted before.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import cache
from operator import index
from typing import SupportsIndex, get_type_hints

import msgspec

from kernel.errors import InputError
from kernel.events import DERIVED_TYPES, EVENT_TYPES, AnyEvent, Event, MessageQuarantined
from kernel.loggable import loggable
from kernel.time_units import SECOND_NS
from kernel.timers import NEVER

MAX_INPUT_BYTES = 16 << 20
"""Largest input that is accepted: far larger than any real one, far smaller than a tape can hold."""

RECORDS_PER_SECOND = 8
"""Refusals that get a record of their own, per second of kernel time. A feed that sends 50,000 bad messages a
second must not fill the tape: one more record, at the end of the second, counts the rest."""

SHOWN_CHARACTERS = 100
"""Characters of a wrong value that its refusal quotes."""

_KNOWN = frozenset(EVENT_TYPES)
_INPUT_TYPES = _KNOWN - DERIVED_TYPES
_PLAIN: tuple[tuple[type, Callable[..., object]], ...] = (
    (float, float.__float__),
    (str, str.__str__),
    (int, int.__int__),
    (Decimal, Decimal),
)


def _plain(value: object) -> object:
    """Convert a value of a subclass (``numpy.float64``, ``numpy.str_``) to the plain type.

    Whole numbers of other types (``numpy.int64``) are converted too. ``numpy.float32`` is refused: as a
    float it would have digits that the producer never meant (0.1 becomes 0.10000000149).
    """
    for kind, convert in _PLAIN:
        if isinstance(value, kind):
            return convert(value)
    if isinstance(value, SupportsIndex):
        return index(value)
    raise TypeError("no plain value")


_encode = msgspec.msgpack.Encoder(enc_hook=_plain).encode
_decode: Callable[[bytes], Event] = msgspec.msgpack.Decoder(AnyEvent).decode
_decode_all: Callable[[bytes], Sequence[Event]] = msgspec.msgpack.Decoder(list[AnyEvent]).decode


def admitted(event: Event) -> Event:
    """Convert an input into the form in which the tape will hold it.

    Raises ``InputError`` for an input that the tape cannot hold, and for a type that only the core may
    derive.
    """
    kind = type(event)
    if kind not in _INPUT_TYPES:
        raise InputError(_wrong_type(event))
    read, byte_count = _read_back(event, _encode)
    if byte_count > MAX_INPUT_BYTES:
        raise InputError(f"{kind.__name__} of {byte_count} bytes; an input has {MAX_INPUT_BYTES} at most")
    return read


def admitted_together(events: Sequence[Event]) -> Sequence[Event] | None:
    """Convert inputs at once; ``None`` if that is not possible, because of one of them or of their size."""
    if not _INPUT_TYPES.issuperset(map(type, events)):
        return None
    try:
        packed = _encode(events)
        return _decode_all(packed) if len(packed) <= MAX_INPUT_BYTES else None
    except Exception:  # whatever is wrong, ``admitted`` says it of the one event
        return None


def check_readable(event: Event) -> None:
    """Raise ``InputError``, naming the field, if the tape cannot hold the event as it is."""
    if type(event) not in _KNOWN:
        raise InputError(_wrong_type(event))
    _read_back(event, msgspec.msgpack.encode)


class Refusals:
    """Counts refused inputs of one source, and makes records of them for the tape.

    In one second of kernel time, the first ``RECORDS_PER_SECOND`` get a record each. A summary counts the
    rest.
    """

    def __init__(self, source: str = "engine") -> None:
        self.source = source
        self.count = 0
        """All refused inputs."""
        self.unrecorded = 0
        """Refused inputs without a record of their own, since the last summary."""
        self.due_ts = NEVER
        """When the next summary is due."""
        self._second_end = 0
        self._recorded = 0
        self._last = ""

    def note(self, event: object, *, reason: str, now: int) -> MessageQuarantined | None:
        """Count a refused input. Returns its record, or ``None`` if this second has enough records."""
        self.count += 1
        if now >= self._second_end:
            self._second_end, self._recorded = now + SECOND_NS, 0
        if self._recorded < RECORDS_PER_SECOND:
            self._recorded += 1
            return MessageQuarantined(now, self.source, reason, loggable(_shown(event)))
        self.unrecorded += 1
        self._last = reason
        self.due_ts = self._second_end
        return None

    def summarise(self, *, now: int) -> MessageQuarantined:
        """Make the summary of the inputs without a record, and count from 0 again."""
        reason = loggable(f"{self.unrecorded} more inputs refused; the last: {self._last}")
        self.unrecorded, self.due_ts = 0, NEVER
        return MessageQuarantined(now, self.source, reason)


def _read_back(event: Event, encode: Callable[[object], bytes]) -> tuple[Event, int]:
    """The event as the tape will hold it, and its size there in bytes."""
    try:
        packed = encode(event)
        return _decode(packed), len(packed)
    except Exception as error:
        raise InputError(loggable(_wrong_field(event, encode, error=error))) from error


def _wrong_type(event: object) -> str:
    """The sentence for an object that cannot be an input."""
    kind = type(event)
    problem = (
        "is derived by the core and cannot be an input" if kind in _KNOWN else "is not a known event type"
    )
    return loggable(f"{kind.__name__} {problem}: {_shown(event)}")


@cache
def _decoders(kind: type[Event]) -> dict[str, tuple[str, Callable[[bytes], object]]]:
    """The name of each field's type, and a decoder for its values."""
    hints = get_type_hints(kind)
    return {
        name: (
            getattr(hints[name], "__name__", str(hints[name])),
            msgspec.msgpack.Decoder(hints[name]).decode,
        )
        for name in kind.__struct_fields__
    }


def _wrong_field(event: Event, encode: Callable[[object], bytes], *, error: Exception) -> str:
    """The sentence that names the wrong field, its value and the expected type."""
    kind = type(event).__name__
    for name, (expected, decode) in _decoders(type(event)).items():
        value = getattr(event, name, None)
        try:
            decode(encode(value))
        except Exception as reason:
            shown = _shown(value)[:SHOWN_CHARACTERS]
            return (
                f"{kind}.{name} is {shown}, a {type(value).__name__}; expected {expected}: {_shown(reason)}"
            )
    return f"{kind}: {_shown(error)}"


def _shown(value: object) -> str:
    """A value, or the message of an exception, as text. Never raises, whatever the value's class does."""
    try:
        if isinstance(value, Exception):
            return str(value)
        return repr(value[:SHOWN_CHARACTERS] if isinstance(value, str | bytes) else value)
    except Exception:
        return f"<a {type(value).__name__} that cannot be shown>"
