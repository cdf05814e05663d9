"""A paused strategy: what still reaches it, what it may still decide, and how it goes on."""

from decimal import Decimal

from components.assembly.core import Core
from kernel import snapshot
from kernel.events import (
    CancelIntent,
    ComponentRestarted,
    DecisionRefused,
    Event,
    OrderFilled,
    OrderIntent,
    OrderSubmitted,
    PauseStrategy,
    Quote,
    ReplaceIntent,
    ResumeStrategy,
    SignalRaised,
    StrategyPaused,
    StrategyResumed,
    TimerFired,
    TimerScheduled,
)
from kernel.identifiers import StrategyId, TimerName
from kernel.time_units import SECOND_NS
from strategies.sdk import (
    Cancel,
    CancelTimer,
    Decisions,
    Execute,
    OneCancelsOther,
    OneTriggersOther,
    OrderUpdate,
    Replace,
    SetTimer,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
    Twap,
    buy,
    sell,
)
from tests.components.sample_core import Memory, Scripted, begin, core_with, hear, of_type, scripted
from tests.kernel.listeners import quote

X = StrategyId("x")


def pause(ts: int, strategy: str = "x") -> PauseStrategy:
    return PauseStrategy(ts, "ann", StrategyId(strategy), "lunch")


def resume(ts: int, strategy: str = "x") -> ResumeStrategy:
    return ResumeStrategy(ts, "ann", StrategyId(strategy), "back")


class Answering(Strategy[StrategyParams, Memory]):
    """Buys 5 of A at 95 at its first quote; answers the fill of that order with ``answer``."""

    answer: Decisions = None

    def on_quote(self, quote: Quote) -> Decisions:
        self.state.calls += 1
        return buy(quote.symbol, 5, limit=95) if self.state.calls == 1 else None

    def on_order_update(self, update: OrderUpdate) -> Decisions:
        self.state.updates.append(type(update).__name__)
        return self.answer if isinstance(update, OrderFilled) and len(self.state.updates) == 2 else None


def answered(answer: Decisions) -> tuple[list[Event], Core]:
    """What follows when the entry fills during a pause, and the strategy answers with this."""
    strategy = Answering()
    strategy.answer = answer
    core = core_with({"x": strategy})
    begin(core)
    hear(core, quote(1, "A", price=100.0), pause(2))
    return list(hear(core, quote(3, "A", price=90.0))), core


def refusals(events: list[Event]) -> list[str]:
    return [refused.reason for refused in of_type(events, DecisionRefused)]


# --- what reaches it --------------------------------------------------------------------------


def test_a_paused_strategy_gets_no_market_data_until_it_is_resumed() -> None:
    strategy, other = Scripted(), Scripted()
    core = core_with({"x": strategy, "y": other})
    begin(core)

    hear(core, quote(1), pause(2), quote(3), quote(4, "B"), resume(5), quote(6))

    assert (strategy.state.calls, other.state.calls) == (2, 4)


def test_pausing_and_resuming_are_on_record_once() -> None:
    core = core_with({"x": Scripted()})
    begin(core)

    derived = hear(core, pause(1), pause(2), resume(3), resume(4))

    assert derived == [StrategyPaused(1, X, "lunch"), StrategyResumed(3, X, "back")]


def test_a_command_for_a_strategy_that_is_not_there_does_nothing() -> None:
    core = core_with({"x": Scripted()})
    begin(core)

    assert hear(core, pause(1, "z"), resume(2, "z")) == []


def test_its_orders_and_positions_stay_and_it_hears_of_them() -> None:
    events, core = answered(None)

    assert [fill.quantity for fill in of_type(events, OrderFilled)] == [Decimal(5)]
    assert core.portfolio.strategy_position(X, "A") == 5
    assert core.hosts[0].strategy.state.updates == ["OrderAccepted", "OrderFilled"]
    assert core.hosts[0].strategy.state.calls == 1


# --- what it may decide -----------------------------------------------------------------------


def test_an_answer_that_closes_goes_out_as_a_reduce_only_order() -> None:
    events, _ = answered(sell("A", 5, stop=80))

    (sent,) = of_type(events, OrderSubmitted)
    assert (sent.order.quantity, sent.order.reduce_only) == (Decimal(5), True)


def test_exits_of_which_one_cancels_the_other_go_out() -> None:
    events, _ = answered(OneCancelsOther((sell("A", 5, stop=80), sell("A", 5, limit=120))))

    assert [sent.order.reduce_only for sent in of_type(events, OrderSubmitted)] == [True, True]


def test_whatever_opens_is_refused_and_the_strategy_is_told() -> None:
    for opening in (
        buy("A", 1),
        buy("B", 1),
        Execute(buy("A", 10), Twap(duration_s=60, steps=2)),
        OneTriggersOther(buy("A", 1), (sell("A", 1, stop=80),)),
    ):
        events, _ = answered(opening)

        assert not of_type(events, OrderIntent)
        assert set(refusals(events)) == {"the strategy is paused: only orders that close its position go out"}


def test_a_signal_is_refused() -> None:
    events, _ = answered(Signal("A", SignalDirection.LONG, 1.0))

    assert not of_type(events, SignalRaised)
    assert refusals(events) == ["the strategy is paused: it raises no signals"]


def test_orders_may_be_cancelled_and_closing_ones_replaced() -> None:
    class Tidying(Answering):
        def on_quote(self, quote: Quote) -> Decisions:
            self.state.calls += 1
            if self.state.calls == 1:
                return [buy(quote.symbol, 5, limit=95), sell("A", 5, limit=120), buy("B", 1, limit=10)]
            return None

        def on_order_update(self, update: OrderUpdate) -> Decisions:
            if not isinstance(update, OrderFilled):
                return None
            exit_order, other = self.ctx.portfolio.open_orders()
            return [
                Replace(exit_order.client_order_id, limit_price=110),
                Replace(exit_order.client_order_id, quantity=50),
                Replace(other.client_order_id, limit_price=11),
                Cancel(other.client_order_id),
            ]

    core = core_with({"x": Tidying()})
    begin(core)
    hear(core, quote(1, "A", price=100.0), pause(2))

    events = list(hear(core, quote(3, "A", price=90.0)))

    assert [intent.limit_price for intent in of_type(events, ReplaceIntent)] == [Decimal(110)]
    assert len(of_type(events, CancelIntent)) == 1
    assert len(refusals(events)) == 2


# --- timers -----------------------------------------------------------------------------------


class Timed(Strategy[StrategyParams, Memory]):
    """Sets a timer for one second and one that repeats every ten; notes those that it hears of."""

    def on_start(self) -> Decisions:
        return [
            SetTimer(TimerName("once"), SECOND_NS),
            SetTimer(TimerName("often"), SECOND_NS, 10 * SECOND_NS),
        ]

    def on_timer(self, timer: TimerFired) -> Decisions:
        self.state.updates.append(f"{timer.name} {timer.due_ts // SECOND_NS} {timer.ts // SECOND_NS}")
        return None


def test_a_timer_that_fell_due_fires_at_the_resumption_and_a_repeating_one_at_its_next_time() -> None:
    strategy = Timed()
    core = core_with({"x": strategy})
    begin(core)

    hear(core, pause(1), quote(15 * SECOND_NS), resume(16 * SECOND_NS), quote(22 * SECOND_NS))

    assert strategy.state.updates == ["once 1 16", "often 21 21"]


def test_a_missed_timer_that_was_cancelled_meanwhile_does_not_fire() -> None:
    class Cancelling(Timed):
        def on_stop(self) -> Decisions:
            return None

        def on_quote(self, quote: Quote) -> Decisions:
            return buy(quote.symbol, 1, limit=95) if quote.ts == 1 else None

        def on_order_update(self, update: OrderUpdate) -> Decisions:
            return CancelTimer(TimerName("once")) if isinstance(update, OrderFilled) else None

    strategy = Cancelling()
    core = core_with({"x": strategy})
    begin(core)

    hear(core, quote(1, "A", price=100.0), pause(2), quote(5 * SECOND_NS, "A", price=90.0))
    derived = hear(core, resume(16 * SECOND_NS), quote(17 * SECOND_NS))

    assert strategy.state.updates == []
    assert not of_type(derived, TimerScheduled)


# --- out of service, and restored -------------------------------------------------------------


def test_a_strategy_that_failed_finds_the_pause_when_it_is_back() -> None:
    strategy = scripted([("raise", "A", 0, 0)])
    core = core_with({"x": strategy})
    begin(core)

    derived = hear(core, quote(1), pause(2), quote(5 * SECOND_NS), quote(6 * SECOND_NS))
    calls = strategy.state.calls
    hear(core, resume(7 * SECOND_NS), quote(8 * SECOND_NS))

    assert len(of_type(derived, ComponentRestarted)) == 1
    assert (calls, strategy.state.calls) == (1, 2)


def test_a_pause_and_the_timers_that_it_holds_survive_a_snapshot() -> None:
    def half_way() -> tuple[Core, Timed]:
        strategy = Timed()
        return core_with({"x": strategy}), strategy

    core, _ = half_way()
    begin(core)
    hear(core, pause(1), quote(15 * SECOND_NS))
    anew, strategy = half_way()

    snapshot.put_back(anew.bus, snapshot.take(core.bus))
    hear(anew, quote(15 * SECOND_NS), resume(16 * SECOND_NS), quote(22 * SECOND_NS))

    assert strategy.state.updates == ["once 1 16", "often 21 21"]


def test_market_data_stays_away_after_a_snapshot() -> None:
    core, anew = core_with({"x": Scripted()}), core_with({"x": Scripted()})
    begin(core)
    hear(core, quote(1), pause(2))

    snapshot.put_back(anew.bus, snapshot.take(core.bus))
    hear(anew, quote(3), resume(4), quote(5))

    state: StrategyState = anew.hosts[0].strategy.state
    assert isinstance(state, Memory)
    assert state.calls == 2
