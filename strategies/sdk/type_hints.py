"""Checks type hints given as text before they are evaluated.

``x: "int"``, ``list["Node"]`` and every hint of a module with ``from __future__ import annotations`` are text
until msgspec evaluates them: a call in a hint would run on loading. So each hint of a strategy's own types,
and of the types that those name, is checked first, except types imported from other modules. A hint may hold
names, subscripts, constants, lists, dicts and operators. It may call only ``Range``, which is
``msgspec.Meta``. A hint that is refused was never evaluated.
"""

import ast
import sys
from collections.abc import Iterable, Iterator, Mapping
from inspect import get_annotations
from types import ModuleType
from typing import Annotated, ForwardRef, Literal, TypeVar, get_args, get_origin

import msgspec

from kernel.errors import StrategyRefused

_PLAIN = (
    *(ast.Expression, ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.Tuple, ast.List, ast.Dict),
    *(ast.Starred, ast.BinOp, ast.UnaryOp, ast.keyword, ast.Load, ast.operator, ast.unaryop),
)
"""The syntax allowed in a hint. None of these nodes can call a function."""


def check_hints(module: ModuleType, types: Iterable[type]) -> None:
    """Raises ``StrategyRefused`` for the first hint in text that could run code.

    ``types`` are those whose hints will be evaluated. The types that their hints name are checked too, except
    types imported from other modules.
    """
    pending = [*types]
    seen = set[type]()
    while pending:
        kind = pending.pop()
        if kind in seen:
            continue
        seen.add(kind)
        for cls in kind.__mro__:
            if _is_imported(cls, into=module):
                continue
            hints: Mapping[str, object] = get_annotations(cls)
            for name, hint in hints.items():
                where = f"{module.__file__}: the type hint of {cls.__qualname__}.{name}"
                pending += _types_in(hint, _Names(vars(module), vars(cls)), where)


class _Names:
    """Looks up names in the hint's class and module; a name with different meanings there is unknown."""

    def __init__(self, module: Mapping[str, object], cls: Mapping[str, object]) -> None:
        self._scopes = (cls, module)

    def get(self, node: ast.expr) -> object:
        """The object that a name or a chain of attributes means; ``None`` if that is not certain."""
        if isinstance(node, ast.Name):
            meant = [scope[node.id] for scope in self._scopes if node.id in scope]
            return meant[0] if meant and all(other is meant[0] for other in meant) else None
        if isinstance(node, ast.Attribute):
            owner = self.get(node.value)
            return vars(owner).get(node.attr) if isinstance(owner, ModuleType | type) else None
        return None


def _is_imported(cls: type, *, into: ModuleType) -> bool:
    """Whether the class is really defined in another module, not in the strategy's."""
    home = sys.modules.get(cls.__module__)
    return home is not None and home is not into and vars(home).get(cls.__name__) is cls


def _types_in(hint: object, names: _Names, where: str) -> Iterator[type]:
    """The classes that a hint names. Checks text inside the hint on the way."""
    if isinstance(hint, str | ForwardRef):
        text = hint if isinstance(hint, str) else hint.__forward_arg__
        yield from _types_in_text(text, names, where)
    elif isinstance(hint, list | tuple):
        for part in hint:  # pyright: ignore[reportUnknownVariableType]  # a hint may hold anything
            yield from _types_in(part, names, where)  # pyright: ignore[reportUnknownArgumentType]  # as above
    elif isinstance(hint, TypeVar):
        yield from _types_in((hint.__bound__, *hint.__constraints__), names, where)
    elif get_origin(hint) is Literal:
        return
    elif get_origin(hint) is Annotated:
        yield from _types_in(get_args(hint)[0], names, where)
    elif get_origin(hint) is not None:
        yield from _types_in((get_origin(hint), *get_args(hint)), names, where)
    elif isinstance(hint, type):
        yield hint


def _types_in_text(text: str, names: _Names, where: str) -> Iterator[type]:
    try:
        tree = ast.parse(text, mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        return  # not an expression: its evaluation will raise
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if names.get(node.func) is not msgspec.Meta:
                raise _refusal(text, f"calls `{ast.unparse(node.func)}`", where)
        elif not isinstance(node, _PLAIN):
            raise _refusal(text, f"contains {_syntax(node)}", where)
    for node in _type_nodes(tree.body):
        if isinstance(node, ast.Constant):
            if isinstance(node.value, str):
                yield from _types_in_text(node.value, names, where)
        else:
            yield from _types_in(names.get(node), names, where)


def _type_nodes(node: ast.AST) -> Iterator[ast.expr]:
    """The names and texts in a hint that stand for types, not those that are values."""
    match node:
        case ast.Name() | ast.Attribute() | ast.Constant():
            yield node
        case ast.Subscript(value=value, slice=inner):
            called = value.attr if isinstance(value, ast.Attribute) else getattr(value, "id", "")
            yield from _type_nodes(value)
            if called == "Annotated" and isinstance(inner, ast.Tuple):
                yield from _type_nodes(inner.elts[0])
            elif called != "Literal":
                yield from _type_nodes(inner)
        case ast.Call():
            return
        case _:
            for child in ast.iter_child_nodes(node):
                yield from _type_nodes(child)


def _syntax(node: ast.AST) -> str:
    """The syntax that is refused, in words."""
    match node:
        case ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
            return "a comprehension"
        case ast.BoolOp() | ast.Compare() | ast.IfExp():
            return "a condition"
        case ast.Lambda():
            return "a lambda"
        case ast.JoinedStr():
            return "an f-string"
        case _:
            return f"`{ast.unparse(node)}`"


def _refusal(text: str, problem: str, where: str) -> StrategyRefused:
    shown = text if len(text) <= 100 else f"{text[:100]}..."
    return StrategyRefused(
        f"{where}, {shown!r}, {problem}; a hint is evaluated when its strategy is loaded, so it may "
        "hold names, subscripts, constants, lists, dicts and operators, and call only `Range`"
    )
