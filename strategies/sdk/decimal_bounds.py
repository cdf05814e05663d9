"""Bounds of ``Decimal`` parameters: ``msgspec`` has them for ``int`` and ``float`` alone.

``without_decimal_bounds`` takes them off a type, so that ``msgspec`` converts the value, and
``check_decimals`` compares the converted value with them. Limits are exact: 0.1 is a tenth.
"""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from itertools import repeat
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec

from kernel.decimals import exact

# A type hint as it stands in a class: a class, a union, or a generic type with arguments.
Hint = Any

_UNIONS: tuple[Any, ...] = (Union, UnionType)
_CONTAINERS: tuple[Any, ...] = (list, tuple, set, frozenset, dict)


def without_decimal_bounds(declared: Hint) -> Hint:
    """The same type without limits and multiples on decimals."""
    origin, arguments = _parts(declared)
    if origin is Annotated:
        inner = without_decimal_bounds(arguments[0])
        extras = [extra for extra in arguments[1:] if not (_is_decimal(inner) and _has_bounds(extra))]
        return Annotated[(inner, *extras)] if extras else inner
    if origin not in _UNIONS and origin not in _CONTAINERS:
        return declared
    plain: tuple[Hint, ...] = tuple(
        each if each is ... else without_decimal_bounds(each) for each in arguments
    )
    if plain == arguments:
        return declared
    if origin in _UNIONS:
        union = plain[0]
        for each in plain[1:]:
            union = union | each
        return union
    return origin[plain]


@exact
def check_decimals(value: object, declared: Hint) -> None:
    """Raise ``ValueError`` for a number outside the bounds that ``without_decimal_bounds`` took off."""
    for number, bounds in _bounded(value, declared):
        _check(number if isinstance(number, Decimal) else Decimal(repr(number)), bounds)


# a value of any type
def _bounded(value: Any, declared: Hint) -> Iterator[tuple[Decimal | int | float, msgspec.Meta]]:
    """The numbers in a value whose type may be a decimal, each with its bounds."""
    origin, arguments = _parts(declared)
    if origin is Annotated:
        if isinstance(value, Decimal | int | float) and _is_decimal(arguments[0]):
            yield from ((value, extra) for extra in arguments[1:] if isinstance(extra, msgspec.Meta))
        yield from _bounded(value, arguments[0])
    elif origin in _UNIONS:
        for each in arguments:
            yield from _bounded(value, each)
    elif origin in _CONTAINERS and isinstance(value, origin):
        parts = value.values() if origin is dict else value
        is_row = origin is tuple and ... not in arguments
        kinds = arguments if is_row else repeat(arguments[1] if origin is dict else arguments[0])
        for part, kind in zip(parts, kinds, strict=False):
            yield from _bounded(part, kind)


def _parts(declared: Hint) -> tuple[Any, tuple[Any, ...]]:  # the stubs say ParamSpec
    return get_origin(declared), get_args(declared)


def _is_decimal(declared: Hint) -> bool:
    """Whether a value of the type may be a decimal itself."""
    origin, arguments = _parts(declared)
    if origin is Annotated:
        return _is_decimal(arguments[0])
    if origin in _UNIONS:
        return any(map(_is_decimal, arguments))
    return declared is Decimal


def _has_bounds(extra: object) -> bool:
    """Whether it is a range without anything for text."""
    return isinstance(extra, msgspec.Meta) and (
        extra.pattern is None and extra.min_length is None and extra.max_length is None
    )


def _check(value: Decimal, bounds: msgspec.Meta) -> None:
    if not value.is_finite():
        raise ValueError("Expected a finite number")
    limits = (
        (">", bounds.gt, value.__gt__),
        (">=", bounds.ge, value.__ge__),
        ("<", bounds.lt, value.__lt__),
        ("<=", bounds.le, value.__le__),
    )
    for sign, limit, holds in limits:
        if limit is not None and not holds(Decimal(repr(limit))):
            raise ValueError(f"Expected `decimal` {sign} {limit}")
    if bounds.multiple_of is not None and not _is_multiple(value, Decimal(repr(bounds.multiple_of))):
        raise ValueError(f"Expected `decimal` that's a multiple of {bounds.multiple_of}")


def _is_multiple(value: Decimal, step: Decimal) -> bool:
    try:
        return not value % step
    except InvalidOperation:  # it has so many digits that the rest is not exact
        return False
