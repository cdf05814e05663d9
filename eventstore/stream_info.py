"""Summing up the headers of a stream's blocks for people."""

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeVar

import msgspec

from eventstore.block import symbols_listed, types_listed
from eventstore.port import StreamInfo
from eventstore.vocabulary import NO_SYMBOL
from kernel.events import Event

_T = TypeVar("_T")


def event_types_in(columns: Iterable[object]) -> tuple[str, ...]:
    """The names of the event types that headers list, sorted."""
    return _type_names(frozenset(columns))


def symbols_in_all(columns: Iterable[object]) -> tuple[str, ...]:
    """The symbols that headers list, sorted; none where some block holds too many to list."""
    distinct = frozenset(columns)
    if None in distinct:
        return ()
    return tuple(sorted(_union(symbols_listed, distinct) - {NO_SYMBOL}))


def holding_only(infos: Iterable[StreamInfo], event_type: type[Event]) -> tuple[StreamInfo, ...]:
    """The streams that hold an event of a type."""
    return tuple(info for info in infos if event_type.__name__ in info.event_types)


@lru_cache(maxsize=1024)
def _type_names(columns: frozenset[object]) -> tuple[str, ...]:
    """Cached: the streams of a store have few combinations of them."""
    return tuple(sorted(event_type.__name__ for event_type in _union(types_listed, columns)))


def _union(listed: Callable[[bytes], frozenset[_T]], columns: Iterable[object]) -> frozenset[_T]:
    union: frozenset[_T] = frozenset()
    for column in columns:
        try:
            union |= listed(column) if isinstance(column, bytes) else frozenset()
        except msgspec.DecodeError:
            continue  # damaged: a listing says what it can, ``verify`` names the block
    return union
