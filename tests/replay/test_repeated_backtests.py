"""One instance may be run as often as one likes: every run is with a strategy made anew."""

from pathlib import Path

import pytest

from kernel.errors import InputError
from replay import backtest
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy, sell
from tests.replay.market import walk, write_csv
from tests.replay.playing import digest_of, store_of


class Average:
    """An average that remembers, made by ``validate``: what no linter lets through, but an instance may."""

    def __init__(self, length: int) -> None:
        self.length, self.value = length, 0.0

    def step(self, price: float) -> float:
        self.value += (price - self.value) * 2 / (self.length + 1)
        return self.value


class Params(StrategyParams, frozen=True):
    fast: int = 5
    slow: int = 20


class State(StrategyState):
    is_long: bool = False


class Cross(Strategy[Params, State]):
    """Buys and sells where two averages cross."""

    metadata = Metadata(name="cross")

    def validate(self) -> None:
        self.fast, self.slow = Average(self.params.fast), Average(self.params.slow)

    def on_bar(self, bar: Bar) -> Decisions:
        is_above = self.fast.step(bar.close) > self.slow.step(bar.close)
        if is_above == self.state.is_long:
            return None
        self.state.is_long = is_above
        return buy(bar.symbol, 100) if is_above else sell(bar.symbol, 100)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_csv(tmp_path / "abc.csv", walk("ABC", 120, seed=5))
    return tmp_path / "abc.csv"


def test_every_backtest_of_one_instance_comes_to_the_same(data: Path) -> None:
    strategy = Cross()

    digests = {backtest(strategy, data).result.digest for _ in range(3)}

    assert digests == {backtest(Cross(), data).result.digest}


def test_the_users_own_instance_is_never_touched(data: Path) -> None:
    strategy = Cross()

    backtest(strategy, data)

    assert (strategy.fast.value, strategy.state.is_long, hasattr(strategy, "ctx")) == (0.0, False, False)


def test_one_instance_twice_in_a_run_is_two_strategies(data: Path) -> None:
    strategy = Cross()

    both = backtest([strategy, strategy], data).result.fills

    assert both == 2 * backtest(strategy, data).result.fills


def test_an_instance_that_was_changed_by_hand_is_refused(data: Path) -> None:
    strategy = Cross()
    strategy.fast.step(100.0)

    with pytest.raises(InputError, match=r"'fast.value' is different in the strategy that a run rebuilds"):
        backtest(strategy, data)


async def test_a_plan_may_be_played_more_than_once() -> None:
    store = await store_of(a_1d=walk("A", 120, seed=5))
    plan = await plan_run(store, ReplayConfig(streams=("a.1d",)), loaded=[from_instance(Cross())])

    runs = [await run_and_record(store, plan) for _ in range(2)]

    assert await digest_of(store, runs[0]) == await digest_of(store, runs[1])
