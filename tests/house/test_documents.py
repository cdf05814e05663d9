"""Documents hold what they promise."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.house.documents import (
    MACHINE_PATHS,
    Example,
    dead_links,
    examples,
    headings,
    machine_paths,
    markdown_files,
)
from tests.house.rules import assert_kept
from tests.house.tree import ROOT, project_files

EXAMPLE_TIMEOUT_S = 300
END_TIMEOUT_S = 10
TEXT_SUFFIXES = {
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
    ".lock",
    ".cfg",
    ".ini",
    ".sh",
    ".html",
    ".sql",
    "",
}


FIRST_READ = ("README.md",)
"""The page of a newcomer, whose examples run in the quick suite. Those of the others take minutes."""


def _documents_with_examples() -> list[object]:
    found: list[object] = []
    for path in markdown_files():
        marked = examples((ROOT / path).read_text("utf-8"))
        if marked:
            is_slow = path not in FIRST_READ or any(each.is_slow for each in marked)
            marks = [pytest.mark.slow] if is_slow else []
            found.append(pytest.param(path, id=path, marks=marks))
    return found


@pytest.mark.parametrize("path", _documents_with_examples())
def test_examples_of_a_document_run(path: str, tmp_path: Path) -> None:
    with _groups() as groups:
        for example in examples((ROOT / path).read_text("utf-8")):
            done = _run(example, tmp_path, groups)

            assert done.returncode == 0, f"{path}:{example.line}\n{done.stdout}\n{done.stderr}"


def test_links_lead_somewhere() -> None:
    dead = [link for path in markdown_files() for link in dead_links(path, (ROOT / path).read_text("utf-8"))]

    assert dead == []


def test_text_fits_any_machine() -> None:
    texts = [path for path in project_files() if Path(path).suffix in TEXT_SUFFIXES and path != _MYSELF]

    found = (each for path in texts for each in machine_paths(path, (ROOT / path).read_text("utf-8")))

    assert_kept(MACHINE_PATHS, found)


_MYSELF = "tests/house/documents.py"


def test_lock_pins_exact_versions_and_nothing_else() -> None:
    lines = (ROOT / "requirements.lock").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]

    unpinned = [line for line in pins if not _is_pin(line)]

    assert pins
    assert unpinned == []


def test_marked_examples_are_found_in_order() -> None:
    bash = "a\n<!-- run -->\n```bash\ntrue\n```\n"
    unmarked = "```python\nno\n```\n"
    python = "<!-- run: cwd=tmp slow -->\n\n```python\nx\n```\n"

    found = examples(bash + unmarked + python)

    assert found == [
        Example("bash", "true\n", 4),
        Example("python", "x\n", 12, in_tmp=True, is_slow=True),
    ]


@pytest.mark.parametrize("text", ["<!-- run -->\nno block\n", "<!-- run: fast -->\n```bash\ntrue\n```\n"])
def test_a_mark_that_runs_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"followed by|its options"):
        examples(text)


def test_a_failing_example_fails(tmp_path: Path) -> None:
    done = _run(Example("bash", "false\ntrue\n", 1, in_tmp=True), tmp_path, [])

    assert done.returncode == 1


def test_process_in_the_background_goes_on_in_the_next_example_and_ends_with_the_document(
    tmp_path: Path,
) -> None:
    begin = Example("bash", "sleep 600 > /dev/null 2>&1 &\necho $! > pid\n", 1, in_tmp=True)
    look = Example("bash", 'kill -0 "$(cat pid)"\n', 1, in_tmp=True)

    with _groups() as groups:
        returncodes = [_run(each, tmp_path, groups).returncode for each in (begin, look)]
        members = [_is_alive(group) for group in groups]
    left = [_is_alive(group) for group in groups]

    assert (returncodes, members, left) == ([0, 0], [True, False], [False, False])


def test_dead_links_and_headings_are_found() -> None:
    text = "# A b\n[ok](pyproject.toml) [ok](#a-b) [gone](gone.md)\n```\n[code](no.md)\n```\n"
    text += "[web](https://x.y) [no](#c)\n"

    found = list(dead_links("PAGE.md", text))

    assert found == ["PAGE.md:2: gone.md", "PAGE.md:6: #c (no such heading)"]


def test_headings_become_anchors() -> None:
    assert headings("# Bar (tag 1)\n## What, why?\n") == {"bar-tag-1", "what-why"}


def test_machine_paths_are_found() -> None:
    text = (
        "cd /" + "work/main\npip install --index" + "-url x\nsee ../shared/data and https://a.b/home/work/\n"
    )

    found = [each.line for each in machine_paths("x.md", text)]

    assert found == [1, 2]


@contextmanager
def _groups() -> Generator[list[int]]:
    """The groups of the processes that examples start; those that are left are ended at the end."""
    groups: list[int] = []
    try:
        yield groups
    finally:
        for group in filter(_is_alive, groups):
            os.killpg(group, signal.SIGKILL)
            until = time.monotonic() + END_TIMEOUT_S
            while _is_alive(group) and time.monotonic() < until:
                time.sleep(0.01)


def _is_alive(group: int) -> bool:
    """Whether a process of the group runs; one that has ended and was not waited for does not."""
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, _, owner = status.read_text("utf-8").rpartition(")")[2].split()[:3]
            if int(owner) == group and state != "Z":
                return True
    return False


def _run(example: Example, tmp_path: Path, groups: list[int]) -> subprocess.CompletedProcess[str]:
    """Run with this environment's commands first on the path, in a process group of its own."""
    command = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[example.language]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    words = [*command, example.code]
    with subprocess.Popen(
        words,
        cwd=tmp_path if example.in_tmp else ROOT,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        groups.append(process.pid)
        try:
            output, errors = process.communicate(timeout=EXAMPLE_TIMEOUT_S)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    return subprocess.CompletedProcess(words, process.returncode, output, errors)


def _is_pin(line: str) -> bool:
    name, _, version = line.partition("==")
    return (
        bool(version)
        and "/" not in line
        and " " not in line
        and name.replace("-", "").replace("_", "").isalnum()
    )
