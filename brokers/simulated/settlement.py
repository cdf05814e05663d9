"""Where orders meet: who gets how much of one market event, and what a fill does to the others.

Answers of the fill models are settled in order of rank, then of arrival. Orders share the event's volume;
orders of one group reduce each other by what fills; a reduce-only order gets no more than there is to
reduce; an iceberg gets what it shows, then stands behind the others.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from brokers.simulated.charges import forget
from brokers.simulated.execution import Execution
from brokers.simulated.fills.port import Price, VolumeModel
from brokers.simulated.reports import cancelled, restated, triggered
from brokers.simulated.requests import take_off
from brokers.simulated.resting import Resting
from brokers.simulated.state import SharedBar, SimulatedBrokerState
from kernel.events import Bar, Event, ExecutionReport, InstrumentDefined, Quote, Side, TimeInForce, Trade

_ZERO = Decimal(0)
_FOK = TimeInForce.FOK
_DEFAULT_TERMS = InstrumentDefined(0, "")
_NOTHING_TO_REDUCE = "reduce-only, and there is nothing to reduce"
ONE_CANCELS_OTHER = "one cancels other"


class Answer(msgspec.Struct, frozen=True, gc=False):
    """What a fill model said of an order; no price if the event only triggered it."""

    resting: Resting
    price: Price | None
    was_triggered: bool


class Settlement:
    """Settles answers. ``keeps_arrival``: orders that do not meet are reported in order of arrival."""

    def __init__(
        self, execution: Execution, *, volume: VolumeModel | None, has_groups: bool, keeps_arrival: bool
    ) -> None:
        self.execution = execution
        self.is_simple = volume is None
        """Whether orders without instructions share nothing."""
        self._volume = volume
        self._has_groups = has_groups
        self._keeps_arrival = keeps_arrival and volume is None

    def settle(
        self, state: SimulatedBrokerState, event: Event, answers: list[Answer]
    ) -> list[ExecutionReport]:
        """Fill what can be filled; ``leaves`` of what is done is 0 afterwards."""
        if len(answers) > 1 and not (self._keeps_arrival and all(one.resting.is_plain for one in answers)):
            answers.sort(key=_rank)
        reports: list[ExecutionReport] = []
        taken: dict[str, float] = {}
        if self._volume is not None and isinstance(event, Bar):
            taken = _taken_of_bar(state, event)
        for answer in answers:
            resting, price = answer.resting, answer.price
            if not resting.leaves:
                continue  # another order of its group filled in this event
            if resting.is_triggered and not answer.was_triggered:
                reports.append(triggered(event.ts, resting))
            if price is None:
                continue
            if resting.is_plain and price.quantity is None and self._volume is None:
                quantity = resting.leaves
                reports.append(self.execution.fill(state, resting, price, quantity=quantity, event=event))
            else:
                reports += self._shared(state, event, answer.resting, price, taken)
        return reports

    def end(self, state: SimulatedBrokerState, resting: Resting) -> None:
        """Take an order off; it is swept out with the others that are done."""
        resting.leaves = _ZERO
        if state.charges.orders:
            forget(state.charges, resting.order.client_order_id)

    def _shared(
        self,
        state: SimulatedBrokerState,
        event: Event,
        resting: Resting,
        price: Price,
        taken: dict[str, float],
    ) -> Iterable[ExecutionReport]:
        """Fill what volume and instructions leave of an order."""
        order, wanted = resting.order, resting.leaves
        if order.reduce_only:
            reducible = _reducible(state, resting)
            if not reducible:
                self.end(state, resting)
                yield cancelled(event.ts, resting, _NOTHING_TO_REDUCE)
                return
            wanted = min(wanted, reducible)
        quantity = min(wanted, self._available(state, event, resting, price, taken))
        if quantity <= 0:
            return
        if order.time_in_force is _FOK:
            # of a book, one level at a time, the model has seen that there is enough
            whole = resting.leaves if price.quantity is None else min(resting.leaves, price.quantity)
            if quantity < whole:
                return
        pool = _pool(event, order.side)
        taken[pool] = taken.get(pool, 0.0) + float(quantity)
        yield self.execution.fill(state, resting, price, quantity=quantity, event=event)
        if order.reduce_only and resting.leaves and not _reducible(state, resting):
            self.end(state, resting)
            yield cancelled(event.ts, resting, _NOTHING_TO_REDUCE)
        if order.group_id and self._has_groups:
            yield from self._reduce_group(state, event.ts, resting, quantity)
        if order.display_quantity is not None and resting.leaves:
            orders = state.resting.get(order.symbol, [])
            place = next((place for place, one in enumerate(orders) if one is resting), None)
            if place is not None:
                orders.append(orders.pop(place))

    def _available(
        self,
        state: SimulatedBrokerState,
        event: Event,
        resting: Resting,
        price: Price,
        taken: dict[str, float],
    ) -> Decimal:
        """What the event has for this order, in whole lots."""
        available = resting.leaves
        order = resting.order
        if order.display_quantity is not None and order.time_in_force is not _FOK:
            available = min(available, order.display_quantity)
        gone = taken.get(_pool(event, order.side), 0.0)
        lot = state.instruments.get(order.symbol, _DEFAULT_TERMS).lot_size
        if price.quantity is not None:
            offered = price.quantity
            if isinstance(event, Trade):  # what served one of our orders serves no other
                offered = min(offered, Decimal(f"{event.size - gone:.12g}"))
            available = min(available, offered // lot * lot)
        if self._volume is not None and isinstance(event, Bar | Quote | Trade):
            left = self._volume.available(event, order.side) - gone
            if not left > 0.0:  # a volume that is missing is none
                return _ZERO
            available = min(available, Decimal(f"{left:.12g}") // lot * lot)
        return available

    def _reduce_group(
        self, state: SimulatedBrokerState, ts: int, filled: Resting, quantity: Decimal
    ) -> Iterable[ExecutionReport]:
        """One cancels other: what filled is taken off the others of the group, also of those under way."""
        group = filled.order.group_id
        take_off(state, filled.order, quantity=quantity)
        for orders in state.resting.values():
            for other in orders:
                if other is filled or other.order.group_id != group or not other.leaves:
                    continue
                if other.leaves <= quantity:
                    self.end(state, other)
                    yield cancelled(ts, other, ONE_CANCELS_OTHER)
                else:
                    other.leaves -= quantity
                    smaller = other.order.quantity - quantity
                    other.order = msgspec.structs.replace(other.order, quantity=smaller)
                    yield restated(ts, other.order, reason=ONE_CANCELS_OTHER)


def sweep(state: SimulatedBrokerState, symbol: str) -> bool:
    """Forget orders of a symbol that are done; whether none is left."""
    orders = state.resting.get(symbol)
    if orders is None:
        return False
    if len(orders) == 1:
        if orders[0].leaves:
            return False
        del state.resting[symbol]
        return True
    left = [resting for resting in orders if resting.leaves]
    if left:
        if len(left) != len(orders):
            state.resting[symbol] = left
        return False
    del state.resting[symbol]
    return True


def _taken_of_bar(state: SimulatedBrokerState, bar: Bar) -> dict[str, float]:
    """What orders had of a bar so far: it may be offered again, to orders that come at its close."""
    shared = state.shared.get(bar.symbol)
    if shared is None or shared.ts != bar.ts or shared.timeframe != bar.timeframe:
        shared = state.shared[bar.symbol] = SharedBar(bar.ts, bar.timeframe)
    return shared.taken


def _reducible(state: SimulatedBrokerState, resting: Resting) -> Decimal:
    """How much of its strategy's position the order can close, by the venue's own count."""
    order = resting.order
    held = state.positions.get(order.symbol, {}).get(order.strategy, _ZERO)
    return max(-held if resting.is_buy else held, _ZERO)


def _rank(answer: Answer) -> float:
    return 0.0 if answer.price is None else answer.price.rank


def _pool(event: Event, side: Side) -> str:
    """Which volume an order shares: quotes have one for each side."""
    return side.value if isinstance(event, Quote) else ""
