"""Builds order books from snapshots and deltas, and says when a book cannot be trusted.

A delta says which updates it covers: those after ``previous_book_seq`` up to ``book_seq``. One that the
book already holds is passed over; one that begins within or at the end of what the book holds is applied
(sizes are absolute, so an overlap does no harm); one that begins later leaves a gap. Then the book is
broken until the next snapshot, and ``FeedGapDetected`` of feed ``"book"`` says so. A feed that knows by
itself that it skipped something posts that event as an input, to the same effect. Where ``book_seq`` is 0
the feed does not number its updates and every one is applied.
"""

from collections.abc import Iterable, Sequence

import msgspec

from components.order_books.book import Book
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import BookDelta, BookSnapshot, Event, FeedGapDetected

BOOK_FEED = "book"
"""The feed that a ``FeedGapDetected`` about an order book names."""


class OrderBooksState(msgspec.Struct):
    """Books by symbol."""

    books: dict[str, Book] = {}


class OrderBooks:
    """Keeps the order books of ``symbols``, of every symbol for ``None``, of none for an empty set."""

    name = "order_books"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self, *, symbols: frozenset[str] | None = None) -> None:
        self.state = OrderBooksState()
        self._symbols = symbols

    def subscriptions(self) -> Iterable[Subscription]:
        if self._symbols is None or self._symbols:
            yield Subscription(BookSnapshot, self.on_snapshot, self._symbols)
            yield Subscription(BookDelta, self.on_delta, self._symbols)
            yield Subscription(FeedGapDetected, self.on_gap)

    def on_snapshot(self, snapshot: BookSnapshot) -> None:
        """A whole book. One that is older than the present book, by its number, says nothing new."""
        book = self.state.books.get(snapshot.symbol)
        if book is None:
            book = self.state.books[snapshot.symbol] = Book(snapshot.symbol)
        elif 0 < snapshot.book_seq < book.book_seq and not book.is_broken:
            return
        book.bid_side.replace(snapshot.bids)
        book.ask_side.replace(snapshot.asks)
        book.book_seq = snapshot.book_seq
        book.snapshot_count += 1
        book.is_broken = False

    def on_delta(self, delta: BookDelta) -> Sequence[Event] | None:
        book = self.state.books.get(delta.symbol)
        if book is None or book.is_broken:
            return None
        if delta.book_seq:
            known = book.book_seq
            if delta.book_seq <= known:
                return None
            if delta.previous_book_seq > known > 0:
                book.is_broken = True
                return (FeedGapDetected(delta.ts, delta.symbol, BOOK_FEED, known, delta.book_seq),)
            book.book_seq = delta.book_seq
        book.bid_side.apply(delta.bids)
        book.ask_side.apply(delta.asks)
        return None

    def on_gap(self, gap: FeedGapDetected) -> None:
        """A feed says that it skipped updates."""
        book = self.state.books.get(gap.symbol)
        if book is not None and gap.feed == BOOK_FEED:
            book.is_broken = True

    # --- the view -----------------------------------------------------------------------------

    def book(self, symbol: str) -> Book | None:
        """The book as of now; ``None`` before its first snapshot, after a gap and while it is crossed."""
        book = self.state.books.get(symbol)
        return None if book is None or book.is_broken or book.is_crossed else book

    def is_kept(self, symbol: str) -> bool:
        """Whether the symbol has had a book, even if it cannot be trusted now."""
        return symbol in self.state.books
