"""What companies do to positions. Cash that is paid for it (dividends, cash in lieu, the cash part of a
merger) is not booked here: it comes as ``CashMoved``.

Every strategy's position is rounded to whole lots on its own. The cost of a fraction that goes is realised
as a loss, against the cash that is paid for it; so are the costs of a position that a merger for cash ends.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal

from components.portfolio.books import Books, PriceView, changed
from components.portfolio.history import BookedRatio
from components.portfolio.position import COST_QUANTUM, ZERO, Lot
from components.portfolio.rates import rate_between
from components.portfolio.state import Position, Successor, Terms
from kernel.corporate_actions import is_void
from kernel.events import CorporateAction, CorporateActionKind, Event
from kernel.identifiers import StrategyId


class CorporateActions:
    """Changes positions as splits, mergers, symbol changes and delistings say."""

    def __init__(self, books: Books, prices: PriceView) -> None:
        self._books = books
        self._prices = prices

    def on_action(self, event: CorporateAction) -> Sequence[Event]:
        if is_void(event):
            return ()
        match event.kind:
            case CorporateActionKind.SPLIT:
                return tuple(self._split(event))
            case CorporateActionKind.MERGER | CorporateActionKind.SYMBOL_CHANGE:
                return tuple(self._become(event))
            case CorporateActionKind.DELISTING:
                return tuple(self._delist(event))
            case CorporateActionKind.DIVIDEND:
                return ()

    def _split(self, event: CorporateAction) -> Iterator[Event]:
        """``ratio`` new units for one old, in whole lots of the instrument's."""
        for strategy in tuple(self._books.state.holders.get(event.symbol, ())):
            position = self._books.position(strategy, event.symbol)
            self._scale(strategy, event.symbol, position, ratio=event.ratio, lots_of=event.symbol)
            yield changed(event.ts, strategy, event.symbol, position)

    def _become(self, event: CorporateAction) -> Iterator[Event]:
        """What is held of a symbol is held of another one from now on, at the same cost."""
        old, new = event.symbol, event.new_symbol
        ratio = event.ratio if new else ZERO
        self._expect_price(event)
        for strategy in tuple(self._books.state.holders.get(old, ())):
            position = self._books.position(strategy, old)
            self._scale(strategy, old, position, ratio=ratio, lots_of=new or old)
            if position.quantity:
                yield from self._move(event.ts, strategy, position, old=old, new=new)
            else:
                yield changed(event.ts, strategy, old, position)
        if new:
            self._books.state.successors[old] = Successor(new, ratio)

    def _delist(self, event: CorporateAction) -> Iterator[Event]:
        """Positions are closed at ``amount``, or at the last price, or at cost where there was never one.

        An ``amount`` of 0 is a price only beside a ``ratio`` of 0: an option that expires worthless.
        """
        books, symbol = self._books, event.symbol
        price = event.amount if event.amount or not event.ratio else self._last_price(symbol)
        for strategy in tuple(books.state.holders.get(symbol, ())):
            position = books.position(strategy, symbol)
            position.history = None
            quantity, cost = position.quantity, position.cost
            if price is None:
                books.method.add(position, Lot(-quantity, -cost))
                books.settle(strategy, books.terms(symbol), paid=-cost, realised=ZERO)
                books.moved(strategy, symbol, -quantity, held=ZERO)
            else:
                unit_price = books.terms(symbol).unit_price(price)
                books.trade(strategy, symbol, position, signed=-quantity, unit_price=unit_price)
            yield changed(event.ts, strategy, symbol, position)

    # --- parts --------------------------------------------------------------------------------

    def _scale(
        self, strategy: StrategyId, symbol: str, position: Position, *, ratio: Decimal, lots_of: str
    ) -> None:
        """New units for old, and what the fraction that goes had cost as a realised loss."""
        books, lot_size = self._books, self._prices.instrument(lots_of).lot_size
        if ratio == 1:
            return
        held, realised = position.quantity, position.realised_pnl
        books.method.scale(position, ratio, lot_size=lot_size)
        if position.history is not None:
            position.history.newer.append(BookedRatio(ratio, lot_size))
        books.settle(strategy, books.terms(symbol), paid=ZERO, realised=position.realised_pnl - realised)
        books.moved(strategy, symbol, position.quantity - held, held=position.quantity)

    def _move(
        self, ts: int, strategy: StrategyId, position: Position, *, old: str, new: str
    ) -> Iterator[Event]:
        """Hold under another symbol: the position as it is, or added to the one that is there."""
        books = self._books
        terms, new_terms, quantity = books.terms(old), books.terms(new), position.quantity
        positions = books.state.positions[strategy]
        is_alike = (terms.currency, terms.is_settled) == (new_terms.currency, new_terms.is_settled)
        if new not in positions and is_alike:
            positions[new] = positions.pop(old)
            left, target = Position(), positions[new]
        else:
            left, target = position, books.position(strategy, new)
            self._add(strategy, left, target, terms=terms, new_terms=new_terms)
        books.moved(strategy, old, -quantity, held=ZERO)
        books.moved(strategy, new, quantity, held=target.quantity)
        yield changed(ts, strategy, old, left)
        yield changed(ts, strategy, new, target)

    def _add(
        self, strategy: StrategyId, left: Position, target: Position, *, terms: Terms, new_terms: Terms
    ) -> None:
        """Move what is held into another position; its cost is converted where the currency changes."""
        books, realised, added = self._books, target.realised_pnl, ZERO
        rate = self._rate(terms.currency, new_terms.currency)
        for lot in left.lots or [Lot(left.quantity, left.cost)]:
            moved = lot if rate is None else Lot(lot.quantity, (lot.cost * rate).quantize(COST_QUANTUM))
            books.method.add(target, moved)
            added += moved.cost
        if not terms.is_settled:
            books.ledger(strategy, terms.currency).converted -= left.cost
        if not new_terms.is_settled:
            books.ledger(strategy, new_terms.currency).converted += added
        books.settle(strategy, new_terms, paid=ZERO, realised=target.realised_pnl - realised)
        left.quantity, left.cost, left.lots = ZERO, ZERO, []
        left.history = target.history = None

    def _rate(self, currency: str, into: str) -> Decimal | None:
        """``None``: nothing to convert, or no rate to do it at."""
        return None if currency == into else rate_between(self._books.state.rates, currency, into)

    def _expect_price(self, event: CorporateAction) -> None:
        """What the new symbol should trade at, until it does."""
        price = self._last_price(event.symbol)
        if price is None or not event.new_symbol or event.ratio <= 0:
            return
        expected = max(ZERO, (price - event.amount) / event.ratio).quantize(COST_QUANTUM)
        self._books.state.expected_prices[event.new_symbol] = expected

    def _last_price(self, symbol: str) -> Decimal | None:
        price = self._prices.last_price(symbol)
        return self._books.state.expected_prices.get(symbol) if price is None else Decimal(repr(price))
