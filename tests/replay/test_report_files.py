"""Where reports go: beside the store, and never over another file."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from eventstore import MemoryEventStore
from kernel.errors import InputError
from replay.report import default_path, write_report
from replay.results import RunResult, read_results
from tests.replay.recorded_run import DATA, RUN, bar, day, mark, record_run


@pytest.fixture
async def result() -> AsyncIterator[RunResult]:
    async with MemoryEventStore() as store:
        await record_run(store, [mark(day(1), "10000")], data={DATA: [bar(0, 100.0), bar(1, 100.0)]})
        yield await read_results(store, RUN)


def test_a_report_goes_beside_the_store_and_has_both_names(result: RunResult, tmp_path: Path) -> None:
    assert default_path(tmp_path / "market.db", result) == tmp_path / "market.run.by_hand.1.html"


def test_a_report_of_the_same_run_is_replaced(result: RunResult, tmp_path: Path) -> None:
    first = write_report(result, default_path(tmp_path / "market.db", result), {})

    assert default_path(tmp_path / "market.db", result) == first


def test_a_report_of_another_run_of_that_name_stays(result: RunResult, tmp_path: Path) -> None:
    """A store that was made anew begins its numbers again."""
    first = write_report(result, default_path(tmp_path / "market.db", result), {})
    before = first.read_bytes()
    other = msgspec.structs.replace(result, digest="another")

    second = write_report(other, default_path(tmp_path / "market.db", other), {})

    assert second.name == "market.run.by_hand.1-2.html"
    assert first.read_bytes() == before


def test_a_file_that_is_no_report_is_never_written_over(result: RunResult, tmp_path: Path) -> None:
    mine = tmp_path / "market.run.by_hand.1.html"
    mine.write_text("<html>my own page</html>")

    with pytest.raises(InputError, match="is not a report"):
        write_report(result, mine, {})
    with pytest.raises(InputError, match="is a folder"):
        write_report(result, tmp_path, {})

    assert default_path(tmp_path / "market.db", result).name == "market.run.by_hand.1-2.html"
    assert mine.read_text() == "<html>my own page</html>"


def test_a_report_that_was_named_replaces_any_report(result: RunResult, tmp_path: Path) -> None:
    write_report(msgspec.structs.replace(result, digest="another"), tmp_path / "r.html", {})

    write_report(result, tmp_path / "r.html", {})

    assert "d1935e57" in (tmp_path / "r.html").read_text("utf-8")
