"""Plays recorded events as if they were live.

With shifted times, an event happens now, at its distance from the first one divided by the speed. With kept
times it has the time at which it was recorded, and so has the engine's clock, which is a ``PlaybackClock``.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from functools import cache

import msgspec

from brokers.feeds.config import PlaybackFeedConfig, PlayedTimes
from brokers.feeds.port import FeedSink
from kernel.clock import Clock, PlaybackClock
from kernel.errors import ConfigError
from kernel.events import DERIVED_TYPES, Event, PlaybackAdvanced
from kernel.time_units import SECOND_NS

EventSource = Callable[[], AsyncGenerator[Sequence[Event], None]]
"""Opens recorded events, in order of ``ts``."""

FRAME_EVENTS = 64
"""The most events that are posted together, so that others get a turn between them."""

MARK_EVENTS = 64
"""Events from one mark of the place to the next, at least: a mark is one event more in the log."""

_MOMENTS = ("exchange_ts", "open_ts", "pay_ts", "due_ts")
"""Fields that hold other times than ``ts``, which are shifted with it."""


def source_of(config: PlaybackFeedConfig) -> str:
    """What a feed plays, as a text: places count only among the same events."""
    symbols = ", ".join(sorted(config.symbols)) or "all symbols"
    return f"{config.store}: {', '.join(config.streams)} from {config.from_ts}: {symbols}"


def without_times(event: Event) -> Event:
    """An event by its content: played with shifted times it is the same."""
    return msgspec.structs.replace(event, ts=0, **dict.fromkeys(_moments(type(event)), 0))


class PlaybackFeed:
    """A feed of recorded events. If it is started again it goes on where it was.

    It marks its place among what it posts (``PlaybackAdvanced``), so that a later session can go on too.
    """

    def __init__(
        self, config: PlaybackFeedConfig, source: EventSource, *, clock: Clock, played: int = 0
    ) -> None:
        """Make it. ``played``: how many events of the source were played before.

        Raises ``ConfigError`` for kept times with a clock that shows another time.
        """
        if config.times is PlayedTimes.KEPT and not isinstance(clock, PlaybackClock):
            raise ConfigError(
                f"feed {config.name!r}: times: kept needs a clock of recorded time; got a "
                f"{type(clock).__name__}. Choose times: shifted"
            )
        self.name = config.name
        self._source = source
        self._clock = clock
        self._symbols = frozenset(config.symbols)
        self._played = played
        self._marked = -1
        self._last_ts = 0
        self._plays = source_of(config)
        if config.times is PlayedTimes.KEPT and isinstance(clock, PlaybackClock):
            self._stamps: _Shifted | _Kept = _Kept(config, clock)
        else:
            self._stamps = _Shifted(config, clock)

    async def run(self, sink: FeedSink) -> None:
        """Play to the end."""
        await sink.opened()
        stamps, waiting, now, place = self._stamps, list[Event](), self._clock.now(), 0
        async with aclosing(self._source()) as batches:
            async for batch in batches:
                for event in batch:
                    place += 1
                    if place <= self._played or not self._is_played(event):
                        continue
                    due_ts = stamps.due_ts(event.ts)
                    if due_ts > now:
                        await self._post(waiting, sink, place - 1)
                        now = await self._reach(due_ts)
                    waiting.append(stamps.stamped(event, due_ts))
                    if len(waiting) >= stamps.frame_events:
                        await self._post(waiting, sink, place)
                        now = self._clock.now()
        await self._post(waiting, sink, place)
        if self._played > self._marked >= 0:
            await sink.post((self._mark(self._last_ts),))

    def _mark(self, ts: int) -> PlaybackAdvanced:
        """The place, at the time of an event: a clock of recorded time must not be ahead of the next one."""
        self._marked = self._played
        return PlaybackAdvanced(ts, self.name, self._plays, self._played)

    async def _post(self, waiting: list[Event], sink: FeedSink, place: int) -> None:
        if waiting:
            if self._marked < 0 or self._played - self._marked >= MARK_EVENTS:
                waiting.insert(0, self._mark(waiting[0].ts))
            self._last_ts = waiting[-1].ts
            await sink.post(waiting)
            waiting.clear()
        self._played = max(self._played, place)

    async def _reach(self, ts: int) -> int:
        """Wait for a moment; returns the time then."""
        while (now := self._clock.now()) < ts:
            await self._clock.wait(asyncio.Event(), until_ts=ts)
        return now

    def _is_played(self, event: Event) -> bool:
        if type(event) in DERIVED_TYPES:
            return False
        return not self._symbols or getattr(event, "symbol", "") in self._symbols


class _Pace:
    """What both ways to stamp events have: the speed, and the longest gap."""

    def __init__(self, config: PlaybackFeedConfig) -> None:
        self.speed = None if config.speed == "max" else float(config.speed)
        self._longest_gap_ns = None if config.longest_gap_s is None else int(config.longest_gap_s * SECOND_NS)
        self._last_ts: int | None = None

    def cut(self, ts: int) -> int:
        """How much of the time since the last event is not waited for."""
        last, self._last_ts = self._last_ts, ts
        if last is None or self._longest_gap_ns is None:
            return 0
        return max(0, ts - last - self._longest_gap_ns)


class _Shifted:
    """Events happen now."""

    frame_events = FRAME_EVENTS

    def __init__(self, config: PlaybackFeedConfig, clock: Clock) -> None:
        self._pace = _Pace(config)
        self._clock = clock
        self._first: tuple[int, int] | None = None
        """The ``ts`` that the first moment of playing stands for, and that moment."""

    def due_ts(self, ts: int) -> int:
        """When an event is to happen."""
        cut = self._pace.cut(ts)
        if self._first is None:
            self._first = (ts, self._clock.now())
        self._first = (self._first[0] + cut, self._first[1])
        if self._pace.speed is None:
            return self._clock.now()
        return self._first[1] + int((ts - self._first[0]) / self._pace.speed)

    def stamped(self, event: Event, due_ts: int) -> Event:
        """The event with all its times moved by as much as its own."""
        shift = due_ts - event.ts
        moments = {name: moment + shift for name in _moments(type(event)) if (moment := getattr(event, name))}
        return msgspec.structs.replace(event, ts=due_ts, **moments)


class _Kept:
    """Events keep their times; the clock is moved with them.

    Each is posted by itself: a clock that is ahead of events still to come would fire timers too early.
    """

    frame_events = 1

    def __init__(self, config: PlaybackFeedConfig, clock: PlaybackClock) -> None:
        self._pace = _Pace(config)
        self._clock = clock

    def due_ts(self, ts: int) -> int:
        """The event's own time."""
        cut = self._pace.cut(ts)
        if self._pace.speed is None:
            self._clock.move(to_ts=ts)
        elif cut:
            self._clock.move(to_ts=self._clock.now() + cut)
        return ts

    def stamped(self, event: Event, due_ts: int) -> Event:  # noqa: ARG002  # as for shifted times
        """The event as it is."""
        return event


@cache
def _moments(kind: type[Event]) -> tuple[str, ...]:
    return tuple(name for name in kind.__struct_fields__ if name in _MOMENTS)
