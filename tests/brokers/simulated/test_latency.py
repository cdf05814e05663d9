"""Latency models: pure functions of a request's number."""

from statistics import mean, stdev
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulated.latency import LATENCY_MODELS, LatencyModel

MS = 1_000_000
PINNED_NORMAL = [42_965_050, 53_223_610, 38_319_654]
PINNED_JITTER = [1_810_495, 1_716_224, 2_403_941]


def model(name: str, **params: object) -> LatencyModel:
    """A model as the configuration makes one."""
    return msgspec.convert(params, LATENCY_MODELS[name], strict=False)


def test_no_latency_takes_no_time() -> None:
    assert model("none").delay_ns(1) == 0


def test_constant_latency_is_the_same_for_every_request() -> None:
    latency = model("constant", delay_ms=1.5)

    assert {latency.delay_ns(count) for count in range(1, 10)} == {1_500_000}


def test_normal_latency_has_the_mean_and_deviation_it_was_given() -> None:
    latency = model("normal", mean_ms=50, sd_ms=10, seed=7)

    delays = [latency.delay_ns(count) / MS for count in range(1, 5_001)]

    assert mean(delays) == pytest.approx(50, abs=0.5)
    assert stdev(delays) == pytest.approx(10, abs=0.4)


def test_normal_latency_is_never_below_its_minimum() -> None:
    latency = model("normal", mean_ms=1, sd_ms=5, minimum_ms=0.25)

    delays = [latency.delay_ns(count) for count in range(1, 500)]

    assert min(delays) == MS // 4


def test_jitter_spreads_evenly_between_its_bounds() -> None:
    latency = model("jitter", low_ms=2, high_ms=4, seed=1)

    delays = [latency.delay_ns(count) / MS for count in range(1, 5_001)]

    assert min(delays) >= 2
    assert max(delays) <= 4
    assert mean(delays) == pytest.approx(3, abs=0.03)


@pytest.mark.parametrize(
    ("name", "params"), [("normal", {"mean_ms": 5, "sd_ms": 1}), ("jitter", {"low_ms": 1, "high_ms": 9})]
)
def test_another_seed_draws_other_delays(name: str, params: dict[str, int]) -> None:
    first, second = model(name, **params, seed=1), model(name, **params, seed=2)

    assert [first.delay_ns(n) for n in range(1, 9)] != [second.delay_ns(n) for n in range(1, 9)]


def test_a_draw_is_the_same_in_every_run() -> None:
    """Pinned: a replay on another machine must wait as long."""
    normal, jitter = model("normal", mean_ms=50, sd_ms=10, seed=3), model("jitter", low_ms=1, high_ms=3)

    assert [normal.delay_ns(n) for n in (1, 2, 3)] == PINNED_NORMAL
    assert [jitter.delay_ns(n) for n in (1, 2, 3)] == PINNED_JITTER


@given(count=st.integers(1, 2**40), seed=st.integers(-(2**31), 2**31))
def test_a_delay_is_never_negative(count: int, seed: int) -> None:
    assert model("normal", mean_ms=0.1, sd_ms=50, seed=seed).delay_ns(count) >= 0
    assert model("jitter", low_ms=0, high_ms=50, seed=seed).delay_ns(count) >= 0


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("constant", {"delay_ms": -1}, "delay_ms: -1"),
        ("constant", {"delay_ms": float("nan")}, "delay_ms: nan"),
        ("constant", {}, "delay_ms"),
        ("normal", {"mean_ms": 1, "sd_ms": -1}, "sd_ms: -1"),
        ("jitter", {"low_ms": 5, "high_ms": 4}, "high_ms: 4"),
        ("none", {"delay_ms": 5}, "delay_ms"),
    ],
)
def test_parameters_without_sense_are_refused_by_name(
    name: str, params: dict[str, Any], words: str
) -> None:  # Any: whatever a configuration file may hold
    with pytest.raises(msgspec.ValidationError, match=words):
        model(name, **params)
