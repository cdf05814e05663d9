"""Parameters that editors complete and type checkers check, with the same refusals when they are wrong."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest

from kernel.errors import InputError
from strategies.ma_cross import MovingAverageCross, Params
from strategies.sdk import Range, Strategy, StrategyParams, StrategyState
from tests.house.tree import ROOT

SNIPPET = """
from strategies.ma_cross import MovingAverageCross, Params

MovingAverageCross(Params(fast=20, slow=50))
MovingAverageCross(Params(fats=20))
MovingAverageCross(Params(fast="twenty"))
"""


class Days(StrategyParams, frozen=True):
    days: Annotated[int, Range(ge=1)]


class Needy(Strategy[Days, StrategyState]):
    """Has a parameter without a default."""


class Own(Needy):
    """Has a constructor of its own."""

    def __init__(self, days: int = 3) -> None:
        super().__init__(days=days)


@pytest.mark.parametrize(
    "checker",
    [
        pytest.param(("mypy",), id="mypy"),
        pytest.param(("basedpyright", "--pythonpath", sys.executable), id="pyright"),
    ],
)
def test_type_checkers_find_a_wrong_parameter(checker: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(SNIPPET)

    done = subprocess.run(
        [sys.executable, "-m", *checker, str(tmp_path / "snippet.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    lines = {int(part.split(":")[1]) for part in done.stdout.split("snippet.py")[1:] if part[1:2].isdigit()}
    assert done.returncode == 1
    assert lines == {5, 6}, done.stdout


def test_a_notebook_completes_the_parameters_of_a_class() -> None:
    jedi = pytest.importorskip("jedi", reason="completes as notebooks do")

    shown = jedi.Interpreter("MovingAverageCross(fa", [{"MovingAverageCross": MovingAverageCross}]).complete()
    hint = jedi.Interpreter("MovingAverageCross(", [{"MovingAverageCross": MovingAverageCross}])

    assert "fast=" in [one.name for one in shown]
    assert "slow: int=50" in str(hint.get_signatures())


def test_the_signature_of_a_class_has_its_parameters_with_types_and_defaults() -> None:
    shown = inspect.signature(MovingAverageCross)

    assert str(shown) == (
        "(*, fast: int = 20, slow: int = 50, quantity: decimal.Decimal = Decimal('100'), "
        "allow_short: bool = False)"
    )
    assert str(inspect.signature(Needy)) == "(*, days: int)"


def test_a_constructor_of_the_class_itself_has_its_own_signature() -> None:
    assert str(inspect.signature(Own)) == "(days: int = 3) -> None"
    assert Own(days=5).params.days == 5


def test_parameters_are_given_by_name_or_as_a_whole() -> None:
    by_name, whole = MovingAverageCross(fast=3, slow=9), MovingAverageCross(Params(fast=3, slow=9))

    assert by_name.params == whole.params


def test_an_unknown_parameter_is_refused_in_the_words_of_the_command() -> None:
    with pytest.raises(InputError) as refused:
        MovingAverageCross(fats=3)

    assert str(refused.value) == (
        "strategy 'ma_cross' has no parameter 'fats'; it has: fast: int 1 to 1000 (default 20); slow: int 2 "
        "to 5000 (default 50); quantity: Decimal (default 100); allow_short: bool (default False); "
        "did you mean 'fast'?"
    )


def test_a_struct_is_checked_like_names() -> None:
    with pytest.raises(InputError, match=r"parameter fast=0 is wrong: .* expected fast: int 1 to 1000"):
        MovingAverageCross(Params(fast=0))
    with pytest.raises(InputError, match="expected a Params or parameters by name; got both: slow"):
        MovingAverageCross(Params(fast=3), slow=9)
