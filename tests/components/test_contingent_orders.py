"""Orders that wait for each other or cancel each other, and orders held here, through the orders alone."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from components.orders.state import OrdersState
from kernel.events import (
    ApprovedOrder,
    CancelAllOrders,
    CancelSubmitted,
    CorporateAction,
    CorporateActionKind,
    Event,
    ExecutionKind,
    ExecutionReport,
    ExpireOrderIntent,
    HeldOrderTriggered,
    HoldReason,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderHeld,
    OrderReplaced,
    OrderStatus,
    OrderSubmitted,
    OrderTriggered,
    OrderType,
    ReplaceSubmitted,
    TimeInForce,
    TransitionRefused,
    VenueFeature,
)
from kernel.identifiers import ClientOrderId
from kernel.state import put_fields
from tests.components.order_flow import OrderFlow, approved, child, member, only

S, K = OrderStatus, ExecutionKind
EXITS = (child("sl", "p", group="g"), child("tp", "p", stop=60, group="g"))


def names(events: Sequence[Event]) -> list[str]:
    """What happened to whom."""
    return [f"{type(event).__name__} {_key(event)}" for event in events]


def _key(event: Event) -> str:
    order: ApprovedOrder | None = getattr(event, "order", None)
    key: str = getattr(event if order is None else order, "client_order_id")  # noqa: B009  # of any event
    return key


def waiting_flow(*children: ApprovedOrder, lacks: tuple[VenueFeature, ...] = ()) -> OrderFlow:
    """An accepted parent of 100 and orders that wait for it."""
    flow = OrderFlow(*lacks)
    flow.send(approved("p"), *children)
    flow.report("p", K.ACCEPTED)
    return flow


# --- one triggers other -----------------------------------------------------------------------


def test_an_order_that_waits_for_its_parent_is_held() -> None:
    flow = OrderFlow()

    events = flow.send(approved("p"), child("c", "p"))

    held = events[1]
    assert names(events) == ["OrderSubmitted p", "OrderHeld c"]
    assert isinstance(held, OrderHeld)
    assert (held.reason, flow.status("c"), flow.is_open("c")) == (HoldReason.PARENT, S.PENDING, True)


def test_children_are_sent_when_their_parent_is_filled() -> None:
    flow = waiting_flow(*EXITS)

    part, rest = flow.fill("p", "f1", 40), flow.fill("p", "f2", 60)

    assert names(part) == ["OrderFilled p"]
    assert names(rest) == ["OrderFilled p", "OrderSubmitted sl", "OrderSubmitted tp"]


@pytest.mark.parametrize("end", [K.CANCELLED, K.EXPIRED])
def test_a_parent_that_ends_with_a_part_filled_sends_its_children_for_that_part(end: ExecutionKind) -> None:
    flow = waiting_flow(child("c", "p"))
    flow.fill("p", "f1", 40)

    events = flow.report("p", end)

    submitted = events[-1]
    assert names(events)[1:] == ["OrderReplaced c", "OrderSubmitted c"]
    assert isinstance(submitted, OrderSubmitted)
    assert submitted.order.quantity == 40


@pytest.mark.parametrize("end", [K.CANCELLED, K.EXPIRED, K.REJECTED])
def test_a_parent_that_ends_with_nothing_filled_cancels_its_children(end: ExecutionKind) -> None:
    flow = waiting_flow(*EXITS)

    events = flow.report("p", end)

    assert names(events)[1:] == ["OrderCancelled sl", "OrderCancelled tp"]
    assert (flow.status("sl"), flow.is_open("tp")) == (S.CANCELLED, False)


def test_grandchildren_go_with_their_parent() -> None:
    flow = waiting_flow(child("c", "p"), child("gc", "c"))

    events = flow.report("p", K.REJECTED)

    assert names(events)[1:] == ["OrderCancelled c", "OrderCancelled gc"]


def test_a_child_of_an_order_that_does_not_exist_is_cancelled() -> None:
    flow = OrderFlow()

    cancelled = only(flow.send(child("c", "nobody")), OrderCancelled)

    assert cancelled.reason == "parent nobody is no order"


def test_a_child_that_comes_after_its_parent_was_filled_is_sent() -> None:
    flow = OrderFlow()
    flow.send(approved("p"))
    flow.fill("p", "f1", 100)

    assert names(flow.send(child("c", "p"))) == ["OrderSubmitted c"]


def test_an_exit_grows_with_a_parent_that_was_replaced_by_a_larger_order_and_others_do_not() -> None:
    other = msgspec.structs.replace(child("other", "p"), symbol="B")
    flow = waiting_flow(child("exit", "p"), other)
    flow.replace("p", quantity=150)
    flow.report("p", K.REPLACED)

    events = flow.fill("p", "f1", 150)

    quantities = {e.order.client_order_id: e.order.quantity for e in events if isinstance(e, OrderSubmitted)}
    assert quantities == {"exit": Decimal(150), "other": Decimal(100)}


def test_part_of_a_lot_is_cancelled_rather_than_sent() -> None:
    flow = waiting_flow(child("c", "p", quantity=1))
    flow.fill("p", "f1", 40)

    events = flow.report("p", K.CANCELLED)

    assert names(events)[1:] == ["OrderCancelled c"]


# --- held orders ------------------------------------------------------------------------------


def test_a_held_order_is_cancelled_here_at_once() -> None:
    flow = waiting_flow(child("c", "p"))

    cancelled = only(flow.cancel("c"), OrderCancelled)

    assert (cancelled.leaves_quantity, flow.status("c")) == (Decimal(100), S.CANCELLED)
    assert names(flow.fill("p", "f1", 100)) == ["OrderFilled p"]


def test_a_held_order_takes_new_terms_here_at_once() -> None:
    flow = waiting_flow(child("c", "p"))

    replaced = only(flow.replace("c", quantity=70), OrderReplaced)

    assert (replaced.order.quantity, flow.status("c")) == (Decimal(70), S.PENDING)


def test_cancelling_all_orders_ends_held_ones_and_asks_for_the_others() -> None:
    flow = waiting_flow(*EXITS)

    events = flow.hear(CancelAllOrders(0, "op"))

    assert names(events) == ["CancelSubmitted p", "OrderCancelled sl", "OrderCancelled tp"]


@pytest.mark.parametrize("kind", [kind for kind in K if kind is not K.FILL])
def test_no_report_of_a_held_order_is_true(kind: ExecutionKind) -> None:
    flow = waiting_flow(child("c", "p"))
    before = msgspec.msgpack.encode(flow.orders.state)

    only(flow.report("c", kind), TransitionRefused)
    only(flow.fill("c", "f1", 10), TransitionRefused)

    assert msgspec.msgpack.encode(flow.orders.state) == before


def test_the_gate_is_asked_when_a_held_order_is_released() -> None:
    flow = waiting_flow(child("c", "p"), child("gc", "c"))
    flow.shut = "trading is halted"

    events = flow.fill("p", "f1", 100)

    denied = events[1]
    assert names(events)[1:] == ["OrderDenied c", "OrderCancelled gc"]
    assert isinstance(denied, OrderDenied)
    assert (denied.rule, denied.reason, flow.status("c")) == ("trading_state", "trading is halted", S.DENIED)


def test_the_gate_is_asked_of_every_order_at_its_approval() -> None:
    flow = OrderFlow()
    flow.shut = "trading is halted"

    assert names(flow.send(approved("o"))) == ["OrderDenied o"]


def test_a_fill_of_an_order_that_was_denied_is_refused() -> None:
    flow = OrderFlow()
    flow.shut = "trading is halted"
    flow.send(approved("o"))

    only(flow.fill("o", "f1", 1), TransitionRefused)


def test_a_child_whose_time_is_over_when_its_parent_fills_expires() -> None:
    late = msgspec.structs.replace(child("c", "p"), time_in_force=TimeInForce.GTD, expire_ts=5)
    flow = waiting_flow(late)

    events = flow.hear(
        ExecutionReport(9, K.FILL, ClientOrderId("p"), "A", quantity=Decimal(100), price=Decimal(50))
    )

    assert names(events) == ["OrderFilled p", "OrderExpired c"]


def test_an_emulated_order_is_sent_as_it_was_triggered_under_its_own_id() -> None:
    flow = OrderFlow()
    flow.held_types = frozenset({OrderType.STOP})
    stop = child("o", "")
    flow.send(stop)
    as_market = msgspec.structs.replace(stop, order_type=OrderType.MARKET, stop_price=None)

    events = flow.hear(HeldOrderTriggered(0, as_market))

    assert names(events) == ["OrderTriggered o", "OrderSubmitted o"]
    assert isinstance(events[0], OrderTriggered)
    assert flow.entry("o").order == as_market


def test_a_trigger_of_an_order_that_was_cancelled_meanwhile_does_nothing() -> None:
    flow = OrderFlow()
    flow.held_types = frozenset({OrderType.STOP})
    flow.send(child("o", ""))
    flow.cancel("o")

    assert flow.hear(HeldOrderTriggered(0, child("o", ""))) == []


def test_a_cancel_that_emulation_asked_for_is_an_expiry() -> None:
    flow = OrderFlow()
    flow.approve("o")
    flow.report("o", K.ACCEPTED)

    asked = flow.hear(ExpireOrderIntent(0, ClientOrderId("o")))
    ended = flow.report("o", K.CANCELLED)

    assert names(asked) == ["CancelSubmitted o"]
    assert (names(ended), flow.status("o")) == (["OrderExpired o"], S.EXPIRED)


def test_an_expiry_that_could_not_be_asked_for_is_asked_for_as_soon_as_it_can_be() -> None:
    flow = OrderFlow()
    flow.approve("o")
    flow.report("o", K.UNKNOWN)

    assert flow.hear(ExpireOrderIntent(0, ClientOrderId("o"))) == []
    assert names(flow.report("o", K.ACCEPTED)) == ["OrderAccepted o", "CancelSubmitted o"]


def test_a_held_order_expires_at_once() -> None:
    flow = waiting_flow(child("c", "p"))

    only(flow.hear(ExpireOrderIntent(0, ClientOrderId("c"))), OrderExpired)


# --- one cancels other ------------------------------------------------------------------------


def group_flow(*lacks: VenueFeature) -> OrderFlow:
    """Two accepted orders of 100 of which one cancels the other."""
    flow = OrderFlow(*lacks)
    flow.send(member("a", "g"), member("b", "g", limit=70))
    for key in ("a", "b"):
        flow.report(key, K.ACCEPTED)
    return flow


def test_a_venue_that_knows_groups_is_left_to_it() -> None:
    flow = group_flow()

    assert names(flow.fill("a", "f1", 100)) == ["OrderFilled a"]
    assert names(flow.report("b", K.CANCELLED)) == ["OrderCancelled b"]


def test_a_venue_that_knows_no_groups_gets_orders_without_one() -> None:
    flow = OrderFlow(VenueFeature.OCO)

    submitted = only(flow.send(member("a", "g")), OrderSubmitted)

    assert submitted.order.group_id == ""
    assert flow.entry("a").order.group_id == "g"


def test_a_complete_fill_cancels_the_others() -> None:
    flow = group_flow(VenueFeature.OCO)

    events = flow.fill("a", "f1", 100)

    assert names(events) == ["OrderFilled a", "CancelSubmitted b"]


def test_a_fill_in_part_makes_the_others_smaller_by_as_much() -> None:
    flow = group_flow(VenueFeature.OCO)

    events = flow.fill("a", "f1", 30)

    asked = events[1]
    assert isinstance(asked, ReplaceSubmitted)
    assert (asked.order.client_order_id, asked.order.quantity) == ("b", Decimal(70))
    flow.report("b", K.REPLACED)
    assert names(flow.fill("a", "f2", 70)) == ["OrderFilled a", "CancelSubmitted b"]


def test_fills_while_a_replacement_is_under_way_are_taken_off_after_it() -> None:
    flow = group_flow(VenueFeature.OCO)
    flow.fill("a", "f1", 30)

    assert names(flow.fill("a", "f2", 20)) == ["OrderFilled a"]
    events = flow.report("b", K.REPLACED)

    asked = events[1]
    assert isinstance(asked, ReplaceSubmitted)
    assert asked.order.quantity == 50


def test_an_order_not_yet_accepted_is_made_smaller_once_it_is() -> None:
    flow = OrderFlow(VenueFeature.OCO)
    flow.send(member("a", "g"), member("b", "g", limit=70))

    assert names(flow.fill("a", "f1", 30)) == ["OrderFilled a"]
    assert names(flow.report("b", K.ACCEPTED)) == ["OrderAccepted b", "ReplaceSubmitted b"]


def test_a_reduction_that_the_venue_refuses_becomes_a_cancel_and_is_asked_for_once() -> None:
    flow = group_flow(VenueFeature.OCO)
    flow.fill("a", "f1", 30)

    refused = flow.report("b", K.REPLACE_REJECTED)

    assert names(refused) == ["ReplaceRejected b", "CancelSubmitted b"]
    assert names(flow.report("b", K.CANCEL_REJECTED)) == ["CancelRejected b"]


def test_a_venue_that_cannot_replace_is_asked_to_cancel() -> None:
    flow = group_flow(VenueFeature.OCO, VenueFeature.REPLACE)

    assert names(flow.fill("a", "f1", 30)) == ["OrderFilled a", "CancelSubmitted b"]


def test_a_held_member_is_made_smaller_and_cancelled_here() -> None:
    flow = OrderFlow()
    flow.held_types = frozenset({OrderType.STOP})
    flow.send(member("tp", "g"), child("sl", "", group="g"))

    part, rest = flow.fill("tp", "f1", 30), flow.fill("tp", "f2", 70)

    assert names(part) == ["OrderFilled tp", "OrderReplaced sl"]
    assert names(rest) == ["OrderFilled tp", "OrderCancelled sl"]
    assert flow.orders.state.groups == {}


def test_a_member_that_is_cancelled_leaves_the_others_as_they_are() -> None:
    flow = group_flow(VenueFeature.OCO)

    assert names(flow.report("a", K.CANCELLED)) == ["OrderCancelled a"]
    assert flow.status("b") is S.ACCEPTED


def test_a_late_fill_of_a_cancelled_member_is_taken_off_the_others() -> None:
    flow = group_flow(VenueFeature.OCO)
    flow.report("a", K.CANCELLED)

    assert names(flow.fill("a", "f1", 100)) == ["OrderFilled a", "CancelSubmitted b"]


def test_a_cancel_refused_while_a_reduction_was_owed_is_followed_by_the_reduction() -> None:
    flow = group_flow(VenueFeature.OCO)
    flow.cancel("b")
    flow.fill("a", "f1", 30)

    events = flow.report("b", K.CANCEL_REJECTED)

    assert names(events) == ["CancelRejected b", "ReplaceSubmitted b"]


def test_what_an_order_owes_its_group_is_restated_by_a_split() -> None:
    """30 of 100 are owed; at two for one 60 of 200."""
    flow = group_flow(VenueFeature.OCO)
    flow.cancel("b")
    flow.fill("a", "f1", 30)
    flow.hear(CorporateAction(0, "A", CorporateActionKind.SPLIT, Decimal(2)))

    (_, asked) = flow.report("b", K.CANCEL_REJECTED)

    assert isinstance(asked, ReplaceSubmitted)
    assert asked.order.quantity == 140


def test_an_emulated_stop_of_a_group_takes_the_others_off_before_it_is_sent() -> None:
    flow = OrderFlow(VenueFeature.OCO)
    flow.held_types = frozenset({OrderType.STOP})
    stop = child("sl", "", group="g")
    flow.send(member("tp", "g"), stop)
    flow.report("tp", K.ACCEPTED)

    as_market = msgspec.structs.replace(stop, order_type=OrderType.MARKET, stop_price=None)
    sent = flow.hear(HeldOrderTriggered(0, as_market))

    assert names(sent) == ["OrderTriggered sl", "CancelSubmitted tp", "OrderSubmitted sl"]
    assert names(flow.fill("sl", "f1", 100)) == ["OrderFilled sl"]


# --- what a venue restates --------------------------------------------------------------------


def restating(quantity: str | None, limit: str | None = None) -> ExecutionReport:
    return ExecutionReport(
        0,
        K.REPLACED,
        ClientOrderId("o"),
        "A",
        quantity=None if quantity is None else Decimal(quantity),
        limit_price=None if limit is None else Decimal(limit),
    )


def test_terms_that_a_venue_restates_unasked_hold() -> None:
    flow = OrderFlow()
    flow.approve("o")
    flow.report("o", K.ACCEPTED)

    replaced = only(flow.hear(restating("60")), OrderReplaced)

    assert (replaced.order.quantity, replaced.order.limit_price) == (Decimal(60), Decimal(50))
    assert only(flow.fill("o", "f1", 10), OrderFilled).leaves_quantity == 50


def test_the_venues_own_terms_win_over_those_asked_for() -> None:
    flow = OrderFlow()
    flow.approve("o")
    flow.report("o", K.ACCEPTED)
    flow.replace("o", quantity=150, limit=51)

    replaced = only(flow.hear(restating("140", "51.5")), OrderReplaced)

    assert (replaced.order.quantity, replaced.order.limit_price) == (Decimal(140), Decimal("51.5"))


# --- state ------------------------------------------------------------------------------------


def test_the_state_of_waiting_and_grouped_orders_is_read_back_as_it_was() -> None:
    flow = waiting_flow(*EXITS, lacks=(VenueFeature.OCO,))
    encoded = msgspec.msgpack.encode(flow.orders.state)

    put_fields(flow.orders.state, msgspec.msgpack.decode(encoded, type=OrdersState))

    assert msgspec.msgpack.encode(flow.orders.state) == encoded
    submitted = flow.fill("p", "f1", 100)[1]
    assert isinstance(submitted, OrderSubmitted)
    assert isinstance(submitted.order, ApprovedOrder)


def test_nothing_is_remembered_of_families_and_groups_that_are_done() -> None:
    flow = waiting_flow(*EXITS)
    flow.fill("p", "f1", 100)
    for key in ("sl", "tp"):
        flow.report(key, K.CANCELLED)

    assert (flow.orders.state.children, flow.orders.state.groups) == ({}, {})
    assert not any(isinstance(event, CancelSubmitted) for event in flow.fill("sl", "late", 10))
