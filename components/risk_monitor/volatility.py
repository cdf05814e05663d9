"""Realised volatility of a value that is sampled at uneven times.

The sum of squared log returns, divided by their time in years, is the realised variance (Andersen,
Bollerslev, Diebold and Labys, "Modeling and Forecasting Realized Volatility", Econometrica 71, 2003). Its
square root is the volatility of a year. Nights and weekends count as time.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import log, sqrt

import msgspec

from kernel.time_units import DAY_NS

YEAR_NS = 365.25 * DAY_NS


class Sample(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A value at ``ts``. ``paid_in``: the part of it that was paid in since the last sample."""

    ts: int
    value: float
    paid_in: float = 0.0


def realised_volatility(samples: Sequence[Sample]) -> float | None:
    """Yearly volatility as a fraction; ``None`` with fewer than two samples, or a value of 0 or less."""
    years = (samples[-1].ts - samples[0].ts) / YEAR_NS if samples else 0.0
    if years <= 0:
        return None
    variance = 0.0
    for before, after in pairwise(samples):
        grown = after.value - after.paid_in
        if before.value <= 0 or grown <= 0:
            return None
        variance += log(grown / before.value) ** 2
    return sqrt(variance / years)
