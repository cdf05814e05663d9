"""Fills that a venue changed after the fact: the position becomes what it would have been.

The history of a position says what that is for its last fills (see ``history``). For an older one the old
fill is reversed and the new one booked: cash, quantity and total P&L are exact all the same, but which part
of the P&L is realised depends on what is held now, its commission stays, and a split since then is not
known of.
"""

from collections.abc import Sequence
from decimal import Decimal

from components.portfolio.books import Books, changed
from components.portfolio.history import Corrected, correct, signed_notional
from components.portfolio.position import Lot
from components.portfolio.state import Position
from kernel.events import Event, FillCorrected, Side
from kernel.identifiers import StrategyId

ONE = Decimal(1)


class Corrections:
    """Books corrected and busted fills."""

    def __init__(self, books: Books) -> None:
        self._books = books

    def on_correction(self, event: FillCorrected) -> Sequence[Event]:
        """Change position, P&L and cash by the difference; a bust takes the fill's commission back too."""
        books, strategy = self._books, event.strategy
        symbol, ratio = self._symbol_now(event.symbol)
        terms, position = books.terms(symbol), books.position(strategy, symbol)
        held, realised = position.quantity, position.realised_pnl
        sign = 1 if event.side is Side.BUY else -1
        history = position.history
        corrected = None if history is None else correct(history, event, books.method)
        if history is not None and corrected is not None:
            self._take(strategy, position, corrected)
            paid = signed_notional(corrected.new, history.multiplier)
            paid -= signed_notional(corrected.old, history.multiplier)
        else:
            old = sign * event.old_quantity * terms.unit_price(event.old_price)
            new = sign * event.quantity * terms.unit_price(event.price)
            books.method.add(position, Lot(-sign * event.old_quantity * ratio, -old))
            books.method.add(position, Lot(sign * event.quantity * ratio, new))
            position.history, paid = None, new - old
        books.settle(strategy, terms, paid=paid, realised=position.realised_pnl - realised)
        books.moved(strategy, symbol, position.quantity - held, held=position.quantity)
        return (changed(event.ts, strategy, symbol, position, fill_id=event.fill_id),)

    def _take(self, strategy: StrategyId, position: Position, corrected: Corrected) -> None:
        """Hold what would be held, at the commission that is left."""
        now, old, new = corrected.holding, corrected.old, corrected.new
        position.quantity, position.cost = now.quantity, now.cost
        position.realised_pnl, position.lots = now.realised_pnl, now.lots
        if new.commission != old.commission:
            self._books.charge(strategy, position, new.commission - old.commission, currency=old.currency)

    def _symbol_now(self, symbol: str) -> tuple[str, Decimal]:
        """What the symbol is called today, and today's units for one of then."""
        successors, ratio, seen = self._books.state.successors, ONE, {symbol}
        while (successor := successors.get(symbol)) is not None and successor.symbol not in seen:
            symbol, ratio = successor.symbol, ratio * successor.ratio
            seen.add(symbol)
        return symbol, ratio
