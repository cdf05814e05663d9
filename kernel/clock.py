"""Clocks: the only place that reads the wall clock.

The core never asks a clock; it goes by the ``ts`` of its inputs. A clock stamps live inputs, wakes the
engine for timers, and paces a replay.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from math import inf
from typing import Protocol

NANOSECONDS = 1_000_000_000


class Clock(Protocol):
    """Where a live engine gets its time."""

    def now(self) -> int:
        """ns since the epoch, UTC; never decreases."""
        ...

    async def wait(self, arrived: asyncio.Event, *, until_ts: int) -> None:
        """Return when ``arrived`` is set or ``until_ts`` is reached, whichever is first."""
        ...


class RealTimeClock:
    """The wall clock, held so that it never steps back."""

    def __init__(self, *, wall_ns: Callable[[], int] = time.time_ns) -> None:
        self._wall_ns = wall_ns
        self._last = 0

    def now(self) -> int:
        """Wall time, or the last answer if the wall clock stepped back behind it."""
        self._last = max(self._last, self._wall_ns())
        return self._last

    async def wait(self, arrived: asyncio.Event, *, until_ts: int) -> None:
        """Wait for an arrival, or for the wall clock to reach ``until_ts``."""
        seconds = (until_ts - self.now()) / NANOSECONDS
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await arrived.wait()
        except TimeoutError:
            return


class VirtualClock:
    """A clock that stands still until it is advanced: for tests and for stepping through a log."""

    def __init__(self, ts: int = 0) -> None:
        self._now = ts
        self._sleepers: list[tuple[int, asyncio.Event]] = []

    def now(self) -> int:
        """The time it was set to."""
        return self._now

    def advance(self, *, to_ts: int) -> None:
        """Move forward, waking whoever waits for a time now reached."""
        if to_ts < self._now:
            raise ValueError(f"the clock is at {self._now} and cannot go back to {to_ts}")
        self._now = to_ts
        for until_ts, wake in self._sleepers:
            if until_ts <= to_ts:
                wake.set()

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
            await self._sleep(left / NANOSECONDS)
