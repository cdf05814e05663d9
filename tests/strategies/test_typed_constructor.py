"""Parameters that editors complete and type checkers check, with the same refusals when they are wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

from kernel.errors import InputError
from strategies.ma_cross import MovingAverageCross, Params
from tests.house.tree import ROOT

SNIPPET = """
from strategies.ma_cross import MovingAverageCross, Params

MovingAverageCross(Params(fast=20, slow=50))
MovingAverageCross(Params(fats=20))
MovingAverageCross(Params(fast="twenty"))
"""


@pytest.mark.parametrize("checker", ["mypy", "basedpyright"])
def test_type_checkers_find_a_wrong_parameter(checker: str, tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(SNIPPET)

    done = subprocess.run(
        [sys.executable, "-m", checker, str(tmp_path / "snippet.py")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    lines = {int(part.split(":")[1]) for part in done.stdout.split("snippet.py")[1:] if part[1:2].isdigit()}
    assert done.returncode == 1
    assert lines == {5, 6}, done.stdout


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
