"""The text of a strategy without comments and descriptions, and with other names in its texts.

A description is a text that stands alone, as of a class, a function or a field, and what ``Metadata`` and
``Range`` say about a strategy and its parameters for people.
"""

import ast
from collections.abc import Callable, Sequence
from typing import cast

from kernel.errors import InputError

_DESCRIBED = {"Metadata": ("author", "description"), "Range": ("description", "title")}
"""Arguments for people, by the name of what is called."""


def anonymous_source(source: str, renamed: Callable[[str], str], *, name: str) -> str:
    """The same program. ``renamed``: gives a text with other names in it.

    Raises ``InputError`` for what is not Python.
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError) as error:
        raise InputError(f"{name}: it cannot be anonymised: {error}") from error
    return ast.unparse(_Renaming(renamed).visit(tree)) + "\n"


class _Renaming(ast.NodeTransformer):
    def __init__(self, renamed: Callable[[str], str]) -> None:
        self._renamed = renamed

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:  # ast's name
        if isinstance(node.value, str):
            return ast.copy_location(ast.Constant(self._renamed(node.value), node.kind), node)
        return node

    def visit_Call(self, node: ast.Call) -> ast.AST:  # ast's name
        called = node.func
        name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
        for argument in node.keywords:
            if argument.arg in _DESCRIBED.get(name, ()):
                argument.value = ast.Constant("")
        return self.generic_visit(node)

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for branch in ("body", "orelse", "finalbody"):
            statements: object = getattr(node, branch, None)
            if isinstance(statements, list) and statements:  # the body of a lambda is an expression
                kept = [one for one in cast(Sequence[ast.stmt], statements) if not _is_text(one)]
                setattr(node, branch, kept if kept or isinstance(node, ast.Module) else [ast.Pass()])
        return super().generic_visit(node)


def _is_text(statement: ast.stmt) -> bool:
    """Whether a statement is a text alone, which does nothing."""
    value = statement.value if isinstance(statement, ast.Expr) else None
    return isinstance(value, ast.Constant) and isinstance(value.value, str)
