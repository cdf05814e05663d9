"""The beginning of a run's market data."""

from collections.abc import Iterable, Sequence
from contextlib import aclosing

import msgspec

from eventstore import EventStore, Selection
from kernel.errors import StreamMissing
from kernel.events import MARKET_TYPES, Bar, Event, RunStarted, StreamRange
from kernel.time_units import DAY_NS
from kernel.trading_days import days_since_epoch, first_day_of_bar, holds_whole_days


class Beginning(msgspec.Struct, frozen=True):
    """The first market event: the beginning of its interval, and the time when it was known."""

    opens_ts: int
    known_ts: int
    day: int
    """Its trading day, from 1970-01-01; the UTC day, if it is no bar of whole days."""
    without_open: tuple[str, ...] = ()
    """Streams that begin with a bar without an open time."""


async def beginning_of(store: EventStore, started: RunStarted, sources: Sequence[StreamRange]) -> Beginning:
    """The first event of the data, or the first market event of a live log.

    The start of the run if its data streams no longer exist.
    """
    firsts: list[Beginning] = []
    without_open: list[str] = []
    for source in sources:
        if started.sources:
            first = Selection(from_seq=source.first_seq, to_seq=source.first_seq)
        else:
            first = Selection(types=frozenset(MARKET_TYPES))
        try:
            async with aclosing(store.read(source.stream, first)) as batches:
                async for batch in batches:
                    event = batch.events[0]
                    opens_ts = event.open_ts if isinstance(event, Bar) and event.open_ts else event.ts
                    firsts.append(Beginning(opens_ts, event.ts, _day(event, opens_ts)))
                    if isinstance(event, Bar) and not event.open_ts:
                        without_open.append(source.stream)
                    break
        except StreamMissing:
            continue
    if not firsts:
        return Beginning(started.ts, started.ts, started.ts // DAY_NS)
    return Beginning(
        min(one.opens_ts for one in firsts),
        min(one.known_ts for one in firsts),
        min(one.day for one in firsts),
        tuple(without_open),
    )


def first_day(beginning: Beginning, marks: Iterable[tuple[int, int]]) -> int:
    """The first trading day of a run, from 1970-01-01. ``marks``: time and day of each mark.

    A mark within a day of the beginning knows it better: the day of a session can begin the evening before.
    """
    for ts, day in marks:
        return day if ts - beginning.opens_ts <= DAY_NS else beginning.day
    return beginning.day


def _day(event: Event, opens_ts: int) -> int:
    if isinstance(event, Bar) and holds_whole_days(event.timeframe):
        return days_since_epoch(first_day_of_bar(event))
    return opens_ts // DAY_NS
