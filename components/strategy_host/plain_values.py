"""Converts values from strategies into values for the log: exact, finite, on lot and tick.

A strategy may ignore type annotations. So every function here takes any value, and raises ``ValueError`` with
a sentence if it has the wrong type or is out of range.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from numbers import Integral, Real
from typing import TypeVar

from kernel.events import InstrumentDefined
from kernel.timers import NEVER

LARGEST = Decimal("1E+18")
"""The largest quantity or price: exact arithmetic and the number formats of venues end near it."""

ZERO = Decimal(0)

MOST_BITS = 1_000
"""The most bits of a whole number: converting a million digits to a decimal takes minutes."""

NAME_LIMIT = 1_000
"""The most characters of a symbol, a tag, a timer's name or an order's id. No venue has more, and every event
about it repeats it."""

REASON_LIMIT = 10_000
"""The most characters of a signal's reason: a page or two of text."""

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)

# Arguments may be of any type; the name shows that this is intended.
Anything = object


def to_lots(quantity: Anything, lot_size: Decimal) -> Decimal:
    """The quantity rounded down to whole lots; raises ``ValueError`` below one lot."""
    exact = exact_number(quantity, "quantity")
    if exact > LARGEST:
        raise ValueError(f"quantity {quantity!r} is beyond {LARGEST}")
    lots = exact // lot_size * lot_size
    if lots <= ZERO:
        raise ValueError(f"quantity {quantity!r} is less than one lot of {lot_size}")
    return lots


def order_price(price: Anything, instrument: InstrumentDefined) -> Decimal | None:
    """The price of an order, rounded to the nearest tick.

    Raises ``ValueError`` if the result is not above 0, unless the instrument has prices below it.
    """
    if price is None or not instrument.allow_negative_prices:
        return to_ticks(price, instrument.tick_size)
    exact = exact_number(price, "price")
    if abs(exact) > LARGEST:
        raise ValueError(f"price {price!r} is beyond {LARGEST}")
    return _nearest(exact, instrument.tick_size) + ZERO  # no -0


def to_ticks(price: Anything, tick_size: Decimal) -> Decimal | None:
    """The price or distance rounded to the nearest tick; ``ValueError`` if the result is not above 0."""
    if price is None:
        return None
    exact = exact_number(price, "price")
    if exact > LARGEST:
        raise ValueError(f"price {price!r} is beyond {LARGEST}")
    on_tick = _nearest(exact, tick_size)
    if on_tick <= 0:
        raise ValueError(f"price {price!r} is not positive, to the nearest tick of {tick_size}")
    return on_tick


def _nearest(exact: Decimal, tick_size: Decimal) -> Decimal:
    return ((exact / tick_size).to_integral_value(ROUND_HALF_EVEN) * tick_size).quantize(tick_size)


def exact_number(value: Anything, what: str) -> Decimal:
    """The exact decimal form of a number, also of numpy; raises ``ValueError`` for anything else."""
    if isinstance(value, Decimal):
        exact = value
    elif isinstance(value, bool):
        raise ValueError(f"{what}: expected a number; got bool")
    elif isinstance(value, Integral):
        whole = int(value)
        if whole.bit_length() > MOST_BITS:
            raise ValueError(f"{what}: a number of {whole.bit_length():,} bits is beyond {LARGEST}")
        exact = Decimal(whole)
    elif isinstance(value, Real):
        exact = Decimal(repr(float(value)))
    else:
        raise ValueError(f"{what}: expected a number; got {type(value).__name__}")
    if not exact.is_finite():
        raise ValueError(f"{what} {value!r} is not finite")
    return exact


def written(exact: Decimal) -> str:
    """The plain text of a number: ``10000``, not ``1E+4``."""
    return f"{exact.normalize():f}"


CUT = ", cut to "
"""Comes between the quantity that a strategy asked for and the one in whole lots."""


def cut_words(what: str, asked: Anything, lots: Decimal) -> str:
    """The words for a quantity that was cut to whole lots; empty if it was in whole lots."""
    exact = exact_number(asked, what)
    return "" if exact == lots else f"{what} {written(exact)}{CUT}{written(lots)}"


def joined(*words: str) -> str:
    """Words about several quantities of one decision; empty ones are left out."""
    return "; ".join(filter(None, words))


def nanoseconds(value: Anything, what: str) -> int:
    """A time or a length of time that fits an event."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{what}: expected a whole number of nanoseconds; got {type(value).__name__}")
    whole = int(value)
    if not 0 <= whole <= NEVER:
        raise ValueError(f"{what} {whole} is not in 0..{NEVER}")
    return whole


def choice(kind: type[ChoiceT], value: Anything, what: str) -> ChoiceT:
    """The enum member for a member or its value: the text "buy" must not be taken for a sale."""
    if type(value) is kind:
        return value
    if isinstance(value, str):
        return kind(value)
    raise ValueError(f"{what}: expected a {kind.__name__}; got {type(value).__name__}")


def flag(value: Anything, what: str) -> bool:
    """A bool."""
    if not isinstance(value, bool):
        raise ValueError(f"{what}: expected True or False; got {type(value).__name__}")
    return value


def text(value: Anything, what: str, *, at_most: int = NAME_LIMIT) -> str:
    """A plain string for the log; raises ``ValueError`` for another type, or for too many characters.

    A subclass of ``str`` (an enum's, numpy's) becomes the plain string that the log will return.
    """
    if type(value) is not str:
        if not (issubclass(type(value), str) and isinstance(value, str)):  # a class can claim to be a str
            raise ValueError(f"{what}: expected a text; got {type(value).__name__}")
        value = str.__getitem__(value, slice(None))
    if len(value) > at_most:
        raise ValueError(f"{what}: expected at most {at_most:,} characters; got {len(value):,}")
    if not value.isascii():
        value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return value


def several(value: Anything, what: str, *, at_most: int) -> tuple[object, ...]:
    """The members of a non-empty tuple or list."""
    if not isinstance(value, tuple | list):
        raise ValueError(f"{what}: expected a tuple; got {type(value).__name__}")
    members: tuple[object, ...] = tuple(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # of whatever they are
    if not 1 <= len(members) <= at_most:
        raise ValueError(f"{what}: expected 1 to {at_most}; got {len(members)}")
    return members
