"""A user's own folder or file named like a package of ours: a sentence, and nothing that worked breaks."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from onetape_packages import IMPORTED
from tests.house.tree import PRODUCT, ROOT

REPLAY = "from replay import backtest"
COMMAND = "from ops.cli import cli"


def run(folder: Path, code: str) -> subprocess.CompletedProcess[str]:
    """Run a script of a user in a folder of theirs."""
    (folder / "script.py").write_text(f"{code}\nprint('it ran')\n", encoding="utf-8")
    return subprocess.run(
        [sys.executable, "script.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )


def hide(folder: Path, name: str) -> Path:
    """A package of the user's."""
    (folder / name).mkdir()
    (folder / name / "__init__.py").touch()
    return folder / name


@pytest.mark.parametrize("name", IMPORTED["replay"])
def test_a_folder_that_hides_a_package_is_named(name: str, tmp_path: Path) -> None:
    hidden = hide(tmp_path, name)

    done = run(tmp_path, REPLAY)

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: onetape cannot start: the folder {hidden.resolve()} has the name of its package "
        f"{name!r}, and Python imports the folder instead. Rename the folder, or start from another place"
    )


def test_a_file_that_hides_a_package_is_named(tmp_path: Path) -> None:
    (tmp_path / "kernel.py").touch()

    done = run(tmp_path, "import strategies.sdk")

    assert (
        f"the file {(tmp_path / 'kernel.py').resolve()} has the name of its package 'kernel'" in done.stderr
    )


def test_a_command_ends_in_the_sentence_alone(tmp_path: Path) -> None:
    hide(tmp_path, "replay")

    done = run(tmp_path, COMMAND)

    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1)
    assert done.stderr.startswith("onetape cannot start: the folder ")


@pytest.mark.parametrize("name", ["ops", "tests"])
def test_a_folder_that_hides_nothing_needed_does_no_harm(name: str, tmp_path: Path) -> None:
    hide(tmp_path, name)

    assert run(tmp_path, REPLAY).stdout == "it ran\n"


def test_a_folder_of_strategies_without_init_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "strategies").mkdir()
    (tmp_path / "strategies" / "mine.py").touch()

    assert run(tmp_path, REPLAY).stdout == "it ran\n"


def test_every_package_that_imports_others_says_what_it_imports() -> None:
    """The contracts of imports forbid all others."""
    assert set(IMPORTED) == {*PRODUCT} - {"kernel"}
    for package in IMPORTED:
        assert f'require_ours("{package}"' in (ROOT / package / "__init__.py").read_text(encoding="utf-8")
