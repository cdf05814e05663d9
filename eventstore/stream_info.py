"""A summary of a stream's block headers, for people."""

from collections.abc import Collection, Iterable
from functools import lru_cache

import msgspec

from eventstore.block import types_listed
from eventstore.port import StreamInfo
from eventstore.vocabulary import NO_SYMBOL
from kernel.events import Event

_decode_symbols = msgspec.msgpack.Decoder(tuple[str, ...]).decode


def event_types_in(columns: Iterable[object]) -> tuple[str, ...]:
    """The names of the event types that headers list, sorted."""
    return _type_names(frozenset(columns))


def symbols_in_all(columns: Collection[object]) -> tuple[str, ...]:
    """The symbols that headers list, sorted; empty if some block holds too many symbols to list."""
    if len(columns) == 1:  # the usual case in a listing of many streams; a header's list is already sorted
        (column,) = columns
        symbols = _symbols(column)
        return symbols[1:] if symbols[:1] == (NO_SYMBOL,) else symbols
    if None in columns:
        return ()
    return tuple(sorted({symbol for column in set(columns) for symbol in _symbols(column)} - {NO_SYMBOL}))


def holding_only(infos: Iterable[StreamInfo], event_type: type[Event]) -> tuple[StreamInfo, ...]:
    """The streams that hold an event of a type."""
    return tuple(info for info in infos if event_type.__name__ in info.event_types)


def _symbols(column: object) -> tuple[str, ...]:
    try:
        return _decode_symbols(column) if isinstance(column, bytes) else ()
    except msgspec.DecodeError:
        return ()  # damaged: a listing shows what is readable, ``verify`` names the block


@lru_cache(maxsize=1024)
def _type_names(columns: frozenset[object]) -> tuple[str, ...]:
    """Cached, because the streams of a store have few combinations of types."""
    return tuple(sorted({kind.__name__ for column in columns for kind in _types(column)}))


def _types(column: object) -> frozenset[type[Event]]:
    try:
        return types_listed(column) if isinstance(column, bytes) else frozenset()
    except msgspec.DecodeError:
        return frozenset()
