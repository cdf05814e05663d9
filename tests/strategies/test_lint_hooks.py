"""The linter: a method that looks as if it were called is called."""

from pathlib import Path
from textwrap import dedent

import pytest

from kernel.errors import StrategyRefused
from replay import backtest
from strategies.sdk import Bar, Decisions, Strategy, StrategyParams, StrategyState
from strategies.sdk.lint import lint_source
from strategies.sdk.loading import load_strategy
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv

HEADER = """\
from strategies.sdk import Bar, Decisions, Strategy, StrategyParams, StrategyState, buy


"""
STRATEGY = f"{HEADER}class Example(Strategy[StrategyParams, StrategyState]):\n"
ON_BAR = "    def on_bar(self, bar: Bar) -> Decisions: ...\n"


class Misspelt(Strategy[StrategyParams, StrategyState]):
    """Its author meant ``on_bar``."""

    def on_bars(self, bar: Bar) -> Decisions:
        """Nothing calls it."""


def rules(source: str) -> list[str]:
    return [finding.rule for finding in lint_source(source, "example.py")]


def sentences(source: str) -> str:
    return "\n".join(map(str, lint_source(source, "example.py")))


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("on_bars", "on_bar"),
        ("on_Bar", "on_bar"),
        ("on_trades", "on_trade"),
        ("on_orders_update", "on_order_update"),
        ("on_fill", "on_order_update"),
        ("on_tick", "on_quote"),
    ],
)
def test_a_misspelt_hook_is_refused_with_the_one_that_was_meant(name: str, meant: str) -> None:
    found = sentences(f"{STRATEGY}{ON_BAR}    def {name}(self, event) -> Decisions: ...\n")

    assert f"example.py:6:5: `{name}` is not a hook, so nothing calls it; did you mean {meant!r}? " in found


def test_a_method_that_looks_like_a_hook_and_resembles_none_is_refused_with_all_hooks() -> None:
    found = sentences(f"{STRATEGY}{ON_BAR}    def on_execution(self, event) -> Decisions: ...\n")

    assert (
        "`on_execution` is not a hook, so nothing calls it. The hooks are on_warm_up, on_start, on_bar, "
        in found
    )
    assert "begin the name of a method of your own differently, such as `_on_execution`. [hook]" in found


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    pass\n", "`Example` has no hook, so it would never act. Write at least one of on_warm_up, "),
        (
            "    def onBar(self, bar): ...\n",
            "so it would never act; did you mean 'on_bar'? Write at least one",
        ),
        ("    def validate(self): ...\n\ndef on_bar(self, bar): ...\n", "`Example` has no hook"),
    ],
)
def test_a_strategy_without_any_hook_is_refused(body: str, words: str) -> None:
    assert words in sentences(STRATEGY + body)


@pytest.mark.parametrize(
    "source",
    [
        STRATEGY + ON_BAR,
        f"{STRATEGY}{ON_BAR}    def _on_bars(self, bar): ...\n",
        f"{STRATEGY}    on_start = None\n",
        f"{STRATEGY}    pass\n\n\nclass Own(Example):\n{ON_BAR}",
        f"{HEADER}class Mixed:\n{ON_BAR}\n\nclass Own(Mixed, Strategy[StrategyParams, StrategyState]): ...\n",
        f"{HEADER}from own import Rule\n\nclass Own(Rule, Strategy[StrategyParams, StrategyState]): ...\n",
    ],
    ids=["plain", "private", "assigned", "in a class below", "in a class above", "perhaps imported"],
)
def test_a_strategy_with_a_hook_of_its_own_or_of_a_base_passes(source: str) -> None:
    own = frozenset({"own"})

    assert [one for one in lint_source(source, "example.py", own_modules=own) if "hook" in one.rule] == []


@pytest.mark.parametrize("method", ["validate", "on_bar", "bars_needed"])
@pytest.mark.parametrize("base", ["StrategyParams", "StrategyState"])
def test_a_method_in_the_class_of_parameters_or_state_that_nothing_calls_is_refused(
    method: str, base: str
) -> None:
    source = f"{HEADER}class Values({base}):\n    def {method}(self): ...\n"

    assert f"`{method}` of `Values` is never called; move it into the strategy's class" in sentences(source)


def test_a_method_of_the_parameters_that_the_strategy_calls_passes() -> None:
    source = """\
        from strategies.sdk import Bar, Decisions, Strategy, StrategyParams, StrategyState


        class Params(StrategyParams, frozen=True):
            def validate(self): ...


        class Example(Strategy[Params, StrategyState]):
            def validate(self) -> None:
                self.params.validate()

            def on_bar(self, bar: Bar) -> Decisions: ...
        """

    assert rules(dedent(source)) == []


def test_an_own_module_may_hold_a_strategy_without_hooks(tmp_path: Path) -> None:
    (tmp_path / "rule.py").write_text(f"{STRATEGY}    pass\n")
    (tmp_path / "own.py").write_text(f"from rule import Example\n{HEADER}class Own(Example):\n{ON_BAR}")

    assert load_strategy(f"{tmp_path}/own.py:Own").strategy.metadata.name == "Own"


def test_python_refuses_a_misspelt_hook_as_the_command_does(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", walk("A", 20, seed=1))
    store = str(tmp_path / "a.db")
    onetape("import", str(tmp_path / "a.csv"), "--store", store, "--symbol", "A")
    (tmp_path / "typo.py").write_text(f"{STRATEGY}    def on_bars(self, bar): ...\n")

    refused = replay("--store", store, "--stream", "a.1d", "--strategy", f"{tmp_path}/typo.py:Example")

    assert refused.exit_code == 1
    assert "`on_bars` is not a hook, so nothing calls it; did you mean 'on_bar'?" in refused.output
    with pytest.raises(StrategyRefused, match="`on_bars` is not a hook"):
        backtest(Misspelt(), data=str(tmp_path / "a.csv"))
