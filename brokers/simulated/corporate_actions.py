"""Corporate actions at the venue: they change its positions, trailing levels and orders.

The venue hears the action first. Then ``OrderAdjusted`` brings the new terms of each order, resting or in
flight, as ``components/orders`` decided them. Replacements that were in flight meanwhile are rejected on
arrival.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from brokers.simulated.requests import AnyRequest, Request
from brokers.simulated.resting import renew
from brokers.simulated.state import SimulatedBrokerState
from kernel.corporate_actions import whole_lots
from kernel.events import (
    ApprovedOrder,
    CancelSubmitted,
    CorporateAction,
    CorporateActionKind,
    Order,
    OrderAdjusted,
    OrderSubmitted,
    ReplaceSubmitted,
)

ENDING = frozenset({CorporateActionKind.MERGER, CorporateActionKind.DELISTING})
"""Actions that end the instrument."""

INSTRUMENT_EXPIRED = "the instrument expired"

_ZERO = Decimal(0)
_ONE = Decimal(1)


def apply_action(state: SimulatedBrokerState, action: CorporateAction) -> None:
    """Scale, rename or drop the positions of strategies, and scale price levels.

    Positions keep whole lots: the back office pays for fractions.
    """
    match action.kind:
        case CorporateActionKind.SPLIT | CorporateActionKind.SYMBOL_CHANGE:
            state.restated_ts[action.new_symbol or action.symbol] = action.ts
            _scale_levels(state, action.symbol, ratio=float(action.ratio))
            if action.ratio != _ONE:
                lot_size = _lot_size(state, action.symbol)
                state.requests.restate(action.symbol, ratio=action.ratio, lot_size=lot_size)
            if action.kind is CorporateActionKind.SYMBOL_CHANGE:
                _rename(state, action.symbol, action.new_symbol)
            _move(state, action.symbol, action.new_symbol or action.symbol, ratio=action.ratio)
        case CorporateActionKind.MERGER if action.new_symbol:
            _move(state, action.symbol, action.new_symbol, ratio=action.ratio)
        case CorporateActionKind.MERGER | CorporateActionKind.DELISTING:
            state.positions.pop(action.symbol, None)
        case CorporateActionKind.DIVIDEND:
            pass


def has_expired(state: SimulatedBrokerState, symbol: str, ts: int) -> bool:
    """Whether the last moment at which the instrument trades is over."""
    terms = state.instruments.get(symbol)
    return terms is not None and 0 < terms.expiry_ts < ts


def adjust(state: SimulatedBrokerState, event: OrderAdjusted) -> Sequence[str]:
    """Give an order its new terms. Returns the symbols whose resting orders changed."""
    order = event.order
    requests = state.requests
    requests.in_flight = [_adjusted(request, order) for request in requests.in_flight]
    for symbol, orders in state.resting.items():
        for place, resting in enumerate(orders):
            if resting.order.client_order_id != order.client_order_id:
                continue
            fresh = renew(resting, order, resting.since_ts)
            if resting.is_trailing:
                fresh.stop = resting.stop  # scaled when the action came
            if symbol == order.symbol:
                orders[place] = fresh
                return (symbol,)
            del orders[place]
            _carry_over(state, symbol, order.symbol)
            state.resting.setdefault(order.symbol, []).append(fresh)
            return symbol, order.symbol
    return ()


def _carry_over(state: SimulatedBrokerState, symbol: str, new_symbol: str) -> None:
    """Move what an order waits for from its old symbol to its new one, and drop an empty list of orders."""
    if symbol in state.overdue:
        state.overdue[new_symbol] = True
    if not state.resting[symbol]:
        del state.resting[symbol]
        state.overdue.pop(symbol, None)


def _adjusted(request: Request, order: Order) -> Request:
    """A request for this order under its new terms; any other as it is."""
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


def _scale_levels(state: SimulatedBrokerState, symbol: str, *, ratio: float) -> None:
    for resting in state.resting.get(symbol, ()):
        if resting.is_trailing:
            resting.stop /= ratio
    known = state.spreads.get(symbol)
    if known is not None:
        known.close /= ratio


def _rename(state: SimulatedBrokerState, symbol: str, new_symbol: str) -> None:
    """Give the new symbol the terms of the old one, unless it has terms, and the old one's volatility."""
    terms = state.instruments.get(symbol)
    if terms is not None and new_symbol not in state.instruments:
        state.instruments[new_symbol] = msgspec.structs.replace(terms, symbol=new_symbol)
    known = state.spreads.pop(symbol, None)
    if known is not None:
        state.spreads[new_symbol] = known


def _move(state: SimulatedBrokerState, symbol: str, new_symbol: str, *, ratio: Decimal) -> None:
    lot_size = _lot_size(state, new_symbol if new_symbol in state.instruments else symbol)
    held = state.positions.pop(symbol, None)
    if held is None:
        return
    target = state.positions.setdefault(new_symbol, {})
    for strategy, quantity in held.items():
        target[strategy] = target.get(strategy, _ZERO) + whole_lots(quantity * ratio, lot_size)


def _lot_size(state: SimulatedBrokerState, symbol: str) -> Decimal:
    terms = state.instruments.get(symbol)
    return _ONE if terms is None else terms.lot_size
