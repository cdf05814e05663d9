"""A shell completes the streams and runs of the store that the command would use."""

from pathlib import Path

import pytest
from click import Command
from click.shell_completion import ShellComplete

from ops.cli import cli
from ops.commands.replay import replay as replay_command
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv

CROSS = "strategies.ma_cross:MovingAverageCross"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with two stores: ``onetape.db`` with a run, and ``other.db``."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 60, seed=1))
    for store in ("onetape.db", "other.db"):
        symbol = "A" if store == "onetape.db" else "B"
        assert onetape("import", "a.csv", "--symbol", symbol, "--store", store).exit_code == 0
    ran = replay("--stream", "a.1d", "--strategy", CROSS, "--param", "slow=30", "--no-report")
    assert ran.exit_code == 0, ran.output
    return tmp_path


def completed(command: Command, *words: str, begun: str = "") -> list[str]:
    name = "replay" if command is replay_command else "onetape"
    shell = ShellComplete(command, {}, name, f"_{name.upper()}_COMPLETE")
    return [item.value for item in shell.get_completions(list(words), begun)]


def test_runs_are_completed() -> None:
    for subcommand in ("show", "report", "journal", "verify"):
        assert completed(replay_command, subcommand) == ["run.ma_cross.1"]
    assert completed(replay_command, "show", begun="x") == []


def test_data_streams_are_completed() -> None:
    assert completed(replay_command, "--stream") == ["a.1d"]
    assert completed(replay_command, "--store", "other.db", "--stream") == ["b.1d"]
    assert completed(replay_command, "--benchmark", begun="a") == ["a.1d"]


def test_all_streams_are_completed_for_logs_and_checks() -> None:
    assert completed(cli, "log") == ["a.1d", "run.ma_cross.1"]
    assert completed(cli, "log", "--store", "other.db") == ["b.1d"]
    assert completed(cli, "verify", begun="run") == ["run.ma_cross.1"]


def test_subcommands_are_completed() -> None:
    assert completed(replay_command, begun="re") == ["report"]


def test_without_a_store_nothing_is_completed_and_nothing_is_made(folder: Path) -> None:
    assert completed(cli, "log", "--store", "nowhere.db") == []
    assert not (folder / "nowhere.db").exists()
    (folder / "onetape.yaml").write_text("store: [")
    assert completed(cli, "log") == []
