"""The text of a strategy without comments and descriptions, and with other names in its texts."""

import ast
from collections.abc import Callable

from kernel.errors import InputError

_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


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

    def generic_visit(self, node: ast.AST) -> ast.AST:
        if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        return super().generic_visit(node)
