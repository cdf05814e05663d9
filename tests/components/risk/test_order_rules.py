"""Rules on an order by itself, its price, its flow, and on what may be traded at all."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from kernel.events import (
    BUY,
    SELL,
    InstrumentDefined,
    Order,
    OrderCancelled,
    OrderDenied,
    OrderType,
    Quote,
    ReplaceApproved,
    ReplaceDenied,
    Side,
)
from kernel.identifiers import ClientOrderId
from kernel.time_units import SECOND_NS as SECOND
from strategies.sdk import RiskLimits
from tests.components.risk.desk import ME, OTHER, Desk, allowed, limits, rule_of


def order(key: str = "x", /, **terms: Any) -> Order:  # Any: a term's own type
    """A market order to buy 1 A, but for these terms."""
    plain = Order(ClientOrderId(key), ME, "A", Side.BUY, OrderType.MARKET, Decimal(1))
    return msgspec.structs.replace(plain, **terms)


def reason(answer: object) -> str:
    assert isinstance(answer, OrderDenied), answer
    return answer.reason


# --- terms ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        ({"quantity": Decimal("NaN")}, "the quantity must be a number above 0"),
        ({"quantity": Decimal("Infinity")}, "the quantity must be a number above 0"),
        ({"quantity": Decimal(0)}, "the quantity must be a number above 0"),
        ({"quantity": Decimal(-5)}, "the quantity must be a number above 0"),
        ({"quantity": Decimal("1.5")}, "the quantity must be a multiple of the lot 1"),
        ({"limit_price": Decimal("NaN")}, "the limit price must be a number above 0"),
        ({"limit_price": Decimal("10.005")}, "the limit price must be a multiple of the tick 0.01"),
        ({"stop_price": Decimal(-1)}, "the stop price must be a number above 0"),
        ({"stop_price": Decimal("9.999")}, "the stop price must be a multiple of the tick 0.01"),
    ],
)
def test_terms_that_make_no_order_are_denied_with_what_was_expected(
    terms: dict[str, Decimal], expected: str
) -> None:
    answer = Desk().intend(order("x", **terms))

    assert rule_of(answer) == "order_terms"
    assert reason(answer) == expected


def test_less_than_the_venues_minimum_is_denied() -> None:
    desk = Desk()
    desk.terms = InstrumentDefined(0, "", minimum_quantity=Decimal(5), minimum_notional=Decimal(100))

    assert rule_of(desk.ask(BUY, 4)) == "order_terms"
    assert rule_of(desk.ask(BUY, 9)) == "order_terms"
    assert rule_of(desk.ask(BUY, 10)) == ""


def test_an_id_that_is_working_is_not_used_again() -> None:
    desk = Desk()
    desk.intend(order("twice"))

    answer = desk.intend(order("twice"))

    assert rule_of(answer) == "client_order_id"
    assert len(desk.risk.state.working.orders) == 1


def test_a_symbol_that_nobody_defined_or_priced_is_denied() -> None:
    desk = Desk()
    desk.price = None

    unknown, known = desk.ask(BUY, 1, limit="5", symbol="NEW"), desk.ask(BUY, 1, limit="5")

    assert (rule_of(unknown), rule_of(known)) == ("known_symbol", "")
    assert reason(unknown) == "'NEW' is unknown: it must be defined, or have a price"


def test_where_asked_for_a_price_does_not_make_a_symbol_known() -> None:
    desk = Desk(limits(require_defined_symbol=True))

    assert rule_of(desk.ask(BUY, 1, symbol="NEW")) == "require_defined_symbol"
    desk.hear(InstrumentDefined(0, "NEW"))
    assert rule_of(desk.ask(BUY, 1, symbol="NEW")) == ""


def test_lists_say_what_may_be_traded() -> None:
    restricted, allowing = Desk(limits(restricted=("A",))), Desk(limits(allow_only=("A",)))

    assert [rule_of(restricted.ask(BUY, 1, symbol=symbol)) for symbol in "AB"] == ["restricted", ""]
    assert [rule_of(allowing.ask(BUY, 1, symbol=symbol)) for symbol in "AB"] == ["", "allow_only"]


def test_what_the_venue_lacks_is_denied_unless_it_is_emulated() -> None:
    desk = Desk()
    desk.lacking = "time in force fok"

    denied = desk.ask(BUY, 1)
    desk.emulated = True

    assert rule_of(denied) == "capability"
    assert reason(denied) == "the venue must take time in force fok, and does not"
    assert rule_of(desk.ask(BUY, 1)) == ""


def test_a_currency_without_a_rate_is_denied() -> None:
    desk = Desk(RiskLimits(allow_short=True))
    desk.terms = InstrumentDefined(0, "", currency="EUR")

    denied = desk.ask(BUY, 1)
    desk.rates["EUR"] = Decimal(2)

    assert rule_of(denied) == "currency"
    assert rule_of(desk.ask(BUY, 50)) == ""
    assert rule_of(desk.ask(BUY, 1)) == "require_cash"


def test_an_order_that_waits_needs_the_one_it_waits_for() -> None:
    desk = Desk()

    assert rule_of(desk.ask(SELL, 1, parent="nobody")) == "parent_order"


def test_a_closed_market_takes_only_orders_for_its_opening() -> None:
    desk = Desk(limits(in_session_only=True))
    desk.opens = False

    closed = desk.ask(BUY, 1)
    on_open = desk.intend(order(order_type=OrderType.MARKET_ON_OPEN))

    assert (rule_of(closed), rule_of(on_open)) == ("in_session_only", "")
    assert "must be open" in reason(closed)


def test_without_the_key_a_closed_market_is_the_venues_business() -> None:
    desk = Desk()
    desk.opens = False

    assert rule_of(desk.ask(BUY, 1)) == ""


# --- price ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "limit", "rule"),
    [
        (BUY, "10.10", ""),
        (BUY, "10.11", "price_collar_bps"),
        (BUY, "1.00", ""),
        (SELL, "9.90", ""),
        (SELL, "9.89", "price_collar_bps"),
        (SELL, "99.00", ""),
    ],
)
def test_a_limit_may_be_only_so_much_worse_than_the_last_price(side: Side, limit: str, rule: str) -> None:
    desk = Desk(limits(price_collar_bps=Decimal(100)))

    assert rule_of(desk.ask(side, 1, limit=limit)) == rule


@pytest.mark.parametrize(("side", "rule"), [(BUY, "price_collar_bps"), (SELL, "")])
def test_a_market_order_is_looked_at_where_it_would_trade(side: Side, rule: str) -> None:
    desk = Desk(limits(price_collar_bps=Decimal(100)))
    desk.quote = Quote(0, "A", 9.95, 10.50)

    answer = desk.ask(side, 1)

    assert rule_of(answer) == rule
    if isinstance(answer, OrderDenied):
        assert (answer.limit, answer.value) == ("100", "500.00")


def test_a_collar_without_a_last_price_lets_nothing_through() -> None:
    desk = Desk(limits(price_collar_bps=Decimal(100)))
    desk.price = None

    assert rule_of(desk.ask(BUY, 1, limit="10")) == "price_collar_bps"


@pytest.mark.parametrize(
    ("stop", "rule"), [("11.00", ""), ("11.01", "stop_collar_bps"), ("8.99", "stop_collar_bps")]
)
def test_a_stop_may_lie_only_so_far_away_on_either_side(stop: str, rule: str) -> None:
    desk = Desk(limits(stop_collar_bps=Decimal(1000)))

    assert rule_of(desk.ask(SELL, 1, stop=stop)) == rule


# --- flow -------------------------------------------------------------------------------------


def test_only_so_many_orders_go_in_any_second() -> None:
    desk = Desk(limits(max_orders_per_second=2))

    first = [rule_of(desk.ask(BUY, 1, ts=ts)) for ts in (0, SECOND // 2, SECOND - 1)]
    later = [rule_of(desk.ask(BUY, 1, ts=ts)) for ts in (SECOND, SECOND + 1, SECOND + SECOND // 2)]

    assert first == ["", "", "max_orders_per_second"]
    assert later == ["", "max_orders_per_second", ""]


def test_a_denied_order_takes_nothing_from_the_rate() -> None:
    desk = Desk(limits(max_orders_per_minute=1, max_order_quantity=Decimal(5)))

    desk.ask(BUY, 6)

    assert rule_of(desk.ask(BUY, 5)) == ""
    assert rule_of(desk.ask(BUY, 5)) == "max_orders_per_minute"


def test_a_replacement_counts_against_the_rate() -> None:
    desk = Desk(limits(max_orders_per_second=2))
    working = allowed(desk.ask(BUY, 1))

    desk.replace(working, quantity="2")

    assert rule_of(desk.ask(BUY, 1)) == "max_orders_per_second"


def test_only_so_many_orders_are_open() -> None:
    desk = Desk(limits(max_open_orders=3, max_open_orders_per_symbol=2))
    first = allowed(desk.ask(BUY, 1))
    desk.ask(BUY, 1)

    third, other, fourth = (desk.ask(BUY, 1, symbol=symbol) for symbol in "ABB")
    desk.hear(OrderCancelled(0, first.client_order_id, ME, "A", Decimal(1)))

    assert rule_of(third) == "max_open_orders_per_symbol"
    assert rule_of(other) == ""
    assert rule_of(fourth) == "max_open_orders"
    assert rule_of(desk.ask(BUY, 1, symbol="B")) == ""


def test_new_terms_are_no_further_open_order() -> None:
    desk = Desk(limits(max_open_orders=1, max_open_orders_per_symbol=1, duplicate_window_s=5))
    working = allowed(desk.ask(BUY, 1))

    assert isinstance(desk.replace(working, quantity="2"), ReplaceApproved)


def test_the_same_order_twice_is_taken_for_a_mistake_for_a_while() -> None:
    desk = Desk(limits(duplicate_window_s=1.5))
    desk.ask(BUY, 1, ts=0)

    again = desk.ask(BUY, 1, ts=SECOND)
    others = [desk.ask(SELL, 1, ts=SECOND), desk.ask(BUY, 2, ts=SECOND)]
    others += [desk.ask(BUY, 1, ts=SECOND, limit="9"), desk.ask(BUY, 1, ts=SECOND, symbol="B")]
    others.append(desk.ask(BUY, 1, ts=SECOND, strategy=OTHER))
    later = desk.ask(BUY, 1, ts=3 * SECOND // 2)

    assert rule_of(again) == "duplicate_window_s"
    assert isinstance(again, OrderDenied)
    assert (again.limit, again.value) == ("1.5", "1.0")
    assert [rule_of(one) for one in others] == [""] * 5
    assert rule_of(later) == ""


def test_what_is_remembered_of_orders_is_bounded() -> None:
    desk = Desk(limits(duplicate_window_s=1, max_orders_per_second=50))

    for number in range(500):
        allowed(desk.ask(BUY, 1 + number, ts=number * SECOND // 25))

    flow = desk.risk.state.flow
    assert len(flow.recent) + len(flow.recent_before) <= 2 * 26
    assert [len(ring.times) for ring in flow.rings.values()] == [50]


def test_a_denial_of_new_terms_has_limit_and_value() -> None:
    desk = Desk(limits(max_order_quantity=Decimal(10)))
    working = allowed(desk.ask(BUY, 5))

    denied = desk.replace(working, quantity="11")

    assert isinstance(denied, ReplaceDenied)
    assert (denied.rule, denied.limit, denied.value) == ("max_order_quantity", "10", "11")


# --- no limit, and a limit of 0 ---------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        *("max_order_quantity", "max_order_notional", "max_position_quantity", "max_position_notional"),
        *("max_gross_exposure", "max_leverage", "max_symbol_concentration"),
        *("max_orders_per_second", "max_orders_per_minute", "max_open_orders", "max_open_orders_per_symbol"),
    ],
)
def test_a_limit_of_0_allows_nothing_and_one_left_out_is_none(key: str) -> None:
    zero = 0 if key.startswith(("max_orders", "max_open")) else Decimal(0)

    assert rule_of(Desk(limits(**{key: zero})).intend(order("x"))) == key
    assert rule_of(Desk(limits(**{key: None})).intend(order("x"))) == ""


# --- rules that concern some instruments alone ------------------------------------------------


def test_new_terms_of_an_instrument_change_the_rules_that_concern_it() -> None:
    desk = Desk()
    answers: list[str] = []

    for terms in (
        InstrumentDefined(0, "A"),
        InstrumentDefined(0, "A", is_shortable=False),
        InstrumentDefined(0, "A", currency="EUR"),
        InstrumentDefined(0, "A", expiry_ts=5),
        InstrumentDefined(0, "A"),
    ):
        desk.terms = terms
        answers.append(rule_of(desk.ask(SELL, 1, ts=10)))

    assert answers == ["", "is_shortable", "currency", "expired", ""]
