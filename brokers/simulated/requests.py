"""Requests in flight to the venue: orders, cancellations and replacements, with a latency model.

Each request arrives after its delay, by a timer, and no request overtakes an earlier one. While it is in
flight two things may change it:

- An order of the same group fills: the request is then for less.
- A corporate action restates the order: new terms for it are then rejected on arrival.
"""

from decimal import Decimal

import msgspec

from brokers.simulated.latency import LatencyModel
from brokers.simulated.state import Request, SimulatedBrokerState
from kernel.corporate_actions import whole_lots
from kernel.events import CancelSubmitted, Order, OrderSubmitted, ReplaceSubmitted, TimerScheduled
from kernel.identifiers import TimerName

REQUEST = "request "
"""The first word in the name of a timer at which a request arrives."""

AnyRequest = OrderSubmitted | CancelSubmitted | ReplaceSubmitted


def send(
    state: SimulatedBrokerState, event: AnyRequest, latency: LatencyModel, *, owner: str
) -> TimerScheduled:
    """Put a request in flight; the timer fires when it arrives."""
    state.request_count += 1
    due_ts = event.ts + latency.delay_ns(state.request_count)
    if state.requests:
        due_ts = max(due_ts, state.requests[-1].due_ts)
    state.requests.append(Request(due_ts, event))
    return TimerScheduled(event.ts, owner, TimerName(f"{REQUEST}{state.request_count}"), due_ts)


def next_arrived(state: SimulatedBrokerState) -> Request:
    """Take the request whose timer fired. It is always the oldest one in flight."""
    return state.requests.pop(0)


def as_left(request: Request) -> AnyRequest:
    """The request on arrival, less what the order's group filled in the meantime. May be for 0."""
    event = request.event
    if isinstance(event, CancelSubmitted) or not request.group_filled:
        return event
    order = msgspec.structs.replace(event.order, quantity=event.order.quantity - request.group_filled)
    return msgspec.structs.replace(event, order=order)


def reduce_in_flight(state: SimulatedBrokerState, filled: Order, *, quantity: Decimal) -> None:
    """Reduce the other orders of a group that are in flight, and new terms for them, by a fill."""
    for place, request in enumerate(state.requests):
        event = request.event
        if isinstance(event, CancelSubmitted) or event.order.group_id != filled.group_id:
            continue
        if event.order.client_order_id != filled.client_order_id:
            group_filled = request.group_filled + quantity
            state.requests[place] = msgspec.structs.replace(request, group_filled=group_filled)


def restate(state: SimulatedBrokerState, symbol: str, *, ratio: Decimal, lot_size: Decimal) -> None:
    """Restate the requests in flight for a symbol: a split restated its orders first.

    What the group filled is scaled. New terms are marked as overtaken: their prices are of before the split.
    """
    for place, request in enumerate(state.requests):
        event = request.event
        if isinstance(event, CancelSubmitted) or event.order.symbol != symbol:
            continue
        state.requests[place] = msgspec.structs.replace(
            request,
            group_filled=whole_lots(request.group_filled * ratio, lot_size),
            is_overtaken=isinstance(event, ReplaceSubmitted),
        )
