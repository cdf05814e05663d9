"""Makes requests to work an order in parts, with the algorithm's terms in ns and ``Decimal``.

The execution component checks whether the terms make sense for the order.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import islice

import msgspec

from components.strategy_host.order_plans import OrderPlans
from components.strategy_host.plain_values import choice, exact_number, nanoseconds, to_lots
from kernel.events import (
    AlgorithmKind,
    AlgorithmTerms,
    ExecutionRequested,
    InstrumentDefined,
    Order,
    OrderIntent,
    TimeInForce,
)
from kernel.time_units import SECOND_NS
from strategies.sdk.algorithms import Algorithm, Iceberg, Leftover, Participation, Twap, Vwap
from strategies.sdk.decisions import Execute, PlaceOrder, Target

MAX_STEPS = 1_000
"""The most steps of one order; each needs at least a timer and an order."""

ONE = Decimal(1)


class WorkedOrders:
    """Makes the requests of one strategy; every method raises ``ValueError`` for invalid terms."""

    def __init__(self, plans: OrderPlans, instrument: Callable[[str], InstrumentDefined]) -> None:
        self._plans = plans
        self._instrument = instrument

    def requested(self, ts: int, wanted: Execute) -> Sequence[ExecutionRequested]:
        """The request to work an order; no request for a target that is already reached."""
        intents = self._intents(ts, wanted.order)
        if len(intents) > 1:
            raise ValueError("an order worked in parts takes no attached exits; send them on its fills")
        orders = [intent.order for intent in intents]
        return [
            work_request(ts, order, wanted.algorithm, lot_size=self._instrument(order.symbol).lot_size)
            for order in orders
        ]

    def shown_in_parts(self, ts: int, wanted: PlaceOrder) -> Sequence[ExecutionRequested]:
        """The request that emulates an iceberg for a venue without icebergs."""
        assert wanted.display_quantity is not None
        iceberg = Iceberg(Decimal(str(wanted.display_quantity)))
        return self.requested(ts, Execute(wanted, iceberg))

    def _intents(self, ts: int, order: object) -> Sequence[OrderIntent]:
        if isinstance(order, Target):
            return self._plans.targeted(ts, order)
        if isinstance(order, PlaceOrder):
            return self._plans.placed(ts, _without_display(order))
        raise ValueError(f"expected a PlaceOrder or a Target; got {type(order).__name__}")


def work_request(ts: int, order: Order, algorithm: Algorithm, *, lot_size: Decimal) -> ExecutionRequested:
    """The request to work an order. If the rest is cancelled at the end, the order is good till then."""
    if order.time_in_force is not TimeInForce.GTC:
        given = order.time_in_force.value
        raise ValueError(f"an order worked in parts is gtc and ends with its algorithm; got {given}")
    terms = _terms_of(ts, algorithm, lot_size)
    leftover = choice(Leftover, algorithm.leftover, "leftover")
    if terms.end_ts and leftover is Leftover.CANCEL:
        order = msgspec.structs.replace(order, time_in_force=TimeInForce.GTD, expire_ts=terms.end_ts)
    return ExecutionRequested(ts, order, terms)


def _terms_of(ts: int, algorithm: object, lot_size: Decimal) -> AlgorithmTerms:
    match algorithm:
        case Twap(steps=steps):
            return _terms(AlgorithmKind.TWAP, ts, algorithm, weights=(ONE,) * _steps(steps))
        case Vwap(weights=given):
            weights = tuple(exact_number(weight, "weight") for weight in islice(given, MAX_STEPS + 1))
            if len(weights) > MAX_STEPS:
                raise ValueError(f"weights: expected at most {MAX_STEPS:,}")
            return _terms(AlgorithmKind.VWAP, ts, algorithm, weights=weights)
        case Participation(rate=rate, part_quantity=quantity):
            return msgspec.structs.replace(
                _terms(AlgorithmKind.PARTICIPATION, ts, algorithm),
                rate=exact_number(rate, "rate"),
                display_quantity=exact_number(quantity, "part_quantity") // lot_size * lot_size,
            )
        case Iceberg(display_quantity=quantity):
            return msgspec.structs.replace(
                _terms(AlgorithmKind.ICEBERG, ts, algorithm), display_quantity=to_lots(quantity, lot_size)
            )
        case _:
            kinds = ", ".join(kind.__name__ for kind in Algorithm.__args__)
            raise ValueError(f"expected one of {kinds}; got {type(algorithm).__name__}")


def _terms(
    kind: AlgorithmKind, ts: int, algorithm: Algorithm, *, weights: tuple[Decimal, ...] = ()
) -> AlgorithmTerms:
    """Kind, times and weights. A start in the past becomes now."""
    start_ts = 0 if isinstance(algorithm, Iceberg) else nanoseconds(algorithm.start_ts, "start_ts")
    start_ts = max(ts, start_ts)
    duration_ns = int(exact_number(algorithm.duration_s, "duration_s") * SECOND_NS)
    if duration_ns < 0 or (duration_ns == 0 and kind in (AlgorithmKind.TWAP, AlgorithmKind.VWAP)):
        raise ValueError(f"duration_s {algorithm.duration_s} is not above 0")
    end_ts = nanoseconds(start_ts + duration_ns, "the end") if duration_ns else 0
    return AlgorithmTerms(kind, start_ts, end_ts, weights)


def _steps(steps: object) -> int:
    count = nanoseconds(steps, "steps") if isinstance(steps, int) else 0
    if not 1 <= count <= MAX_STEPS:
        raise ValueError(f"steps {steps!r} is not a whole number between 1 and {MAX_STEPS}")
    return count


def _without_display(order: PlaceOrder) -> PlaceOrder:
    """The order without a display quantity, because its parts are small already."""
    if order.display_quantity is None:
        return order
    return msgspec.structs.replace(order, display_quantity=None)
