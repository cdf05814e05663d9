"""Clocks: time never steps back, waits end when they should, and a replay keeps the pace it was given."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.clock import STEP_NS, HistoricalClock, RealTimeClock, VirtualClock
from kernel.time_units import DAY_NS, HOUR_NS, MS_NS, SECOND_NS
from tests.kernel.live import Time


class Monotonic:
    """A monotonic clock that only sleeping moves, and that notes each sleep in seconds."""

    def __init__(self) -> None:
        self.ns = 1_000
        self.slept: list[float] = []

    def __call__(self) -> int:
        return self.ns

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.ns += round(seconds * SECOND_NS)


# --- historical -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("speed", "slept"), [(1.0, [2.0, 3.0]), (10.0, [0.2, 0.3]), (0.5, [4.0, 6.0]), (None, [])]
)
async def test_a_replay_keeps_its_pace(speed: float | None, slept: list[float]) -> None:
    monotonic = Monotonic()
    clock = HistoricalClock(speed, monotonic_ns=monotonic, sleep=monotonic.sleep)

    for second in (10, 12, 12, 15):
        await clock.reach(second * SECOND_NS)

    assert monotonic.slept == pytest.approx(slept)
    assert clock.is_paced is (speed is not None)


async def test_a_replay_that_fell_behind_catches_up_without_sleeping() -> None:
    monotonic = Monotonic()
    clock = HistoricalClock(1.0, monotonic_ns=monotonic, sleep=monotonic.sleep)
    await clock.reach(0)
    monotonic.ns += 5 * SECOND_NS

    await clock.reach(3 * SECOND_NS)
    await clock.reach(7 * SECOND_NS)

    assert monotonic.slept == pytest.approx([2.0])


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_must_be_a_positive_number(speed: float) -> None:
    with pytest.raises(ValueError, match="speed"):
        HistoricalClock(speed)


# --- real time --------------------------------------------------------------------------------


def test_real_time_is_the_wall_clock() -> None:
    time = Time()
    clock = time.clock()

    for ns in (0, 7, 3 * SECOND_NS, HOUR_NS):
        time.go_on(ns)

        assert clock.now() == time.wall
    assert clock.take_steps() == []


def test_real_time_follows_the_wall_clock_forward_at_once_and_tells_the_step_once() -> None:
    time = Time()
    clock = time.clock()
    time.go_on(SECOND_NS)
    time.step(HOUR_NS)

    assert clock.now() == time.wall
    assert clock.take_steps() == [HOUR_NS]
    assert clock.take_steps() == []


def test_real_time_goes_on_at_half_speed_until_a_wall_clock_that_stepped_back_has_caught_up() -> None:
    time = Time()
    clock = time.clock()
    before = clock.now()
    time.step(-HOUR_NS)

    said: list[int] = []
    for _ in range(5):
        time.go_on(HOUR_NS // 2)
        said.append(clock.now() - before)

    assert said == [HOUR_NS // 4, HOUR_NS // 2, HOUR_NS * 3 // 4, HOUR_NS, HOUR_NS * 3 // 2]
    assert clock.take_steps() == [-HOUR_NS]


def test_an_hour_ahead_and_back_is_told_as_two_steps() -> None:
    time = Time()
    clock = time.clock()

    time.step(HOUR_NS)
    ahead = clock.now()
    time.step(-HOUR_NS)
    time.go_on(SECOND_NS)

    assert clock.now() == ahead + SECOND_NS // 2
    assert clock.take_steps() == [HOUR_NS, -HOUR_NS]


@pytest.mark.parametrize("moved", [STEP_NS, -STEP_NS, 1, -1])
def test_what_a_clock_is_steered_by_is_no_step(moved: int) -> None:
    time = Time()
    clock = time.clock()

    for _ in range(100):
        time.go_on(SECOND_NS)
        time.step(moved)
        clock.now()

    assert clock.take_steps() == []


def test_a_process_held_up_between_two_readings_has_seen_no_step() -> None:
    time = Time()
    held_up = iter([SECOND_NS])

    def monotonic_ns() -> int:
        if time.wall > 0:
            time.go_on(next(held_up, 0))
        return time.monotonic

    time.wall = 0
    clock = RealTimeClock(wall_ns=lambda: time.wall, monotonic_ns=monotonic_ns)
    time.go_on(SECOND_NS)
    clock.now()

    assert clock.take_steps() == []
    assert clock.now() == time.wall


def test_a_tape_ahead_of_the_wall_clock_is_met_at_half_speed() -> None:
    time = Time()
    clock = time.clock()
    clock.begin(time.wall + HOUR_NS)
    first = clock.now()

    time.go_on(HOUR_NS)
    second = clock.now()
    time.go_on(HOUR_NS)

    assert (second - first, clock.now()) == (HOUR_NS // 2, time.wall)
    assert clock.take_steps() == []


def test_a_tape_behind_the_wall_clock_changes_nothing() -> None:
    time = Time()
    clock = time.clock()

    clock.begin(time.wall - HOUR_NS)

    assert clock.now() == time.wall


MOVES = st.tuples(
    st.integers(2, 3 * HOUR_NS),
    st.just(0)
    | st.integers(STEP_NS + 1, DAY_NS)
    | st.integers(-DAY_NS, -STEP_NS - 1)
    | st.integers(-1000, 1000),
)


@given(moves=st.lists(MOVES, max_size=40), ahead=st.integers(0, HOUR_NS), fine_ns=st.integers(2, SECOND_NS))
def test_whatever_the_wall_clock_does_kernel_time_goes_on_and_meets_it_again(
    moves: list[tuple[int, int]], ahead: int, fine_ns: int
) -> None:
    time = Time()
    clock = time.clock()
    clock.begin(time.wall + ahead)
    made: list[int] = []
    last = clock.now()

    for passed, step in moves:
        time.go_on(passed)
        time.step(step)
        made += [step] if abs(step) > STEP_NS else []
        now = clock.now()
        assert now >= last + passed // 2
        assert now >= time.wall
        last = now
        time.go_on(fine_ns)
        assert clock.now() >= last + fine_ns // 2
        last = clock.now()

    assert clock.take_steps() == made
    time.go_on(2 * (last - time.wall) + 1)
    assert clock.now() == time.wall


async def test_a_wait_for_a_time_that_is_past_ends_at_once() -> None:
    time = Time()
    clock = time.clock()

    await clock.wait(asyncio.Event(), until_ts=time.wall)

    assert clock.now() == time.wall


async def test_a_wait_ends_with_an_arrival_however_far_the_time() -> None:
    arrived = asyncio.Event()
    arrived.set()

    await Time().clock().wait(arrived, until_ts=2**63)

    assert arrived.is_set()


class Sleeps:
    """A monotonic clock that passes a millisecond at each reading: waits end soon, and are counted."""

    def __init__(self, time: Time) -> None:
        self.readings = 0
        self._time = time

    def __call__(self) -> int:
        self.readings += 1
        self._time.go_on(MS_NS)
        return self._time.monotonic


async def test_a_wait_lasts_until_kernel_time_has_come_though_that_is_slow() -> None:
    time = Time()
    clock = RealTimeClock(wall_ns=lambda: time.wall, monotonic_ns=Sleeps(time))
    clock.begin(time.wall + HOUR_NS)
    until_ts = clock.now() + 3 * MS_NS

    await clock.wait(asyncio.Event(), until_ts=until_ts)

    assert until_ts <= clock.now() <= until_ts + 3 * MS_NS


async def test_a_wait_ends_when_the_wall_clock_has_stepped_over_its_time() -> None:
    time = Time()
    clock = time.clock()
    asyncio.get_running_loop().call_soon(time.step, HOUR_NS)

    await clock.wait(asyncio.Event(), until_ts=time.wall + 2 * MS_NS)

    assert clock.now() == time.wall


async def test_a_wait_ends_early_at_a_step_so_that_it_goes_on_record() -> None:
    time = Time()
    clock = time.clock()
    asyncio.get_running_loop().call_soon(time.step, -HOUR_NS)

    await clock.wait(asyncio.Event(), until_ts=time.wall + HOUR_NS)

    assert clock.take_steps() == [-HOUR_NS]


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
