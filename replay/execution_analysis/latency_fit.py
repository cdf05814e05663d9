"""Latency models fitted to the times between the sending of an order and its acceptance."""

from collections.abc import Iterable
from math import sqrt
from statistics import NormalDist, fmean, stdev

from kernel.time_units import MS_NS
from replay.execution_analysis.fits import INTERVAL, LEAST_SAMPLES, Estimate, Fit, distance
from replay.execution_analysis.records import ExecutedOrder
from replay.performance.trade_sample import t_quantile

ROLE = "latency"
_ALIKE_MS = 0.001
"""Delays within a microsecond are one delay."""
_CRITICAL = 1.36
"""Times 1 / sqrt(samples): a larger distance has a chance below 5 % if the model is right (for a model that
was not fitted to the samples; fitted ones are nearer)."""


def delays_of(executed: Iterable[ExecutedOrder]) -> list[float]:
    """Milliseconds from sent to accepted, of orders that were accepted."""
    return [(one.accepted_ts - one.sent_ts) / MS_NS for one in executed if one.sent_ts and one.accepted_ts]


def fit_latency(delays: list[float]) -> list[Fit]:
    """Every model for which there are enough samples, the best first."""
    count = len(delays)
    if count < LEAST_SAMPLES:
        return []
    low, high, mean = min(delays), max(delays), fmean(delays)
    if high - low <= _ALIKE_MS:
        if high <= _ALIKE_MS:
            return [_fit("none", (), delays, 0.0, "all orders were accepted when they were sent")]
        return [
            _fit("constant", (Estimate("delay_ms", mean, low, high),), delays, 0.0, "all delays are alike")
        ]
    return sorted((_normal(delays), _jitter(delays)), key=lambda fit: fit.score)


def _normal(delays: list[float]) -> Fit:
    count, mean, deviation = len(delays), fmean(delays), stdev(delays)
    around = t_quantile(INTERVAL, count - 1) * deviation / sqrt(count)
    wide = NormalDist().inv_cdf(INTERVAL) * deviation / sqrt(2 * (count - 1))
    far = distance(delays, NormalDist(mean, deviation).cdf)
    estimates = (
        Estimate("mean_ms", mean, mean - around, mean + around),
        Estimate("sd_ms", deviation, deviation - wide, deviation + wide),
    )
    return _fit("normal", estimates, delays, far, _judged(far, count))


def _jitter(delays: list[float]) -> Fit:
    count, low, high = len(delays), min(delays), max(delays)
    step = (high - low) / (count - 1)
    begin, end = max(0.0, low - step), high + step
    reach = (high - low) * (0.025 ** (-1 / (count - 1)) - 1)
    far = distance(delays, lambda value: (value - begin) / (end - begin))
    estimates = (
        Estimate("low_ms", begin, max(0.0, low - reach), low),
        Estimate("high_ms", end, high, high + reach),
    )
    return _fit("jitter", estimates, delays, far, _judged(far, count))


def _judged(far: float, count: int) -> str:
    limit = _CRITICAL / sqrt(count)
    fits = "it fits" if far <= limit else "it does not fit well"
    return f"{fits}: largest distance of the distributions {far:.3f}, expected below {limit:.3f}"


def _fit(model: str, estimates: tuple[Estimate, ...], delays: list[float], far: float, note: str) -> Fit:
    mean = fmean(delays)
    left = sum((one - mean) ** 2 for one in delays)
    whole = sum(one * one for one in delays)
    return Fit(
        role=ROLE,
        model=model,
        estimates=estimates,
        samples=len(delays),
        error=sqrt(left / len(delays)),
        explained=1.0 - left / whole if whole else 1.0,
        unit="ms",
        score=far,
        note=note,
    )
