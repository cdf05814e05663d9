"""Requests in flight to the venue: orders, cancellations and replacements, with a latency model.

Each request arrives after its delay, by a timer, and no request overtakes an earlier one. Two things can
change it while it is in flight:

- A fill of an order in the same group reduces its quantity.
- A corporate action restates its order. Then a replacement is rejected on arrival. An order is rejected on
  arrival if less than a lot of it is left.
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
    - ``is_overtaken``: a corporate action restated the order since then, and the request must be rejected:
      its new terms no longer fit, or less than a lot of the order is left.
    """

    due_ts: int
    event: AnyRequest
    group_filled: Decimal = ZERO
    is_overtaken: bool = False

    def as_left(self) -> AnyRequest:
        """The request on arrival: its quantity less the fills of the group, which can be 0 or less."""
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
        """Reduce the other orders of a group that are in flight, and their replacements, by a fill."""
        for place, request in enumerate(self.in_flight):
            event = request.event
            if isinstance(event, CancelSubmitted) or event.order.group_id != filled.group_id:
                continue
            if event.order.client_order_id != filled.client_order_id:
                group_filled = request.group_filled + quantity
                self.in_flight[place] = msgspec.structs.replace(request, group_filled=group_filled)

    def restate(self, symbol: str, *, ratio: Decimal, lot_size: Decimal) -> None:
        """Restate the requests in flight for a symbol after a split.

        Fills of the group are scaled. Replacements are marked as overtaken, because their prices are from
        before the split. So is an order with less than a lot left.
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
