"""Bounds on decimal parameters hold as those on floats do, however a parameter is given."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import pytest
from msgspec import field

from kernel.errors import InputError
from replay import backtest
from strategies.sdk import Bar, Decisions, Range, Strategy, StrategyParams, StrategyState
from strategies.sdk.loading import describe
from strategies.sdk.rebuilding import check_unchanged, rebuilt
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv

SOURCE = """
from decimal import Decimal
from typing import Annotated

from strategies.sdk import Bar, Decisions, Range, Strategy, StrategyParams, StrategyState


class Params(StrategyParams, frozen=True):
    percent: Annotated[Decimal, Range(gt=0, le=100)] = Decimal(50)


class Bounded(Strategy[Params, StrategyState]):
    def on_bar(self, bar: Bar) -> Decisions:
        self.ctx.log("bar", percent=self.params.percent)
"""


class Params(StrategyParams, frozen=True):
    percent: Annotated[Decimal, Range(gt=0, le=100, description="of equity")] = Decimal(50)
    step: Annotated[Decimal, Range(multiple_of=0.1)] = Decimal("0.3")
    limit: Annotated[Decimal | None, Range(ge=1)] = None
    other: Annotated[Decimal, Range(lt=1)] | None = None
    shares: list[Annotated[Decimal, Range(ge=0, le=1)]] = field(default_factory=list)
    weights: dict[str, Annotated[Decimal, Range(ge=0)]] = field(default_factory=dict)
    pair: tuple[Annotated[Decimal, Range(gt=0)], int] = (Decimal(1), 1)
    ratio: Annotated[float, Range(gt=0)] = 0.5
    count: Annotated[int | Decimal, Range(ge=1)] = 1


class Bounded(Strategy[Params, StrategyState]):
    """Has bounds on all kinds of decimals."""

    def on_bar(self, bar: Bar) -> Decisions:
        self.ctx.log("bar", close=bar.close, percent=self.params.percent)
        return None


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("percent", "0", "Expected `decimal` > 0; expected percent: Decimal above 0 and at most 100"),
        ("percent", "100.01", "Expected `decimal` <= 100"),
        ("percent", Decimal(-1), "Expected `decimal` > 0"),
        ("percent", 250, "Expected `decimal` <= 100"),
        ("step", "0.25", "a multiple of 0.1"),
        ("limit", "0.99", "Expected `decimal` >= 1"),
        ("other", 1, "Expected `decimal` < 1"),
        ("shares", "0.5,1.5", "Expected `decimal` <= 1"),
        ("weights", {"A": -1}, "Expected `decimal` >= 0"),
        ("pair", (0, 5), "Expected `decimal` > 0"),
        ("count", 0, "Expected `decimal` >= 1"),
        ("count", "0.5", "Expected `decimal` >= 1"),
        ("shares", "0.5,nan", "Expected a finite number"),
        ("step", "1e99999", "a multiple of 0.1"),
    ],
)
def test_a_decimal_outside_its_bounds_is_refused(name: str, value: object, words: str) -> None:
    with pytest.raises(InputError) as refused:
        Bounded(**{name: value})

    assert f"parameter {name}=" in str(refused.value)
    assert words in str(refused.value)


def test_decimals_within_their_bounds_are_kept_and_recorded_exactly() -> None:
    strategy = Bounded(
        percent="100", step="0.7", limit=1, other="0.1", shares="0,1", weights={"A": 0}, pair=(2, 0)
    )

    anew = rebuilt(strategy)

    check_unchanged(strategy, anew)
    assert anew.params == strategy.params
    assert (strategy.params.percent, strategy.params.step) == (Decimal(100), Decimal("0.7"))
    assert (strategy.params.limit, strategy.params.other) == (Decimal(1), Decimal("0.1"))


def test_the_list_of_parameters_shows_their_bounds() -> None:
    rows = {row.name: row for row in describe(Bounded)}

    assert str(rows["percent"]) == "percent: Decimal above 0 and at most 100 (default 50)"
    assert rows["percent"].description == "of equity"


def test_bounds_hold_on_the_command_line_in_yaml_and_in_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 20, seed=1))
    onetape("import", "a.csv", "--store", "a.db", "--symbol", "A")
    (tmp_path / "bounded.py").write_text(SOURCE)
    yaml = (
        "store: a.db\nstreams: [a.1d]\n"
        "strategies: [{{strategy: 'bounded.py:Bounded', params: {{percent: {}}}}}]"
    )
    given = ("--store", "a.db", "--stream", "a.1d", "--strategy", "bounded.py:Bounded", "--param")

    good = replay(*given, "percent=12.5")
    bad = replay(*given, "percent=101")
    (tmp_path / "good.yaml").write_text(yaml.format("12.5"))
    good_file = replay("--config", "good.yaml")
    (tmp_path / "bad.yaml").write_text(yaml.format("-1"))
    bad_file = replay("--config", "bad.yaml")
    in_python = backtest(Bounded(percent=12.5), data="a.csv")

    assert [good.exit_code, bad.exit_code, good_file.exit_code, bad_file.exit_code] == [0, 1, 0, 1]
    assert "parameter percent=101 is wrong: Expected `decimal` <= 100" in bad.output
    assert "parameter percent=-1 is wrong: Expected `decimal` > 0" in bad_file.output
    assert in_python.result.inputs
