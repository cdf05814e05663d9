"""A strategy in the core: what reaches it, what it sees, and when."""

from collections.abc import Iterator
from decimal import Decimal

from brokers.simulated.config import SimulatedBrokerConfig
from components.strategy_host.host import MAX_REFUSALS_HEARD, StrategyHost
from kernel.events import (
    Bar,
    BookDelta,
    BookSnapshot,
    ComponentFailed,
    DecisionRefused,
    FeedStatusChanged,
    OrderDenied,
    OrderFilled,
    OrderSubmitted,
    PauseStrategy,
    PositionChanged,
    Quote,
    ReplaceDenied,
    SessionStopped,
    SignalRaised,
    TimerFired,
    Trade,
)
from kernel.identifiers import StrategyId, TimerName
from kernel.time_units import DAY_NS as DAY
from strategies.sdk import (
    Decisions,
    Metadata,
    OrderUpdate,
    RiskLimits,
    SetTimer,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    buy,
    sell,
)
from tests.components.sample_core import FREE, Memory, Scripted, begin, core_with, hear, of_type, scripted
from tests.kernel.listeners import quote


def day_bar(day: int, opened: float, close: float, symbol: str = "A") -> Bar:
    low, high = min(opened, close), max(opened, close)
    return Bar(day * DAY, symbol, "1d", opened, high, low, close, 1.0, (day - 1) * DAY)


class Sounding(Strategy[StrategyParams, Memory]):
    """Raises a signal with whatever ``word`` says, at each event that it hears."""

    def word(self) -> str:
        return ""

    def on_bar(self, bar: Bar) -> Decisions:
        return self._signal(bar.symbol)

    def on_quote(self, quote: Quote) -> Decisions:
        return self._signal(quote.symbol)

    def _signal(self, symbol: str) -> Signal:
        return Signal(symbol, SignalDirection.LONG, 1.0, self.word())


def words(strategy: Sounding, *events: Bar | Quote, symbols: tuple[str, ...] = ("A",)) -> list[str]:
    """What the strategy said at each event."""
    core = core_with({"x": strategy}, symbols=symbols)
    begin(core)
    return [made.reason for event in events for made in of_type(hear(core, event), SignalRaised)]


# --- what reaches a strategy ------------------------------------------------------------------


class Watchful(Strategy[StrategyParams, Memory]):
    """Closes its position when its data are stale."""

    def on_feed_status(self, status: FeedStatusChanged) -> Decisions:
        self.state.updates.append(status.reason)
        return Signal("A", SignalDirection.FLAT, 1.0, "stale") if status.is_stale else None


def test_a_strategy_is_told_when_data_of_its_symbols_are_stale_and_may_act() -> None:
    strategy = Watchful()
    core = core_with({"x": strategy}, symbols=("A",))
    begin(core)

    made = [
        hear(core, FeedStatusChanged(1, "main", False, True, "lost", "main", ("A", "B"))),
        hear(core, FeedStatusChanged(2, "other", False, True, "not ours", "other", ("B",))),
        hear(core, FeedStatusChanged(3, "main", True, False, "all symbols", "main")),
    ]

    assert strategy.state.updates == ["lost", "all symbols"]
    assert [len(of_type(each, SignalRaised)) for each in made] == [1, 0, 0]


def test_a_paused_strategy_hears_of_its_feeds() -> None:
    strategy = Watchful()
    core = core_with({"x": strategy})
    begin(core)
    hear(core, PauseStrategy(1, "me", StrategyId("x")))

    hear(core, FeedStatusChanged(2, "main", False, True, "lost"))

    assert strategy.state.updates == ["lost"]


def test_a_strategy_hears_the_market_of_its_own_symbols_alone() -> None:
    class Naming(Sounding):
        def word(self) -> str:
            return str(self.ctx.now)

    assert words(Naming(), quote(1, "A"), quote(2, "B"), quote(3, "A")) == ["1", "3"]


def test_a_hook_that_is_not_overridden_is_not_subscribed() -> None:
    class OnlyTimers(Strategy[StrategyParams, Memory]):
        def on_timer(self, timer: TimerFired) -> Decisions:  # noqa: ARG002  # the hook's signature
            return None

    core = core_with({"x": OnlyTimers()})

    subscribed = {subscription.event_type.__name__ for subscription in core.hosts[0].subscriptions()}

    heard_by_the_host = {"CalendarDefined", "StrategyPaused", "StrategyResumed", "ComponentRestarted"}
    changes = {"SessionChanged", "VersionRefused"}
    assert subscribed == {"SessionStarted", "SessionStopped", "TimerFired", *heard_by_the_host, *changes}
    host = core.hosts[0]
    assert isinstance(host, StrategyHost)
    assert host.watches() == ([], ())


def test_books_and_trades_reach_their_hooks() -> None:
    class Reading(Strategy[StrategyParams, Memory]):
        def on_trade(self, trade: Trade) -> Decisions:  # noqa: ARG002  # the hook's signature
            self.state.updates.append("trade")
            return None

        def on_book(self, book: BookSnapshot | BookDelta) -> Decisions:
            self.state.updates.append(type(book).__name__)
            return None

    strategy = Reading()

    hear(
        core_with({"x": strategy}),
        Trade(1, "A", 1.0, 1.0),
        BookSnapshot(2, "A", (), ()),
        BookDelta(3, "A", (), ()),
    )

    assert strategy.state.updates == ["trade", "BookSnapshot", "BookDelta"]


def test_session_start_and_stop_call_the_strategy() -> None:
    class Sessions(Strategy[StrategyParams, Memory]):
        def on_start(self) -> Decisions:
            return Signal("A", SignalDirection.LONG, 1.0, "start")

        def on_stop(self) -> Decisions:
            return Signal("A", SignalDirection.FLAT, 1.0, "stop")

    core = core_with({"x": Sessions()})

    started, stopped = begin(core), hear(core, SessionStopped(1, 1))

    assert [signal.reason for signal in of_type([*started, *stopped], SignalRaised)] == ["start", "stop"]


def test_timers_orders_and_positions_of_others_do_not_reach_a_strategy() -> None:
    busy = scripted([("market", "A", 5, 0), ("timer", "A", 1, 1)])
    idle = Scripted()
    core = core_with({"busy": busy, "idle": idle})
    begin(core)

    hear(core, quote(1), quote(2), quote(1_000_000))

    assert busy.state.updates == ["OrderAccepted", "OrderFilled"]
    assert busy.state.positions == {"A": Decimal(5)}
    assert (busy.state.calls, idle.state.calls) == (4, 3)
    assert (idle.state.updates, idle.state.positions) == ([], {})


def test_a_strategy_is_told_of_denials_and_cancels_of_its_orders() -> None:
    strategy = scripted(
        [("market", "A", 1, 0), ("limit", "A", 1, -5)], [("replace", "A", 1000, 1)], [("cancel", "A", 0, 0)]
    )
    limits = RiskLimits(require_cash=False, max_order_quantity=Decimal(5))
    core = core_with({"x": strategy}, limits=limits)
    begin(core)

    derived = hear(core, quote(1), quote(2), quote(3))

    assert of_type(derived, ReplaceDenied) != []
    assert strategy.state.updates == [
        "OrderAccepted",
        "OrderAccepted",
        "OrderFilled",
        "ReplaceDenied",
        "OrderCancelled",
    ]


# --- when -------------------------------------------------------------------------------------


def test_a_fill_at_the_open_is_known_before_the_strategy_is_asked_about_that_bar() -> None:
    class Watching(Sounding):
        def on_bar(self, bar: Bar) -> Decisions:
            position = self.ctx.portfolio.position("A")
            return buy("A", 10) if bar.ts == DAY else Signal("A", SignalDirection.LONG, 1.0, str(position))

    core = core_with({"x": Watching()})
    begin(core)
    hear(core, day_bar(1, 10.0, 11.0))

    derived = hear(core, day_bar(2, 12.0, 13.0))

    (filled,) = of_type(derived, OrderFilled)
    (signal,) = of_type(derived, SignalRaised)
    assert (filled.price, filled.executed_ts, filled.ts) == (Decimal(12), DAY, 2 * DAY)
    assert signal.reason == "10"


def test_a_decision_on_one_symbol_never_fills_on_a_bar_of_another_that_was_open_before() -> None:
    """Two symbols close at the same instant: the order comes before the other's bar is in the log."""

    class Pair(Sounding):
        def on_bar(self, bar: Bar) -> Decisions:
            return buy("B", 1) if bar.symbol == "A" and bar.ts == DAY else None

    core = core_with({"x": Pair()})
    begin(core)
    hear(core, day_bar(1, 10.0, 11.0))

    same_close = hear(core, day_bar(1, 50.0, 55.0, "B"))
    next_bar = hear(core, day_bar(2, 56.0, 57.0, "B"))

    assert of_type(same_close, OrderFilled) == []
    assert [(fill.price, fill.executed_ts) for fill in of_type(next_bar, OrderFilled)] == [(Decimal(56), DAY)]


def test_a_strategy_asked_later_sees_what_an_earlier_one_did() -> None:
    class Looking(Sounding):
        def word(self) -> str:
            return str(self.ctx.portfolio.cash)

    first = scripted([("market", "A", 1, 0)])
    core = core_with({"first": first, "second": Looking()}, broker=SimulatedBrokerConfig())
    begin(core, cash=1000)

    derived = hear(core, quote(1), quote(2))

    assert [signal.reason for signal in of_type(derived, SignalRaised)] == ["1000", "900.00"]


# --- what it sees -----------------------------------------------------------------------------


def test_history_is_what_the_strategy_asks_for_whatever_others_need() -> None:
    class Remembering(Sounding):
        needed = 2

        def bars_needed(self) -> int:
            return self.needed

        def word(self) -> str:
            return ",".join(str(bar.ts // DAY) for bar in self.ctx.history("A", self.needed))

    class Longer(Remembering):
        needed = 5

    core = core_with({"short": Remembering(), "long": Longer()})
    begin(core)

    derived = hear(core, *(day_bar(day, 10.0, 10.0) for day in range(1, 5)))

    said = [signal.reason for signal in of_type(derived, SignalRaised)]
    assert said[-2:] == ["3,4", "1,2,3,4"]


def test_the_context_shows_the_world_of_the_strategy_alone() -> None:
    class Seeing(Sounding):
        def word(self) -> str:
            ctx = self.ctx
            seen = (
                ctx.strategy,
                ctx.symbols,
                ctx.environment["desk"],
                ctx.risk_limits == FREE,
                ctx.instrument("A").symbol,
                ctx.last_price("A"),
                ctx.last_quote("A") == quote(2),
                ctx.last_trade("A"),
                dict(ctx.portfolio.positions()),
                len(ctx.portfolio.open_orders("A")),
                ctx.portfolio.equity,
            )
            return repr(seen)

    other = scripted([("market", "A", 5, 0), ("limit", "A", 1, -5)])
    core = core_with({"other": other, "x": Seeing()}, symbols=("B", "A"))
    begin(core)

    derived = hear(core, quote(1), quote(2))

    expected = """('x', ('A', 'B'), 'test', True, 'A', 100.0, True, None, {}, 0, Decimal('1000000.00'))"""
    assert of_type(derived, SignalRaised)[-1].reason == expected


def test_random_numbers_are_the_same_in_every_run_and_different_for_every_strategy() -> None:
    class Throwing(Sounding):
        def word(self) -> str:
            return str(self.ctx.random.random())

    def thrown() -> list[str]:
        core = core_with({"one": Throwing(), "two": Throwing()})
        begin(core)
        return [signal.reason for signal in of_type(hear(core, quote(1), quote(2)), SignalRaised)]

    first = thrown()

    assert first == thrown()
    assert len(set(first)) == 4


# --- failures and refusals --------------------------------------------------------------------


def test_a_strategy_that_raises_is_isolated_and_its_colleagues_trade_on() -> None:
    failing, steady = scripted([("raise", "A", 0, 0)]), scripted([("market", "A", 1, 0)])
    core = core_with({"failing": failing, "steady": steady})
    begin(core)

    derived = hear(core, quote(1), quote(2))

    assert [failed.component for failed in of_type(derived, ComponentFailed)] == ["strategy:failing"]
    assert len(of_type(derived, OrderFilled)) == 1
    assert failing.state.calls == 1


def test_decisions_before_a_failure_in_the_same_call_are_not_taken() -> None:
    strategy = scripted([("market", "A", 1, 0), ("raise", "A", 0, 0)])
    core = core_with({"x": strategy})
    begin(core)

    derived = hear(core, quote(1))

    assert [type(event).__name__ for event in derived] == ["ComponentFailed", "TimerScheduled"]


def test_a_refused_decision_is_recorded_and_the_others_of_the_call_taken() -> None:
    strategy = scripted([("nonsense", "A", 0, 0), ("market", "A", 1, 0)])
    core = core_with({"x": strategy})
    begin(core)

    derived = hear(core, quote(1))

    assert [refused.reason for refused in of_type(derived, DecisionRefused)] == ["quantity nan is not finite"]
    assert len(of_type(derived, OrderSubmitted)) == 1


def test_timers_carry_the_strategys_own_names() -> None:
    class Alarm(Scripted):
        def on_quote(self, quote: Quote) -> Decisions:
            return SetTimer(TimerName("alarm"), quote.ts + 5) if quote.ts == 1 else None

        def on_timer(self, timer: TimerFired) -> Decisions:
            self.state.updates.append(f"{timer.name} at {self.ctx.now}")
            return None

    one, two = Alarm(), Alarm()
    core = core_with({"one": one, "two": two})

    hear(core, quote(1), quote(10))

    assert one.state.updates == two.state.updates == ["alarm at 6"]


def test_a_declared_position_is_a_limit_on_the_strategy() -> None:
    class Modest(Strategy[StrategyParams, Memory]):
        metadata = Metadata(name="modest", max_position=Decimal(10))

        def on_quote(self, quote: Quote) -> Iterator[object]:  # type: ignore[override]  # noqa: ARG002  # a generator of decisions
            yield buy("A", 6)
            yield buy("A", 6)
            yield sell("A", 6)

    core = core_with({"x": Modest()})
    begin(core)

    derived = hear(core, quote(1))

    (denied,) = of_type(derived, OrderDenied)
    assert (denied.rule, denied.limit, denied.value) == ("strategy_max_position", "10", "12")
    assert [event.order.quantity for event in of_type(derived, OrderSubmitted)] == [6, 6]


def test_positions_are_reported_with_the_fill_that_changed_them() -> None:
    core = core_with({"x": scripted([("market", "A", 5, 0)])})
    begin(core)

    derived = hear(core, quote(1), quote(2))

    (changed,) = of_type(derived, PositionChanged)
    assert (str(changed.strategy), changed.quantity, str(changed.fill_id)) == ("x", Decimal(5), "1-x-1-1")


# --- assembly ---------------------------------------------------------------------------------


def test_a_strategy_is_told_of_refusals_of_its_own_decisions() -> None:
    strategy, other = scripted([("nonsense", "A", 1, 0)]), Scripted()
    core = core_with({"x": strategy, "y": other})
    begin(core)

    hear(core, quote(1))

    assert (strategy.state.updates, other.state.updates) == (["DecisionRefused"], [])


def test_a_strategy_that_answers_refusals_with_nonsense_is_not_told_for_ever() -> None:
    class Stubborn(Scripted):
        def on_order_update(self, update: OrderUpdate) -> Decisions:
            self.state.updates.append(type(update).__name__)
            return buy("A", -1)

    strategy = Stubborn()
    strategy.script = [[("nonsense", "A", 1, 0)], [], [("nonsense", "A", 1, 0)]]
    core = core_with({"x": strategy})
    begin(core)

    made = hear(core, quote(1), quote(2))

    assert len(strategy.state.updates) == MAX_REFUSALS_HEARD
    assert len(of_type(made, DecisionRefused)) == MAX_REFUSALS_HEARD + 1
    hear(core, quote(3))
    assert len(strategy.state.updates) == 2 * MAX_REFUSALS_HEARD
