"""Order books: built from snapshots and deltas, trusted only while nothing is missing."""

from math import inf, nan

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.order_books.book import Book
from components.order_books.order_books import OrderBooks, OrderBooksState
from kernel.bus import EventBus
from kernel.events import Event, FeedGapDetected, Quote, Side
from kernel.state import put_fields
from strategies.sdk import (
    BookDelta,
    BookSnapshot,
    Decisions,
    Metadata,
    OrderBook,
    Strategy,
    StrategyParams,
    StrategyState,
)
from tests.components.book_events import Levels, delta, snapshot
from tests.components.sample_core import begin, core_with, hear

BIDS = ((99.0, 5.0), (98.0, 7.0), (97.0, 1.0))
ASKS = ((101.0, 3.0), (102.0, 4.0), (104.0, 8.0))


def books_after(*events: Event) -> OrderBooks:
    books, bus = OrderBooks(), EventBus()
    bus.register(books)
    bus.dispatch(events)
    return books


def book_after(*events: Event) -> Book:
    book = books_after(*events).book("A")
    assert book is not None
    return book


def test_a_snapshot_is_the_whole_book() -> None:
    book = book_after(snapshot(((50.0, 1.0),), ((60.0, 1.0),)), snapshot(BIDS, ASKS))

    assert tuple(book.bids()) == BIDS
    assert tuple(book.asks()) == ASKS


def test_a_delta_changes_adds_and_removes_levels() -> None:
    book = book_after(
        snapshot(BIDS, ASKS),
        delta(((98.0, 2.0), (99.0, 0.0), (98.5, 6.0)), ((100.5, 9.0), (102.0, 0.0), (250.0, 0.0))),
    )

    assert tuple(book.bids()) == ((98.5, 6.0), (98.0, 2.0), (97.0, 1.0))
    assert tuple(book.asks()) == ((100.5, 9.0), (101.0, 3.0), (104.0, 8.0))


def test_best_prices_and_what_follows_from_them() -> None:
    book = book_after(snapshot(BIDS, ASKS))

    assert (book.best_bid, book.bid_size, book.best_ask, book.ask_size) == (99.0, 5.0, 101.0, 3.0)
    assert (book.spread, book.mid) == (2.0, 100.0)
    assert book.microprice == (99.0 * 3.0 + 101.0 * 5.0) / 8.0


def test_an_empty_side_has_no_prices() -> None:
    book = book_after(snapshot(BIDS, ()))

    assert (book.best_ask, book.ask_size, book.spread, book.mid, book.microprice) == (
        None,
        0.0,
        None,
        None,
        None,
    )
    assert book.cost_to_fill(Side.BUY, 1.0) is None


def test_depth_counts_what_an_order_can_take_within_a_price() -> None:
    book = book_after(snapshot(BIDS, ASKS))

    assert [book.depth(Side.BUY, price) for price in (100.0, 101.0, 103.0, 200.0)] == [0.0, 3.0, 7.0, 15.0]
    assert [book.depth(Side.SELL, price) for price in (100.0, 99.0, 97.5, 1.0)] == [0.0, 5.0, 12.0, 13.0]


def test_the_cost_to_fill_is_the_average_of_the_levels_taken() -> None:
    book = book_after(snapshot(BIDS, ASKS))

    assert book.cost_to_fill(Side.BUY, 5.0) == (3 * 101.0 + 2 * 102.0) / 5
    assert book.cost_to_fill(Side.SELL, 12.0) == (5 * 99.0 + 7 * 98.0) / 12
    assert book.cost_to_fill(Side.SELL, 13.1) is None


@pytest.mark.parametrize("price", [nan, inf, -inf])
def test_a_price_that_is_none_makes_no_level(price: float) -> None:
    book = book_after(snapshot(((price, 1.0), *BIDS), ASKS), delta(((price, 2.0),), ((price, 2.0),)))

    assert (tuple(book.bids()), tuple(book.asks())) == (BIDS, ASKS)


@pytest.mark.parametrize("size", [nan, inf, -1.0])
def test_a_size_that_is_none_removes_its_level(size: float) -> None:
    book = book_after(snapshot(BIDS, ASKS), delta(((98.0, size),), ()))

    assert tuple(book.bids()) == (BIDS[0], BIDS[2])


def test_there_is_no_book_before_the_first_snapshot() -> None:
    books = books_after(delta(BIDS, ASKS, seq=5, previous=4))

    assert books.book("A") is None
    assert not books.is_kept("A")


def test_a_missing_update_breaks_the_book_and_is_said_once() -> None:
    books, bus = OrderBooks(), EventBus()
    bus.register(books)

    bus.dispatch([snapshot(BIDS, ASKS, seq=10)])
    bus.dispatch([delta((), ((101.0, 1.0),), seq=14, previous=12), delta((), (), seq=15, previous=14)])

    assert bus.take_derived().events == [FeedGapDetected(2, "A", "book", 10, 14)]
    assert books.book("A") is None
    assert books.is_kept("A")


def test_the_next_snapshot_mends_a_broken_book() -> None:
    book = book_after(
        snapshot(BIDS, ASKS, seq=10),
        delta((), (), seq=14, previous=12),
        snapshot(ASKS[:0], ASKS, seq=9, ts=3),
        delta(BIDS, (), seq=12, previous=8, ts=4),
    )

    assert tuple(book.bids()) == BIDS
    assert book.snapshot_count == 2


def test_updates_that_the_book_holds_already_are_passed_over() -> None:
    book = book_after(
        snapshot(BIDS, ASKS, seq=10),
        delta(((99.0, 0.0),), (), seq=10, previous=8),
        snapshot((), (), seq=9, ts=3),
    )

    assert tuple(book.bids()) == BIDS


def test_an_update_that_begins_inside_the_book_is_applied() -> None:
    book = book_after(snapshot(BIDS, ASKS, seq=10), delta(((99.0, 1.0),), (), seq=12, previous=8))

    assert (book.bid_size, book.book_seq) == (1.0, 12)


def test_a_feed_without_numbers_is_taken_as_it_comes() -> None:
    book = book_after(snapshot(BIDS, ASKS), delta(((99.0, 1.0),), ()), delta(((99.0, 2.0),), (), ts=3))

    assert book.bid_size == 2.0


def test_a_gap_that_the_feed_itself_reports_breaks_the_book() -> None:
    books = books_after(snapshot(BIDS, ASKS), FeedGapDetected(2, "A", "book", 1, 5))

    assert books.book("A") is None


def test_a_gap_of_another_feed_leaves_the_book_alone() -> None:
    books = books_after(snapshot(BIDS, ASKS), FeedGapDetected(2, "A", "trades", 1, 5))

    assert books.book("A") is not None


def test_a_crossed_book_is_no_book_until_it_uncrosses() -> None:
    books, bus = OrderBooks(), EventBus()
    bus.register(books)
    bus.dispatch([snapshot(BIDS, ASKS), delta(((103.0, 1.0),), ())])
    while_crossed = books.book("A")

    bus.dispatch([delta((), ((101.0, 0.0), (102.0, 0.0)), ts=3)])

    assert while_crossed is None
    assert books.book("A") is not None


def test_a_core_whose_strategies_need_no_books_hears_no_book_event() -> None:
    core = core_with({"s": Watcher()})

    hear(core, snapshot(BIDS, ASKS), Quote(2, "A", 99.0, 101.0))

    assert core.bus.components["order_books"].state == OrderBooksState()


prices = st.integers(90, 110).map(float)
changes = st.lists(st.tuples(prices, st.sampled_from([0.0, 1.0, 2.5])), max_size=8)


@given(st.lists(st.tuples(changes, changes), max_size=12), st.integers(0, 12))
def test_a_book_is_the_naive_fold_of_its_updates_whenever_it_was_saved(
    updates: list[tuple[Levels, Levels]], saved_at: int
) -> None:
    books = OrderBooks()
    books.on_snapshot(snapshot((), ()))
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    for number, (new_bids, new_asks) in enumerate(updates):
        if number == saved_at:
            saved = msgspec.msgpack.encode(books.state)
            books = OrderBooks()
            put_fields(books.state, msgspec.msgpack.decode(saved, type=OrderBooksState))
        books.on_delta(delta(new_bids, new_asks))
        for side, changed in ((bids, new_bids), (asks, new_asks)):
            for price, size in changed:
                if size:
                    side[price] = size
                else:
                    side.pop(price, None)

    book = books.state.books["A"]

    assert list(book.bids()) == sorted(bids.items(), reverse=True)
    assert list(book.asks()) == sorted(asks.items())


class Seen(StrategyState):
    mids: list[float | None] = msgspec.field(default_factory=list[float | None])


class Watcher(Strategy[StrategyParams, Seen]):
    """Notes the mid price of the book at every quote, if it can see a book at all."""

    def on_quote(self, quote: Quote) -> Decisions:
        book: OrderBook | None = self.ctx.book(quote.symbol)
        self.state.mids.append(None if book is None else book.mid)
        return None


class FeatureWatcher(Watcher):
    metadata = Metadata(name="feature_watcher", features=("book",))


class BookWatcher(Watcher):
    metadata = Metadata(name="book_watcher")

    def on_book(self, book: BookSnapshot | BookDelta) -> Decisions:
        seen = self.ctx.book(book.symbol)
        self.state.mids.append(None if seen is None else seen.mid)
        return None


@pytest.mark.parametrize("kind", [FeatureWatcher, BookWatcher])
def test_a_strategy_that_says_so_sees_the_book_as_of_now(kind: type[Watcher]) -> None:
    strategy = kind()
    core = core_with({"s": strategy})
    begin(core)

    hear(core, Quote(1, "A", 90.0, 91.0), snapshot(BIDS, ASKS, ts=2), Quote(3, "A", 90.0, 91.0))

    assert strategy.state.mids[0] is None
    assert strategy.state.mids[-1] == 100.0
