"""Volatility of a symbol's closes, for slippage models with ``needs_volatility``.

It is an exponentially weighted mean square of the returns from close to close. The first thirty returns have
equal weights. After that, each new return lowers the weight of the older ones by 6 %.
"""

from math import isfinite

import msgspec

from kernel.events import Bar

DECAY = 0.94
"""The weight that old returns keep with each new one: RiskMetrics' figure for daily returns."""

EQUALLY_WEIGHTED = 30


class Volatility(msgspec.Struct):
    """The last close of a symbol, the mean square of its returns, and the number of returns in it."""

    close: float
    mean_square: float = 0.0
    count: int = 0


def add_close(volatilities: dict[str, Volatility], bar: Bar) -> None:
    """Add a bar's return. A close that is not a price changes nothing."""
    if not (bar.close > 0.0 and isfinite(bar.close)):
        return
    known = volatilities.get(bar.symbol)
    if known is None:
        volatilities[bar.symbol] = Volatility(bar.close)
        return
    change = bar.close / known.close - 1.0
    known.close = bar.close
    known.count = min(known.count + 1, EQUALLY_WEIGHTED)
    weight = max(1.0 / known.count, 1.0 - DECAY)
    known.mean_square += weight * (change * change - known.mean_square)
