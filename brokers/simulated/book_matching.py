"""Matches resting orders with order books, and with the trades of symbols that have a book.

Which events fill orders in a symbol that has had a book:

- The book, unless it is broken or crossed, and while the venue is open: every order, in order of arrival.
- Trades: resting limit orders. Other orders wait for the book.
- Quotes and bars: no order, because they contain less than the book.

A symbol without a book is matched in ``matching``.

Orders use up a book: a later order does not get the size that an earlier one took. So each order is matched
and filled, level by level, before the next order is matched (see ``fills.book``).
"""

from decimal import Decimal

from brokers.simulated.fill_sharing import FillSharing, Match
from brokers.simulated.fills.book import BookFill, BooksView, Consumed, OpenBook
from brokers.simulated.fills.port import TradeFill
from brokers.simulated.hours import TradingHours
from brokers.simulated.matching import Matching
from brokers.simulated.reports import INSTEAD_OF_TAKING, NOT_AT_OPEN, cancelled, expired, not_at_once
from brokers.simulated.resting import AT_ONCE, ON_CLOSE, ON_OPEN, Resting
from brokers.simulated.state import DEFAULT_TERMS, ZERO, SimulatedBrokerState
from kernel.events import FILL, Bar, BookDelta, BookSnapshot, ExecutionReport, Quote, Trade

Book = BookSnapshot | BookDelta


class BookMatching:
    """One method for each kind of market data, as ``Matching`` has them, and one for books."""

    def __init__(
        self,
        state: SimulatedBrokerState,
        fills: BookFill,
        trades: TradeFill,
        sharing: FillSharing,
        *,
        books: BooksView,
        hours: TradingHours,
        without_book: Matching,
    ) -> None:
        self._state = state
        self._fills = fills
        self._fill_on_trade = trades.fill
        self._sharing = sharing
        self._books = books
        self._hours = hours
        self._without_book = without_book

    def on_bar(self, bar: Bar) -> list[ExecutionReport]:
        """Match a bar, if its symbol has no book."""
        return [] if self._books.is_kept(bar.symbol) else self._without_book.on_bar(bar)

    def on_quote(self, quote: Quote) -> list[ExecutionReport]:
        """Match a quote, if its symbol has no book."""
        return [] if self._books.is_kept(quote.symbol) else self._without_book.on_quote(quote)

    def on_trade(self, trade: Trade) -> list[ExecutionReport]:
        """Match a trade with resting limit orders; without a book, with all orders."""
        if not self._books.is_kept(trade.symbol):
            return self._without_book.on_trade(trade)
        if not self._hours.is_open(trade.symbol, trade.ts):
            return []
        matches: list[Match] = []
        for resting in self._state.resting[trade.symbol]:
            if resting.leaves and resting.is_posted and not resting.waits_for:
                price = self._fill_on_trade(resting, trade)
                if price is not None:
                    matches.append(Match(resting, price, resting.is_triggered))
        return self._sharing.fill(trade, matches) if matches else []

    def on_book(self, event: Book) -> list[ExecutionReport]:
        """Match the orders of a symbol with its book after ``event``."""
        state, symbol = self._state, event.symbol
        book = self._books.book(symbol)
        if book is None or not self._hours.is_open(symbol, event.ts):
            return []
        consumed = state.consumed.get(symbol)
        if consumed is None:
            consumed = state.consumed[symbol] = Consumed()
        lot = state.instruments.get(symbol, DEFAULT_TERMS).lot_size
        open_book = OpenBook(book, consumed, lot=lot, ts=event.ts)
        reports: list[ExecutionReport] = []
        for resting in tuple(state.resting[symbol]):
            if resting.leaves:
                reports += self._match(event, resting, open_book)
        return reports

    def _match(self, event: Book, resting: Resting, book: OpenBook) -> list[ExecutionReport]:
        """Fill an order with the size in the book, and end it if its instructions require that."""
        order = resting.order
        if order.order_type in ON_CLOSE or (order.order_type in ON_OPEN and event.ts < resting.due_ts):
            return []
        if order.post_only and not resting.is_posted:
            best = book.best(order.side)
            if best is not None and (best <= resting.limit if resting.is_buy else best >= resting.limit):
                self._state.end(resting)
                return [cancelled(event.ts, resting, INSTEAD_OF_TAKING)]
            resting.is_posted = True
        reports = self._walk(event, resting, book)
        if resting.leaves and not resting.waits_for:
            if order.time_in_force in AT_ONCE:
                reports.append(cancelled(event.ts, resting, not_at_once(order.time_in_force)))
            elif order.order_type in ON_OPEN:
                reports.append(expired(event.ts, resting, NOT_AT_OPEN))
            else:
                return reports
            self._state.end(resting)
        return reports

    def _walk(self, event: Book, resting: Resting, book: OpenBook) -> list[ExecutionReport]:
        """Fill an order level by level. An iceberg takes one level, then the next order is matched."""
        reports: list[ExecutionReport] = []
        order = resting.order
        while resting.leaves:
            was_triggered = resting.is_triggered
            price = self._fills.fill(resting, book)
            if price is None and resting.is_triggered is was_triggered:
                break
            filled = self._sharing.fill(event, [Match(resting, price, was_triggered)])
            reports += filled
            quantity = _quantity_filled(filled, resting)
            if not quantity:
                break
            book.take(order.side, quantity)
            if order.display_quantity is not None:
                break
        return reports


def _quantity_filled(reports: list[ExecutionReport], resting: Resting) -> Decimal:
    """The quantity of the order that these reports fill."""
    key = resting.order.client_order_id
    return sum(
        (
            report.quantity
            for report in reports
            if report.kind is FILL and report.client_order_id == key and report.quantity is not None
        ),
        ZERO,
    )
