"""Values as strategies give them, made into values that can be logged: exact, finite, on lot and tick.

Type annotations bind no strategy: everything here takes whatever it is given and raises ``ValueError``
with a sentence for what it cannot be.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from numbers import Integral, Real
from typing import TypeVar

from kernel.timers import NEVER

LARGEST = Decimal("1E+18")
"""Beyond it no quantity or price is meant; exact arithmetic and every venue's number formats end near it."""

MOST_BITS = 1_000
"""Of a whole number that is looked at at all: to make decimals of a million digits takes minutes."""

NAME_LIMIT = 1_000
"""Characters of a symbol, a tag, a timer's name or an order's id: more than any venue has, and every event
that speaks of it carries it again."""

REASON_LIMIT = 10_000
"""Characters of a signal's reason: a page or two for people to read."""

ChoiceT = TypeVar("ChoiceT", bound=StrEnum)

# What these functions are given may be anything, but a reader should know what it is meant to be.
Anything = object


def to_lots(quantity: Anything, lot_size: Decimal) -> Decimal:
    """The quantity rounded down to whole lots; ``ValueError`` if nothing is left or it is no number."""
    exact = exact_number(quantity, "quantity")
    if exact > LARGEST:
        raise ValueError(f"quantity {quantity!r} is beyond {LARGEST}")
    lots = exact // lot_size * lot_size
    if lots <= 0:
        raise ValueError(f"quantity {quantity!r} is less than one lot of {lot_size}")
    return lots


def to_ticks(price: Anything, tick_size: Decimal) -> Decimal | None:
    """The price rounded to the nearest tick; ``ValueError`` if that is no positive number."""
    if price is None:
        return None
    exact = exact_number(price, "price")
    if exact > LARGEST:
        raise ValueError(f"price {price!r} is beyond {LARGEST}")
    ticks = (exact / tick_size).to_integral_value(ROUND_HALF_EVEN)
    if ticks <= 0:
        raise ValueError(f"price {price!r} is not positive, to the nearest tick of {tick_size}")
    return (ticks * tick_size).quantize(tick_size)


def exact_number(value: Anything, what: str) -> Decimal:
    """A number as it is written, numpy's included; ``ValueError`` for anything else."""
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
    """A number as one writes it: ``10000``, not ``1E+4``."""
    return f"{exact.normalize():f}"


def nanoseconds(value: Anything, what: str) -> int:
    """A time or a length of time that fits an event."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise ValueError(f"{what}: expected a whole number of nanoseconds; got {type(value).__name__}")
    whole = int(value)
    if not 0 <= whole <= NEVER:
        raise ValueError(f"{what} {whole} is not in 0..{NEVER}")
    return whole


def choice(kind: type[ChoiceT], value: Anything, what: str) -> ChoiceT:
    """The member of an enum, by itself or by its value: a plain "buy" must never pass for a sale."""
    if type(value) is kind:
        return value
    if isinstance(value, str):
        return kind(value)
    raise ValueError(f"{what}: expected a {kind.__name__}; got {type(value).__name__}")


def flag(value: Anything, what: str) -> bool:
    """A plain yes or no."""
    if not isinstance(value, bool):
        raise ValueError(f"{what}: expected True or False; got {type(value).__name__}")
    return value


def text(value: Anything, what: str, *, at_most: int = NAME_LIMIT) -> str:
    """A plain string that can be written to the log; ``ValueError`` for anything else, and for a longer one.

    A subclass of ``str``, an enum's or numpy's, becomes what the log will give back.
    """
    if type(value) is not str:
        if not (issubclass(type(value), str) and isinstance(value, str)):  # who else says to be one is not
            raise ValueError(f"{what}: expected a text; got {type(value).__name__}")
        value = str.__getitem__(value, slice(None))
    if len(value) > at_most:
        raise ValueError(f"{what}: expected at most {at_most:,} characters; got {len(value):,}")
    if not value.isascii():
        value.encode()  # a lone surrogate raises UnicodeEncodeError, a ValueError
    return value


def several(value: Anything, what: str, *, at_most: int) -> tuple[object, ...]:
    """The members of a tuple or list that is not empty."""
    if not isinstance(value, tuple | list):
        raise ValueError(f"{what}: expected a tuple; got {type(value).__name__}")
    members: tuple[object, ...] = tuple(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # of whatever they are
    if not 1 <= len(members) <= at_most:
        raise ValueError(f"{what}: expected 1 to {at_most}; got {len(members)}")
    return members
