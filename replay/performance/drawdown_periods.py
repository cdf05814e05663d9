"""The drawdowns of an equity curve: when each began, was deepest and ended."""

import msgspec
import numpy as np

from replay.equity import Floats, Integers


class DrawdownPeriod(msgspec.Struct, frozen=True, kw_only=True):
    """A fall from a peak until its value was reached again; ``end_ts`` is ``None`` if it never was."""

    peak_ts: int
    trough_ts: int
    end_ts: int | None
    depth: float
    duration_ns: int


def drawdown_periods(ts: Integers, equity: Floats) -> tuple[DrawdownPeriod, ...]:
    """All drawdowns in order of time.

    ``duration_ns`` is from the peak to the recovery or, without one, to the last point. Source: ``Drawdown
    Duration`` of ``backtesting``.
    """
    peaks = np.maximum.accumulate(equity)
    at_peak = np.flatnonzero((equity >= peaks) & (peaks > 0))
    found: list[DrawdownPeriod] = []
    ends = [*(int(place) for place in at_peak[1:]), len(ts)]
    for begin, end in zip((int(place) for place in at_peak), ends, strict=False):
        if end - begin < 2:
            continue
        trough = begin + 1 + int(np.argmin(equity[begin + 1 : end]))
        end_ts = int(ts[end]) if end < len(ts) else None
        found.append(
            DrawdownPeriod(
                peak_ts=int(ts[begin]),
                trough_ts=int(ts[trough]),
                end_ts=end_ts,
                depth=float(equity[trough] / equity[begin]) - 1.0,
                duration_ns=(int(ts[-1]) if end_ts is None else end_ts) - int(ts[begin]),
            )
        )
    return tuple(found)
