"""Requests in flight to the venue: orders, cancellations and replacements, with a latency model.

Each request arrives after its delay, by a timer, and no request overtakes an earlier one. While it is in
flight two things may change it:

- An order of the same group fills: the request is then for less.
- A corporate action restates the order: new terms for it are then rejected on arrival, and so is the order
  itself if less than a lot of it is left.
"""

from decimal import Decimal

import msgspec

from brokers.simulated.latency import LatencyModel
from kernel.corporate_actions import units_after
from kernel.events import CancelSubmitted, Order, OrderSubmitted, ReplaceSubmitted, TimerScheduled
from kernel.events.timer_purposes import RequestArrival
from kernel.identifiers import TimerName

ZERO = Decimal(0)

AnyRequest = OrderSubmitted | CancelSubmitted | ReplaceSubmitted


class Request(msgspec.Struct, frozen=True):
    """A request in flight, and when it arrives.

    - ``group_filled``: the quantity that the order's group filled since the request was sent.
    - ``is_overtaken``: a corporate action restated the order since then: new terms no longer fit it, or less
      than a lot is left of it.
    """

    due_ts: int
    event: AnyRequest
    group_filled: Decimal = ZERO
    is_overtaken: bool = False

    def as_left(self) -> AnyRequest:
        """The request on arrival, less what the order's group filled in the meantime. May be for 0."""
        event = self.event
        if isinstance(event, CancelSubmitted) or not self.group_filled:
            return event
        order = msgspec.structs.replace(event.order, quantity=event.order.quantity - self.group_filled)
        return msgspec.structs.replace(event, order=order)


class Requests(msgspec.Struct):
    """Requests in flight, in order of arrival; ``count``: requests sent so far."""

    in_flight: list[Request] = []
    count: int = 0

    def send(self, event: AnyRequest, latency: LatencyModel, *, owner: str) -> TimerScheduled:
        """Put a request in flight; the timer fires when it arrives."""
        self.count += 1
        due_ts = event.ts + latency.delay_ns(self.count)
        if self.in_flight:
            due_ts = max(due_ts, self.in_flight[-1].due_ts)
        self.in_flight.append(Request(due_ts, event))
        name = TimerName(f"request {self.count}")
        return TimerScheduled(event.ts, owner, name, due_ts, purpose=RequestArrival())

    def next_arrived(self) -> Request:
        """Take the request whose timer fired. It is always the oldest one in flight."""
        return self.in_flight.pop(0)

    def reduce_group(self, filled: Order, quantity: Decimal) -> None:
        """Reduce the other orders of a group that are in flight, and new terms for them, by a fill."""
        for place, request in enumerate(self.in_flight):
            event = request.event
            if isinstance(event, CancelSubmitted) or event.order.group_id != filled.group_id:
                continue
            if event.order.client_order_id != filled.client_order_id:
                group_filled = request.group_filled + quantity
                self.in_flight[place] = msgspec.structs.replace(request, group_filled=group_filled)

    def restate(self, symbol: str, *, ratio: Decimal, lot_size: Decimal) -> None:
        """Restate the requests in flight for a symbol: a split restated its orders first.

        What the group filled is scaled. New terms are marked as overtaken: their prices are of before the
        split. So is an order of which less than a lot is left.
        """
        for place, request in enumerate(self.in_flight):
            event = request.event
            if isinstance(event, CancelSubmitted) or event.order.symbol != symbol:
                continue
            self.in_flight[place] = msgspec.structs.replace(
                request,
                group_filled=units_after(request.group_filled, ratio, lot_size=lot_size),
                is_overtaken=isinstance(event, ReplaceSubmitted)
                or not units_after(event.order.quantity, ratio, lot_size=lot_size),
            )
