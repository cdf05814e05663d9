"""The P&L of a run's positions as a sample: whether its mean may as well be chance."""

import math
from collections.abc import Sequence
from statistics import NormalDist

import msgspec
import numpy as np

from replay.equity import Floats
from replay.performance.trades import RoundTrip

CONFIDENCE = 0.95
FEWEST_POSITIONS = 30
"""Below this number the distribution of a mean is not known well enough to test it."""


class TradeSample(msgspec.Struct, frozen=True):
    """The P&L of positions from flat to flat, as a sample. Money is in the account's currency.

    Round trips that overlap in one symbol and strategy are one position: they are not independent.

    - ``count``: of positions; ``mean``: their mean P&L.
    - ``margin``: half the width of the 95 % confidence interval of the mean.
    - ``t_statistic``: the mean over its standard error.
    - ``needed``: how many positions would exclude a mean of 0, with this mean and spread.
    """

    count: int
    mean: float
    margin: float | None
    t_statistic: float | None
    needed: int | None


def net_pnls(trades: Sequence[RoundTrip]) -> Floats:
    """The net P&L of each trade, in the account's currency."""
    return np.array(
        [(float(one.pnl) - float(one.commission)) * float(one.rate) for one in trades], dtype=np.float64
    )


def positions_of(trades: Sequence[RoundTrip]) -> Floats:
    """The net P&L of each position from flat to flat, in the account's currency, in order of entry."""
    pnls: list[float] = []
    last: dict[tuple[str, str], tuple[int, int]] = {}
    paired = zip(trades, net_pnls(trades).tolist(), strict=True)
    for trade, pnl in sorted(paired, key=lambda pair: (pair[0].entry_ts, pair[0].exit_ts)):
        key = (trade.strategy, trade.symbol)
        end_ts, place = last.get(key, (0, -1))
        if place >= 0 and trade.entry_ts < end_ts:
            pnls[place] += pnl
        else:
            place = len(pnls)
            pnls.append(pnl)
        last[key] = max(end_ts, trade.exit_ts), place
    return np.array(pnls, dtype=np.float64)


def trade_sample(trades: Sequence[RoundTrip]) -> TradeSample:
    """The sample of a run's trades.

    Source of the interval: Student's t; its quantile by Cornish and Fisher's expansion.
    """
    pnls = positions_of(trades)
    count = len(pnls)
    mean = float(np.mean(pnls)) if count else 0.0
    if count < 2 or np.ptp(pnls) == 0:
        return TradeSample(count, mean, None, None, None)
    spread = float(np.std(pnls, ddof=1))
    error = spread / math.sqrt(count)
    quantile = t_quantile((1 + CONFIDENCE) / 2, count - 1)
    normal = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    needed = max(FEWEST_POSITIONS, math.ceil((normal * spread / mean) ** 2)) if mean else None
    return TradeSample(count, mean, quantile * error, mean / error, needed)


def t_quantile(probability: float, degrees: int) -> float:
    """The quantile of Student's t, within 1 % from 3 degrees of freedom on.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.5.
    """
    z = NormalDist().inv_cdf(probability)
    n = float(degrees)
    terms = (
        z,
        (z**3 + z) / (4 * n),
        (5 * z**5 + 16 * z**3 + 3 * z) / (96 * n**2),
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * n**3),
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / (92160 * n**4),
    )
    return math.fsum(terms)
