"""What a strategy logs: its order among decisions, its bounds, and what becomes of it when a hook fails."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from math import inf, nan

import numpy as np
import pytest

from components.strategy_host.host import StrategyHost
from components.strategy_host.words import MAX_FIGURES, MAX_LOGGED
from kernel.events import (
    ComponentFailed,
    DecisionRefused,
    Event,
    LoggedFigure,
    OrderFilled,
    OrderIntent,
    SessionStopped,
    SignalRaised,
    StrategyLogged,
    TimerFired,
    TimerScheduled,
)
from kernel.identifiers import TimerName
from strategies.buy_and_hold import BuyAndHold
from strategies.sdk import (
    Bar,
    Decision,
    Decisions,
    OrderUpdate,
    Quote,
    SetTimer,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
)
from tests.components.sample_core import begin, core_with, hear, of_type
from tests.kernel.listeners import quote


class Talking(Strategy[StrategyParams, StrategyState]):
    """Says at each quote what a test lets it say."""

    say: Callable[["Talking"], Decisions]

    def on_quote(self, quote: Quote) -> Decisions:  # noqa: ARG002  # the hook's signature
        return type(self).say(self)


def told(say: Callable[[Talking], Decisions], quotes: int = 1) -> list[Event]:
    """What follows from quotes to a strategy that says this."""
    kind = type("Told", (Talking,), {"say": say})
    core = core_with({"x": kind()}, symbols=("A",))
    begin(core)
    return [event for ts in range(1, quotes + 1) for event in hear(core, quote(ts))]


def logged(**figures: object) -> Event:
    """What becomes of figures."""

    def say(strategy: Talking) -> Decisions:
        strategy.ctx.log("figures", **figures)  # type: ignore[arg-type]  # a strategy may give anything
        return None

    (event,) = told(say)
    return event


def refusal(**figures: object) -> str:
    event = logged(**figures)
    assert isinstance(event, DecisionRefused)
    return event.reason


# --- order ------------------------------------------------------------------------------------


def test_words_of_a_hook_that_decides_nothing_are_recorded() -> None:
    def say(strategy: Talking) -> Decisions:
        strategy.ctx.log("idle", now=strategy.ctx.now)
        return None

    assert told(say, 2) == [
        StrategyLogged(ts, "x", "idle", (LoggedFigure("now", ts),))  # type: ignore[arg-type]  # a StrategyId is a str
        for ts in (1, 2)
    ]


def test_words_come_before_the_decision_that_the_hook_returns() -> None:
    def say(strategy: Talking) -> Decisions:
        strategy.ctx.log("I buy")
        return buy("A", 1)

    assert [type(event) for event in told(say)[:2]] == [StrategyLogged, OrderIntent]


def test_words_of_a_generator_come_where_its_code_says_them() -> None:
    def say(strategy: Talking) -> Iterator[Decision]:
        for word in ("first", "second"):
            strategy.ctx.log(word)
            yield Signal("A", SignalDirection.FLAT, 1.0, word)
        strategy.ctx.log("last")

    words = [event.words if isinstance(event, StrategyLogged) else "signal" for event in told(say)]

    assert words == ["first", "signal", "second", "signal", "last"]


def test_every_hook_can_log() -> None:
    class Everywhere(Strategy[StrategyParams, StrategyState]):
        def on_start(self) -> Decisions:
            self.ctx.log("start")
            return SetTimer(TimerName("t"), 2)

        def on_quote(self, quote: Quote) -> Decisions:
            self.ctx.log("quote")
            return buy("A", 1) if quote.ts == 1 else None

        def on_timer(self, timer: TimerFired) -> Decisions:
            self.ctx.log(timer.name)
            return None

        def on_order_update(self, update: OrderUpdate) -> Decisions:
            if isinstance(update, OrderFilled):
                self.ctx.log("filled")
            return None

        def on_stop(self) -> Decisions:
            self.ctx.log("stop")
            return None

    core = core_with({"x": Everywhere()}, symbols=("A",))
    made = [*begin(core), *hear(core, quote(1), quote(2), quote(3), SessionStopped(4, 1))]

    words = [event.words for event in of_type(made, StrategyLogged)]
    assert words == ["start", "quote", "filled", "quote", "t", "quote", "stop"]


# --- failure ----------------------------------------------------------------------------------


def test_a_hook_that_raises_leaves_neither_decisions_nor_words() -> None:
    def say(strategy: Talking) -> Iterator[Decision]:
        strategy.ctx.log("before")
        yield buy("A", 1)
        strategy.ctx.log("between")
        raise ZeroDivisionError("as the test says")

    assert {type(event) for event in told(say)} == {ComponentFailed, TimerScheduled}  # the latter: back-off


def test_what_a_failed_hook_said_is_not_said_by_the_next() -> None:
    def say(strategy: Talking) -> Decisions:
        strategy.ctx.log(f"at {strategy.ctx.now}")
        if strategy.ctx.now == 1:
            raise ZeroDivisionError("as the test says")
        return None

    kind = type("Told", (Talking,), {"say": say})
    core = core_with({"x": kind()}, symbols=("A",))
    begin(core)
    made = [*hear(core, quote(1)), *hear(core, quote(5_000_000_000))]

    assert [event.words for event in of_type(made, StrategyLogged)] == ["at 5000000000"]


# --- figures ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("figure", "kept"),
    [
        (1, LoggedFigure("f", 1)),
        (1.5, LoggedFigure("f", 1.5)),
        ("so", LoggedFigure("f", "so")),
        (True, LoggedFigure("f", True)),
        (None, LoggedFigure("f")),
        (Decimal("1.50"), LoggedFigure("f", exact=Decimal("1.50"))),
        (nan, LoggedFigure("f", "nan")),
        (-inf, LoggedFigure("f", "-inf")),
        (np.float64(2.5), LoggedFigure("f", 2.5)),
        (np.int64(3), LoggedFigure("f", 3)),
        (SignalDirection.LONG, LoggedFigure("f", "long")),
    ],
)
def test_figures_are_kept_as_they_are(figure: object, kept: LoggedFigure) -> None:
    event = logged(f=figure)

    assert isinstance(event, StrategyLogged)
    assert event.figures == (kept,)
    value = event.figures[0].value
    assert type(value) is type(kept.value)


@pytest.mark.parametrize(
    ("figure", "sentence"),
    [
        ([1], "log: f: expected an int, a float, a text, a bool, a Decimal or None; got list"),
        (2**70, "log: f: expected a whole number within 9223372036854775807; use a Decimal"),
        (Decimal("nan"), "log: f: expected a finite Decimal; got Decimal('NaN')"),
        ("x" * 1_001, "log: f: expected at most 1,000 characters; got 1,001"),
    ],
)
def test_what_is_no_figure_is_refused_with_a_sentence(figure: object, sentence: str) -> None:
    assert refusal(f=figure) == sentence


def test_too_many_figures_are_refused() -> None:
    figures = {f"f{number}": number for number in range(MAX_FIGURES + 1)}

    assert refusal(**figures) == f"log: expected at most {MAX_FIGURES} figures; got {MAX_FIGURES + 1}"


def test_words_have_bounds() -> None:
    def say(strategy: Talking) -> Decisions:
        strategy.ctx.log("x" * 1_001)
        strategy.ctx.log(7)  # type: ignore[arg-type]  # what a strategy may get wrong
        return None

    reasons = [event.reason for event in of_type(told(say), DecisionRefused)]

    assert reasons == [
        "log: words: expected at most 1,000 characters; got 1,001",
        "log: words: expected a text; got int",
    ]


def test_one_hook_call_has_a_bound_and_the_next_begins_anew() -> None:
    def say(strategy: Talking) -> Decisions:
        for number in range(MAX_LOGGED + 10):
            strategy.ctx.log(str(number))
        return None

    made = told(say, 2)

    assert len(of_type(made, StrategyLogged)) == 2 * MAX_LOGGED
    assert [event.reason for event in of_type(made, DecisionRefused)] == [
        f"log: expected at most {MAX_LOGGED} calls from one hook call; the rest is left out"
    ] * 2


# --- who may log ------------------------------------------------------------------------------


def test_a_strategy_whose_code_does_not_log_is_called_directly() -> None:
    strategy = BuyAndHold()
    core = core_with({"x": strategy}, symbols=("A",))

    host = core.hosts[0]
    assert isinstance(host, StrategyHost)
    handlers = [one.handler for one in host.watches()[0] if one.event_type is Bar]

    assert not strategy.uses_log()
    assert handlers == [strategy.on_bar]


def test_a_strategy_that_logs_in_hiding_is_told_how() -> None:
    class Hiding(Strategy[StrategyParams, StrategyState]):
        def uses_log(self) -> bool:
            return False

        def on_quote(self, quote: Quote) -> Decisions:  # noqa: ARG002  # the hook's signature
            self.ctx.log("psst")
            return None

    core = core_with({"x": Hiding()}, symbols=("A",))
    begin(core)

    (failed,) = of_type(hear(core, quote(1)), ComponentFailed)
    assert "let its method uses_log() return True" in failed.error


def test_words_have_a_bearing_on_nothing_else() -> None:
    def say(strategy: Talking) -> Decisions:
        strategy.ctx.log("a word")
        return Signal("A", SignalDirection.FLAT)

    def be_silent(strategy: Talking) -> Decisions:  # noqa: ARG001  # a hook's signature
        return Signal("A", SignalDirection.FLAT)

    rest = [event for event in told(say) if not isinstance(event, StrategyLogged)]

    assert rest == told(be_silent)
    assert len(of_type(rest, SignalRaised)) == 1
