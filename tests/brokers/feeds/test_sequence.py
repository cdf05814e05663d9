"""Messages in the order of their source's numbers: gaps, duplicates, late ones."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from brokers.feeds.sequence import SequenceOrder
from kernel.events import Event, FeedFault, FeedGapDetected, Quote
from kernel.time_units import MS_NS
from kernel.timers import NEVER

HOLD_NS = 50 * MS_NS


def message(number: int, symbol: str = "A") -> Quote:
    """The quote with this number, which is also its bid."""
    return Quote(0, symbol, float(number), number + 1.0)


def source(*, by_symbol: bool = True, hold_ns: int = HOLD_NS, hold_limit: int = 10) -> SequenceOrder:
    return SequenceOrder("feed", by_symbol=by_symbol, hold_ns=hold_ns, hold_limit=hold_limit)


def taken(order: SequenceOrder, numbers: Sequence[int], *, now: int = 0) -> list[Event]:
    """What comes out when the messages with these numbers come in, in one frame."""
    return order.order([message(number) for number in numbers], numbers, now=now)


def test_messages_in_order_pass() -> None:
    assert taken(source(), [7, 8, 9]) == [message(7), message(8), message(9)]


def test_swapped_messages_are_put_in_order() -> None:
    order = source()

    assert taken(order, [1, 3]) == [message(1)]
    assert taken(order, [2, 4]) == [message(2), message(3), message(4)]


def test_gap_is_recorded_once_the_missing_ones_have_had_time_to_come() -> None:
    order = source()
    taken(order, [1, 4, 5], now=100)

    assert order.due_ts == 100 + HOLD_NS
    assert order.due(100 + HOLD_NS - 1) == []
    gap = FeedGapDetected(100 + HOLD_NS, "A", "feed", 1, 4)
    assert order.due(100 + HOLD_NS) == [gap, message(4), message(5)]
    assert order.due_ts == NEVER


def test_several_gaps_are_recorded_each() -> None:
    order = source()
    taken(order, [1, 3, 6])

    due = order.due(HOLD_NS)

    assert due == [
        FeedGapDetected(HOLD_NS, "A", "feed", 1, 3),
        message(3),
        FeedGapDetected(HOLD_NS, "A", "feed", 3, 6),
        message(6),
    ]


def test_gap_is_recorded_at_once_if_too_many_wait() -> None:
    order = source(hold_limit=2)

    assert taken(order, [1, 3, 4, 5]) == [
        message(1),
        FeedGapDetected(0, "A", "feed", 1, 3),
        message(3),
        message(4),
        message(5),
    ]


def test_without_a_hold_a_gap_is_recorded_at_once() -> None:
    order = source(hold_ns=0)

    assert taken(order, [1, 3]) == [message(1), FeedGapDetected(0, "A", "feed", 1, 3), message(3)]


def test_duplicates_are_ignored() -> None:
    order = source()

    assert taken(order, [1, 2, 2, 1, 3]) == [message(1), message(2), message(3)]
    assert order.ignored == [(FeedFault.DUPLICATE, "A", 2), (FeedFault.DUPLICATE, "A", 1)]


def test_waiting_message_that_comes_again_is_a_duplicate() -> None:
    order = source()
    taken(order, [1, 3, 3])

    assert order.ignored == [(FeedFault.DUPLICATE, "A", 3)]


def test_message_after_its_gap_was_recorded_is_late() -> None:
    order = source(hold_ns=0)
    taken(order, [1, 3])

    assert taken(order, [2]) == []
    assert order.ignored == [(FeedFault.LATE, "A", 2)]


def test_replayed_hour_is_ignored() -> None:
    order = source()
    hour = list(range(1, 1001))
    taken(order, hour)

    assert taken(order, [*hour, 1001]) == [message(1001)]
    assert len(order.ignored) == 1000


def test_numbers_of_symbols_are_apart() -> None:
    order = source()
    events = [message(1, "A"), message(1, "B"), message(2, "B"), message(2, "A")]

    assert order.order(events, [1, 1, 2, 2], now=0) == events


def test_numbers_of_a_whole_source_are_of_all_symbols() -> None:
    order = source(by_symbol=False, hold_ns=0)
    events = [message(1, "A"), message(2, "B"), message(4, "A")]

    assert order.order(events, [1, 2, 4], now=5)[2] == FeedGapDetected(5, "", "feed", 2, 4)


def test_source_that_counts_anew_has_no_gap() -> None:
    order = source()
    taken(order, [100])
    order.restart()

    assert taken(order, [1]) == [message(1)]


def test_skipped_messages_are_no_gap_later() -> None:
    order = source()
    taken(order, [1, 3])
    order.skip([message(9)], [9])

    assert taken(order, [10]) == [message(10)]
    assert order.due(HOLD_NS) == []


@given(st.lists(st.integers(1, 30), min_size=1, max_size=80), st.integers(0, 5))
def test_every_message_comes_out_at_most_once_in_order_with_the_gaps_named(
    numbers: list[int], hold_limit: int
) -> None:
    order = source(hold_limit=hold_limit)

    out = [event for number in numbers for event in taken(order, [number])] + order.due(HOLD_NS)

    delivered = [int(event.bid) for event in out if isinstance(event, Quote)]
    assert delivered == sorted(set(delivered))
    assert len(delivered) + len(order.ignored) == len(numbers)
    expected = numbers[0]
    for event in out:
        if isinstance(event, FeedGapDetected):
            assert (event.last_feed_seq, event.next_feed_seq) > (expected - 1, expected)
            expected = event.next_feed_seq
        else:
            assert isinstance(event, Quote)
            assert int(event.bid) == expected
            expected += 1
