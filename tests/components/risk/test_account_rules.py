"""Rules on positions, exposure, margin and losses, and how orders that hang together count."""

from decimal import Decimal

import msgspec
import pytest

from kernel.events import BUY, SELL, InstrumentDefined, Order, OrderCancelled, OrderReplaced, OrderType, Side
from kernel.identifiers import ClientOrderId
from strategies.sdk import RiskLimits
from tests.components.risk.desk import ME, OTHER, Desk, allowed, limits, rule_of

EXPOSURE = [
    ("max_position_notional", limits(max_position_notional=Decimal(1000))),
    ("max_gross_exposure", limits(max_gross_exposure=Decimal(1000))),
    ("max_leverage", limits(max_leverage=Decimal(1))),
    ("max_symbol_concentration", limits(max_symbol_concentration=Decimal(1))),
    ("max_sector_concentration", limits(max_sector_concentration=Decimal(1))),
    ("require_margin", limits(require_margin=True)),
]
"""Limits of 100 units at the price of 10 with 1,000 of equity, for each rule on exposure."""


def desk_with(which: RiskLimits) -> Desk:
    desk = Desk(which)
    desk.terms = InstrumentDefined(0, "", sector="tech")
    return desk


@pytest.mark.parametrize(("rule", "which"), EXPOSURE)
@pytest.mark.parametrize("side", Side)
def test_exposure_at_its_boundary(rule: str, which: RiskLimits, side: Side) -> None:
    desk = desk_with(which)

    assert rule_of(desk.ask(side, 101)) == rule
    assert rule_of(desk.ask(side, 100)) == ""


@pytest.mark.parametrize(("rule", "which"), EXPOSURE)
def test_working_orders_count_as_exposure_until_they_are_finished(rule: str, which: RiskLimits) -> None:
    desk = desk_with(which)
    working = allowed(desk.ask(BUY, 60))

    assert rule_of(desk.ask(BUY, 41)) == rule
    desk.hear(OrderCancelled(0, working.client_order_id, ME, "A", Decimal(60)))
    assert rule_of(desk.ask(BUY, 100)) == ""


@pytest.mark.parametrize(("rule", "which"), EXPOSURE)
def test_exposure_may_always_be_reduced(rule: str, which: RiskLimits) -> None:
    desk = desk_with(which)
    desk.held = {ME: Decimal(200)}
    desk.cash = Decimal(-1500)

    assert rule_of(desk.ask(SELL, 200)) == ""
    assert rule_of(desk.ask(BUY, 1)) == rule


def test_leverage_without_equity_is_infinite() -> None:
    desk = desk_with(limits(max_leverage=Decimal(2)))
    desk.cash = Decimal(0)

    answer = desk.ask(BUY, 1)

    assert msgspec.structs.asdict(answer)["value"] == "infinite"


def test_margin_is_a_part_of_the_value() -> None:
    desk = Desk(limits(require_margin=True))
    desk.terms = InstrumentDefined(0, "", margin_rate=Decimal("0.25"))

    assert rule_of(desk.ask(BUY, 401)) == "require_margin"
    assert rule_of(desk.ask(BUY, 400)) == ""
    assert rule_of(desk.ask(BUY, 1)) == "require_margin"


@pytest.mark.parametrize("rule", ["max_daily_loss", "max_drawdown"])
def test_after_a_loss_orders_may_only_reduce(rule: str) -> None:
    desk = Desk(limits(**{rule: Decimal("0.1")}))
    desk.held = {ME: Decimal(10)}
    desk.lost = 0.1

    assert rule_of(desk.ask(BUY, 1)) == rule
    assert rule_of(desk.ask(SELL, 11)) == rule
    assert rule_of(desk.ask(SELL, 10)) == ""
    assert rule_of(desk.ask(SELL, 10)) == rule


def test_what_cannot_be_borrowed_is_not_sold_short() -> None:
    desk = Desk()
    desk.terms = InstrumentDefined(0, "", is_shortable=False)
    desk.held = {ME: Decimal(5)}

    assert rule_of(desk.ask(SELL, 6)) == "is_shortable"
    assert rule_of(desk.ask(SELL, 5)) == ""


@pytest.mark.parametrize(
    ("held", "side", "rule"),
    [(0, SELL, "reduce_only"), (5, BUY, "reduce_only"), (5, SELL, ""), (-5, BUY, "")],
)
def test_a_reduce_only_order_needs_something_to_reduce(held: int, side: Side, rule: str) -> None:
    desk = Desk()
    desk.held = {ME: Decimal(held), OTHER: Decimal(3)}
    wanted = Order(ClientOrderId("x"), ME, "A", side, OrderType.MARKET, Decimal(5), reduce_only=True)

    assert rule_of(desk.intend(wanted)) == rule


# --- orders that hang together ----------------------------------------------------------------


def test_orders_of_one_group_count_as_the_largest() -> None:
    desk = Desk(RiskLimits(require_cash=False))
    desk.held = {ME: Decimal(10)}

    answers = [desk.ask(SELL, 10, stop="9", group="g"), desk.ask(SELL, 10, limit="11", group="g")]

    assert [rule_of(one) for one in answers] == ["", ""]
    assert desk.risk.working_quantity("A", SELL) == 10
    assert rule_of(desk.ask(SELL, 1)) == "allow_short"


def test_cash_for_a_group_is_reserved_once() -> None:
    desk = Desk(RiskLimits())

    desk.ask(BUY, 50, limit="10", group="g")
    larger = desk.ask(BUY, 60, limit="10", group="g")

    assert rule_of(larger) == ""
    assert desk.risk.state.working.reserved == 600
    assert rule_of(desk.ask(BUY, 41)) == "require_cash"


def test_the_exits_of_a_bracket_need_nothing_held_yet() -> None:
    desk = Desk(RiskLimits())
    entry = allowed(desk.ask(BUY, 50))

    stop = desk.ask(SELL, 50, stop="9", parent=entry.client_order_id, group="g")
    target = desk.ask(SELL, 50, limit="11", parent=entry.client_order_id, group="g")

    assert (rule_of(stop), rule_of(target)) == ("", "")
    assert desk.risk.working_quantity("A", SELL) == 0


def test_exits_count_as_far_as_their_parent_is_filled() -> None:
    desk = Desk(RiskLimits(require_cash=False))
    entry = allowed(desk.ask(BUY, 50))
    desk.ask(SELL, 50, stop="9", parent=entry.client_order_id)

    desk.filled(entry, 20, leaves=30)
    desk.held = {ME: Decimal(20)}

    assert desk.risk.working_quantity("A", SELL) == 20
    assert rule_of(desk.ask(SELL, 1)) == "allow_short"
    desk.filled(entry, 30, leaves=0)
    assert desk.risk.working_quantity("A", SELL) == 50


def test_more_exits_than_their_parent_buys_are_short_sales() -> None:
    desk = Desk(RiskLimits(require_cash=False))
    entry = allowed(desk.ask(BUY, 50))
    desk.ask(SELL, 40, stop="9", parent=entry.client_order_id)

    second = desk.ask(SELL, 11, stop="9", parent=entry.client_order_id)

    assert rule_of(second) == "allow_short"
    assert rule_of(desk.ask(SELL, 10, stop="9", parent=entry.client_order_id)) == ""


def test_an_order_that_opens_after_another_counts_at_once() -> None:
    desk = Desk(limits(max_position_quantity=Decimal(100)))
    first = allowed(desk.ask(BUY, 60))

    assert rule_of(desk.ask(BUY, 41, parent=first.client_order_id)) == "max_position_quantity"
    assert rule_of(desk.ask(BUY, 40, parent=first.client_order_id)) == ""


def test_the_exit_of_a_parent_that_ended_counts_whole_until_it_is_replaced() -> None:
    desk = Desk(RiskLimits(require_cash=False))
    entry = allowed(desk.ask(BUY, 50))
    stop = allowed(desk.ask(SELL, 50, stop="9", parent=entry.client_order_id))
    desk.filled(entry, 20, leaves=30)

    desk.hear(OrderCancelled(0, entry.client_order_id, ME, "A", Decimal(30)))
    before = desk.risk.working_quantity("A", SELL)
    desk.hear(OrderReplaced(0, msgspec.structs.replace(stop, quantity=Decimal(20))))

    assert before == 50
    assert desk.risk.working_quantity("A", SELL) == 20
