"""Replaces the part of a stream that an import contradicts: a corrected bar, a restated adjusted history.

The rows of the files replace the stream's events from their first time to their last one. Events before and
after stay. The new events are written beside the stream first and take its place in one step, all streams
of the import together, so a reader sees the old stream or the new one.
"""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import msgspec

from eventstore.catalogue import discard_new, put_new_in_place
from eventstore.data_issues import IssueFinder, append_new_facts
from eventstore.data_measure import DataMeasure
from eventstore.encoding import encode_events
from eventstore.importing.spool import Lane, Spool
from eventstore.moments import iso_utc
from eventstore.port import EventStore, Selection
from eventstore.stream_keys import new_key
from kernel.errors import InputError
from kernel.events import Bar, Event


class Replacement(msgspec.Struct, frozen=True):
    """How an import replaces what it contradicts. ``ts``: now, for the catalogue."""

    ts: int
    reason: str = ""
    keeps_old: bool = True


class Replaced(msgspec.Struct, frozen=True):
    """The replacement in one stream: old events that went, its new last seq, and old events that stay."""

    lane: Lane
    old_count: int
    last_seq: int
    kept_before: int
    kept_after: int


async def replace_contradicted(
    store: EventStore, spool: Spool, lanes: Sequence[Lane], replacement: Replacement
) -> list[Replaced]:
    """Put the rows of these lanes in place of the events of the same time in their streams.

    Raises ``InputError``, with the streams unchanged, if a bar that stays overlaps a new one.
    """
    if not lanes:
        return []
    streams = [lane.stream for lane in lanes]
    await discard_new(store, streams, ts=replacement.ts)
    replaced: list[Replaced] = []
    try:
        for lane in lanes:
            replaced.append(await _write_new(store, spool, lane))
    except BaseException:
        await discard_new(store, streams, ts=replacement.ts)
        raise
    await put_new_in_place(
        store, streams, ts=replacement.ts, reason=replacement.reason, keeps_old=replacement.keeps_old
    )
    return replaced


async def _write_new(store: EventStore, spool: Spool, lane: Lane) -> Replaced:
    old = await store.head(lane.stream)
    before = Selection(to_ts=lane.first_ts - 1)
    after = Selection(from_ts=lane.last_ts + 1)
    kept_before = kept_after = seq = 0
    last: Event | None = None
    measure, issues = DataMeasure(), IssueFinder()
    async with aclosing(_parts(store, spool, lane, before, after)) as parts:
        async for is_old, events in parts:
            if isinstance(last, Bar) and isinstance(events[0], Bar):
                _check_apart(lane.stream, last, events[0])
            last = events[-1]
            measure.add(lane.stream, events)
            issues.add(lane.stream, events)
            if is_old and last.ts < lane.first_ts:
                kept_before += len(events)
            elif is_old:
                kept_after += len(events)
            encoded = encode_events(new_key(lane.stream), events, causes=None)
            seq = (await store.append(new_key(lane.stream), encoded, expected_seq=seq)).seq
    if last is not None:
        await append_new_facts(store, lane.stream, measure, issues, ts=last.ts)
    return Replaced(lane, old.seq - kept_before - kept_after, seq, kept_before, kept_after)


async def _parts(
    store: EventStore, spool: Spool, lane: Lane, before: Selection, after: Selection
) -> AsyncGenerator[tuple[bool, Sequence[Event]]]:
    """The new events of a stream in order, and whether they are old ones that stay."""
    async with aclosing(store.read(lane.stream, before)) as batches:
        async for batch in batches:
            yield True, batch.events
    for frame in spool.frames(lane):
        yield False, frame.events
    async with aclosing(store.read(lane.stream, after)) as batches:
        async for batch in batches:
            yield True, batch.events


def _check_apart(stream: str, last: Bar, following: Bar) -> None:
    if last.symbol == following.symbol and following.open_ts and following.open_ts < last.ts:
        raise InputError(
            f"stream {stream!r}: the bar until {iso_utc(last.ts)} overlaps the bar from "
            f"{iso_utc(following.open_ts)}, and only one of them is in the files; nothing was replaced"
        )
