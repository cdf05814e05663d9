"""``onetape new strategy``: files that pass the linter, their own tests, and a run."""

import subprocess
import sys
from pathlib import Path

import pytest

from strategies.sdk.loading import load_strategy
from tests.house.tree import ROOT
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv


def test_what_is_written_passes_the_linter_its_tests_and_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 60, seed=1))
    onetape("import", "a.csv", "--store", "m.db", "--symbol", "A")

    written = onetape("new", "strategy", "new_high")
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_new_high.py"],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
    )
    run = replay("--store", "m.db", "--stream", "a.1d", "--strategy", "new_high.py:NewHigh", "--json")

    assert "wrote new_high.py" in written.output
    assert load_strategy("new_high.py").strategy.metadata.name == "new_high"
    assert (tested.returncode, "4 passed" in tested.stdout) == (0, True), tested.stdout + tested.stderr
    assert run.exit_code == 0, run.output


def test_nothing_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "test_mine.py").write_text("precious")

    refused = onetape("new", "strategy", "mine")

    assert refused.exit_code == 1
    assert "test_mine.py exists already; choose another name, or delete it first" in refused.output
    assert [path.name for path in tmp_path.iterdir()] == ["test_mine.py"]


@pytest.mark.parametrize("name", ["New", "new-high", "1st", "_", "a b", "../a"])
def test_a_name_that_cannot_be_a_module_is_refused(name: str) -> None:
    refused = onetape("new", "strategy", name)

    assert refused.exit_code == 1
    assert "expected lower-case letters, digits and underscores" in refused.output


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (
            "class",
            "it is a keyword of Python, so no module can have it; choose another name, such as my_c",
        ),
        (
            "replay",
            "it is the name of a package of onetape, which a file replay.py would hide; choose another",
        ),
        ("kernel", "it is the name of a package of onetape, which a file kernel.py would hide"),
        ("json", "it is the name of a module of Python's library, which a file json.py would hide"),
        ("numpy", "it is the name of an installed package, which a file numpy.py would hide"),
    ],
)
def test_a_name_that_is_taken_is_refused_with_the_reason(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    refused = onetape("new", "strategy", name)

    assert refused.exit_code == 1
    assert f"name '{name}': {reason}" in " ".join(refused.output.split())
    assert list(tmp_path.iterdir()) == []
