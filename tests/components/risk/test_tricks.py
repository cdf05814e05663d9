"""Ways to get past a limit, or to make risk trade more than it has to: each of them closed."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec
import pytest

from components.assembly.core import Core
from kernel.events import (
    BUY,
    SELL,
    AdjustPosition,
    CancelRejected,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    Event,
    ExecutionKind,
    ExecutionReport,
    FlattenPositions,
    FxRateSet,
    HaltTrading,
    InstrumentDefined,
    Order,
    OrderApproved,
    OrderCancelled,
    OrderDenied,
    OrderIntent,
    OrderSubmitted,
    OrderType,
    Quote,
    ReduceOnlyTrading,
    ReplaceDenied,
    ResumeTrading,
    RiskLimitBreached,
    TradingState,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId
from strategies.sdk import RiskLimits
from strategies.sdk.limits import BreachAction, ContinuousLimit, LimitKind
from tests.components.risk.desk import ME, NO_LIMITS, Desk, allowed, limits, rule_of
from tests.components.sample_core import FREE, Step, begin, core_with, hear, of_type, scripted


def holding(*script: Sequence[Step], risk: RiskLimits = FREE, cash: int = 20_000) -> Core:
    """A core of which strategy ``x`` holds 100 A, bought at 100, and goes on with the script."""
    core = core_with({"x": scripted([("market", "A", 100, 0)], *script)}, limits=risk)
    hear(core, *(InstrumentDefined(0, symbol) for symbol in "AB"))
    begin(core, cash=cash)
    price(core, 100, ts=1)
    price(core, 100, ts=2)
    assert core.portfolio.net_position("A") == 100
    return core


def price(core: Core, at: float, *, ts: int, symbol: str = "A") -> Sequence[Event]:
    """What follows when a symbol is quoted at a price, without a spread."""
    return hear(core, Quote(ts, symbol, at, at))


def watching(kind: LimitKind, size: str, action: BreachAction = BreachAction.ALERT) -> RiskLimits:
    """Nothing but this continuous limit."""
    one = ContinuousLimit(kind=kind, limit=Decimal(size), action=action)
    return RiskLimits(require_cash=False, allow_short=True, continuous=(one,))


# --- what an order is worth ---------------------------------------------------------------------


@pytest.mark.parametrize(("limit", "stop"), [("1", None), (None, "1"), ("1", "1")])
def test_a_sale_is_worth_the_market_price_however_low_its_own_is(limit: str | None, stop: str | None) -> None:
    desk = Desk(limits(max_order_notional=Decimal(1000)))

    assert rule_of(desk.ask(SELL, 101, limit=limit, stop=stop)) == "max_order_notional"
    assert rule_of(desk.ask(SELL, 100, limit=limit, stop=stop)) == ""


def test_a_buy_stop_that_the_market_is_through_is_worth_the_market_price() -> None:
    desk = Desk(limits(max_order_notional=Decimal(1000)))

    assert rule_of(desk.ask(BUY, 101, stop="1")) == "max_order_notional"
    assert rule_of(desk.ask(BUY, 101, limit="1")) == ""


def test_a_short_sale_far_below_the_market_takes_the_margin_of_the_market_price() -> None:
    desk = Desk(limits(require_margin=True))

    assert rule_of(desk.ask(SELL, 101, limit="0.01")) == "require_margin"
    assert rule_of(desk.ask(SELL, 100, limit="0.01")) == ""


@pytest.mark.parametrize(
    "rule",
    [
        "max_gross_exposure",
        "max_leverage",
        "require_margin",
        "max_symbol_concentration",
        "max_sector_concentration",
        "max_position_notional",
        "max_order_notional",
    ],
)
def test_what_nobody_can_value_does_not_pass_as_worth_nothing(rule: str) -> None:
    desk = Desk(limits(**{rule: True if rule == "require_margin" else Decimal(1_000_000)}))
    desk.terms = InstrumentDefined(0, "", sector="tech")
    desk.price = None

    assert rule_of(desk.ask(BUY, 1)) == rule
    assert rule_of(desk.ask(BUY, 1, limit="10")) == ""


def test_new_terms_do_not_make_an_order_larger_than_one_may_be() -> None:
    desk = Desk(limits(max_order_quantity=Decimal(10)))
    order = allowed(desk.ask(BUY, 10, limit="10"))
    desk.filled(order, 9, leaves=1)

    answer = desk.replace(order, quantity="19")

    assert isinstance(answer, ReplaceDenied)
    assert (answer.rule, answer.value) == ("max_order_quantity", "19")


# --- orders that reduce -------------------------------------------------------------------------


def test_in_reduce_only_both_orders_of_a_pair_of_exits_may_go() -> None:
    desk = Desk()
    desk.held = {ME: Decimal(100)}
    desk.hear_all(ReduceOnlyTrading(0, "ann"))

    assert rule_of(desk.ask(SELL, 100, limit="12", group="g")) == ""
    assert rule_of(desk.ask(SELL, 100, stop="8", group="g")) == ""
    assert rule_of(desk.ask(SELL, 1)) == "trading_state"


def test_after_a_loss_a_position_may_not_be_turned_into_its_opposite() -> None:
    desk = Desk(limits(max_daily_loss=Decimal(1)))
    desk.held = {ME: Decimal(-10)}
    desk.lost = 1.0

    assert rule_of(desk.ask(BUY, 19)) == "max_daily_loss"
    assert rule_of(desk.ask(BUY, 10)) == ""


def test_a_loss_rule_that_an_operator_resumed_counts_from_then_on() -> None:
    """Or an account without a position could never make good what it lost."""
    core = holding(
        [], [], [("market", "A", 1, 0)], [("market", "A", 1, 0)], risk=limits(max_drawdown=Decimal("0.1"))
    )
    price(core, 80, ts=3)

    denied = price(core, 80, ts=4)
    hear(core, ResumeTrading(5, "ann"))
    resumed = price(core, 80, ts=6)

    assert [one.rule for one in of_type(denied, OrderDenied)] == ["max_drawdown"]
    assert len(of_type(resumed, OrderSubmitted)) == 1


# --- money that comes and goes --------------------------------------------------------------------


@pytest.mark.parametrize("amount", [-9_500, 19_500])
def test_a_drawdown_is_the_same_part_of_the_account_after_money_came_or_went(amount: int) -> None:
    core = holding(risk=watching(LimitKind.DRAWDOWN, "0.026"))
    price(core, 95, ts=3)
    assert core.portfolio.equity == 19_500  # 2.5 % below the peak of 20,000

    moved = hear(core, CashMoved(4, Decimal(amount)))
    equity = 19_500 + amount
    least = 95 - (equity - equity / 0.975 * 0.974) / 100
    found = [
        of_type(price(core, at, ts=ts), RiskLimitBreached)
        for ts, at in ((5, least + 0.01), (6, least - 0.01))
    ]

    assert not of_type(moved, RiskLimitBreached)
    assert [len(one) for one in found] == [0, 1]


def test_the_first_rate_of_money_that_was_paid_in_before_is_no_loss() -> None:
    core = holding(risk=watching(LimitKind.DRAWDOWN, "0.026"))

    events = [
        *hear(core, CashMoved(3, Decimal(1_000_000), "JPY"), FxRateSet(4, "USD", "JPY", Decimal(100))),
        *price(core, 93, ts=5),  # 700 of 30,000
    ]
    later = price(core, 92, ts=6)

    assert not of_type(events, RiskLimitBreached)
    assert len(of_type(later, RiskLimitBreached)) == 1


def adjusted(ts: int, *, quantity: int) -> AdjustPosition:
    """An operator says that ``x`` holds so many A, which cost 100 each."""
    return AdjustPosition(
        ts, "ann", StrategyId("x"), "A", Decimal(quantity), Decimal(100 * quantity), "by the statement"
    )


def test_a_position_that_an_operator_sets_is_neither_gain_nor_loss() -> None:
    core = holding(risk=watching(LimitKind.DRAWDOWN, "0.026"))

    events = [
        *hear(core, adjusted(3, quantity=300), adjusted(4, quantity=50)),
        *price(core, 93, ts=5),  # 350 of 15,000
    ]
    later = price(core, 92, ts=6)

    assert not of_type(events, RiskLimitBreached)
    assert len(of_type(later, RiskLimitBreached)) == 1


def test_what_a_delisting_takes_is_a_loss() -> None:
    core = holding(risk=watching(LimitKind.DRAWDOWN, "0.25"))
    worthless = CorporateAction(3, "A", CorporateActionKind.DELISTING, amount=Decimal(40))

    events = hear(core, worthless)

    assert [one.value for one in of_type(events, RiskLimitBreached)] == ["0.3"]


# --- exits ----------------------------------------------------------------------------------------


def test_what_an_exit_closes_already_is_not_closed_twice() -> None:
    core = holding()
    first = hear(core, FlattenPositions(3, "ann"))

    second = hear(core, FlattenPositions(4, "ann"))
    price(core, 100, ts=5)

    assert len(of_type(first, OrderSubmitted)) == 1
    assert list(second) == []
    assert core.portfolio.net_position("A") == 0
    assert core.risk.state.flattening == {}


def test_two_limits_breached_at_once_close_a_position_once() -> None:
    both = tuple(
        ContinuousLimit(kind=kind, limit=Decimal(size), action=BreachAction.FLATTEN)
        for kind, size in (
            (LimitKind.DAILY_LOSS, "0.02"),
            (LimitKind.DRAWDOWN, "0.02"),
            (LimitKind.STOP_LOSS, "0.05"),
        )
    )
    core = holding(risk=RiskLimits(require_cash=False, allow_short=True, continuous=both))

    events = [*price(core, 94, ts=3), *price(core, 94, ts=4), *price(core, 94, ts=5)]

    assert [one.action for one in of_type(events, RiskLimitBreached)].count("flatten") == 3
    assert len(of_type(events, OrderSubmitted)) == 1
    assert not of_type(events, OrderCancelled)
    assert core.portfolio.net_position("A") == 0


def test_a_strategy_neither_cancels_nor_changes_the_exit_of_its_position() -> None:
    core = holding([], [("cancel", "A", 0, 0), ("replace", "A", 1, 0)])
    hear(core, FlattenPositions(3, "ann"))

    events = price(core, 100, ts=4, symbol="B")
    price(core, 100, ts=5)

    assert [one.reason for one in of_type(events, CancelRejected)] == ["only an operator may cancel it"]
    assert [one.rule for one in of_type(events, ReplaceDenied)] == ["risk_exit"]
    assert core.portfolio.net_position("A") == 0


def test_an_exit_that_the_gate_refused_does_not_close_a_later_position() -> None:
    core = holding(
        [], [], [("market", "A", 5, 0)], risk=watching(LimitKind.DAILY_LOSS, "0.05", BreachAction.FLATTEN)
    )
    price(core, 90, ts=3)
    hear(core, HaltTrading(4, "ann"))
    assert core.portfolio.net_position("A") == 100

    hear(core, ResumeTrading(5, "ann"))
    for ts in range(6, 10):
        price(core, 90, ts=ts)

    assert core.risk.state.trading_state is TradingState.ACTIVE
    assert core.portfolio.net_position("A") == 105


def test_exits_that_end_without_a_fill_are_not_sent_for_ever() -> None:
    desk = Desk(NO_LIMITS)
    desk.held = {ME: Decimal(5)}
    sent = of_type(desk.hear_all(FlattenPositions(0, "ann")), OrderApproved)

    for _ in range(10):
        last = sent[-1].order
        ended = OrderCancelled(0, last.client_order_id, last.strategy, last.symbol, last.quantity)
        sent += of_type(desk.hear_all(ended), OrderApproved)

    assert len(sent) == 3
    assert desk.risk.state.flattening == {}


# --- orders that open once the position is gone -----------------------------------------------------


@pytest.mark.parametrize(
    "risk",
    [
        limits(max_gross_exposure=Decimal(20_000)),
        limits(max_leverage=Decimal(1)),
        limits(require_margin=True),
    ],
)
def test_a_stop_left_behind_by_its_position_counts_as_the_short_sale_that_it_is(risk: RiskLimits) -> None:
    core = holding(
        [], [("stop", "A", -100, -5), ("market", "A", -100, 0)], [], [("market", "B", 110, 0)], risk=risk
    )
    price(core, 100, ts=3)
    price(core, 100, ts=4)
    assert core.portfolio.net_position("A") == 0

    events = price(core, 100, ts=5, symbol="B")

    assert len(of_type(events, OrderDenied)) == 1


def test_orders_on_both_sides_of_the_market_count_as_the_larger_side() -> None:
    desk = Desk(limits(max_gross_exposure=Decimal(1000)))

    assert rule_of(desk.ask(BUY, 100, limit="10")) == ""
    assert rule_of(desk.ask(SELL, 100, limit="10")) == ""
    assert rule_of(desk.ask(SELL, 1, limit="10")) == "max_gross_exposure"


def test_of_an_order_that_turns_a_position_only_what_opens_counts() -> None:
    desk = Desk(limits(max_gross_exposure=Decimal(500)))
    desk.held = {ME: Decimal(-40)}

    assert rule_of(desk.ask(BUY, 91)) == "max_gross_exposure"
    assert rule_of(desk.ask(BUY, 90)) == ""


def test_what_is_left_of_an_order_is_counted_in_the_units_of_after_a_split() -> None:
    """60 of 100 are left, at two for one 120: not 60 in proportion to what the order is for then."""
    core = core_with({})
    begin(core)
    hear(core, OrderIntent(0, order("o", 100)), fill_report("o", 40))

    hear(core, CorporateAction(1, "A", CorporateActionKind.SPLIT, Decimal(2)))

    assert core.risk.working_quantity("A", BUY) == 120


def test_a_bust_of_before_a_split_is_counted_in_the_units_of_after_it() -> None:
    core = core_with({})
    begin(core)
    hear(core, OrderIntent(0, order("o", 100)), fill_report("o", 40))
    hear(core, CorporateAction(1, "A", CorporateActionKind.SPLIT, Decimal(2)))

    hear(core, msgspec.structs.replace(fill_report("o", 40), ts=2, kind=ExecutionKind.FILL_BUSTED))

    assert core.risk.working_quantity("A", BUY) == 200
    assert core.portfolio.net_position("A") == 0


def test_an_exit_that_waits_for_its_parent_waits_for_all_of_it_after_a_split() -> None:
    core = core_with({})
    begin(core)
    stop = Order(ClientOrderId("s"), ME, "A", SELL, OrderType.STOP, Decimal(100), stop_price=Decimal(20))
    hear(core, OrderIntent(0, order("o", 100)))
    hear(core, OrderIntent(0, msgspec.structs.replace(stop, parent_id=ClientOrderId("o"))))

    hear(core, CorporateAction(1, "A", CorporateActionKind.SPLIT, Decimal(2)))

    assert core.risk.working_quantity("A", SELL) == 0


def test_what_is_to_be_closed_is_closed_under_its_new_symbol() -> None:
    core = holding()
    hear(core, FlattenPositions(3, "op", "A"))

    hear(core, CorporateAction(4, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="B"))

    assert list(core.risk.state.flattening) == ["B"]


def order(key: str, quantity: int) -> Order:
    """A limit order to buy A at 30."""
    return Order(
        ClientOrderId(key), ME, "A", BUY, OrderType.LIMIT, Decimal(quantity), limit_price=Decimal(30)
    )


def fill_report(key: str, quantity: int) -> ExecutionReport:
    return ExecutionReport(
        0,
        ExecutionKind.FILL,
        ClientOrderId(key),
        "A",
        fill_id=FillId("f"),
        quantity=Decimal(quantity),
        price=Decimal(30),
    )
