"""Offers an order book to the orders that rest in its symbol, one order after the other, as they arrived.

Unlike a bar or a print, a book is used up: what one order takes the next one no longer finds. So each
order is asked about, filled and settled before the next one is looked at. Once a symbol has a book, quotes
fill nothing in it (they say less of the same), and trades serve limit orders that rest.
"""

from decimal import Decimal

from brokers.simulated.fills.book import BookFill, BooksView, Consumed, OpenBook
from brokers.simulated.fills.port import TradeFill
from brokers.simulated.hours import TradingHours
from brokers.simulated.reports import cancelled, expired
from brokers.simulated.resting import AT_ONCE, ON_CLOSE, ON_OPEN, Resting
from brokers.simulated.settlement import Answer, Settlement
from brokers.simulated.state import SimulatedBrokerState
from kernel.events import BookDelta, BookSnapshot, ExecutionKind, ExecutionReport, InstrumentDefined, Trade

_FILL = ExecutionKind.FILL
_DEFAULT_TERMS = InstrumentDefined(0, "")
_ZERO = Decimal(0)


class BookMatching:
    """Asks the book model, level by level."""

    def __init__(
        self,
        fills: BookFill,
        trades: TradeFill,
        settlement: Settlement,
        *,
        books: BooksView,
        hours: TradingHours,
    ) -> None:
        self._fills = fills
        self._fill_on_trade = trades.fill
        self._settlement = settlement
        self._books = books
        self._hours = hours

    def on_book(self, state: SimulatedBrokerState, event: BookSnapshot | BookDelta) -> list[ExecutionReport]:
        """Offer the book as it is after ``event``, while it can be trusted and the venue is open."""
        symbol = event.symbol
        book = self._books.book(symbol)
        if book is None or not self._hours.is_open(symbol, event.ts):
            return []
        consumed = state.consumed.get(symbol)
        if consumed is None:
            consumed = state.consumed[symbol] = Consumed()
        lot = state.instruments.get(symbol, _DEFAULT_TERMS).lot_size
        open_book = OpenBook(book, consumed, lot=lot, ts=event.ts)
        reports: list[ExecutionReport] = []
        for resting in tuple(state.resting[symbol]):
            if resting.leaves:
                reports += self._offer(state, event, resting, open_book)
        return reports

    def on_trade(self, state: SimulatedBrokerState, trade: Trade) -> list[ExecutionReport]:
        """Offer a print to the limit orders that rest; the others wait for the book."""
        if not self._hours.is_open(trade.symbol, trade.ts):
            return []
        answers: list[Answer] = []
        for resting in state.resting[trade.symbol]:
            if resting.leaves and resting.is_posted and not resting.waits_for:
                price = self._fill_on_trade(resting, trade)
                if price is not None:
                    answers.append(Answer(resting, price, resting.is_triggered))
        return self._settlement.settle(state, trade, answers) if answers else []

    def _offer(
        self,
        state: SimulatedBrokerState,
        event: BookSnapshot | BookDelta,
        resting: Resting,
        book: OpenBook,
    ) -> list[ExecutionReport]:
        """Fill an order as far as the book goes, and end it if its instructions say so."""
        order = resting.order
        if order.order_type in ON_CLOSE or (order.order_type in ON_OPEN and event.ts < resting.due_ts):
            return []
        if order.post_only and not resting.is_posted:
            best = book.best(order.side)
            if best is not None and (best <= resting.limit if resting.is_buy else best >= resting.limit):
                self._settlement.end(state, resting)
                return [cancelled(event.ts, resting, "post-only, and it would have taken liquidity")]
            resting.is_posted = True
        reports = self._walk(state, event, resting, book)
        if resting.leaves and not resting.waits_for:
            if order.time_in_force in AT_ONCE:
                reason = f"{order.time_in_force.value}: not to be filled at once"
                reports.append(cancelled(event.ts, resting, reason))
            elif order.order_type in ON_OPEN:
                reports.append(expired(event.ts, resting, "not filled at the open"))
            else:
                return reports
            self._settlement.end(state, resting)
        return reports

    def _walk(
        self,
        state: SimulatedBrokerState,
        event: BookSnapshot | BookDelta,
        resting: Resting,
        book: OpenBook,
    ) -> list[ExecutionReport]:
        reports: list[ExecutionReport] = []
        order = resting.order
        while resting.leaves:
            was_triggered = resting.is_triggered
            price = self._fills.fill(resting, book)
            if price is None and resting.is_triggered is was_triggered:
                break
            settled = self._settlement.settle(state, event, [Answer(resting, price, was_triggered)])
            reports += settled
            filled = _filled(settled, resting)
            if not filled:
                break
            book.take(order.side, filled)
            if order.display_quantity is not None:
                break  # what it shows next stands behind the others
        return reports


def _filled(reports: list[ExecutionReport], resting: Resting) -> Decimal:
    """What these reports fill of the order."""
    key = resting.order.client_order_id
    return sum(
        (
            report.quantity
            for report in reports
            if report.kind is _FILL and report.client_order_id == key and report.quantity is not None
        ),
        _ZERO,
    )
