"""Each of the first rules at its boundary, with what is held and what is already working."""

from decimal import Decimal

import msgspec
import pytest

from kernel.events import (
    BUY,
    SELL,
    ApprovedOrder,
    Event,
    FillCorrected,
    HaltTrading,
    OrderApproved,
    OrderCancelled,
    OrderDenied,
    OrderExpired,
    OrderRejected,
    OrderReplaced,
    OrderType,
    ReduceOnlyTrading,
    ReplaceApproved,
    ReplaceDenied,
    ReplaceRejected,
    ResumeTrading,
    Side,
    TradingState,
    TradingStateChanged,
)
from kernel.identifiers import ClientOrderId, FillId
from strategies.sdk import RiskLimits
from tests.components.risk.desk import ME, NO_LIMITS, OTHER, Desk, allowed, rule_of

# --- each rule at its boundary ----------------------------------------------------------------


def test_without_limits_everything_is_approved_as_it_was_asked() -> None:
    answer = Desk().ask(SELL, 1_000_000)

    assert isinstance(answer, OrderApproved)
    assert isinstance(answer.order, ApprovedOrder)
    assert msgspec.structs.replace(answer.order, tag="") == ApprovedOrder(
        ClientOrderId("o1"), ME, "A", SELL, OrderType.MARKET, Decimal(1_000_000)
    )


@pytest.mark.parametrize(("quantity", "rule"), [("100", ""), ("101", "max_order_quantity")])
@pytest.mark.parametrize("side", Side)
def test_order_quantity(side: Side, quantity: str, rule: str) -> None:
    desk = Desk(msgspec.structs.replace(NO_LIMITS, max_order_quantity=Decimal(100)))

    answer = desk.ask(side, quantity)

    assert rule_of(answer) == rule
    if isinstance(answer, OrderDenied):
        assert (answer.limit, answer.value) == ("100", "101")


@pytest.mark.parametrize(
    ("quantity", "limit", "stop", "multiplier", "rule"),
    [
        (100, None, None, 1, ""),
        (101, None, None, 1, "max_order_notional"),
        (50, "20", None, 1, ""),
        (50, "20.01", None, 1, "max_order_notional"),
        (50, None, "20.01", 1, "max_order_notional"),
        (100, "9", "20", 1, ""),
        (10, None, None, 10, ""),
        (11, None, None, 10, "max_order_notional"),
    ],
)
def test_order_notional(
    quantity: int, limit: str | None, stop: str | None, multiplier: int, rule: str
) -> None:
    desk = Desk(msgspec.structs.replace(NO_LIMITS, max_order_notional=Decimal(1000)))
    desk.multiplier = Decimal(multiplier)

    assert rule_of(desk.ask(BUY, quantity, limit=limit, stop=stop)) == rule


@pytest.mark.parametrize("rule", ["max_order_notional", "require_cash"])
def test_an_order_that_cannot_be_valued_is_denied(rule: str) -> None:
    limits = RiskLimits(allow_short=True)
    if rule == "max_order_notional":
        limits = msgspec.structs.replace(NO_LIMITS, max_order_notional=Decimal(10))
    desk = Desk(limits)
    desk.price = None

    assert rule_of(desk.ask(BUY, 1)) == rule
    assert rule_of(desk.ask(BUY, 1, limit="1")) == ""


@pytest.mark.parametrize(
    ("held", "side", "quantity", "rule"),
    [
        (0, BUY, 100, ""),
        (0, BUY, 101, "max_position_quantity"),
        (0, SELL, 100, ""),
        (0, SELL, 101, "max_position_quantity"),
        (60, BUY, 40, ""),
        (60, BUY, 41, "max_position_quantity"),
        (60, SELL, 160, ""),
        (60, SELL, 161, "max_position_quantity"),
        (150, SELL, 1, ""),
        (150, SELL, 250, ""),
        (150, SELL, 251, "max_position_quantity"),
        (150, BUY, 1, "max_position_quantity"),
        (-150, BUY, 1, ""),
    ],
)
def test_position_quantity(held: int, side: Side, quantity: int, rule: str) -> None:
    desk = Desk(msgspec.structs.replace(NO_LIMITS, max_position_quantity=Decimal(100)))
    desk.held = {OTHER: Decimal(held)}

    assert rule_of(desk.ask(side, quantity)) == rule


@pytest.mark.parametrize(
    ("held", "side", "quantity", "rule"),
    [(0, BUY, 100, ""), (0, BUY, 101, "strategy_max_position"), (90, SELL, 190, ""), (150, SELL, 1, "")],
)
def test_a_strategys_own_declared_position(held: int, side: Side, quantity: int, rule: str) -> None:
    desk = Desk(declared=100)
    desk.held = {ME: Decimal(held), OTHER: Decimal(500)}

    assert rule_of(desk.ask(side, quantity)) == rule
    assert rule_of(desk.ask(side, quantity, strategy=OTHER)) == ""


@pytest.mark.parametrize(
    ("held", "quantity", "rule"),
    [(10, 10, ""), (10, 11, "allow_short"), (0, 1, "allow_short"), (-5, 1, "allow_short")],
)
def test_short_sales(held: int, quantity: int, rule: str) -> None:
    desk = Desk(RiskLimits(require_cash=False))
    desk.held = {ME: Decimal(held)}

    assert rule_of(desk.ask(SELL, quantity)) == rule
    assert rule_of(desk.ask(BUY, quantity)) == ""


@pytest.mark.parametrize(
    ("quantity", "limit", "multiplier", "rule"),
    [
        (100, None, 1, ""),
        (101, None, 1, "require_cash"),
        (200, "5", 1, ""),
        (10, None, 10, ""),
        (11, None, 10, "require_cash"),
    ],
)
def test_cash(quantity: int, limit: str | None, multiplier: int, rule: str) -> None:
    desk = Desk(RiskLimits(allow_short=True))
    desk.multiplier = Decimal(multiplier)

    assert rule_of(desk.ask(BUY, quantity, limit=limit)) == rule
    assert rule_of(desk.ask(SELL, quantity, limit=limit)) == ""


# --- what is working counts -------------------------------------------------------------------

WORKING_LIMITS = {
    "max_position_quantity": msgspec.structs.replace(NO_LIMITS, max_position_quantity=Decimal(100)),
    "require_cash": RiskLimits(allow_short=True),
    "strategy_max_position": NO_LIMITS,
}
"""Limits of 100 units at the price of 10, for each rule that counts what is working."""


def desk_with_limit_of_100(rule: str) -> Desk:
    return Desk(WORKING_LIMITS[rule], declared=100 if rule == "strategy_max_position" else None)


@pytest.mark.parametrize("rule", WORKING_LIMITS)
def test_working_orders_count_until_they_are_finished(rule: str) -> None:
    desk = desk_with_limit_of_100(rule)
    working = allowed(desk.ask(BUY, 60))

    assert rule_of(desk.ask(BUY, 41)) == rule
    assert rule_of(desk.ask(BUY, 40)) == ""

    desk.hear(OrderCancelled(0, working.client_order_id, ME, "A", Decimal(60)))
    assert rule_of(desk.ask(BUY, 61)) == rule
    assert rule_of(desk.ask(BUY, 60)) == ""


@pytest.mark.parametrize(
    "finished",
    [
        OrderCancelled(0, ClientOrderId("o1"), ME, "A", Decimal(60)),
        OrderRejected(0, ClientOrderId("o1"), ME, "A"),
        OrderExpired(0, ClientOrderId("o1"), ME, "A", Decimal(60)),
    ],
    ids=lambda event: type(event).__name__,
)
def test_a_finished_order_counts_no_more(finished: Event) -> None:
    desk = desk_with_limit_of_100("max_position_quantity")
    desk.ask(BUY, 60)

    desk.hear(finished)

    assert desk.risk.state.working.orders == {}


@pytest.mark.parametrize("rule", WORKING_LIMITS)
def test_of_an_order_filled_in_part_only_the_rest_is_working(rule: str) -> None:
    desk = desk_with_limit_of_100(rule)
    working = allowed(desk.ask(BUY, 60))

    desk.filled(working, 20, leaves=40)

    assert rule_of(desk.ask(BUY, 61)) == rule
    assert rule_of(desk.ask(BUY, 60)) == ""


def test_a_filled_order_is_working_no_more() -> None:
    desk = Desk()
    working = allowed(desk.ask(BUY, 60))

    desk.filled(working, 60, leaves=0)

    assert desk.risk.state.working.orders == {}


def test_a_busted_fill_is_working_again() -> None:
    desk = desk_with_limit_of_100("max_position_quantity")
    working = allowed(desk.ask(BUY, 60))
    desk.filled(working, 20, leaves=40)

    desk.hear(
        FillCorrected(
            0,
            working.client_order_id,
            ME,
            "A",
            BUY,
            FillId("f"),
            Decimal(20),
            Decimal(10),
            Decimal(0),
            Decimal(10),
        )
    )

    assert desk.risk.working_quantity("A", BUY) == 60


def test_orders_of_the_other_side_symbol_or_strategy_do_not_count() -> None:
    desk = Desk(WORKING_LIMITS["max_position_quantity"], declared=100)
    desk.ask(SELL, 60)
    desk.ask(BUY, 60, symbol="B")
    desk.ask(BUY, 30, strategy=OTHER)

    assert rule_of(desk.ask(BUY, 71)) == "max_position_quantity"
    assert rule_of(desk.ask(BUY, 70)) == ""


def test_a_denied_order_does_not_count() -> None:
    desk = desk_with_limit_of_100("max_position_quantity")

    desk.ask(BUY, 101)

    assert rule_of(desk.ask(BUY, 100)) == ""


# --- trading states ---------------------------------------------------------------------------


def test_a_halt_lets_nothing_through_until_trading_resumes() -> None:
    desk = Desk()
    desk.held = {ME: Decimal(10)}

    halted = desk.hear(HaltTrading(0, "op", "why"))
    denied = desk.ask(SELL, 5)
    resumed = desk.hear(ResumeTrading(0, "op"))

    assert halted == TradingStateChanged(0, TradingState.HALTED, "why")
    assert rule_of(denied) == "trading_state"
    assert resumed == TradingStateChanged(0, TradingState.ACTIVE)
    assert rule_of(desk.ask(SELL, 5)) == ""


@pytest.mark.parametrize(
    ("held", "side", "quantity", "rule"),
    [
        (10, SELL, 10, ""),
        (10, SELL, 11, "trading_state"),
        (10, BUY, 1, "trading_state"),
        (-10, BUY, 10, ""),
        (-10, BUY, 11, "trading_state"),
        (-10, SELL, 1, "trading_state"),
        (0, BUY, 1, "trading_state"),
        (0, SELL, 1, "trading_state"),
    ],
)
def test_reduce_only_lets_through_what_makes_positions_smaller(
    held: int, side: Side, quantity: int, rule: str
) -> None:
    desk = Desk()
    desk.held = {ME: Decimal(held)}
    desk.hear(ReduceOnlyTrading(0, "op"))

    assert rule_of(desk.ask(side, quantity)) == rule


def test_reduce_only_counts_what_is_working() -> None:
    desk = Desk()
    desk.held = {ME: Decimal(10)}
    desk.hear(ReduceOnlyTrading(0, "op"))
    desk.ask(SELL, 6)

    assert rule_of(desk.ask(SELL, 5)) == "trading_state"
    assert rule_of(desk.ask(SELL, 4)) == ""


def test_a_command_that_changes_nothing_says_nothing() -> None:
    assert Desk().hear(ResumeTrading(0, "op")) is None


# --- new terms --------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", WORKING_LIMITS)
def test_new_terms_are_checked_as_if_the_old_order_were_gone(rule: str) -> None:
    desk = desk_with_limit_of_100(rule)
    working = allowed(desk.ask(BUY, 60, limit="10"))

    denied = desk.replace(working, quantity="101")
    approved = desk.replace(working, quantity="100")

    assert isinstance(denied, ReplaceDenied)
    assert denied.rule == rule
    assert isinstance(approved, ReplaceApproved)
    assert (approved.order.quantity, approved.order.limit_price) == (Decimal(100), Decimal(10))


@pytest.mark.parametrize("rule", WORKING_LIMITS)
def test_while_new_terms_are_under_way_the_larger_order_counts(rule: str) -> None:
    desk = desk_with_limit_of_100(rule)
    working = allowed(desk.ask(BUY, 60, limit="10"))
    desk.replace(working, quantity="90")

    assert rule_of(desk.ask(BUY, 11)) == rule

    desk.hear(ReplaceRejected(0, working.client_order_id, ME, "A"))
    assert rule_of(desk.ask(BUY, 40)) == ""


@pytest.mark.parametrize("rule", WORKING_LIMITS)
def test_while_smaller_terms_are_under_way_the_old_order_counts(rule: str) -> None:
    desk = desk_with_limit_of_100(rule)
    working = allowed(desk.ask(BUY, 60, limit="10"))
    approved = desk.replace(working, quantity="10")

    assert rule_of(desk.ask(BUY, 41)) == rule

    assert isinstance(approved, ReplaceApproved)
    desk.hear(OrderReplaced(0, approved.order))
    assert rule_of(desk.ask(BUY, 90)) == ""


def test_a_higher_limit_under_way_reserves_its_cash() -> None:
    desk = desk_with_limit_of_100("require_cash")
    working = allowed(desk.ask(BUY, 60, limit="10"))

    desk.replace(working, limit_price="15")

    assert rule_of(desk.ask(BUY, 11)) == "require_cash"
    assert rule_of(desk.ask(BUY, 10)) == ""


def test_of_a_part_filled_order_the_new_quantity_counts_what_is_filled() -> None:
    desk = desk_with_limit_of_100("max_position_quantity")
    working = allowed(desk.ask(BUY, 60))
    desk.filled(working, 20, leaves=40)
    desk.held = {ME: Decimal(20)}

    too_much, too_little = desk.replace(working, quantity="101"), desk.replace(working, quantity="20")
    enough = desk.replace(working, quantity="100")

    assert isinstance(too_much, ReplaceDenied)
    assert too_much.rule == "max_position_quantity"
    assert isinstance(too_little, ReplaceDenied)
    assert too_little.reason == "20 of it is filled already"
    assert isinstance(enough, ReplaceApproved)


def test_a_second_replacement_must_wait_for_the_first() -> None:
    desk = Desk()
    working = allowed(desk.ask(BUY, 60))
    desk.replace(working, quantity="70")

    denied = desk.replace(working, quantity="80")

    assert isinstance(denied, ReplaceDenied)
    assert denied.rule == "pending_replace"


@pytest.mark.parametrize(
    ("limit", "stop", "new", "reason"),
    [
        (None, None, "limit", "a market order has no limit price"),
        (None, None, "stop", "a market order has no stop price"),
        ("5", None, "stop", "a limit order has no stop price"),
        (None, "5", "limit", "a stop order has no limit price"),
    ],
)
def test_terms_that_the_order_type_does_not_have_are_denied(
    limit: str | None, stop: str | None, new: str, reason: str
) -> None:
    desk = Desk()
    working = allowed(desk.ask(BUY, 60, limit=limit, stop=stop))

    denied = (
        desk.replace(working, limit_price="0.01") if new == "limit" else desk.replace(working, stop_price="5")
    )

    assert isinstance(denied, ReplaceDenied)
    assert denied.reason == reason


def test_terms_for_an_order_of_another_strategy_or_of_nobody_are_denied() -> None:
    desk = Desk()
    working = allowed(desk.ask(BUY, 60))

    others = desk.replace(working, strategy=OTHER, quantity="1")
    nobodys = desk.replace(msgspec.structs.replace(working, client_order_id=ClientOrderId("x")), quantity="1")

    for denied in (others, nobodys):
        assert isinstance(denied, ReplaceDenied)
        assert denied.rule == "open_order"


def test_a_denied_replacement_leaves_the_order_working() -> None:
    desk = desk_with_limit_of_100("max_position_quantity")
    working = allowed(desk.ask(BUY, 60))

    desk.replace(working, quantity="101")

    assert desk.risk.working_quantity("A", BUY) == 60


def test_trading_states_hold_for_new_terms_too() -> None:
    desk = Desk()
    working = allowed(desk.ask(BUY, 60))
    desk.hear_all(HaltTrading(0, "op"))

    denied = desk.replace(working, quantity="70")

    assert isinstance(denied, ReplaceDenied)
    assert denied.rule == "trading_state"
