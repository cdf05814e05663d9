"""Limits and capital of one strategy: enforced beside the account's, by the same rules."""

from decimal import Decimal

import pytest

from components.assembly.core import Core
from components.portfolio.config import PositionMode
from components.portfolio.portfolio import AccountType, PortfolioConfig
from kernel.events import (
    CorporateAction,
    CorporateActionKind,
    DecisionRefused,
    Event,
    InstrumentDefined,
    LedgerMarked,
    OrderDenied,
    OrderSubmitted,
    ReplaceDenied,
    SessionStopped,
    Side,
)
from kernel.identifiers import StrategyId
from kernel.snapshot import put_back, take
from kernel.time_units import DAY_NS, SECOND_NS
from strategies.sdk import (
    Cancel,
    Capital,
    Decisions,
    EquityPercent,
    PortfolioView,
    Quote,
    RiskLimits,
    Strategy,
    StrategyLimits,
    StrategyParams,
    StrategyState,
    buy,
    one_cancels_other,
    sell,
    target_weight,
)
from strategies.sdk.strategy_limits import StrategyTerms, check_terms
from tests.components.sample_core import FREE, begin, core_with, hear, of_type, scripted
from tests.kernel.listeners import quote


class Obedient(Strategy[StrategyParams, StrategyState]):
    """Returns at a quote of its symbol what a test gives it, once."""

    then: Decisions = None

    def on_quote(self, quote: Quote) -> Decisions:
        decisions, self.then = self.then, None
        return decisions if quote.symbol == "A" else None


def limited(limits: StrategyLimits | None = None, capital: Capital | None = None) -> StrategyTerms:
    return StrategyTerms(capital, limits or StrategyLimits())


class Desk:
    """Two strategies, the first of which has terms of its own, over a core with 10,000 of cash."""

    def __init__(
        self, terms: StrategyTerms, *, limits: RiskLimits = FREE, portfolio: PortfolioConfig | None = None
    ) -> None:
        self.own, self.other = Obedient(), Obedient()
        self.core = core_with(
            {"x": self.own, "y": self.other}, terms={"x": terms}, limits=limits, portfolio=portfolio
        )
        begin(self.core, cash=10_000)
        self.ts = 0

    @property
    def portfolio(self) -> PortfolioView:
        return self.own.ctx.portfolio

    def price(self, price: float, *, days: int = 0) -> list[Event]:
        """The next quote of A."""
        self.ts += days * DAY_NS or 1
        return list(hear(self.core, quote(self.ts, "A", price)))

    def asks(self, decisions: Decisions, price: float = 10.0) -> list[Event]:
        """What follows when the first strategy decides so; an order fills at the quote after."""
        self.own.then = decisions
        return self.price(price)

    def denial(self, decisions: Decisions, price: float = 10.0) -> OrderDenied:
        (denied,) = of_type(self.asks(decisions, price), OrderDenied)
        return denied


def submitted(events: list[Event]) -> list[Decimal]:
    return [event.order.quantity for event in of_type(events, OrderSubmitted)]


# --- limits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "rule", "limit"),
    [
        (StrategyLimits(max_order_quantity=Decimal(5)), "strategy_max_order_quantity", "5"),
        (StrategyLimits(max_order_notional=Decimal(50)), "strategy_max_order_notional", "50"),
        (StrategyLimits(max_position_quantity=Decimal(5)), "strategy_max_position_quantity", "5"),
        (StrategyLimits(max_position_notional=Decimal(50)), "strategy_max_position_notional", "50"),
        (StrategyLimits(max_gross_exposure=Decimal(50)), "strategy_max_gross_exposure", "50"),
        (StrategyLimits(max_open_orders=0), "strategy_max_open_orders", "0"),
        (StrategyLimits(max_orders_per_second=0), "strategy_max_orders_per_second", "0"),
        (StrategyLimits(max_orders_per_minute=0), "strategy_max_orders_per_minute", "0"),
    ],
)
def test_a_denial_names_the_strategys_limit(limits: StrategyLimits, rule: str, limit: str) -> None:
    denied = Desk(limited(limits)).denial(buy("A", 6))

    assert (denied.rule, denied.limit) == (rule, limit)
    assert denied.reason.endswith("(a limit of the strategy x)")


def test_other_strategies_are_not_held_to_it() -> None:
    desk = Desk(limited(StrategyLimits(max_position_quantity=Decimal(5))))
    desk.other.then = buy("A", 500)

    assert submitted(desk.price(10.0)) == [500]
    assert submitted(desk.asks(buy("A", 5))) == [5]


def test_positions_and_working_orders_of_others_do_not_count() -> None:
    desk = Desk(limited(StrategyLimits(max_position_quantity=Decimal(5), max_open_orders=2)))
    desk.other.then = [buy("A", 100), *(buy("A", 10, limit=5) for _ in range(9))]
    desk.price(10.0)
    desk.price(10.0)

    assert submitted(desk.asks([buy("A", 2, limit=5), buy("A", 3, limit=5)])) == [2, 3]
    assert desk.denial(buy("A", 1)).rule == "strategy_max_position_quantity"


def test_limits_and_capital_count_both_legs_in_hedging_mode() -> None:
    """At 10: a long leg of 300 and a short one of 200 take a capital of 5,000; nobody else's legs count."""
    hedging = PortfolioConfig(position_mode=PositionMode.HEDGING, account_type=AccountType.MARGIN)
    limits = StrategyLimits(max_position_quantity=Decimal(300))
    desk = Desk(limited(limits, Capital(amount=Decimal(5000))), portfolio=hedging)
    desk.other.then = [buy("A", 50), sell("A", 50)]
    desk.price(10.0)

    assert submitted(desk.asks([buy("A", 300), sell("A", 200)])) == [300, 200]
    assert desk.denial(sell("A", 1)).rule == "strategy_capital"
    assert desk.denial(buy("A", 1)).rule == "strategy_max_position_quantity"
    assert submitted(desk.asks(sell("A", 100, reduce_only=True))) == [100]
    assert desk.portfolio.buying_power == 0
    desk.price(10.0)
    assert [desk.portfolio.buying_power, desk.portfolio.position("A")] == [Decimal(1000), Decimal(0)]


def test_an_open_order_that_ends_makes_room() -> None:
    desk = Desk(limited(StrategyLimits(max_open_orders=1)))

    assert submitted(desk.asks(buy("A", 1))) == [1]
    assert submitted(desk.asks(buy("A", 1))) == [1]  # the first was filled at this quote


def test_the_account_s_limit_is_asked_first() -> None:
    desk = Desk(
        limited(StrategyLimits(max_order_quantity=Decimal(5))),
        limits=RiskLimits(require_cash=False, allow_short=True, max_order_quantity=Decimal(3)),
    )

    assert desk.denial(buy("A", 6)).rule == "max_order_quantity"
    assert desk.denial(buy("A", 4)).rule == "max_order_quantity"


def test_new_terms_are_held_to_it() -> None:
    strategy = scripted([("limit", "A", 4, -5)], [("replace", "A", 6, 0)])
    terms = {"x": limited(StrategyLimits(max_order_quantity=Decimal(5)))}
    core = core_with({"x": strategy}, terms=terms)
    begin(core)

    made = hear(core, quote(1), quote(2))

    (denied,) = of_type(made, ReplaceDenied)
    assert denied.rule == "strategy_max_order_quantity"


def test_a_rate_is_counted_per_strategy() -> None:
    desk = Desk(limited(StrategyLimits(max_orders_per_second=2)))
    desk.other.then = [buy("A", 1) for _ in range(5)]
    desk.price(10.0)

    assert submitted(desk.asks([buy("A", 1), buy("A", 1), buy("A", 1)])) == [1, 1]
    desk.ts += SECOND_NS
    assert submitted(desk.asks(buy("A", 1))) == [1]


def test_after_its_days_loss_a_strategy_may_only_reduce_until_the_next_day() -> None:
    desk = Desk(limited(StrategyLimits(max_daily_loss=Decimal(20))))
    desk.ts = DAY_NS
    desk.asks(buy("A", 10))
    desk.price(10.0)
    assert submitted(desk.asks(buy("A", 1), 8.5)) == [1]

    denied = desk.denial(buy("A", 1), 7.5)
    assert (denied.rule, denied.limit, denied.value) == ("strategy_max_daily_loss", "20", "25.0")
    assert "the strategy has lost too much" in denied.reason
    assert submitted(desk.asks(sell("A", 3), 7.5)) == [3]
    desk.ts += DAY_NS
    assert submitted(desk.asks(buy("A", 1), 7.5)) == [1]


def test_a_strategy_with_a_limit_on_its_loss_need_not_ask_for_the_days_pnl() -> None:
    desk = Desk(limited(StrategyLimits(max_daily_loss=Decimal(20))))

    assert "day_start" in desk.core.bus.components
    assert "day_start" not in Desk(limited(StrategyLimits(max_open_orders=1))).core.bus.components


# --- capital ----------------------------------------------------------------------------------

HALF = Capital(fraction=Decimal("0.5"))
THOUSAND = Capital(amount=Decimal(1_000))


@pytest.mark.parametrize("capital", [Capital(fraction=Decimal("0.1")), THOUSAND])
def test_an_order_beyond_the_capital_is_denied(capital: Capital) -> None:
    desk = Desk(limited(capital=capital))

    assert submitted(desk.asks(buy("A", 100))) == [100]
    denied = desk.denial(buy("A", 1))

    assert denied.rule == "strategy_capital"
    assert Decimal(denied.limit) == 0
    assert Decimal(denied.value) == 10
    assert denied.reason == (
        "the initial margin must not exceed what positions and working orders leave of the capital: "
        "the order needs 10 USD, and 0 USD are available (a limit of the strategy x)"
    )


def test_working_orders_take_capital_and_give_it_back() -> None:
    desk = Desk(limited(capital=THOUSAND))
    assert submitted(desk.asks(buy("A", 60, limit=9))) == [60]

    assert desk.denial(buy("A", 60, limit=9)).rule == "strategy_capital"
    (order,) = desk.portfolio.open_orders()
    desk.asks(Cancel(order.client_order_id))
    assert submitted(desk.asks(buy("A", 60, limit=9))) == [60]


def test_orders_of_one_group_take_capital_once() -> None:
    desk = Desk(limited(capital=THOUSAND))

    made = desk.asks(one_cancels_other(buy("A", 60, limit=9), buy("A", 60, stop=12)))

    assert submitted(made) == [60, 60]


def test_exits_and_reductions_pass_though_the_capital_is_used_up() -> None:
    desk = Desk(limited(capital=THOUSAND))
    desk.asks(buy("A", 100))

    assert submitted(desk.asks(sell("A", 40))) == [40]


def test_an_amount_grows_and_shrinks_with_what_the_strategy_made_of_it() -> None:
    desk = Desk(limited(capital=THOUSAND))
    desk.asks(buy("A", 100))
    desk.price(10.0)

    desk.price(12.0)
    assert [desk.portfolio.capital, desk.portfolio.buying_power] == [1_200, 0]
    desk.asks(sell("A", 100), 12.0)
    desk.price(12.0)
    assert [desk.portfolio.capital, desk.portfolio.buying_power] == [1_200, 1_200]


def test_a_fraction_is_of_the_accounts_equity_whoever_made_it() -> None:
    desk = Desk(limited(capital=HALF))
    desk.other.then = buy("A", 100)
    desk.price(10.0)
    desk.price(10.0)
    desk.price(20.0)

    assert desk.portfolio.equity == 11_000
    assert desk.portfolio.capital == 5_500
    assert desk.portfolio.buying_power == 5_500


def test_buying_power_is_never_more_than_the_accounts() -> None:
    desk = Desk(limited(capital=HALF))
    desk.other.then = buy("A", 800)
    desk.price(10.0)
    desk.price(10.0)

    assert desk.portfolio.buying_power == 2_000


def test_a_short_position_takes_capital_too() -> None:
    desk = Desk(limited(capital=THOUSAND))
    assert submitted(desk.asks(sell("A", 100))) == [100]

    desk.price(10.0)
    assert desk.denial(sell("A", 1)).rule == "strategy_capital"
    assert submitted(desk.asks(buy("A", 150))) == [150]


def test_on_margin_capital_buys_more() -> None:
    desk = Desk(limited(capital=THOUSAND), portfolio=PortfolioConfig(account_type=AccountType.MARGIN))
    hear(desk.core, InstrumentDefined(0, "A", margin_rate=Decimal("0.5")))

    assert submitted(desk.asks(buy("A", 200))) == [200]
    assert desk.denial(buy("A", 1)).rule == "strategy_capital"


def test_sizes_are_parts_of_the_capital() -> None:
    desk = Desk(limited(capital=THOUSAND))
    desk.price(10.0)

    assert submitted(desk.asks(target_weight("A", 0.5))) == [50]
    desk.price(10.0)
    assert submitted(desk.asks(buy("A", EquityPercent(30)))) == [30]


def test_a_part_of_lost_capital_is_refused() -> None:
    desk = Desk(limited(capital=THOUSAND))
    desk.asks(buy("A", 100))
    desk.price(10.0)
    desk.core.portfolio.state.ledgers[StrategyId("x")]["USD"].cash -= 5_000

    (refused,) = of_type(desk.asks(target_weight("A", 1)), DecisionRefused)
    assert "the strategy's capital is -4000.00, there is nothing to take a part of" in refused.reason


def test_without_capital_of_its_own_a_strategy_has_the_account() -> None:
    desk = Desk(limited())

    assert [desk.portfolio.capital, desk.portfolio.buying_power] == [10_000, 10_000]
    assert submitted(desk.asks(buy("A", 5_000))) == [5_000]


def test_ledgers_are_marked_where_a_strategy_has_capital() -> None:
    desk, other = Desk(limited(capital=THOUSAND)), Desk(limited())
    for each in (desk, other):
        each.asks(buy("A", 1))
        each.price(10.0)

    marked = [of_type(hear(each.core, SessionStopped(each.ts, 1)), LedgerMarked) for each in (desk, other)]

    assert [len(marks) for marks in marked] == [2, 0]


def test_a_strategy_sees_its_own_limits() -> None:
    limits = StrategyLimits(max_open_orders=3)

    assert Desk(limited(limits)).own.ctx.own_limits == limits


# --- over time --------------------------------------------------------------------------------


def test_the_gate_goes_on_after_a_restart() -> None:
    terms = limited(StrategyLimits(max_open_orders=2, max_orders_per_minute=3), THOUSAND)
    desk, other = Desk(terms), Desk(terms)
    desk.asks([buy("A", 30, limit=9), buy("A", 30, limit=8)])

    put_back(other.core.bus, take(desk.core.bus))
    other.ts = desk.ts

    assert other.denial(buy("A", 60, limit=9)).rule == "strategy_capital"
    assert other.denial(buy("A", 1, limit=9)).rule == "strategy_max_open_orders"
    put_back(desk.core.bus, take(other.core.bus))
    assert take(desk.core.bus) == take(other.core.bus)


def test_a_split_leaves_what_is_taken_as_it_was() -> None:
    desk = Desk(limited(capital=THOUSAND))
    desk.asks(buy("A", 50))
    desk.asks(buy("A", 50, limit=9))

    hear(desk.core, CorporateAction(desk.ts, "A", CorporateActionKind.SPLIT, Decimal(2)))

    assert submitted(desk.asks(buy("A", 10), 5.0)) == [10]
    assert desk.denial(buy("A", 2), 5.0).rule == "strategy_capital"


def test_the_sums_of_a_strategy_are_those_of_its_orders_alone() -> None:
    """After many orders of two strategies, what is kept equals what the working orders add up to."""
    steps = [("limit", "A", 7, -3), ("limit", "B", -4, 2), ("market", "A", 5, 0), ("cancel", "A", 1, 0)]
    scripts = [steps[number % 4 :] + steps[: number % 3] for number in range(40)]
    own, other = scripted(*scripts), scripted(*scripts[::-1])
    core = core_with({"x": own, "y": other}, terms={"x": limited(capital=Capital(amount=Decimal(10**9)))})
    begin(core, cash=10**9)
    for ts in range(1, 80):
        hear(core, quote(ts, "AB"[ts % 2], 100.0 + ts % 5))
        check_sums(core)


def check_sums(core: Core) -> None:
    state = core.risk.state
    working = [one for one in state.working.orders.values() if one.order.strategy == "x"]
    by_symbol = state.working.by_strategy.get(StrategyId("x"), {})
    assert sum(sums.count for sums in by_symbol.values()) == len(working)
    exposure = state.working.own_exposure[StrategyId("x")]
    counted = [one for one in working if one.order.client_order_id not in state.working.uncounted]
    for symbol, sums in exposure.by_symbol.items():
        for side, quantity in ((Side.BUY, sums.buy), (Side.SELL, sums.sell)):
            orders = [one for one in counted if (one.order.symbol, one.order.side) == (symbol, side)]
            assert quantity == sum((one.counted.quantity for one in orders), Decimal(0))
    assert exposure.counted == sum((one.counted for one in exposure.by_symbol.values()), Decimal(0))


# --- checking ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        (limited(StrategyLimits(max_order_notional=Decimal(-1))), "limits.max_order_notional: -1 is not"),
        (limited(StrategyLimits(max_open_orders=-1)), "limits.max_open_orders: -1 is not between 0 and"),
        (limited(capital=Capital()), "capital: expected either a fraction or an amount"),
        (
            limited(capital=Capital(fraction=Decimal("0.1"), amount=Decimal(1))),
            "capital: expected either a fraction or an amount",
        ),
        (limited(capital=Capital(fraction=Decimal(0))), "capital.fraction: 0 is not a number above 0"),
        (limited(capital=Capital(amount=Decimal("nan"))), "capital.amount: NaN is not a number above 0"),
        (limited(capital=Capital(fraction=Decimal(20))), "capital.fraction: 20 is above 1: it is a fraction"),
    ],
)
def test_terms_that_make_no_sense_are_refused(terms: StrategyTerms, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence.replace("(", r"\(")):
        check_terms(terms, can_exceed_equity=False)
