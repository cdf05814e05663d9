"""Applies a venue's report to the entry of one order.

Each function returns the order event and the new state. If it returns ``TransitionRefused`` and ``None``,
nothing was changed.
"""

from decimal import Decimal

import msgspec

from components.orders.corporate_actions import with_more_left
from components.orders.lifecycle import (
    ANSWERS_A_REPLACEMENT,
    TERMINAL,
    TRANSITIONS,
    after_fill,
    working_status,
)
from components.orders.state import ZERO, BookedFill, OrderEntry
from kernel.events import (
    REPLACED,
    ApprovedOrder,
    CancelRejected,
    Event,
    ExecutionKind,
    ExecutionReport,
    FillCorrected,
    Order,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderStateUnknown,
    OrderStatus,
    OrderTriggered,
    ReplaceRejected,
    TransitionRefused,
)

Outcome = tuple[Event, OrderStatus | None]

# This member is read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_ACCEPTED = OrderStatus.ACCEPTED


def book_fill(entry: OrderEntry, report: ExecutionReport, *, action_count: int) -> Outcome:
    """Book a fill once. ``action_count``: number of corporate actions before it.

    A fill can exceed the order's quantity while a larger quantity is requested. Then the venue has accepted
    the larger quantity, and its confirmation is late.
    """
    order, quantity, price = entry.order, report.quantity, report.price
    if quantity is None or price is None or quantity <= ZERO:
        return refusal(entry, report, "a fill without quantity or price")
    if report.fill_id in entry.fills:
        return refusal(entry, report, "fill already booked")
    filled = entry.filled_quantity + quantity
    leaves = order.quantity - filled
    if leaves < ZERO and entry.replacement is not None and entry.replacement.quantity >= filled:
        order = msgspec.structs.replace(order, quantity=entry.replacement.quantity)
        leaves = order.quantity - filled
    status = after_fill(entry.status, is_complete=leaves <= ZERO)
    if status is None or leaves < ZERO:
        return refusal(entry, report, f"a fill of {quantity} leaves {leaves}")
    entry.order = order
    commission, currency = report.commission or ZERO, report.commission_currency or "USD"
    entry.fills[report.fill_id] = BookedFill(
        quantity, price, order.symbol, action_count, commission, currency
    )
    entry.filled_quantity = filled
    entry.broker_order_id = report.broker_order_id or entry.broker_order_id
    booked = OrderFilled(
        report.ts,
        order.client_order_id,
        order.strategy,
        order.symbol,
        order.side,
        quantity,
        price,
        commission,
        leaves,
        report.fill_id,
        report.executed_ts,
        report.liquidity,
        currency,
    )
    return booked, status


def correct_fill(entry: OrderEntry, report: ExecutionReport, *, action_count: int) -> Outcome:
    """Change or undo a booked fill. ``action_count``: number of corporate actions so far.

    The leaves quantity grows by the undone quantity, in present units.
    """
    booked = entry.fills.get(report.fill_id)
    if booked is None:
        return refusal(entry, report, "no such fill to correct")
    is_bust = report.kind is ExecutionKind.FILL_BUSTED
    quantity = ZERO if is_bust else report.quantity
    price = booked.price if is_bust else report.price
    if quantity is None or price is None:
        return refusal(entry, report, "a correction without quantity or price")
    if (booked.quantity, booked.price) == (quantity, price):
        return refusal(entry, report, "correction already booked")
    freed = booked.quantity - quantity
    splits, freed_now = with_more_left(entry.splits, freed, action_count=booked.action_count)
    order, filled = entry.order, entry.filled_quantity - freed
    whole = order.quantity + (freed_now - freed)
    if quantity < 0 or filled > whole:
        return refusal(entry, report, f"a fill corrected to {quantity} makes {filled} of {whole}")
    if freed_now != freed:
        _take_quantity(entry, whole)
        entry.splits = splits
    commission = booked.commission if quantity else ZERO
    entry.fills[report.fill_id] = msgspec.structs.replace(
        booked, quantity=quantity, price=price, commission=commission
    )
    entry.filled_quantity = filled
    corrected = FillCorrected(
        report.ts,
        order.client_order_id,
        order.strategy,
        order.symbol,
        order.side,
        report.fill_id,
        booked.quantity,
        booked.price,
        quantity,
        price,
        "" if booked.symbol == order.symbol else booked.symbol,
        action_count - booked.action_count,
        booked.commission - commission,
        booked.currency,
    )
    return corrected, OrderStatus.FILLED if filled == whole else entry.status


def _take_quantity(entry: OrderEntry, quantity: Decimal) -> None:
    """Change the quantity of the order, and that of its requested terms by the same amount."""
    more = quantity - entry.order.quantity
    entry.order = msgspec.structs.replace(entry.order, quantity=quantity)
    asked = entry.replacement
    if asked is not None:
        entry.replacement = msgspec.structs.replace(asked, quantity=asked.quantity + more)


def apply_transition(entry: OrderEntry, report: ExecutionReport) -> Outcome:
    """Apply a report that is not a fill or a correction.

    A cancel counts as an expiry if it was sent because the order's emulated time in force was over.
    """
    kind = report.kind
    if entry.is_expiring and kind is ExecutionKind.CANCELLED:
        kind = ExecutionKind.EXPIRED
    status = TRANSITIONS.get((entry.status, kind))
    if status is None:
        return refusal(entry, report, "the order's state does not allow it")
    if kind in ANSWERS_A_REPLACEMENT:
        problem = _answer_replacement(entry, report)
        if problem:
            return refusal(entry, report, problem)
    entry.broker_order_id = report.broker_order_id or entry.broker_order_id
    if entry.filled_quantity or entry.replacement is not None:  # saves 0.4 us for an unfilled order
        left = entry.order.quantity - entry.filled_quantity
        if status is _ACCEPTED or (left <= 0 and status not in TERMINAL):
            status = working_status(
                is_filled_in_part=entry.filled_quantity > 0,
                is_complete=left <= 0,
                is_replacing=entry.replacement is not None,
            )
    return _order_event(entry, report, kind), status


def refusal(entry: OrderEntry, report: ExecutionReport, reason: str) -> Outcome:
    """The outcome of a report that changes nothing."""
    return refused(report, entry.status, reason), None


def refused(report: ExecutionReport, status: OrderStatus, reason: str) -> TransitionRefused:
    """The event for a report that changed nothing."""
    return TransitionRefused(report.ts, report.client_order_id, report.symbol, status, report.kind, reason)


def _answer_replacement(entry: OrderEntry, report: ExecutionReport) -> str:
    """Apply the venue's answer to a replacement. Returns the reason if it cannot be applied, else empty.

    If the report contains terms, they are used instead of the requested ones.
    """
    terms = entry.replacement
    if report.kind is REPLACED:
        if terms is None and report.quantity is None:
            return "no replacement is under way"
        if terms is not None and _is_venue_reduction(entry.order, terms, report):
            entry.order = _restated(entry.order, report)
            return ""
        terms = _restated(terms or entry.order, report)
        if terms.quantity < entry.filled_quantity:
            return f"{entry.filled_quantity} of {terms.quantity} are filled already"
        entry.order = terms
    elif terms is None:
        return "no replacement is under way"
    entry.replacement = None
    return ""


def _is_venue_reduction(order: Order, asked: Order, report: ExecutionReport) -> bool:
    """Whether the venue reduced the order itself while other prices were requested.

    Such a report does not answer the request.
    """
    prices = (report.limit_price, report.stop_price)
    return (
        report.quantity is not None
        and report.quantity < order.quantity
        and prices == (order.limit_price, order.stop_price)
        and prices != (asked.limit_price, asked.stop_price)
    )


def _restated(order: ApprovedOrder, report: ExecutionReport) -> ApprovedOrder:
    quantity, limit, stop = report.quantity, report.limit_price, report.stop_price
    if quantity is None and limit is None and stop is None:
        return order
    return msgspec.structs.replace(
        order,
        quantity=_or(quantity, order.quantity),
        limit_price=limit if limit is not None else order.limit_price,
        stop_price=stop if stop is not None else order.stop_price,
    )


def _or(given: Decimal | None, otherwise: Decimal) -> Decimal:
    return otherwise if given is None else given


def _order_event(entry: OrderEntry, report: ExecutionReport, kind: ExecutionKind) -> Event:
    """The order event for a report whose transition is allowed."""
    order, ts, reason = entry.order, report.ts, report.reason
    key = (order.client_order_id, order.strategy, order.symbol)
    match kind:
        case ExecutionKind.ACCEPTED:
            return OrderAccepted(ts, *key, entry.broker_order_id)
        case ExecutionKind.REJECTED:
            return OrderRejected(ts, *key, reason)
        case ExecutionKind.CANCELLED:
            return OrderCancelled(ts, *key, entry.leaves_quantity, reason)
        case ExecutionKind.EXPIRED:
            return OrderExpired(ts, *key, entry.leaves_quantity, reason)
        case ExecutionKind.REPLACED:
            return OrderReplaced(ts, order, entry.broker_order_id)
        case ExecutionKind.TRIGGERED:
            return OrderTriggered(ts, *key)
        case ExecutionKind.CANCEL_REJECTED:
            return CancelRejected(ts, *key, reason)
        case ExecutionKind.REPLACE_REJECTED:
            return ReplaceRejected(ts, *key, reason)
        case ExecutionKind.UNKNOWN:
            return OrderStateUnknown(ts, *key, reason)
        case ExecutionKind.FILL | ExecutionKind.FILL_CORRECTED | ExecutionKind.FILL_BUSTED:
            raise AssertionError(f"a report of kind {kind} is not a transition: it is booked as a fill")
