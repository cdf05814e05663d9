"""What goes wrong with orders on purpose, at counted places. Pure."""

from typing import Annotated

import msgspec

Every = Annotated[int, msgspec.Meta(ge=0)]


class OrderFaults(msgspec.Struct, frozen=True, kw_only=True):
    """Which faults of order entry there are, and how often. 0: never.

    A request is an order, a cancel or a replacement.
    """

    reject_every: Every = 0
    """Reject every N-th order."""
    lose_every: Every = 0
    """Cut the connection instead of taking every N-th request."""
    drop_ack_every: Every = 0
    """Carry out every N-th request, and cut the connection before it is acknowledged."""
    lose_answer_every: Every = 0
    """Carry out every N-th request and report what becomes of it, but never answer it."""
    delay_ack_every: Every = 0
    """If the N-th request is an order, acknowledge it after ``ack_delay_s``; fills may come before."""
    ack_delay_s: float = 1.0
    duplicate_report_every: Every = 0
    """Send every N-th report twice."""
    late_fill_every: Every = 0
    """Report a part of every N-th cancelled order as filled, after the cancel."""


class Counter:
    """Counts something from 1, and says at which places a fault is due."""

    def __init__(self) -> None:
        self.count = 0

    def next(self) -> None:
        """One more."""
        self.count += 1

    def falls(self, every: int) -> bool:
        """Whether a fault is due now."""
        return every > 0 and self.count % every == 0
