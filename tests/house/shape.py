"""The shape of files: their names, their length, the length of functions, where imports stand."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise

from tests.house.rules import Rule, Violation
from tests.house.tree import CODE, FunctionNode, Source, scoped

NAMES = Rule(
    "names", "One concept per file, named by its noun; a class says what it is, not that it manages."
)
FILE_LENGTH = Rule("file length", "A file has at most 600 lines; look for the second concept.")
FUNCTION_LENGTH = Rule("function length", "A function has at most 70 lines, docstring included.")
LOCAL_IMPORTS = Rule("local imports", "No import of ours inside a function: a cycle is in the wrong place.")
IGNORES = Rule("ignores", "An ignore names its error code, and a comment on or above its line says why.")

BANNED_STEMS = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "base"})
BANNED_ENDINGS = ("Manager", "Handler", "Wrapper", "Helper")
FILE_LIMIT = 600
FUNCTION_LIMIT = 70

_IGNORE = re.compile(
    r"#\s*(type:\s*ignore|pyright:\s*ignore|noqa)(?P<code>\[[\w-]+|:\s*[A-Z]+\d+)?(?P<rest>.*)"
)


def bad_names(source: Source) -> Iterator[Violation]:
    """Files, folders and classes whose names say nothing."""
    for part in source.path.removesuffix(".py").split("/"):
        if part.strip("_") in BANNED_STEMS:
            yield Violation(source.path, 1, f"named {part!r}")
    for node, scope in scoped(source):
        if isinstance(node, ast.ClassDef) and node.name.endswith(BANNED_ENDINGS):
            yield Violation(
                source.path, node.lineno, f"class {node.name}", f"{scope}.{node.name}".lstrip(".")
            )


def long_files(source: Source) -> Iterator[Violation]:
    """Files over the limit."""
    length = len(source.text.splitlines())
    if length > FILE_LIMIT:
        yield Violation(source.path, length, f"{length} lines")


def long_functions(source: Source) -> Iterator[Violation]:
    """Functions over the limit, counted from ``def`` to the last line."""
    for node, scope in scoped(source):
        if isinstance(node, FunctionNode):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LIMIT:
                name = f"{scope}.{node.name}".lstrip(".")
                yield Violation(source.path, node.lineno, f"{name}: {length} lines", name)


def local_imports(source: Source) -> Iterator[Violation]:
    """Imports of our own packages inside a function."""
    for node, scope in scoped(source):
        if not isinstance(node, FunctionNode):
            continue
        imports = [inner for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)]
        for statement in imports:
            for module in _imported_modules(statement):
                if module.split(".")[0] in CODE:
                    name = f"{scope}.{node.name}".lstrip(".")
                    yield Violation(source.path, statement.lineno, f"import of {module} in {name}", name)


def bare_ignores(source: Source) -> Iterator[Violation]:
    """``type: ignore``, ``pyright: ignore`` and ``noqa`` without a code or a reason."""
    comments = _comments(source.text)
    for line, (comment, stands_alone) in comments.items():
        match = _IGNORE.search(comment)
        if match is None or stands_alone:
            continue
        before = comment[: match.start()].strip(" #")
        after = match["rest"].strip(" ]#:-")
        above, above_stands_alone = comments.get(line - 1, ("", False))
        if not match["code"] or not (before or after or (above and above_stands_alone)):
            yield Violation(source.path, line, comment)


def _imported_modules(statement: ast.Import | ast.ImportFrom) -> list[str]:
    if isinstance(statement, ast.ImportFrom):
        return [statement.module or ""]
    return [alias.name for alias in statement.names]


def _comments(text: str) -> dict[int, tuple[str, bool]]:
    """Comments by line, each with whether it has the line to itself."""
    start = tokenize.TokenInfo(tokenize.NEWLINE, "", (0, 0), (0, 0), "")
    tokens = [start, *tokenize.generate_tokens(io.StringIO(text).readline)]
    return {
        token.start[0]: (token.string, not token.line[: token.start[1]].strip())
        for _, token in pairwise(tokens)
        if token.type == tokenize.COMMENT
    }
