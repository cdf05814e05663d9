"""A strategy that could never act is refused before its run, or fails with the cause, never silently."""

from collections.abc import Sequence

import pytest

from eventstore import MemoryEventStore
from kernel.configuration import convert_config
from kernel.errors import ConfigError
from kernel.events import Bar, ComponentFailed, Event, StrategyLogged
from kernel.time_units import DAY_NS
from replay.config import ReplayConfig
from replay.planning import plan_run
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState
from strategies.sdk.loading import load_source
from tests.kernel.listeners import quote
from tests.replay.market import walk
from tests.replay.playing import START, derived_of, record_run, store_of

SOURCE = """
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState


class Only(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="only")

    def {hook}(self, event):
        return None
"""


class Asking(Strategy[StrategyParams, StrategyState]):
    """Asks for history at each bar."""

    metadata = Metadata(name="asking")
    counts: Sequence[int] = (20,)
    symbol = "A"
    timeframe = ""

    def on_bar(self, bar: Bar) -> None:
        day = (bar.ts - START) // DAY_NS
        count = self.counts[min(day, len(self.counts) - 1)]
        got = self.ctx.history(self.symbol, count, timeframe=self.timeframe)
        self.ctx.log("history", bars=len(got))


async def failures(store: MemoryEventStore, strategy: Asking, **config: object) -> list[str]:
    run = await record_run(store, [strategy], convert_config(config, ReplayConfig))
    return [event.error for event in await derived_of(store, run) if isinstance(event, ComponentFailed)]


async def bars_got(store: MemoryEventStore, run: str) -> list[object]:
    logged = [event for event in await derived_of(store, run) if isinstance(event, StrategyLogged)]
    return [event.figures[0].value for event in logged]


async def test_history_is_as_long_as_it_is_asked_for_without_being_declared() -> None:
    store = await store_of(a_1d=walk("A", 30, seed=1))

    run = await record_run(store, [Asking()])

    assert await bars_got(store, run) == [min(day, 20) for day in range(1, 31)]


async def test_a_declaration_that_is_too_small_does_not_shorten_history() -> None:
    class TooSmall(Asking):
        metadata = Metadata(name="too_small")

        def bars_needed(self) -> int:
            return 2

    store = await store_of(a_1d=walk("A", 30, seed=1))

    run = await record_run(store, [TooSmall()])

    assert (await bars_got(store, run))[-1] == 20


async def test_a_question_that_comes_too_late_fails_with_both_numbers() -> None:
    class TooLate(Asking):
        metadata = Metadata(name="too_late")
        counts = (*[3] * 20, 10)

        def bars_needed(self) -> int:
            return 3

    store = await store_of(a_1d=walk("A", 30, seed=1))

    (failed, *_) = await failures(store, TooLate())

    assert failed == (
        "ComponentError: ctx.history('A', 10): 21 bars came so far, but only the last 3 were kept, because "
        "the strategy had not asked for more; let its bars_needed() return 10"
    )


async def test_bars_of_an_undeclared_strategy_are_kept_for_a_later_question_and_memory_is_bounded() -> None:
    class Later(Asking):
        metadata = Metadata(name="later")
        counts = (*[3] * 490, 400)

    store = await store_of(a_1d=walk("A", 2_000, seed=1))

    run = await record_run(store, [Later()])

    assert await failures(store, Later()) == []
    assert (await bars_got(store, run))[490:] == [400] * 1_510


async def test_a_timeframe_that_never_came_is_a_failure_that_names_it() -> None:
    class Hourly(Asking):
        metadata = Metadata(name="hourly")
        timeframe = "1h"

    store = await store_of(a_1d=walk("A", 30, seed=1))

    assert await failures(store, Hourly()) == [
        "ComponentError: ctx.history('A', 20, timeframe='1h') had no bars in 30 of 30 calls: the bars of A "
        "that came are of 1d"
    ]


async def test_a_symbol_that_never_came_is_a_failure_that_names_it() -> None:
    class Other(Asking):
        metadata = Metadata(name="other")
        symbol = "SPY"

    store = await store_of(a_1d=walk("A", 3, seed=1))
    told = {"strategies": [{"strategy": "x:Y", "id": "other"}]}

    assert await failures(store, Other(), **told) == [
        "ComponentError: ctx.history('SPY', 20) had no bars in 3 of 3 calls: no data of SPY came"
    ]


async def test_history_of_a_symbol_that_has_only_quotes_is_a_failure_that_says_so() -> None:
    class Other(Asking):
        metadata = Metadata(name="other")
        symbol = "Q"

    quotes: list[Event] = [quote(START + 1, symbol="Q")]
    store = await store_of(a_1d=walk("A", 3, seed=1), q=quotes)

    (failed,) = await failures(store, Other())

    assert failed.endswith("no bar of Q came, only Quote")


@pytest.mark.parametrize("hook", ["on_quote", "on_trade", "on_book"])
async def test_a_strategy_whose_hooks_would_never_be_called_is_refused(hook: str) -> None:
    store = await store_of(a_1d=walk("A", 5, seed=1))
    config = convert_config({"streams": ["a.1d"]}, ReplayConfig)

    with pytest.raises(ConfigError) as refused:
        await plan_run(store, config, loaded=[load_source(SOURCE.format(hook=hook), "only.py")])

    assert str(refused.value) == (
        f"strategy only: it acts only in {hook}, which would never be called: of A the run has only events "
        "of Bar"
    )


@pytest.mark.parametrize("hook", ["on_bar", "on_timer"])
async def test_a_strategy_with_a_hook_that_is_called_is_taken(hook: str) -> None:
    store = await store_of(a_1d=walk("A", 5, seed=1))
    config = convert_config({"streams": ["a.1d"]}, ReplayConfig)

    await plan_run(store, config, loaded=[load_source(SOURCE.format(hook=hook), "only.py")])


async def test_a_symbol_without_data_in_the_period_is_refused() -> None:
    late = walk("B", 5, seed=2, start=START + 40 * DAY_NS)
    store = await store_of(a_1d=walk("A", 5, seed=1), b_1d=late)
    named = {"strategy": "strategies.ma_cross:MovingAverageCross", "symbols": ["A", "B"]}
    config = {"streams": ["a.1d", "b.1d"], "strategies": [named]}

    await plan_run(store, convert_config(config, ReplayConfig))

    with pytest.raises(ConfigError, match="symbols A, B, but the run has no market data of B in its period"):
        await plan_run(store, convert_config({**config, "to": "2004-01-10"}, ReplayConfig))
