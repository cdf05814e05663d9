"""Sends submissions, cancels and replacements to the venue, or holds orders first.

The gate is asked right before every ``OrderSubmitted``. A held order is cancelled or expires here at once.
When an order ends, its children are sent or cancelled.
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
    """Sends orders and requests. See ``Orders`` for its arguments."""

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
        """Hold, send or cancel a new order that belongs to a parent or a group."""
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
        """Give an order to the venue, or deny it if the gate is closed."""
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
        """Send or cancel the children of an order that has ended."""
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
        quantity = released_quantity(child, parent, terms=self._instrument(child.order.symbol))
        if quantity <= 0:
            return self._cancel_held(ts, child, reason="its part of the parent is less than a lot")
        if quantity == child.order.quantity:
            return self.send(ts, child)
        child.order = msgspec.structs.replace(child.order, quantity=quantity)
        return [OrderReplaced(ts, child.order), *self.send(ts, child)]

    # --- requests -----------------------------------------------------------------------------

    def cancel(self, ts: int, entry: OrderEntry, *, reason: str) -> Sequence[Event]:
        """Ask the venue to cancel an order. A held order is cancelled here at once, with ``reason``."""
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
        """End an order whose time was over before it was sent."""
        self._state.end_held(entry, OrderStatus.EXPIRED)
        order = entry.order
        reason = f"{order.time_in_force.value}: its time ran out before it was sent"
        expired = OrderExpired(
            ts, order.client_order_id, order.strategy, order.symbol, order.quantity, reason
        )
        return [expired, *self.after_end(ts, entry)]


def replacement(ts: int, entry: OrderEntry, order: ApprovedOrder) -> Event:
    """The request for new terms of an order at the venue."""
    entry.status, entry.replacement = OrderStatus.PENDING_REPLACE, order
    return ReplaceSubmitted(ts, order, entry.broker_order_id)


def is_cancellable(entry: OrderEntry) -> bool:
    """Whether the order can be cancelled now, at the venue or because it is held here."""
    return entry.status is PENDING or entry.status in CANCELLABLE
