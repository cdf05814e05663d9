"""A run in which something failed says so in its exit code, on stderr and in its result."""

import json
from pathlib import Path
from traceback import extract_tb
from typing import Any

import pytest

from kernel.errors import ConfigError
from replay import RunFailed, RunFailedWarning, backtest
from strategies.buy_and_hold import BuyAndHold
from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv

BROKEN_STRATEGY = """
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState


class Broken(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="broken")

    def on_bar(self, bar):
        return 1 / 0
"""
BROKEN_MODEL = """
from typing import ClassVar

import msgspec


class Free(msgspec.Struct, frozen=True):
    needs_volatility: ClassVar[bool] = False

    def price(self, taken):
        return float("nan")
"""


@pytest.fixture(autouse=True)
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with ``market.db``: a hundred bars."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 100, seed=11))
    assert onetape("import", "a.csv", "--symbol", "A", "--store", "market.db").exit_code == 0
    return tmp_path


class Broken(Strategy[StrategyParams, StrategyState]):
    """Fails on every bar."""

    metadata = Metadata(name="broken")

    def on_bar(self, bar: Bar) -> Decisions:
        raise ZeroDivisionError(bar.symbol)


def test_a_run_with_a_failed_component_exits_with_1_and_names_it(market: Path) -> None:
    (market / "own.py").write_text(BROKEN_MODEL, "utf-8")
    (market / "onetape.yaml").write_text(
        "store: market.db\nstreams: [a.1d]\nbroker: {slippage: 'own.py:Free'}\n"
        "strategies: [{strategy: 'strategies.buy_and_hold:BuyAndHold'}]\n",
        "utf-8",
    )

    done = replay("--json")

    told = json.loads(done.stdout)
    assert (done.exit_code, told["fills"], Path(str(told["report"])).exists()) == (1, 0, True)
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith(f"replay: {told['run_stream']}: its figures cannot be relied on: ")
    assert "simulated_broker failed on Bar" in done.stderr
    assert "broker.slippage: own.py:Free: price for" in done.stderr


def test_a_run_with_a_failed_strategy_exits_with_1_and_can_be_verified(market: Path) -> None:
    (market / "broken.py").write_text(BROKEN_STRATEGY, "utf-8")

    done = replay("--store", "market.db", "--stream", "a.1d", "--strategy", "broken.py:Broken")

    assert (done.exit_code, Path("market.run.broken.1.html").exists()) == (1, True)
    assert "Problems" in done.stdout
    assert "replay: run.broken.1: its figures cannot be relied on: " in done.stderr
    assert "ZeroDivisionError" in done.stderr
    assert replay("verify", "run.broken.1", "--store", "market.db").exit_code == 0


def test_a_backtest_with_a_failed_strategy_raises_what_the_command_says(market: Path) -> None:
    with pytest.raises(RunFailed) as raised:
        backtest(Broken(), data=market / "a.csv")

    sentence = str(raised.value)
    line = Broken.on_bar.__code__.co_firstlineno + 1
    assert sentence.startswith("run.broken.1: its figures cannot be relied on: 3 failures; the first: ")
    assert sentence.endswith(f"ZeroDivisionError: A (file {__file__}, line {line})")
    assert raised.value.result.failures == 3


def test_the_command_names_file_and_line_of_a_failure_as_a_backtest_does(market: Path) -> None:
    (market / "broken.py").write_text(BROKEN_STRATEGY, "utf-8")

    done = replay("--store", "market.db", "--stream", "a.1d", "--strategy", "broken.py:Broken", "--no-report")

    first = "the first: strategy:broken failed on Bar at on_bar:9: ZeroDivisionError: division by zero"
    assert f"3 failures; {first} (file " in done.stderr
    assert done.stderr.endswith("broken.py, line 9)\n")


def test_a_failed_backtest_has_the_traceback_of_the_strategy_and_nothing_before_it(market: Path) -> None:
    with pytest.raises(RunFailed) as raised:
        backtest(Broken(), data=market / "a.csv")

    cause = raised.value.__cause__
    assert isinstance(cause, ZeroDivisionError)
    assert [frame.name for frame in extract_tb(cause.__traceback__)] == ["on_bar"]


def test_a_backtest_may_warn_of_failures_instead(market: Path) -> None:
    with pytest.warns(RunFailedWarning, match="3 failures; the first: .* ZeroDivisionError: A") as warned:
        done = backtest(Broken(), data=market / "a.csv", on_failure="warn")

    assert warned[0].filename == __file__
    assert "ZeroDivisionError: A" in done.result.first_failure


def test_a_failed_model_of_the_broker_raises_too(market: Path) -> None:
    (market / "own.py").write_text(BROKEN_MODEL, "utf-8")

    with pytest.raises(RunFailed, match="simulated_broker failed on Bar"):
        backtest(BuyAndHold(), data=market / "a.csv", broker={"slippage": "own.py:Free"})


def test_a_wrong_treatment_of_failures_is_refused(market: Path) -> None:
    wrong: Any = "ignore"  # Any: not a literal that the types allow

    with pytest.raises(ConfigError, match="on_failure: 'ignore' is not one of raise, warn"):
        backtest(BuyAndHold(), data=market / "a.csv", on_failure=wrong)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit(0)", "own.py:2: loading the module fails: SystemExit: 0"),
        (
            BROKEN_STRATEGY + "    def validate(self):\n        raise SystemExit(0)\n",
            "building Broken fails: SystemExit",
        ),
        (
            BROKEN_STRATEGY + "    def bars_needed(self):\n        raise SystemExit(0)\n",
            "building Broken fails: SystemExit",
        ),
    ],
)
def test_a_strategy_that_exits_while_it_is_loaded_is_refused_in_a_sentence(
    market: Path, code: str, said: str
) -> None:
    (market / "own.py").write_text(f"\n{code}", "utf-8")

    done = replay("--store", "market.db", "--stream", "a.1d", "--strategy", "own.py")

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("replay: own.py:")
    assert said in done.stderr


def test_a_strategy_that_exits_in_the_run_is_a_failure_of_the_run(market: Path) -> None:
    (market / "own.py").write_text(BROKEN_STRATEGY.replace("return 1 / 0", "raise SystemExit(0)"), "utf-8")

    done = replay("--store", "market.db", "--stream", "a.1d", "--strategy", "own.py")

    assert (done.exit_code, Path("market.run.broken.1.html").exists()) == (1, True)
    assert "SystemExit: 0" in done.stderr


def test_a_model_that_exits_while_it_is_loaded_is_refused_in_a_sentence(market: Path) -> None:
    (market / "own.py").write_text("raise SystemExit(0)\n", "utf-8")
    (market / "onetape.yaml").write_text(
        "store: market.db\nstreams: [a.1d]\nbroker: {slippage: 'own.py:Free'}\n"
        "strategies: [{strategy: 'strategies.buy_and_hold:BuyAndHold'}]\n",
        "utf-8",
    )

    done = replay()

    assert (done.exit_code, done.stdout) == (1, "")
    assert "broker.slippage: loading own.py fails: SystemExit: 0" in done.stderr
