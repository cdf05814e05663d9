"""Two and more strategies share one plan: through the whole core, with the simulated venue."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec
import pytest

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from components.allocation.allocator import ALLOCATOR
from components.allocation.config import Priority, SignalsConfig, Timing, Vote
from components.assembly.core import Core
from kernel import snapshot
from kernel.errors import ConfigError
from kernel.events import (
    FLAT,
    LONG,
    SHORT,
    Bar,
    CancelIntent,
    CorporateAction,
    CorporateActionKind,
    DecisionRefused,
    Event,
    ExecutionFinished,
    HaltTrading,
    OrderDenied,
    OrderFilled,
    OrderIntent,
    OrderType,
    Quote,
    SignalsAggregated,
    VenueDeclared,
)
from kernel.identifiers import StrategyId
from kernel.time_units import DAY_NS as DAY
from kernel.time_units import SECOND_NS as SECOND
from strategies.sdk import Decisions, Signal, Strategy, StrategyParams, StrategyState, Twap
from strategies.sdk.sizing import FixedFractional, FixedQuantity, RiskPerTrade, VolatilityScaled
from tests.components.sample_core import begin, core_with, hear, of_type

TEN = FixedQuantity(quantity=Decimal(10))


class Calls(StrategyState):
    """How often it was asked."""

    count: int = 0


class Saying(Strategy[StrategyParams, Calls]):
    """Raises the signals of its script, one entry at each quote or bar."""

    script: Sequence[Signal | None] = ()

    def on_quote(self, quote: Quote) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def on_bar(self, bar: Bar) -> Decisions:  # noqa: ARG002  # the hook's signature
        return self._next()

    def _next(self) -> Decisions:
        self.state.count += 1
        return self.script[self.state.count - 1] if self.state.count <= len(self.script) else None


def saying(*script: Signal | None) -> Saying:
    """A strategy with this script."""
    strategy = Saying()
    strategy.script = script
    return strategy


def up(strength: float = 1.0, *, stop: float | None = None, profit: float | None = None) -> Signal:
    """Long of A."""
    return Signal("A", LONG, strength, "", stop, profit)


def down(strength: float = 1.0) -> Signal:
    """Short of A."""
    return Signal("A", SHORT, strength)


def quote(second: int, mid: float = 100.0) -> Quote:
    """A quote of A, without a spread."""
    return Quote(second * SECOND, "A", mid, mid, 1e6, 1e6)


def plan_of(strategies: Mapping[str, Saying], config: SignalsConfig) -> Core:
    """A core with one plan for these strategies, in session."""
    core = core_with(dict(strategies), signals=config)
    begin(core)
    return core


def held(core: Core) -> int:
    """The plan's position in A."""
    return int(core.portfolio.strategy_position(ALLOCATOR, "A"))


def targets(events: Sequence[Event]) -> list[int]:
    """The targets that signals came to."""
    return [int(event.target_quantity) for event in of_type(events, SignalsAggregated)]


def orders(events: Sequence[Event]) -> list[tuple[str, str, int]]:
    """Type, side and quantity of the plan's intents."""
    intents = [event.order for event in of_type(events, OrderIntent) if event.order.strategy == ALLOCATOR]
    return [(order.order_type.value, order.side.value, int(order.quantity)) for order in intents]


# --- putting together -------------------------------------------------------------------------


def test_two_strategies_share_one_order() -> None:
    core = plan_of({"x": saying(up(0.5)), "y": saying(up(0.3))}, SignalsConfig(sizing=TEN))

    derived = hear(core, quote(1), quote(2), quote(3))

    assert targets(derived) == [8]
    assert orders(derived) == [("market", "buy", 8)]
    assert of_type(derived, SignalsAggregated)[0].signals == ("x", "y")
    assert held(core) == 8


def test_signals_are_put_together_once_everybody_has_heard_everything_of_an_instant() -> None:
    """Two quotes of one instant; the plan hears of both before it acts."""
    strategies = {"x": saying(up(), down()), "y": saying(None, up(0.5))}
    core = plan_of(strategies, SignalsConfig(sizing=TEN))

    at_once = hear(core, quote(1), quote(1))
    then = hear(core, quote(2))

    assert orders(at_once) == []
    assert (targets(then), orders(then)) == ([-5], [("market", "sell", 5)])


def test_each_signal_acts_by_itself_where_so_configured() -> None:
    config = SignalsConfig(sizing=TEN, timing=Timing.EACH)
    core = plan_of({"x": saying(up(0.5)), "y": saying(up(0.3))}, config)

    derived = hear(core, quote(1))

    assert targets(derived) == [5, 8]


def test_opposite_signals_net_to_nothing() -> None:
    core = plan_of({"x": saying(up()), "y": saying(down())}, SignalsConfig(sizing=TEN))

    derived = hear(core, quote(1), quote(2))

    assert (targets(derived), orders(derived)) == ([0], [])


def test_the_first_in_priority_decides_and_others_only_while_it_is_silent() -> None:
    config = SignalsConfig(sizing=TEN, aggregation=Priority(("x", "y")))
    core = plan_of({"x": saying(None, down()), "y": saying(up(), up())}, config)

    derived = hear(core, quote(1), quote(2), quote(3), quote(4))

    assert targets(derived) == [10, -10]
    assert held(core) == -10


def test_a_vote_below_its_quorum_closes_what_is_held() -> None:
    config = SignalsConfig(sizing=TEN, aggregation=Vote(quorum=2))
    strategies = {"x": saying(up(0.1)), "y": saying(up(0.1), None, Signal("A", FLAT))}
    core = plan_of(strategies, config)

    derived = hear(core, *(quote(second) for second in range(1, 6)))

    assert targets(derived) == [10, 0]
    assert held(core) == 0


def test_strategies_that_were_not_named_are_not_heard() -> None:
    config = SignalsConfig(sizing=TEN, strategies=("x",))
    core = plan_of({"x": saying(up(0.5)), "y": saying(down())}, config)

    derived = hear(core, quote(1), quote(2))

    assert targets(derived) == [5]


def test_a_signal_that_has_expired_no_longer_counts() -> None:
    core = plan_of({"x": saying(up()), "y": saying(None, up())}, SignalsConfig(sizing=TEN, valid_for_s=10.0))
    hear(core, quote(1), quote(2), quote(5))
    both = held(core)

    derived = hear(core, quote(11), quote(12), quote(13), quote(14))

    assert both == 10
    assert targets(derived) == [10, 0]
    assert held(core) == 0


def test_a_signal_expires_under_the_new_symbol_of_its_share() -> None:
    core = plan_of({"x": saying(up()), "y": saying(None, up())}, SignalsConfig(sizing=TEN, valid_for_s=10.0))
    hear(core, quote(1), quote(2), quote(5))
    change = CorporateAction(core.bus.now, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="B")

    hear(core, change)
    derived = hear(core, *(msgspec.structs.replace(quote(ts), symbol="B") for ts in (11, 12, 13, 14)))

    assert {one.symbol for one in of_type(derived, SignalsAggregated)} == {"B"}
    assert targets(derived)[-1] == 0
    assert core.portfolio.strategy_position(ALLOCATOR, "B") == 0


# --- sizing -----------------------------------------------------------------------------------


def test_the_target_is_sized_by_the_accounts_equity_in_whole_lots() -> None:
    config = SignalsConfig(sizing=FixedFractional(fraction=Decimal("0.1")))
    core = plan_of({"x": saying(up(0.5))}, config)

    derived = hear(core, quote(1, 333.0), quote(2, 333.0))

    assert targets(derived) == [150]


def test_risk_per_trade_sizes_by_the_distance_of_the_stop() -> None:
    core = plan_of({"x": saying(up(stop=95.0))}, SignalsConfig(sizing=RiskPerTrade(risk=Decimal("0.01"))))

    derived = hear(core, quote(1), quote(2))

    assert targets(derived) == [2_000]


@pytest.mark.parametrize(
    ("signal", "config", "reason"),
    [
        (up(), SignalsConfig(sizing=RiskPerTrade()), "needs a stop-loss price"),
        (up(stop=101.0), SignalsConfig(sizing=RiskPerTrade()), "stop loss at 101.00 is not below the price"),
        (Signal("B", LONG), SignalsConfig(sizing=TEN), "no price of B is known yet"),
        (up(), SignalsConfig(sizing=VolatilityScaled()), "takes 21 closes; got 0"),
    ],
)
def test_a_target_that_cannot_be_sized_is_refused_with_the_reason(
    signal: Signal, config: SignalsConfig, reason: str
) -> None:
    core = plan_of({"x": saying(signal)}, config)

    derived = hear(core, quote(1), quote(2))

    (refused,) = of_type(derived, DecisionRefused)
    assert refused.strategy == ALLOCATOR
    assert reason in refused.reason
    assert orders(derived) == []


def test_volatility_scaling_reads_the_history_that_no_strategy_asked_for() -> None:
    sizing = VolatilityScaled(target=0.1, window=2, periods_per_year=1.0)
    core = plan_of({"x": saying(None, None, up())}, SignalsConfig(sizing=sizing))
    closes = (100.0, 120.0, 108.0)
    bars = [
        Bar((day + 1) * DAY, "A", "1d", close, close, close, close, 1.0, day * DAY)
        for day, close in enumerate(closes)
    ]

    derived = hear(core, *bars, quote(4 * 86_400, 108.0))

    volatility = ((0.2 - 0.05) ** 2 + (-0.1 - 0.05) ** 2) ** 0.5
    assert targets(derived) == [int(1_000_000 * 0.1 / volatility / 108.0)]


def test_a_small_change_of_the_target_is_not_traded() -> None:
    config = SignalsConfig(sizing=FixedQuantity(quantity=Decimal(100)), min_change=Decimal("0.2"))
    core = plan_of({"x": saying(up(0.5), None, up(0.55), None, up(0.6))}, config)

    derived = hear(core, *(quote(second) for second in range(1, 8)))

    assert targets(derived) == [50, 50, 60]
    assert orders(derived) == [("market", "buy", 50), ("market", "buy", 10)]


# --- exits ------------------------------------------------------------------------------------


def test_exits_stand_behind_the_position_and_one_cancels_the_other() -> None:
    core = plan_of({"x": saying(up(stop=95.0, profit=110.0))}, SignalsConfig(sizing=TEN))
    placed = hear(core, quote(1), quote(2), quote(3))

    stopped = hear(core, quote(4, 94.0), quote(5, 94.0))

    assert orders(placed) == [("market", "buy", 10), ("stop", "sell", 10), ("limit", "sell", 10)]
    assert len(of_type(stopped, OrderFilled)) == 1
    assert held(core) == 0
    assert core.orders.open_orders(ALLOCATOR, "A") == ()


@pytest.mark.parametrize(
    "broker",
    [
        SimulatedBrokerConfig(lacks=("oco", "stop")),
        SimulatedBrokerConfig(latency=ModelConfig("constant", {"delay_ms": 1_500})),
    ],
    ids=["a venue without stops and groups", "a slow venue"],
)
def test_the_plan_comes_to_the_same_on_any_venue(broker: SimulatedBrokerConfig) -> None:
    script = (up(stop=95.0, profit=110.0), *(None,) * 5, up(0.5, stop=96.0), *(None,) * 8, down())
    core = core_with({"x": saying(*script)}, signals=SignalsConfig(sizing=TEN), broker=broker)
    begin(core)
    able = broker.capabilities()
    hear(core, VenueDeclared(0, "simulated", able.order_types, able.times_in_force, able.features))

    positions: list[int] = []
    for second in range(1, 22):
        hear(core, quote(second, 94.0 if second == 14 else 100.0))
        positions.append(held(core))

    turns = [one for one, before in zip(positions, [0, *positions], strict=False) if one != before]
    assert turns == [10, 5, 0, -10]
    assert core.orders.open_orders(ALLOCATOR, "A") == ()


def test_after_an_exit_only_a_new_signal_opens_a_position() -> None:
    core = plan_of({"x": saying(up(profit=110.0), None, None, None, up())}, SignalsConfig(sizing=TEN))
    hear(core, quote(1), quote(2), quote(3))

    out = hear(core, quote(4, 111.0))
    flat = held(core)
    again = hear(core, quote(5), quote(6), quote(7))

    assert (targets(out), flat) == ([], 0)
    assert (targets(again), held(core)) == ([10], 10)


def test_exits_are_called_back_before_the_position_is_made_smaller() -> None:
    core = plan_of(
        {"x": saying(up(stop=95.0), None, None, up(0.5, stop=96.0))},
        SignalsConfig(sizing=TEN),
    )
    hear(core, quote(1), quote(2), quote(3))

    derived = hear(core, quote(4), quote(5), quote(6))

    assert len(of_type(derived, CancelIntent)) == 1
    assert orders(derived) == [("market", "sell", 5), ("stop", "sell", 5)]
    assert [order.stop_price for order in core.orders.open_orders(ALLOCATOR, "A")] == [Decimal(96)]
    assert held(core) == 5


def test_exits_stay_while_the_position_grows_and_are_then_replaced() -> None:
    core = plan_of({"x": saying(up(0.5, stop=95.0), None, None, up(stop=95.0))}, SignalsConfig(sizing=TEN))
    hear(core, quote(1), quote(2), quote(3))

    ordered = hear(core, quote(4), quote(5))
    open_then = len(core.orders.open_orders(ALLOCATOR, "A"))
    hear(core, quote(6))

    assert orders(ordered)[0] == ("market", "buy", 5)
    assert open_then >= 1
    assert [(o.order_type, int(o.quantity)) for o in core.orders.open_orders(ALLOCATOR, "A")] == [
        (OrderType.STOP, 10)
    ]


def test_a_turn_goes_through_the_exits_to_the_other_side() -> None:
    core = plan_of({"x": saying(up(stop=95.0), None, None, down())}, SignalsConfig(sizing=TEN))
    hear(core, quote(1), quote(2), quote(3))

    derived = hear(core, quote(4), quote(5), quote(6))

    assert orders(derived) == [("market", "sell", 20)]
    assert held(core) == -10
    assert core.orders.open_orders(ALLOCATOR, "A") == ()


# --- what may go wrong ------------------------------------------------------------------------


def test_an_order_that_is_denied_is_not_tried_again_before_the_next_signal() -> None:
    core = plan_of({"x": saying(up(), None, up())}, SignalsConfig(sizing=TEN))
    hear(core, HaltTrading(0, "anna"))

    derived = hear(core, quote(1), quote(2), quote(3), quote(4))

    assert len(of_type(derived, OrderDenied)) == 2
    assert held(core) == 0


def test_a_split_scales_the_plan() -> None:
    config = SignalsConfig(sizing=TEN)
    core = plan_of({"x": saying(up(stop=95.0), None, None, up(stop=47.5))}, config)
    hear(core, quote(1), quote(2), quote(3))

    hear(core, CorporateAction(4 * SECOND, "A", CorporateActionKind.SPLIT, Decimal(2)))

    plan = core.allocation.state.plans["A"] if core.allocation else None
    assert plan is not None
    assert (plan.target, plan.stop_loss) == (Decimal(20), Decimal("47.50"))


def test_a_worked_plan_sends_parts_and_is_called_back_when_the_target_changes() -> None:
    config = SignalsConfig(sizing=TEN, execution=Twap(100.0, 5))
    core = plan_of({"x": saying(up(), None, None, Signal("A", FLAT))}, config)
    begun = hear(core, quote(1), quote(2), quote(3))

    derived = hear(core, *(quote(second) for second in range(23, 200, 5)))

    assert orders(begun) == [("market", "buy", 2)]
    assert [event.reason for event in of_type(derived, ExecutionFinished)] == ["cancelled", ""]
    assert held(core) == 0


def test_nothing_is_held_against_a_flat_target_when_the_time_of_its_order_is_over() -> None:
    config = SignalsConfig(sizing=TEN, execution=Twap(100.0, 5))
    core = plan_of({"x": saying(up(), *[None] * 30, Signal("A", FLAT))}, config)
    hear(core, *(quote(second) for second in range(1, 156, 5)))
    bought = held(core)

    derived = hear(core, quote(200), quote(400), quote(401))

    assert bought == 10
    assert orders(derived)[-1] == ("market", "sell", 10)
    assert held(core) == 0


def test_a_turn_whose_time_is_over_closes_at_market_and_opens_in_parts() -> None:
    config = SignalsConfig(sizing=TEN, execution=Twap(100.0, 5))
    core = plan_of({"x": saying(up(), *[None] * 30, down())}, config)
    hear(core, *(quote(second) for second in range(1, 156, 5)))

    derived = hear(core, quote(200), quote(400), *(quote(second) for second in range(401, 520, 5)))

    assert orders(derived)[-6:] == [("market", "sell", 10), *[("market", "sell", 2)] * 5]
    assert held(core) == -10


def test_what_was_not_bought_in_time_is_left_until_the_next_signal() -> None:
    config = SignalsConfig(sizing=TEN, execution=Twap(100.0, 5))
    core = plan_of({"x": saying(up(), None, None, up())}, config)
    hear(core, quote(1))

    left = hear(core, quote(400), quote(401))
    bought = held(core)
    again = hear(core, quote(402), quote(403))

    assert [event.reason for event in of_type(left, ExecutionFinished)] == ["its time is over"]
    assert bought == 0
    assert orders(again) == [("market", "buy", 2)]


def test_a_rest_that_risk_denies_is_not_sent_again() -> None:
    config = SignalsConfig(sizing=TEN, execution=Twap(100.0, 5))
    core = plan_of({"x": saying(up(), *[None] * 30, Signal("A", FLAT))}, config)
    hear(core, *(quote(second) for second in range(1, 156, 5)))

    hear(core, quote(200), HaltTrading(201 * SECOND, "desk"))
    derived = hear(core, quote(400), quote(500))

    assert orders(derived) == []
    assert held(core) == 10


def test_a_strategy_called_as_the_plan_is_booked_apart_from_it() -> None:
    core = plan_of({"signals": saying(up()), "signals plan": saying(up())}, SignalsConfig(sizing=TEN))

    derived = hear(core, quote(1), quote(2))

    plan = StrategyId("signals plan plan")
    sent = [(one.order.strategy, one.order.client_order_id) for one in of_type(derived, OrderIntent)]
    assert sent == [(plan, "1-signalsplanplan-1")]
    assert core.portfolio.strategy_position(plan, "A") == 10
    assert core.portfolio.strategy_position(ALLOCATOR, "A") == 0


def test_a_strategy_that_is_named_must_exist() -> None:
    with pytest.raises(ConfigError, match="there is no strategy 'z'; there are: x"):
        plan_of({"x": saying()}, SignalsConfig(aggregation=Priority(("z",))))


def test_a_snapshot_at_any_moment_changes_nothing() -> None:
    script = (
        up(stop=95.0, profit=104.0),
        None,
        up(0.5, stop=96.0),
        None,
        down(),
        up(stop=90.0),
        Signal("A", FLAT),
    )
    config = SignalsConfig(sizing=TEN, valid_for_s=3.0)
    straight, restored = (plan_of({"x": saying(*script), "y": saying(*script[2:])}, config) for _ in range(2))
    prices = (100, 101, 99, 94, 97, 105, 100, 102, 98, 91, 89, 100)

    for second, price in enumerate(prices, start=1):
        expected = hear(straight, quote(second, price))
        snapshot.put_back(restored.bus, snapshot.take(restored.bus))
        assert hear(restored, quote(second, price)) == expected

    assert straight.allocation is not None
    assert restored.allocation is not None
    assert msgspec.msgpack.encode(straight.allocation.state) == msgspec.msgpack.encode(
        restored.allocation.state
    )
