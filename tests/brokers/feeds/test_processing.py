"""A feed's messages on their way to the engine: order, checks, bars, sources, and what is put on record."""

from collections.abc import Sequence

from brokers.feeds.bars import BarsConfig
from brokers.feeds.config import FeedConfig, Numbering, WebSocketFeedConfig
from brokers.feeds.hours import AlwaysOpen
from brokers.feeds.processing import FeedProcessor
from kernel.events import (
    Bar,
    Event,
    FeedFault,
    FeedGapDetected,
    FeedMessagesIgnored,
    FeedStatusChanged,
    MessageQuarantined,
    Quote,
    Trade,
)
from kernel.time_units import MINUTE_NS, MS_NS, SECOND_NS

MAIN = WebSocketFeedConfig(name="main", url="ws://localhost/market")
BACKUP = WebSocketFeedConfig(name="backup", url="ws://localhost/other", backup_for="main")


def processor(*configs: FeedConfig) -> FeedProcessor:
    """A feed whose sources have opened at 0."""
    made = FeedProcessor(configs or (MAIN,), hours=AlwaysOpen(), now=0)
    for config in configs or (MAIN,):
        made.opened(config.name, 0)
    return made


def message(number: int, price: float = 100.0) -> Trade:
    return Trade(number, "A", price, 1.0)


def taken(feed: FeedProcessor, numbers: Sequence[int], *, now: int = 0, source: str = "main") -> list[Event]:
    return list(feed.take(source, [message(number) for number in numbers], numbers, now))


def test_sound_messages_in_order_pass_as_they_are() -> None:
    feed = processor()

    assert taken(feed, [1, 2, 3]) == [message(1), message(2), message(3)]
    assert (feed.delivered, feed.quarantined, feed.ignored) == (3, 0, 0)


def test_gap_is_among_the_messages_where_it_was() -> None:
    feed = processor()
    taken(feed, [1, 4])

    out, again = feed.due(50 * MS_NS)

    assert list(out) == [FeedGapDetected(50 * MS_NS, "A", "main", 1, 4), message(4)]
    assert again == []


def test_lost_connection_ends_the_wait_for_missing_messages() -> None:
    feed = processor()
    taken(feed, [1, 3])

    out = list(feed.closed("main", "lost", 5))

    assert out[:2] == [FeedGapDetected(5, "A", "main", 1, 3), message(3)]
    assert isinstance(out[2], FeedStatusChanged)


def test_many_duplicates_make_two_records_a_second() -> None:
    feed = processor()
    taken(feed, list(range(1, 101)))

    first = taken(feed, list(range(1, 101)), now=10)
    rest, _ = feed.due(10 + SECOND_NS)

    assert first == [FeedMessagesIgnored(10, "main", "main", FeedFault.DUPLICATE, 1, "A", 1, 1)]
    assert list(rest) == [
        FeedMessagesIgnored(10 + SECOND_NS, "main", "main", FeedFault.DUPLICATE, 99, "A", 2, 100)
    ]
    assert feed.ignored == 100


def test_bad_prices_are_quarantined_and_the_others_pass() -> None:
    feed = processor()
    frame = [message(1), message(2, -1.0), message(3)]

    out = list(feed.take("main", frame, [1, 2, 3], 7))

    assert out == [
        frame[0],
        MessageQuarantined(7, "main", "price -1.0: expected a number above 0", repr(frame[1])),
        frame[2],
    ]


def test_a_flood_of_bad_prices_makes_few_records() -> None:
    feed = processor()
    numbers = list(range(1, 1001))

    out = list(feed.take("main", [message(number, -1.0) for number in numbers], numbers, 7))
    rest, _ = feed.due(7 + SECOND_NS)

    assert len(out) == 8
    assert [type(event) for event in rest] == [MessageQuarantined]
    assert feed.quarantined == 1000


def test_bad_price_is_not_part_of_a_bar() -> None:
    feed = processor(WebSocketFeedConfig(name="main", url="ws://x", bars=BarsConfig(timeframes=("1m",))))
    feed.take("main", [message(1), message(2, 1e9), message(3)], [1, 2, 3], 7)

    out, _ = feed.due(MINUTE_NS)

    assert [event for event in out if isinstance(event, Bar)] == [
        Bar(MINUTE_NS, "A", "1m", 100.0, 100.0, 100.0, 100.0, 2.0, 0)
    ]


def test_standby_is_not_heard_until_the_feed_is_lost() -> None:
    feed = processor(MAIN, BACKUP)
    taken(feed, [1])

    assert taken(feed, [70], source="backup") == []
    feed.closed("main", "lost", 1)
    assert taken(feed, [71], source="backup") == [message(71)]


def test_messages_that_a_standby_sent_before_are_no_gap_when_it_takes_over() -> None:
    feed = processor(MAIN, BACKUP)
    taken(feed, [1])
    taken(feed, [70, 75], source="backup")
    feed.closed("main", "lost", 1)

    assert taken(feed, [76], source="backup") == [message(76)]


def test_first_message_of_a_source_that_takes_over_comes_after_the_news() -> None:
    feed = processor(MAIN, BACKUP)
    feed.closed("main", "lost", 1)

    out = taken(feed, [1], source="backup", now=2)

    assert out == [FeedStatusChanged(2, "main", True, False, "lost", "backup"), message(1)]


def test_source_that_sends_nonsense_alone_becomes_stale() -> None:
    feed = processor()
    taken(feed, [1])

    feed.take("main", [message(2, -1.0)], [2], 10 * SECOND_NS)
    out, again = feed.due(15 * SECOND_NS + 1)

    assert [event.is_stale for event in out if isinstance(event, FeedStatusChanged)] == [True]
    assert again == ["main"]


def test_source_that_counts_anew_may_begin_again() -> None:
    feed = processor(WebSocketFeedConfig(name="main", url="ws://x", counts_anew=True))
    taken(feed, [500])
    feed.closed("main", "lost", 1)
    feed.opened("main", 2)

    assert message(1) in taken(feed, [1], now=3)


def test_source_that_goes_on_counting_has_a_gap_after_a_lost_connection() -> None:
    feed = processor()
    taken(feed, [1])
    feed.closed("main", "lost", 1)
    feed.opened("main", 2)

    taken(feed, [5], now=3)

    assert FeedGapDetected(SECOND_NS, "A", "main", 1, 5) in feed.due(SECOND_NS)[0]


def test_messages_without_numbers_pass_in_the_order_of_their_arrival() -> None:
    feed = processor(WebSocketFeedConfig(name="main", url="ws://x", numbering=Numbering.NONE))
    events = [message(3), message(1), Quote(2, "A", 99.0, 101.0)]

    assert list(feed.take("main", events, (), 0)) == events


def test_message_that_cannot_be_read_is_put_on_record() -> None:
    assert list(processor().refuse("main", "{", "truncated", 5)) == [
        MessageQuarantined(5, "main", "truncated", "'{'")
    ]
