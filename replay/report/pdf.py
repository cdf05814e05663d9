"""The report as a PDF, printed by a browser without a window: Chromium, Chrome or Edge, found on PATH."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from kernel.errors import InputError
from replay.written_files import check_folder

BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "msedge"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
"""Names on PATH, in this order, and the place on macOS."""

TIME_LIMIT_S = 90.0
"""A browser needs two seconds for a page; on a busy machine ten."""

DRAWING_MS = 20_000
"""How much of the page's own time passes before it is printed."""

MAGIC = b"%PDF-"

FindProgram = Callable[[str], str | None]


def check_pdf(path: Path, *, which: FindProgram = shutil.which) -> None:
    """Raise ``InputError`` if no PDF can be written there, or no browser is found."""
    check_folder(path, what="PDF")
    if path.is_dir():
        raise InputError(f"PDF {path}: is a folder; name a file")
    if path.exists() and path.read_bytes()[: len(MAGIC)] != MAGIC:
        raise InputError(f"PDF {path}: there is a file that is not a PDF; nothing was written over")
    find_browser(path, which=which)


def find_browser(path: Path, *, which: FindProgram = shutil.which) -> str:
    """The program that prints; ``InputError`` if there is none. ``path``: of the PDF, for the message."""
    for name in BROWSERS:
        found = which(name)
        if found is not None:
            return found
    raise InputError(
        f"PDF {path}: no browser was found that can print it; install Chromium or Google Chrome, "
        "or open the HTML report and print it from your browser"
    )


def write_pdf(page: Path, path: Path, *, browser: str = "", time_limit_s: float = TIME_LIMIT_S) -> Path:
    """Print a report into a PDF; returns its path. Blocks for some seconds.

    ``browser``: the program; empty: found on PATH. Raises ``InputError`` if there is none, if it fails, or
    takes longer than the limit. Then nothing is written.
    """
    program = browser or find_browser(path)
    with TemporaryDirectory(prefix="onetape-pdf-") as folder:
        printed = Path(folder) / "report.pdf"
        told = _print(
            _command(program, page.resolve(), printed, Path(folder) / "profile"), path, time_limit_s
        )
        if not printed.exists() or printed.read_bytes()[: len(MAGIC)] != MAGIC:
            raise InputError(f"PDF {path}: {program} printed nothing{told}")
        try:
            shutil.move(printed, path)
        except OSError as error:
            raise InputError(f"PDF {path}: cannot be written: {error.strerror}") from error
    return path


def _command(program: str, page: Path, printed: Path, profile: Path) -> list[str]:
    # The sandbox cannot start for root, as in a container. The page is our own and loads nothing.
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return [
        program,
        "--headless",
        "--disable-gpu",
        *(["--no-sandbox"] if is_root else []),
        "--no-first-run",
        "--no-pdf-header-footer",
        f"--user-data-dir={profile}",
        f"--virtual-time-budget={DRAWING_MS}",
        f"--print-to-pdf={printed}",
        page.as_uri(),
    ]


def _print(command: Sequence[str], path: Path, time_limit_s: float) -> str:
    """Run the browser to its end; returns what it said last. It and its children end at the limit."""
    try:
        process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
        )
    except OSError as error:
        raise InputError(f"PDF {path}: {command[0]} cannot be started: {error.strerror}") from error
    try:
        _, errors = process.communicate(timeout=time_limit_s)
    except subprocess.TimeoutExpired as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise InputError(
            f"PDF {path}: {command[0]} did not print the page within {time_limit_s:g} s"
        ) from error
    lines = [line for line in errors.splitlines() if line.strip()]
    told = f": {lines[-1].strip()}" if lines else ""
    if process.returncode:
        raise InputError(f"PDF {path}: {command[0]} ended with code {process.returncode}{told}")
    return told
