"""Admission of inputs: what is dispatched is what the tape will say.

Events are not validated when they are made, so a producer may hand in a price as text or an amount as
a float. An input is therefore written and read back, as the tape will do it, before the core sees it.

- A value that the tape reads as another one (1000.0 for a ``Decimal``, text for an enum, a
  ``numpy.float64``) is that other one from the beginning.
- A value that the tape could not read is refused, and nothing else is touched.

It costs under 1 us for a quote, in a live engine alone: a replay reads from the store.
"""

from collections.abc import Callable
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
"""Largest input taken. Far above any honest one, far below what a tape can hold."""

RECORDS_PER_SECOND = 8
"""Refusals that get a record each in a second of kernel time: a feed that sends 50,000 bad messages a
second must not fill the tape. The others are counted in one more record when the second is over."""

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
    """A subclass's value (``numpy.float64``, ``numpy.str_``) as the plain type's, unchanged.

    Whole numbers of other types (``numpy.int64``) are taken too. ``numpy.float32`` is refused: as a
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


def admitted(event: Event) -> Event:
    """The input as the tape will say it. Raises ``InputError`` for one that it could not say.

    Only what comes from outside may come in: a type that the core alone derives is refused too.
    """
    kind = type(event)
    if kind not in _INPUT_TYPES:
        raise InputError(_stranger(event))
    read, byte_count = _read_back(event, _encode)
    if byte_count > MAX_INPUT_BYTES:
        raise InputError(f"{kind.__name__} of {byte_count} bytes; an input has {MAX_INPUT_BYTES} at most")
    return read


def check_readable(event: Event) -> None:
    """Raise ``InputError``, naming the field, if the tape could not say the event as it is."""
    if type(event) not in _KNOWN:
        raise InputError(_stranger(event))
    _read_back(event, msgspec.msgpack.encode)


class Refusals:
    """Inputs that were refused: all are counted, and the tape says which, as far as it has room."""

    def __init__(self) -> None:
        self.count = 0
        """All that were refused."""
        self.untold = 0
        """Those without a record of their own, since the last one that told how many there were."""
        self.due_ts = NEVER
        """When these are to be told of."""
        self._second_end = 0
        self._recorded = 0
        self._last = ""

    def note(self, event: object, *, reason: str, now: int) -> MessageQuarantined | None:
        """Count one; its record, unless this second has had its number of them."""
        self.count += 1
        if now >= self._second_end:
            self._second_end, self._recorded = now + SECOND_NS, 0
        if self._recorded < RECORDS_PER_SECOND:
            self._recorded += 1
            return MessageQuarantined(now, "engine", reason, loggable(_shown(event)))
        self.untold += 1
        self._last = reason
        self.due_ts = self._second_end
        return None

    def tell(self, *, now: int) -> MessageQuarantined:
        """The record of those that had none of their own."""
        reason = loggable(f"{self.untold} more inputs refused; the last: {self._last}")
        self.untold, self.due_ts = 0, NEVER
        return MessageQuarantined(now, "engine", reason)


def _read_back(event: Event, encode: Callable[[object], bytes]) -> tuple[Event, int]:
    """The event as the tape will say it, and its bytes there."""
    try:
        packed = encode(event)
        return _decode(packed), len(packed)
    except Exception as error:
        raise InputError(loggable(_wrong_field(event, encode, error=error))) from error


def _stranger(event: object) -> str:
    kind = type(event)
    known = (
        "is derived by the core and cannot be an input" if kind in _KNOWN else "is no event that a tape knows"
    )
    return loggable(f"{kind.__name__} {known}: {_shown(event)}")


@cache
def _decoders(kind: type[Event]) -> dict[str, tuple[str, Callable[[bytes], object]]]:
    """By field: its type's name, and what reads a value of it."""
    hints = get_type_hints(kind)
    return {
        name: (
            getattr(hints[name], "__name__", str(hints[name])),
            msgspec.msgpack.Decoder(hints[name]).decode,
        )
        for name in kind.__struct_fields__
    }


def _wrong_field(event: Event, encode: Callable[[object], bytes], *, error: Exception) -> str:
    """Which field it is, its value, and what was expected."""
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
    """A value in words, an error in its own; whatever its class does when it is asked."""
    try:
        if isinstance(value, Exception):
            return str(value)
        return repr(value[:SHOWN_CHARACTERS] if isinstance(value, str | bytes) else value)
    except Exception:
        return f"<a {type(value).__name__} that cannot be shown>"
