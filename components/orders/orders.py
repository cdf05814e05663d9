"""The orders of record: what we asked for, what became of it, each fill booked once.

Approved orders become ``OrderSubmitted``, the effect that a broker acts on; execution reports move
orders along the transition table and become the order events that everybody else trusts. An order that
waits for its parent, or for a condition that the venue cannot watch, is ``OrderHeld`` first: it can be
cancelled and replaced here at once. Right before every ``OrderSubmitted`` the gate is asked.

Of a group that the venue does not know as one, the fills of one member are taken off the others here: by
a replacement, by a cancel where nothing is left, and also by a cancel where the venue cannot replace.
"""

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from itertools import islice

import msgspec

from components.orders.contingency import (
    attach,
    children_of,
    is_reduced_to_nothing,
    leave_group,
    others_in_group,
    owes,
    released_quantity,
    restate_parent,
)
from components.orders.corporate_actions import ENDING, RESTATING, restated
from components.orders.lifecycle import CANCELLABLE, HELD_MOVES, REPLACEABLE, TERMINAL
from components.orders.reports import apply_transition, book_fill, correct_fill, refused
from components.orders.state import ZERO, OrderEntry, OrdersState
from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import (
    ApprovedOrder,
    CancelAllOrders,
    CancelIntent,
    CancelOrder,
    CancelRejected,
    CancelSubmitted,
    CorporateAction,
    Event,
    ExecutionKind,
    ExecutionReport,
    HeldOrderTriggered,
    HoldReason,
    InstrumentDefined,
    Order,
    OrderAdjusted,
    OrderApproved,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderHeld,
    OrderReplaced,
    OrderStatus,
    OrderSubmitted,
    OrderTriggered,
    OrderType,
    ReplaceApproved,
    ReplaceRejected,
    ReplaceSubmitted,
    TimeInForce,
    VenueFeature,
)
from kernel.identifiers import ClientOrderId, StrategyId

CLOSED_KEPT = 10_000
"""How many finished orders are remembered at least for late reports; older ones are in the log.

Twice as many are let gather before the older half is dropped: deleting a dict's first key time and
again makes finding the first one slow (measured: 5 us an order instead of 0.2 us).
"""

EMULATION = "emulation"
"""The operator in whose name emulation asks for the end of an order whose time is over."""

# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_FILL = ExecutionKind.FILL
_CORRECTIONS = frozenset({ExecutionKind.FILL_CORRECTED, ExecutionKind.FILL_BUSTED})
_SUBMITTED = OrderStatus.SUBMITTED
_PENDING = OrderStatus.PENDING
_MARKET = OrderType.MARKET
_CANCELLED = OrderStatus.CANCELLED
_PENDING_REPLACE = OrderStatus.PENDING_REPLACE
_GTD = TimeInForce.GTD
_REFUSALS = frozenset({ExecutionKind.CANCEL_REJECTED, ExecutionKind.REPLACE_REJECTED})

Emitted = list[Event]


class Orders:
    """The component that owns order state.

    ``gate`` says why an order may not go out now (empty: it may), ``holds`` whether it must be emulated
    before it is sent, ``has`` what the venue does by itself. Left out, everything may go as it is.
    """

    name = "orders"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(
        self,
        *,
        gate: Callable[[Order], str] = lambda _: "",
        holds: Callable[[Order], bool] = lambda _: False,
        has: Callable[[VenueFeature], bool] = lambda _: True,
        instrument: Callable[[str], InstrumentDefined] = lambda symbol: InstrumentDefined(0, symbol),
    ) -> None:
        self.state = OrdersState()
        self._gate = gate
        self._holds = holds
        self._has = has
        self._instrument = instrument

    def subscriptions(self) -> Iterable[Subscription]:
        return (
            Subscription(OrderApproved, self.on_approved),
            Subscription(ReplaceApproved, self.on_replace_approved),
            Subscription(CancelIntent, self.on_cancel_intent),
            Subscription(CancelOrder, self.on_cancel_command),
            Subscription(CancelAllOrders, self.on_cancel_all),
            Subscription(ExecutionReport, self.on_report),
            Subscription(HeldOrderTriggered, self.on_triggered),
            Subscription(OrderDenied, self.on_denied),
            Subscription(CorporateAction, self.on_corporate_action),
        )

    def restore(self, state: msgspec.Struct) -> None:
        assert isinstance(state, OrdersState)
        self.state = state

    # --- the view -----------------------------------------------------------------------------

    def open_orders(self, strategy: StrategyId, symbol: str | None) -> Sequence[Order]:
        """One strategy's orders that are not finished, held ones included, oldest first; of one symbol if
        named."""
        return tuple(
            entry.order
            for entry in self.state.open.values()
            if entry.order.strategy == strategy and symbol in (None, entry.order.symbol)
        )

    def symbol_of(self, client_order_id: ClientOrderId) -> str:
        """The symbol of an order that is open or was closed lately; empty if it is neither."""
        entry = self._find(client_order_id)
        return "" if entry is None else entry.order.symbol

    # --- what we ask for ----------------------------------------------------------------------

    def on_approved(self, event: OrderApproved) -> Sequence[Event]:
        order = event.order
        assert order.client_order_id not in self.state.open
        entry = self.state.open[order.client_order_id] = OrderEntry(order, _SUBMITTED)
        if order.parent_id or order.group_id:
            return self._attach(event.ts, entry)
        if order.time_in_force is _GTD or self._holds(order) or self._gate(order):
            return self._send(event.ts, entry)
        return (OrderSubmitted(event.ts, order),)  # nearly every order, without the calls of the long way

    def on_replace_approved(self, event: ReplaceApproved) -> Sequence[Event]:
        entry = self.state.open.get(event.order.client_order_id)
        if entry is not None and entry.status is _PENDING:
            entry.order = _with_new_terms(entry.order, event.order)
            return (OrderReplaced(event.ts, entry.order),)
        if entry is None or entry.status not in REPLACEABLE:
            return (_replace_refused(event.ts, event.order, entry),)
        return (self._replace(event.ts, entry, _with_new_terms(entry.order, event.order)),)

    def on_cancel_intent(self, event: CancelIntent) -> Sequence[Event]:
        entry = self.state.open.get(event.client_order_id)
        if entry is not None and entry.order.strategy != event.strategy:
            entry = None  # another strategy's order is none of its business
        if entry is None or not _is_cancellable(entry):
            reason = "no such open order" if entry is None else f"order is {entry.status.value}"
            return (CancelRejected(event.ts, event.client_order_id, event.strategy, event.symbol, reason),)
        return self._cancel(event.ts, entry, reason="cancelled before it was sent")

    def on_cancel_command(self, event: CancelOrder) -> Sequence[Event]:
        entry = self.state.open.get(event.client_order_id)
        if entry is None:
            return ()
        if event.operator == EMULATION:
            return self._expire(event.ts, entry)
        if not _is_cancellable(entry):
            return ()
        return self._cancel(event.ts, entry, reason="cancelled before it was sent")

    def on_cancel_all(self, event: CancelAllOrders) -> Sequence[Event]:
        events: Emitted = []
        for entry in list(self.state.open.values()):
            if event.symbol in ("", entry.order.symbol) and _is_cancellable(entry):
                events += self._cancel(event.ts, entry, reason="cancelled before it was sent")
        return events

    # --- what the venue says ------------------------------------------------------------------

    def on_report(self, report: ExecutionReport) -> Sequence[Event]:
        entry = self._find(report.client_order_id)
        if entry is None:
            return (refused(report, OrderStatus.UNKNOWN, "no such order"),)
        filled = entry.filled_quantity
        if report.kind is _FILL:
            event, status = book_fill(entry, report)
        elif report.kind in _CORRECTIONS:
            event, status = correct_fill(entry, report)
        else:
            event, status = apply_transition(entry, report)
        if status is None:
            return (event,)
        self._move(entry, status)
        if self.state.children or entry.order.group_id or entry.is_expiring:
            followed = self._follow(report, entry, traded=entry.filled_quantity - filled)
            return (event, *followed)
        return (event,)

    def _follow(self, report: ExecutionReport, entry: OrderEntry, *, traded: Decimal) -> Emitted:
        """What a report of one order means for those that hang on it, and for what it still owes."""
        events: Emitted = []
        if traded > 0 and not entry.is_taken_off:
            for other in others_in_group(self.state, entry.order):
                if not self._is_grouped_at_venue(other):
                    other.owed_reduction += traded
                    events += self._settle(report.ts, other)
        if entry.status in TERMINAL:
            return [*events, *self._after_end(report.ts, entry)]
        if report.kind is ExecutionKind.REPLACED:
            entry.reducing = ZERO
        elif report.kind is ExecutionKind.REPLACE_REJECTED and entry.reducing:
            entry.owed_reduction += entry.reducing
            entry.reducing = ZERO
            return [*events, *self._take_off(report.ts, entry)]
        if report.kind not in _REFUSALS or not entry.has_asked:
            events += self._settle(report.ts, entry)
        return events

    # --- held orders --------------------------------------------------------------------------

    def on_triggered(self, event: HeldOrderTriggered) -> Sequence[Event] | None:
        """Send an emulated order, as the venue takes it."""
        entry = self.state.open.get(event.order.client_order_id)
        if entry is None or entry.held is not HoldReason.EMULATED:
            return None
        asked, entry.order = entry.order, event.order
        events: Emitted = []
        if event.order.quantity != asked.quantity:
            events.append(
                OrderReplaced(event.ts, msgspec.structs.replace(asked, quantity=event.order.quantity))
            )
        if _has_trigger(asked) and not _has_trigger(event.order):
            events.append(OrderTriggered(event.ts, asked.client_order_id, asked.strategy, asked.symbol))
        submitted = self._submit(event.ts, entry)
        if entry.status is _SUBMITTED and entry.order.order_type is _MARKET:
            events += self._take_off_ahead(event.ts, entry)
        return [*events, *submitted]

    def on_denied(self, event: OrderDenied) -> Sequence[Event] | None:
        """A held order that emulation had to deny ends here; any other denial was never an order."""
        entry = self.state.open.get(event.order.client_order_id)
        if entry is None or entry.status is not _PENDING:
            return None
        self._end_held(entry, OrderStatus.DENIED)
        return self._after_end(event.ts, entry)

    def _attach(self, ts: int, entry: OrderEntry) -> Emitted:
        """Hold an order whose parent works, or send it, or end it, as its parent did."""
        parent_id = entry.order.parent_id
        parent = self._find(parent_id) if parent_id else None
        attach(self.state, entry, parent=None if parent is entry else parent)
        if not parent_id:
            return self._send(ts, entry)
        if parent is None or parent is entry:
            return self._cancel_held(ts, entry, reason=f"parent {parent_id} is no order")
        entry.status, entry.held = _PENDING, HoldReason.PARENT
        if parent.status in TERMINAL:
            return self._after_end(ts, parent)
        return [OrderHeld(ts, entry.order, HoldReason.PARENT)]

    def _after_end(self, ts: int, parent: OrderEntry) -> Emitted:
        """Send or cancel the orders that waited for one that has ended."""
        waiting = children_of(self.state, parent.order.client_order_id)
        self.state.children.pop(parent.order.client_order_id, None)
        events: Emitted = []
        for child in waiting:
            if child.held is HoldReason.PARENT:
                events += self._release(ts, child, parent)
        return events

    def _release(self, ts: int, child: OrderEntry, parent: OrderEntry) -> Emitted:
        if not parent.filled_quantity:
            reason = f"parent {parent.order.client_order_id} is {parent.status.value}"
            return self._cancel_held(ts, child, reason=reason)
        lot_size = self._instrument(child.order.symbol).lot_size
        quantity = released_quantity(child, parent, lot_size=lot_size)
        if quantity <= 0:
            return self._cancel_held(ts, child, reason="its part of the parent is less than a lot")
        if quantity == child.order.quantity:
            return self._send(ts, child)
        child.order = msgspec.structs.replace(child.order, quantity=quantity)
        return [OrderReplaced(ts, child.order), *self._send(ts, child)]

    def _send(self, ts: int, entry: OrderEntry) -> Emitted:
        """Give an order to the venue, or to emulation first."""
        order = entry.order
        if order.time_in_force is _GTD and order.expire_ts <= ts:
            return self._expire_held(ts, entry)
        if self._holds(order):
            entry.status, entry.held = _PENDING, HoldReason.EMULATED
            return [OrderHeld(ts, order, HoldReason.EMULATED)]
        return self._submit(ts, entry)

    def _submit(self, ts: int, entry: OrderEntry) -> Emitted:
        order = entry.order
        closed_by = self._gate(order)
        if closed_by:
            self._end_held(entry, OrderStatus.DENIED)
            denied = OrderDenied(ts, order, "trading_state", closed_by, "0", str(order.quantity))
            return [denied, *self._after_end(ts, entry)]
        entry.status, entry.held = _SUBMITTED, None
        if order.group_id and not self._has(VenueFeature.OCO):
            order = msgspec.structs.replace(order, group_id="")
        return [OrderSubmitted(ts, order)]

    def _cancel_held(self, ts: int, entry: OrderEntry, *, reason: str) -> Emitted:
        self._end_held(entry, _CANCELLED)
        order = entry.order
        cancelled = OrderCancelled(
            ts, order.client_order_id, order.strategy, order.symbol, order.quantity, reason
        )
        return [cancelled, *self._after_end(ts, entry)]

    def _expire_held(self, ts: int, entry: OrderEntry) -> Emitted:
        self._end_held(entry, OrderStatus.EXPIRED)
        order = entry.order
        reason = f"{order.time_in_force.value}: its time ran out before it was sent"
        expired = OrderExpired(
            ts, order.client_order_id, order.strategy, order.symbol, order.quantity, reason
        )
        return [expired, *self._after_end(ts, entry)]

    def _end_held(self, entry: OrderEntry, status: OrderStatus) -> None:
        assert status in HELD_MOVES
        entry.held = None
        self._move(entry, status)

    def _expire(self, ts: int, entry: OrderEntry) -> Sequence[Event]:
        """Emulation says that an order's time is over, which the venue does not know."""
        if entry.status is _PENDING:
            return self._expire_held(ts, entry)
        entry.is_expiring = True
        return self._settle(ts, entry)

    # --- groups -------------------------------------------------------------------------------

    def _take_off_ahead(self, ts: int, entry: OrderEntry) -> Emitted:
        """An emulated member goes out as a market order: it is as good as filled.

        Its quantity is taken off the others now, before it is sent, for they could trade before its fill
        is known. Should the venue not fill it after all, they are gone.
        """
        events: Emitted = []
        for other in others_in_group(self.state, entry.order):
            if not self._is_grouped_at_venue(other):
                entry.is_taken_off = True
                other.owed_reduction += entry.leaves_quantity
                events += self._settle(ts, other)
        return events

    def _is_grouped_at_venue(self, other: OrderEntry) -> bool:
        """Whether the venue takes the fills of one off the other by itself: it has both, as a group."""
        return other.status is not _PENDING and self._has(VenueFeature.OCO)

    def _settle(self, ts: int, entry: OrderEntry) -> Sequence[Event]:
        """Ask for what an order owes: its end, or a smaller quantity. Waits while it cannot be asked."""
        if entry.is_expiring:
            return self._take_off(ts, entry)
        if not owes(entry):
            return ()
        if is_reduced_to_nothing(entry):
            return self._take_off(ts, entry)
        smaller = msgspec.structs.replace(entry.order, quantity=entry.order.quantity - entry.owed_reduction)
        if entry.status is _PENDING:
            entry.order, entry.owed_reduction = smaller, ZERO
            return (OrderReplaced(ts, smaller),)
        if not self._has(VenueFeature.REPLACE):
            return self._take_off(ts, entry)
        if entry.status not in REPLACEABLE:
            return ()
        entry.reducing, entry.owed_reduction = entry.owed_reduction, ZERO
        return (self._replace(ts, entry, smaller),)

    def _take_off(self, ts: int, entry: OrderEntry) -> Sequence[Event]:
        """Cancel what is left of an order, if it can be cancelled now."""
        if not _is_cancellable(entry):
            return ()
        entry.has_asked = True
        return self._cancel(ts, entry, reason="another order of its group was filled")

    # --- corporate actions --------------------------------------------------------------------

    def on_corporate_action(self, action: CorporateAction) -> Sequence[Event] | None:
        if action.kind not in ENDING and action.kind not in RESTATING:
            return None
        events: Emitted = []
        for entry in list(self.state.open.values()):
            if entry.order.symbol != action.symbol or entry.status in TERMINAL:
                continue
            if action.kind in ENDING:
                if _is_cancellable(entry):
                    events += self._cancel(action.ts, entry, reason=action.kind.value)
            else:
                events += self._restate(entry, action)
        return events or None

    def _restate(self, entry: OrderEntry, action: CorporateAction) -> Sequence[Event]:
        instrument, filled = self._instrument(action.symbol), entry.filled_quantity
        old = entry.order
        order = restated(old, action, filled=filled, instrument=instrument)
        if order.quantity <= filled:
            if not _is_cancellable(entry):
                return ()
            return self._cancel(action.ts, entry, reason=f"a {action.kind.value} leaves less than a lot")
        entry.order = order
        if entry.replacement is not None:
            entry.replacement = restated(entry.replacement, action, filled=filled, instrument=instrument)
        restate_parent(self.state, order, old_quantity=old.quantity)
        return (OrderAdjusted(action.ts, order, action.kind.value),)

    # --- moving orders ------------------------------------------------------------------------

    def _find(self, key: ClientOrderId) -> OrderEntry | None:
        state = self.state
        return state.open.get(key) or state.closed.get(key) or state.closed_before.get(key)

    def _cancel(self, ts: int, entry: OrderEntry, *, reason: str) -> Sequence[Event]:
        """Ask the venue to cancel; a held order ends here and now, for ``reason``."""
        if entry.status is _PENDING:
            return self._cancel_held(ts, entry, reason=reason)
        entry.status = OrderStatus.PENDING_CANCEL
        order = entry.order
        return (
            CancelSubmitted(ts, order.client_order_id, order.strategy, order.symbol, entry.broker_order_id),
        )

    def _replace(self, ts: int, entry: OrderEntry, order: ApprovedOrder) -> Event:
        entry.status, entry.replacement = _PENDING_REPLACE, order
        return ReplaceSubmitted(ts, order, entry.broker_order_id)

    def _move(self, entry: OrderEntry, status: OrderStatus) -> None:
        """Set the state; a finished order moves to the closed ones."""
        entry.status = status
        key = entry.order.client_order_id
        if status in TERMINAL and self.state.open.pop(key, None) is not None:
            if entry.order.group_id:
                leave_group(self.state, entry.order)
            closed = self.state.closed
            closed[key] = entry
            if len(closed) >= 2 * CLOSED_KEPT:
                self.state.closed = dict(islice(closed.items(), CLOSED_KEPT, None))


def _is_cancellable(entry: OrderEntry) -> bool:
    return entry.status is _PENDING or entry.status in CANCELLABLE


def _has_trigger(order: Order) -> bool:
    return not (order.stop_price is None and order.trail_amount is None and order.trail_percent is None)


def _with_new_terms(sent: ApprovedOrder, approved: ApprovedOrder) -> ApprovedOrder:
    """New terms of an order, as far as it has them: emulated, it was sent as another type than approved."""
    return msgspec.structs.replace(
        sent,
        quantity=approved.quantity,
        limit_price=None if sent.limit_price is None else approved.limit_price,
        stop_price=None if sent.stop_price is None else approved.stop_price,
    )


def _replace_refused(ts: int, order: Order, entry: OrderEntry | None) -> ReplaceRejected:
    reason = "no such open order" if entry is None else f"order is {entry.status.value}"
    return ReplaceRejected(ts, order.client_order_id, order.strategy, order.symbol, reason)
