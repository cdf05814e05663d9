"""Whatever companies do, in any order and between any orders, everybody counts the same shares.

Random worlds first; then what they found, each as small as it can be told.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType

import pytest

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from components.allocation.allocator import ALLOCATOR
from components.allocation.config import SignalsConfig
from components.allocation.plan import Plan
from components.assembly.core import Core
from components.emulation.emulator import Emulator
from kernel.events import (
    AdjustPosition,
    CashMoved,
    ComponentFailed,
    CorporateAction,
    CorporateActionKind,
    Event,
    FlattenPositions,
    InstrumentDefined,
    Order,
    OrderCancelled,
    Quote,
    VenueDeclared,
)
from kernel.identifiers import StrategyId
from kernel.time_units import SECOND_NS
from strategies.sdk import (
    Decision,
    Decisions,
    OrderType,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    sell,
)
from strategies.sdk.algorithms import Twap
from strategies.sdk.sizing import FixedQuantity
from tests.components.account import money
from tests.components.sample_core import FREE, begin, broker_of, core_with, hear, of_type
from tests.core.agreement import broken_by, disagreements, known
from tests.core.companies import CompanyWorld, company_world, hedged_company_world

QUICK = range(14)
MANY = (*range(14, 40), *range(1_000, 1_500))

SPLIT, CHANGE = CorporateActionKind.SPLIT, CorporateActionKind.SYMBOL_CHANGE
MERGER = CorporateActionKind.MERGER
X = StrategyId("x")


def play(world: CompanyWorld) -> None:
    """Run a world, and look after every input whether all agree."""
    core = world.core()
    for place, event in enumerate(world.inputs):
        core.bus.advance(event.ts - 1)
        before = known(core)
        core.bus.dispatch((event,))
        derived = core.bus.take_derived().events
        wrong = [str(one) for one in derived if isinstance(one, ComponentFailed)]
        wrong += disagreements(core)
        if isinstance(event, CorporateAction) and event.kind is not CorporateActionKind.DIVIDEND:
            wrong += broken_by(event, before, core, derived)
        assert not wrong, (place, event, wrong)


@pytest.mark.parametrize("seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in MANY)])
def test_venue_orders_allocator_and_portfolio_agree_after_every_input(seed: int) -> None:
    play(company_world(seed))


@pytest.mark.parametrize("seed", [*QUICK, *(pytest.param(seed, marks=pytest.mark.slow) for seed in MANY)])
def test_they_agree_on_both_legs_in_hedging_mode(seed: int) -> None:
    play(hedged_company_world(seed))


# --- what they found ----------------------------------------------------------------------------


class Saying(Strategy[StrategyParams, StrategyState]):
    """Decides at the quote of each second what is said for it."""

    said: Mapping[int, Sequence[Decision]] = MappingProxyType({})

    def on_quote(self, quote: Quote) -> Decisions:
        return self.said.get(quote.ts // SECOND_NS)


def core_saying(
    said: Mapping[int, Sequence[Decision]],
    *,
    broker: SimulatedBrokerConfig | None = None,
    quantity: int = 300,
    execution: Twap | None = None,
) -> Core:
    """A core in which signals are plans for so many shares."""
    strategy = Saying()
    strategy.said = said
    core = core_with(
        {"x": strategy},
        symbols=("A", "B", "C"),
        limits=FREE,
        broker=broker,
        signals=SignalsConfig(sizing=FixedQuantity(quantity=Decimal(quantity)), execution=execution),
    )
    begin(core)
    return core


def quotes(core: Core, *seconds: int, symbol: str = "A", price: float = 100.0) -> list[Event]:
    """Quotes at these seconds, after the timers due until then; what followed."""
    derived: list[Event] = []
    for second in seconds:
        core.bus.advance(second * SECOND_NS - 1)
        derived += core.bus.take_derived().events
        derived += hear(core, Quote(second * SECOND_NS, symbol, price, price, 1e6, 1e6))
    return derived


def act(
    core: Core, second: int, kind: CorporateActionKind, ratio: str = "1", *, symbol: str = "A", new: str = ""
) -> Sequence[Event]:
    """A corporate action; nothing may disagree after it."""
    core.bus.advance(second * SECOND_NS - 1)
    core.bus.take_derived()
    action, before = (
        CorporateAction(second * SECOND_NS, symbol, kind, Decimal(ratio), new_symbol=new),
        known(core),
    )
    derived = hear(core, action)
    assert [*disagreements(core), *broken_by(action, before, core, derived)] == []
    return derived


def plan_for(core: Core, symbol: str) -> Plan:
    assert core.allocation is not None
    return core.allocation.state.plans[symbol]


def open_orders(core: Core) -> list[Order]:
    return [entry.order for entry in core.orders.state.open.values()]


def long(symbol: str = "A", stop: float | None = None, *, strength: float = 1.0) -> Signal:
    return Signal(symbol, SignalDirection.LONG, strength, "", stop)


def latency(delay_ms: float) -> SimulatedBrokerConfig:
    return SimulatedBrokerConfig(latency=ModelConfig("constant", {"delay_ms": delay_ms}))


def test_a_third_that_was_rounded_leaves_100_of_300_for_portfolio_venue_orders_and_allocator() -> None:
    core = core_saying({1: [buy("A", 300), long(stop=80.0)], 3: [sell("A", 300, stop=80.0)]})
    quotes(core, 1, 2, 3)

    act(core, 4, SPLIT, "0.3333333333")

    assert broker_of(core).state.positions["A"] == {X: 100, ALLOCATOR: 100}
    assert core.portfolio.holders("A") == {X: 100, ALLOCATOR: 100}
    assert [(one.strategy, one.quantity, one.stop_price) for one in open_orders(core)] == [
        (ALLOCATOR, Decimal(100), Decimal("240.00")),
        (X, Decimal(100), Decimal("240.00")),
    ]
    plan = plan_for(core, "A")
    assert (plan.target, plan.exits_for) == (Decimal(100), (Decimal(100), Decimal("240.00"), None))


def test_with_latency_the_venue_itself_ends_an_order_of_which_a_split_leaves_less_than_a_lot() -> None:
    core = core_saying({1: [buy("A", 5)], 3: [sell("A", 5, limit=120.0)]}, broker=latency(500.0))
    quotes(core, 1, 2, 3, 4)

    derived = act(core, 5, SPLIT, "0.1")

    (ended,) = of_type(derived, OrderCancelled)
    assert (ended.leaves_quantity, ended.reason) == (Decimal(5), "a split leaves less than a lot")
    assert open_orders(core) == []
    assert broker_of(core).state.resting == {}


def test_an_order_that_is_on_its_way_when_a_split_leaves_less_than_a_lot_never_rests() -> None:
    core = core_saying({2: [sell("A", 5, limit=120.0)]}, broker=latency(5_000.0))
    quotes(core, 1, 2)

    act(core, 3, SPLIT, "0.1")
    quotes(core, 8, price=1_300.0)

    assert open_orders(core) == []
    assert core.portfolio.net_position("A") == 0


def test_a_split_while_a_plan_is_worked_leaves_its_target_at_what_is_held() -> None:
    core = core_saying({1: [long()]}, execution=Twap(9.0, 3))
    quotes(core, 1, 2, 3)

    act(core, 4, SPLIT, "2")

    assert (plan_for(core, "A").target, core.portfolio.strategy_position(ALLOCATOR, "A")) == money(200, 200)
    assert plan_for(core, "A").working == {}


@pytest.mark.parametrize("delay_ms", [0.0, 400.0])
def test_a_new_symbol_while_a_plan_is_worked_takes_the_plan_and_what_is_held_along(delay_ms: float) -> None:
    core = core_saying({1: [long()]}, execution=Twap(9.0, 3), broker=latency(delay_ms) if delay_ms else None)
    quotes(core, 1, 2, 3)

    act(core, 4, CHANGE, new="B")
    quotes(core, 8, 9, symbol="B")

    assert plan_for(core, "B").target == core.portfolio.strategy_position(ALLOCATOR, "B") == 100
    assert plan_for(core, "B").working == {}


def test_exits_are_renewed_in_the_terms_of_after_a_split_that_ends_the_entry_under_way() -> None:
    """The end of the entry is heard before the plan is restated: 24 at 85 would be sold, and 2 are held."""
    core = core_saying({1: [long(stop=80.0, strength=0.8)], 4: [long(stop=85.0)]}, quantity=30)
    quotes(core, 1, 2, 3, 4)
    core.bus.advance(5 * SECOND_NS)

    act(core, 6, SPLIT, "0.1")

    (stop,) = open_orders(core)
    assert (stop.quantity, stop.stop_price) == (Decimal(2), Decimal("850.00"))
    assert core.portfolio.strategy_position(ALLOCATOR, "A") == 2


def test_a_split_scales_the_prices_that_exits_were_made_for_and_not_those_that_are_wanted_by_now() -> None:
    """The new stop price waits for the entry that is worked; the split ends it, so the exit is replaced."""
    said = {1: [long(stop=80.0, strength=0.5)], 20: [long(stop=90.0)]}
    core = core_saying(said, execution=Twap(9.0, 3))
    quotes(core, *range(1, 21))
    core.bus.advance(21 * SECOND_NS)

    act(core, 22, SPLIT, "2")

    (stop,) = open_orders(core)
    assert (stop.quantity, stop.stop_price) == (Decimal(300), Decimal("45.00"))


def test_two_plans_of_which_one_gets_the_others_symbol_become_one_with_exits_for_the_whole() -> None:
    core = core_saying({1: [long("A", 80.0), long("B", 70.0)]}, quantity=30)
    hear(core, Quote(1, "B", 90.0, 90.0, 1e6, 1e6))
    quotes(core, 1, 2)
    quotes(core, 3, symbol="B", price=90.0)

    act(core, 4, CHANGE, new="B")
    quotes(core, 5, symbol="B", price=90.0)

    assert (plan_for(core, "B").target, core.portfolio.strategy_position(ALLOCATOR, "B")) == money(60, 60)
    assert [(one.symbol, one.quantity) for one in open_orders(core)] == [("B", Decimal(60))]


def test_a_merger_into_a_share_that_is_planned_makes_its_exits_anew() -> None:
    core = core_saying({1: [long("A", 80.0), long("B", 70.0)]}, quantity=30)
    hear(core, Quote(1, "B", 90.0, 90.0, 1e6, 1e6))
    quotes(core, 1, 2)
    quotes(core, 3, symbol="B", price=90.0)

    act(core, 4, MERGER, "0.5", new="B")
    quotes(core, 5, 6, symbol="B", price=90.0)

    held = core.portfolio.strategy_position(ALLOCATOR, "B")
    assert held == plan_for(core, "B").target == 30
    assert [(one.symbol, one.quantity) for one in open_orders(core)] == [("B", Decimal(30))]


@pytest.mark.parametrize("kind", [MERGER, CorporateActionKind.SPIN_OFF])
def test_a_plan_that_gets_the_symbol_of_units_without_a_plan_has_exits_for_all(
    kind: CorporateActionKind,
) -> None:
    """The merger ends the plan of its share and leaves the units; then a planned share gets their symbol."""
    core = core_saying({1: [long("A", 80.0), long("B", 70.0)]}, quantity=30)
    hear(core, Quote(1, "B", 90.0, 90.0, 1e6, 1e6))
    quotes(core, 1, 2)
    quotes(core, 3, symbol="B", price=90.0)
    act(core, 4, kind, "0.5", new="C")

    act(core, 5, CHANGE, symbol="B", new="C")
    quotes(core, 6, 7, symbol="C", price=90.0)

    held = core.portfolio.strategy_position(ALLOCATOR, "C")
    assert held == plan_for(core, "C").target == 45
    assert [one.quantity for one in open_orders(core) if one.symbol == "C"] == [Decimal(45)]


def test_plans_that_are_joined_under_larger_lots_have_a_target_in_these_lots() -> None:
    """A, in lots of 10, gets the symbol of B, which has no terms of its own and was planned in shares."""
    core = core_saying({1: [long("B")]}, quantity=12)
    hear(core, InstrumentDefined(0, "A", lot_size=Decimal(10)), Quote(1, "B", 90.0, 90.0, 1e6, 1e6))
    quotes(core, 1)
    quotes(core, 2, symbol="B", price=90.0)

    act(core, 3, CHANGE, new="B")

    assert core.portfolio.strategy_position(ALLOCATOR, "B") == 12
    assert plan_for(core, "B").target == 10


def test_units_of_a_plan_that_risk_closes_leave_no_exit_that_would_open_a_position() -> None:
    """The profit exit is cancelled, the plan makes the other one anew, and then the closing order fills."""
    signal = Signal("A", SignalDirection.LONG, 1.0, "", 80.0, 120.0)
    core = core_saying({1: [signal]}, quantity=30)
    quotes(core, 1, 2, 3)

    hear(core, FlattenPositions(3 * SECOND_NS, "op"))
    quotes(core, 4, 5)

    assert core.portfolio.strategy_position(ALLOCATOR, "A") == plan_for(core, "A").target == 0
    assert open_orders(core) == []
    assert list(disagreements(core)) == []


def test_a_spin_off_into_a_share_that_is_planned_makes_its_exits_anew() -> None:
    core = core_saying({1: [long("A", 80.0), long("B", 70.0)]}, quantity=30)
    hear(core, Quote(1, "B", 90.0, 90.0, 1e6, 1e6))
    quotes(core, 1, 2)
    quotes(core, 3, symbol="B", price=90.0)

    act(core, 4, CorporateActionKind.SPIN_OFF, "0.5", new="B")
    quotes(core, 5, 6, symbol="B", price=90.0)

    assert core.portfolio.strategy_position(ALLOCATOR, "B") == plan_for(core, "B").target == 30
    assert [(one.symbol, one.quantity) for one in open_orders(core)] == [
        ("A", Decimal(30)),
        ("B", Decimal(30)),
    ]


def test_a_new_symbol_at_a_ratio_leaves_the_trailing_levels_of_those_who_had_it_before() -> None:
    broker = SimulatedBrokerConfig(lacks=("trailing_stop",))
    trailing = [sell("A", 10, trail_amount=5.0), sell("B", 10, trail_amount=5.0)]
    core = core_saying({2: trailing}, broker=broker)
    takes = broker.capabilities()
    hear(core, VenueDeclared(0, "sim", takes.order_types, takes.times_in_force, takes.features))
    quotes(core, 1, symbol="B", price=60.0)
    quotes(core, 1, 2)

    act(core, 3, CHANGE, "2", new="B")

    emulation = core.bus.components["emulation"]
    assert isinstance(emulation, Emulator)
    conditions = [item.condition for item in emulation.state.orders["B"].values()]
    assert sorted(one.level for one in conditions if one is not None) == [47.5, 55.0]


def test_a_fraction_that_is_kept_under_a_new_symbol_is_not_paid_out() -> None:
    core = core_saying({})
    quotes(core, 1)
    hear(core, AdjustPosition(SECOND_NS, "op", X, "A", Decimal("2.5"), Decimal(250), "as reported"))

    derived = act(core, 2, CHANGE, new="B")

    assert of_type(derived, CashMoved) == []
    assert broker_of(core).state.positions["B"] == core.portfolio.holders("B") == {X: Decimal("2.5")}


def test_a_merger_into_a_share_without_terms_counts_whole_shares_everywhere() -> None:
    core = core_saying({1: [buy("A", 2.5)]})
    hear(core, InstrumentDefined(0, "A", lot_size=Decimal("0.5")))
    quotes(core, 1, 2)

    act(core, 3, MERGER, "1.5", new="C")

    assert broker_of(core).state.positions["C"] == core.portfolio.holders("C") == {X: Decimal(3)}


def test_an_order_is_restated_in_lots_and_ticks_of_its_new_symbol() -> None:
    core = core_saying({2: [buy("A", 35, limit=77.77)]})
    hear(core, InstrumentDefined(0, "B", lot_size=Decimal(10), tick_size=Decimal("0.5")))
    quotes(core, 1, 2)

    act(core, 3, CHANGE, "2", new="B")

    (order,) = open_orders(core)
    assert (order.symbol, order.quantity, order.limit_price) == ("B", Decimal(70), Decimal("39.0"))


def test_no_exit_of_a_plan_is_scaled_to_a_price_of_nothing() -> None:
    core = core_saying({1: [long(stop=0.01)]})
    quotes(core, 1, 2, 3)

    act(core, 4, SPLIT, "7")

    assert plan_for(core, "A").stop_loss == Decimal("0.01")
    assert [one.stop_price for one in open_orders(core) if one.order_type is OrderType.STOP] == [
        Decimal("0.01")
    ]
