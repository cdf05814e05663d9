"""Volume profiles: a symbol's volume by time of the UTC day, and the share of it in a step of time.

A profile is a list of volumes of equal buckets of the day, the first from midnight UTC. Intraday volume
repeats from day to day (a U shape in equities): P. Jain and G. Joh, "The Dependence between Hourly Prices and
Trading Volume", Journal of Financial and Quantitative Analysis 23 (1988).
"""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from math import fsum, isfinite

import msgspec

from kernel.events import Bar, Trade
from kernel.time_units import DAY_NS

TRADES = "trades"
"""The source of volume that comes from trades. Every other source is a timeframe of bars."""

ONE = Decimal(1)


class SymbolVolume(msgspec.Struct):
    """A symbol's volume by time of day, summed over all days.

    ``source``: trades, or one timeframe of bars. All sources report the same volume, so only the first one
    seen is counted.
    """

    source: str
    volumes: list[float]


def add_bar(profile: SymbolVolume, bar: Bar) -> None:
    """Add a bar's volume to the bucket in which the bar began."""
    if bar.timeframe == profile.source:
        _add(profile, bar.open_ts or bar.ts - 1, bar.volume)


def add_trade(profile: SymbolVolume, trade: Trade) -> None:
    """Add a trade's volume to its bucket."""
    if profile.source == TRADES:
        _add(profile, trade.ts, trade.size)


def bucket_steps(volumes: Sequence[float], start_ts: int, end_ts: int, *, most: int) -> int:
    """The number of steps of about a bucket's length between two times, at most ``most``."""
    bucket_ns = DAY_NS // len(volumes)
    return max(1, min(most, -(-(end_ts - start_ts) // bucket_ns)))


def step_weights(volumes: Sequence[float], start_ts: int, end_ts: int, *, steps: int) -> tuple[Decimal, ...]:
    """The profile's volume in each of ``steps`` equal parts of a period.

    Volume is spread evenly within a bucket. Without volume at these times of day the weights are equal.
    """
    bounds = [start_ts + (end_ts - start_ts) * step // steps for step in range(steps + 1)]
    weights = [_volume_between(volumes, from_ts, to_ts) for from_ts, to_ts in pairwise(bounds)]
    if not any(weights):
        return (ONE,) * steps
    return tuple(Decimal(repr(weight)) for weight in weights)


def _volume_between(volumes: Sequence[float], from_ts: int, to_ts: int) -> float:
    bucket_ns = DAY_NS // len(volumes)
    parts: list[float] = []
    for bucket in range(from_ts // bucket_ns, -(-to_ts // bucket_ns)):
        overlap = min(to_ts, (bucket + 1) * bucket_ns) - max(from_ts, bucket * bucket_ns)
        parts.append(volumes[bucket % len(volumes)] * (overlap / bucket_ns))
    return fsum(parts)


def _add(profile: SymbolVolume, ts: int, volume: float) -> None:
    if isfinite(volume) and volume > 0:
        profile.volumes[ts % DAY_NS * len(profile.volumes) // DAY_NS] += volume
