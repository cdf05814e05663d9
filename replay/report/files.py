"""Where reports go, and what they may replace."""

from collections.abc import Iterator
from html import escape
from itertools import count
from pathlib import Path

from kernel.errors import InputError
from replay.results import RunResult
from replay.written_files import check_folder

_HEAD_BYTES = 2_000
_GENERATOR = '<meta name="generator" content="onetape">'


def head_marks(result: RunResult) -> str:
    """The lines in the head of a page that say what it is a report of."""
    return f"{_GENERATOR}\n{_run_mark(result)}"


def default_path(store: Path, result: RunResult) -> Path:
    """A path beside the store, with its name and the run's.

    It is free, or holds an older report of the same run: a report of another run is not written over.
    """
    return next(
        path for path in _candidates(store, result) if not path.exists() or _run_mark(result) in _head(path)
    )


def check_replaceable(path: Path) -> None:
    """Raise ``InputError`` if its folder is missing, or there is a file that is not a report."""
    check_folder(path, what="report")
    if path.is_dir():
        raise InputError(f"report {path}: is a folder; name a file")
    head = _head(path) if path.exists() else _GENERATOR
    if _GENERATOR not in head and not ("<!DOCTYPE html>" in head and "onetape" in head):
        raise InputError(f"report {path}: there is a file that is not a report; nothing was written over")


def _candidates(store: Path, result: RunResult) -> Iterator[Path]:
    stem = f"{store.stem}.{result.run_stream}".replace("/", "-").replace("\\", "-")
    yield store.parent / f"{stem}.html"
    for number in count(2):
        yield store.parent / f"{stem}-{number}.html"


def _run_mark(result: RunResult) -> str:
    run = escape(f"{result.run_stream} {result.digest or result.start_ts}")
    return f'<meta name="onetape-run" content="{run}">'


def _head(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_HEAD_BYTES).decode("utf-8", errors="replace")
    except OSError:
        return ""
