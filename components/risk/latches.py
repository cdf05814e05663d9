"""The trading state, and who narrowed it.

Everybody who narrows trading holds a latch, and the narrowest latch counts: a continuous limit that re-arms
does not open what an operator closed.
"""

from kernel.events import TradingState

OPERATOR = "operator"
"""The latch of the operator's commands."""

_FROM_NARROW = (TradingState.HALTED, TradingState.REDUCE_ONLY)


def narrowest(latches: dict[str, TradingState]) -> TradingState:
    """The trading state under these latches."""
    held = latches.values()
    return next((state for state in _FROM_NARROW if state in held), TradingState.ACTIVE)
