"""Requests on their way to the venue: each arrives after its delay, and none overtakes another."""

from brokers.simulated.latency import LatencyModel
from brokers.simulated.state import Request, SimulatedBrokerState
from kernel.events import CancelSubmitted, OrderSubmitted, ReplaceSubmitted, TimerScheduled
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


def next_arrived(state: SimulatedBrokerState) -> AnyRequest:
    """The request whose timer fired: always the one that is under way the longest."""
    return state.requests.pop(0).event
