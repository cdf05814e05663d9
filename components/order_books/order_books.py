"""Builds order books from snapshots and deltas, and detects missing updates.

What it remembers: one book a symbol.

What changes it: a snapshot replaces a book, and a delta changes some of its levels. A delta names the updates
that it contains: those after ``previous_book_seq``, up to ``book_seq``. Compared with the book's own
``book_seq``:

- All its updates are in the book already: it is ignored.
- It begins at or before the book's last update: it is applied. Sizes are absolute, so an overlap does no
  harm.
- It begins later: updates are missing. The book is broken until the next snapshot, and ``FeedGapDetected`` of
  feed ``"book"`` is emitted. A feed that detects a gap itself posts this event as an input, with the same
  effect.
- ``book_seq`` is 0: the feed does not number its updates, and every delta is applied.

What never happens: ``book`` returns a broken or crossed book.
"""

from collections.abc import Iterable, Sequence

import msgspec

from components.order_books.book import Book
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import BookDelta, BookSnapshot, Event, FeedGapDetected

BOOK_FEED = "book"
"""The feed name in a ``FeedGapDetected`` about an order book."""


class OrderBooksState(msgspec.Struct):
    """Books by symbol."""

    books: dict[str, Book] = {}


class OrderBooks:
    """Keeps order books. ``symbols``: whose books; ``None`` for all, an empty set for no symbol."""

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
        """Replace the whole book, unless the snapshot is older than it by its number."""
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
        """Mark a book as broken when a feed reports missing updates."""
        book = self.state.books.get(gap.symbol)
        if book is not None and gap.feed == BOOK_FEED:
            book.is_broken = True

    # --- the view -----------------------------------------------------------------------------

    def book(self, symbol: str) -> Book | None:
        """The present book; ``None`` before its first snapshot, after a gap, and while it is crossed."""
        book = self.state.books.get(symbol)
        return None if book is None or book.is_broken or book.is_crossed else book

    def is_kept(self, symbol: str) -> bool:
        """Whether the symbol has had a book, even if the book is broken or crossed now."""
        return symbol in self.state.books
