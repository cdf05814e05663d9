"""Clocks: time never steps back, waits end when they should, and a replay keeps the pace it was given."""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import NANOSECONDS, HistoricalClock, RealTimeClock, VirtualClock


class Monotonic:
    """A monotonic clock that only sleeping moves, and that notes each sleep in seconds."""

    def __init__(self) -> None:
        self.ns = 1_000
        self.slept: list[float] = []

    def __call__(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ns += round(seconds * NANOSECONDS)


# --- historical -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speed", "slept"), [(1.0, [2.0, 3.0]), (10.0, [0.2, 0.3]), (0.5, [4.0, 6.0]), (None, [])]
)
async def test_a_replay_keeps_its_pace(speed: float | None, slept: list[float]) -> None:
    monotonic = Monotonic()
    clock = HistoricalClock(speed, monotonic_ns=monotonic, sleep=monotonic.sleep)

    for second in (10, 12, 12, 15):
        await clock.reach(second * NANOSECONDS)

    assert monotonic.slept == pytest.approx(slept)
    assert clock.is_paced is (speed is not None)


async def test_a_replay_that_fell_behind_catches_up_without_sleeping() -> None:
    monotonic = Monotonic()
    clock = HistoricalClock(1.0, monotonic_ns=monotonic, sleep=monotonic.sleep)
    await clock.reach(0)
    monotonic.ns += 5 * NANOSECONDS

    await clock.reach(3 * NANOSECONDS)
    await clock.reach(7 * NANOSECONDS)

    assert monotonic.slept == pytest.approx([2.0])


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_must_be_a_positive_number(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        HistoricalClock(speed)


# --- real time --------------------------------------------------------------------------------


def wall(readings: Sequence[int]) -> RealTimeClock:
    """A real-time clock whose wall clock shows these readings, one after the other."""
    shown: Iterator[int] = iter(readings)
    return RealTimeClock(wall_ns=lambda: next(shown))


def test_real_time_stands_still_while_the_wall_clock_is_behind() -> None:
    clock = wall([5, 9, 7, 8, 10])

    assert [clock.now() for _ in range(5)] == [5, 9, 9, 9, 10]


@given(st.lists(st.integers(0, 2**62), min_size=2))
def test_real_time_never_steps_back(readings: list[int]) -> None:
    clock = wall(readings)

    times = [clock.now() for _ in readings]

    assert all(earlier <= later for earlier, later in pairwise(times))


async def test_a_wait_for_a_time_that_is_past_ends_at_once() -> None:
    clock = wall([100, 100])

    await clock.wait(asyncio.Event(), until_ts=50)

    assert clock.now() == 100


async def test_a_wait_ends_with_an_arrival_however_far_the_time() -> None:
    arrived = asyncio.Event()
    arrived.set()

    await wall([100]).wait(arrived, until_ts=2**63)

    assert arrived.is_set()


# --- virtual ----------------------------------------------------------------------------------


def test_virtual_time_moves_when_it_is_told_to() -> None:
    clock = VirtualClock(5)

    clock.advance(to_ts=9)

    assert clock.now() == 9


def test_virtual_time_does_not_go_back() -> None:
    clock = VirtualClock(5)

    with pytest.raises(ValueError, match="the clock is at 5 and cannot go back to 4"):
        clock.advance(to_ts=4)

    assert clock.now() == 5


async def test_a_virtual_wait_ends_when_its_time_is_reached_and_not_before() -> None:
    clock = VirtualClock()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(clock.wait(asyncio.Event(), until_ts=10), name="waiting")
        await _settle()

        clock.advance(to_ts=9)
        await _settle()
        was_done = waiting.done()
        clock.advance(to_ts=10)

    assert not was_done
    assert waiting.done()


async def test_a_virtual_wait_ends_with_an_arrival() -> None:
    clock, arrived = VirtualClock(), asyncio.Event()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(clock.wait(arrived, until_ts=10), name="waiting")
        await _settle()

        arrived.set()

    assert waiting.done()
    assert clock.now() == 0


async def test_a_virtual_wait_for_what_is_reached_ends_at_once() -> None:
    await VirtualClock(5).wait(asyncio.Event(), until_ts=5)


async def test_a_cancelled_virtual_wait_leaves_nobody_waiting() -> None:
    clock = VirtualClock()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(clock.wait(asyncio.Event(), until_ts=10), name="waiting")
        await _settle()
        waiting.cancel()

    assert waiting.cancelled()
    clock.advance(to_ts=20)


async def _settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)
