"""Groups in which one order cancels the others, for a venue without such groups.

What it remembers (in ``OrderEntry``): the quantity by which each member must still be reduced, and the part
of it in a replacement under way.

What changes it: each fill of one member reduces the others. A reduction is sent as a replacement by a smaller
order. It is sent as a cancel if nothing remains, or if the venue cannot replace. While the venue answers an
earlier request, the reduction waits, and it is sent after the answer.

What never happens: a reduction is lost because its request was rejected, or a fill is counted twice.

A limit of this method: a second member can fill before its reduction reaches the venue, so both can trade.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal

import msgspec

from components.orders.contingency import is_reduced_to_nothing, must_be_reduced
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
    """Reduces orders by the fills of their group. ``has``: whether the venue has a feature."""

    def __init__(self, state: OrdersState, outbox: Outbox, has: Callable[[VenueFeature], bool]) -> None:
        self._state = state
        self._outbox = outbox
        self._has = has

    def after_fill(self, ts: int, entry: OrderEntry, *, traded: Decimal) -> Emitted:
        """Reduce the other members of a group by a fill."""
        events: Emitted = []
        if traded > 0 and not entry.is_taken_off:
            for other in self._state.others_in_group(entry.order):
                if not self._is_grouped_at_venue(other):
                    other.owed_reduction += traded
                    events += self.send_reduction(ts, other)
        return events

    def after_report(self, report: ExecutionReport, entry: OrderEntry) -> Sequence[Event]:
        """Send a reduction that waited for this report of an open order."""
        if report.kind is ExecutionKind.REPLACED:
            entry.reducing = ZERO
        elif report.kind is ExecutionKind.REPLACE_REJECTED and entry.reducing:
            entry.owed_reduction += entry.reducing
            entry.reducing = ZERO
            return self._cancel_rest(report.ts, entry)
        if report.kind not in _REFUSALS or not entry.has_asked:
            return self.send_reduction(report.ts, entry)
        return ()

    def reduce_ahead(self, ts: int, entry: OrderEntry) -> Emitted:
        """Reduce a group when an emulated member is sent as a market order, without waiting for its fill.

        Otherwise another member could trade before the fill is known. If the venue does not fill the order,
        the others stay reduced.
        """
        events: Emitted = []
        for other in self._state.others_in_group(entry.order):
            if not self._is_grouped_at_venue(other):
                entry.is_taken_off = True
                other.owed_reduction += entry.leaves_quantity
                events += self.send_reduction(ts, other)
        return events

    def send_reduction(self, ts: int, entry: OrderEntry) -> Sequence[Event]:
        """Send the cancel of an expiring order, or the reduction of an order, as soon as it can be sent."""
        if entry.is_expiring:
            return self._cancel_rest(ts, entry)
        if not must_be_reduced(entry):
            return ()
        if is_reduced_to_nothing(entry):
            return self._cancel_rest(ts, entry)
        smaller = msgspec.structs.replace(entry.order, quantity=entry.order.quantity - entry.owed_reduction)
        if entry.status is PENDING:
            entry.order, entry.owed_reduction = smaller, ZERO
            return (OrderReplaced(ts, smaller),)
        if not self._has(VenueFeature.REPLACE):
            return self._cancel_rest(ts, entry)
        if entry.status not in REPLACEABLE:
            return ()
        entry.reducing, entry.owed_reduction = entry.owed_reduction, ZERO
        return (replacement(ts, entry, smaller),)

    def _is_grouped_at_venue(self, other: OrderEntry) -> bool:
        """Whether the venue has the order as a member of the group, and reduces it itself."""
        return other.status is not PENDING and self._has(VenueFeature.OCO)

    def _cancel_rest(self, ts: int, entry: OrderEntry) -> Sequence[Event]:
        """Cancel the rest of an order, if it can be cancelled now."""
        if not is_cancellable(entry):
            return ()
        entry.has_asked = True
        return self._outbox.cancel(ts, entry, reason="another order of its group was filled")
