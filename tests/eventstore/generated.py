"""Hypothesis strategies for every event type, built from its fields."""

from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from functools import cache
from types import UnionType
from typing import NewType, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from kernel.events import EVENT_TYPES, Event

INT64 = st.integers(min_value=-(1 << 63) + 1, max_value=(1 << 63) - 1)

_SCALARS: dict[object, st.SearchStrategy[object]] = {
    int: INT64,
    bool: st.booleans(),
    float: st.floats(allow_nan=False),
    str: st.text(max_size=20),
    bytes: st.binary(max_size=20),
    Decimal: st.decimals(allow_nan=False, allow_infinity=False),
    type(None): st.none(),
}


@cache
def values_of(annotation: object) -> st.SearchStrategy[object]:
    """Values of a field's type."""
    if annotation in _SCALARS:
        return _SCALARS[annotation]
    if isinstance(annotation, NewType):
        return values_of(annotation.__supertype__)
    if isinstance(annotation, UnionType):
        return st.one_of([values_of(part) for part in get_args(annotation)])
    if get_origin(annotation) is tuple:
        return st.lists(values_of(get_args(annotation)[0]), max_size=3).map(tuple)
    assert isinstance(annotation, type), f"no values known for {annotation}"
    if issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    assert issubclass(annotation, msgspec.Struct), f"no values known for {annotation}"
    return structs_of(annotation)


def structs_of(struct: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    fields = {field.name: values_of(field.type) for field in msgspec.structs.fields(struct)}
    build: Callable[..., msgspec.Struct] = struct
    return st.builds(build, **fields)


def events_of(event_type: type[Event]) -> st.SearchStrategy[Event]:
    """Events of one type, every field drawn."""
    return structs_of(event_type).map(_as_event)


def events() -> st.SearchStrategy[Event]:
    """Events of any type."""
    return st.sampled_from(EVENT_TYPES).flatmap(events_of)


def ordered(drawn: list[Event], *, first_ts: int = 0) -> list[Event]:
    """The same events, their stamps replaced by 0, 0, 1, 1, 2 ...: in order, with ties."""
    return [msgspec.structs.replace(event, ts=first_ts + place // 2) for place, event in enumerate(drawn)]


def _as_event(drawn: msgspec.Struct) -> Event:
    assert isinstance(drawn, Event)
    return drawn
