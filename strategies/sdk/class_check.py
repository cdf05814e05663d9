"""The linter for a class that somebody already imported: in a notebook, a script, a test.

The rest of its file is not the strategy's: it may read files and draw pictures. So only the class is linted,
with all names of its file that it uses: its params and state, functions, values, imports. The sentences are
those of the command.
"""

import ast
import linecache
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FunctionType
from typing import Any

from kernel.errors import StrategyRefused
from strategies.sdk.lint import lint_tree
from strategies.sdk.own_modules import lint_own_modules, read_own_modules
from strategies.sdk.strategy import Strategy

# A class of any parameter and state types.
AnyStrategyType = type[Strategy[Any, Any]]


def check_class(kind: AnyStrategyType) -> None:
    """Lint a strategy's class, and the own modules that it imports, as the command lints its file.

    A class whose source cannot be read, such as one typed into a console, is not linted. Raises
    ``StrategyRefused`` with file and line of every finding.
    """
    file, source = source_of(kind)
    if not source:
        return
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return  # a cell of a notebook with its own commands
    node = _class_in(tree, kind)
    if node is None:
        return
    part = ast.Module(body=list(_used_statements(tree, node)), type_ignores=[])
    folder = Path(file).parent
    modules = read_own_modules(ast.unparse(part), folder)
    names = frozenset(one.name for one in modules)
    findings = [*lint_tree(part, file, own_modules=names), *lint_own_modules(modules, folder.as_posix())]
    if findings:
        raise StrategyRefused("\n".join(map(str, findings)))


def source_of(kind: type) -> tuple[str, str]:
    """The file that defines a class, or the cell of a notebook, and its text; empty if it cannot be read."""
    for value in vars(kind).values():
        if isinstance(value, FunctionType) and value.__qualname__.startswith(kind.__qualname__):
            file = value.__code__.co_filename
            return file, "".join(linecache.getlines(file))
    return "", ""


def _class_in(tree: ast.Module, kind: type) -> ast.ClassDef | None:
    """The definition of the class: of those with its name, the one that holds its first method."""
    lines = [
        value.__code__.co_firstlineno for value in vars(kind).values() if isinstance(value, FunctionType)
    ]
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.ClassDef)
            and node.name == kind.__name__
            and any(node.lineno <= line <= (node.end_lineno or 0) for line in lines)
        ):
            return node
    return None


def _used_statements(tree: ast.Module, node: ast.ClassDef) -> Iterator[ast.stmt]:
    """The class and the statements of its file that bind the names it uses, in the order of the file."""
    binding = {name: statement for statement in tree.body for name in _bound(statement)}
    used: list[ast.stmt] = [node]
    names = set[str]()
    pending: list[ast.AST] = [node]
    while pending:
        for name in _names_in(pending.pop()):
            statement = binding.get(name)
            if name in names or statement is None or _holds(statement, node):
                continue
            names.add(name)
            if isinstance(statement, ast.Import | ast.ImportFrom):
                used.append(_only(statement, name))
            else:
                used.append(statement)
                pending.append(statement)
    return iter(sorted(used, key=lambda statement: statement.lineno))


def _holds(statement: ast.stmt, node: ast.ClassDef) -> bool:
    return statement.lineno <= node.lineno <= (statement.end_lineno or 0)


def _bound(statement: ast.stmt) -> Iterable[str]:
    """The names that a statement at the top of a file binds."""
    match statement:
        case ast.ClassDef(name=name) | ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            return (name,)
        case ast.Import(names=aliases) | ast.ImportFrom(names=aliases):
            return tuple(alias.asname or alias.name.split(".")[0] for alias in aliases)
        case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
            return tuple(
                each.id
                for each in ast.walk(statement)
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            )
        case _:
            return ()


def _only(statement: ast.Import | ast.ImportFrom, name: str) -> ast.stmt:
    """The import of one name."""
    names = [alias for alias in statement.names if (alias.asname or alias.name.split(".")[0]) == name]
    if isinstance(statement, ast.Import):
        return ast.copy_location(ast.Import(names=names), statement)
    return ast.copy_location(
        ast.ImportFrom(module=statement.module, names=names, level=statement.level), statement
    )


def _names_in(node: ast.AST) -> Iterator[str]:
    for each in ast.walk(node):
        if isinstance(each, ast.Name):
            yield each.id
