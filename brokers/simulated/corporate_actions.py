"""Corporate actions at the venue: they change its positions, trailing levels and orders.

The venue hears the action first. Then ``OrderAdjusted`` brings the new terms of each order, resting or in
flight, as ``components/orders`` decided them. Replacements that were in flight meanwhile are rejected on
arrival.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from brokers.simulated.requests import AnyRequest, Request
from brokers.simulated.resting import Resting, renew
from brokers.simulated.state import DEFAULT_TERMS, SimulatedBrokerState
from kernel.corporate_actions import (
    ONE,
    RESTATING,
    level_after,
    successor,
    terms_under_new_symbol,
    units_after,
    units_given,
)
from kernel.events import (
    ApprovedOrder,
    CancelSubmitted,
    CorporateAction,
    CorporateActionKind,
    InstrumentDefined,
    Order,
    OrderAdjusted,
    OrderSubmitted,
    ReplaceSubmitted,
)
from kernel.expiry import has_expired

INSTRUMENT_EXPIRED = "the instrument expired"
LESS_THAN_A_LOT = "a split leaves less than a lot"

_ZERO = Decimal(0)


class CorporateActions:
    """Changes the venue's state by corporate actions, and by what they make of orders."""

    def __init__(self, state: SimulatedBrokerState) -> None:
        self._state = state

    def apply(self, action: CorporateAction) -> None:
        """Scale, rename or drop the positions of strategies, and scale price levels.

        Positions keep whole lots: the back office pays for fractions.
        """
        symbol, new_symbol = action.symbol, successor(action)
        if action.kind in RESTATING:
            self._state.restated_ts[new_symbol] = action.ts
            self._scale_levels(symbol, ratio=action.ratio)
            if action.kind is CorporateActionKind.SYMBOL_CHANGE:
                self._rename(action)
            if action.ratio != ONE:
                lot_size = self._terms(new_symbol).lot_size
                self._state.requests.restate(symbol, ratio=action.ratio, lot_size=lot_size)
        if action.kind is CorporateActionKind.SPIN_OFF:
            self._give(action)
        elif action.kind is not CorporateActionKind.DIVIDEND:
            self._move(symbol, new_symbol, ratio=action.ratio)

    def leaving_nothing(self, orders: Sequence[Resting], action: CorporateAction) -> Sequence[Resting]:
        """The orders that have less than a lot left after an action."""
        if action.kind not in RESTATING:
            return ()
        ratio, lot_size = action.ratio, self._terms(successor(action)).lot_size
        return [one for one in orders if not units_after(one.leaves, ratio, lot_size=lot_size)]

    def is_expired(self, symbol: str, ts: int) -> bool:
        """Whether the instrument has expired."""
        return has_expired(self._terms(symbol).expiry_ts, ts)

    def adjust(self, event: OrderAdjusted) -> Sequence[str]:
        """Give an order its new terms. Returns the symbols whose resting orders changed."""
        order = event.order
        requests = self._state.requests
        requests.in_flight = [_adjusted(request, order) for request in requests.in_flight]
        for symbol, orders in self._state.resting.items():
            for place, resting in enumerate(orders):
                if resting.order.client_order_id != order.client_order_id:
                    continue
                fresh = renew(resting, order, resting.since_ts)
                if resting.is_trailing:
                    fresh.stop = resting.stop  # already scaled by the action itself
                if symbol == order.symbol:
                    orders[place] = fresh
                    return (symbol,)
                del orders[place]
                self._carry_over(symbol, order.symbol)
                self._state.resting.setdefault(order.symbol, []).append(fresh)
                return symbol, order.symbol
        return ()

    def _carry_over(self, symbol: str, new_symbol: str) -> None:
        """Mark the new symbol as overdue if the old one is; drop the old symbol's empty list of orders."""
        if symbol in self._state.overdue:
            self._state.overdue[new_symbol] = True
        if not self._state.resting[symbol]:
            del self._state.resting[symbol]
            self._state.overdue.pop(symbol, None)

    def _scale_levels(self, symbol: str, *, ratio: Decimal) -> None:
        for resting in self._state.resting.get(symbol, ()):
            if resting.is_trailing:
                resting.stop = level_after(resting.stop, ratio)
        known = self._state.spreads.get(symbol)
        if known is not None:
            known.close = level_after(known.close, ratio)

    def _rename(self, action: CorporateAction) -> None:
        """Give the new symbol the volatility of the old one, and its terms unless it has its own."""
        symbol, new_symbol = action.symbol, action.new_symbol
        old, new = self._state.instruments.get(symbol), self._state.instruments.get(new_symbol)
        terms = terms_under_new_symbol(action, old=old, new=new)
        if terms is not None:
            self._state.instruments[new_symbol] = terms
        known = self._state.spreads.pop(symbol, None)
        if known is not None:
            self._state.spreads[new_symbol] = known

    def _move(self, symbol: str, new_symbol: str, *, ratio: Decimal) -> None:
        """Move positions to the new symbol, in its lots. Without a new symbol they end."""
        for counted in (self._state.positions, self._state.shorts):
            held = counted.pop(symbol, None)
            if held is None or not new_symbol:
                continue
            lot_size = self._terms(new_symbol).lot_size
            target = counted.setdefault(new_symbol, {})
            for strategy, quantity in held.items():
                after = units_after(quantity, ratio, lot_size=lot_size)
                target[strategy] = target.get(strategy, _ZERO) + after

    def _give(self, action: CorporateAction) -> None:
        """Give every position the shares of a spin-off."""
        lot_size = self._terms(action.new_symbol).lot_size
        for counted in (self._state.positions, self._state.shorts):
            for strategy, quantity in counted.get(action.symbol, {}).items():
                given = units_given(quantity, action.ratio, lot_size=lot_size)
                if given:
                    target = counted.setdefault(action.new_symbol, {})
                    target[strategy] = target.get(strategy, _ZERO) + given

    def _terms(self, symbol: str) -> InstrumentDefined:
        return self._state.instruments.get(symbol, DEFAULT_TERMS)


def _adjusted(request: Request, order: Order) -> Request:
    """A request for this order, on its new terms; any other request unchanged."""
    event = request.event
    asked_for = event.client_order_id if isinstance(event, CancelSubmitted) else event.order.client_order_id
    if asked_for != order.client_order_id:
        return request
    adjusted: AnyRequest
    match event:
        case OrderSubmitted():
            adjusted = msgspec.structs.replace(event, order=ApprovedOrder.of(order))
        case ReplaceSubmitted():
            moved = msgspec.structs.replace(event.order, symbol=order.symbol)
            adjusted = msgspec.structs.replace(event, order=moved)
        case CancelSubmitted():
            adjusted = msgspec.structs.replace(event, symbol=order.symbol)
    return msgspec.structs.replace(request, event=adjusted)
