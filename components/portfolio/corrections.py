"""Fills that a venue changed after the fact: the account becomes what it would have been.

A bust leaves the account as if the fill had never been, a correction as if it had been right at once, in
the units and under the symbol of today, whatever companies did in between:

- Cash is exact: what the fill paid comes back, with its commission if it is undone. Where the position was
  settled since (a delisting, an expiry), so does what was settled for it.
- The quantity is exact: every split since is done again with what would have been held, in whole lots.
- Cash that was paid for what was held (dividends, cash in lieu, fees, interest) is left. Who paid it takes it
  back, as ``CashMoved``.

Cost and realised P&L are those that the right fills would have made for the last fills of a position (see
``history``). For an older one, and for one from before two positions were put together, the old fill is
reversed on what is held now and the new one booked: total P&L is exact all the same, but how much of it is
realised depends on what is held now.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

from components.portfolio.bookkeeping import Bookkeeping, position_changed
from components.portfolio.history import Corrected, correct
from components.portfolio.position import COST_QUANTUM, ZERO, Lot
from components.portfolio.state import Position, Restatement
from kernel.corporate_actions import units_after
from kernel.events import Event, FillCorrected, Side
from kernel.identifiers import StrategyId

NOTHING = Lot(ZERO, ZERO)


class Corrections:
    """Books corrected and busted fills."""

    def __init__(self, bookkeeping: Bookkeeping) -> None:
        self._bookkeeping = bookkeeping

    def on_correction(self, event: FillCorrected) -> Sequence[Event]:
        """Change position, P&L and cash by the difference; a bust takes the fill's commission back too."""
        bookkeeping, strategy = self._bookkeeping, event.strategy
        filled_symbol = event.filled_symbol or event.symbol
        steps = self._steps_since(strategy, filled_symbol, event.actions_since)
        symbol = filled_symbol if not steps else steps[-1].new_symbol or steps[-1].symbol
        position = bookkeeping.position(strategy, symbol)
        held = position.quantity
        corrected = None if position.history is None else correct(position.history, event, bookkeeping.method)
        removed, booked = _lots(event, bookkeeping.terms(filled_symbol).multiplier)
        if corrected is not None:
            for lot in (removed, booked):
                _quantity_after(steps, lot.quantity)
            self._apply_rebooked(strategy, symbol, position, corrected)
        else:
            for lot in (removed, booked):
                self._book_in_old_units(strategy, filled_symbol, steps, lot, position=position)
            position.history = None
            if event.commission_returned:
                bookkeeping.charge(strategy, position, -event.commission_returned, currency=event.currency)
        bookkeeping.update_net(strategy, symbol, position.quantity - held, held=position.quantity)
        return (position_changed(event.ts, strategy, symbol, position, fill_id=event.fill_id),)

    def _apply_rebooked(
        self, strategy: StrategyId, symbol: str, position: Position, corrected: Corrected
    ) -> None:
        """Hold what would be held, at the commission that is left."""
        bookkeeping, now, old, new = self._bookkeeping, corrected.holding, corrected.old, corrected.new
        cost, realised = now.cost - position.cost, now.realised_pnl - position.realised_pnl
        position.quantity, position.cost = now.quantity, now.cost
        position.realised_pnl, position.lots = now.realised_pnl, now.lots
        bookkeeping.book_cash_and_pnl(
            strategy, bookkeeping.terms(symbol), paid=cost - realised, realised=realised
        )
        if new.commission != old.commission:
            bookkeeping.charge(strategy, position, new.commission - old.commission, currency=old.currency)

    def _book_in_old_units(
        self,
        strategy: StrategyId,
        symbol: str,
        steps: Iterable[Restatement],
        lot: Lot,
        *,
        position: Position,
    ) -> None:
        """Book a quantity at its cost as of before ``steps``; what they leave of it is held now."""
        bookkeeping = self._bookkeeping
        bookkeeping.book_cash_and_pnl(strategy, bookkeeping.terms(symbol), paid=lot.cost, realised=ZERO)
        for step in steps:
            lot, symbol = self._apply_step(strategy, step, lot), step.new_symbol or step.symbol
        realised = position.realised_pnl
        if lot.quantity:
            bookkeeping.method.add(position, lot)
        else:
            position.realised_pnl -= lot.cost
        bookkeeping.book_cash_and_pnl(
            strategy, bookkeeping.terms(symbol), paid=ZERO, realised=position.realised_pnl - realised
        )

    def _apply_step(self, strategy: StrategyId, step: Restatement, lot: Lot) -> Lot:
        """What a corporate action made of a quantity and its cost; where it ended the position, nothing."""
        bookkeeping, terms = self._bookkeeping, self._bookkeeping.terms(step.symbol)
        quantity = _quantity_after((step,), lot.quantity)
        if not step.new_symbol:
            proceeds = lot.cost if step.is_at_cost else lot.quantity * (step.unit_price or ZERO)
            realised = proceeds - lot.cost
            bookkeeping.position(strategy, step.symbol).realised_pnl += realised
            bookkeeping.book_cash_and_pnl(strategy, terms, paid=-proceeds, realised=realised)
            return NOTHING
        new_terms, cost = bookkeeping.terms(step.new_symbol), lot.cost
        if (terms.currency, terms.is_settled) != (new_terms.currency, new_terms.is_settled):
            cost = cost if step.rate is None else (cost * step.rate).quantize(COST_QUANTUM)
            if not terms.is_settled:
                bookkeeping.ledger(strategy, terms.currency).converted -= lot.cost
            if not new_terms.is_settled:
                bookkeeping.ledger(strategy, new_terms.currency).converted += cost
        return Lot(quantity, cost)

    def _steps_since(self, strategy: StrategyId, symbol: str, count: int) -> Sequence[Restatement]:
        """What the last ``count`` corporate actions did to a position that was in ``symbol`` before them."""
        state, steps = self._bookkeeping.state, list[Restatement]()
        for step in state.restated.get(strategy, ()):
            if step.action > state.action_count - count and step.symbol == symbol:
                steps.append(step)
                if not step.new_symbol:
                    break
                symbol = step.new_symbol
        return steps


def _lots(event: FillCorrected, multiplier: Decimal | None) -> tuple[Lot, Lot]:
    """What takes the old fill back, and the new one."""
    old, new = event.old_quantity, event.quantity
    if event.side is Side.BUY:
        old = -old
    else:
        new = -new
    factor = Decimal(1) if multiplier is None else multiplier
    return Lot(old, old * event.old_price * factor), Lot(new, new * event.price * factor)


def _quantity_after(steps: Iterable[Restatement], quantity: Decimal) -> Decimal:
    """What so much more, held before, makes of what is held after; each step remembers that it was held."""
    for step in steps:
        held, step.held = step.held, step.held + quantity
        before = units_after(held, step.ratio, lot_size=step.lot_size)
        quantity = units_after(step.held, step.ratio, lot_size=step.lot_size) - before
    return quantity
