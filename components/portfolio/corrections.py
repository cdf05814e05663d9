"""Corrects and busts fills that are already booked.

After a bust the account is as if the fill had never happened; after a correction, as if the fill had been
right from the start. The result is in today's units and symbol, after all corporate actions since the fill.

- Cash is exact. The payment of the old fill is reversed, for a bust with its commission. If the position has
  been settled since (a delisting, an expiry), the payment of that settlement is corrected too.
- The quantity is exact. Every split since is computed again from the corrected position, in whole lots.
- Dividends, cash in lieu, fees and interest stay. Their payer reverses them with a ``CashMoved``.

Two ways, by the age of the fill:

- A recent fill is in the position's ``history``. All later bookings are computed again, so cost and realised
  P&L are exact.
- For an older fill, or a fill from before a merge of two positions, the old fill is reversed on the present
  position and the new one is booked. Total P&L is exact, but its realised part depends on the present
  position.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from components.portfolio.bookkeeping import Bookkeeping, position_changed
from components.portfolio.history import Corrected, correct
from components.portfolio.position import COST_QUANTUM, ZERO, Lot
from components.portfolio.state import Position, Restatement, Terms
from kernel.corporate_actions import units_after
from kernel.events import Event, FillCorrected, Side
from kernel.identifiers import StrategyId

NOTHING = Lot(ZERO, ZERO)


class Corrections:
    """Books the difference of corrected and busted fills."""

    def __init__(self, bookkeeping: Bookkeeping) -> None:
        self._bookkeeping = bookkeeping

    def on_correction(self, event: FillCorrected) -> Sequence[Event]:
        """Change position, P&L and cash by the difference. A bust returns the fill's commission too."""
        bookkeeping, strategy = self._bookkeeping, event.strategy
        filled_symbol = event.filled_symbol or event.symbol
        steps = self._steps_since(strategy, filled_symbol, event.actions_since)
        symbol = filled_symbol if not steps else steps[-1].new_symbol or steps[-1].symbol
        position = bookkeeping.position(strategy, symbol)
        held = position.quantity
        corrected = None if position.history is None else correct(position.history, event, bookkeeping.method)
        terms = bookkeeping.terms(filled_symbol)
        event = _in_money(event, terms)
        removed, booked = _lots(event, terms)
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
        return (
            position_changed(
                event.ts, strategy, symbol, position, fill_id=event.fill_id, side=bookkeeping.side
            ),
        )

    def _apply_rebooked(
        self, strategy: StrategyId, symbol: str, position: Position, corrected: Corrected
    ) -> None:
        """Set the position to its rebooked values, and correct cash and commission."""
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
        """Book a quantity in the units from before ``steps``, then apply the steps to it."""
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
        """A quantity and its cost after a corporate action; nothing if the action ended the position."""
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
        """The steps of the last ``count`` corporate actions for a position that was in ``symbol`` before."""
        state, steps = self._bookkeeping.state, list[Restatement]()
        for step in state.restated.get(strategy, ()):
            if step.action > state.action_count - count and step.symbol == symbol:
                steps.append(step)
                if not step.new_symbol:
                    break
                symbol = step.new_symbol
        return steps


def _in_money(event: FillCorrected, terms: Terms) -> FillCorrected:
    """The bust of a fill whose fee was taken in units, as one of the units delivered with a fee in money."""
    returned = event.commission_returned
    if not returned or event.currency != terms.fee_currency or event.side is not Side.BUY:
        return event
    return msgspec.structs.replace(
        event,
        old_quantity=event.old_quantity - returned,
        commission_returned=returned * event.old_price,
        currency=terms.currency,
    )


def _lots(event: FillCorrected, terms: Terms) -> tuple[Lot, Lot]:
    """The lot that reverses the old fill, and the lot of the new one."""
    old, new = event.old_quantity, event.quantity
    if event.side is Side.BUY:
        old = -old
    else:
        new = -new
    old_cost, cost = old * terms.unit_price(event.old_price), new * terms.unit_price(event.price)
    return Lot(old, old_cost), Lot(new, cost)


def _quantity_after(steps: Iterable[Restatement], quantity: Decimal) -> Decimal:
    """The change of the position after ``steps``, for a change by ``quantity`` before them.

    Each step then remembers the changed quantity as held.
    """
    for step in steps:
        held, step.held = step.held, step.held + quantity
        before = units_after(held, step.ratio, lot_size=step.lot_size)
        quantity = units_after(step.held, step.ratio, lot_size=step.lot_size) - before
    return quantity
