"""Latency models: the time that a request is in flight to the simulated venue.

A delay is a pure function of the request's number in the run, so a replay has the same delays. The random
models draw from a SHA-256 of seed and number. They use only whole numbers and sums of doubles, which are the
same on every machine. Different seeds give independent delays.

To add a model, write a frozen struct with ``delay_ns`` and list it in ``LATENCY_MODELS``. A model in a module
of your own is named in the configuration as ``path/to/file.py:Class``.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

import msgspec

from kernel.time_units import DAY_NS, MS_NS

LONGEST_MS = DAY_NS / MS_NS
"""The longest delay that is accepted: a day."""


class LatencyModel(Protocol):
    """The time from a decision to its arrival at the venue."""

    def delay_ns(self, count: int) -> int:
        """The delay in ns of request number ``count``, from 1; at least 0."""
        ...


class NoLatency(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request arrives at the moment when it is made."""

    def delay_ns(self, count: int) -> int:  # noqa: ARG002  # the port's signature
        """Always 0."""
        return 0


class ConstantLatency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Always ``delay_ms`` milliseconds."""

    delay_ms: float

    def __post_init__(self) -> None:
        _check_ms("delay_ms", self.delay_ms)

    def delay_ns(self, count: int) -> int:  # noqa: ARG002  # the port's signature
        """The same for every request."""
        return round(self.delay_ms * MS_NS)


class NormalLatency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Normally distributed, with ``mean_ms`` and ``sd_ms`` in milliseconds, and at least ``minimum_ms``.

    The normal distribution is approximated by the sum of twelve uniform draws. Mean and variance are exact;
    the tails end at six standard deviations.
    """

    mean_ms: float
    sd_ms: float
    minimum_ms: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("mean_ms", "sd_ms", "minimum_ms"):
            _check_ms(name, getattr(self, name))

    def delay_ns(self, count: int) -> int:
        """A draw for this request."""
        deviations = sum(_draws(self.seed, count)) / 2**20 - 6
        return max(round((self.mean_ms + self.sd_ms * deviations) * MS_NS), round(self.minimum_ms * MS_NS))


class JitterLatency(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Uniformly distributed from ``low_ms`` to ``high_ms`` milliseconds."""

    low_ms: float
    high_ms: float
    seed: int = 0

    def __post_init__(self) -> None:
        _check_ms("low_ms", self.low_ms)
        _check_ms("high_ms", self.high_ms)
        if self.high_ms < self.low_ms:
            raise ValueError(f"high_ms: {self.high_ms} is below low_ms, {self.low_ms}")

    def delay_ns(self, count: int) -> int:
        """A draw for this request."""
        first, second, third, *_ = _draws(self.seed, count)
        share = (first << 40 | second << 20 | third) / 2**60
        return round((self.low_ms + (self.high_ms - self.low_ms) * share) * MS_NS)


LATENCY_MODELS: Mapping[str, type[LatencyModel]] = {
    "none": NoLatency,
    "constant": ConstantLatency,
    "normal": NormalLatency,
    "jitter": JitterLatency,
}
"""By name in the configuration."""


def _draws(seed: int, count: int) -> list[int]:
    """Twelve independent whole numbers, uniform below 2^20."""
    digest = int.from_bytes(sha256(f"{seed}:{count}".encode()).digest(), "big")
    return [digest >> (20 * place) & 0xFFFFF for place in range(12)]


def _check_ms(name: str, value: float) -> None:
    if not 0 <= value <= LONGEST_MS:
        raise ValueError(f"{name}: {value} is not between 0 and {LONGEST_MS:,.0f} milliseconds")
