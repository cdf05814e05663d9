"""Summing up a stream's headers into one line for people."""

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec

from eventstore.block import BlockHeader, symbols_listed, types_listed
from eventstore.port import StreamInfo

_T = TypeVar("_T")


class HeaderSummary(msgspec.Struct, frozen=True, array_like=True):
    """What a group of headers of one stream, alike in types and symbols, comes to."""

    last_seq: int
    first_ts: int
    last_ts: int
    block_count: int
    payload_bytes: int
    types: bytes
    symbols: bytes | None


def summary_of(header: BlockHeader) -> HeaderSummary:
    """The summary of a single header."""
    return HeaderSummary(
        last_seq=header.last_seq,
        first_ts=header.first_ts,
        last_ts=header.last_ts,
        block_count=1,
        payload_bytes=header.payload_bytes,
        types=header.types,
        symbols=header.symbols,
    )


def stream_info(last: BlockHeader, summaries: Iterable[HeaderSummary]) -> StreamInfo:
    """One line about a stream, on the word of its headers: ``verify`` is what checks them.

    ``symbols`` is empty where some block holds too many to list.
    """
    groups = list(summaries)
    types = _union(types_listed, {group.types for group in groups})
    symbols: frozenset[str] = frozenset()
    if all(group.symbols is not None for group in groups):
        symbols = _union(symbols_listed, {group.symbols for group in groups if group.symbols is not None})
    return StreamInfo(
        stream=last.stream,
        last_seq=last.last_seq,
        first_ts=min(group.first_ts for group in groups),
        last_ts=max(group.last_ts for group in groups),
        block_count=sum(group.block_count for group in groups),
        payload_bytes=sum(group.payload_bytes for group in groups),
        head_hash=last.hash.hex(),
        symbols=tuple(sorted(symbol for symbol in symbols if symbol)),
        event_types=tuple(sorted(event_type.__name__ for event_type in types)),
    )


def _union(listed: Callable[[bytes], frozenset[_T]], columns: Iterable[bytes]) -> frozenset[_T]:
    union: frozenset[_T] = frozenset()
    for column in columns:
        try:
            union |= listed(column)
        except msgspec.DecodeError:
            continue  # damaged: a listing says what it can, ``verify`` names the block
    return union
