"""Commands in the hints of an import work as they stand."""

from pathlib import Path

from tests.eventstore.importing.files import write_bars
from tests.ops.commands import onetape


def test_the_hint_for_bad_rows_names_the_store(tmp_path: Path) -> None:
    path = write_bars(tmp_path, "2024-01-02,10,10,10,10,1", "2024-01-03,x,10,10,10,1")

    shown = onetape(
        "import", path, "--symbol", "A", "--store", tmp_path / "s.db", "--bad-rows", "quarantine"
    ).stdout

    assert f"onetape log a.1d.quarantine --store {tmp_path / 's.db'}" in shown
