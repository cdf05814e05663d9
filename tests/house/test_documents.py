"""Documents hold what they promise."""

import os
import subprocess
import sys
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


FIRST_READ = ("README.md", "docs/strategies.md")
"""The pages of a newcomer, whose examples run in the quick suite. Those of the others take minutes."""


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
    for example in examples((ROOT / path).read_text("utf-8")):
        done = _run(example, tmp_path)

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
    done = _run(Example("bash", "false\ntrue\n", 1, in_tmp=True), tmp_path)

    assert done.returncode == 1


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


def _run(example: Example, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Run with this environment's commands first on the path."""
    command = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[example.language]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return subprocess.run(
        [*command, example.code],
        cwd=tmp_path if example.in_tmp else ROOT,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=EXAMPLE_TIMEOUT_S,
        check=False,
    )


def _is_pin(line: str) -> bool:
    name, _, version = line.partition("==")
    return (
        bool(version)
        and "/" not in line
        and " " not in line
        and name.replace("-", "").replace("_", "").isalnum()
    )
