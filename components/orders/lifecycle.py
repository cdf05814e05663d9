"""The life of an order as a table: state and report to new state.

What is not listed changes nothing and is reported as ``TransitionRefused``. Fills have rows of their
own because venues report them late: a fill is money, so it is booked from every state that an order
can be in after it was sent, terminal ones included. An order that is held here (``PENDING``) or was
denied was never sent, so no report of it is true; what moves it is our own doing (``HELD_MOVES``).
"""

from kernel.events import FILLED
from kernel.events import ExecutionKind as Kind
from kernel.events import OrderStatus as Status

TERMINAL = frozenset({Status.FILLED, Status.CANCELLED, Status.REJECTED, Status.DENIED, Status.EXPIRED})
"""States in which nothing more is expected."""

_SENT = (
    Status.SUBMITTED,
    Status.ACCEPTED,
    Status.PARTIALLY_FILLED,
    Status.PENDING_CANCEL,
    Status.PENDING_REPLACE,
    Status.UNKNOWN,
)
"""States in which the venue has the order, or may have it."""

_ENDED_THERE = (Status.FILLED, Status.CANCELLED, Status.EXPIRED, Status.REJECTED)
"""States in which an order ended at the venue."""

FILLABLE = frozenset({*_SENT, *_ENDED_THERE})
"""States from which a fill is booked, if the quantity has room for it: late ones, and after a bust."""

TRANSITIONS: dict[tuple[Status, Kind], Status] = {
    (Status.SUBMITTED, Kind.ACCEPTED): Status.ACCEPTED,
    (Status.UNKNOWN, Kind.ACCEPTED): Status.ACCEPTED,
    # acknowledgements that a fill or a request of ours has overtaken
    (Status.PARTIALLY_FILLED, Kind.ACCEPTED): Status.PARTIALLY_FILLED,
    (Status.PENDING_CANCEL, Kind.ACCEPTED): Status.PENDING_CANCEL,
    (Status.PENDING_REPLACE, Kind.ACCEPTED): Status.PENDING_REPLACE,
    (Status.SUBMITTED, Kind.REJECTED): Status.REJECTED,
    (Status.ACCEPTED, Kind.REJECTED): Status.REJECTED,
    (Status.UNKNOWN, Kind.REJECTED): Status.REJECTED,
    (Status.PENDING_CANCEL, Kind.REJECTED): Status.REJECTED,
    (Status.PENDING_CANCEL, Kind.CANCEL_REJECTED): Status.ACCEPTED,
    (Status.UNKNOWN, Kind.CANCEL_REJECTED): Status.ACCEPTED,
    (Status.PENDING_REPLACE, Kind.REPLACED): Status.ACCEPTED,
    (Status.PENDING_REPLACE, Kind.REPLACE_REJECTED): Status.ACCEPTED,
    (Status.UNKNOWN, Kind.REPLACED): Status.ACCEPTED,
    (Status.UNKNOWN, Kind.REPLACE_REJECTED): Status.ACCEPTED,
    # new terms that nobody asked for: a venue restates an order, say for a fill of its group
    (Status.SUBMITTED, Kind.REPLACED): Status.ACCEPTED,
    (Status.ACCEPTED, Kind.REPLACED): Status.ACCEPTED,
    (Status.PARTIALLY_FILLED, Kind.REPLACED): Status.ACCEPTED,
    # a replacement was under way when we asked to cancel
    (Status.PENDING_CANCEL, Kind.REPLACED): Status.PENDING_CANCEL,
    (Status.PENDING_CANCEL, Kind.REPLACE_REJECTED): Status.PENDING_CANCEL,
    (Status.SUBMITTED, Kind.TRIGGERED): Status.ACCEPTED,
    (Status.ACCEPTED, Kind.TRIGGERED): Status.ACCEPTED,
    (Status.PARTIALLY_FILLED, Kind.TRIGGERED): Status.PARTIALLY_FILLED,
    (Status.PENDING_CANCEL, Kind.TRIGGERED): Status.PENDING_CANCEL,
    (Status.PENDING_REPLACE, Kind.TRIGGERED): Status.PENDING_REPLACE,
    (Status.UNKNOWN, Kind.TRIGGERED): Status.ACCEPTED,  # what triggers is there
    **{(status, Kind.CANCELLED): Status.CANCELLED for status in _SENT},
    **{(status, Kind.EXPIRED): Status.EXPIRED for status in _SENT},
    **{(status, Kind.UNKNOWN): Status.UNKNOWN for status in _SENT[:-1]},
    # a request of ours that was under way when the order ended: the venue says that it came too late
    **{(status, Kind.CANCEL_REJECTED): status for status in _ENDED_THERE},
    **{(status, Kind.REPLACE_REJECTED): status for status in _ENDED_THERE},
}
"""Every report but fills and corrections. ``ACCEPTED`` stands for working: see ``working_status``."""

ANSWERS_A_REPLACEMENT = frozenset({Kind.REPLACED, Kind.REPLACE_REJECTED})
"""Reports that are refused where no replacement is under way, whatever the table says; but a
``REPLACED`` that carries terms of its own is taken."""

HELD_MOVES = frozenset({Status.SUBMITTED, Status.CANCELLED, Status.DENIED, Status.EXPIRED})
"""Where an order goes from ``PENDING``: sent, cancelled, stopped by the gate, or out of time."""

CANCELLABLE = frozenset({Status.SUBMITTED, Status.ACCEPTED, Status.PARTIALLY_FILLED, Status.PENDING_REPLACE})
REPLACEABLE = frozenset({Status.ACCEPTED, Status.PARTIALLY_FILLED})


def working_status(*, is_filled_in_part: bool, is_complete: bool, is_replacing: bool) -> Status:
    """The state of an order of which the venue said that it works."""
    if is_complete:
        return FILLED
    if is_replacing:
        return Status.PENDING_REPLACE
    return Status.PARTIALLY_FILLED if is_filled_in_part else Status.ACCEPTED


def after_fill(status: Status, *, is_complete: bool) -> Status | None:
    """The state after a fill, or ``None`` if one cannot be booked from here.

    A fill that leaves something open does not end a pending cancel or replace, nor bring a cancelled
    or expired order back to life.
    """
    if status not in FILLABLE:
        return None
    if is_complete:
        return FILLED
    if status in (Status.SUBMITTED, Status.ACCEPTED, Status.UNKNOWN):
        return Status.PARTIALLY_FILLED
    return status
