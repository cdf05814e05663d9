"""Sizes, targets and orders that hang together, as a strategy returns them, become the right intents."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest

from components.strategy_host.order_terms import NEEDS
from components.strategy_host.session_timers import SessionTimers
from components.strategy_host.state import HostState
from components.strategy_host.translation import Translator
from components.strategy_host.words import Words
from components.venue_facts import VenueFacts
from kernel.events import (
    DecisionRefused,
    Event,
    InstrumentDefined,
    Order,
    OrderIntent,
    OrderType,
    Side,
    SignalDirection,
    SignalRaised,
    TimeInForce,
)
from kernel.identifiers import ClientOrderId, StrategyId
from strategies.sdk import (
    EquityPercent,
    Notional,
    OneCancelsOther,
    PlaceOrder,
    Signal,
    Target,
    buy,
    one_cancels_other,
    one_triggers_other,
    sell,
    target_position,
    target_weight,
)
from tests.kernel.listeners import quote

# What strategies return is not what the types say: that is what some of these tests are about.
Anything = Any
INSTRUMENTS = {
    "A": InstrumentDefined(0, "A"),
    "FUT": InstrumentDefined(0, "FUT", multiplier=Decimal(50)),
    "EUR": InstrumentDefined(0, "EUR", currency="EUR", lot_size=Decimal("0.1")),
    "JPY": InstrumentDefined(0, "JPY", currency="JPY"),
}


class Account:
    """An account worth 100,000 that holds 10 of LONG and -10 of SHORT, and knows the rate of the euro."""

    equity = Decimal(100_000)

    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal:  # noqa: ARG002  # the view's signature
        return Decimal({"LONG": 10, "SHORT": -10}.get(symbol, 0))

    def rate(self, currency: str) -> Decimal | None:
        return {"USD": Decimal(1), "EUR": Decimal("1.25")}.get(currency)

    def closable(self, order: Order) -> Decimal:
        held = self.strategy_position(order.strategy, order.symbol)
        return -held if order.side is Side.BUY else held

    def open_orders(self, symbol: str | None) -> Sequence[Order]:  # noqa: ARG002  # the view's signature
        return ()


class Debtor(Account):
    """An account that owes more than it has."""

    equity = Decimal(-1_000)


def translate(returned: object, account: Account | None = None) -> Sequence[Event]:
    """What a strategy's answer to a quote at 5 becomes; the last price of everything but NEW is 50."""
    state, owner = HostState(epoch=7), StrategyId("ma")
    translator = Translator(
        owner,
        slug="ma",
        state=state,
        instrument=lambda symbol: INSTRUMENTS.get(symbol) or InstrumentDefined(0, symbol),
        symbol_of=lambda _: "",
        account=account or Account(),
        last_price=lambda symbol: None if symbol == "NEW" else 50.0,
        session_timers=SessionTimers(owner, state=state, hours=VenueFacts()),
        words=Words(owner, is_heard=True),
        held=account or Account(),
    )
    return translator(quote(5), returned)


def intents(returned: object) -> list[OrderIntent]:
    made = translate(returned)
    assert all(isinstance(event, OrderIntent) for event in made), made
    return [event for event in made if isinstance(event, OrderIntent)]


def refusal(returned: object) -> str:
    (event,) = translate(returned)
    assert isinstance(event, DecisionRefused)
    return event.reason


# --- sizes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("placed", "quantity", "asked"),
    [
        (buy("A", 7), "7", ""),
        (buy("A", Notional(10_000)), "200", "notional 10000"),
        (buy("A", Notional(10_049)), "200", "notional 10049"),
        (buy("A", Notional(10_000), limit=40), "250", "notional 10000"),
        (buy("A", Notional(10_000), stop=80), "125", "notional 10000"),
        (buy("A", Notional(10_000), limit=100, stop=80), "100", "notional 10000"),
        (buy("FUT", Notional(10_000)), "4", "notional 10000"),
        (buy("EUR", Notional(1_000)), "16.0", "notional 1000"),
        (sell("A", EquityPercent(5)), "100", "equity percent 5"),
        (buy("A", EquityPercent(Decimal("2.5"))), "50", "equity percent 2.5"),
    ],
)
def test_a_size_by_worth_is_whole_lots_at_the_orders_price(
    placed: PlaceOrder, quantity: str, asked: str
) -> None:
    (intent,) = intents(placed)

    assert (str(intent.order.quantity), intent.asked) == (quantity, asked)


@pytest.mark.parametrize(
    ("placed", "reason"),
    [
        (buy("A", Notional(49)), "notional 49 is less than one lot of 1"),
        (buy("A", Notional(-500)), "notional -500 is less than one lot of 1"),
        (buy("A", Notional(float("nan"))), "notional nan is not finite"),
        (buy("NEW", Notional(500)), "NEW has no price yet to size an order by"),
        (buy("JPY", Notional(500)), "no rate of JPY is known to size an order by"),
        (buy("A", EquityPercent(0)), "equity percent 0 is less than one lot of 1"),
    ],
)
def test_a_size_that_comes_to_nothing_is_refused(placed: PlaceOrder, reason: str) -> None:
    assert refusal(placed) == reason


@pytest.mark.parametrize(
    ("wanted", "asked"),
    [
        (buy("A", EquityPercent(-10)), "equity percent -10"),
        (target_weight("LONG", 0.6), "target weight 0.6"),
    ],
)
def test_a_part_of_debts_is_no_size(wanted: PlaceOrder | Target, asked: str) -> None:
    """It would be on the other side: a tenth less of -1,000 bought, 60 % of it long sold."""
    (refused,) = translate(wanted, Debtor())

    assert isinstance(refused, DecisionRefused)
    problem = "the account's equity is -1000, there is nothing to take a part of"
    assert refused.reason == f"{asked}: {problem}"


def test_a_weight_of_nothing_closes_the_position_of_an_account_in_debt() -> None:
    (intent,) = translate(target_weight("LONG", 0), Debtor())

    assert isinstance(intent, OrderIntent)
    assert (intent.order.side, intent.order.quantity) == (Side.SELL, Decimal(10))


# --- targets ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "side", "quantity", "asked"),
    [
        (target_position("A", 30), Side.BUY, "30", "target position 30"),
        (target_position("LONG", 30), Side.BUY, "20", "target position 30"),
        (target_position("LONG", 0), Side.SELL, "10", "target position 0"),
        (target_position("LONG", -5.9), Side.SELL, "15", "target position -5.9"),
        (target_position("SHORT", 0), Side.BUY, "10", "target position 0"),
        (target_weight("A", 0.6), Side.BUY, "1200", "target weight 0.6"),
        (target_weight("LONG", Decimal("0.6")), Side.BUY, "1190", "target weight 0.6"),
        (target_weight("A", -0.1), Side.SELL, "200", "target weight -0.1"),
        (target_weight("SHORT", 0), Side.BUY, "10", "target weight 0"),
        (target_weight("A", 0.1, limit=40), Side.BUY, "250", "target weight 0.1"),
    ],
)
def test_a_target_is_an_order_for_the_difference(
    target: Target, side: Side, quantity: str, asked: str
) -> None:
    (intent,) = intents(target)

    assert (intent.order.side, str(intent.order.quantity), intent.asked) == (side, quantity, asked)


@pytest.mark.parametrize(
    "target",
    [
        target_position("LONG", 10),
        target_position("LONG", 10.9),
        target_weight("A", 0),
        target_position("A", 0.9),
    ],
    ids=repr,
)
def test_a_target_less_than_a_lot_away_is_no_order(target: Target) -> None:
    assert translate(target) == []


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (Target("A"), "a target has a position or a weight; got neither"),
        (Target("A", 1, 0.5), "a target has a position or a weight; got both"),
        (target_weight("NEW", 0.5), "NEW has no price yet to size an order by"),
        (target_position("A", float("inf")), "target position inf is not finite"),
        (Target("A", 5, order_type=OrderType.TRAILING_STOP), "a target is no trailing_stop order"),
    ],
)
def test_a_target_that_is_none_is_refused(target: Target, reason: str) -> None:
    assert refusal(target) == reason


# --- orders that hang together ----------------------------------------------------------------


def test_attached_exits_follow_their_entry_and_cancel_each_other() -> None:
    entry, stop, take = intents(buy("A", 10, limit=50, stop_loss=45, take_profit=60, tag="t"))

    assert [one.order.client_order_id for one in (entry, stop, take)] == ["7-ma-1", "7-ma-2", "7-ma-3"]
    assert (stop.order.side, stop.order.order_type, stop.order.stop_price) == (
        Side.SELL,
        OrderType.STOP,
        Decimal(45),
    )
    assert (take.order.order_type, take.order.limit_price) == (OrderType.LIMIT, Decimal(60))
    assert {one.order.parent_id for one in (stop, take)} == {"7-ma-1"}
    assert {one.order.group_id for one in (stop, take)} == {"7-ma-2-oco"}
    assert (entry.order.parent_id, entry.order.group_id, take.order.tag) == ("", "", "t")


def test_exits_are_as_large_as_an_entry_sized_by_worth() -> None:
    quantities = [one.order.quantity for one in intents(buy("A", Notional(1_000), stop_loss=45))]

    assert quantities == [20, 20]


def test_one_exit_alone_is_in_no_group() -> None:
    _, stop = intents(sell("A", 10, stop_loss=55))

    assert (stop.order.side, stop.order.group_id, stop.order.parent_id) == (Side.BUY, "", "7-ma-1")


def test_one_cancels_other_shares_a_group_named_after_the_first() -> None:
    made = intents(one_cancels_other(sell("A", 10, limit=60), sell("A", 10, stop=45)))

    assert [(one.order.client_order_id, one.order.group_id) for one in made] == [
        ("7-ma-1", "7-ma-1-oco"),
        ("7-ma-2", "7-ma-1-oco"),
    ]


def test_one_triggers_other_counts_the_parent_first_and_may_hold_a_group() -> None:
    first, single, one, other = intents(
        one_triggers_other(
            buy("A", 10), buy("B", 5), one_cancels_other(sell("A", 10, limit=60), sell("A", 10, stop=45))
        )
    )

    assert first.order.client_order_id == "7-ma-1"
    assert {each.order.parent_id for each in (single, one, other)} == {ClientOrderId("7-ma-1")}
    assert (single.order.group_id, one.order.group_id, other.order.group_id) == (
        "",
        "7-ma-3-oco",
        "7-ma-3-oco",
    )


def test_a_plan_with_one_bad_order_is_refused_whole_and_takes_no_id() -> None:
    events = translate([one_triggers_other(buy("A", 10), sell("A", 10, limit=-1)), buy("A", 1)])

    refused, placed = events
    assert isinstance(refused, DecisionRefused)
    assert isinstance(placed, OrderIntent)
    assert placed.order.client_order_id == "7-ma-1"


@pytest.mark.parametrize(
    ("returned", "reason"),
    [
        (one_cancels_other(buy("A", 1)), "one cancels other: expected 2 orders or more; got 1"),
        (one_cancels_other(), "orders: expected 1 to 100; got 0"),
        (one_cancels_other(buy("A", 1), buy("B", 1)), "one cancels other: expected one symbol; got A, B"),
        (OneCancelsOther(5), "orders: expected a tuple; got int"),  # type: ignore[arg-type]  # the point
        (OneCancelsOther((5, 6)), "expected a PlaceOrder; got int"),  # type: ignore[arg-type]  # the point
        (
            buy("A", 1, limit=50, stop_loss=51),
            "stop loss, price and take profit of a buy must be ascending; got 51.00, 50.00",
        ),
        (
            sell("A", 1, stop_loss=40, take_profit=45),
            "stop loss, price and take profit of a sell must be descending; got 40.00, 45.00",
        ),
        (buy("A", 1, take_profit=0), "price 0 is not positive, to the nearest tick of 0.01"),
    ],
)
def test_orders_that_do_not_hang_together_are_refused(returned: object, reason: str) -> None:
    assert refusal(returned) == reason


# --- terms ------------------------------------------------------------------------------------


@pytest.mark.parametrize("order_type", OrderType)
def test_every_order_type_takes_the_prices_it_needs_and_no_others(order_type: OrderType) -> None:
    needs = NEEDS[order_type]
    limit = 50 if needs.limit else None
    stop = 45 if needs.stop else None
    trail = 2 if needs.trail else None

    (intent,) = intents(PlaceOrder("A", Side.BUY, 1, order_type, limit, stop, trail_amount=trail))

    assert intent.order.order_type is order_type
    wrong_limit = PlaceOrder(
        "A", Side.BUY, 1, order_type, None if needs.limit else 50, stop, trail_amount=trail
    )
    assert "limit price" in refusal(wrong_limit)
    if needs.stop is not None:
        wrong_stop = PlaceOrder(
            "A", Side.BUY, 1, order_type, limit, None if needs.stop else 45, trail_amount=trail
        )
        assert "stop price" in refusal(wrong_stop)
    wrong_trail = PlaceOrder(
        "A", Side.BUY, 1, order_type, limit, stop, trail_amount=None if needs.trail else 2
    )
    assert "trail" in refusal(wrong_trail)


def test_all_terms_reach_the_order() -> None:
    (intent,) = intents(
        buy(
            "A",
            100,
            limit=50,
            time_in_force=TimeInForce.GTD,
            expire_ts=9,
            post_only=True,
            reduce_only=True,
            display_quantity=10.5,
        )
    )

    order = intent.order
    assert (order.time_in_force, order.expire_ts) == (TimeInForce.GTD, 9)
    assert (order.post_only, order.reduce_only, order.display_quantity) == (True, True, Decimal(10))


def test_a_trail_makes_a_trailing_stop_with_or_without_a_first_stop() -> None:
    first, second = intents([sell("A", 1, trail_amount=1.005), sell("A", 1, stop=48, trail_percent=2)])

    assert (first.order.order_type, first.order.trail_amount) == (OrderType.TRAILING_STOP, Decimal("1.00"))
    assert (second.order.stop_price, second.order.trail_percent) == (Decimal(48), Decimal(2))


@pytest.mark.parametrize(
    ("placed", "reason"),
    [
        (buy("A", 1, expire_ts=9), "expire_ts belongs to gtd; the order is gtc"),
        (
            buy("A", 1, time_in_force=TimeInForce.GTD),
            "a gtd order needs an expire_ts after now (5); got 0",
        ),
        (buy("A", 1, post_only=True), "a market order cannot be post-only: it needs a limit price"),
        (
            buy("A", 1, limit=5, post_only=True, time_in_force=TimeInForce.IOC),
            "an order that is ioc cannot be post-only",
        ),
        (buy("A", 1, display_quantity=1), "a market order cannot be an iceberg: it needs a limit price"),
        (buy("A", 9, limit=5, display_quantity=0), "quantity 0 is less than one lot of 1"),
        (sell("A", 1, trail_amount=1, trail_percent=1), "a trail is an amount or a percent; got both"),
        (sell("A", 1, trail_percent=100), "trail percent 100 is not between 0 and 100"),
        (sell("A", 1, trail_percent=float("nan")), "trail percent nan is not finite"),
        (
            sell("A", 1, order_type=OrderType.TRAILING_STOP),
            "a trailing_stop order needs a trail amount or a trail percent",
        ),
        (buy("A", 1, reduce_only="yes"), "reduce_only: expected True or False; got str"),  # type: ignore[arg-type]  # the point
    ],
)
def test_terms_that_do_not_go_together_are_refused(placed: PlaceOrder, reason: str) -> None:
    assert refusal(placed) == reason


def test_an_iceberg_that_shows_all_of_itself_is_none() -> None:
    (intent,) = intents(buy("A", 10, limit=50, display_quantity=10))

    assert intent.order.display_quantity is None


def test_a_signal_carries_exits_on_the_tick() -> None:
    (signal,) = translate(Signal("A", SignalDirection.LONG, 0.5, "why", 44.999, 60))

    assert isinstance(signal, SignalRaised)
    assert (signal.stop_loss, signal.take_profit) == (Decimal("45.00"), Decimal("60.00"))
