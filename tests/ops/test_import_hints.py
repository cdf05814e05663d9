"""Commands in the hints of an import work as they stand."""

from pathlib import Path
from shlex import split

from tests.eventstore.importing.files import write_bars
from tests.ops.commands import onetape


def test_the_hint_for_bad_rows_names_the_store(tmp_path: Path) -> None:
    path = write_bars(tmp_path, "2024-01-02,10,10,10,10,1", "2024-01-03,x,10,10,10,1")

    shown = onetape(
        "import", path, "--symbol", "A", "--store", tmp_path / "s.db", "--bad-rows", "quarantine"
    ).stdout

    assert f"onetape log a.1d.quarantine --store {tmp_path / 's.db'}" in shown


def test_the_hint_for_a_symbol_with_a_space_is_a_command_too(tmp_path: Path) -> None:
    path, store = (
        write_bars(tmp_path, "2024-01-02,10,10,10,10,1", "2024-01-03,x,10,10,10,1"),
        tmp_path / "s.db",
    )

    shown = onetape("import", path, "--symbol", "BRK B", "--store", store, "--bad-rows", "quarantine").stdout

    (command,) = (line.partition("onetape ")[2] for line in shown.splitlines() if "onetape log" in line)
    assert onetape(*split(command)).exit_code == 0
