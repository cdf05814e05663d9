"""A supervised edge: restarts with growing, jittered delays; limits; its states as events."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from kernel.clock import VirtualClock
from kernel.errors import ComponentError, ConfigError, StoreError, VenueUnavailable
from kernel.events import EdgeState, EdgeStateChanged, Event
from kernel.supervision import RestartPolicy, Supervised
from kernel.time_units import SECOND_NS
from tests.kernel.live import PATIENCE_S, idle

RUNNING, WAITING, ENDED, FAILED = EdgeState


class World:
    """A clock, and what was reported."""

    def __init__(self) -> None:
        self.clock = VirtualClock(SECOND_NS)
        self.events: list[EdgeStateChanged] = []
        self.starts: list[int] = []
        self.lucky = 0.0

    def supervised(
        self,
        run: Callable[[], Awaitable[None]],
        policy: RestartPolicy | None = None,
        *,
        says_when_it_works: bool = False,
    ) -> Supervised:
        async def noted() -> None:
            self.starts.append(self.clock.now())
            await run()

        return Supervised(
            "feed",
            noted,
            clock=self.clock,
            random=lambda: self.lucky,
            report=self._report,
            policy=policy or RestartPolicy(),
            says_when_it_works=says_when_it_works,
        )

    async def pass_time(self, seconds: float) -> None:
        """Let time pass in steps of a tenth of a second."""
        for _ in range(round(seconds * 10)):
            self.clock.advance(to_ts=self.clock.now() + SECOND_NS // 10)
            await idle()

    @property
    def states(self) -> list[EdgeState]:
        return [event.state for event in self.events]

    @property
    def waits_s(self) -> list[float]:
        """The delays that were announced."""
        return [(each.retry_ts - each.ts) / SECOND_NS for each in self.events if each.state is WAITING]

    def _report(self, event: Event) -> None:
        assert isinstance(event, EdgeStateChanged)
        self.events.append(event)


@asynccontextmanager
async def running(supervised: Supervised) -> AsyncGenerator[asyncio.Task[None]]:
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        task = group.create_task(supervised.run(), name="supervised")
        await idle()
        yield task
        task.cancel()


async def refused() -> None:
    raise VenueUnavailable("connection refused")


async def forever() -> None:
    await asyncio.Event().wait()


async def test_edge_that_ends_is_not_started_again() -> None:
    world = World()

    async def ends() -> None:
        return

    await world.supervised(ends).run()

    assert world.states == [RUNNING, ENDED]


async def test_delay_doubles_up_to_the_longest_one() -> None:
    world = World()

    async with running(world.supervised(refused, RestartPolicy(longest_delay_s=5.0))):
        await world.pass_time(20)

    assert world.waits_s[:5] == [1.0, 2.0, 4.0, 5.0, 5.0]


async def test_jitter_only_adds_to_the_delay() -> None:
    world = World()
    world.lucky = 1.0

    async with running(world.supervised(refused, RestartPolicy(jitter=0.5))):
        await world.pass_time(2)

    assert world.waits_s[:2] == [1.5, 3.0]


async def test_venue_that_closes_at_once_is_called_at_most_once_a_second() -> None:
    world = World()

    async with running(world.supervised(refused)):
        await world.pass_time(60)

    assert all(later - earlier >= SECOND_NS for earlier, later in pairwise(world.starts))
    assert len(world.starts) > 3


async def test_edge_that_ran_well_starts_with_the_first_delay_again() -> None:
    world = World()
    fails = asyncio.Event()

    async def run() -> None:
        if len(world.starts) == 4:
            await fails.wait()
        raise VenueUnavailable("gone")

    async with running(world.supervised(run, RestartPolicy(settled_after_s=10.0))):
        await world.pass_time(30)
        fails.set()
        await idle()

    assert world.waits_s == [1.0, 2.0, 4.0, 1.0]


async def test_edge_that_says_when_it_works_ran_well_only_from_then_on() -> None:
    """A connection that takes long to be refused does not count."""
    world = World()
    fails, data = asyncio.Event(), asyncio.Event()

    async def run() -> None:
        if len(world.starts) < 3:
            raise VenueUnavailable("gone")
        if len(world.starts) == 4:
            await data.wait()
            supervised.works()
        await fails.wait()
        fails.clear()
        raise VenueUnavailable("gone")

    supervised = world.supervised(run, RestartPolicy(settled_after_s=10.0), says_when_it_works=True)
    async with running(supervised):
        await world.pass_time(30)
        fails.set()
        await world.pass_time(30)
        data.set()
        await world.pass_time(11)
        fails.set()
        await idle()

    assert world.waits_s == [1.0, 2.0, 4.0, 1.0]


async def test_edge_fails_for_good_after_too_many_restarts_in_a_period() -> None:
    world = World()
    supervised = world.supervised(refused, RestartPolicy(most_restarts=2, period_s=100.0))

    async def run() -> None:
        with pytest.raises(VenueUnavailable, match="failed again after 2 restarts in 100 s: connection"):
            await supervised.run()

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(run(), name="run")
        await idle()
        await world.pass_time(10)

    assert world.states == [RUNNING, WAITING, RUNNING, WAITING, RUNNING, FAILED]
    assert world.events[-1].reason == "VenueUnavailable: connection refused"


async def test_restarts_long_ago_do_not_count() -> None:
    world = World()

    async with running(world.supervised(refused, RestartPolicy(most_restarts=2, period_s=2.0))):
        await world.pass_time(60)

    assert FAILED not in world.states


@pytest.mark.parametrize("error", [ConfigError("no such key"), StoreError("full"), ComponentError("stopped")])
async def test_errors_that_a_restart_cannot_mend_are_raised_at_once(error: Exception) -> None:
    world = World()

    async def run() -> None:
        raise ExceptionGroup("tasks", [VenueUnavailable("gone"), error])

    with pytest.raises(ExceptionGroup):
        await world.supervised(run).run()

    assert world.states == [RUNNING, FAILED]


async def test_any_other_error_of_an_edge_restarts_it_and_is_on_record() -> None:
    world = World()

    async def run() -> None:
        raise ExceptionGroup("tasks", [KeyError("no such field")])

    async with running(world.supervised(run)):
        pass

    assert world.states == [RUNNING, WAITING]
    assert world.events[-1].reason == "KeyError: 'no such field'"


async def test_cancelling_it_cancels_the_edge_and_reports_nothing() -> None:
    world = World()
    supervised = world.supervised(forever)

    async with running(supervised) as task:
        task.cancel()
        await idle()

    assert task.cancelled()
    assert world.states == [RUNNING]
