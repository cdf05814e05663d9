"""Clocks: the only code that reads the wall clock.

The core never reads a clock: it takes the time from the ``ts`` of its inputs. A clock stamps live inputs,
wakes the engine for timers, and paces a replay.

``RealTimeClock`` remembers its last answer and its last readings of the wall clock and the monotonic clock.
Each call of ``now`` changes them. Its time never goes back and never stands still.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from math import inf
from typing import Protocol

from kernel.time_units import MS_NS, SECOND_NS

STEP_NS = 100 * MS_NS
"""A step: the wall clock moved by more than this against the monotonic clock between two readings.

Corrections that are not steps are smaller: the fastest in use (chrony's, 8 %) is 83 ms in ``CHECK_EVERY_S``.
"""

CHECK_EVERY_S = 1.0
"""Longest sleep without reading the wall clock: no system tells a sleeping program about a step."""


class Clock(Protocol):
    """The source of a live engine's time."""

    @property
    def is_moved(self) -> bool:
        """Whether the player of the inputs moves it: then it is ahead of inputs that still wait."""
        ...

    def now(self) -> int:
        """ns since the epoch, UTC; never decreases."""
        ...

    def begin(self, ts: int) -> None:
        """Return ``ts`` or later from now on: the tape has reached it already."""
        ...

    def take_steps(self) -> Sequence[int]:
        """The steps of the wall clock since the last call, in ns each."""
        ...

    async def wait(self, arrived: asyncio.Event, *, until_ts: int) -> None:
        """Return when ``arrived`` is set, ``until_ts`` is reached or the wall clock has stepped."""
        ...


class RealTimeClock:
    """The wall clock, without its steps back.

    When the wall clock jumps ahead, kernel time follows at once. When it falls behind (it stepped back, or
    the tape is ahead of it), kernel time goes on at half speed until the wall clock has caught up.
    """

    is_moved = False

    def __init__(
        self,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        check_every_s: float = CHECK_EVERY_S,
    ) -> None:
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._check_every_s = check_every_s
        self._now = self._last_wall = wall_ns()
        self._last_monotonic = monotonic_ns()
        self._steps: list[int] = []
        self._step_count = 0

    def now(self) -> int:
        """Wall time. If that is behind: the last answer plus half of the time passed since."""
        passed, step = self._read()
        if abs(step) > STEP_NS:
            passed, step = self._read()  # the process may have been held up between the two readings
        if abs(step) > STEP_NS:
            self._steps.append(step)
            self._step_count += 1
        self._last_wall += passed + step
        self._last_monotonic += passed
        self._now = max(self._last_wall, self._now + passed - passed // 2)
        return self._now

    def begin(self, ts: int) -> None:
        """Go on from the tape's time if the wall clock is behind it."""
        self._now = max(self.now(), ts)

    def take_steps(self) -> Sequence[int]:
        """The steps that ``now`` saw since the last call. A computer that was suspended shows one too."""
        steps, self._steps = self._steps, []
        return steps

    async def wait(self, arrived: asyncio.Event, *, until_ts: int) -> None:
        """Wait for an arrival, for kernel time to reach ``until_ts``, or for a step."""
        step_count = self._step_count
        while (left := until_ts - self.now()) > 0 and self._step_count == step_count:
            try:
                async with asyncio.timeout(min(left / SECOND_NS, self._check_every_s)):
                    await arrived.wait()
                return
            except TimeoutError:
                continue

    def _read(self) -> tuple[int, int]:
        """The time passed since the last ``now``, and how much more than that the wall clock moved."""
        wall, monotonic = self._wall_ns(), self._monotonic_ns()
        passed = monotonic - self._last_monotonic
        return passed, wall - self._last_wall - passed


class VirtualClock:
    """A clock that stands still until it is advanced, for tests and for stepping through a log."""

    is_moved = False

    def __init__(self, ts: int = 0) -> None:
        self._now = ts
        self._sleepers: list[tuple[int, asyncio.Event]] = []

    def now(self) -> int:
        """The time it was set to."""
        return self._now

    def advance(self, *, to_ts: int) -> None:
        """Move forward, and wake those who wait for a time that is reached."""
        if to_ts < self._now:
            raise ValueError(f"the clock is at {self._now} and cannot go back to {to_ts}")
        self._now = to_ts
        for until_ts, wake in self._sleepers:
            if until_ts <= to_ts:
                wake.set()

    def begin(self, ts: int) -> None:
        """Move forward to the tape's time, if that is later."""
        self.advance(to_ts=max(self._now, ts))

    def take_steps(self) -> Sequence[int]:
        """Always empty: it has no wall clock."""
        return ()

    async def wait(self, arrived: asyncio.Event, *, until_ts: int) -> None:
        """Wait for an arrival, or for ``advance`` to reach ``until_ts``."""
        if self._now >= until_ts:
            return
        wake = asyncio.Event()
        sleeper = (until_ts, wake)
        self._sleepers.append(sleeper)
        try:
            async with asyncio.TaskGroup() as group:
                waits = [
                    group.create_task(arrived.wait(), name="clock: arrival"),
                    group.create_task(wake.wait(), name="clock: time"),
                ]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
        finally:
            self._sleepers.remove(sleeper)


class HistoricalClock:
    """Paces a replay: 1 is real time, 10 ten times faster, ``None`` as fast as it goes."""

    def __init__(
        self,
        speed: float | None = None,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        if speed is not None and not 0 < speed < inf:
            raise ValueError(f"speed {speed} is not a positive number")
        self._speed = speed
        self._monotonic_ns = monotonic_ns
        self._sleep = sleep
        self._first: tuple[int, int] | None = None

    @property
    def is_paced(self) -> bool:
        """Whether ``reach`` ever waits."""
        return self._speed is not None

    async def reach(self, ts: int) -> None:
        """Wait until the moment of ``ts``, counted from the first call."""
        if self._speed is None:
            return
        if self._first is None:
            self._first = (ts, self._monotonic_ns())
        first_ts, started_ns = self._first
        due_ns = started_ns + (ts - first_ts) / self._speed
        left = due_ns - self._monotonic_ns()
        if left > 0:
            await self._sleep(left / SECOND_NS)


class PlaybackClock:
    """The time of recorded events that are played as if they were live.

    With a speed it goes on by itself, so many times faster than the monotonic clock. Without one it stands
    still until the player moves it. The player also moves it over nights that are not waited for.
    """

    def __init__(
        self,
        ts: int,
        speed: float | None = None,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        if speed is not None and not 0 < speed < inf:
            raise ValueError(f"speed {speed} is not a positive number")
        self._base = ts
        self._speed = speed
        self._monotonic_ns = monotonic_ns
        self._started = monotonic_ns()
        self._moved = asyncio.Event()

    @property
    def is_moved(self) -> bool:
        """Whether only the player moves it."""
        return self._speed is None

    def now(self) -> int:
        """The time of the events that are played now."""
        if self._speed is None:
            return self._base
        return self._base + int((self._monotonic_ns() - self._started) * self._speed)

    def move(self, *, to_ts: int) -> None:
        """Jump forward, if ``to_ts`` is ahead."""
        if to_ts > self.now():
            self._base, self._started = to_ts, self._monotonic_ns()
            self._moved.set()
            self._moved = asyncio.Event()

    def begin(self, ts: int) -> None:
        """Jump to the tape's time, if that is later."""
        self.move(to_ts=ts)

    def take_steps(self) -> Sequence[int]:
        """Always empty: nobody sets it but the player."""
        return ()

    async def wait(self, arrived: asyncio.Event, *, until_ts: int) -> None:
        """Wait for an arrival, for the time to reach ``until_ts``, or for a jump."""
        now = self.now()
        if now >= until_ts:
            return
        limit_s = None if self._speed is None else (until_ts - now) / self._speed / SECOND_NS
        async with asyncio.TaskGroup() as group:
            waits = [
                group.create_task(arrived.wait(), name="clock: arrival"),
                group.create_task(self._moved.wait(), name="clock: jump"),
            ]
            await asyncio.wait(waits, timeout=limit_s, return_when=asyncio.FIRST_COMPLETED)
            for wait in waits:
                wait.cancel()
