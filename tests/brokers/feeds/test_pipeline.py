"""Feeds under supervision, from real sockets to a running engine."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import TypeVar

import pytest

from brokers.feeds.bars import BarsConfig
from brokers.feeds.config import Channel, Encoding, FeedConfig, WebSocketFeedConfig
from brokers.feeds.making import make_pipelines
from brokers.feeds.pipeline import FeedPipeline
from brokers.feeds.port import Feed, FeedSink
from kernel.clock import Clock, RealTimeClock, VirtualClock
from kernel.engine import CoreEngine, EngineConfig
from kernel.errors import ComponentError, ConfigError, VenueUnavailable
from kernel.events import (
    Bar,
    EdgeState,
    EdgeStateChanged,
    Event,
    FeedFault,
    FeedGapDetected,
    FeedMessagesIgnored,
    FeedStatusChanged,
    MessageQuarantined,
    Quote,
    Trade,
)
from kernel.supervision import RestartPolicy
from kernel.time_units import MINUTE_NS, SECOND_NS
from ops.exchange.faults import Faults
from tests.brokers.feeds.received import CONFIRMED, eventually, exchange_of, serving
from tests.kernel.live import PATIENCE_S, engine_over, idle, memory_tape, rows_of, running

EventT = TypeVar("EventT", bound=Event)

BRISK = RestartPolicy(first_delay_s=0.01, longest_delay_s=0.01, jitter=0.0)


class Posted:
    """In the place of an engine: keeps what is posted and reported."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.reports: list[EdgeStateChanged] = []

    async def post(self, events: Sequence[Event]) -> None:
        self.events += events

    def report(self, event: Event) -> None:
        assert isinstance(event, EdgeStateChanged)
        self.reports.append(event)

    def of(self, kind: type[EventT]) -> list[EventT]:
        return [event for event in self.events if isinstance(event, kind)]


class Scripted:
    """A source that a test plays: it delivers what it is told to, and fails when it is told to."""

    def __init__(self, name: str = "main") -> None:
        self.name = name
        self.starts = 0
        self.sink: FeedSink | None = None
        self._failure: asyncio.Future[None] | None = None

    async def run(self, sink: FeedSink) -> None:
        self.starts += 1
        self._failure = asyncio.get_running_loop().create_future()
        await sink.opened()
        self.sink = sink
        await self._failure

    async def deliver(self, event: Event, seq: int) -> None:
        assert self.sink is not None
        await self.sink.post([event], [seq])

    def fail(self, error: Exception) -> None:
        assert self._failure is not None
        self._failure.set_exception(error)

    def end(self) -> None:
        assert self._failure is not None
        self._failure.set_result(None)


def trade(price: float = 100.0) -> Trade:
    return Trade(0, "A", price, 1.0)


def config_of(
    name: str = "main", *, backup_for: str = "", bars: BarsConfig | None = None
) -> WebSocketFeedConfig:
    return WebSocketFeedConfig(name=name, url="ws://localhost/market", backup_for=backup_for, bars=bars)


def pipeline_of(
    feeds: Sequence[Feed], configs: Sequence[FeedConfig], posted: Posted, clock: Clock
) -> FeedPipeline:
    return FeedPipeline(
        feeds, configs, post=posted.post, report=posted.report, clock=clock, random=lambda: 0.0
    )


@asynccontextmanager
async def at_work(pipeline: FeedPipeline) -> AsyncGenerator[asyncio.Task[None]]:
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        task = group.create_task(pipeline.run(), name="pipeline")
        await idle()
        yield task
        task.cancel()


# --- sources under supervision ----------------------------------------------------------------


async def test_mute_feed_is_told_as_stale_and_connected_anew() -> None:
    posted, clock, feed = Posted(), VirtualClock(), Scripted()

    async with at_work(pipeline_of([feed], [config_of()], posted, clock)):
        await feed.deliver(trade(), 1)
        clock.advance(to_ts=15 * SECOND_NS + 1)
        await idle()
        clock.advance(to_ts=17 * SECOND_NS)
        await idle()

    assert feed.starts == 2
    assert [(each.is_connected, each.is_stale) for each in posted.of(FeedStatusChanged)] == [
        (True, False),
        (True, True),
        (False, True),
        (True, True),
    ]
    assert [(each.state, each.reason) for each in posted.reports] == [
        (EdgeState.RUNNING, ""),
        (EdgeState.WAITING, "VenueUnavailable: no data for 15 s"),
        (EdgeState.RUNNING, ""),
    ]


async def test_backup_gives_the_data_while_the_feed_is_away() -> None:
    posted, clock = Posted(), VirtualClock()
    main, backup = Scripted(), Scripted("backup")
    pipeline = pipeline_of(
        [main, backup], [config_of(), config_of("backup", backup_for="main")], posted, clock
    )

    async with at_work(pipeline):
        await main.deliver(trade(100.0), 1)
        await backup.deliver(trade(100.1), 50)
        main.fail(VenueUnavailable("gone"))
        await idle()
        await backup.deliver(trade(100.2), 51)
        clock.advance(to_ts=2 * SECOND_NS)
        await idle()
        await main.deliver(trade(100.3), 2)
        await backup.deliver(trade(100.4), 52)

    assert [each.price for each in posted.of(Trade)] == [100.0, 100.2, 100.3]
    assert [each.source for each in posted.of(FeedStatusChanged)] == ["main", "backup", "main"]


async def test_bar_ends_by_the_clock() -> None:
    posted, clock, feed = Posted(), VirtualClock(), Scripted()

    async with at_work(pipeline_of([feed], [config_of(bars=BarsConfig(timeframes=("1m",)))], posted, clock)):
        await feed.deliver(trade(), 1)
        clock.advance(to_ts=MINUTE_NS)
        await idle()

    assert posted.of(Bar) == [Bar(MINUTE_NS, "A", "1m", 100.0, 100.0, 100.0, 100.0, 1.0, 0)]


async def test_pipeline_ends_when_all_sources_have_ended() -> None:
    posted, feed = Posted(), Scripted()

    async with at_work(pipeline_of([feed], [config_of()], posted, VirtualClock())) as task:
        feed.end()
        await task

    assert posted.of(FeedStatusChanged)[-1].reason == "ended"
    assert posted.reports[-1].state is EdgeState.ENDED


async def test_pipeline_goes_on_while_one_source_is_left() -> None:
    posted, clock = Posted(), VirtualClock()
    main, backup = Scripted(), Scripted("backup")
    hopeless = WebSocketFeedConfig(
        name="main", url="ws://x", restart=RestartPolicy(most_restarts=1, first_delay_s=1.0)
    )

    async with at_work(
        pipeline_of([main, backup], [hopeless, config_of("backup", backup_for="main")], posted, clock)
    ) as task:
        main.fail(VenueUnavailable("gone"))
        await idle()
        clock.advance(to_ts=2 * SECOND_NS)
        await idle()
        main.fail(VenueUnavailable("gone again"))
        await idle()

        assert not task.done()
        await backup.deliver(trade(), 1)

    assert [each.state for each in posted.reports if each.edge == "main"][-1] is EdgeState.FAILED
    assert posted.of(Trade) == [trade()]


async def test_settings_that_no_restart_mends_end_the_pipeline() -> None:
    posted, feed = Posted(), Scripted()
    pipeline = pipeline_of([feed], [config_of()], posted, VirtualClock())

    async def run() -> None:
        with pytest.raises(ConfigError, match="no such channel"):
            await pipeline.run()

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(run(), name="run")
        await idle()
        feed.fail(ConfigError("no such channel"))


async def test_status_tells_how_each_source_is() -> None:
    posted, feed = Posted(), Scripted()
    pipeline = pipeline_of([feed], [config_of()], posted, VirtualClock(7))

    async with at_work(pipeline):
        await feed.deliver(trade(), 1)
        await feed.deliver(trade(-1.0), 2)
        status = pipeline.status

    assert (status.delivered, status.quarantined, status.ignored) == (1, 1, 0)
    source = status.sources[0]
    assert (source.state, source.is_connected, source.is_fresh, source.is_active) == (
        "running",
        True,
        True,
        True,
    )
    assert source.last_heard_ts == 7


# --- from a socket to the tape ----------------------------------------------------------------


def engine_and_feeds(
    configs: Sequence[FeedConfig], *, capacity: int = 16_384
) -> tuple[CoreEngine, tuple[FeedPipeline, ...]]:
    """An engine on the wall clock, and feeds that post to it."""
    clock = RealTimeClock(check_every_s=0.01)
    engine = engine_over(memory_tape(), clock=clock, config=EngineConfig(inbox_capacity=capacity))
    pipelines = make_pipelines(
        configs, post=engine.post_all, report=engine.report, clock=clock, random=lambda: 0.0
    )
    return engine, pipelines


async def test_faults_of_an_exchange_are_on_the_tape_and_the_rest_is_delivered() -> None:
    faults = Faults(gap_every=50, duplicate_every=33, out_of_order_every=21, bad_price_every=40)
    exchange = exchange_of(encoding=Encoding.MSGPACK, batch=7, channels=(Channel.TRADES,), faults=faults)
    tape = memory_tape()
    clock = RealTimeClock(check_every_s=0.01)
    engine = engine_over(tape, clock=clock)

    async with exchange.serving() as url:
        config = WebSocketFeedConfig(
            name="main", url=url, channels=(Channel.TRADES,), encoding=Encoding.MSGPACK, hold_ms=1.0
        )
        (pipeline,) = make_pipelines(
            [config], post=engine.post_all, report=engine.report, clock=clock, random=lambda: 0.0
        )
        async with running(engine), at_work(pipeline):
            await eventually(lambda: exchange.client_count > 0 and pipeline.status.sources[0].is_connected)
            exchange.send_now(1000)
            await eventually(lambda: pipeline.status.delivered + pipeline.status.quarantined >= 975)
            await eventually(lambda: engine.inbox_depth == 0)

    events = [event for _, _, event in await rows_of(tape)]
    trades = [event for event in events if isinstance(event, Trade)]
    gaps = [event for event in events if isinstance(event, FeedGapDetected)]
    refused = [event for event in events if isinstance(event, MessageQuarantined)]
    ignored = [event for event in events if isinstance(event, FeedMessagesIgnored)]
    missing = sum(gap.next_feed_seq - gap.last_feed_seq - 1 for gap in gaps)
    late = sum(each.count for each in ignored if each.fault is FeedFault.LATE)  # on a busy machine
    assert 18 <= missing - late <= 20  # the last ones of a symbol cannot be known
    assert refused
    assert ignored
    assert len(trades) + pipeline.status.quarantined + missing >= 990
    assert all(trade.price > 0 for trade in trades)
    for symbol in ("AAA", "AAB"):
        times = [trade.ts for trade in trades if trade.symbol == symbol]
        assert all(earlier <= later for earlier, later in pairwise(times))


async def test_messages_that_were_missed_while_the_connection_was_away_are_a_gap() -> None:
    exchange = exchange_of(symbols=1)
    tape = memory_tape()
    clock = RealTimeClock(check_every_s=0.01)
    engine = engine_over(tape, clock=clock)

    async with exchange.serving() as url:
        config = WebSocketFeedConfig(name="main", url=url, restart=BRISK, hold_ms=0.0)
        (pipeline,) = make_pipelines(
            [config], post=engine.post_all, report=engine.report, clock=clock, random=lambda: 0.0
        )
        async with running(engine), at_work(pipeline):
            await eventually(lambda: pipeline.status.sources[0].is_connected)
            exchange.send_now(3)
            await eventually(lambda: pipeline.status.delivered == 3)
            exchange.drop_connections()
            exchange.send_now(4)
            await eventually(lambda: exchange.connections == 2 and pipeline.status.sources[0].is_connected)
            exchange.send_now(2)
            await eventually(lambda: pipeline.status.delivered == 6)

    events = [event for _, _, event in await rows_of(tape)]
    (gap,) = [event for event in events if isinstance(event, FeedGapDetected)]
    assert (gap.symbol, gap.last_feed_seq, gap.next_feed_seq) == ("AAA", 3, 8)
    assert len([event for event in events if isinstance(event, Quote)]) == 5
    statuses = [event for event in events if isinstance(event, FeedStatusChanged)]
    assert [each.is_stale for each in statuses] == [False, True, True, False]


async def test_connected_but_mute_venue_is_left_and_connected_to_again() -> None:
    posted, clock, exchange = Posted(), RealTimeClock(check_every_s=0.01), exchange_of()

    async with exchange.serving() as url:
        config = WebSocketFeedConfig(name="main", url=url, stale_after_s=0.1, restart=BRISK)
        (pipeline,) = make_pipelines(
            [config], post=posted.post, report=posted.report, clock=clock, random=lambda: 0.0
        )
        async with at_work(pipeline):
            await eventually(lambda: exchange.connections >= 2)
            await eventually(lambda: exchange.client_count == 1)

    assert "no data for 0.1 s" in posted.reports[1].reason
    assert any(each.is_stale for each in posted.of(FeedStatusChanged))


async def test_full_inbox_slows_the_venue_down_and_loses_nothing() -> None:
    exchange = exchange_of(symbols=3, batch=100)
    engine, pipelines = engine_and_feeds([], capacity=10)
    assert pipelines == ()
    clock = RealTimeClock(check_every_s=0.01)

    async with exchange.serving() as url:
        (pipeline,) = make_pipelines(
            [WebSocketFeedConfig(name="main", url=url)],
            post=engine.post_all,
            report=engine.report,
            clock=clock,
            random=lambda: 0.0,
        )
        async with running(engine), at_work(pipeline):
            await eventually(lambda: pipeline.status.sources[0].is_connected)
            exchange.send_now(3000)
            await eventually(lambda: pipeline.status.delivered == 3000)
            await eventually(lambda: engine.inbox_depth == 0)

    assert engine.inbox_peak <= 12
    assert engine.refused == 0


async def test_feed_of_a_stopped_engine_ends_with_its_error() -> None:
    posted, feed = Posted(), Scripted()
    clock = VirtualClock()
    engine = engine_over(memory_tape(), clock=clock)
    pipeline = FeedPipeline(
        [feed], [config_of()], post=engine.post_all, report=posted.report, clock=clock, random=lambda: 0.0
    )

    async def run() -> None:
        with pytest.raises(ComponentError, match="the engine has stopped"):
            await pipeline.run()

    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        group.create_task(run(), name="run")
        await idle()
        engine.stop()
        feed.fail(VenueUnavailable("gone"))


async def test_venue_that_closes_at_once_is_connected_to_at_most_once_a_second() -> None:
    posted, clock = Posted(), VirtualClock()

    async with serving(CONFIRMED) as url:
        (pipeline,) = make_pipelines(
            [WebSocketFeedConfig(name="main", url=url)],
            post=posted.post,
            report=posted.report,
            clock=clock,
            random=lambda: 0.5,
        )
        async with at_work(pipeline):
            while clock.now() < 60 * SECOND_NS:
                await eventually(lambda: posted.reports[-1].state is EdgeState.WAITING)
                clock.advance(to_ts=posted.reports[-1].retry_ts)
                await idle()

    starts = [each.ts for each in posted.reports if each.state is EdgeState.RUNNING]
    assert len(starts) >= 4
    assert all(later - earlier >= SECOND_NS for earlier, later in pairwise(starts))
