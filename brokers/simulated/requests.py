"""Requests on their way to the venue: each arrives after its delay, and none overtakes another.

What happens to an order's group or its symbol meanwhile finds the request when it arrives.
"""

from decimal import Decimal

import msgspec

from brokers.simulated.latency import LatencyModel
from brokers.simulated.state import Request, SimulatedBrokerState
from kernel.corporate_actions import whole_lots
from kernel.events import CancelSubmitted, Order, OrderSubmitted, ReplaceSubmitted, TimerScheduled
from kernel.identifiers import TimerName

REQUEST = "request "
"""What the names of the timers begin with at which requests arrive."""

AnyRequest = OrderSubmitted | CancelSubmitted | ReplaceSubmitted


def put_under_way(
    state: SimulatedBrokerState, event: AnyRequest, latency: LatencyModel, *, owner: str
) -> TimerScheduled:
    """Send a request on its way; the timer is its arrival."""
    state.request_count += 1
    due_ts = event.ts + latency.delay_ns(state.request_count)
    if state.requests:
        due_ts = max(due_ts, state.requests[-1].due_ts)
    state.requests.append(Request(due_ts, event))
    return TimerScheduled(event.ts, owner, TimerName(f"{REQUEST}{state.request_count}"), due_ts)


def next_arrived(state: SimulatedBrokerState) -> Request:
    """The request whose timer fired: always the one that is under way the longest."""
    return state.requests.pop(0)


def as_left(request: Request) -> AnyRequest:
    """What a request asks for, less what the order's group filled while it was under way; perhaps nothing."""
    event = request.event
    if isinstance(event, CancelSubmitted) or not request.taken_off:
        return event
    order = msgspec.structs.replace(event.order, quantity=event.order.quantity - request.taken_off)
    return msgspec.structs.replace(event, order=order)


def take_off(state: SimulatedBrokerState, filled: Order, *, quantity: Decimal) -> None:
    """An order filled: orders of its group that are under way, and new terms for them, are for less."""
    for place, request in enumerate(state.requests):
        event = request.event
        if isinstance(event, CancelSubmitted) or event.order.group_id != filled.group_id:
            continue
        if event.order.client_order_id != filled.client_order_id:
            state.requests[place] = msgspec.structs.replace(request, taken_off=request.taken_off + quantity)


def restate(state: SimulatedBrokerState, symbol: str, *, ratio: Decimal, lot_size: Decimal) -> None:
    """A split restates the orders of a symbol: new terms under way are in prices of before, and overtaken."""
    for place, request in enumerate(state.requests):
        event = request.event
        if isinstance(event, CancelSubmitted) or event.order.symbol != symbol:
            continue
        state.requests[place] = msgspec.structs.replace(
            request,
            taken_off=whole_lots(request.taken_off * ratio, lot_size),
            is_overtaken=isinstance(event, ReplaceSubmitted),
        )
