"""What a market event comes to at the venue: orders past their time end, then books or models are asked."""

from collections.abc import Callable
from typing import TypeVar

from brokers.simulated.book_matching import BookMatching
from brokers.simulated.expiry import Expiry
from brokers.simulated.fills.book import BooksView
from brokers.simulated.matching import Matching
from brokers.simulated.settlement import sweep
from brokers.simulated.state import SimulatedBrokerState
from kernel.events import Bar, BookDelta, BookSnapshot, ExecutionReport, Quote, Trade

TickT = TypeVar("TickT", Quote, Trade, BookSnapshot | BookDelta)


class Offers:
    """Offers market events to resting orders. Orders that are done stay in the state, with 0 leaves."""

    def __init__(
        self, matching: Matching, book_matching: BookMatching | None, *, books: BooksView, expiry: Expiry
    ) -> None:
        self._matching = matching
        self._book_matching = book_matching
        self._books = books
        self._expiry = expiry
        has_books = book_matching is not None
        self._match_bar = self._bar_without_book if has_books else matching.on_bar
        self._match_quote = self._quote_without_book if has_books else matching.on_quote
        self._match_trade = self._trade_or_book if has_books else matching.on_trade

    def on_bar(self, state: SimulatedBrokerState, bar: Bar) -> list[ExecutionReport]:
        """Offer a bar, unless the symbol's book said it already.

        It may be the last one for orders that waited for it past their time.
        """
        symbol = bar.symbol
        if symbol not in state.overdue:
            return self._match_bar(state, bar)
        reports = self._expiry.before_bar(state, bar)
        if not sweep(state, symbol):
            reports += self._match_bar(state, bar)
        return reports + self._expiry.after_bar(state, bar)

    def on_quote(self, state: SimulatedBrokerState, quote: Quote) -> list[ExecutionReport]:
        """Offer a quote, unless the symbol's book says more of the same."""
        if quote.symbol in state.overdue:
            return self._after_ending(state, quote, self._match_quote)
        return self._match_quote(state, quote)

    def on_trade(self, state: SimulatedBrokerState, trade: Trade) -> list[ExecutionReport]:
        """Offer a print."""
        if trade.symbol in state.overdue:
            return self._after_ending(state, trade, self._match_trade)
        return self._match_trade(state, trade)

    def on_book(self, state: SimulatedBrokerState, book: BookSnapshot | BookDelta) -> list[ExecutionReport]:
        """Offer a book."""
        if book.symbol in state.overdue:
            return self._after_ending(state, book, self._match_book)
        return self._match_book(state, book)

    def _bar_without_book(self, state: SimulatedBrokerState, bar: Bar) -> list[ExecutionReport]:
        return [] if self._books.is_kept(bar.symbol) else self._matching.on_bar(state, bar)

    def _quote_without_book(self, state: SimulatedBrokerState, quote: Quote) -> list[ExecutionReport]:
        return [] if self._books.is_kept(quote.symbol) else self._matching.on_quote(state, quote)

    def _trade_or_book(self, state: SimulatedBrokerState, trade: Trade) -> list[ExecutionReport]:
        if self._book_matching is not None and self._books.is_kept(trade.symbol):
            return self._book_matching.on_trade(state, trade)
        return self._matching.on_trade(state, trade)

    def _match_book(
        self, state: SimulatedBrokerState, book: BookSnapshot | BookDelta
    ) -> list[ExecutionReport]:
        assert self._book_matching is not None
        return self._book_matching.on_book(state, book)

    def _after_ending(
        self,
        state: SimulatedBrokerState,
        tick: TickT,
        match: Callable[[SimulatedBrokerState, TickT], list[ExecutionReport]],
    ) -> list[ExecutionReport]:
        """End the orders that waited for a bar past their time before the others see a tick."""
        reports = self._expiry.before_tick(state, tick)
        return reports if sweep(state, tick.symbol) else reports + match(state, tick)
