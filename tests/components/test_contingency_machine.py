"""Any sequence of approvals, requests and reports of orders that hang together leaves books that add up."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from components.orders.lifecycle import TERMINAL
from components.orders.state import OrderEntry, OrdersState
from kernel.events import (
    CancelAllOrders,
    ComponentFailed,
    CorporateAction,
    CorporateActionKind,
    Event,
    ExecutionKind,
    ExpireOrderIntent,
    HeldOrderTriggered,
    HoldReason,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderHeld,
    OrderRejected,
    OrderStatus,
    OrderSubmitted,
    OrderType,
    ReplaceSubmitted,
    VenueFeature,
)
from kernel.identifiers import ClientOrderId
from tests.components.order_flow import OrderFlow, child, member

KEYS = st.sampled_from("abcdef")
FILL_IDS = st.sampled_from(["f1", "f2", "f3", "f4"])
AMOUNTS = st.sampled_from(["1", "5", "10", "11", "40"])
REPORTS = st.sampled_from([kind for kind in ExecutionKind if not kind.value.startswith("fill")])
LACKS = st.sets(st.sampled_from([VenueFeature.OCO, VenueFeature.REPLACE]))


class ContingencyMachine(RuleBasedStateMachine):
    """Orders of six ids, plain, waiting for another, or in one group.

    ``sent``, ``ended`` and ``filled`` are what the events say.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flow = OrderFlow()
        self.known: set[str] = set()
        self.sent: set[str] = set()
        self.ended: list[str] = []
        self.filled: dict[str, Decimal] = {}

    @initialize(lacks=LACKS, are_stops_held=st.booleans())
    def begin(self, lacks: set[VenueFeature], are_stops_held: bool) -> None:
        self.flow = OrderFlow(*sorted(lacks))
        self.flow.held_types = frozenset({OrderType.STOP} if are_stops_held else ())

    @rule(key=KEYS)
    def approve(self, key: str) -> None:
        if self._is_new(key):
            self._hear(self.flow.approve(key, quantity=10))

    @rule(key=KEYS, parent=KEYS, group=st.sampled_from(["", "g"]))
    def approve_child(self, key: str, parent: str, group: str) -> None:
        if self._is_new(key):
            self._hear(self.flow.send(child(key, parent, quantity=10, group=group)))

    @rule(key=KEYS)
    def approve_member(self, key: str) -> None:
        if self._is_new(key):
            self._hear(self.flow.send(member(key, "g", quantity=10)))

    @rule(key=KEYS)
    def cancel(self, key: str) -> None:
        self._hear(self.flow.cancel(key))

    @rule(key=KEYS)
    def expire(self, key: str) -> None:
        self._hear(self.flow.hear(ExpireOrderIntent(0, ClientOrderId(key))))

    @rule()
    def cancel_all(self) -> None:
        self._hear(self.flow.hear(CancelAllOrders(0, "op")))

    @rule(key=KEYS, quantity=AMOUNTS)
    def replace(self, key: str, quantity: str) -> None:
        self._hear(self.flow.replace(key, quantity=quantity))

    @rule(key=KEYS)
    def trigger(self, key: str) -> None:
        entry = self.flow.orders.state.open.get(ClientOrderId(key))
        if entry is not None and entry.held is HoldReason.EMULATED:
            sent = msgspec.structs.replace(entry.order, order_type=OrderType.MARKET, stop_price=None)
            self._hear(self.flow.hear(HeldOrderTriggered(0, sent)))

    @rule(key=KEYS, kind=REPORTS)
    def report(self, key: str, kind: ExecutionKind) -> None:
        self._hear(self.flow.report(key, kind))

    @rule(key=KEYS, fill_id=FILL_IDS, quantity=AMOUNTS)
    def fill(self, key: str, fill_id: str, quantity: str) -> None:
        self._hear(self.flow.fill(key, fill_id, quantity))

    @rule(is_shut=st.booleans())
    def move_gate(self, is_shut: bool) -> None:
        self.flow.shut = "trading is halted" if is_shut else ""

    @rule(ratio=st.sampled_from(["2", "0.5", "0.05"]))
    def split(self, ratio: str) -> None:
        action = CorporateAction(0, "A", CorporateActionKind.SPLIT, ratio=Decimal(ratio))
        self._hear(self.flow.hear(action))

    @invariant()
    def what_is_filled_is_what_was_reported_and_never_too_much(self) -> None:
        for entry in self._entries():
            assert entry.filled_quantity == self.filled.get(entry.order.client_order_id, Decimal(0))
            assert 0 <= entry.filled_quantity <= entry.order.quantity

    @invariant()
    def pending_orders_are_held_for_a_reason_and_were_never_sent(self) -> None:
        for entry in self._entries():
            is_pending = entry.status is OrderStatus.PENDING
            assert is_pending is (entry.held is not None)
            assert (entry.order.client_order_id in self.sent) is not is_pending or entry.status in TERMINAL

    @invariant()
    def what_waits_for_a_parent_waits_for_one_that_is_open(self) -> None:
        state = self.flow.orders.state
        for parent, children in state.children.items():
            assert parent in state.open
            assert children
        for entry in state.open.values():
            if entry.held is HoldReason.PARENT:
                assert entry.order.client_order_id in state.children[entry.order.parent_id]

    @invariant()
    def groups_hold_open_orders_alone(self) -> None:
        state = self.flow.orders.state
        for group, members in state.groups.items():
            assert members
            assert all(state.open[key].order.group_id == group for key in members)

    @invariant()
    def the_state_is_read_back_as_it_was(self) -> None:
        encoded = msgspec.msgpack.encode(self.flow.orders.state)
        assert msgspec.msgpack.encode(msgspec.msgpack.decode(encoded, type=OrdersState)) == encoded

    def _is_new(self, key: str) -> bool:
        if key in self.known:
            return False
        self.known.add(key)
        return True

    def _hear(self, events: Sequence[Event]) -> None:
        """Every order is sent at most once, ends at most once, and none that waits here trades."""
        for event in events:
            assert not isinstance(event, ComponentFailed), event
            match event:
                case OrderSubmitted(order=order):
                    assert not self.flow.shut
                    assert order.client_order_id not in self.sent
                    self.sent.add(order.client_order_id)
                case ReplaceSubmitted(order=order):
                    assert order.client_order_id in self.sent
                case OrderFilled(client_order_id=key, quantity=quantity):
                    assert key in self.sent or key in self.ended  # a fill is money, whoever is wrong
                    self.filled[key] = self.filled.get(key, Decimal(0)) + quantity
                case OrderCancelled() | OrderExpired() | OrderRejected():
                    self.ended.append(event.client_order_id)
                case OrderDenied(order=order):
                    self.ended.append(order.client_order_id)
                case OrderHeld(order=order):
                    assert order.client_order_id not in self.sent
                case _:
                    pass
        assert len(self.ended) == len(set(self.ended))

    def _entries(self) -> Sequence[OrderEntry]:
        state = self.flow.orders.state
        return [*state.open.values(), *state.closed.values()]


TestContingencyMachine = ContingencyMachine.TestCase
TestContingencyMachine.settings = settings(stateful_step_count=40)
