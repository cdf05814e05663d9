"""Applies splits, mergers, symbol changes, delistings and spin-offs to positions.

Cash from corporate actions (dividends, cash in lieu, the cash part of a merger) is not booked here: it
arrives as ``CashMoved``.

The position of each strategy is rounded to whole lots by itself. The cost of a removed fraction is realised
here as a loss, and its cash in lieu as a gain when it arrives: it was sold for the cash. The same holds for
the whole cost of a position that a cash merger ends.

Flat positions are restated and renamed too, because a fill from before the action may still be corrected (see
``corrections``). They make no event.
"""

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import chain

from components.portfolio.bookkeeping import ONE, Bookkeeping, PriceView, position_changed
from components.portfolio.history import Booked, BookedEnd, BookedRatio, settle_at
from components.portfolio.position import COST_QUANTUM, ZERO, Lot, release_cost
from components.portfolio.rates import rate_between
from components.portfolio.state import PortfolioState, Position, Restatement, Terms
from kernel.corporate_actions import (
    changes_holdings,
    is_void,
    named_price,
    successor,
    successor_price,
    units_given,
)
from kernel.events import CorporateAction, CorporateActionKind, Event
from kernel.identifiers import StrategyId
from kernel.rules import FIRST_RULES, RULES

_EXCHANGES = frozenset({CorporateActionKind.MERGER, CorporateActionKind.SYMBOL_CHANGE})


class CorporateActions:
    """Applies corporate actions to the positions of one book, or in hedging mode of two (``hedging``)."""

    def __init__(
        self, state: PortfolioState, books: Sequence[Bookkeeping], prices: PriceView, *, rules: int = RULES
    ) -> None:
        self._state = state
        self._prices = prices
        self._is_first = rules == FIRST_RULES
        self._renew_terms = books[0].renew_terms
        self._books = tuple(BookActions(book, prices, rules=rules) for book in books)

    def on_action(self, event: CorporateAction) -> Sequence[Event]:
        if event.kind is CorporateActionKind.SPIN_OFF and not is_void(event):
            return tuple(chain.from_iterable(book.spin_off(event) for book in self._books))
        if not changes_holdings(event):
            return ()
        self._state.action_count += 1
        if event.kind in _EXCHANGES:
            self._expect_price(event)
            if event.new_symbol and not self._is_first:
                self._renew_terms(event.new_symbol)
        events = tuple(chain.from_iterable(book.apply(event) for book in self._books))
        expected, symbol = self._state.expected_prices, event.symbol
        if event.kind is CorporateActionKind.SPLIT and symbol in expected:
            expected[symbol] = (expected[symbol] / event.ratio).quantize(COST_QUANTUM)
        return events

    def _expect_price(self, event: CorporateAction) -> None:
        """Keep an expected price for the new symbol until it has traded."""
        expected_prices, symbol = self._state.expected_prices, event.symbol
        price = _last_price(self._prices, expected_prices, symbol)
        expected_prices.pop(symbol, None)
        new = successor(event)
        if price is not None and new:
            expected_prices[new] = successor_price(event, price).quantize(COST_QUANTUM)


class BookActions:
    """Applies corporate actions to the positions of one book."""

    def __init__(self, bookkeeping: Bookkeeping, prices: PriceView, *, rules: int) -> None:
        self._rules = rules
        self._bookkeeping = bookkeeping
        self._prices = prices

    def apply(self, event: CorporateAction) -> Iterator[Event]:
        """Apply an action that changes holdings."""
        match event.kind:
            case CorporateActionKind.SPLIT:
                return self._split(event)
            case CorporateActionKind.MERGER | CorporateActionKind.SYMBOL_CHANGE:
                return self._exchange(event)
            case CorporateActionKind.DELISTING:
                return self._delist(event)
            case CorporateActionKind.DIVIDEND | CorporateActionKind.SPIN_OFF:
                return iter(())  # changes no holding

    def _split(self, event: CorporateAction) -> Iterator[Event]:
        """Replace one old unit by ``ratio`` new ones, in whole lots."""
        symbol = event.symbol
        for strategy, position in self._positions_in(symbol):
            was_held = bool(position.quantity)
            self._scale(strategy, position, old=symbol, new=symbol, ratio=event.ratio)
            if was_held:
                yield self._changed(event.ts, strategy, symbol, position)

    def _exchange(self, event: CorporateAction) -> Iterator[Event]:
        """Exchange positions in a symbol for positions in its successor, at the same cost."""
        old, new = event.symbol, successor(event)
        ratio = event.ratio if new else ZERO
        for strategy, position in self._positions_in(old):
            was_held = bool(position.quantity)
            self._scale(strategy, position, old=old, new=new, ratio=ratio)
            if position.quantity:
                yield from self._move(event.ts, strategy, position, old=old, new=new)
                continue
            if was_held:
                yield self._changed(event.ts, strategy, old, position)
            if new and self._can_be_renamed(strategy, old=old, new=new):
                positions = self._bookkeeping.state.positions[strategy]
                positions[new] = positions.pop(old)

    def _delist(self, event: CorporateAction) -> Iterator[Event]:
        """Close positions at the price of the event, else the last price, else at cost."""
        bookkeeping, symbol = self._bookkeeping, event.symbol
        for strategy, position in self._positions_in(symbol):
            terms = bookkeeping.terms(symbol)
            price = self._closing_price(event, terms)
            unit_price = None if price is None else terms.unit_price(price)
            quantity, cost, realised = position.quantity, position.cost, position.realised_pnl
            self._remember(
                Restatement(
                    bookkeeping.state.action_count,
                    symbol,
                    "",
                    quantity,
                    ZERO,
                    ONE,
                    unit_price=unit_price,
                    is_at_cost=price is None,
                ),
                strategy,
                position,
                booked=BookedEnd(unit_price),
            )
            if not quantity:
                continue
            settle_at(position, unit_price, method=bookkeeping.method)
            paid = -cost if unit_price is None else -quantity * unit_price
            bookkeeping.book_cash_and_pnl(
                strategy, terms, paid=paid, realised=position.realised_pnl - realised
            )
            bookkeeping.update_net(strategy, symbol, -quantity, held=ZERO)
            yield self._changed(event.ts, strategy, symbol, position)

    def _closing_price(self, event: CorporateAction, terms: Terms) -> Decimal | None:
        """The price of a delisting in the position's currency; at par if no rate is known."""
        price = named_price(event)
        if price is None:
            return _last_price(self._prices, self._bookkeeping.state.expected_prices, event.symbol)
        if event.currency in ("", terms.currency) or self._rules <= FIRST_RULES:
            return price
        rate = rate_between(self._bookkeeping.state.rates, event.currency, terms.currency)
        return price if rate is None else (price * rate).quantize(COST_QUANTUM)

    def spin_off(self, event: CorporateAction) -> Iterator[Event]:
        """Give open positions ``ratio`` new units per unit, with ``cost_fraction`` of their cost.

        Without a fraction, or if the new units are booked in another way, the new units cost nothing.
        """
        old, new = event.symbol, event.new_symbol
        lot_size = self._prices.instrument(new).lot_size
        is_split = event.cost_fraction > 0 and self._has_same_terms(old, new)
        for strategy, position in self._positions_in(old):
            given = units_given(position.quantity, event.ratio, lot_size=lot_size)
            if not given:
                continue
            moved = release_cost(position, event.cost_fraction) if is_split else ZERO
            if moved:
                position.history = None
                yield self._changed(event.ts, strategy, old, position)
            yield self._add(event.ts, strategy, new, Lot(given, moved))

    # --- parts --------------------------------------------------------------------------------

    def _add(self, ts: int, strategy: StrategyId, symbol: str, lot: Lot) -> Event:
        """Add a lot that came without a fill. Against an opposite position it closes units."""
        bookkeeping = self._bookkeeping
        position, terms = bookkeeping.position(strategy, symbol), bookkeeping.terms(symbol)
        realised = position.realised_pnl
        bookkeeping.method.add(position, lot)
        bookkeeping.book_cash_and_pnl(strategy, terms, paid=ZERO, realised=position.realised_pnl - realised)
        position.history = None
        bookkeeping.update_net(strategy, symbol, lot.quantity, held=position.quantity)
        return self._changed(ts, strategy, symbol, position)

    def _positions_in(self, symbol: str) -> Sequence[tuple[StrategyId, Position]]:
        """Every position in a symbol: open ones in order of opening, then flat ones."""
        state = self._bookkeeping.state
        holders = tuple(state.holders.get(symbol, ()))
        flat = [
            name for name, positions in state.positions.items() if symbol in positions and name not in holders
        ]
        return [(name, state.positions[name][symbol]) for name in (*holders, *flat)]

    def _scale(self, strategy: StrategyId, position: Position, *, old: str, new: str, ratio: Decimal) -> None:
        """Exchange old units for new ones; the cost of a removed fraction is a realised loss.

        ``new``: the symbol of the new units; empty if the position ends.
        """
        bookkeeping, lot_size = self._bookkeeping, self._prices.instrument(new or old).lot_size
        held, realised = position.quantity, position.realised_pnl
        step = Restatement(bookkeeping.state.action_count, old, new, held, ratio, lot_size)
        if new and not self._has_same_terms(old, new):
            step.rate = self._rate(bookkeeping.terms(old).currency, bookkeeping.terms(new).currency)
        self._remember(step, strategy, position, booked=None if ratio == 1 else BookedRatio(ratio, lot_size))
        if ratio == 1 or not held:
            return
        bookkeeping.method.scale(position, ratio, lot_size=lot_size)
        bookkeeping.book_cash_and_pnl(
            strategy, bookkeeping.terms(old), paid=ZERO, realised=position.realised_pnl - realised
        )
        bookkeeping.update_net(strategy, old, position.quantity - held, held=position.quantity)

    def _remember(
        self, step: Restatement, strategy: StrategyId, position: Position, *, booked: Booked | None
    ) -> None:
        """Remember one step, for corrections of earlier fills."""
        self._bookkeeping.state.restated.setdefault(strategy, []).append(step)
        if booked is not None and position.history is not None:
            position.history.newer.append(booked)

    def _has_same_terms(self, old: str, new: str) -> bool:
        """Whether positions in both symbols are booked in the same way."""
        terms, new_terms = self._bookkeeping.terms(old), self._bookkeeping.terms(new)
        same = (terms.currency, terms.is_settled, terms.is_inverse)
        return same == (new_terms.currency, new_terms.is_settled, new_terms.is_inverse)

    def _can_be_renamed(self, strategy: StrategyId, *, old: str, new: str) -> bool:
        """Whether a position can be renamed as it is; otherwise it is merged into the one in ``new``."""
        return new not in self._bookkeeping.state.positions[strategy] and self._has_same_terms(old, new)

    def _move(
        self, ts: int, strategy: StrategyId, position: Position, *, old: str, new: str
    ) -> Iterator[Event]:
        """Move a position to another symbol: rename it, or merge it into the one that exists there."""
        bookkeeping = self._bookkeeping
        terms, new_terms, quantity = bookkeeping.terms(old), bookkeeping.terms(new), position.quantity
        positions = bookkeeping.state.positions[strategy]
        if self._can_be_renamed(strategy, old=old, new=new):
            positions[new] = positions.pop(old)
            left, target = Position(), positions[new]
        else:
            left, target = position, bookkeeping.position(strategy, new)
            self._merge(strategy, left, target, terms=terms, new_terms=new_terms)
        bookkeeping.update_net(strategy, old, -quantity, held=ZERO)
        bookkeeping.update_net(strategy, new, quantity, held=target.quantity)
        yield self._changed(ts, strategy, old, left)
        yield self._changed(ts, strategy, new, target)

    def _merge(
        self, strategy: StrategyId, left: Position, target: Position, *, terms: Terms, new_terms: Terms
    ) -> None:
        """Merge ``left`` into ``target``. Its cost is converted if the currency changes."""
        bookkeeping, realised, added = self._bookkeeping, target.realised_pnl, ZERO
        rate = self._rate(terms.currency, new_terms.currency)
        for lot in left.lots or [Lot(left.quantity, left.cost)]:
            moved = lot if rate is None else Lot(lot.quantity, (lot.cost * rate).quantize(COST_QUANTUM))
            bookkeeping.method.add(target, moved)
            added += moved.cost
        if not terms.is_settled:
            bookkeeping.ledger(strategy, terms.currency).converted -= left.cost
        if not new_terms.is_settled:
            bookkeeping.ledger(strategy, new_terms.currency).converted += added
        bookkeeping.book_cash_and_pnl(strategy, new_terms, paid=ZERO, realised=target.realised_pnl - realised)
        left.quantity, left.cost, left.lots = ZERO, ZERO, []
        left.history = target.history = None

    def _rate(self, currency: str, into: str) -> Decimal | None:
        """The rate; ``None`` if the currencies are the same or no rate is known."""
        return None if currency == into else rate_between(self._bookkeeping.state.rates, currency, into)

    def _changed(self, ts: int, strategy: StrategyId, symbol: str, position: Position) -> Event:
        return position_changed(ts, strategy, symbol, position, side=self._bookkeeping.side)


def _last_price(prices: PriceView, expected: Mapping[str, Decimal], symbol: str) -> Decimal | None:
    price = prices.last_price(symbol)
    return expected.get(symbol) if price is None else Decimal(repr(price))
