"""Imports that Ctrl-C or a full disk ends before all rows are in."""

import resource
import signal
from collections.abc import Generator
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path

import pytest

from eventstore.importing import ImportOptions, Progress, parse_files
from ops.commands.import_files import ImportStopped, append_to_store
from tests.eventstore.importing.files import BARS_HEADER, write_lines
from tests.ops.commands import onetape, store_heads

ROWS = 40_000
OPTIONS = ImportOptions(symbol="A", timeframe="1s")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Rows of one-second bars, enough for several commits."""
    rows = (f"{1_600_000_000 + second},10,12,9,11,100" for second in range(ROWS))
    return write_lines(tmp_path / "a.csv", (BARS_HEADER, *rows))


def interrupt(progress: Progress) -> None:
    """Send Ctrl-C when the first rows are stored."""
    if progress.stage == "storing" and progress.done < ROWS // 2:
        signal.raise_signal(signal.SIGINT)


def proceed(_progress: Progress) -> None:
    """Watch, and do nothing."""


def interrupted_open(*_arguments: object, **_options: object) -> None:
    signal.raise_signal(signal.SIGINT)


@contextmanager
def small_files(limit: int) -> Generator[None]:
    """No file may grow above ``limit`` bytes: what a full disk is to a writer."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("cause", ["ctrl-c", "disk"])
def test_a_stopped_import_says_how_many_rows_are_in_and_the_same_command_goes_on(
    file: Path, tmp_path: Path, cause: str
) -> None:
    store = tmp_path / "m.db"
    report = interrupt if cause == "ctrl-c" else proceed
    limit = small_files(1_500_000) if cause == "disk" else nullcontext()

    with closing(parse_files([file], OPTIONS)) as parsed:
        parsed.spool.finish()
        with limit, pytest.raises(ImportStopped) as stopped:
            append_to_store(store, parsed, report=report, replacement=None)

    count, _head = store_heads(store)["a.1s"]
    assert 0 < count < ROWS
    said, _, advice = str(stopped.value).partition(". Give the same command again to import the rest")
    assert said.startswith(f"{count:,} of {ROWS:,} new rows are in {store}, then it stopped: ")
    assert "nothing was" not in said
    assert advice
    again = onetape("import", file, "--symbol", "A", "--timeframe", "1s", "--store", store)
    assert f"{ROWS:,} rows read, {ROWS - count:,} new" in again.stdout


def test_ctrl_c_while_files_are_read_says_that_nothing_was_imported(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "open", interrupted_open)

    stopped = onetape("import", file, "--symbol", "A", "--timeframe", "1s", "--store", tmp_path / "m.db")

    assert stopped.exit_code == 1
    assert "interrupted while the files were read; nothing was imported" in stopped.stderr
    assert not (tmp_path / "m.db").exists()
