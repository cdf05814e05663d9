"""``replay list``, ``show`` and ``report``; the benchmark and the report of a run as they are wanted."""

import json
from pathlib import Path

import pytest

from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.market import walk, write_csv

RUN = "run.ma_cross.1"
CROSS = "strategies.ma_cross:MovingAverageCross"
WHAT = ("--stream", "a.1d", "--strategy", CROSS, "--param", "fast=2", "--param", "slow=5")


@pytest.fixture
def first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A folder to be in, with ``onetape.db``: bars of A and B, and a run over A. Returns what it printed."""
    monkeypatch.chdir(tmp_path)
    for symbol, seed in (("A", 11), ("B", 12)):
        write_csv(tmp_path / f"{symbol}.csv", walk(symbol, 100, seed=seed))
        assert onetape("import", f"{symbol}.csv", "--symbol", symbol).exit_code == 0
    done = replay(*WHAT)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


def test_the_first_rows_say_what_was_run_on_what(first: str) -> None:
    rows = [line.split("  ")[0].strip() for line in first.splitlines()[:6]]

    assert rows == ["Strategy", "Parameters", "Data", "Symbols", "Period", "Initial cash"]
    assert "fast=2, slow=5" in first.splitlines()[1]
    assert "a.1d 1-100" in first.splitlines()[2]


def test_show_prints_what_replay_printed_and_writes_nothing(first: str, tmp_path: Path) -> None:
    page = tmp_path / "onetape.run.ma_cross.1.html"
    page.unlink()

    shown = replay("show", RUN)

    assert shown.exit_code == 0
    assert shown.stdout.strip() == first.partition("\nReport:")[0].strip()
    assert not list(tmp_path.glob("*.html"))


def test_the_object_of_show_is_that_of_replay(first: str) -> None:
    del first
    ran = json.loads(replay(*WHAT, "--json", "--no-report").stdout)

    assert json.loads(replay("show", ran["run_stream"], "--json").stdout) == ran
    assert (ran["report"], ran["parameters"][0]["fast"], ran["initial_cash"]) == (None, 2, "100000")
    assert ran["data"] == [{"stream": "a.1d", "first_seq": 1, "last_seq": 100}]


def test_a_run_without_a_report_writes_none(first: str, tmp_path: Path) -> None:
    del first
    before = sorted(tmp_path.glob("*.html"))

    assert replay(*WHAT, "--no-report").exit_code == 0
    refused = replay(*WHAT, "--no-report", "--report", "r.html")

    assert sorted(tmp_path.glob("*.html")) == before
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "exclude each other" in refused.stderr


def test_every_run_has_a_report_of_its_own_beside_the_store(
    first: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del first
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert replay(*WHAT, "--store", "../onetape.db").exit_code == 0

    assert sorted(path.name for path in tmp_path.glob("*.html")) == [
        "onetape.run.ma_cross.1.html",
        "onetape.run.ma_cross.2.html",
    ]
    assert not list((tmp_path / "elsewhere").iterdir())


def test_a_report_can_be_written_again(first: str, tmp_path: Path) -> None:
    del first
    (tmp_path / "onetape.run.ma_cross.1.html").unlink()

    assert replay("report", RUN).exit_code == 0

    assert [path.name for path in tmp_path.glob("*.html")] == ["onetape.run.ma_cross.1.html"]


def test_runs_are_listed_by_number_with_strategy_period_and_return(first: str) -> None:
    for _ in range(10):
        assert replay(*WHAT, "--no-report", "--json").exit_code == 0

    listed = replay("list")
    fields = json.loads(replay("list", "--json").stdout)

    lines = [line.split() for line in listed.stdout.splitlines()]
    assert [line[0] for line in lines[1:]] == [f"run.ma_cross.{number}" for number in range(1, 12)]
    for words in ("ma_cross", "fast=2,", "a.1d", "2004-01-01", "done"):
        assert words in lines[1]
    assert fields[0]["total_return"] == json.loads(replay("show", RUN, "--json").stdout)["total_return"]
    assert "Total return" in first


def test_a_store_without_runs_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 5, seed=1))
    onetape("import", "a.csv", "--symbol", "A", "--store", "m.db")

    listed = replay("list", "--store", "m.db")

    assert (listed.exit_code, listed.stdout) == (0, "no runs in m.db\n")


def test_another_benchmark_can_be_named_for_a_run_or_its_report(first: str) -> None:
    ran = json.loads(replay(*WHAT, "--benchmark", "B", "--no-report", "--json").stdout)
    shown = json.loads(replay("show", RUN, "--benchmark", "b.1d", "--json").stdout)
    unknown = replay("show", RUN, "--benchmark", "C")

    assert ran["benchmark"] == shown["benchmark"] == "buy and hold of B"
    assert ran["beta"] == shown["beta"] is not None
    assert "buy and hold of A" in first
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert "'C' is neither a symbol nor a data stream" in unknown.stderr


def test_the_configuration_names_the_benchmark_of_a_run_and_its_later_reports(first: str) -> None:
    del first
    Path("onetape.yaml").write_text(
        f"streams: [a.1d]\nbenchmark: B\nstrategies: [{{strategy: {CROSS}, params: {{fast: 2, slow: 5}}}}]\n"
    )

    ran = json.loads(replay("--no-report", "--json").stdout)
    shown = json.loads(replay("show", ran["run_stream"], "--json").stdout)
    other = json.loads(replay("--no-report", "--json", "--benchmark", "A").stdout)

    assert ran["benchmark"] == shown["benchmark"] == "buy and hold of B"
    assert other["benchmark"] == "buy and hold of A"


def test_a_benchmark_that_is_not_there_is_refused_before_the_run(first: str) -> None:
    del first

    refused = replay(*WHAT, "--benchmark", "C")

    assert (refused.exit_code, refused.stdout) == (1, "")
    assert "benchmark 'C' is neither a symbol nor a data stream" in refused.stderr
    assert len(json.loads(replay("list", "--json").stdout)) == 1


def test_the_version_is_printed() -> None:
    assert replay("--version").stdout.startswith("replay, version ")
