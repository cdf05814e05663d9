"""The trading state: what the last gate before the broker lets through, and who closed it.

Everybody who closes the gate holds a latch on it, and the narrowest latch counts: a circuit breaker that
re-arms does not open what an operator closed.
"""

from kernel.events import TradingState

OPERATOR = "operator"
"""The latch of the operator's commands."""

_WIDTH = (TradingState.HALTED, TradingState.REDUCE_ONLY)
"""From narrow to wide."""


def narrowest(latches: dict[str, TradingState]) -> TradingState:
    """The trading state that the latches come to."""
    held = latches.values()
    return next((state for state in _WIDTH if state in held), TradingState.ACTIVE)
