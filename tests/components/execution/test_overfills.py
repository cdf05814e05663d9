"""Whatever venue, risk and operator do, a worked order never fills more than was asked for."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.execution.work import ExecutionState, Part
from kernel import snapshot
from kernel.events import AlgorithmKind, CancelExecutionIntent, ExecutionFinished, OrderIntent
from tests.components.execution.worked import PARENT, STRATEGY, Desk

QUANTITY = 50
END = 100
Step = tuple[str, int, int]

WORKINGS: dict[str, Callable[[Desk], object]] = {
    "twap": lambda desk: desk.work(AlgorithmKind.TWAP, QUANTITY, end_ts=END, weights=(1,) * 7),
    "vwap, completed": lambda desk: desk.work(
        AlgorithmKind.VWAP, QUANTITY, end_ts=END, weights=(4, 0, 1, 3), limit=9, until_end=False
    ),
    "participation": lambda desk: desk.work(
        AlgorithmKind.PARTICIPATION, QUANTITY, end_ts=END, rate="0.4", until_end=False
    ),
    "iceberg": lambda desk: desk.work(AlgorithmKind.ICEBERG, QUANTITY, shown=7, limit=9),
}

VERBS = (
    "fill",
    "fill",
    "fill",
    "cancelled",
    "time",
    "trade",
    "cancel_rejected",
    "rejected",
    "denied",
    "stop",
)
steps = st.lists(st.tuples(st.sampled_from(VERBS), st.integers(0, 30), st.integers(1, 20)), max_size=40)


def take(desk: Desk, step: Step) -> None:
    """One thing that a venue, risk, the market or a strategy may do."""
    verb, choice, amount = step
    now = desk.bus.state.now
    open_parts = sorted(int(key.rpartition("-")[2]) for key in desk.open)
    if verb == "time":
        desk.advance(now + amount)
    elif verb == "trade":
        desk.trade(now + 1, float(amount))
    elif verb == "stop" and choice == 0:
        desk.hear(CancelExecutionIntent(now, PARENT, STRATEGY, "A"))
    elif open_parts:
        part = open_parts[choice % len(open_parts)]
        if verb == "fill":
            desk.fill(part, min(Decimal(amount), desk.leaves[desk.key(part)]))
        elif verb == "cancelled":
            desk.cancelled(part)
        elif verb == "cancel_rejected":
            desk.cancel_rejected(part)
        elif choice == 0 and verb in ("rejected", "denied"):
            getattr(desk, verb)(part)


@pytest.mark.parametrize("working", WORKINGS)
@given(steps)
def test_filled_and_working_never_exceed_the_order(working: str, script: list[Step]) -> None:
    desk = Desk()
    WORKINGS[working](desk)

    for step in script:
        take(desk, step)

        assert desk.filled + desk.working <= QUANTITY
        assert desk.working == sum(part.leaves_quantity for part in _parts(desk))
    ends = [event for event in desk.log if isinstance(event, ExecutionFinished)]
    assert len(ends) <= 1
    assert all(
        (end.filled_quantity, end.leaves_quantity) == (desk.filled, QUANTITY - desk.filled) for end in ends
    )
    assert not (ends and desk.open)


@pytest.mark.parametrize("working", WORKINGS)
@given(steps, st.lists(st.integers(0, 3), max_size=40))
def test_nothing_is_sent_that_fills_of_ended_parts_took_already(
    working: str, script: list[Step], late: list[int]
) -> None:
    """A venue may fill what it said was cancelled: that is out of our hands, but it is never repeated."""
    desk = Desk()
    WORKINGS[working](desk)

    for step, part in zip(script, late, strict=False):
        desk.log = []
        take(desk, step)
        key = desk.key(part)
        if desk.leaves.get(key, 0) > 0 and key not in desk.open:
            desk.fill(part, 1)
        is_sending = any(isinstance(event, OrderIntent) for event in desk.log)

        assert not is_sending or desk.filled + desk.working <= QUANTITY


@pytest.mark.parametrize("working", WORKINGS)
@given(steps)
def test_a_snapshot_at_any_moment_changes_nothing(working: str, script: list[Step]) -> None:
    straight, restored = Desk(), Desk()
    for desk in (straight, restored):
        WORKINGS[working](desk)

    for step in script:
        take(straight, step)
        snapshot.put_back(restored.bus, snapshot.take(restored.bus))
        take(restored, step)

    assert straight.log == restored.log
    state = msgspec.msgpack.encode(straight.algorithms.state)
    assert msgspec.msgpack.decode(state, type=ExecutionState) == restored.algorithms.state


def _parts(desk: Desk) -> list[Part]:
    return [part for work in desk.algorithms.state.works.values() for part in work.parts.values()]
