"""Runs a feed and its backups: supervised sources, whose messages go through one processor to the engine.

One task for each source, and one that waits for the time: for bars that end, messages that have waited long
enough, and sources that have been silent too long. A lock keeps what they post in order. While the engine's
inbox is full all of them wait, and the network's own flow control slows the venue down; that is no silence.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

import msgspec

from brokers.feeds.config import FeedConfig
from brokers.feeds.hours import AlwaysOpen, FeedHours
from brokers.feeds.port import Feed
from brokers.feeds.processing import FeedProcessor
from kernel.clock import Clock
from kernel.error_groups import errors_in
from kernel.errors import VenueUnavailable
from kernel.events import EdgeState, Event
from kernel.loggable import message_of
from kernel.supervision import Supervised
from kernel.timers import NEVER

BUSY_S = 0.05
"""A frame that took longer than this waited for the engine: its source may have sent more meanwhile."""

Post = Callable[[Sequence[Event]], Awaitable[None]]
"""``CoreEngine.post_all``, or anything that takes events as it does. What it refuses is on record there."""


class SourceStatus(msgspec.Struct, frozen=True):
    """The state of one source, for people and the status of a daemon."""

    name: str
    state: str
    is_connected: bool
    is_fresh: bool
    is_active: bool
    restarts: int
    last_heard_ts: int
    reason: str


class FeedStatus(msgspec.Struct, frozen=True):
    """The state of a feed."""

    name: str
    delivered: int
    quarantined: int
    ignored: int
    sources: tuple[SourceStatus, ...]


class FeedPipeline:
    """A feed with its backups, from their connections to the engine. Runs once."""

    def __init__(
        self,
        feeds: Sequence[Feed],
        configs: Sequence[FeedConfig],
        *,
        post: Post,
        report: Callable[[Event], None],
        clock: Clock,
        random: Callable[[], float],
        hours: FeedHours | None = None,
    ) -> None:
        """Make it, of the sources in the order in which they are used, and their settings.

        - ``post``, ``report``: of the engine.
        - ``random``: numbers from 0 to 1, for the delays of restarts.
        """
        self.name = configs[0].name
        self._post = post
        self._clock = clock
        self._loop_time = monotonic
        self._processor = FeedProcessor(configs, hours=hours or AlwaysOpen(), now=clock.now())
        self._lock = asyncio.Lock()
        self._changed = asyncio.Event()
        self._waits_until = NEVER
        self._sources = {
            feed.name: _RunningSource(feed, self, config, report=report, clock=clock, random=random)
            for feed, config in zip(feeds, configs, strict=True)
        }

    @property
    def status(self) -> FeedStatus:
        """How it is now."""
        choice = self._processor.choice
        return FeedStatus(
            self.name,
            self._processor.delivered,
            self._processor.quarantined,
            self._processor.ignored,
            tuple(
                SourceStatus(
                    state.name,
                    self._sources[state.name].state,
                    state.is_connected,
                    state.is_fresh,
                    state is choice.active,
                    self._sources[state.name].restarts,
                    state.heard_ts,
                    state.reason,
                )
                for state in choice.sources.values()
            ),
        )

    async def run(self) -> None:
        """Run until all sources have ended, or until cancelled.

        Raises ``VenueUnavailable`` when all of them have failed for good, and at once what no restart mends:
        ``ConfigError``, and ``ComponentError`` once the engine has stopped (stop the feeds first).
        """
        self._loop_time = asyncio.get_running_loop().time
        try:
            await self._run_all()
        except BaseExceptionGroup as failures:
            error = errors_in(failures)[0]
            raise error from error.__cause__

    async def _run_all(self) -> None:
        async with asyncio.TaskGroup() as group:
            watch = group.create_task(self._watch(), name=f"feed {self.name}: watch")
            async with asyncio.TaskGroup() as sources_group:
                for name, source in self._sources.items():
                    sources_group.create_task(self._run_source(source), name=f"feed {self.name}: {name}")
            watch.cancel()

    async def opened(self, name: str) -> None:
        """A source is connected and subscribed."""
        async with self._lock:
            await self._post_all(self._processor.opened(name, self._clock.now()))

    async def closed(self, name: str, reason: str) -> None:
        """A source has ended."""
        async with self._lock:
            await self._post_all(self._processor.closed(name, reason, self._clock.now()))

    async def take(self, name: str, events: Sequence[Event], seqs: Sequence[int]) -> None:
        """A source has received a frame."""
        async with self._lock:
            began = self._loop_time()
            await self._post(self._processor.take(name, events, seqs, self._clock.now()))
            if self._loop_time() - began > BUSY_S:
                self._processor.choice.listen_anew(self._clock.now())
        if self._processor.is_sooner:
            self._wake_watch()

    async def refuse(self, name: str, raw: str, reason: str) -> None:
        """A source has received a message that it does not understand."""
        async with self._lock:
            await self._post_all(self._processor.refuse(name, raw, reason, self._clock.now()))

    async def _run_source(self, source: "_RunningSource") -> None:
        try:
            await source.supervised.run()
        except VenueUnavailable:
            if all(each.state == EdgeState.FAILED for each in self._sources.values()):
                raise

    async def _watch(self) -> None:
        """Do what is due by the time."""
        while True:
            self._changed.clear()
            self._waits_until = self._processor.due_ts
            await self._clock.wait(self._changed, until_ts=self._waits_until)
            if self._processor.due_ts > self._clock.now():
                continue
            was_busy = self._lock.locked()
            async with self._lock:
                if was_busy:
                    self._processor.choice.listen_anew(self._clock.now())
                events, again = self._processor.due(self._clock.now())
                await self._post_all(events)
            for name in again:
                self._sources[name].connect_anew()

    async def _post_all(self, events: Sequence[Event]) -> None:
        await self._post(events)
        self._wake_watch()

    def _wake_watch(self) -> None:
        """Let the watch wait anew, if something is due sooner than it knows."""
        self._processor.is_sooner = False
        if self._processor.due_ts < self._waits_until:
            self._changed.set()


class _RunningSource:
    """One source: its feed under supervision, and the sink that the feed sees."""

    def __init__(
        self,
        feed: Feed,
        pipeline: FeedPipeline,
        config: FeedConfig,
        *,
        report: Callable[[Event], None],
        clock: Clock,
        random: Callable[[], float],
    ) -> None:
        self.supervised = Supervised(
            feed.name,
            self._run,
            clock=clock,
            random=random,
            report=report,
            policy=config.restart,
            says_when_it_works=True,
        )
        self._feed = feed
        self._pipeline = pipeline
        self._stale_after_s = config.stale_after_s
        self._silence: asyncio.Timeout | None = None

    @property
    def state(self) -> str:
        """The state of its edge; empty before it runs."""
        return "" if self.supervised.state is None else self.supervised.state.value

    @property
    def restarts(self) -> int:
        """How often it was started again."""
        return self.supervised.restarts

    def connect_anew(self) -> None:
        """End the connection, which has been silent for too long."""
        if self._silence is not None:
            self._silence.reschedule(asyncio.get_running_loop().time())

    async def opened(self) -> None:
        """The sink's."""
        await self._pipeline.opened(self._feed.name)

    async def post(self, events: Sequence[Event], seqs: Sequence[int] = ()) -> None:
        """The sink's."""
        self.supervised.works()
        await self._pipeline.take(self._feed.name, events, seqs)

    async def refuse(self, raw: str, reason: str) -> None:
        """The sink's."""
        await self._pipeline.refuse(self._feed.name, raw, reason)

    async def _run(self) -> None:
        try:
            try:
                async with asyncio.timeout(None) as self._silence:
                    await self._feed.run(self)
            except TimeoutError as error:
                if self._silence is None or not self._silence.expired():
                    raise
                raise VenueUnavailable(f"no data for {self._stale_after_s:g} s") from error
            finally:
                self._silence = None
        except Exception as error:  # told to strategies, whatever it is, and raised again
            await self._pipeline.closed(self._feed.name, message_of(error))
            raise
        await self._pipeline.closed(self._feed.name, "ended")
