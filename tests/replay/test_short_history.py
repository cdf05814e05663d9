"""A strategy that asks for more bars than there ever are is told so in the result of its run."""

from collections.abc import Sequence

from eventstore import MemoryEventStore
from kernel.configuration import convert_config
from kernel.events import Bar, CorporateAction, CorporateActionKind, Event, HistoryFellShort
from kernel.rules import FIRST_RULES
from kernel.time_units import DAY_NS
from replay.config import ReplayConfig
from replay.result_json import to_json
from replay.results import read_results
from replay.tables import result_lines
from replay.verification import verify_run
from strategies.ma_cross import MovingAverageCross
from strategies.sdk import Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy
from tests.replay.market import walk
from tests.replay.playing import START, derived_of, record_run, store_of


class Asking(Strategy[StrategyParams, StrategyState]):
    """Asks for history at each bar."""

    metadata = Metadata(name="asking")
    count = 200

    def on_bar(self, bar: Bar) -> None:
        self.ctx.history(bar.symbol, self.count)


class Buying(Strategy[StrategyParams, StrategyState]):
    """Buys one share at each bar, without history."""

    metadata = Metadata(name="buying")

    def on_bar(self, bar: Bar) -> Decisions:
        return buy(bar.symbol, 1)


class Declaring(Strategy[StrategyParams, StrategyState]):
    """Declares history, and waits for it without asking."""

    metadata = Metadata(name="declaring")

    def bars_needed(self) -> int:
        return 100

    def on_bar(self, bar: Bar) -> None: ...


class AskingTwice(Asking):
    """Declares more than it asks for."""

    metadata = Metadata(name="asking_twice")
    count = 80

    def bars_needed(self) -> int:
        return 100


class AtTheStart(Asking):
    """Asks only once, before there is any bar."""

    metadata = Metadata(name="at_the_start")
    count = 20

    def bars_needed(self) -> int:
        return 20

    def on_start(self) -> None:
        self.ctx.history("A", self.count)

    def on_bar(self, bar: Bar) -> None: ...


class Weeks(Asking):
    """Asks for weeks that are built from days."""

    metadata = Metadata(name="weeks", timeframes=("1d",), resampled=("1w",))

    def on_bar(self, bar: Bar) -> None:
        self.ctx.history(bar.symbol, 10, timeframe="1w")


Played = Strategy[StrategyParams, StrategyState]


async def short_of(store: MemoryEventStore, run: str) -> list[tuple[str, str, str, int, int]]:
    return [
        (event.strategy, event.symbol, event.timeframe, event.asked, event.most)
        for event in await derived_of(store, run)
        if isinstance(event, HistoryFellShort)
    ]


async def short_in(strategy: Played, **streams: Sequence[Event]) -> list[tuple[str, str, str, int, int]]:
    store = await store_of(**streams)
    return await short_of(store, await record_run(store, [strategy]))


async def test_more_bars_than_the_stream_has_are_told_with_both_numbers() -> None:
    assert await short_in(Asking(), a_1d=walk("A", 150, seed=1)) == [("asking", "A", "1d", 200, 150)]


async def test_a_declaration_of_more_bars_than_there_are_is_told_without_a_question() -> None:
    assert await short_in(Declaring(), a_1d=walk("A", 60, seed=1)) == [("declaring", "A", "1d", 100, 60)]


async def test_a_declaration_and_a_question_of_one_history_are_told_once() -> None:
    found = await short_in(AskingTwice(), a_1d=walk("A", 60, seed=1))

    assert found == [("asking_twice", "A", "1d", 100, 60)]


async def test_each_history_that_is_too_short_is_told() -> None:
    found = await short_in(
        Asking(), a_1d=walk("A", 150, seed=1), b_1d=walk("B", 200, seed=2), c_1d=walk("C", 9, seed=3)
    )

    assert found == [("asking", "A", "1d", 200, 150), ("asking", "C", "1d", 200, 9)]


async def test_history_that_is_long_enough_in_the_end_is_not_told() -> None:
    assert await short_in(Asking(), a_1d=walk("A", 200, seed=1)) == []
    assert await short_in(AtTheStart(), a_1d=walk("A", 20, seed=1)) == []


async def test_built_weeks_that_were_too_few_are_told() -> None:
    assert await short_in(Weeks(), a_1d=walk("A", 20, seed=1)) == [("weeks", "A", "1w", 10, 3)]


async def test_history_that_moves_to_a_new_symbol_is_not_told_as_lost() -> None:
    kind = CorporateActionKind.SYMBOL_CHANGE
    renamed = CorporateAction(START + 220 * DAY_NS, "A", kind, new_symbol="NEW")
    later = walk("NEW", 30, seed=2, start=START + 221 * DAY_NS)

    found = await short_in(Asking(), a_1d=walk("A", 220, seed=1), actions=[renamed], new_1d=later)

    assert found == []


async def test_a_run_that_never_acts_names_the_history_it_lacked_as_its_problem() -> None:
    store = await store_of(spy_1d=walk("SPY", 5, seed=1))

    run = await record_run(store, [MovingAverageCross(fast=20, slow=50)])

    result = await read_results(store, run)
    sentence = "strategy ma_cross asked for 50 bars of SPY (1d), and there were never more than 5"
    assert result.notes == (sentence,)
    assert result.first_problem == sentence
    lines = dict(result_lines(result))
    assert lines["Note"] == sentence
    assert lines["Problems"] == f"no order was filled: none was sent; first: {sentence}"
    assert to_json(result)["notes"] == [sentence]
    assert (await verify_run(store, run)).restarts == 1


async def test_beside_strategies_that_trade_it_is_a_note_with_the_number_of_others() -> None:
    store = await store_of(a_1d=walk("A", 30, seed=1), b_1d=walk("B", 30, seed=2), c_1d=walk("C", 9, seed=3))

    run = await record_run(store, [Buying(), Asking()])

    result = await read_results(store, run)
    assert result.notes == (
        "strategy asking asked for 200 bars of A (1d), and there were never more than 30; 2 other histories "
        "were too short as well",
    )
    assert result.first_problem == ""


async def test_bars_from_before_the_run_count() -> None:
    store = await store_of(a_1d=walk("A", 150, seed=1))
    config = convert_config({"from": "2004-05-01", "streams": ["a.1d"]}, ReplayConfig)

    run = await record_run(store, [Asking()], config)

    assert await short_of(store, run) == [("asking", "A", "1d", 200, 150)]


async def test_runs_of_the_first_rules_say_nothing() -> None:
    store = await store_of(a_1d=walk("A", 60, seed=1))

    run = await record_run(store, [Declaring(), Asking()], rules=FIRST_RULES)

    assert await short_of(store, run) == []
