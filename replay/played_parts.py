"""The part of each data stream that a run plays: from the first to the last event of its period.

``from`` and ``to`` are days or moments. A moment is compared with the time of an event. A day means all of
it: the UTC day, and of bars of whole days their trading day (``kernel.trading_days``). So
``from: 2020-01-02`` on days of New York begins with the bar of 2 January, and not with the bar before it,
which ends at 05:00 UTC of 2 January.
"""

from collections.abc import Sequence
from contextlib import aclosing

import msgspec

from components.assembly.moments import is_day
from eventstore import EventStore, Selection, StreamInfo
from kernel.events import Bar, Event, FxRateSet, StreamRange
from kernel.time_units import DAY_NS
from kernel.trading_days import day_of_bar, holds_whole_days, utc_day
from replay.config import ReplayConfig

_RATE_LEAD_NS = 7 * DAY_NS


class Period(msgspec.Struct, frozen=True):
    """The first and last moment to read of a stream.

    ``first_day`` and ``last_day`` are trading days (YYYYMMDD) if the period is given in days; else 0.
    """

    first_ts: int
    last_ts: int
    first_day: int = 0
    last_day: int = 0


class Part(msgspec.Struct, frozen=True):
    """The part of a stream that is played, and the ``ts`` of its first and last event."""

    source: StreamRange
    first_ts: int
    last_ts: int


def period_of(info: StreamInfo, market: Sequence[StreamInfo], config: ReplayConfig) -> Period:
    """The period of a stream; ``market``: the streams with market data.

    Without ``from`` and ``to`` a run begins and ends with the market data, and facts outside that period are
    left out. Exchange rates are read from a week before, because the last rate is still valid after a
    weekend.
    """
    from_ts, to_ts = config.from_ts, config.to_ts
    first_ts = min(one.first_ts for one in market) if from_ts is None else from_ts
    last_ts = max(one.last_ts for one in market) if to_ts is None else to_ts
    if FxRateSet.__name__ in info.event_types and info not in market:
        return Period(first_ts - _RATE_LEAD_NS, last_ts)
    return Period(
        first_ts,
        last_ts,
        first_day=utc_day(first_ts) if config.start and is_day(config.start) else 0,
        last_day=utc_day(last_ts) if config.end and is_day(config.end) else 0,
    )


async def part_of(store: EventStore, info: StreamInfo, period: Period) -> Part | None:
    """The part of a stream within a period; ``None`` if there is no event in it."""
    has_bars = Bar.__name__ in info.event_types
    if period.first_ts <= info.first_ts:
        first_seq, first_ts = 1, info.first_ts
    else:
        first_seq, first_ts = await _first_from(store, info.stream, period.first_ts)
    if has_bars and period.first_day and first_seq:
        first_seq, first_ts = await _first_of_day(store, info.stream, first_seq, period.first_day)
    if period.last_ts >= info.last_ts:
        last_seq, last_ts = info.last_seq, info.last_ts
    else:
        last_seq, last_ts = (await _first_from(store, info.stream, period.last_ts + 1))[0] - 1, period.last_ts
        if has_bars and period.last_day:
            last_seq, last_ts = await _last_of_day(store, info.stream, last_seq, period)
    if first_seq == 0 or last_seq < first_seq:
        return None
    block_hash = await store.block_hash(info.stream, last_seq)
    return Part(StreamRange(info.stream, first_seq, last_seq, block_hash.hex()), first_ts, last_ts)


async def _first_from(store: EventStore, stream: str, ts: int) -> tuple[int, int]:
    """Seq and ``ts`` of the first event at or after ``ts``; zeros if there is none."""
    async with aclosing(store.read(stream, Selection(from_ts=ts))) as batches:
        async for batch in batches:
            return batch.seqs[0], batch.events[0].ts
    return 0, 0


async def _first_of_day(store: EventStore, stream: str, seq: int, first_day: int) -> tuple[int, int]:
    """The first event from ``seq`` on that is not a bar of an earlier day; zeros if there is none."""
    async with aclosing(store.read(stream, Selection(from_seq=seq))) as batches:
        async for batch in batches:
            for found, event in zip(batch.seqs, batch.events, strict=True):
                day = _bar_day(event)
                if day is None or day >= first_day:
                    return found, event.ts
    return 0, 0


async def _last_of_day(store: EventStore, stream: str, seq: int, period: Period) -> tuple[int, int]:
    """The last of the bars right after ``seq`` that still belong to the last day; else ``seq``."""
    last_ts = period.last_ts
    async with aclosing(store.read(stream, Selection(from_seq=seq + 1))) as batches:
        async for batch in batches:
            for found, event in zip(batch.seqs, batch.events, strict=True):
                day = _bar_day(event)
                if day is None or day > period.last_day:
                    return seq, last_ts
                seq, last_ts = found, event.ts
    return seq, last_ts


def _bar_day(event: Event) -> int | None:
    """The trading day of a bar of whole days; ``None`` for any other event."""
    if isinstance(event, Bar) and holds_whole_days(event.timeframe):
        return day_of_bar(event)
    return None
