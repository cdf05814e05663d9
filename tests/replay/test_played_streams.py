"""Streams of a store, played as a live feed."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from brokers.feeds.config import FeedConfig, PlaybackFeedConfig, PlayedTimes
from brokers.feeds.making import make_pipelines
from eventstore import SqliteEventStore
from kernel.clock import Clock, PlaybackClock, RealTimeClock
from kernel.errors import StreamMissing
from kernel.events import Event, Quote, Trade
from kernel.time_units import DAY_NS
from replay.played_streams import recorded_streams
from tests.kernel.live import PATIENCE_S, engine_over, memory_tape, rows_of, running

FIRST = 10_000 * DAY_NS


@pytest.fixture
async def store(tmp_path: Path) -> Path:
    """A store with quotes of A and trades of B."""
    path = tmp_path / "market.db"
    async with await SqliteEventStore.open(path) as opened:
        quotes = [Quote(FIRST + 10 * number, "A", 99.0, 101.0) for number in range(300)]
        trades = [Trade(FIRST + 10 * number + 5, "B", 50.0, 1.0) for number in range(300)]
        await opened.append("a", quotes, expected_seq=0)
        await opened.append("b", trades, expected_seq=0)
    return path


def config_of(
    store: Path, *, times: PlayedTimes = PlayedTimes.SHIFTED, **others: object
) -> PlaybackFeedConfig:
    return PlaybackFeedConfig(name="past", store=str(store), speed="max", times=times, **others)  # type: ignore[arg-type]  # passed on as they are


async def played(config: FeedConfig, clock: Clock) -> list[Event]:
    """The market data on the tape of an engine that this feed is given to, to its end."""
    tape = memory_tape()
    engine = engine_over(tape, clock=clock)
    (pipeline,) = make_pipelines(
        [config],
        post=engine.post_all,
        report=engine.report,
        clock=clock,
        random=lambda: 0.0,
        open_streams=recorded_streams,
    )
    async with running(engine), asyncio.timeout(PATIENCE_S):
        await pipeline.run()
    return [event for _, _, event in await rows_of(tape) if isinstance(event, Quote | Trade)]


def symbols(events: Sequence[Event]) -> str:
    return "".join(getattr(event, "symbol", "") for event in events)


async def test_streams_are_played_in_the_order_of_a_replay(store: Path) -> None:
    events = await played(config_of(store, streams=("a", "b")), RealTimeClock())

    assert symbols(events) == "AB" * 300
    assert events[0].ts > FIRST + 300 * DAY_NS


async def test_kept_times_are_those_of_the_record(store: Path) -> None:
    config = config_of(store, streams=("a", "b"), times=PlayedTimes.KEPT)

    events = await played(config, PlaybackClock(FIRST))

    assert [event.ts for event in events] == [FIRST + 5 * number for number in range(600)]


async def test_symbols_and_first_moment_are_chosen(store: Path) -> None:
    config = config_of(store, streams=("a", "b"), symbols=("B",), from_ts=FIRST + 2_900)

    assert symbols(await played(config, RealTimeClock())) == "B" * 10


async def test_missing_stream_ends_the_feed_with_its_name(store: Path) -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await played(config_of(store, streams=("c",)), RealTimeClock())

    assert raised.group_contains(StreamMissing, match="'c'")
