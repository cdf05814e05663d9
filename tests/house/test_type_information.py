"""Type checkers of users see our types."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.house.tree import ROOT

SNIPPET = """
from replay import Backtest, backtest, read_bars
from strategies.ma_cross import MovingAverageCross

done: Backtest = backtest(MovingAverageCross(fast=2, slow=3), {"A": read_bars("m.db", "a.1d")}, cash=1_000)
wrong: int = done.metrics
backtest(MovingAverageCross, ["a.csv", "b.csv"], on_failure="ignore")
reveal_type(done.trades)
"""


def test_every_package_says_that_it_is_typed() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    shipped = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    packages = [each for each in shipped if (ROOT / each).is_dir()]

    assert len(packages) > 1
    assert [package for package in packages if not (ROOT / package / "py.typed").is_file()] == []


@pytest.mark.slow
def test_a_snippet_of_a_user_is_checked_against_our_types(tmp_path: Path) -> None:
    (tmp_path / "snippet.py").write_text(SNIPPET, "utf-8")

    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "mypy",
                "--strict",
                "--ignore-missing-imports",
                "--follow-imports=silent",
            ),
            *("--explicit-package-bases", "--cache-dir", str(ROOT / ".mypy_cache"), "snippet.py"),
        ],
        cwd=tmp_path,
        env={**os.environ, "MYPYPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    said = done.stdout
    assert 'Incompatible types in assignment (expression has type "Metrics", variable has type "int")' in said
    assert "Literal['ignore']" in said
    assert 'tuple[replay.performance.trades.RoundTrip, ...]"' in said
    assert "Found 2 errors in 1 file" in said
