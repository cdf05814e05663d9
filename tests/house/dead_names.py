"""Names in docstrings, comments, documents and settings that name nothing in the project.

A name is what stands in backquotes, double ones in Python and single ones in documents, and every path and
module in ``pyproject.toml``, libraries of which types are missing included. Three kinds are looked up:

- A path (``kernel/bus.py``, ``bus.py``): a file of the project has it, or ends with it.
- A dotted name that begins with a package of ours (``kernel.bus.EventBus``): the module is there and has it.
- In Python, a single name (``EventBus``, ``fill_count``): the code uses it somewhere, as a name or within a
  string. So names of libraries, of columns and of keys in a configuration are found as well.

Other texts in backquotes (expressions, examples of commands) are not looked at.
"""

import ast
import builtins
import io
import re
import tokenize
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from itertools import chain
from pathlib import PurePosixPath

from tests.house.documents import prose_lines
from tests.house.rules import Rule, Violation
from tests.house.tree import CODE, PRODUCT, ROOT, Source, project_files, sources

DEAD_NAMES = Rule("dead names", "A name in backquotes, or in pyproject.toml, names something that is there.")

_IN_PYTHON = re.compile(r"``([^`\n]+)``")
_IN_DOCUMENTS = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PATH = re.compile(r"[\w-]+(?:/[\w.-]+)*\.(?:py|md|toml|txt|yaml|sql)|[\w-]+(?:/[\w-]+)+/?")
_DOTTED = re.compile(rf"(?:{'|'.join(PRODUCT)})(?:\.\w+)+")
_NAMED_IN_COMMENT = re.compile(r"#.*``")
_WORD = re.compile(r"[A-Za-z_]\w+")
_EXAMPLES = ("path/to/", "my_", "own")
"""How paths begin that stand for a user's own."""


def dead_names_of(source: Source) -> Iterator[Violation]:
    """Names in the docstrings and comments of a Python file."""
    for line, text in _prose_of(source):
        for offset, part in enumerate(text.splitlines()):
            for name in _IN_PYTHON.findall(part):
                if not _is_known(name, words=words()):
                    yield Violation(source.path, line + offset, name)


def dead_names_in_document(path: str, text: str) -> Iterator[Violation]:
    """Paths and dotted names in a document, its fenced blocks left out."""
    for line, part in enumerate(prose_lines(text), start=1):
        for name in _IN_DOCUMENTS.findall(part):
            if not _is_known(name, words=None):
                yield Violation(path, line, name)


def dead_entries(path: str, text: str) -> Iterator[Violation]:
    """Paths and modules of ``pyproject.toml`` that are not there."""
    settings = tomllib.loads(text)
    tool = settings["tool"]
    patterns = [
        *tool["coverage"]["run"]["omit"],
        *tool["coverage"]["run"]["source"],
        *tool["hatch"]["build"]["targets"]["wheel"]["only-include"],
        *tool["ruff"]["lint"]["per-file-ignores"],
        *tool["mypy"]["files"],
        *tool["basedpyright"]["include"],
        *(each for each in tool["basedpyright"]["exclude"] if not each.startswith("**")),
        *(each.removeprefix("^") for each in tool["mypy"]["exclude"]),
        *tool["pytest"]["ini_options"]["testpaths"],
    ]
    named = [each for each in patterns if not _matches_a_file(each)]
    for contract in tool["importlinter"]["contracts"]:
        for key in ("modules", "source_modules", "forbidden_modules", "ignore_imports"):
            modules = (part.strip() for each in contract.get(key, ()) for part in each.split("->"))
            named += [each for each in modules if not _is_module_pattern(each)]
    named += [
        each for each in settings["project"]["scripts"].values() if not _is_dotted(each.replace(":", "."))
    ]
    overridden = (each for override in tool["mypy"]["overrides"] for each in override["module"])
    named += [each for each in overridden if each.split(".")[0] not in _words_of_code()]
    lines = text.splitlines()
    for name in dict.fromkeys(named):
        yield Violation(path, next(n for n, each in enumerate(lines, start=1) if name in each), name)


@cache
def words() -> frozenset[str]:
    """Every word that the project's code uses, as a name or within a string that is no docstring."""
    found = set(dir(builtins)) | set(CODE)
    for source in sources(*CODE):
        found.update(PurePosixPath(source.path).with_suffix("").parts)
        found.update(_read(source).words)
    for path in project_files():
        if path.endswith((".toml", ".yaml", ".sql", ".txt")):
            found.update(_WORD.findall((ROOT / path).read_text("utf-8")))
    return frozenset(found)


def _is_known(name: str, *, words: frozenset[str] | None) -> bool:
    if _PATH.fullmatch(name):
        return name.startswith(_EXAMPLES) or not _is_ours(name) or _is_path(name)
    if _DOTTED.fullmatch(name):
        return _is_dotted(name)
    if words is not None and _WORD.fullmatch(name):
        return name in words
    return True


def _is_ours(path: str) -> bool:
    """Whether a path would be one of ours: a file by its name alone, or below a folder that we have."""
    first, *others = path.rstrip("/").split("/")
    return (not others and first.endswith((".py", ".md"))) or (bool(others) and first in _folders())


@cache
def _folders() -> frozenset[str]:
    return frozenset(part for path in project_files() for part in PurePosixPath(path).parts[:-1])


def _is_path(name: str) -> bool:
    return name.rstrip("/") in _tails()


@cache
def _tails() -> frozenset[str]:
    """Every file and folder, by its whole path and by each end of it."""
    found: set[str] = set()
    for path in project_files():
        parts = path.split("/")
        for end in range(1, len(parts) + 1):
            found.update("/".join(parts[start:end]) for start in range(end))
    return frozenset(found)


def _is_dotted(name: str) -> bool:
    """Whether the longest part of a name that is a module has the rest of it."""
    parts = name.split(".")
    for length in range(len(parts), 0, -1):
        path = "/".join(parts[:length])
        module = next((each for each in (f"{path}.py", f"{path}/__init__.py") if each in project_files()), "")
        if module:
            rest = parts[length:]
            return not rest or rest[0] in _defined_in(module)
    return "/".join(parts) in _packages()


@cache
def _packages() -> frozenset[str]:
    return frozenset(
        PurePosixPath(path).parent.as_posix() for path in project_files() if path.endswith(".py")
    )


@cache
def _defined_in(module: str) -> frozenset[str]:
    """The names that a module has at its top level."""
    found: set[str] = set()
    tree = ast.parse((ROOT / module).read_text("utf-8"))
    typed = (each.body for each in tree.body if isinstance(each, ast.If))  # under TYPE_CHECKING
    for node in (*tree.body, *chain.from_iterable(typed)):
        match node:
            case ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef():
                found.add(node.name)
            case ast.Import() | ast.ImportFrom():
                found.update(alias.asname or alias.name for alias in node.names)
            case _:
                names = (each for each in ast.walk(node) if isinstance(each, ast.Name))
                found.update(each.id for each in names if isinstance(each.ctx, ast.Store))
    return frozenset(found)


def _matches_a_file(pattern: str) -> bool:
    """Whether a path or pattern of a setting fits any file or folder."""
    pattern = pattern.rstrip("/")
    return any(fnmatch(path, pattern) or path.startswith(f"{pattern}/") for path in project_files())


def _is_module_pattern(pattern: str) -> bool:
    name = pattern.removesuffix(".**").removesuffix(".*")
    return name.split(".")[0] not in CODE or name in CODE or _is_dotted(name)


@cache
def _words_of_code() -> frozenset[str]:
    """Every word of the Python files: libraries are imported by name, or by their name in a string."""
    return frozenset[str]().union(*(_read(source).words for source in sources(*CODE)))


def _prose_of(source: Source) -> Iterator[tuple[int, str]]:
    """Docstrings and comments with names in them, each with the line that it begins in."""
    if "``" not in source.text:
        return
    for docstring in _read(source).docstrings:
        yield docstring.lineno, str(docstring.value)
    if _NAMED_IN_COMMENT.search(source.text):
        for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


@dataclass(frozen=True)
class _Reading:
    """The strings of a file that stand alone, and the words of all the rest."""

    docstrings: tuple[ast.Constant, ...]
    words: frozenset[str]


@cache
def _read(source: Source) -> _Reading:
    docstrings: dict[ast.AST, ast.Constant] = {}
    found: set[str] = set()
    for node in ast.walk(source.tree):  # a node comes before its parts
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            if isinstance(node.value.value, str):
                docstrings[node.value] = node.value
        elif node not in docstrings:
            found.update(_words_of(node))
    return _Reading(tuple(docstrings.values()), frozenset(found))


def _words_of(node: ast.AST) -> Iterable[str]:
    """The words that a node of code brings."""
    match node:
        case ast.Name():
            return (node.id,)
        case ast.Attribute():
            return (node.attr,)
        case ast.arg():
            return (node.arg,)
        case ast.keyword():
            return (node.arg or "",)
        case ast.alias():
            return (*node.name.split("."), node.asname or "")
        case ast.Constant(value=str() as text):
            return _WORD.findall(text)
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            return (node.name,)
        case _:
            return ()
