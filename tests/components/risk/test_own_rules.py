"""Risk rules of a user's own: what they see, what they answer, and what becomes of those that fail."""

from collections.abc import Callable
from decimal import Decimal

import msgspec
import pytest

from kernel.events import (
    BUY,
    SELL,
    ComponentFailed,
    Event,
    FlattenPositions,
    Order,
    OrderApproved,
    OrderDenied,
    OrderIntent,
    OrderType,
    Quote,
    ReplaceDenied,
    ReplaceIntent,
)
from kernel.identifiers import ClientOrderId
from strategies.sdk import Denial, OrderCheckView
from tests.components.risk.desk import ME, OTHER, Desk, allowed, limits, rule_of


class MaxSpread(msgspec.Struct, frozen=True):
    """No order while the quoted spread is wider than this many basis points."""

    limit_bps: float = 20.0

    def check(self, order_check: OrderCheckView) -> Denial | None:
        quote = order_check.last_quote
        if quote is None:
            return None
        spread_bps = (quote.ask - quote.bid) / quote.bid * 10_000
        if spread_bps <= self.limit_bps:
            return None
        return Denial("max_spread", "the spread is too wide", self.limit_bps, spread_bps)


class Seeing(msgspec.Struct, frozen=True):
    """Takes down what a check shows."""

    take: Callable[[OrderCheckView], object]

    def check(self, order_check: OrderCheckView) -> Denial | None:
        self.take(order_check)
        return None


class Answering(msgspec.Struct, frozen=True):
    """Gives the same answer to every check."""

    answer: object

    def check(self, order_check: OrderCheckView) -> Denial | None:  # noqa: ARG002  # a rule's signature
        return self.answer  # type: ignore[return-value]  # what a user's rule may get wrong


class Failing(msgspec.Struct, frozen=True):
    """Divides by nothing."""

    def check(self, order_check: OrderCheckView) -> Denial | None:
        return Denial("never", str(order_check.quantity / 0))


def order(key: str = "o") -> Order:
    return Order(ClientOrderId(key), ME, "A", BUY, OrderType.MARKET, Decimal(1))


def test_an_own_rule_denies_with_its_own_words() -> None:
    desk = Desk(own=[MaxSpread(limit_bps=50)])
    desk.quote = Quote(0, "A", 10.0, 10.1)

    answer = desk.ask(BUY, 1)

    assert isinstance(answer, OrderDenied)
    assert (answer.rule, answer.reason) == ("max_spread", "the spread is too wide")
    assert answer.limit == "50"
    assert float(answer.value) == pytest.approx(100)


def test_an_own_rule_that_answers_nothing_lets_the_order_go() -> None:
    desk = Desk(own=[MaxSpread(limit_bps=150)])
    desk.quote = Quote(0, "A", 10.0, 10.1)

    assert isinstance(desk.ask(BUY, 1), OrderApproved)


def test_an_own_rule_is_asked_after_all_others_and_in_the_order_of_the_configuration() -> None:
    own = [Answering(Denial("first", "no")), Answering(Denial("second", "no"))]
    desk = Desk(limits(max_order_quantity=Decimal(5), max_open_orders=5), own=own)

    assert [rule_of(desk.ask(BUY, 10)), rule_of(desk.ask(BUY, 1))] == ["max_order_quantity", "first"]


def test_a_denied_order_counts_for_nothing() -> None:
    desk = Desk(own=[Answering(Denial("never", "no"))])

    desk.ask(BUY, 1)

    assert not desk.risk.state.working.orders
    assert desk.risk.working_quantity("A", BUY) == 0


def test_new_terms_of_a_working_order_are_checked_too() -> None:
    seen: list[tuple[bool, Decimal]] = []
    desk = Desk(own=[Seeing(lambda check: seen.append((check.is_replacement, check.quantity)))])
    working = allowed(desk.ask(BUY, 5, limit="9"))
    desk.filled(working, 2, leaves=3)

    desk.replace(working, quantity="8")

    assert seen == [(False, Decimal(5)), (True, Decimal(8))]


def test_an_own_rule_sees_the_order_the_position_and_the_account() -> None:
    seen: dict[str, object] = {}

    def take(check: OrderCheckView) -> None:
        seen.update(
            id=check.order.client_order_id,
            ts=check.ts,
            symbol=check.instrument.symbol,
            price=check.price,
            last=check.last_price,
            quantity=check.quantity,
            notional=check.notional,
            held=check.held,
            own=check.strategy_held,
            projected=check.projected_position,
            opening=check.opening_quantity,
            cash=check.cash,
            equity=check.equity,
            quote=check.last_quote,
        )

    desk = Desk(own=[Seeing(take)])
    desk.held = {ME: Decimal(2), OTHER: Decimal(1)}

    desk.ask(SELL, 5, limit="12", ts=7)

    assert seen == {
        "id": "o1",
        "ts": 7,
        "symbol": "A",
        "price": 12,
        "last": 10,
        "quantity": 5,
        "notional": 60,
        "held": 3,
        "own": 2,
        "projected": -2,
        "opening": 0,
        "cash": 1000,
        "equity": 1030,
        "quote": None,
    }


@pytest.mark.parametrize("name", ["order", "held", "equity", "mine"])
def test_an_own_rule_can_change_nothing(name: str) -> None:
    desk = Desk(own=[Seeing(lambda check: setattr(check, name, None))])

    failed, denied = desk.hear_all(OrderIntent(0, order()))

    assert isinstance(failed, ComponentFailed)
    assert isinstance(denied, OrderDenied)
    assert "AttributeError" in denied.reason


def test_a_rule_that_raises_denies_the_order_and_is_a_failure_on_record() -> None:
    desk = Desk(own=[Failing()])

    failed, denied = desk.hear_all(OrderIntent(3, order()))

    assert isinstance(failed, ComponentFailed)
    assert (failed.ts, failed.component, failed.event_type, failed.failures) == (3, "risk", "OrderIntent", 1)
    assert failed.error.startswith("Failing: DivisionByZero: ")
    assert failed.where.startswith("check:")
    assert isinstance(denied, OrderDenied)
    assert denied.rule == "Failing"
    assert denied.reason == f"the rule failed: {failed.error}"


def test_new_terms_that_a_rule_fails_on_are_denied_and_the_order_stays() -> None:
    def fail_on_new_terms(check: OrderCheckView) -> None:
        assert not check.is_replacement

    desk = Desk(own=[Seeing(fail_on_new_terms)])
    working = allowed(desk.ask(BUY, 5, limit="9"))

    failed, denied = desk.hear_all(ReplaceIntent(0, working.client_order_id, ME, "A", Decimal(6)))

    assert isinstance(failed, ComponentFailed)
    assert isinstance(denied, ReplaceDenied)
    assert desk.risk.working_quantity("A", BUY) == 5


def test_the_failures_of_own_rules_are_counted() -> None:
    desk = Desk(own=[Failing()])

    counted = [event for key in "ab" for event in desk.hear_all(OrderIntent(0, order(key)))]

    assert [one.failures for one in counted if isinstance(one, ComponentFailed)] == [1, 2]


NONSENSE: dict[str, tuple[object, str]] = {
    "True": (True, "it answered True, expected a Denial or None"),
    "a sentence": ("no", "it answered 'no', expected a Denial or None"),
    "an object": (object(), "it answered a value of type object, expected a Denial or None"),
    "no rule": (Denial("", "no"), "the rule of its denial is '', expected a text"),
    "no reason": (Denial("x", ""), "the reason of its denial is '', expected a text"),
    "a number for a rule": (
        Denial(7, "no"),  # type: ignore[arg-type]  # what a user's rule may get wrong
        "the rule of its denial is 7, expected a text",
    ),
    "a list for a limit": (
        Denial("x", "no", [1]),  # type: ignore[arg-type]  # what a user's rule may get wrong
        "the limit of its denial is a value of type list, expected a number or a text",
    ),
    "nothing for a value": (
        Denial("x", "no", 1, None),  # type: ignore[arg-type]  # what a user's rule may get wrong
        "the value of its denial is a value of type NoneType, expected a number or a text",
    ),
}


@pytest.mark.parametrize(("answer", "sentence"), NONSENSE.values(), ids=NONSENSE)
def test_a_rule_that_answers_nonsense_denies_the_order_and_is_a_failure(
    answer: object, sentence: str
) -> None:
    desk = Desk(own=[Answering(answer)])

    failed, denied = desk.hear_all(OrderIntent(0, order()))

    assert isinstance(failed, ComponentFailed)
    assert failed.error == f"Answering: {sentence}"
    assert isinstance(denied, OrderDenied)
    assert (denied.rule, denied.reason) == ("Answering", f"the rule failed: Answering: {sentence}")


def test_words_of_a_rule_that_no_log_can_hold_are_made_fit_for_it() -> None:
    desk = Desk(own=[Answering(Denial("x", "half a pair \ud800", float("nan"), Decimal("Infinity")))])

    answer = desk.ask(BUY, 1)

    assert isinstance(answer, OrderDenied)
    assert (answer.reason, answer.limit, answer.value) == ("half a pair \\ud800", "nan", "Infinity")
    assert msgspec.msgpack.encode(answer)


def test_exits_of_risk_itself_are_not_checked_by_own_rules() -> None:
    desk = Desk(own=[Answering(Denial("never", "no"))])
    desk.held = {ME: Decimal(2)}

    events: list[Event] = desk.hear_all(FlattenPositions(0, "anna"))

    assert [type(event) for event in events] == [OrderApproved]
