"""Makes requests to work an order in parts, with the algorithm's terms in ns and ``Decimal``.

The execution component checks whether the terms make sense for the order.
"""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import islice

import msgspec

from components.strategy_host.order_plans import OrderPlans
from components.strategy_host.order_terms import DISPLAY
from components.strategy_host.plain_values import (
    choice,
    cut_words,
    exact_number,
    joined,
    nanoseconds,
    to_lots,
)
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

    def __init__(
        self, plans: OrderPlans, instrument: Callable[[str], InstrumentDefined], *, records_cuts: bool
    ) -> None:
        self._plans = plans
        self._instrument = instrument
        self._records_cuts = records_cuts

    def requested(self, ts: int, wanted: Execute) -> Sequence[ExecutionRequested]:
        """The request to work an order; no request for a target that is already reached."""
        intents = self._intents(ts, wanted.order)
        if len(intents) > 1 and isinstance(wanted.order, Target):
            raise ValueError(
                "in hedging mode this target closes one leg and opens the other with two orders: work each "
                "of them for itself"
            )
        if len(intents) > 1:
            raise ValueError("an order worked in parts takes no attached exits; send them on its fills")
        return [
            work_request(
                ts,
                intent.order,
                wanted.algorithm,
                lot_size=self._instrument(intent.order.symbol).lot_size,
                asked=intent.asked,
                records_cuts=self._records_cuts,
            )
            for intent in intents
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


def work_request(
    ts: int,
    order: Order,
    algorithm: Algorithm,
    *,
    lot_size: Decimal,
    asked: str = "",
    records_cuts: bool = False,
) -> ExecutionRequested:
    """The request to work an order. If the rest is cancelled at the end, the order is good till then.

    - ``asked``: the order's quantity in the words of the decision.
    - ``records_cuts``: as for ``Sizes``.
    """
    if order.time_in_force is not TimeInForce.GTC:
        given = order.time_in_force.value
        raise ValueError(f"an order worked in parts is gtc and ends with its algorithm; got {given}")
    terms = _terms_of(ts, algorithm, lot_size)
    leftover = choice(Leftover, algorithm.leftover, "leftover")
    if terms.end_ts and leftover is Leftover.CANCEL:
        order = msgspec.structs.replace(order, time_in_force=TimeInForce.GTD, expire_ts=terms.end_ts)
    if not records_cuts:
        return ExecutionRequested(ts, order, terms)
    return ExecutionRequested(ts, order, terms, joined(asked, _cut_parts(algorithm, terms, lot_size)))


def _cut_parts(algorithm: Algorithm, terms: AlgorithmTerms, lot_size: Decimal) -> str:
    """The words for a part quantity that was cut to whole lots. Raises ``ValueError`` below one lot."""
    match algorithm:
        case Iceberg(display_quantity=quantity):
            return cut_words(DISPLAY, quantity, terms.display_quantity)
        case Participation(part_quantity=quantity) if quantity:
            if terms.display_quantity <= 0:
                raise ValueError(f"part_quantity {quantity!r} is less than one lot of {lot_size:f}")
            return cut_words("part quantity", quantity, terms.display_quantity)
        case _:
            return ""


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
