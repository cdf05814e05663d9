"""Choosing the blocks to read, and the events in them to return."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import compress
from operator import attrgetter

from eventstore.block import Block, BlockHeader, has_text, symbols_listed, types_read, unseal
from eventstore.port import Batch, Selection
from eventstore.vocabulary import NO_SYMBOL, symbol_of
from kernel.events import Event

_ts_of: Callable[[Event], int] = attrgetter("ts")


def matches(header: BlockHeader, selection: Selection) -> bool:
    """Whether a block may hold an event of the selection. ``False`` is certain, ``True`` is not."""
    if header.last_seq < selection.from_seq or header.last_ts < _or(selection.from_ts, header.last_ts):
        return False
    if header.first_seq > _or(selection.to_seq, header.first_seq):
        return False
    if header.first_ts > _or(selection.to_ts, header.first_ts):
        return False
    if selection.types is not None and selection.types.isdisjoint(types_read(header)):
        return False
    if selection.symbols is None:
        return True
    if header.symbols is None:
        return True
    return not (selection.symbols - {NO_SYMBOL}).isdisjoint(symbols_listed(header.symbols))


def select(block: Block, selection: Selection) -> Batch | None:
    """The selected events of a block, with their seqs and causes; ``None`` if no event matches.

    Bounds are found by bisection. A filter that the whole block passes costs nothing per event.
    Raises ``StoreDamaged``.
    """
    if selection.text is not None and not has_text(block, selection.text):
        return None
    events, causes = unseal(block)
    header = block.header
    start, end = _bounds(header, events, selection=selection)
    if start >= end:
        return None
    seqs: Sequence[int] = range(header.first_seq + start, header.first_seq + end)
    if (start, end) != (0, len(events)):
        events = events[start:end]
        causes = None if causes is None else causes[start:end]
    keep = _kept(header, events, selection=selection)
    if keep is None:
        payload = block.payload if len(events) == header.event_count else None
        return Batch(
            stream=header.stream,
            seqs=seqs,
            events=events,
            causes=causes,
            payload=payload,
            codec=header.codec,
        )
    if not any(keep):
        return None
    return Batch(
        stream=header.stream,
        seqs=list(compress(seqs, keep)),
        events=list(compress(events, keep)),
        causes=None if causes is None else list(compress(causes, keep)),
    )


def _or(bound: int | None, otherwise: int) -> int:
    return otherwise if bound is None else bound


def _bounds(header: BlockHeader, events: Sequence[Event], *, selection: Selection) -> tuple[int, int]:
    """The slice of events within the selection's bounds of seq and time."""
    start = max(0, selection.from_seq - header.first_seq)
    end = len(events)
    if selection.to_seq is not None:
        end = min(end, selection.to_seq - header.first_seq + 1)
    if selection.from_ts is not None and header.first_ts < selection.from_ts:
        start = max(start, bisect_left(events, selection.from_ts, key=_ts_of))
    if selection.to_ts is not None and header.last_ts > selection.to_ts:
        end = min(end, bisect_right(events, selection.to_ts, key=_ts_of))
    return start, end


def _kept(header: BlockHeader, events: Sequence[Event], *, selection: Selection) -> list[bool] | None:
    """For each event whether symbol and type match; ``None`` if all match."""
    types = selection.types
    symbols = None if selection.symbols is None else selection.symbols - {NO_SYMBOL}
    if types is not None and types_read(header) <= types:
        types = None
    if symbols is not None and header.symbols is not None and symbols_listed(header.symbols) <= symbols:
        symbols = None
    if types is None and symbols is None:
        return None
    if symbols is None:
        return [type(event) in types for event in events] if types is not None else None
    if types is None:
        return [symbol_of(event) in symbols for event in events]
    return [type(event) in types and symbol_of(event) in symbols for event in events]
