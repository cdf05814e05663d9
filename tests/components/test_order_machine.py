"""Any sequence of requests and reports, however absurd, leaves orders that add up."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from components.orders.lifecycle import ANSWERS_A_REPLACEMENT, TERMINAL, TRANSITIONS
from kernel.events import (
    CancelAllOrders,
    CancelSubmitted,
    Event,
    ExecutionKind,
    FillCorrected,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderStatus,
    TransitionRefused,
)
from tests.components.order_flow import OrderFlow

KEYS = st.sampled_from("abc")
FILL_IDS = st.sampled_from(["f1", "f2", "f3", "f4"])
AMOUNTS = st.sampled_from(["1", "2.5", "5", "10", "11"])
FILL_KINDS = (ExecutionKind.FILL, ExecutionKind.FILL_CORRECTED, ExecutionKind.FILL_BUSTED)
OTHER_KINDS = st.sampled_from([kind for kind in ExecutionKind if kind not in FILL_KINDS])


class OrderMachine(RuleBasedStateMachine):
    """Three order ids.

    - ``booked``: what the events say was filled, by order and fill id.
    - ``to_cancel``: the orders that somebody wants cancelled.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flow = OrderFlow()
        self.known: set[str] = set()
        self.booked: dict[str, dict[str, Decimal]] = {}
        self.to_cancel: set[str] = set()

    @rule(key=KEYS, quantity=AMOUNTS)
    def approve(self, key: str, quantity: str) -> None:
        if key not in self.known:
            self.known.add(key)
            self.flow.approve(key, quantity=quantity)

    @rule(key=KEYS)
    def cancel(self, key: str) -> None:
        self.flow.cancel(key)
        self.to_cancel.add(key)

    @rule()
    def cancel_all(self) -> None:
        self.flow.hear(CancelAllOrders(0, "op"))
        self.to_cancel |= self.known

    @rule(key=KEYS, quantity=AMOUNTS)
    def replace(self, key: str, quantity: str) -> None:
        self.flow.replace(key, quantity=quantity)

    @rule(key=KEYS, kind=OTHER_KINDS, broker_order_id=st.sampled_from(["", "b1", "b2"]))
    def report(self, key: str, kind: ExecutionKind, broker_order_id: str) -> None:
        old = self._status(key)
        before = self._state()

        events = self.flow.report(key, kind, broker_order_id=broker_order_id)

        if self._check_refusal(events, before) or old is None:
            return
        new, listed = self._status(key), TRANSITIONS[old, kind]
        settled = (OrderStatus.PARTIALLY_FILLED, OrderStatus.PENDING_REPLACE, OrderStatus.FILLED)
        is_settled = listed is OrderStatus.ACCEPTED or kind in ANSWERS_A_REPLACEMENT
        event, is_cancelled = self._split(events, key)
        assert new is listed or (is_settled and new in settled) or is_cancelled
        if isinstance(event, OrderCancelled | OrderExpired):
            assert event.leaves_quantity == self._leaves(key)

    @rule(key=KEYS, fill_id=FILL_IDS, quantity=AMOUNTS, kind=st.sampled_from(FILL_KINDS))
    def fill(self, key: str, fill_id: str, quantity: str, kind: ExecutionKind) -> None:
        before, booked = self._state(), self.booked.setdefault(key, {})
        amount = None if kind is ExecutionKind.FILL_BUSTED else quantity

        events = self.flow.fill(key, fill_id, amount, kind=kind)

        if self._check_refusal(events, before):
            return
        event, _ = self._split(events, key)
        if isinstance(event, OrderFilled):
            assert fill_id not in booked
            booked[fill_id] = event.quantity
            assert event.leaves_quantity == self._leaves(key) >= 0
        else:
            assert isinstance(event, FillCorrected)
            assert event.old_quantity == booked[fill_id]
            booked[fill_id] = event.quantity

    @invariant()
    def what_is_filled_is_what_was_booked_and_never_too_much(self) -> None:
        for key in self.known:
            entry = self.flow.entry(key)
            assert entry.filled_quantity == sum(self.booked.get(key, {}).values(), Decimal(0))
            assert 0 <= entry.filled_quantity <= entry.order.quantity

    @invariant()
    def finished_orders_are_closed_and_all_others_open(self) -> None:
        state = self.flow.orders.state
        assert not state.open.keys() & state.closed.keys()
        assert {str(key) for key in (*state.open, *state.closed)} == self.known
        assert all(entry.status not in TERMINAL for entry in state.open.values())
        assert all(entry.status in TERMINAL for entry in state.closed.values())

    @invariant()
    def a_complete_order_is_filled(self) -> None:
        for key in self.known:
            entry = self.flow.entry(key)
            if entry.filled_quantity == entry.order.quantity:
                assert entry.status is OrderStatus.FILLED

    def _split(self, events: Sequence[Event], key: str) -> tuple[Event, bool]:
        """What a report became, and whether a cancel that was asked for earlier followed."""
        event, *followed = events
        if followed:
            assert [type(one) for one in followed] == [CancelSubmitted]
            assert key in self.to_cancel
            assert self._status(key) is OrderStatus.PENDING_CANCEL
        return event, bool(followed)

    def _check_refusal(self, events: Sequence[Event], before: bytes) -> bool:
        """Whether the report was refused, in which case nothing may have changed."""
        if not isinstance(events[0], TransitionRefused):
            return False
        assert len(events) == 1
        assert self._state() == before
        return True

    def _state(self) -> bytes:
        return msgspec.msgpack.encode(self.flow.orders.state)

    def _status(self, key: str) -> OrderStatus | None:
        return self.flow.status(key) if key in self.known else None

    def _leaves(self, key: str) -> Decimal:
        entry = self.flow.entry(key)
        return entry.order.quantity - sum(self.booked.get(key, {}).values(), Decimal(0))


TestOrderMachine = OrderMachine.TestCase
TestOrderMachine.settings = settings(stateful_step_count=40)
