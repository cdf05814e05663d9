"""What the venue says, as execution reports."""

from brokers.simulated.resting import Resting
from kernel.events import ExecutionKind, ExecutionReport, Order

_CANCELLED = ExecutionKind.CANCELLED
_EXPIRED = ExecutionKind.EXPIRED
_REPLACED = ExecutionKind.REPLACED
_TRIGGERED = ExecutionKind.TRIGGERED
_REJECTED = ExecutionKind.REJECTED


def report(ts: int, order: Order, kind: ExecutionKind, *, reason: str = "") -> ExecutionReport:
    """A report that is not a fill."""
    return ExecutionReport(ts, kind, order.client_order_id, order.symbol, reason=reason)


def rejected(ts: int, order: Order, reason: str) -> ExecutionReport:
    """The venue does not take the order."""
    return report(ts, order, _REJECTED, reason=reason)


def triggered(ts: int, resting: Resting) -> ExecutionReport:
    """A trigger was reached."""
    return report(ts, resting.order, _TRIGGERED)


def cancelled(ts: int, resting: Resting, reason: str) -> ExecutionReport:
    """The venue took the rest of the order off by itself."""
    return report(ts, resting.order, _CANCELLED, reason=reason)


def expired(ts: int, resting: Resting, reason: str) -> ExecutionReport:
    """The order's time ran out."""
    return report(ts, resting.order, _EXPIRED, reason=reason)


def restated(ts: int, order: Order, *, reason: str = "") -> ExecutionReport:
    """New terms hold, perhaps of the venue's own making; the report has them whole."""
    return ExecutionReport(
        ts,
        _REPLACED,
        order.client_order_id,
        order.symbol,
        quantity=order.quantity,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        reason=reason,
    )
