"""What goes out to the venue, and what is held here first: submissions, cancels and replacements.

Right before every ``OrderSubmitted`` the gate is asked. An order that is held is cancelled or expires here
and now, and the orders that wait for one that has ended are sent or go with it.
"""

from collections.abc import Callable, Sequence

import msgspec

from components.orders.contingency import released_quantity
from components.orders.lifecycle import CANCELLABLE, TERMINAL
from components.orders.state import OrderEntry, OrdersState
from kernel.events import (
    GTD,
    PENDING,
    SUBMITTED,
    ApprovedOrder,
    CancelSubmitted,
    Event,
    HoldReason,
    InstrumentDefined,
    Order,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderHeld,
    OrderReplaced,
    OrderStatus,
    OrderSubmitted,
    ReplaceSubmitted,
    VenueFeature,
)

Emitted = list[Event]


class Outbox:
    """Sends orders and requests. See ``Orders`` for what it is given."""

    def __init__(
        self,
        state: OrdersState,
        *,
        gate: Callable[[Order], str],
        holds: Callable[[Order], bool],
        has: Callable[[VenueFeature], bool],
        instrument: Callable[[str], InstrumentDefined],
    ) -> None:
        self._state = state
        self._gate = gate
        self._holds = holds
        self._has = has
        self._instrument = instrument

    # --- orders -------------------------------------------------------------------------------

    def send_attached(self, ts: int, entry: OrderEntry) -> Emitted:
        """Hold an order whose parent works, or send it, or end it, as its parent did."""
        parent_id = entry.order.parent_id
        parent = self._state.entry_of(parent_id) if parent_id else None
        self._state.attach(entry, parent=None if parent is entry else parent)
        if not parent_id:
            return self.send(ts, entry)
        if parent is None or parent is entry:
            return self._cancel_held(ts, entry, reason=f"parent {parent_id} is no order")
        entry.status, entry.held = PENDING, HoldReason.PARENT
        if parent.status in TERMINAL:
            return self.after_end(ts, parent)
        return [OrderHeld(ts, entry.order, HoldReason.PARENT)]

    def send(self, ts: int, entry: OrderEntry) -> Emitted:
        """Give an order to the venue, or to emulation first."""
        order = entry.order
        if order.time_in_force is GTD and order.expire_ts <= ts:
            return self.expire_held(ts, entry)
        if self._holds(order):
            entry.status, entry.held = PENDING, HoldReason.EMULATED
            return [OrderHeld(ts, order, HoldReason.EMULATED)]
        return self.submit(ts, entry)

    def submit(self, ts: int, entry: OrderEntry) -> Emitted:
        """Give an order to the venue, if the gate lets it."""
        order = entry.order
        closed_by = self._gate(order)
        if closed_by:
            self._state.end_held(entry, OrderStatus.DENIED)
            denied = OrderDenied(ts, order, "trading_state", closed_by, "0", str(order.quantity))
            return [denied, *self.after_end(ts, entry)]
        entry.status, entry.held = SUBMITTED, None
        if order.group_id and not self._has(VenueFeature.OCO):
            order = msgspec.structs.replace(order, group_id="")
        return [OrderSubmitted(ts, order)]

    def after_end(self, ts: int, parent: OrderEntry) -> Emitted:
        """Send or cancel the orders that waited for one that has ended."""
        waiting = self._state.children_of(parent.order.client_order_id)
        self._state.children.pop(parent.order.client_order_id, None)
        events: Emitted = []
        for child in waiting:
            if child.held is HoldReason.PARENT:
                events += self._release(ts, child, parent=parent)
        return events

    def _release(self, ts: int, child: OrderEntry, *, parent: OrderEntry) -> Emitted:
        if not parent.filled_quantity:
            reason = f"parent {parent.order.client_order_id} is {parent.status.value}"
            return self._cancel_held(ts, child, reason=reason)
        lot_size = self._instrument(child.order.symbol).lot_size
        quantity = released_quantity(child, parent, lot_size=lot_size)
        if quantity <= 0:
            return self._cancel_held(ts, child, reason="its part of the parent is less than a lot")
        if quantity == child.order.quantity:
            return self.send(ts, child)
        child.order = msgspec.structs.replace(child.order, quantity=quantity)
        return [OrderReplaced(ts, child.order), *self.send(ts, child)]

    # --- requests -----------------------------------------------------------------------------

    def cancel(self, ts: int, entry: OrderEntry, *, reason: str) -> Sequence[Event]:
        """Ask the venue to cancel; a held order ends here and now, for ``reason``."""
        if entry.status is PENDING:
            return self._cancel_held(ts, entry, reason=reason)
        entry.status = OrderStatus.PENDING_CANCEL
        order = entry.order
        return (
            CancelSubmitted(ts, order.client_order_id, order.strategy, order.symbol, entry.broker_order_id),
        )

    def _cancel_held(self, ts: int, entry: OrderEntry, *, reason: str) -> Emitted:
        self._state.end_held(entry, OrderStatus.CANCELLED)
        order = entry.order
        cancelled = OrderCancelled(
            ts, order.client_order_id, order.strategy, order.symbol, order.quantity, reason
        )
        return [cancelled, *self.after_end(ts, entry)]

    def expire_held(self, ts: int, entry: OrderEntry) -> Emitted:
        """The time of an order is over before it was sent."""
        self._state.end_held(entry, OrderStatus.EXPIRED)
        order = entry.order
        reason = f"{order.time_in_force.value}: its time ran out before it was sent"
        expired = OrderExpired(
            ts, order.client_order_id, order.strategy, order.symbol, order.quantity, reason
        )
        return [expired, *self.after_end(ts, entry)]


def replacement(ts: int, entry: OrderEntry, order: ApprovedOrder) -> Event:
    """Ask the venue for new terms."""
    entry.status, entry.replacement = OrderStatus.PENDING_REPLACE, order
    return ReplaceSubmitted(ts, order, entry.broker_order_id)


def is_cancellable(entry: OrderEntry) -> bool:
    """Whether the venue can be asked to cancel, or the order is held here."""
    return entry.status is PENDING or entry.status in CANCELLABLE
