"""What splits, symbol changes and the ends of shares do to orders."""

from decimal import Decimal

import msgspec
import pytest

from kernel.events import (
    ApprovedOrder,
    CancelSubmitted,
    CorporateAction,
    CorporateActionKind,
    Event,
    ExecutionKind,
    ExecutionReport,
    FillCorrected,
    OrderAdjusted,
    OrderCancelled,
    OrderFilled,
    OrderHeld,
    OrderReplaced,
    OrderStatus,
    OrderSubmitted,
    OrderType,
)
from kernel.identifiers import ClientOrderId, FillId
from tests.components.order_flow import OrderFlow, approved, child, only

K, Kind = ExecutionKind, CorporateActionKind


def action(kind: CorporateActionKind, ratio: str = "1", symbol: str = "A", new_symbol: str = "") -> Event:
    return CorporateAction(0, symbol, kind, ratio=Decimal(ratio), new_symbol=new_symbol)


def flow_with(order: ApprovedOrder) -> OrderFlow:
    """One accepted order."""
    flow = OrderFlow()
    flow.send(order)
    flow.report("o", K.ACCEPTED)
    return flow


@pytest.mark.parametrize(
    ("ratio", "quantity", "limit"), [("2", "200", "25.00"), ("0.1", "10", "500.00"), ("1.5", "150", "33.33")]
)
def test_a_split_restates_quantity_and_price(ratio: str, quantity: str, limit: str) -> None:
    flow = flow_with(approved("o"))

    adjusted = only(flow.hear(action(Kind.SPLIT, ratio)), OrderAdjusted)

    assert (adjusted.order.quantity, str(adjusted.order.limit_price)) == (Decimal(quantity), limit)
    assert adjusted.reason == "split"


def test_a_split_leaves_fills_as_booked_and_restates_the_rest() -> None:
    flow = flow_with(approved("o"))
    flow.fill("o", "f1", 40)

    adjusted = only(flow.hear(action(Kind.SPLIT, "2")), OrderAdjusted)

    assert adjusted.order.quantity == 160
    assert only(flow.fill("o", "f2", 20, price="25"), OrderFilled).leaves_quantity == 100


def test_a_split_restates_trails_and_what_an_iceberg_shows_and_no_percent() -> None:
    order = msgspec.structs.replace(
        child("o", ""),
        order_type=OrderType.TRAILING_STOP,
        trail_amount=Decimal(3),
        trail_percent=Decimal(5),
        display_quantity=Decimal(15),
    )
    flow = flow_with(order)

    adjusted = only(flow.hear(action(Kind.SPLIT, "0.1")), OrderAdjusted).order

    assert (adjusted.trail_amount, adjusted.trail_percent) == (Decimal(30), Decimal(5))
    assert (adjusted.display_quantity, adjusted.stop_price) == (Decimal(1), Decimal(400))


def test_an_order_of_which_a_split_leaves_less_than_a_lot_is_cancelled() -> None:
    flow = flow_with(approved("o", quantity=5))

    only(flow.hear(action(Kind.SPLIT, "0.1")), CancelSubmitted)


def test_exits_protect_the_split_shares_of_a_parent_that_ends_with_a_part_filled_before_the_split() -> None:
    flow = flow_with(approved("o"))
    flow.send(child("exit", "o"))
    flow.fill("o", "f1", 50)

    flow.hear(action(Kind.SPLIT, "2"))
    flow.fill("o", "f2", 10, price="25")
    ended = flow.report("o", K.CANCELLED)

    assert [one.order.quantity for one in ended if isinstance(one, OrderSubmitted)] == [110]


@pytest.mark.parametrize("ratio", ["0.3333333333", "2", "1.5"])
def test_exits_are_as_large_as_a_parent_that_fills_after_a_split(ratio: str) -> None:
    flow = flow_with(approved("o"))
    flow.send(child("exit", "o"))

    flow.hear(action(Kind.SPLIT, ratio))
    whole = flow.entry("o").order.quantity
    filled = flow.fill("o", "f1", whole)

    assert [one.order.quantity for one in filled if isinstance(one, OrderSubmitted)] == [whole]


def test_waiting_orders_are_restated_with_their_parents() -> None:
    flow = OrderFlow()
    flow.send(approved("p"), child("c", "p"))
    flow.report("p", K.ACCEPTED)

    flow.hear(action(Kind.SPLIT, "2"))
    events = flow.fill("p", "f1", 200, price="25")

    submitted = events[1]
    assert isinstance(submitted, OrderSubmitted)
    assert (submitted.order.quantity, submitted.order.stop_price) == (Decimal(200), Decimal(20))


def test_a_late_report_of_new_terms_takes_those_of_after_the_split() -> None:
    flow = flow_with(approved("o"))
    flow.replace("o", quantity=120, limit=60)
    flow.hear(action(Kind.SPLIT, "2"))

    flow.report("o", K.REPLACED)

    assert (flow.entry("o").order.quantity, flow.entry("o").order.limit_price) == (Decimal(240), Decimal(30))


def test_a_ratio_that_was_rounded_costs_an_order_no_share() -> None:
    flow = flow_with(approved("o", quantity=300))

    adjusted = only(flow.hear(action(Kind.SPLIT, "0.3333333333")), OrderAdjusted)

    assert adjusted.order.quantity == 100


def test_a_bust_of_a_fill_from_before_a_split_leaves_what_it_would_have_left() -> None:
    """40 of 100 were filled; at two for one 200 would be left of the whole order."""
    flow = flow_with(approved("o"))
    flow.fill("o", "f1", 40)
    flow.hear(action(Kind.SPLIT, "2"))

    corrected, replaced = flow.fill("o", "f1", None, price=None, kind=K.FILL_BUSTED)

    assert isinstance(corrected, FillCorrected)
    assert (corrected.old_quantity, corrected.quantity) == (Decimal(40), Decimal(0))
    assert corrected.actions_since == 1
    assert isinstance(replaced, OrderReplaced)
    assert replaced.order.quantity == flow.entry("o").leaves_quantity == 200


def test_a_bust_gives_an_order_the_fraction_back_that_a_split_took() -> None:
    """Of 10 at three for ten 3 are left, of the 5 that were left at the time but 1."""
    flow = flow_with(approved("o", quantity=10))
    flow.fill("o", "f1", 5)
    flow.hear(action(Kind.SPLIT, "0.3"))

    flow.fill("o", "f1", None, price=None, kind=K.FILL_BUSTED)

    assert flow.entry("o").leaves_quantity == 3


def test_a_correction_says_what_its_symbol_was_called_and_which_commission_goes_back() -> None:
    flow = flow_with(approved("o"))
    flow.hear(
        ExecutionReport(
            0,
            K.FILL,
            ClientOrderId("o"),
            "A",
            fill_id=FillId("f1"),
            quantity=Decimal(40),
            price=Decimal(50),
            commission=Decimal("0.50"),
        )
    )
    flow.hear(action(Kind.SYMBOL_CHANGE, new_symbol="B"))
    flow.hear(action(Kind.DIVIDEND, symbol="B"))

    corrected = only(flow.fill("o", "f1", None, price=None, kind=K.FILL_BUSTED), FillCorrected)

    assert (corrected.symbol, corrected.filled_symbol, corrected.actions_since) == ("B", "A", 1)
    assert corrected.commission_returned == Decimal("0.50")


def test_children_of_a_busted_parent_wait_for_no_more_than_was_filled() -> None:
    flow = OrderFlow()
    flow.send(approved("p"), child("c", "p"))
    flow.report("p", K.ACCEPTED)
    flow.fill("p", "f1", 40)
    flow.hear(action(Kind.SPLIT, "2"))
    flow.fill("p", "f1", None, price=None, kind=K.FILL_BUSTED)
    flow.fill("p", "f2", 50, price="25")

    events = flow.report("p", K.CANCELLED)

    assert [one.order.quantity for one in events if isinstance(one, OrderSubmitted)] == [50]


def test_a_symbol_change_moves_orders() -> None:
    flow = flow_with(approved("o"))

    adjusted = only(flow.hear(action(Kind.SYMBOL_CHANGE, new_symbol="B")), OrderAdjusted)

    assert (adjusted.order.symbol, adjusted.order.limit_price) == ("B", Decimal(50))
    assert flow.orders.symbol_of(adjusted.order.client_order_id) == "B"


@pytest.mark.parametrize("kind", [Kind.MERGER, Kind.DELISTING])
def test_the_end_of_a_share_cancels_its_orders(kind: CorporateActionKind) -> None:
    flow = OrderFlow()
    flow.held_types = frozenset({OrderType.STOP})
    flow.send(approved("o"))
    only(flow.send(child("held", "")), OrderHeld)

    sent, held = flow.hear(action(kind))

    assert isinstance(sent, CancelSubmitted)
    assert isinstance(held, OrderCancelled)
    assert (held.reason, flow.status("held")) == (kind.value, OrderStatus.CANCELLED)


def test_dividends_and_actions_on_other_shares_change_nothing() -> None:
    flow = flow_with(approved("o"))

    assert flow.hear(action(Kind.DIVIDEND)) == []
    assert flow.hear(action(Kind.SPLIT, "2", symbol="B")) == []
