"""Schedules of worked orders: the quantity that is due, and the times of steps. Pure functions."""

from decimal import Decimal

from components.execution.work import ZERO, Work
from kernel.events import AlgorithmKind, AlgorithmTerms, Order, OrderType

MAX_PARTS = 1_000
"""Largest number of steps, or parts of an iceberg, of one order.

Each costs some events, and in the worst case all are sent at the same instant.
"""

TIMED = frozenset({AlgorithmKind.TWAP, AlgorithmKind.VWAP})
"""Algorithms that send a part at each step of time."""


def steps_begun(terms: AlgorithmTerms, ts: int) -> int:
    """The number of steps that have begun at ``ts``. The first begins at the start of the order."""
    steps = len(terms.weights)
    begun = (ts - terms.start_ts) * steps // (terms.end_ts - terms.start_ts) + 1
    while begun < steps and step_ts(terms, begun) <= ts:  # steps begin on whole ns, rounded down
        begun += 1
    return max(0, min(steps, begun))


def step_ts(terms: AlgorithmTerms, step: int) -> int:
    """The time at which a step begins, counted from 0. The step after the last one is the end."""
    return terms.start_ts + (terms.end_ts - terms.start_ts) * step // len(terms.weights)


def quantity_due(work: Work, *, lot_size: Decimal, minimum: Decimal) -> Decimal:
    """The quantity of the next part, in whole lots; 0 if none is due.

    Never more than the unsent quantity. A quantity below ``minimum`` waits for the next part. If less than
    ``minimum`` would remain after a part, the part includes the rest.
    """
    unsent = work.unsent_quantity
    due = min(unsent, _wanted(work))
    due = due // lot_size * lot_size
    if unsent - due < max(minimum, lot_size) and due > 0 and _may_round_up(work):
        due = unsent // lot_size * lot_size
    return due if due > 0 and due >= minimum else ZERO


def _wanted(work: Work) -> Decimal:
    terms = work.terms
    match terms.kind:
        case AlgorithmKind.TWAP | AlgorithmKind.VWAP:
            return _scheduled(work) - work.filled_quantity - work.working_quantity
        case AlgorithmKind.PARTICIPATION:
            wanted = terms.rate * work.volume
            return wanted if wanted >= min(terms.display_quantity, work.unsent_quantity) else ZERO
        case AlgorithmKind.ICEBERG:
            return terms.display_quantity


def _scheduled(work: Work) -> Decimal:
    """The quantity that should be filled at the end of the present step; all of it in the last one."""
    weights = work.terms.weights
    if work.steps_begun >= len(weights):
        return work.order.quantity
    return work.order.quantity * sum(weights[: work.steps_begun], ZERO) / sum(weights, ZERO)


def _may_round_up(work: Work) -> bool:
    """Whether a part may be larger than the schedule. Not for participation: its rate is a maximum."""
    return work.terms.kind is not AlgorithmKind.PARTICIPATION


def misfit_of(order: Order, terms: AlgorithmTerms) -> str:
    """The reason why an order cannot be worked on these terms, as a sentence; empty if it can."""
    if order.order_type not in (OrderType.MARKET, OrderType.LIMIT):
        return f"only market and limit orders are worked in parts, not {order.order_type.value}"
    if order.parent_id or order.group_id:
        return "an order worked in parts belongs to no other order and to no group"
    if terms.end_ts and terms.end_ts <= terms.start_ts:
        return f"its end, {terms.end_ts}, is not after its start, {terms.start_ts}"
    match terms.kind:
        case AlgorithmKind.TWAP | AlgorithmKind.VWAP:
            return _misfit_of_steps(terms)
        case AlgorithmKind.PARTICIPATION:
            fits = 0 < terms.rate <= 1 and terms.display_quantity >= 0
            return "" if fits else f"a rate of participation is above 0 and at most 1, not {terms.rate}"
        case AlgorithmKind.ICEBERG:
            return _misfit_of_iceberg(order, terms.display_quantity)


def _misfit_of_steps(terms: AlgorithmTerms) -> str:
    steps = len(terms.weights)
    if not terms.end_ts:
        return f"a {terms.kind.value} needs an end"
    if not 1 <= steps <= MAX_PARTS:
        return f"{steps} steps are not between 1 and {MAX_PARTS}"
    if steps > terms.end_ts - terms.start_ts:
        return f"{steps} steps do not fit between its start and its end"
    if any(weight < 0 for weight in terms.weights) or not any(terms.weights):
        return "weights are at least 0, and one of them above it"
    return ""


def _misfit_of_iceberg(order: Order, shown: Decimal) -> str:
    if order.limit_price is None:
        return "an iceberg is a limit order"
    if shown <= 0:
        return f"an iceberg shows more than {shown}"
    parts = -(-order.quantity // shown)
    return f"{parts} parts of {shown} are more than {MAX_PARTS}" if parts > MAX_PARTS else ""
