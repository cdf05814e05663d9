"""``replay step``: commands from ``-c`` and from standard input, on a run and on a live log."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ops.commands.replay import replay as command
from tests.replay.test_past import store_with_logs

RUN = "run.Trader+random_orders.1"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("step") / "market.db"
    store_with_logs(path)
    return path


def step(store: Path, log: str, *commands: str, lines: str = "") -> Result:
    arguments = ["step", log, "--store", str(store)]
    for each in commands:
        arguments += ["-c", each]
    return CliRunner().invoke(command, arguments, input=lines, prog_name="replay")


@pytest.mark.parametrize("log", [RUN, "paper"])
def test_a_script_walks_shows_and_compares(store: Path, log: str) -> None:
    done = step(
        store,
        log,
        "go 2004-01-20; step 2; diff portfolio; back 1",
        'next OrderFilled A; json strategy:Trader; until position["A"] != 0; where; events',
    )

    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0].startswith("seq ")
    assert "2004-01-20T" in lines[0]
    assert any("OrderFilled" in line for line in lines)
    state = json.loads(next(line for line in lines if line.startswith('{"epoch"')))
    assert state["strategy"]["bars"] > 0


def test_standard_input_is_read_line_by_line(store: Path) -> None:
    done = step(store, RUN, lines="next OrderFilled\nshow\nshow portfolio\nquit\nthis is not read\n")

    assert done.exit_code == 0
    assert "portfolio" in done.output
    assert '"realised_pnl"' in done.output


def test_breakpoints_stop_a_run(store: Path) -> None:
    asked = 'break type == "OrderFilled" and quantity >= 10; break equity < 0; breaks; delete 2'

    done = step(store, RUN, asked, "run; run; go end; run")

    assert done.exit_code == 0, done.output
    assert "1: type ==" in done.output
    assert done.output.count("OrderFilled ") >= 2
    assert "the end of the log" in done.output


@pytest.mark.parametrize(
    ("commands", "says"),
    [
        ("dance", "there is no command 'dance'; see help"),
        ("step many", "expected a number, found 'many'"),
        ("go 99999", "seq 99999 is not in"),
        ("next Nothing At All", "expected the type of an event, a symbol, or both"),
        ("until price >", "condition 'price >'"),
        ("show nothing", "there is no 'nothing'; there are: timers, bus"),
        ("delete 3", "there is no breakpoint 3"),
        ("run fast", "run takes no argument"),
    ],
)
def test_what_cannot_be_done_is_said_and_ends_a_script(store: Path, commands: str, says: str) -> None:
    done = step(store, RUN, f"{commands}; help")

    assert done.exit_code == 1
    assert says in done.output
    assert "go SEQ" not in done.output


def test_help_lists_the_commands(store: Path) -> None:
    done = step(store, RUN, "help")

    assert done.exit_code == 0
    assert "until CONDITION" in done.output


def test_a_log_that_is_not_there_is_wrong_usage(store: Path) -> None:
    done = step(store, "run.nothing.1", "where")

    assert done.exit_code == 2
    assert "there is no stream 'run.nothing.1'" in done.output
