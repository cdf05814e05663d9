"""Recorded events played as if live: at a speed, shifted to now or with their own times."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import msgspec
import pytest

from brokers.feeds.config import PlaybackFeedConfig, PlayedTimes
from brokers.feeds.playback import FRAME_EVENTS, PlaybackFeed
from kernel.clock import Clock, PlaybackClock, VirtualClock
from kernel.errors import ConfigError
from kernel.events import (
    Bar,
    EdgeState,
    EdgeStateChanged,
    EngageKillSwitch,
    Event,
    HaltTrading,
    PlaybackAdvanced,
    Quote,
    SessionStarted,
    TimerFired,
    Trade,
)
from kernel.time_units import DAY_NS, HOUR_NS, SECOND_NS
from tests.brokers.feeds.received import Received
from tests.kernel.live import (
    BRISK,
    PATIENCE_S,
    UnreliableTape,
    engine_over,
    idle,
    memory_tape,
    rows_of,
    running,
    timer_bus,
)

S = SECOND_NS
NOW = 1_000 * DAY_NS


class Played(Received):
    """A sink that keeps what was played, and the marks of the place apart."""

    def __init__(self) -> None:
        super().__init__()
        self.places: list[int] = []

    async def post(self, events: Sequence[Event], seqs: Sequence[int] = ()) -> None:
        self.places += [event.place for event in events if isinstance(event, PlaybackAdvanced)]
        await super().post([event for event in events if not isinstance(event, PlaybackAdvanced)], seqs)


def trade(ts: int, symbol: str = "A") -> Trade:
    return Trade(ts, symbol, 1.0, 1.0, exchange_ts=ts - 5)


def feed_of(events: Sequence[Event], clock: Clock, **settings: object) -> PlaybackFeed:
    async def opened() -> AsyncGenerator[Sequence[Event], None]:
        yield events[:2]
        yield events[2:]

    config = PlaybackFeedConfig(name="past", store="x.db", streams=("a",), **settings)  # type: ignore[arg-type]  # passed on as they are
    return PlaybackFeed(config, opened, clock=clock)


async def played_for(feed: PlaybackFeed, clock: VirtualClock, *seconds: float) -> list[int]:
    """How many events were out after each time since the start."""
    sink, counts, start = Played(), list[int](), clock.now()
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        task = group.create_task(feed.run(sink), name="feed")
        for each in seconds:
            clock.advance(to_ts=start + int(each * S))
            await idle()
            counts.append(len(sink.events))
        task.cancel()
    return counts


async def all_of(feed: PlaybackFeed) -> Played:
    """What a feed gives without waiting."""
    sink = Played()
    async with asyncio.timeout(PATIENCE_S):
        await feed.run(sink)
    return sink


async def test_events_come_at_their_distances() -> None:
    clock = VirtualClock(NOW)
    events = [trade(10 * S), trade(11 * S), trade(14 * S)]

    assert await played_for(feed_of(events, clock), clock, 0, 0.9, 1, 3.9, 4) == [1, 1, 2, 2, 3]


async def test_ten_times_as_fast_takes_a_tenth_of_the_time() -> None:
    clock = VirtualClock(NOW)
    events = [trade(10 * S), trade(11 * S), trade(20 * S)]

    assert await played_for(feed_of(events, clock, speed=10.0), clock, 0, 0.1, 0.99, 1) == [1, 2, 2, 3]


async def test_shifted_events_happen_now_with_all_their_times() -> None:
    clock = VirtualClock(NOW)
    bar = Bar(20 * S, "A", "10s", 1.0, 1.0, 1.0, 1.0, 1.0, 10 * S)

    sink = await all_of(feed_of([trade(10 * S), bar], clock, speed="max"))

    assert sink.events == [
        Trade(NOW, "A", 1.0, 1.0, exchange_ts=NOW - 5),
        Bar(NOW, "A", "10s", 1.0, 1.0, 1.0, 1.0, 1.0, NOW - 10 * S),
    ]


async def test_night_is_waited_for_unless_gaps_are_cut() -> None:
    events = [trade(10 * S), trade(10 * S + 12 * HOUR_NS), trade(11 * S + 12 * HOUR_NS)]
    waiting, cutting = VirtualClock(NOW), VirtualClock(NOW)

    assert await played_for(feed_of(events, waiting), waiting, 0, 60) == [1, 1]
    assert await played_for(feed_of(events, cutting, longest_gap_s=5.0), cutting, 0, 4.9, 5, 6) == [
        1,
        1,
        2,
        3,
    ]


async def test_only_the_chosen_symbols_are_played() -> None:
    events = [trade(1), trade(2, "B"), trade(3)]

    sink = await all_of(feed_of(events, VirtualClock(NOW), speed="max", symbols=("B",)))

    assert [event.symbol for event in sink.events if isinstance(event, Trade)] == ["B"]


async def test_derived_events_of_a_stream_are_not_played() -> None:
    events = [trade(1), TimerFired(2, "x", "y", 2), trade(3)]  # type: ignore[arg-type]  # names as text

    assert len((await all_of(feed_of(events, VirtualClock(NOW), speed="max"))).events) == 2


async def test_feed_that_is_started_again_goes_on_where_it_was() -> None:
    class Failing(Played):
        async def post(self, events: Sequence[Event], seqs: Sequence[int] = ()) -> None:
            if len(self.events) == FRAME_EVENTS:
                raise OSError("gone")
            await super().post(events, seqs)

    events = [trade(number) for number in range(1, 3 * FRAME_EVENTS)]
    feed, first, second = feed_of(events, VirtualClock(NOW), speed="max"), Failing(), Played()

    with pytest.raises(OSError, match="gone"):
        await feed.run(first)
    await feed.run(second)

    assert len(first.events) + len(second.events) == len(events)


async def test_place_is_marked_at_the_start_at_least_every_128_events_and_at_the_end() -> None:
    events = [trade(number) for number in range(1, 3 * FRAME_EVENTS)]

    sink = await all_of(feed_of(events, VirtualClock(NOW), speed="max"))

    assert sink.places == [0, 64, 128, len(events)]


def test_kept_times_need_a_clock_of_recorded_time() -> None:
    with pytest.raises(ConfigError, match="feed 'past': times: kept needs a clock of recorded time"):
        feed_of([], VirtualClock(), times=PlayedTimes.KEPT)


@pytest.mark.parametrize("speed", ["max", 1e9])
async def test_events_with_kept_times_are_on_the_tape_as_they_were_and_timers_fire_between_them(
    speed: float | str,
) -> None:
    clock = PlaybackClock(10 * S, None if isinstance(speed, str) else speed)
    tape = memory_tape()
    engine = engine_over(tape, clock=clock, bus=timer_bus(15 * S))
    quotes = [Quote(ts, "A", 1.0, 2.0) for ts in (10 * S, 12 * S, 20 * S)]
    feed = feed_of(quotes, clock, times=PlayedTimes.KEPT, speed=speed, longest_gap_s=5.0)

    class ToEngine(Received):
        async def post(self, events: Sequence[Event], seqs: Sequence[int] = ()) -> None:
            del seqs
            for event in events:
                await engine.post(event)

    async with running(engine):
        await feed.run(ToEngine())

    events = [event for _, _, event in await rows_of(tape)]
    assert [event.ts for event in events if isinstance(event, Quote)] == [10 * S, 12 * S, 20 * S]
    fired = [event for event in events if isinstance(event, TimerFired)]
    assert [event.due_ts for event in fired][:1] == [15 * S]
    assert events.index(fired[0]) < events.index(quotes[2])


async def test_what_overtakes_played_events_or_has_the_wall_clock_s_time_does_not_take_them_along() -> None:
    """While the engine is busy, the player goes on, and so does the clock that it moves."""
    clock, tape = PlaybackClock(10 * S), UnreliableTape()
    engine = engine_over(tape, clock=clock)
    tape.may_append.clear()

    async with running(engine):
        engine.report(SessionStarted(10 * S, 1, "live", "0", "3.11"))
        await tape.is_appending.wait()
        engine.report(EdgeStateChanged(NOW, "alerts: desk", EdgeState.RUNNING))
        for second in range(10, 20):
            clock.move(to_ts=second * S)
            await engine.post(Quote(second * S, "A", 1.0, 2.0))
        await engine.post(HaltTrading(clock.now(), "ops", "enough"))
        tape.may_append.set()

    _, halted, changed, *played = [event for _, _, event in await rows_of(tape)]
    assert [event.ts for event in played] == [second * S for second in range(10, 20)]
    assert (type(halted), halted.ts) == (HaltTrading, 10 * S)
    assert (type(changed), changed.ts) == (EdgeStateChanged, 10 * S)


@pytest.mark.parametrize("command", [HaltTrading, EngageKillSwitch])
async def test_a_step_that_leaves_played_events_waiting_is_not_later_than_they(
    command: type[HaltTrading] | type[EngageKillSwitch],
) -> None:
    """Neither a timer that is due nor a command takes them along, though the clock is ahead of them."""
    clock, tape = PlaybackClock(10 * S), UnreliableTape()
    few = msgspec.structs.replace(BRISK, batch_limit=2)
    engine = engine_over(tape, clock=clock, bus=timer_bus(15 * S), config=few)
    tape.may_append.clear()

    async with running(engine):
        engine.report(SessionStarted(10 * S, 1, "live", "0", "3.11"))
        await tape.is_appending.wait()
        for second in range(10, 20):
            clock.move(to_ts=second * S)
            await engine.post(Quote(second * S, "A", 1.0, 2.0))
        await engine.post(command(clock.now(), "ops", "enough"))
        tape.may_append.set()
        await idle()

    events = [event for _, _, event in await rows_of(tape)]
    quotes = [event for event in events if isinstance(event, Quote)]
    fired = next(event for event in events if isinstance(event, TimerFired))
    assert [event.ts for event in quotes] == [second * S for second in range(10, 20)]
    assert events.index(quotes[5]) < events.index(fired) < events.index(quotes[6])


def test_playback_clock_goes_at_its_speed_and_jumps() -> None:
    monotonic = 0
    clock = PlaybackClock(100, 10.0, monotonic_ns=lambda: monotonic)

    monotonic = 5
    assert clock.now() == 150
    clock.move(to_ts=1000)
    monotonic = 6
    assert clock.now() == 1010
    clock.move(to_ts=500)
    assert clock.now() == 1010


async def test_playback_clock_wakes_those_who_wait_when_it_jumps() -> None:
    clock = PlaybackClock(0)

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        waits = group.create_task(clock.wait(asyncio.Event(), until_ts=10), name="wait")
        await idle()
        assert not waits.done()
        clock.move(to_ts=10)
        await waits
