"""Rule: a type hint is code, not text that is evaluated later.

The linter cannot check text. ``from __future__ import annotations`` is allowed: with it a hint may name a
class that is defined further down, and the linter can still read the hint.
"""

import ast
from collections.abc import Iterator

from strategies.sdk.linting.source_module import Finding, SourceModule

_MESSAGE = (
    "a type hint given as text is code that runs when the hint is evaluated; write the type itself "
    "(with `from __future__ import annotations` it may name a class that is defined further down)"
)

_GENERICS = frozenset(
    {"list", "dict", "tuple", "set", "frozenset", "type", "List", "Dict", "Tuple", "Set", "FrozenSet", "Type"}
    | {"Optional", "Union", "Annotated", "ClassVar", "Final", "Sequence", "Mapping", "Iterable", "Strategy"}
)
"""Generic types. Subscripted with text they are a hint anywhere in the code: ``Alias = list["Node"]``."""


def check_annotations(module: SourceModule) -> Iterator[Finding]:
    """Refuse text in type hints, except values in ``Literal`` and after the type in ``Annotated``."""
    for node in ast.walk(module.tree):
        for hint in _hints(node):
            for text in _texts(hint, module):
                yield module.finding(text, "text-hint", _MESSAGE)


def _hints(node: ast.AST) -> Iterator[ast.expr]:
    match node:
        case ast.AnnAssign(annotation=hint) | ast.arg(annotation=ast.expr() as hint):
            yield hint
        case ast.FunctionDef(returns=ast.expr() as hint) | ast.AsyncFunctionDef(returns=ast.expr() as hint):
            yield hint
        case ast.Subscript(value=ast.Name() | ast.Attribute()) if _is_generic(node):
            yield node
        case _:
            pass


def _is_generic(node: ast.Subscript) -> bool:
    """Whether it is a type with arguments."""
    name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
    return name in _GENERICS


def _texts(hint: ast.expr, module: SourceModule) -> Iterator[ast.expr]:
    match hint:
        case ast.Constant(value=str()) | ast.JoinedStr():
            yield hint
        case ast.Subscript(value=value, slice=inner):
            path = module.dotted_path(value) or ""
            if path == "typing.Annotated" and isinstance(inner, ast.Tuple):
                yield from _texts(inner.elts[0], module)
            elif path != "typing.Literal":
                yield from _texts(inner, module)
        case ast.Tuple(elts=parts) | ast.List(elts=parts):
            for part in parts:
                yield from _texts(part, module)
        case ast.BinOp(left=left, right=right):
            yield from _texts(left, module)
            yield from _texts(right, module)
        case _:
            return
