"""The files that the house rules read, and what their syntax trees say about scopes and names."""

import ast
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("kernel", "eventstore", "components", "brokers", "strategies", "replay", "ops")
CODE = (*PRODUCT, "tests")

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """A Python file: its path from the root (with ``/``), its text and its syntax tree."""

    path: str
    text: str
    tree: ast.Module


def parse(path: str, text: str) -> Source:
    """A source from text; also how tests plant one."""
    return Source(path, text, ast.parse(text, filename=path))


@cache
def project_files() -> tuple[str, ...]:
    """Every file that is, or could be, committed, by path from the root; ignored files are not."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    paths = listing.stdout.split("\0") if listing.returncode == 0 else list(_walk())
    return tuple(sorted({path for path in paths if path and (ROOT / path).is_file()}))


@cache
def sources(*folders: str) -> tuple[Source, ...]:
    """The Python files of the given top-level folders, in order of path."""
    return tuple(
        parse(path, (ROOT / path).read_text("utf-8"))
        for path in project_files()
        if path.endswith(".py") and path.split("/")[0] in folders
    )


def scoped(source: Source) -> Iterator[tuple[ast.AST, str]]:
    """Every node with the dotted name of the class or function that holds it (``""``: the module)."""

    def visit(node: ast.AST, scope: str) -> Iterator[tuple[ast.AST, str]]:
        for child in ast.iter_child_nodes(node):
            yield child, scope
            inner = scope
            if isinstance(child, FunctionNode | ast.ClassDef):
                inner = f"{scope}.{child.name}".lstrip(".")
            yield from visit(child, inner)

    return visit(source.tree, "")


def imported_names(source: Source) -> dict[str, str]:
    """What each imported name stands for: ``{"dt": "datetime.datetime", "np": "numpy"}``."""
    names: dict[str, str] = {}
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                names[alias.asname or alias.name] = f"{node.module}.{alias.name}"
    return names


def dotted(node: ast.AST, names: dict[str, str]) -> str:
    """The full name an expression stands for (``"time.monotonic"``), ``""`` if it is not a plain name.

    A name that was not imported stands for itself.
    """
    if isinstance(node, ast.Name):
        return names.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        owner = dotted(node.value, names)
        return f"{owner}.{node.attr}" if owner else ""
    return ""


def _walk() -> Iterator[str]:
    """The files of a tree without git: everything outside of hidden and cache folders."""
    for folder, subfolders, files in os.walk(ROOT):
        subfolders[:] = [name for name in subfolders if not name.startswith((".", "__"))]
        for file in files:
            yield (Path(folder) / file).relative_to(ROOT).as_posix()
