"""Lists and logs in 80 columns: no line is longer, and nothing of a name or figure is lost."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from kernel.events import StrategyLogged
from kernel.identifiers import StrategyId
from ops.cli import cli
from ops.commands.replay import replay
from ops.event_lines import LoggedEvent, narrow_lines
from ops.tables import fitting
from replay.rows import Rows, number, text
from replay.sample import stocks
from tests.eventstore.importing.files import GOOD_BARS, write_bars

WIDTH = 80


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a store of bars and a run with trades."""
    folder = tmp_path_factory.mktemp("narrow")
    store = ["--store", str(folder / "market.db")]
    narrow("import", str(stocks()), *store, "--tz", "America/New_York", "--session", "09:30-16:00")
    words = [
        "--stream",
        "goog.1d",
        "--stream",
        "ibm.1d",
        "--strategy",
        "strategies.ma_cross:MovingAverageCross",
    ]
    assert narrow(*store, *words, "--no-report", of_replay=True).exit_code == 0
    return folder


def narrow(*words: str, of_replay: bool = False) -> Result:
    command = replay if of_replay else cli
    done = CliRunner(env={"COLUMNS": str(WIDTH)}).invoke(command, list(words))
    assert done.exit_code == 0, done.output
    return done


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["streams"], ["goog.1d", "run.ma_cross.1", "2,148", "2013-03-01", "GOOG, IBM"]),
        (["log", "run.ma_cross.1", "--limit", "900"], ["StrategyLoaded", "params={", "OrderFilled"]),
        (["log", "goog.1d", "--tail", "2"], ["2147", "close="]),
    ],
)
def test_onetape_fits(folder: Path, command: list[str], words: list[str]) -> None:
    shown = narrow(*command, "--store", str(folder / "market.db")).output

    assert max(map(len, shown.splitlines())) <= WIDTH
    for each in words:
        assert each in shown


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["journal", "run.ma_cross.1"], ["GOOG", "long", "Net P&L", "Not shown in 80 columns", "MAE"]),
        (["list"], ["run.ma_cross.1", "2000-03-01 to 2013-03-01", "done"]),
        (["show", "run.ma_cross.1"], ["Sharpe", "By symbol:", "Open positions:"]),
    ],
)
def test_replay_fits(folder: Path, command: list[str], words: list[str]) -> None:
    shown = narrow(*command, "--store", str(folder / "market.db"), of_replay=True).output

    assert max(map(len, shown.splitlines())) <= WIDTH
    for each in words:
        assert each in shown


def test_the_summary_of_an_import_fits(tmp_path: Path) -> None:
    """Times to the nanosecond and a long name once filled the line, and were folded."""
    name = "a_long_name_of_a_stream_of_daily_bars"
    write_bars(tmp_path, *GOOD_BARS, "2012-06-01,12,14,11,13,300")

    shown = narrow(
        *("import", str(tmp_path / "bars.csv"), "--symbol", "ABC", "--stream", name),
        *("--store", str(tmp_path / "market.db")),
    ).output

    table = [line for line in shown.splitlines() if line.startswith((name, "stream", "Not shown"))]
    assert max(map(len, table)) <= WIDTH
    assert table[1].split() == [name, "4", "2012-06-01T23:59:59Z"]
    assert table[2] == "Not shown in 80 columns: rows, events, first (piped output has all)."


def test_the_history_of_streams_fits(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "market.db", tmp_path / "market.db")
    narrow("streams", "set-aside", "fb.1d", "--reason", "restated", "--store", str(tmp_path / "market.db"))

    shown = narrow("streams", "history", "--store", str(tmp_path / "market.db")).output

    assert max(map(len, shown.splitlines())) <= WIDTH
    for each in ("set aside", "fb.1d", "restated"):
        assert each in shown


def test_a_row_of_the_journal_is_one_line(folder: Path) -> None:
    shown = narrow("journal", "run.ma_cross.1", "--store", str(folder / "market.db"), of_replay=True).output

    rows = [line for line in shown.splitlines() if "long" in line]
    assert len(rows) > 20
    assert all(line.split()[0].isdigit() for line in rows)


def test_a_piped_log_has_one_line_for_each_event(folder: Path) -> None:
    runner = CliRunner(env={"COLUMNS": None})

    shown = runner.invoke(cli, ["log", "goog.1d", "--limit", "3", "--store", str(folder / "market.db")])

    assert len(shown.output.splitlines()) == 4


def test_the_least_important_columns_are_left_out_first() -> None:
    rows = Rows(
        "", (text("name"), number("a", rank=1), number("b", rank=2)), (("x" * 10, "1" * 10, "2" * 10),)
    )

    assert [fitting(rows, width) for width in (40, 30, 20, 5)] == [(0, 1, 2), (0, 1), (0,), (0,)]


def test_a_field_longer_than_a_line_is_folded_and_whole() -> None:
    words = "".join(chr(97 + place % 26) for place in range(300))

    lines = narrow_lines(LoggedEvent(1, 2, StrategyLogged(0, StrategyId("s"), words)), WIDTH).splitlines()

    assert max(map(len, lines)) <= WIDTH
    assert words in "".join(line.strip() for line in lines)
