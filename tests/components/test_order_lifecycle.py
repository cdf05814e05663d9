"""Every row of the order lifecycle, through events: what is listed happens, nothing else does."""

from decimal import Decimal

import msgspec
import pytest

from components.orders.lifecycle import TERMINAL, TRANSITIONS
from components.orders.state import CLOSED_KEPT
from kernel.events import (
    ApprovedOrder,
    CancelAllOrders,
    CancelOrder,
    CancelRejected,
    CancelSubmitted,
    Event,
    ExecutionKind,
    FillCorrected,
    OrderAccepted,
    OrderCancelled,
    OrderExpired,
    OrderFilled,
    OrderRejected,
    OrderReplaced,
    OrderStateUnknown,
    OrderStatus,
    OrderSubmitted,
    OrderTriggered,
    OrderType,
    ReplaceRejected,
    ReplaceSubmitted,
    TransitionRefused,
)
from kernel.identifiers import ClientOrderId, StrategyId
from tests.components.order_flow import OrderFlow, approved, only

S, K = OrderStatus, ExecutionKind
NOT_FILLS = [kind for kind in K if kind not in (K.FILL, K.FILL_CORRECTED, K.FILL_BUSTED)]

LISTED: dict[tuple[str, ExecutionKind], tuple[OrderStatus, type[Event]]] = {
    ("submitted", K.ACCEPTED): (S.ACCEPTED, OrderAccepted),
    ("submitted", K.REJECTED): (S.REJECTED, OrderRejected),
    ("submitted", K.CANCELLED): (S.CANCELLED, OrderCancelled),
    ("submitted", K.EXPIRED): (S.EXPIRED, OrderExpired),
    ("submitted", K.TRIGGERED): (S.ACCEPTED, OrderTriggered),
    ("submitted", K.UNKNOWN): (S.UNKNOWN, OrderStateUnknown),
    ("accepted", K.REJECTED): (S.REJECTED, OrderRejected),
    ("accepted", K.CANCELLED): (S.CANCELLED, OrderCancelled),
    ("accepted", K.EXPIRED): (S.EXPIRED, OrderExpired),
    ("accepted", K.TRIGGERED): (S.ACCEPTED, OrderTriggered),
    ("accepted", K.UNKNOWN): (S.UNKNOWN, OrderStateUnknown),
    ("partially filled", K.ACCEPTED): (S.PARTIALLY_FILLED, OrderAccepted),
    ("partially filled", K.CANCELLED): (S.CANCELLED, OrderCancelled),
    ("partially filled", K.EXPIRED): (S.EXPIRED, OrderExpired),
    ("partially filled", K.TRIGGERED): (S.PARTIALLY_FILLED, OrderTriggered),
    ("partially filled", K.UNKNOWN): (S.UNKNOWN, OrderStateUnknown),
    ("pending cancel", K.ACCEPTED): (S.PENDING_CANCEL, OrderAccepted),
    ("pending cancel", K.REJECTED): (S.REJECTED, OrderRejected),
    ("pending cancel", K.CANCELLED): (S.CANCELLED, OrderCancelled),
    ("pending cancel", K.EXPIRED): (S.EXPIRED, OrderExpired),
    ("pending cancel", K.TRIGGERED): (S.PENDING_CANCEL, OrderTriggered),
    ("pending cancel", K.CANCEL_REJECTED): (S.ACCEPTED, CancelRejected),
    ("pending cancel", K.UNKNOWN): (S.UNKNOWN, OrderStateUnknown),
    ("pending cancel of a fill", K.ACCEPTED): (S.PENDING_CANCEL, OrderAccepted),
    ("pending cancel of a fill", K.REJECTED): (S.REJECTED, OrderRejected),
    ("pending cancel of a fill", K.CANCELLED): (S.CANCELLED, OrderCancelled),
    ("pending cancel of a fill", K.EXPIRED): (S.EXPIRED, OrderExpired),
    ("pending cancel of a fill", K.TRIGGERED): (S.PENDING_CANCEL, OrderTriggered),
    ("pending cancel of a fill", K.CANCEL_REJECTED): (S.PARTIALLY_FILLED, CancelRejected),
    ("pending cancel of a fill", K.UNKNOWN): (S.UNKNOWN, OrderStateUnknown),
    ("pending replace", K.ACCEPTED): (S.PENDING_REPLACE, OrderAccepted),
    ("pending replace", K.REJECTED): (S.REJECTED, OrderRejected),
    ("pending replace", K.CANCELLED): (S.CANCELLED, OrderCancelled),
    ("pending replace", K.EXPIRED): (S.EXPIRED, OrderExpired),
    ("pending replace", K.TRIGGERED): (S.PENDING_REPLACE, OrderTriggered),
    ("pending replace", K.REPLACED): (S.ACCEPTED, OrderReplaced),
    ("pending replace", K.REPLACE_REJECTED): (S.ACCEPTED, ReplaceRejected),
    ("pending replace", K.UNKNOWN): (S.UNKNOWN, OrderStateUnknown),
    ("pending replace of a fill", K.ACCEPTED): (S.PENDING_REPLACE, OrderAccepted),
    ("pending replace of a fill", K.REJECTED): (S.REJECTED, OrderRejected),
    ("pending replace of a fill", K.CANCELLED): (S.CANCELLED, OrderCancelled),
    ("pending replace of a fill", K.EXPIRED): (S.EXPIRED, OrderExpired),
    ("pending replace of a fill", K.TRIGGERED): (S.PENDING_REPLACE, OrderTriggered),
    ("pending replace of a fill", K.REPLACED): (S.PARTIALLY_FILLED, OrderReplaced),
    ("pending replace of a fill", K.REPLACE_REJECTED): (S.PARTIALLY_FILLED, ReplaceRejected),
    ("pending replace of a fill", K.UNKNOWN): (S.UNKNOWN, OrderStateUnknown),
    ("pending cancel and replace", K.ACCEPTED): (S.PENDING_CANCEL, OrderAccepted),
    ("pending cancel and replace", K.REJECTED): (S.REJECTED, OrderRejected),
    ("pending cancel and replace", K.CANCELLED): (S.CANCELLED, OrderCancelled),
    ("pending cancel and replace", K.EXPIRED): (S.EXPIRED, OrderExpired),
    ("pending cancel and replace", K.TRIGGERED): (S.PENDING_CANCEL, OrderTriggered),
    ("pending cancel and replace", K.CANCEL_REJECTED): (S.PENDING_REPLACE, CancelRejected),
    ("pending cancel and replace", K.REPLACED): (S.PENDING_CANCEL, OrderReplaced),
    ("pending cancel and replace", K.REPLACE_REJECTED): (S.PENDING_CANCEL, ReplaceRejected),
    ("pending cancel and replace", K.UNKNOWN): (S.UNKNOWN, OrderStateUnknown),
    ("unknown", K.ACCEPTED): (S.ACCEPTED, OrderAccepted),
    ("unknown", K.REJECTED): (S.REJECTED, OrderRejected),
    ("unknown", K.CANCELLED): (S.CANCELLED, OrderCancelled),
    ("unknown", K.EXPIRED): (S.EXPIRED, OrderExpired),
    ("unknown", K.CANCEL_REJECTED): (S.UNKNOWN, CancelRejected),
    ("unknown", K.TRIGGERED): (S.ACCEPTED, OrderTriggered),
    ("unknown while replaced", K.ACCEPTED): (S.PENDING_REPLACE, OrderAccepted),
    ("unknown while replaced", K.REJECTED): (S.REJECTED, OrderRejected),
    ("unknown while replaced", K.CANCELLED): (S.CANCELLED, OrderCancelled),
    ("unknown while replaced", K.EXPIRED): (S.EXPIRED, OrderExpired),
    ("unknown while replaced", K.CANCEL_REJECTED): (S.UNKNOWN, CancelRejected),
    ("unknown while replaced", K.TRIGGERED): (S.PENDING_REPLACE, OrderTriggered),
    ("unknown while replaced", K.REPLACED): (S.ACCEPTED, OrderReplaced),
    ("unknown while replaced", K.REPLACE_REJECTED): (S.ACCEPTED, ReplaceRejected),
    ("filled", K.CANCEL_REJECTED): (S.FILLED, CancelRejected),
    ("cancelled", K.CANCEL_REJECTED): (S.CANCELLED, CancelRejected),
    ("cancelled after a fill", K.CANCEL_REJECTED): (S.CANCELLED, CancelRejected),
    ("expired", K.CANCEL_REJECTED): (S.EXPIRED, CancelRejected),
    ("rejected", K.CANCEL_REJECTED): (S.REJECTED, CancelRejected),
    ("filled while replaced", K.CANCEL_REJECTED): (S.FILLED, CancelRejected),
    ("filled while replaced", K.REPLACE_REJECTED): (S.FILLED, ReplaceRejected),
    ("cancelled while replaced", K.CANCEL_REJECTED): (S.CANCELLED, CancelRejected),
    ("cancelled while replaced", K.REPLACE_REJECTED): (S.CANCELLED, ReplaceRejected),
    ("expired while replaced", K.CANCEL_REJECTED): (S.EXPIRED, CancelRejected),
    ("expired while replaced", K.REPLACE_REJECTED): (S.EXPIRED, ReplaceRejected),
    ("rejected while replaced", K.CANCEL_REJECTED): (S.REJECTED, CancelRejected),
    ("rejected while replaced", K.REPLACE_REJECTED): (S.REJECTED, ReplaceRejected),
}
"""Situation and report to the state it leads to and the event that says so. All else is refused."""

SITUATIONS: dict[str, tuple[str, ...]] = {
    "submitted": (),
    "accepted": ("accept",),
    "partially filled": ("fill",),
    "pending cancel": ("accept", "cancel"),
    "pending cancel of a fill": ("accept", "fill", "cancel"),
    "pending replace": ("accept", "replace"),
    "pending replace of a fill": ("accept", "fill", "replace"),
    "pending cancel and replace": ("accept", "replace", "cancel"),
    "unknown": ("unknown",),
    "unknown while replaced": ("accept", "replace", "unknown"),
    "filled": ("fill", "fill the rest"),
    "cancelled": ("cancelled",),
    "cancelled after a fill": ("fill", "cancelled"),
    "expired": ("expired",),
    "rejected": ("rejected",),
    "filled while replaced": ("accept", "replace", "fill", "fill the rest"),
    "cancelled while replaced": ("accept", "replace", "cancelled"),
    "expired while replaced": ("accept", "replace", "expired"),
    "rejected while replaced": ("accept", "replace", "cancel", "rejected"),
    "held": ("hold",),
    "denied": ("deny",),
}
"""How an order of 100 gets there."""


def order_in(situation: str) -> OrderFlow:
    flow = OrderFlow()
    flow.shut = "trading is halted" if situation == "denied" else ""
    flow.held_types = frozenset(OrderType) if situation == "held" else frozenset()
    flow.approve("o")
    for step in SITUATIONS[situation]:
        match step:
            case "hold" | "deny":
                pass
            case "accept":
                flow.report("o", K.ACCEPTED)
            case "fill":
                flow.fill("o", "f1", 40)
            case "fill the rest":
                flow.fill("o", "f2", 60)
            case "cancel":
                flow.cancel("o")
            case "replace":
                flow.replace("o", quantity=120)
            case _:
                flow.report("o", K(step))
    return flow


def test_every_state_is_enumerated_with_every_report() -> None:
    """What the table allows is what the rows above list; every other pair is refused below."""
    reached = {order_in(situation).status("o") for situation in SITUATIONS}
    listed = {(order_in(situation).status("o"), kind) for situation, kind in LISTED}
    restated = {(status, K.REPLACED) for status in (S.SUBMITTED, S.ACCEPTED, S.PARTIALLY_FILLED)}

    assert reached == set(OrderStatus)
    assert listed | restated == set(TRANSITIONS)


def frozen(flow: OrderFlow) -> bytes:
    return msgspec.msgpack.encode(flow.orders.state)


@pytest.mark.parametrize("kind", NOT_FILLS)
@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_report_does_what_is_listed_and_is_refused_otherwise(situation: str, kind: ExecutionKind) -> None:
    flow = order_in(situation)
    before, status = frozen(flow), flow.status("o")
    expected = LISTED.get((situation, kind))

    (event,) = flow.report("o", kind, broker_order_id="b")

    if expected is None:
        assert isinstance(event, TransitionRefused)
        assert (event.status, event.kind) == (status, kind)
        assert frozen(flow) == before
    else:
        assert (flow.status("o"), type(event)) == expected
        assert flow.entry("o").broker_order_id == "b"
        assert flow.is_open("o") is (expected[0] not in TERMINAL)


@pytest.mark.parametrize(
    ("situation", "after_a_part", "after_all"),
    [
        ("submitted", S.PARTIALLY_FILLED, S.FILLED),
        ("accepted", S.PARTIALLY_FILLED, S.FILLED),
        ("pending cancel", S.PENDING_CANCEL, S.FILLED),
        ("pending replace", S.PENDING_REPLACE, S.FILLED),
        ("pending cancel and replace", S.PENDING_CANCEL, S.FILLED),
        ("unknown", S.PARTIALLY_FILLED, S.FILLED),
        ("unknown while replaced", S.PARTIALLY_FILLED, S.FILLED),
        ("cancelled", S.CANCELLED, S.FILLED),
        ("expired", S.EXPIRED, S.FILLED),
        ("rejected", S.REJECTED, S.FILLED),
    ],
)
def test_a_fill_is_booked_from_every_state_after_sending(
    situation: str, after_a_part: OrderStatus, after_all: OrderStatus
) -> None:
    flow = order_in(situation)

    part = only(flow.fill("o", "x", 30), OrderFilled)

    assert (part.quantity, part.leaves_quantity) == (Decimal(30), Decimal(70))
    assert flow.status("o") is after_a_part
    rest = only(flow.fill("o", "y", 70), OrderFilled)
    assert rest.leaves_quantity == 0
    assert (flow.status("o"), flow.is_open("o")) == (after_all, False)


@pytest.mark.parametrize("situation", ["partially filled", "filled", "cancelled after a fill"])
def test_a_fill_is_booked_once(situation: str) -> None:
    flow = order_in(situation)
    before = frozen(flow)

    refused = only(flow.fill("o", "f1", 40), TransitionRefused)

    assert refused.reason == "fill already booked"
    assert frozen(flow) == before


@pytest.mark.parametrize(
    ("quantity", "price"), [(61, "50"), (None, "50"), (10, None), (0, "50"), (-5, "50")], ids=str
)
def test_a_fill_that_cannot_be_is_refused(quantity: int | None, price: str | None) -> None:
    flow = order_in("partially filled")
    before = frozen(flow)

    only(flow.fill("o", "x", quantity, price=price), TransitionRefused)

    assert frozen(flow) == before


def test_a_report_of_an_order_nobody_knows_is_refused() -> None:
    flow = OrderFlow()

    refused = only(flow.fill("nobody", "x", 1), TransitionRefused)

    assert (refused.status, refused.reason) == (S.UNKNOWN, "no such order")


# --- corrections ------------------------------------------------------------------------------


def test_a_corrected_fill_changes_what_is_filled() -> None:
    flow = order_in("partially filled")

    corrected = only(flow.fill("o", "f1", 30, price="49", kind=K.FILL_CORRECTED), FillCorrected)

    assert (corrected.old_quantity, corrected.old_price) == (Decimal(40), Decimal(50))
    assert (corrected.quantity, corrected.price) == (Decimal(30), Decimal(49))
    assert only(flow.fill("o", "f2", 10), OrderFilled).leaves_quantity == 60


def test_a_busted_fill_leaves_its_quantity_undone_and_is_never_booked_again() -> None:
    flow = order_in("partially filled")

    busted = only(flow.fill("o", "f1", None, price=None, kind=K.FILL_BUSTED), FillCorrected)

    assert (busted.quantity, flow.entry("o").filled_quantity) == (Decimal(0), Decimal(0))
    only(flow.fill("o", "f1", 40), TransitionRefused)


@pytest.mark.parametrize(
    ("fill_id", "quantity", "price", "kind"),
    [
        pytest.param("f1", "40", "50", K.FILL_CORRECTED, id="changes nothing"),
        pytest.param("f1", "101", "50", K.FILL_CORRECTED, id="more than the order"),
        pytest.param("f1", "-1", "50", K.FILL_CORRECTED, id="less than nothing"),
        pytest.param("f1", None, "50", K.FILL_CORRECTED, id="no quantity"),
        pytest.param("f1", "10", None, K.FILL_CORRECTED, id="no price"),
        pytest.param("f9", "10", "50", K.FILL_CORRECTED, id="no such fill"),
        pytest.param("f9", None, None, K.FILL_BUSTED, id="no such fill to bust"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(
    fill_id: str, quantity: str | None, price: str | None, kind: ExecutionKind
) -> None:
    flow = order_in("partially filled")
    before = frozen(flow)

    only(flow.fill("o", fill_id, quantity, price=price, kind=kind), TransitionRefused)

    assert frozen(flow) == before


def test_a_correction_that_completes_an_order_closes_it() -> None:
    flow = order_in("partially filled")

    flow.fill("o", "f1", 100, kind=K.FILL_CORRECTED)

    assert (flow.status("o"), flow.is_open("o")) == (S.FILLED, False)


def test_a_fill_after_a_bust_of_a_complete_order_is_booked() -> None:
    flow = order_in("filled")
    flow.fill("o", "f1", None, price=None, kind=K.FILL_BUSTED)

    booked = only(flow.fill("o", "f3", 40), OrderFilled)

    assert (booked.leaves_quantity, flow.status("o")) == (Decimal(0), S.FILLED)


# --- requests ---------------------------------------------------------------------------------


def test_an_approved_order_is_submitted() -> None:
    flow = OrderFlow()

    submitted = only(flow.approve("o"), OrderSubmitted)

    assert submitted.order == approved("o")
    assert isinstance(submitted.order, ApprovedOrder)
    assert (flow.status("o"), flow.is_open("o")) == (S.SUBMITTED, True)


@pytest.mark.parametrize("situation", SITUATIONS)
def test_a_cancel_is_sent_where_the_order_can_still_be_cancelled(situation: str) -> None:
    flow = order_in(situation)
    status, before = flow.status("o"), frozen(flow)

    (event,) = flow.cancel("o")

    if status in (S.SUBMITTED, S.ACCEPTED, S.PARTIALLY_FILLED, S.PENDING_REPLACE):
        assert isinstance(event, CancelSubmitted)
        assert flow.status("o") is S.PENDING_CANCEL
    elif status is S.PENDING:
        assert isinstance(event, OrderCancelled)
        assert flow.status("o") is S.CANCELLED
    else:
        assert isinstance(event, CancelRejected)
        assert frozen(flow) == before


def test_operators_cancel_of_an_order_in_an_unknown_state_waits_until_it_is_known_to_work() -> None:
    flow = order_in("unknown")

    assert flow.hear(CancelAllOrders(0, "ann")) == []
    refused = flow.report("o", K.CANCEL_REJECTED)  # of an earlier request: it says nothing about the order
    asked = flow.report("o", K.ACCEPTED)
    asked_again = flow.report("o", K.CANCEL_REJECTED)

    assert [type(one) for one in refused] == [CancelRejected]
    assert [type(one) for one in asked] == [OrderAccepted, CancelSubmitted]
    assert [type(one) for one in asked_again] == [CancelRejected]


@pytest.mark.parametrize("known_by", ["accept", "fill"])
def test_a_cancel_under_way_outlives_an_unknown_state(known_by: str) -> None:
    flow = order_in("pending cancel")
    flow.report("o", K.UNKNOWN)

    events = flow.fill("o", "f1", 40) if known_by == "fill" else flow.report("o", K.ACCEPTED)

    assert isinstance(events[-1], CancelSubmitted)
    assert flow.status("o") is S.PENDING_CANCEL


@pytest.mark.parametrize("situation", SITUATIONS)
def test_new_terms_are_sent_only_for_an_order_that_works(situation: str) -> None:
    flow = order_in(situation)
    status, before = flow.status("o"), frozen(flow)

    (event,) = flow.replace("o", quantity=150)

    if status in (S.ACCEPTED, S.PARTIALLY_FILLED):
        assert isinstance(event, ReplaceSubmitted)
        assert (flow.status("o"), flow.entry("o").order.quantity) == (S.PENDING_REPLACE, Decimal(100))
    elif status is S.PENDING:
        assert isinstance(event, OrderReplaced)
        assert (flow.status("o"), flow.entry("o").order.quantity) == (S.PENDING, Decimal(150))
    else:
        assert isinstance(event, ReplaceRejected)
        assert frozen(flow) == before


def test_new_terms_hold_once_the_venue_took_them() -> None:
    flow = order_in("pending replace of a fill")

    replaced = only(flow.report("o", K.REPLACED), OrderReplaced)

    assert (replaced.order.quantity, replaced.order.limit_price) == (Decimal(120), Decimal(51))
    assert only(flow.fill("o", "f2", 10), OrderFilled).leaves_quantity == 70


def test_terms_that_were_not_taken_leave_the_old_ones() -> None:
    flow = order_in("pending replace")

    flow.report("o", K.REPLACE_REJECTED)

    assert only(flow.fill("o", "x", 10), OrderFilled).leaves_quantity == 90


def test_an_order_replaced_down_to_what_was_filled_meanwhile_is_filled() -> None:
    flow = order_in("accepted")
    flow.replace("o", quantity=40)
    flow.fill("o", "f1", 40)

    flow.report("o", K.REPLACED)

    assert (flow.status("o"), flow.is_open("o")) == (S.FILLED, False)


def test_a_fill_that_overtakes_the_word_of_a_larger_quantity_is_booked() -> None:
    flow = order_in("pending replace of a fill")

    (filled,) = flow.fill("o", "f2", 70)
    (replaced,) = flow.report("o", K.REPLACED)

    assert isinstance(filled, OrderFilled)
    assert (filled.quantity, filled.leaves_quantity) == (Decimal(70), Decimal(10))
    assert isinstance(replaced, OrderReplaced)
    assert flow.status("o") is S.PARTIALLY_FILLED


def test_a_restatement_of_the_venues_own_is_no_answer_to_new_prices_under_way() -> None:
    flow = order_in("accepted")
    flow.replace("o", limit=51)

    flow.restate("o", quantity=60, limit=50)
    status = flow.status("o")
    (answered,) = flow.restate("o", quantity=60, limit=51)

    assert status is S.PENDING_REPLACE
    assert isinstance(answered, OrderReplaced)
    assert (answered.order.quantity, answered.order.limit_price) == (Decimal(60), Decimal(51))
    assert flow.status("o") is S.ACCEPTED


def test_terms_below_what_was_filled_meanwhile_are_refused() -> None:
    flow = order_in("accepted")
    flow.replace("o", quantity=30)
    flow.fill("o", "f1", 40)
    before = frozen(flow)

    refused = only(flow.report("o", K.REPLACED), TransitionRefused)

    assert refused.reason == "40 of 30 are filled already"
    assert frozen(flow) == before


def test_a_strategy_cannot_cancel_the_order_of_another() -> None:
    flow = order_in("accepted")

    rejected = only(flow.cancel("o", strategy=StrategyId("other")), CancelRejected)

    assert (rejected.strategy, rejected.reason) == ("other", "no such open order")
    assert flow.status("o") is S.ACCEPTED


def test_an_operator_cancels_one_order_or_all_of_a_symbol_or_all() -> None:
    def cancelled_by(command: Event) -> list[str]:
        flow = OrderFlow()
        for key in ("b", "a", "c"):
            flow.approve(key)
        flow.cancel("c")
        return [e.client_order_id for e in flow.hear(command) if isinstance(e, CancelSubmitted)]

    assert cancelled_by(CancelOrder(0, "op", ClientOrderId("a"))) == ["a"]
    assert cancelled_by(CancelOrder(0, "op", ClientOrderId("nobody"))) == []
    assert cancelled_by(CancelAllOrders(0, "op")) == ["b", "a"]
    assert cancelled_by(CancelAllOrders(0, "op", "A")) == ["b", "a"]
    assert cancelled_by(CancelAllOrders(0, "op", "Z")) == []


# --- what is remembered -----------------------------------------------------------------------


def test_open_orders_are_oldest_first_and_by_strategy_and_symbol() -> None:
    flow = OrderFlow()
    for key in ("9", "10", "1"):
        flow.approve(key)
    orders = flow.orders

    assert [order.client_order_id for order in orders.open_orders(approved("x").strategy, None)] == [
        "9",
        "10",
        "1",
    ]
    assert len(orders.open_orders(approved("x").strategy, "A")) == 3
    assert orders.open_orders(approved("x").strategy, "B") == ()
    assert orders.open_orders(StrategyId("other"), None) == ()


def test_the_latest_finished_orders_are_remembered_and_older_ones_forgotten() -> None:
    flow = OrderFlow()
    count = 2 * CLOSED_KEPT + 5

    for number in range(count):
        flow.approve(str(number))
        flow.report(str(number), K.REJECTED)

    closed = list(flow.orders.state.closed)
    assert closed[-CLOSED_KEPT:] == [str(number) for number in range(count - CLOSED_KEPT, count)]
    assert len(closed) < 2 * CLOSED_KEPT
    assert flow.orders.symbol_of(ClientOrderId("0")) == ""
    assert flow.orders.symbol_of(ClientOrderId(str(count - 1))) == "A"


def test_amounts_of_a_cancelled_order_are_what_was_not_filled() -> None:
    flow = order_in("pending cancel of a fill")

    cancelled = only(flow.report("o", K.CANCELLED), OrderCancelled)

    assert (cancelled.leaves_quantity, cancelled.reason) == (Decimal(60), "so")
