"""Rules: values of a module, a class or a default argument cannot change.

All state is in ``self.state``. A list at the top of the file, in a class body or as a default argument is
state that a snapshot does not contain, and that two strategies would share.
"""

import ast
from collections.abc import Iterator

from strategies.sdk.linting.source_module import Finding, SourceModule

_MODULE = (
    "a module-level value must not be able to change, or it is state outside `self.state`; use a tuple, "
    "`frozenset` or `types.MappingProxyType`, or a field of the State struct"
)
_CLASS = (
    "a class attribute must not be able to change, because all instances share it; use a tuple, "
    "`frozenset` or `types.MappingProxyType`, or a field of the State struct"
)
_DEFAULT = "a default argument that can change is kept between calls; use `None` or a tuple"
_GLOBAL = "`{}` creates state outside `self.state`; use a field of the State struct"

_FIXED_BUILTINS = frozenset(
    {"abs", "bool", "bytes", "classmethod", "complex", "divmod", "float", "frozenset", "int", "len"}
    | {
        "max",
        "min",
        "object",
        "pow",
        "property",
        "range",
        "round",
        "slice",
        "staticmethod",
        "str",
        "sum",
        "tuple",
    }
)
_FIXED_PREFIXES = ("math.", "strategies.sdk.", "typing.")
_FIXED_CALLS = frozenset(
    {
        "collections.namedtuple",
        "decimal.Decimal",
        "enum.auto",
        "fractions.Fraction",
        "functools.partial",
        "msgspec.Meta",
        "numpy.datetime64",
        "numpy.float64",
        "numpy.int64",
        "numpy.timedelta64",
        "operator.attrgetter",
        "operator.itemgetter",
        "operator.methodcaller",
        "re.compile",
        "types.MappingProxyType",
    }
)
"""Calls whose result cannot change."""

_FIELD_CALLS = frozenset({"dataclasses.field", "msgspec.field"})


def check_fixed_values(module: SourceModule) -> Iterator[Finding]:
    """Refuse module-level values, class attributes and defaults that can change, and ``global``."""
    for value in _assigned_values(module.tree.body):
        if not _is_fixed(value, module):
            yield module.finding(value, "mutable-global", _MODULE)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.ClassDef):
            yield from _class_attributes(node, module)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for default in (*node.args.defaults, *node.args.kw_defaults):
                if default is not None and not _is_fixed(default, module):
                    yield module.finding(default, "mutable-default", _DEFAULT)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            keyword = "global" if isinstance(node, ast.Global) else "nonlocal"
            yield module.finding(node, keyword, _GLOBAL.format(keyword))


def _class_attributes(node: ast.ClassDef, module: SourceModule) -> Iterator[Finding]:
    is_value_type = module.is_value_type(node)
    for value in _assigned_values(node.body):
        if is_value_type and _is_field_default(value, module):
            continue
        if not _is_fixed(value, module):
            yield module.finding(value, "mutable-class-attribute", _CLASS)


def _is_field_default(value: ast.expr, module: SourceModule) -> bool:
    """Empty collections and ``field(...)``: every instance gets its own."""
    match value:
        case ast.List(elts=[]) | ast.Dict(keys=[]):
            return True
        case ast.Call(func=function, args=arguments):
            is_empty_set = not arguments and module.dotted_path(function) == "set"
            return is_empty_set or module.dotted_path(function) in _FIELD_CALLS
        case _:
            return False


def _assigned_values(body: list[ast.stmt]) -> Iterator[ast.expr]:
    """The values assigned in a module or class body, in its blocks too, but not in functions and classes."""
    for statement in body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(statement):
            match node:
                case ast.Assign(value=value) if not _names_dunder(node):
                    yield value
                case ast.AnnAssign(value=ast.expr() as value) | ast.AugAssign(value=value):
                    yield value
                case ast.NamedExpr(value=value):
                    yield value
                case _:
                    pass


def _names_dunder(node: ast.Assign) -> bool:
    """Whether it assigns only names such as ``__all__``, which is a list that nobody changes."""
    return all(isinstance(target, ast.Name) and target.id.startswith("__") for target in node.targets)


def _is_fixed(node: ast.expr, module: SourceModule) -> bool:
    match node:
        case ast.Call(func=function):
            return _is_fixed_call(module.dotted_path(function), module)
        case ast.List() | ast.Dict() | ast.Set():
            return False
        case ast.ListComp() | ast.DictComp() | ast.SetComp() | ast.GeneratorExp():
            return False
        case ast.Tuple(elts=parts) | ast.BoolOp(values=parts):
            return all(_is_fixed(part, module) for part in parts)
        case ast.BinOp(left=left, right=right) | ast.IfExp(body=left, orelse=right):
            return _is_fixed(left, module) and _is_fixed(right, module)
        case ast.NamedExpr(value=value) | ast.Starred(value=value) | ast.UnaryOp(operand=value):
            return _is_fixed(value, module)
        case _:
            return True


def _is_fixed_call(path: str | None, module: SourceModule) -> bool:
    if path is None:
        return False
    return (
        path in _FIXED_BUILTINS
        or path in _FIXED_CALLS
        or path.startswith(_FIXED_PREFIXES)
        or module.is_frozen_type(path)
    )
