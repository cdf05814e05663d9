"""Execution reports of the venue, and the reasons that they give. Fills are made in ``execution``.

Reasons are recorded in logs. If a sentence changes, old logs no longer replay byte for byte.
"""

from brokers.simulated.resting import Resting
from kernel.events import REPLACED, TRIGGERED, ExecutionKind, ExecutionReport, Order, TimeInForce

INSTEAD_OF_TAKING = "post-only, and it would have taken liquidity"
NOTHING_TO_REDUCE = "reduce-only, and there is nothing to reduce"
ONE_CANCELS_OTHER = "one cancels other"
NOT_AT_OPEN = "not filled at the open"
NOT_AT_CLOSE = "not filled at the close"
TIME_IS_OVER = "its time is over"
RESTATED_FIRST = "a corporate action restated the order first"

# These members are read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02. They are
# not exported by ``kernel.events``, where the names would clash with order statuses.
_CANCELLED = ExecutionKind.CANCELLED
_EXPIRED = ExecutionKind.EXPIRED
_REJECTED = ExecutionKind.REJECTED


def not_at_once(time_in_force: TimeInForce) -> str:
    """The reason for the cancel of an IOC or FOK order."""
    return f"{time_in_force.value}: not to be filled at once"


def report(ts: int, order: Order, kind: ExecutionKind, *, reason: str = "") -> ExecutionReport:
    """A report that is not a fill."""
    return ExecutionReport(ts, kind, order.client_order_id, order.symbol, reason=reason)


def rejected(ts: int, order: Order, reason: str) -> ExecutionReport:
    """The venue rejects the order."""
    return report(ts, order, _REJECTED, reason=reason)


def triggered(ts: int, resting: Resting) -> ExecutionReport:
    """The market reached the order's trigger."""
    return report(ts, resting.order, TRIGGERED)


def cancelled(ts: int, resting: Resting, reason: str) -> ExecutionReport:
    """The rest of the order is cancelled, on request or by the venue."""
    return report(ts, resting.order, _CANCELLED, reason=reason)


def expired(ts: int, resting: Resting, reason: str) -> ExecutionReport:
    """The rest of the order expires."""
    return report(ts, resting.order, _EXPIRED, reason=reason)


def restated(ts: int, order: Order, *, reason: str = "") -> ExecutionReport:
    """The order has new terms, and the report lists them.

    Used for a replacement with latency, and for a reduction by a fill in the OCO group.
    """
    return ExecutionReport(
        ts,
        REPLACED,
        order.client_order_id,
        order.symbol,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        reason=reason,
    )
