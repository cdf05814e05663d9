"""The exchange keeps its rate."""

from brokers.feeds.config import WebSocketFeedConfig
from brokers.feeds.making import make_feed
from kernel.clock import VirtualClock
from tests.brokers.feeds.received import Received, eventually, exchange_of, receiving


async def test_a_rate_of_a_few_messages_a_second_is_kept() -> None:
    exchange, sink = exchange_of(rate=6), Received()

    async with exchange.serving() as url:
        feed = make_feed(WebSocketFeedConfig(name="main", url=url), clock=VirtualClock(5))
        async with receiving(feed, sink):
            await eventually(lambda: len(sink.events) >= 2)

    assert sink.seqs[:2] == [1, 1]
