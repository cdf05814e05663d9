"""What is named in backquotes is there. Renamed and deleted things are found by the names left behind."""

import pytest

from tests.house.dead_names import DEAD_NAMES, dead_entries, dead_names_in_document, dead_names_of
from tests.house.documents import markdown_files
from tests.house.rules import assert_kept
from tests.house.tree import CODE, ROOT, parse, sources

SETTINGS = """
[project.scripts]
onetape = "ops.cli:main"
replay = "ops.cli:gone"
[tool.pytest.ini_options]
testpaths = ["tests", "trials"]
[[tool.mypy.overrides]]
module = ["msgspec.*", "LIBRARY.*"]
[tool.coverage.run]
omit = ["kernel/gone/*"]
source = ["kernel"]
[tool.hatch.build.targets.wheel]
only-include = ["kernel"]
[tool.ruff.lint.per-file-ignores]
"ops/**" = ["T20"]
[tool.mypy]
files = ["kernel"]
exclude = ["^ops/bench/peers/"]
[tool.basedpyright]
include = ["kernel"]
exclude = ["**/__pycache__"]
[[tool.importlinter.contracts]]
modules = ["kernel.*"]
source_modules = ["kernel"]
forbidden_modules = ["uvloop", "hypothesis"]
ignore_imports = ["kernel.** -> kernel.gone"]
"""


def test_whatever_is_named_is_there() -> None:
    documents = [(path, (ROOT / path).read_text("utf-8")) for path in markdown_files()]
    settings = (ROOT / "pyproject.toml").read_text("utf-8")

    found = [each for source in sources(*CODE) for each in dead_names_of(source)]
    found += [each for document in documents for each in dead_names_in_document(*document)]
    found += dead_entries("pyproject.toml", settings)

    assert_kept(DEAD_NAMES, found)


GONE = "Go" + "ne"
"""A word that the code does not have: a whole string of it would count as one."""


@pytest.mark.parametrize(
    "name", [f"kernel/{GONE}.py", f"{GONE}.py", f"kernel.bus.{GONE}", f"kernel.{GONE}", f"{GONE}Bus"]
)
def test_a_dead_name_is_found(name: str) -> None:
    source = parse("kernel/x.py", f'"""Says.\n\nSee ``{name}``."""\n# as ``{name}`` does\n')

    assert [(each.line, each.found) for each in dead_names_of(source)] == [(3, name), (4, name)]


@pytest.mark.parametrize(
    "name",
    ["kernel/bus.py", "bus.py", "kernel.bus.EventBus", "kernel.bus", "EventBus", "path/to/file.py", "a / b"],
)
def test_a_living_name_is_let_through(name: str) -> None:
    source = parse("kernel/x.py", f'"""Says.\n\nSee ``{name}``."""\n# as ``{name}`` does\n')

    assert list(dead_names_of(source)) == []


def test_dead_paths_and_modules_of_documents_are_found() -> None:
    text = (
        "See `kernel/gone.py`.\n```\n`kernel/gone.py`\n```\nSee `kernel.gone`, not `kernel/bus.py`, `Gone`.\n"
    )

    found = [(each.line, each.found) for each in dead_names_in_document("PAGE.md", text)]

    assert found == [(1, "kernel/gone.py"), (5, "kernel.gone")]


def test_dead_entries_of_settings_are_found() -> None:
    settings = SETTINGS.replace("LIBRARY", f"{GONE}_library")

    found = [(each.line, each.found) for each in dead_entries("pyproject.toml", settings)]

    assert sorted(found) == [
        (4, "ops.cli:gone"),
        (6, "trials"),
        (8, f"{GONE}_library.*"),
        (10, "kernel/gone/*"),
        (26, "kernel.gone"),
    ]
