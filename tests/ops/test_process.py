"""The ``onetape`` command in a process of its own: pipes, terminals, Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from replay.sample import stocks
from tests.eventstore.importing.files import GOOD_BARS, write_bars
from tests.ops.commands import COMMAND, ROOT, onetape

TIMEOUT_S = 60


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store of the bundled bars of GOOG."""
    path = tmp_path / "market.db"
    assert onetape("import", str(stocks()), "--store", path, "--only", "GOOG").exit_code == 0
    return path


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    """The command as a terminal starts it: a shell's background jobs hand on that Ctrl-C is ignored."""
    words = [*COMMAND, *map(str, arguments)]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(words, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_process_imports_and_prints_to_a_pipe(tmp_path: Path) -> None:
    path = write_bars(tmp_path, *GOOD_BARS)

    with start("import", path, "--store", tmp_path / "s.db", "--symbol", "X", "--json") as process:
        output, errors = process.communicate(timeout=TIMEOUT_S)

    assert (process.returncode, errors, json.loads(output)["new_count"]) == (0, "", 3)


def test_an_error_of_a_process_has_no_traceback(tmp_path: Path) -> None:
    path = write_bars(tmp_path, "2012-03-01,x,1,1,1,1")

    with start("import", path, "--store", tmp_path / "s.db", "--symbol", "X") as process:
        output, errors = process.communicate(timeout=TIMEOUT_S)

    assert (process.returncode, output) == (1, "")
    assert errors.startswith("onetape: 1 bad row")
    assert "Traceback" not in errors


def test_a_reader_that_goes_away_ends_the_log_in_silence(store: Path) -> None:
    with start("log", "goog.1d", "--store", store) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()

    assert errors == ""


def test_following_prints_what_is_there_then_what_comes_and_ends_at_ctrl_c(
    store: Path, tmp_path: Path
) -> None:
    later = write_bars(tmp_path, "2013-03-04,805.3,823.29,805.2,821.5,2779300")

    with start("log", "goog.1d", "--store", store, "--follow", "--tail", "1", "--json") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        first = json.loads(process.stdout.readline())
        onetape("import", later, "--store", store, "--symbol", "GOOG")
        second = json.loads(process.stdout.readline())
        process.send_signal(signal.SIGINT)
        errors = process.stderr.read()

    assert (first["seq"], second["seq"], second["close"]) == (2148, 2149, 821.5)
    assert (process.returncode, errors) == (0, "")


def read_to_end(terminal: int) -> str:
    """What is written to a pseudo-terminal until its other side is closed."""
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 1 << 16)
        except OSError:  # Linux reports the end like this
            part = b""
        if not part:
            return b"".join(parts).decode()
        parts.append(part)


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_a_terminal_sees_a_progress_bar(tmp_path: Path) -> None:
    """The test reads while the bar is drawn: a busy machine draws it often, and fills the buffer."""
    here, there = os.openpty()
    words = [*COMMAND, "import", str(stocks()), "--store", str(tmp_path / "s.db")]
    environment = os.environ | {"TERM": "xterm", "COLUMNS": "100"}
    with ThreadPoolExecutor(1) as reader:
        reading = reader.submit(read_to_end, here)
        try:
            subprocess.run(
                words,
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=there,
                env=environment,
                check=True,
                timeout=TIMEOUT_S,
            )
        finally:
            os.close(there)
    os.close(here)

    shown = reading.result()
    assert "reading" in shown
    assert "100%" in shown


def test_parquet_without_pyarrow_says_what_to_install(tmp_path: Path) -> None:
    path = tmp_path / "bars.parquet"
    path.write_bytes(b"PAR1")
    without_pyarrow = "import sys; sys.modules['pyarrow'] = None; from ops.cli import main; main()"
    words = [sys.executable, "-c", without_pyarrow, "import", str(path), "--symbol", "X"]

    result = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)

    assert result.returncode == 1
    assert "pip install 'onetape[parquet]'" in result.stderr
