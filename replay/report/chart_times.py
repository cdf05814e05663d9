"""Times and points of charts: ISO texts in UTC without an offset, and the points that are drawn."""

import numpy as np

from kernel.time_units import MS_NS
from replay.equity import Floats, Integers
from replay.performance.sampling import ExtremesSample

CURVE_POINTS = 5_000
"""Most points of a line: more than a screen has columns."""


def chart_times(ts: Integers) -> list[str]:
    """ISO texts to the millisecond, rounded down."""
    texts = np.datetime_as_string((ts // MS_NS).astype("datetime64[ms]"))
    return [str(text) for text in texts]


def kept_points(values: Floats) -> Integers:
    """The places of the points that are drawn: all, or the lowest and highest of each stretch."""
    sample = ExtremesSample(CURVE_POINTS)
    sample.take(np.arange(len(values)), values)
    kept, _ = sample.points()
    return kept
