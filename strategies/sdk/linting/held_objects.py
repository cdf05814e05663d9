"""Rule: attributes that ``__init__`` and ``validate`` set do not change while the strategy runs.

An object that changes itself (a moving average with a ``step``) and an iterator remember how often they were
used. After a restore from a snapshot the strategy has new ones, which remember nothing. Lists and arrays may
be set: most are tables that nobody changes. If one does change, verifying a run finds it.
"""

import ast
from collections.abc import Iterator

from strategies.sdk.linting.source_module import Finding, SourceModule
from strategies.sdk.linting.state_stores import MUTATORS, SETTING_UP, chain

_CHANGES = (
    "`{name}` remembers its calls: `{method}` changes it, and no snapshot or reload keeps the change; "
    "keep its numbers in fields of the State struct"
)
_ITERATOR = (
    "an iterator remembers its position, and no snapshot or reload keeps it; keep a count in `self.state`, "
    "or create the iterator where it is used"
)

_ITERATORS = frozenset({"enumerate", "filter", "iter", "map", "reversed", "zip"})
_HOLDING = frozenset({"dict", "functools.partial", "list", "tuple", "types.MappingProxyType"})
"""Calls whose result holds their arguments."""


def check_held_objects(module: SourceModule) -> Iterator[Finding]:
    """Refuse attributes of a strategy that change when they are used."""
    changing = _changing_classes(module)
    for node in ast.walk(module.tree):
        if not isinstance(node, ast.ClassDef) or not module.is_strategy(node):
            continue
        for method in node.body:
            if isinstance(method, ast.FunctionDef) and method.name in SETTING_UP and method.args.args:
                for value in _set_values(method):
                    yield from _findings(value, module, changing)


def _changing_classes(module: SourceModule) -> dict[str, str]:
    """The classes of the file whose instances a method call changes, with the method."""
    classes = [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    changing: dict[str, str] = {}
    for node in classes:
        methods = [part for part in node.body if isinstance(part, ast.FunctionDef)]
        changes = [part.name for part in methods if _changes_self(part)]
        if changes and not module.is_strategy(node):
            changing[node.name] = changes[0]
    for _ in classes:  # enough rounds for any depth of inheritance
        for node in classes:
            for base in (part.id for part in node.bases if isinstance(part, ast.Name)):
                if base in changing:
                    changing.setdefault(node.name, changing[base])
    return changing


def _changes_self(method: ast.FunctionDef) -> bool:
    if method.name in ("__init__", "__post_init__", "__new__") or not method.args.args:
        return False
    own = method.args.args[0].arg
    return any(_is_of(node, own) for node in map(_changed, ast.walk(method)) if node is not None)


def _changed(node: ast.AST) -> ast.expr | None:
    """The expression that a node changes: the target of a store, or the owner of a mutating method."""
    match node:
        case ast.Attribute(ctx=ast.Store() | ast.Del()) | ast.Subscript(ctx=ast.Store() | ast.Del()):
            return node
        case ast.Call(func=ast.Attribute(value=ast.Attribute() | ast.Subscript() as owner, attr=name)):
            return owner if name in MUTATORS else None
        case _:
            return None


def _is_of(node: ast.expr, name: str) -> bool:
    root = chain(node)[0]
    return isinstance(root, ast.Name) and root.id == name


def _set_values(method: ast.FunctionDef) -> Iterator[ast.expr]:
    """The values that a method stores in attributes of its strategy."""
    own = method.args.args[0].arg
    for node in ast.walk(method):
        match node:
            case ast.Assign(targets=targets, value=value) if any(_is_of(target, own) for target in targets):
                yield value
            case ast.AnnAssign(target=target, value=ast.expr() as value) if _is_of(target, own):
                yield value
            case _:
                pass


def _findings(value: ast.expr, module: SourceModule, changing: dict[str, str]) -> Iterator[Finding]:
    for part in _held(value, module):
        if isinstance(part, ast.GeneratorExp):
            yield module.finding(part, "held-iterator", _ITERATOR)
        if not isinstance(part, ast.Call):
            continue
        path = module.dotted_path(part.func) or ""
        if path in changing:
            message = _CHANGES.format(name=path, method=changing[path])
            yield module.finding(part, "held-object", message)
        elif path in _ITERATORS or path.startswith("itertools."):
            yield module.finding(part, "held-iterator", _ITERATOR)


def _held(value: ast.expr, module: SourceModule) -> Iterator[ast.expr]:
    """The value, and the parts that it holds."""
    yield value
    parts: list[ast.expr | None] = []
    match value:
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            parts += elements
        case ast.Dict(values=values) | ast.BoolOp(values=values):
            parts += values
        case ast.ListComp(elt=element) | ast.SetComp(elt=element) | ast.DictComp(value=element):
            parts.append(element)
        case ast.IfExp(body=first, orelse=second):
            parts += (first, second)
        case ast.Attribute(value=owner) | ast.Starred(value=owner) | ast.NamedExpr(value=owner):
            parts.append(owner)
        case ast.Call(func=function, args=arguments) if module.dotted_path(function) in _HOLDING:
            parts += (part.elt if isinstance(part, ast.GeneratorExp) else part for part in arguments)
        case _:
            pass
    for part in parts:
        if part is not None:
            yield from _held(part, module)
