"""The life of an order as a table: (state, report) -> new state.

- A report that is not in the table changes nothing, and ``TransitionRefused`` is emitted.
- Fills have rules of their own (``after_fill``), because venues report them late. A fill is money, so it is
  booked in every state of an order that was sent, also after its end.
- An order that is held here (``PENDING``) or was denied was never sent. No report of it can be true; only our
  own components change its state (``HELD_MOVES``).
"""

from kernel.events import FILLED
from kernel.events import ExecutionKind as Kind
from kernel.events import OrderStatus as Status

TERMINAL = frozenset({Status.FILLED, Status.CANCELLED, Status.REJECTED, Status.DENIED, Status.EXPIRED})
"""States after the end of an order."""

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
"""States in which a fill is booked if the leaves quantity allows it, also late or after a bust."""

TRANSITIONS: dict[tuple[Status, Kind], Status] = {
    (Status.SUBMITTED, Kind.ACCEPTED): Status.ACCEPTED,
    (Status.UNKNOWN, Kind.ACCEPTED): Status.ACCEPTED,
    # acknowledgements that arrive after a fill or after a request of ours
    (Status.PARTIALLY_FILLED, Kind.ACCEPTED): Status.PARTIALLY_FILLED,
    (Status.PENDING_CANCEL, Kind.ACCEPTED): Status.PENDING_CANCEL,
    (Status.PENDING_REPLACE, Kind.ACCEPTED): Status.PENDING_REPLACE,
    (Status.SUBMITTED, Kind.REJECTED): Status.REJECTED,
    (Status.ACCEPTED, Kind.REJECTED): Status.REJECTED,
    (Status.UNKNOWN, Kind.REJECTED): Status.REJECTED,
    (Status.PENDING_CANCEL, Kind.REJECTED): Status.REJECTED,
    (Status.PENDING_REPLACE, Kind.REJECTED): Status.REJECTED,
    (Status.PENDING_CANCEL, Kind.CANCEL_REJECTED): Status.ACCEPTED,
    (Status.UNKNOWN, Kind.CANCEL_REJECTED): Status.UNKNOWN,  # perhaps because it is not there
    (Status.PENDING_REPLACE, Kind.REPLACED): Status.ACCEPTED,
    (Status.PENDING_REPLACE, Kind.REPLACE_REJECTED): Status.ACCEPTED,
    (Status.UNKNOWN, Kind.REPLACED): Status.ACCEPTED,
    (Status.UNKNOWN, Kind.REPLACE_REJECTED): Status.ACCEPTED,
    # new terms without a request: a venue restates an order, for example after a fill of its group
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
    (Status.UNKNOWN, Kind.TRIGGERED): Status.ACCEPTED,  # an order that triggers is at the venue
    **{(status, Kind.CANCELLED): Status.CANCELLED for status in _SENT},
    **{(status, Kind.EXPIRED): Status.EXPIRED for status in _SENT},
    **{(status, Kind.UNKNOWN): Status.UNKNOWN for status in _SENT[:-1]},
    # a request of ours that was under way when the order ended: the venue says that it came too late
    **{(status, Kind.CANCEL_REJECTED): status for status in _ENDED_THERE},
    **{(status, Kind.REPLACE_REJECTED): status for status in _ENDED_THERE},
}
"""All reports except fills and corrections. ``ACCEPTED`` here means working: see ``working_status``."""

ANSWERS_A_REPLACEMENT = frozenset({Kind.REPLACED, Kind.REPLACE_REJECTED})
"""Reports that are refused if no replacement is under way, even if the table lists them.

Exception: a ``REPLACED`` that contains new terms.
"""

HELD_MOVES = frozenset({Status.SUBMITTED, Status.CANCELLED, Status.DENIED, Status.EXPIRED})
"""The states that follow ``PENDING``: sent, cancelled, denied by the gate, or expired."""

CANCELLABLE = frozenset({Status.SUBMITTED, Status.ACCEPTED, Status.PARTIALLY_FILLED, Status.PENDING_REPLACE})
REPLACEABLE = frozenset({Status.ACCEPTED, Status.PARTIALLY_FILLED})


def working_status(*, is_filled_in_part: bool, is_complete: bool, is_replacing: bool) -> Status:
    """The state of an order that the venue reported as working."""
    if is_complete:
        return FILLED
    if is_replacing:
        return Status.PENDING_REPLACE
    return Status.PARTIALLY_FILLED if is_filled_in_part else Status.ACCEPTED


def after_fill(status: Status, *, is_complete: bool) -> Status | None:
    """The state after a fill; ``None`` if a fill cannot be booked in this state.

    A partial fill does not end a pending cancel or replace. A cancelled or expired order stays so.
    """
    if status not in FILLABLE:
        return None
    if is_complete:
        return FILLED
    if status in (Status.SUBMITTED, Status.ACCEPTED, Status.UNKNOWN):
        return Status.PARTIALLY_FILLED
    return status
