"""When a backtest marks its account, if the configuration does not say (``portfolio.mark_every_s``).

- Over bars of whole days: at the end of each bar. Such a bar ends at midnight of its own zone, or with its
  session, so a regular time would be wrong for some.
- Over finer data: at regular times, no finer than the bars (1 second for quotes and trades), and so far apart
  that there are at most ``MOST_MARKS`` marks, or a mark a day. With quotes or trades there are fewer: at most
  one for each ``TICKS_A_MARK`` of them, or ``FEWEST_MARKS``. Nothing is done per event. Over the
  period of all streams together the timer fires at most ``MOST_TIMERS`` times, or once a day.
- With limits of volatility, which count marks: a mark a day.

The choice is part of the recorded configuration, so a later version that chooses otherwise changes no record.
"""

from collections.abc import Sequence
from contextlib import aclosing

import msgspec

from components.portfolio.config import PortfolioConfig
from eventstore import EventStore, Selection, StreamInfo
from kernel.events import MARKET_TYPES, Bar, Event, StreamRange
from kernel.time_units import DAY_S, SECOND_NS
from kernel.trading_days import holds_whole_days
from strategies.sdk import RiskLimits
from strategies.sdk.limits import LimitKind

MOST_MARKS, FEWEST_MARKS = 500, 50
"""Enough marks for a curve, and few enough that they cost nothing beside the data of a long run."""

MOST_TIMERS = 2_000
"""The timer of the marks also fires where there are no data, at night or where one stream has none."""

TICKS_A_MARK = 3_000
"""A mark, with its timer and record, takes the time of some twenty quotes: below 1 % of a run."""

STREAMS_LOOKED_AT = 50
"""Each look reads and decodes the first block of a stream."""

STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 14_400, 21_600, 43_200)

Played = Sequence[tuple[StreamInfo, StreamRange]]
"""The market data of a run: each stream, and the part of it that is played."""


class _Data(msgspec.Struct, frozen=True):
    """One stream: the step of its data, and the time that they cover, in seconds."""

    step_s: float
    covered_s: float
    is_whole_days: bool = False
    ticks: int = 0


async def with_mark_times(
    store: EventStore, config: PortfolioConfig, played: Played, risk: RiskLimits
) -> PortfolioConfig:
    """The settings with the times of marks filled in, unless they are given."""
    if config.mark_every_s is not None or config.mark_bars:
        return config
    if any(limit.kind is LimitKind.VOLATILITY for limit in risk.continuous):
        return msgspec.structs.replace(config, mark_every_s=DAY_S)
    found = [await _look_at(store, *each) for each in played[:STREAMS_LOOKED_AT]]
    data = [one for one in found if one is not None]
    is_whole_days = bool(data) and all(one.is_whole_days for one in data)
    infos = [info for info, _ in played]
    period_s = (
        (max(one.last_ts for one in infos) - min(one.first_ts for one in infos)) / SECOND_NS if infos else 0.0
    )
    return msgspec.structs.replace(
        config, mark_every_s=DAY_S if is_whole_days else _step_s(data, period_s), mark_bars=is_whole_days
    )


def _step_s(data: Sequence[_Data], period_s: float) -> int:
    """The shortest of ``STEPS_S`` that is not finer than the data and makes not too many marks and timers."""
    fine = [one for one in data if not one.is_whole_days]
    finest = min((one.step_s for one in fine), default=DAY_S)
    covered = max((one.covered_s for one in fine), default=0.0)
    ticks = sum(one.ticks for one in fine)
    most = min(MOST_MARKS, max(FEWEST_MARKS, ticks // TICKS_A_MARK)) if ticks else MOST_MARKS
    shortest = max(finest, covered / most, period_s / MOST_TIMERS)
    return next((step for step in STEPS_S if step >= shortest), DAY_S)


async def _look_at(store: EventStore, info: StreamInfo, source: StreamRange) -> _Data | None:
    """The step of a stream, from its first market event; ``None`` if it has none."""
    first = await _first_market_event(store, source)
    if first is None:
        return None
    span_s = (info.last_ts - info.first_ts) / SECOND_NS
    if not isinstance(first, Bar):
        return _Data(1.0, span_s, ticks=source.last_seq - source.first_seq + 1)
    if holds_whole_days(first.timeframe):
        return _Data(DAY_S, span_s, is_whole_days=True)
    step_s = (first.ts - first.open_ts) / SECOND_NS if first.open_ts else 60.0
    bars = (source.last_seq - source.first_seq + 1) / max(1, len(info.symbols))
    return _Data(step_s, min(span_s, bars * step_s))


async def _first_market_event(store: EventStore, source: StreamRange) -> Event | None:
    selection = Selection(from_seq=source.first_seq, to_seq=source.last_seq, types=frozenset(MARKET_TYPES))
    async with aclosing(store.read(source.stream, selection)) as batches:
        async for batch in batches:
            return batch.events[0]
    return None
