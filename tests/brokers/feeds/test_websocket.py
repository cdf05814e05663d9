"""A feed over a real socket on loopback, against the exchange of ``onetape exchange``."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress

import msgspec
import pytest

from brokers.feeds.config import Channel, Encoding, Numbering, WebSocketFeedConfig
from brokers.feeds.making import make_feed
from brokers.feeds.port import Feed
from kernel.clock import VirtualClock
from kernel.errors import VenueUnavailable
from kernel.events import Bar, BookSnapshot, Quote, Trade
from ops.exchange.server import Exchange
from tests.brokers.feeds.received import (
    CONFIRMED,
    Received,
    eventually,
    exchange_of,
    failure_of,
    receiving,
    serving,
)
from tests.kernel.live import PATIENCE_S

NOW = 5
GOOD = {"T": "q", "S": "A", "bp": 1.0, "bs": 1.0, "ap": 2.0, "as": 1.0, "t": 7, "q": 1}


def feed_of(
    url: str,
    *,
    symbols: Sequence[str] = (),
    channels: tuple[Channel, ...] = (Channel.QUOTES,),
    encoding: Encoding = Encoding.JSON,
    numbering: Numbering = Numbering.SYMBOL,
    heartbeat_s: float = 10.0,
    max_message_bytes: int = 1 << 20,
    compress: bool | None = None,
    connect_timeout_s: float = 5.0,
) -> Feed:
    config = WebSocketFeedConfig(
        name="main",
        url=url,
        symbols=tuple(symbols),
        channels=channels,
        encoding=encoding,
        numbering=numbering,
        connect_timeout_s=connect_timeout_s,
        heartbeat_s=heartbeat_s,
        max_message_bytes=max_message_bytes,
        compress=compress,
    )
    return make_feed(config, clock=VirtualClock(NOW))


async def received_from(exchange: Exchange, count: int, **settings: object) -> Received:
    """What a feed receives when the exchange sends so many messages."""
    sink = Received()
    async with exchange.serving() as url, receiving(feed_of(url, **settings), sink):  # type: ignore[arg-type]  # passed on
        exchange.send_now(count)
        await eventually(lambda: len(sink.events) >= count)
    return sink


@pytest.mark.parametrize("encoding", list(Encoding))
@pytest.mark.parametrize("batch", [1, 4])
async def test_every_message_arrives_once_and_in_order(encoding: Encoding, batch: int) -> None:
    exchange = exchange_of(encoding=encoding, batch=batch)

    sink = await received_from(exchange, 10, encoding=encoding)

    assert sink.seqs == [1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert all(isinstance(event, Quote) and event.ts == NOW for event in sink.events)


async def test_both_encodings_give_the_same_events() -> None:
    json, packed = [
        await received_from(
            exchange_of(encoding=encoding, channels=tuple(Channel)),
            40,
            channels=tuple(Channel),
            encoding=encoding,
        )
        for encoding in (Encoding.JSON, Encoding.MSGPACK)
    ]

    assert json.events == packed.events
    assert {type(event) for event in json.events} == {Quote, Trade, BookSnapshot, Bar}


async def test_feed_gets_the_symbols_and_channels_that_it_asks_for() -> None:
    exchange = exchange_of(symbols=3, channels=(Channel.QUOTES, Channel.TRADES))
    sink, wanted = Received(), {"symbols": ["AAB"], "channels": (Channel.TRADES,)}

    async with exchange.serving() as url, receiving(feed_of(url, **wanted), sink):  # type: ignore[arg-type]  # passed on
        exchange.send_now(12)
        await eventually(lambda: len(sink.events) >= 2)

    assert [(type(event), seq) for event, seq in zip(sink.events, sink.seqs, strict=True)] == [
        (Trade, 2),
        (Trade, 4),
    ]


async def test_unnumbered_feed_has_no_numbers() -> None:
    sink = await received_from(exchange_of(), 2, numbering=Numbering.NONE)

    assert sink.seqs == []


async def test_compressed_connection_carries_the_same() -> None:
    assert len((await received_from(exchange_of(batch=50), 100, compress=True)).events) == 100


async def test_subscription_that_the_venue_refuses_is_an_error_with_its_words() -> None:
    async with exchange_of().serving() as url:
        with pytest.raises(VenueUnavailable, match="the venue refuses: there is no XYZ here, but AAA, "):
            await feed_of(url, symbols=["XYZ"]).run(Received())


async def test_symbols_have_the_names_that_the_exchange_was_given() -> None:
    events = (await received_from(exchange_of(symbols=("SPY", "QQQ")), 20)).events

    assert {event.symbol for event in events if isinstance(event, Quote)} == {"SPY", "QQQ"}


async def test_dropped_connection_is_an_error() -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        failure = await failure_of(feed_of(url), exchange.drop_connections)

    assert failure is not None
    assert re.search("closed the connection with code 1006|the connection is lost", str(failure))


async def test_venue_that_is_not_there_is_an_error() -> None:
    async with exchange_of().serving() as url:
        pass

    with pytest.raises(VenueUnavailable, match=r"127\.0\.0\.1"):
        await feed_of(url).run(Received())


async def test_what_arrived_before_the_venue_closed_is_delivered() -> None:
    sink = Received()
    frames = [msgspec.json.encode({**GOOD, "q": number}).decode() for number in range(1, 3001)]

    async with serving(CONFIRMED, *frames) as url:
        with pytest.raises(VenueUnavailable, match="the venue closed the connection with code 1000"):
            await feed_of(url).run(sink)

    assert sink.seqs == list(range(1, 3001))


async def test_venue_that_does_not_answer_a_subscription_is_away() -> None:
    said = ""
    async with serving(then_closes=False) as url:
        while "no answer to the subscription in 0.05 s" not in said:
            with pytest.raises(VenueUnavailable) as away:
                await feed_of(url, connect_timeout_s=0.05).run(Received())
            said = str(away.value)
            assert "in 0.05 s" in said  # a busy machine may take so long to connect


async def test_half_open_connection_is_lost_when_pings_are_not_answered() -> None:
    exchange = exchange_of()
    async with exchange.serving() as url:
        failure = await failure_of(feed_of(url, heartbeat_s=0.05), exchange.leave_half_open)

    assert "the connection is lost: No PONG received" in str(failure)


async def test_answered_pings_keep_a_quiet_connection() -> None:
    """If this process is held up, an answer may come too late: then another connection is looked at."""
    exchange, is_kept = exchange_of(), False
    async with exchange.serving() as url, asyncio.timeout(PATIENCE_S):
        while not is_kept:
            with suppress(ExceptionGroup):  # the connection is lost
                async with receiving(feed_of(url, heartbeat_s=0.02), Received()) as task:
                    await asyncio.wait([task], timeout=0.1)
                    is_kept = not task.done()


async def test_frame_beyond_the_limit_is_an_error() -> None:
    exchange = exchange_of(batch=1000)
    async with exchange.serving() as url:
        failure = await failure_of(feed_of(url, max_message_bytes=1024), lambda: exchange.send_now(1000))

    assert "1024" in str(failure)


async def test_no_connection_stays_open_after_a_cancelled_feed() -> None:
    exchange, sink = exchange_of(), Received()
    async with exchange.serving() as url:
        async with receiving(feed_of(url), sink):
            pass

        await eventually(lambda: not exchange.client_count)


async def test_message_that_is_wrong_is_refused_alone() -> None:
    sink = Received()
    frames = [
        msgspec.json.encode([GOOD, {**GOOD, "bp": "high"}, {**GOOD, "q": 2}]).decode(),
        '{"T": "q"',
        '{"T": "news", "text": "nobody knows this kind"}',
        '{"T": "status", "text": "fine"}',
        msgspec.json.encode({**GOOD, "q": 3}).decode(),
    ]

    async with serving(CONFIRMED, *frames) as url:
        with pytest.raises(VenueUnavailable):
            await feed_of(url).run(sink)

    assert sink.seqs == [1, 2, 3]
    assert [reason.partition(" - ")[0] for _, reason in sink.refused] == [
        "Expected `float`, got `str`",
        "Input data was truncated",
        "Invalid value 'news'",
    ]
