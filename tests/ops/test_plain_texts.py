"""Texts of users are printed as they are: brackets are no styles, colons are no pictures."""

import re
from io import StringIO
from pathlib import Path

import pytest

from ops.tables import TableConsole, print_rows
from replay.rows import Rows, number, text
from tests.ops.commands import ROOT, onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv

SAID = "list[int] [/int] of [red]x[/red] :smile: at f:100:"
STRATEGY = f"""
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState, buy, sell

SAID = {SAID!r}


class Speaker(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="speaker")

    def on_bar(self, bar):
        if bar.close <= 0:
            raise ValueError(SAID)
        held = self.ctx.portfolio.position(bar.symbol)
        return sell(bar.symbol, 1, tag=SAID) if held else buy(bar.symbol, 1, tag=SAID)


class Failing(Strategy[StrategyParams, StrategyState]):
    metadata = Metadata(name="failing")

    def on_bar(self, bar):
        raise ValueError(SAID)
"""


@pytest.fixture(autouse=True)
def market(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a store of bars and strategies that say such texts."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 30, seed=11))
    assert onetape("import", "a.csv", "--symbol", "A").exit_code == 0
    (tmp_path / "own.py").write_text(STRATEGY, "utf-8")
    return tmp_path


def test_the_words_of_an_error_are_printed_as_they_are() -> None:
    done = replay("--stream", "a.1d", "--strategy", "own.py:Failing", "--no-report")

    assert done.exit_code == 1
    assert SAID in done.stdout
    assert SAID in done.stderr
    assert SAID in replay("show", "run.failing.1").stdout


def test_tags_of_orders_are_printed_as_they_are() -> None:
    done = replay("--stream", "a.1d", "--strategy", "own.py:Speaker", "--no-report")

    assert done.exit_code == 0
    assert SAID in done.stdout  # by exit
    assert f"{SAID} / {SAID}" in replay("journal", "run.speaker.1").stdout


def test_names_and_notes_of_tables_are_printed_as_they_are() -> None:
    rows = Rows(SAID, (text(SAID), number("#", rank=1)), ((SAID, "1"),), SAID)
    written = StringIO()

    print_rows(rows, TableConsole(file=written))

    assert written.getvalue().count(SAID) == 3


def test_reasons_of_changed_streams_are_printed_as_they_are() -> None:
    assert onetape("streams", "set-aside", "a.1d", "--reason", SAID).exit_code == 0

    assert SAID in onetape("streams", "history").stdout


def test_every_command_prints_with_the_console_of_plain_texts() -> None:
    other = re.compile(r"(?<!Table)\bConsole\(|rich import print|from rich\.console import print")

    found = [
        path.name
        for folder in ("ops", "replay")
        for path in sorted((ROOT / folder).rglob("*.py"))
        if other.search(path.read_text("utf-8").replace("class TableConsole(Console)", ""))
    ]

    assert found == []
