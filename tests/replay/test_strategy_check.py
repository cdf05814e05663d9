"""The check of a strategy: one that keeps all its state where it belongs passes, every other is named."""

import asyncio
from pathlib import Path

import pytest

from kernel.errors import ComponentError, InputError, OnetapeError, ReplayDiverged, StrategyRefused
from replay import check_strategy
from strategies.ma_cross import MovingAverageCross
from strategies.sdk.lint import lint_source
from strategies.sdk.loading import load_recorded
from tests.replay.hidden_states import WAYS
from tests.replay.market import walk, write_csv
from tests.replay.sample_strategies import RandomOrders


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    write_csv(tmp_path / "a.csv", walk("A", 40, seed=3))
    return tmp_path / "a.csv"


@pytest.mark.parametrize("strategy", [MovingAverageCross(fast=2, slow=5), RandomOrders()])
def test_a_strategy_that_keeps_its_state_in_its_state_passes(
    bars: Path, strategy: MovingAverageCross | RandomOrders
) -> None:
    verified = check_strategy(strategy, bars)

    assert verified.restarts == 16
    assert verified.derived_count > 40


@pytest.mark.parametrize("way", WAYS)
def test_every_way_to_hide_state_is_refused_or_found(bars: Path, way: str) -> None:
    (bars.parent / "hidden.py").write_text(WAYS[way], "utf-8")

    with pytest.raises(OnetapeError) as caught:
        check_strategy(f"{bars.parent / 'hidden.py'}:Hidden", bars)

    is_refused = bool(lint_source(WAYS[way], "hidden.py"))
    assert isinstance(caught.value, StrategyRefused if is_refused else ReplayDiverged)
    assert is_refused or "strategy 'hidden' keeps state outside `self.state`" in str(caught.value)


def test_settings_of_a_run_are_taken_and_a_running_loop_is_no_hindrance(bars: Path) -> None:
    async def within() -> int:
        return check_strategy(
            MovingAverageCross(fast=2, slow=5), [bars], settings={"cash": 5, "to": "2004-01-20"}, restarts=3
        ).restarts

    assert asyncio.run(within()) == 3


def test_a_strategy_that_fails_is_not_passed(bars: Path) -> None:
    (bars.parent / "broken.py").write_text(
        "from strategies.sdk import Strategy, StrategyParams, StrategyState\n\n"
        "class Broken(Strategy[StrategyParams, StrategyState]):\n"
        "    def on_bar(self, bar):\n        return 1 / 0\n",
        "utf-8",
    )

    with pytest.raises(ComponentError, match="ZeroDivisionError"):
        check_strategy(str(bars.parent / "broken.py"), bars)


def test_a_strategy_without_a_file_and_a_store_are_refused(bars: Path) -> None:
    typed_in = load_recorded(WAYS["a heap"], "hidden.py:Hidden").strategy

    with pytest.raises(InputError, match="its source must be in a file"):
        check_strategy(typed_in, bars)
    with pytest.raises(InputError, match="replay verify --restarts"):
        check_strategy(RandomOrders(), bars.with_suffix(".db"))
