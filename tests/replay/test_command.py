"""The ``replay`` command: where its settings come from, what it prints, writes and leaves in the store."""

import json
from pathlib import Path

import pytest

from replay.demo import SYMBOLS
from tests.ops.commands import onetape, store_heads
from tests.replay.commands import python_process, replay
from tests.replay.market import walk, write_csv

CROSS = "strategies.ma_cross:MovingAverageCross"
CONFIG = f"""
store: market.db
streams: [a.1d]
from: 2004-01-05
to: 2004-03-01
cash: 50000
strategies:
  - strategy: {CROSS}
    params: {{fast: 2, slow: 5, quantity: 10}}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with ``market.db``: a hundred bars."""
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 100, seed=12))
    assert onetape("import", "a.csv", "--symbol", "A", "--store", "market.db").exit_code == 0
    return tmp_path


def figures(*arguments: str) -> dict[str, object]:
    done = replay(*arguments, "--json")
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def demo() -> dict[str, object]:
    done = onetape("demo", "--json")
    assert done.exit_code == 0, done.output
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


# --- where settings come from -------------------------------------------------------------------


def test_the_configuration_in_the_current_folder_is_used(folder: Path) -> None:
    """Dates without quotes, as YAML users write them."""
    (folder / "onetape.yaml").write_text(CONFIG)

    told = figures()

    assert (told["initial_equity"], told["symbols"]) == ("50000", ["A"])
    assert (str(told["start"])[:10], str(told["end"])[:10]) == ("2004-01-05", "2004-03-01")


def test_the_command_line_goes_before_the_configuration(folder: Path) -> None:
    (folder / "onetape.yaml").write_text(CONFIG)

    told = figures("--cash", "7000", "--from", "2004-02-01")

    assert told["initial_equity"] == "7000"
    assert str(told["start"])[:10] == "2004-02-01"


def test_a_parameter_goes_to_the_one_strategy_of_the_configuration(folder: Path) -> None:
    (folder / "onetape.yaml").write_text(CONFIG)

    assert figures("--param", "fast=3")["digest"] != figures()["digest"]


def test_a_configuration_elsewhere_can_be_named(folder: Path) -> None:
    (folder / "other.yaml").write_text(CONFIG)

    assert figures("--config", "other.yaml")["initial_equity"] == "50000"


def test_without_anything_to_play_a_sentence_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The demo's store stays out of it, though it is there."""
    monkeypatch.chdir(tmp_path)
    demo()

    nowhere = replay("--from", "2012-01-01")
    files = sorted(path.name for path in tmp_path.iterdir() if path.suffix != ".snapshots")
    write_csv(tmp_path / "a.csv", walk("A", 100, seed=12))
    assert onetape("import", "a.csv", "--symbol", "A").exit_code == 0
    unnamed = replay("--from", "2004-01-05")

    assert (nowhere.exit_code, nowhere.stdout) == (2, "")
    assert "there is no store at onetape.db" in nowhere.stderr
    assert "onetape import FILE" in nowhere.stderr
    assert files == sorted(["onetape-demo.db", "onetape-demo.db.witness", "onetape-demo.html"])
    assert (unnamed.exit_code, unnamed.stdout) == (2, "")
    for words in ("there is nothing to play", "--stream (it holds a.1d)", "--strategy", "onetape demo"):
        assert words in unnamed.stderr


def test_every_command_uses_the_store_of_the_configuration(folder: Path) -> None:
    (folder / "onetape.yaml").write_text(CONFIG)
    run = str(figures()["run_stream"])

    asked = [onetape("streams"), onetape("log", run), onetape("verify"), replay("list"), replay("show", run)]

    assert [done.exit_code for done in asked] == [0] * 5
    assert not (folder / "onetape.db").exists()


def test_without_a_configuration_every_command_uses_one_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 100, seed=12))
    onetape("import", "a.csv", "--symbol", "A")

    run = str(figures("--stream", "a.1d", "--strategy", CROSS)["run_stream"])

    assert replay("verify", run).exit_code == 0
    assert set(store_heads(tmp_path / "onetape.db")) == {"a.1d", "a.1d.facts", run}


def test_the_demo_imports_its_data_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = demo()
    heads = store_heads(tmp_path / "onetape-demo.db")

    second = demo()

    after = store_heads(tmp_path / "onetape-demo.db")
    assert {name: head for name, head in after.items() if name in heads} == heads
    assert second["digest"] == first["digest"]
    assert first["symbols"] == list(SYMBOLS)


# --- what it leaves and says --------------------------------------------------------------------


def test_every_run_is_a_new_stream_of_the_store(folder: Path) -> None:
    (folder / "onetape.yaml").write_text(CONFIG)

    streams = [figures()["run_stream"], figures()["run_stream"]]

    assert streams == ["run.ma_cross.1", "run.ma_cross.2"]
    assert set(store_heads(folder / "market.db")) == {
        *("a.1d", "a.1d.facts", "run.ma_cross.1", "run.ma_cross.2")
    }


def test_the_table_and_the_object_tell_the_same_digest(folder: Path) -> None:
    (folder / "onetape.yaml").write_text(CONFIG)
    digest = figures()["digest"]

    table = replay()

    assert (table.exit_code, table.stderr) == (0, "")
    assert str(digest) in table.stdout


def test_the_report_is_written_where_it_is_wanted(folder: Path) -> None:
    (folder / "onetape.yaml").write_text(CONFIG)

    (folder / "reports").mkdir()

    told = figures("--report", "reports/one.html")

    assert told["report"] == "reports/one.html"
    assert (folder / "reports/one.html").read_text().startswith("<!")


def test_a_report_in_a_folder_that_is_not_there_is_refused_before_the_run(folder: Path) -> None:
    (folder / "onetape.yaml").write_text(CONFIG)

    done = replay("--report", "reports/one.html")

    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "replay: report reports/one.html: there is no folder reports; create it first\n"
    assert not (folder / "reports").exists()
    assert replay("list", "--store", "market.db").stdout == "no runs in market.db\n"


def test_what_was_run_can_be_verified(folder: Path) -> None:
    (folder / "onetape.yaml").write_text(CONFIG)
    told = figures()

    verified = replay("verify", str(told["run_stream"]), "--json")

    assert verified.exit_code == 0
    assert json.loads(verified.stdout)["digest"] == told["digest"]


def test_a_process_prints_one_object_and_nothing_else(folder: Path) -> None:
    (folder / "onetape.yaml").write_text(CONFIG)

    done = python_process("-c", "from ops.commands.replay import main; main()", "--json", folder=folder)

    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["run_stream"] == "run.ma_cross.1"


# --- speed --------------------------------------------------------------------------------------


def test_a_paced_replay_comes_to_the_same_digest(folder: Path) -> None:
    """Two months in about five milliseconds."""
    (folder / "onetape.yaml").write_text(CONFIG)

    assert figures("--speed", "1e9")["digest"] == figures()["digest"]
