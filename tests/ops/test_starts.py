"""What a start imports: a daemon for months, and a command that stops trading at once, carry nothing they do
not need."""

import subprocess
import sys

import pytest

import replay
from ops.cli import COMMANDS
from ops.commands.replay import PLACES
from tests.house.tree import ROOT


@pytest.mark.parametrize("module", ["ops.commands.run", "ops.daemon.worker", "ops.commands.trading"])
def test_daemons_and_commands_to_them_do_without_numpy(module: str) -> None:
    code = f"import sys, {module}; print(sorted({{'numpy', 'pandas', 'plotly'}} & set(sys.modules)))"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_only_the_command_that_is_used_is_imported() -> None:
    code = "import sys, ops.cli; print([name for name in sys.modules if name.startswith('ops.commands.')])"

    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_each_command_is_where_the_table_says() -> None:
    for name, place in (*COMMANDS.items(), *PLACES.items()):
        module, _, attribute = place.partition(":")
        assert (ROOT / f"{module.replace('.', '/')}.py").is_file()
        assert attribute.endswith("_command"), name


def test_names_of_the_library_are_no_modules_of_it() -> None:
    """A module that was imported would hide the name."""
    modules = {path.stem for path in (ROOT / "replay").iterdir()}

    assert modules.isdisjoint(replay.__all__)
    assert all(getattr(replay, name) is not None for name in replay.__all__)
    assert set(replay.__all__) <= set(dir(replay))
    with pytest.raises(AttributeError, match="module 'replay' has no attribute 'nothing'"):
        _ = replay.nothing
