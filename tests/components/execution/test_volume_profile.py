"""Weights of VWAP steps from volume by time of day, configured and learned."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.execution.config import ExecutionConfig, check_execution
from components.execution.volume_profile import bucket_steps, step_weights
from kernel.events import AlgorithmKind, Bar, Event, Trade
from kernel.time_units import DAY_NS
from tests.components.execution.worked import Desk, sent

HOUR = DAY_NS // 24
HOURLY = tuple(float(hour) for hour in range(24))


def test_a_step_weighs_what_trades_in_it() -> None:
    weights = step_weights(HOURLY, 9 * HOUR, 12 * HOUR, steps=3)

    assert [int(weight) for weight in weights] == [9, 10, 11]


def test_a_step_across_buckets_takes_its_share_of_each() -> None:
    (weight,) = step_weights(HOURLY, 9 * HOUR + HOUR // 2, 11 * HOUR, steps=1)

    assert weight == Decimal("14.5")


def test_a_period_past_midnight_goes_on_with_the_day_from_its_beginning() -> None:
    weights = step_weights(HOURLY, 23 * HOUR, 26 * HOUR, steps=3)

    assert [int(weight) for weight in weights] == [23, 0, 1]


def test_weights_are_equal_where_nothing_is_known_to_trade() -> None:
    weights = step_weights([0.0] * 24, 0, 4 * HOUR, steps=4)

    assert [int(weight) for weight in weights] == [1, 1, 1, 1]


@given(st.integers(0, 3 * DAY_NS), st.integers(2 * HOUR, 2 * DAY_NS), st.integers(1, 50))
def test_the_weights_of_the_steps_add_up_to_that_of_the_period(start: int, length: int, steps: int) -> None:
    whole = float(sum(step_weights(HOURLY, start, start + length, steps=1)))

    parts = float(sum(step_weights(HOURLY, start, start + length, steps=steps)))

    assert parts == pytest.approx(whole, rel=1e-9)


def test_there_is_a_step_for_each_bucket_up_to_the_limit() -> None:
    assert bucket_steps(HOURLY, 0, 3 * HOUR + 1, most=100) == 4
    assert bucket_steps(HOURLY, 0, 1, most=100) == 1
    assert bucket_steps(HOURLY, 0, 24 * HOUR, most=10) == 10


def test_a_vwap_without_weights_follows_the_volume_that_was_learned() -> None:
    desk = Desk(config=ExecutionConfig(learn_volume=("A",), bucket_s=3_600))
    yesterday: list[Event] = [
        Bar((hour + 1) * HOUR, "A", "1h", 1.0, 1.0, 1.0, 1.0, volume, hour * HOUR)
        for hour, volume in ((9, 300.0), (10, 100.0))
    ]
    desk.hear(*yesterday, Trade(12 * HOUR, "A", 1.0, 999.0), Bar(13 * HOUR, "A", "1d", 1, 1, 1, 1, 9e9))
    start = DAY_NS + 9 * HOUR

    parts = sent(desk.work(AlgorithmKind.VWAP, 100, ts=start, end_ts=start + 2 * HOUR))
    desk.fill(1, 75)
    parts += sent(desk.advance(start + HOUR + 1))

    assert parts == [75, 25]


def test_a_profile_that_was_configured_counts_before_what_was_learned() -> None:
    volumes = (0.0,) * 9 + (1.0, 4.0) + (0.0,) * 13
    desk = Desk(config=ExecutionConfig(volume_profiles={"A": volumes}, learn_volume=("A",)))
    desk.hear(Trade(9 * HOUR, "A", 1.0, 1_000.0))
    start = 10 * HOUR - HOUR // 2

    parts = sent(desk.work(AlgorithmKind.VWAP, 10, ts=start, end_ts=start + 2 * HOUR))

    assert parts == [5]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (ExecutionConfig(bucket_s=7), "bucket_s 7 is not a divisor of 86400 of at least 60"),
        (ExecutionConfig(volume_profiles={"A": (1.0,) * 7}), "A: 7 numbers do not divide a day evenly"),
        (ExecutionConfig(volume_profiles={"A": (0.0,) * 24}), "A: volumes must be at least 0, and one above"),
        (ExecutionConfig(volume_profiles={"A": (-1.0, 2.0)}), "A: volumes must be at least 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(config: ExecutionConfig, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_execution(config)
