"""Shares one market event among orders: the quantity that each one fills, and its effect on the others.

Fill models price each order alone. If an event reaches several orders, they are filled here in a fixed
sequence: by rank (a bar's open, then stops, then limits; on a path, the place along it), then by arrival.
Each order fills the smallest of these quantities:

- its leaves quantity; of an iceberg the quantity shown;
- the position of its strategy, if it is reduce-only;
- the quantity that the fill model gives at this price, for example the size of a book's level;
- the volume that the volume model allows, less the volume that earlier orders took. A quote has a volume for
  each side; a bar or trade has one for all orders.

The last two are in whole lots. FOK fills the whole order or nothing. The fill has its effects before the
next order's turn:

- The other orders of its group are reduced by as much, and cancelled at 0.
- A reduce-only order is cancelled when nothing is left to reduce.
- An iceberg goes behind the other orders.

The volume taken from a bar is remembered until the symbol's next bar, so orders that arrive at the bar's
close share the rest. The volume taken from a quote or trade is not remembered after it.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from brokers.simulated.execution import Execution
from brokers.simulated.fills.port import Price
from brokers.simulated.fills.volume import VolumeModel
from brokers.simulated.positions import PositionCount
from brokers.simulated.reports import NOTHING_TO_REDUCE, ONE_CANCELS_OTHER, cancelled, restated, triggered
from brokers.simulated.resting import Resting
from brokers.simulated.state import DEFAULT_TERMS, ZERO, SharedBar, SimulatedBrokerState
from kernel.events import FOK, Bar, Event, ExecutionReport, Quote, Side, Trade


class Match(msgspec.Struct, frozen=True, gc=False):
    """An order that an event reaches. ``price``: ``None`` if the event only triggers the order."""

    resting: Resting
    price: Price | None
    was_triggered: bool


class FillSharing:
    """Fills matches.

    ``keeps_arrival``: without a volume model, plain orders fill in order of arrival and ranks do not count.
    """

    def __init__(
        self,
        state: SimulatedBrokerState,
        execution: Execution,
        *,
        volume: VolumeModel | None,
        positions: PositionCount,
        has_groups: bool,
        keeps_arrival: bool,
    ) -> None:
        self._positions_for = positions.positions_for
        self.execution = execution
        self._state = state
        self.is_unlimited = volume is None
        """Whether each order can fill completely, because there is no volume model."""
        self._volume = volume
        self._has_groups = has_groups
        self._keeps_arrival = keeps_arrival and volume is None

    def fill(self, event: Event, matches: list[Match]) -> list[ExecutionReport]:
        """Fill the matches of an event as far as possible. A finished order then has 0 leaves."""
        if len(matches) > 1 and not (self._keeps_arrival and all(one.resting.is_plain for one in matches)):
            matches.sort(key=_rank)
        reports: list[ExecutionReport] = []
        taken: dict[str, float] = {}
        if self._volume is not None and isinstance(event, Bar):
            taken = self._taken_of_bar(event)
        for match in matches:
            resting, price = match.resting, match.price
            if not resting.leaves:
                continue  # another order of its group filled in this event
            if resting.is_triggered and not match.was_triggered:
                reports.append(triggered(event.ts, resting))
            if price is None:
                continue
            if resting.is_plain and price.quantity is None and self.is_unlimited:
                quantity = resting.leaves
                reports += self.execution.fill(resting, price, quantity=quantity, event=event)
            else:
                reports += self._fill_share(event, resting, price, taken)
        return reports

    def _fill_share(
        self, event: Event, resting: Resting, price: Price, taken: dict[str, float]
    ) -> Iterable[ExecutionReport]:
        """Fill an order with its share of the event."""
        order = resting.order
        if order.reduce_only and not self.reducible(resting):
            yield self.cancel_nothing_to_reduce(event.ts, resting)
            return
        quantity = self._share(event, resting, price, taken)
        if quantity <= 0 or (order.time_in_force is FOK and quantity < _whole(resting, price)):
            return
        pool = _pool(event, order.side)
        reports = self.execution.fill(resting, price, quantity=quantity, event=event)
        quantity = reports[0].quantity or ZERO  # 0 if the account could not pay for any
        taken[pool] = taken.get(pool, 0.0) + float(quantity)
        yield from reports
        if order.reduce_only and resting.leaves and not self.reducible(resting):
            yield self.cancel_nothing_to_reduce(event.ts, resting)
        if order.group_id and self._has_groups and quantity:
            yield from self._reduce_group(event.ts, resting, quantity)
        if order.display_quantity is not None and resting.leaves:
            self._put_behind(resting)

    def _share(self, event: Event, resting: Resting, price: Price, taken: dict[str, float]) -> Decimal:
        """The quantity that this order gets from the event."""
        order, share = resting.order, resting.leaves
        if order.reduce_only:
            share = min(share, self.reducible(resting))
        if order.display_quantity is not None and order.time_in_force is not FOK:
            share = min(share, order.display_quantity)
        gone = taken.get(_pool(event, order.side), 0.0)
        lot = self._state.instruments.get(order.symbol, DEFAULT_TERMS).lot_size
        if price.quantity is not None:
            given = price.quantity
            if isinstance(event, Trade):  # a traded unit fills one unit of one order, not of each order
                given = min(given, Decimal(f"{event.size - gone:.12g}"))
            share = min(share, given // lot * lot)
        if self._volume is not None and isinstance(event, Bar | Quote | Trade):
            left = self._volume.available(event, order.side) - gone
            if not left > 0.0:  # data without volumes have NaN
                return ZERO
            share = min(share, Decimal(f"{left:.12g}") // lot * lot)
        return share

    def _taken_of_bar(self, bar: Bar) -> dict[str, float]:
        """The volume that our orders have taken from a bar so far."""
        shared = self._state.shared.get(bar.symbol)
        if shared is None or shared.ts != bar.ts or shared.timeframe != bar.timeframe:
            shared = self._state.shared[bar.symbol] = SharedBar(bar.ts, bar.timeframe)
        return shared.taken

    def reducible(self, resting: Resting) -> Decimal:
        """The quantity of its strategy's position that the order can close, by the venue's own count."""
        order = resting.order
        held = self._positions_for(order).get(order.strategy, ZERO)
        return max(-held if resting.is_buy else held, ZERO)

    def cancel_nothing_to_reduce(self, ts: int, resting: Resting) -> ExecutionReport:
        """End a reduce-only order that has nothing to reduce."""
        self._state.end(resting)
        return cancelled(ts, resting, NOTHING_TO_REDUCE)

    def _reduce_group(self, ts: int, filled: Resting, quantity: Decimal) -> Iterable[ExecutionReport]:
        """Reduce the other orders of a group by a fill, also orders in flight."""
        group = filled.order.group_id
        self._state.requests.reduce_group(filled.order, quantity)
        for orders in self._state.resting.values():
            for other in orders:
                if other is filled or other.order.group_id != group or not other.leaves:
                    continue
                if other.leaves <= quantity:
                    self._state.end(other)
                    yield cancelled(ts, other, ONE_CANCELS_OTHER)
                else:
                    other.leaves -= quantity
                    smaller = other.order.quantity - quantity
                    other.order = msgspec.structs.replace(other.order, quantity=smaller)
                    yield restated(ts, other.order, reason=ONE_CANCELS_OTHER)

    def _put_behind(self, resting: Resting) -> None:
        """Move an order behind the others of its symbol. One that fills on arrival is not among them yet."""
        orders = self._state.resting.get(resting.order.symbol, [])
        place = next((place for place, one in enumerate(orders) if one is resting), None)
        if place is not None:
            orders.append(orders.pop(place))


def _rank(match: Match) -> float:
    return 0.0 if match.price is None else match.price.rank


def _pool(event: Event, side: Side) -> str:
    """The name of the volume that an order shares: quotes have one for each side."""
    return side.value if isinstance(event, Quote) else ""


def _whole(resting: Resting, price: Price) -> Decimal:
    """The quantity that a FOK order needs in one fill.

    On a book this is one level: the model has already checked that all levels together are enough.
    """
    return resting.leaves if price.quantity is None else min(resting.leaves, price.quantity)
