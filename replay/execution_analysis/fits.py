"""Fits by closed forms: a mean, a line through the origin, and what they are worth.

An interval covers the true value in 95 of 100 samples if the errors are independent and alike.
"""

from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from math import floor, inf, log, log10, sqrt

import msgspec

from replay.performance.trade_sample import t_quantile

LEAST_SAMPLES = 20
"""Fewer samples say too little: their interval is wider than half a standard deviation."""


INTERVAL = 0.975
"""The quantile that leaves 2.5 % on each side."""


class Estimate(msgspec.Struct, frozen=True):
    """A parameter with the interval that covers it in 95 of 100 samples."""

    name: str
    value: float
    low: float
    high: float

    @property
    def rounded(self) -> Decimal:
        """The value with the fewest digits that are still inside the middle fifth of the interval."""
        tolerance = max((self.high - self.low) / 10, abs(self.value) * 1e-9)
        exact = Decimal(repr(self.value))
        if not self.value:
            return Decimal(0)
        for digits in range(-floor(log10(abs(self.value))), 18):
            found = exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_EVEN)
            if abs(float(found) - self.value) <= tolerance:
                return found.normalize() if digits > 0 else found
        return exact


class Fit(msgspec.Struct, frozen=True):
    """A model of the simulated venue that was fitted.

    - ``model``: its name in the configuration; ``estimates``: of its parameters, ``fixed``: the others.
    - ``samples``: how many orders or fills.
    - ``error``: the root of the mean square of what is left, in ``unit``; ``explained``: the part of the
      samples' mean square that the model accounts for, at most 1.
    - ``score``: lower is better (the Bayesian information criterion).
    - ``note``: a sentence on how far the model can be trusted.
    """

    role: str
    model: str
    estimates: tuple[Estimate, ...]
    samples: int
    error: float
    explained: float
    unit: str
    score: float
    fixed: dict[str, float] = {}
    note: str = ""


def through_origin(name: str, x: Sequence[float], y: Sequence[float]) -> tuple[Estimate, float]:
    """The line y = b x with the least squares; returns b and the sum of squares that is left."""
    squares = sum(one * one for one in x)
    slope = sum(a * b for a, b in zip(x, y, strict=True)) / squares
    left = sum((b - slope * a) ** 2 for a, b in zip(x, y, strict=True))
    degrees = len(x) - 1
    spread = t_quantile(INTERVAL, degrees) * sqrt(left / degrees / squares)
    return Estimate(name, slope, slope - spread, slope + spread), left


def explained(y: Sequence[float], left: float) -> float:
    """The part of the mean square of samples that a model accounts for."""
    whole = sum(one * one for one in y)
    return 1.0 - left / whole if whole else 1.0


def score(left: float, samples: int, parameters: int, *, least_error: float = 0.0) -> float:
    """The Bayesian information criterion. ``least_error``: of a single sample that says nothing more."""
    mean_square = left / samples + least_error * least_error
    return -inf if not mean_square else samples * log(mean_square) + parameters * log(samples)


def distance(values: Sequence[float], cdf: Callable[[float], float]) -> float:
    """The largest distance between samples and a distribution (Kolmogorov and Smirnov)."""
    ordered, count = sorted(values), len(values)
    return max(
        max(cdf(value) - place / count, (place + 1) / count - cdf(value))
        for place, value in enumerate(ordered)
    )
