"""One cancels other, for what the venue does not know as a group.

The fills of one member are taken off the others here: by a replacement, by a cancel where nothing is left,
and also by a cancel where the venue cannot replace. What cannot be asked for now is owed, and asked for as
soon as it can be.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from components.orders.contingency import is_reduced_to_nothing, owes
from components.orders.lifecycle import REPLACEABLE
from components.orders.outbox import Emitted, Outbox, is_cancellable, replacement
from components.orders.state import ZERO, OrderEntry, OrdersState
from kernel.events import (
    PENDING,
    Event,
    ExecutionKind,
    ExecutionReport,
    OrderReplaced,
    VenueFeature,
)

_REFUSALS = frozenset({ExecutionKind.CANCEL_REJECTED, ExecutionKind.REPLACE_REJECTED})


class Groups:
    """Takes off orders what others of their group filled. ``has`` is what the venue does by itself."""

    def __init__(self, state: OrdersState, outbox: Outbox, has: Callable[[VenueFeature], bool]) -> None:
        self._state = state
        self._outbox = outbox
        self._has = has

    def after_fill(self, ts: int, entry: OrderEntry, *, traded: Decimal) -> Emitted:
        """An order filled: its group has so much less to do."""
        events: Emitted = []
        if traded > 0 and not entry.is_taken_off:
            for other in self._state.others_in_group(entry.order):
                if not self._is_grouped_at_venue(other):
                    other.owed_reduction += traded
                    events += self.settle(ts, other)
        return events

    def after_report(self, report: ExecutionReport, entry: OrderEntry) -> Sequence[Event]:
        """The venue spoke of an order that is still open: ask for what it owes, if it may be asked again."""
        if report.kind is ExecutionKind.REPLACED:
            entry.reducing = ZERO
        elif report.kind is ExecutionKind.REPLACE_REJECTED and entry.reducing:
            entry.owed_reduction += entry.reducing
            entry.reducing = ZERO
            return self._take_off(report.ts, entry)
        if report.kind not in _REFUSALS or not entry.has_asked:
            return self.settle(report.ts, entry)
        return ()

    def take_off_ahead(self, ts: int, entry: OrderEntry) -> Emitted:
        """An emulated member goes out as a market order: it is as good as filled.

        Its quantity is taken off the others now, before it is sent, for they could trade before its fill
        is known. Should the venue not fill it after all, they are gone.
        """
        events: Emitted = []
        for other in self._state.others_in_group(entry.order):
            if not self._is_grouped_at_venue(other):
                entry.is_taken_off = True
                other.owed_reduction += entry.leaves_quantity
                events += self.settle(ts, other)
        return events

    def settle(self, ts: int, entry: OrderEntry) -> Sequence[Event]:
        """Ask for what an order owes: its end, or a smaller quantity. Waits while it cannot be asked."""
        if entry.is_expiring:
            return self._take_off(ts, entry)
        if not owes(entry):
            return ()
        if is_reduced_to_nothing(entry):
            return self._take_off(ts, entry)
        smaller = msgspec.structs.replace(entry.order, quantity=entry.order.quantity - entry.owed_reduction)
        if entry.status is PENDING:
            entry.order, entry.owed_reduction = smaller, ZERO
            return (OrderReplaced(ts, smaller),)
        if not self._has(VenueFeature.REPLACE):
            return self._take_off(ts, entry)
        if entry.status not in REPLACEABLE:
            return ()
        entry.reducing, entry.owed_reduction = entry.owed_reduction, ZERO
        return (replacement(ts, entry, smaller),)

    def _is_grouped_at_venue(self, other: OrderEntry) -> bool:
        """Whether the venue takes the fills of one off the other by itself: it has both, as a group."""
        return other.status is not PENDING and self._has(VenueFeature.OCO)

    def _take_off(self, ts: int, entry: OrderEntry) -> Sequence[Event]:
        """Cancel what is left of an order, if it can be cancelled now."""
        if not is_cancellable(entry):
            return ()
        entry.has_asked = True
        return self._outbox.cancel(ts, entry, reason="another order of its group was filled")
