"""Rule: no result depends on the order of a set.

Hashes of text differ in every process, so a set of symbols has another order in every run. Membership, size
and combination of sets are allowed, also a comprehension whose result has no order of its own; any other loop
needs ``sorted``. The rule finds sets by reading the strategy's file: literals, calls, operators, annotations
and assignments.
"""

import ast
from collections.abc import Iterator

from strategies.sdk.linting.source_module import Finding, FunctionNode, SourceModule, bound_names

_MESSAGE = "the order of a set differs from run to run; use `sorted(...)` of it, or a list or dict"
_KEY_MESSAGE = (
    "`{}` with a key depends on the order of the set when two items have the same key; pass it `sorted(...)` "
    "of the set"
)
_RETURN_MESSAGE = "a returned set has another order in every run; return a list"

_SET_TYPES = frozenset({"set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet"})
_SET_METHODS = frozenset({"union", "intersection", "difference", "symmetric_difference", "copy"})
_SET_OPERATORS = (ast.BitOr, ast.BitAnd, ast.Sub, ast.BitXor)

_ORDERED_CALLS = frozenset(
    {"enumerate", "filter", "iter", "list", "map", "next", "repr", "str", "sum", "tuple", "zip"}
    | {"array", "deque", "fromiter", "reduce", "OrderedDict", "Counter", "product"}
    | {"chain", "accumulate", "combinations", "cycle", "groupby", "islice", "pairwise", "permutations"}
    | {"extend", "extendleft", "fromkeys", "from_iterable", "join", "choice", "choices", "sample", "shuffle"}
)
"""Functions and methods whose result depends on the order of their argument."""

_KEYED_CALLS = frozenset({"max", "min", "nlargest", "nsmallest", "sorted"})
_UNORDERED_CALLS = frozenset({"all", "any", "frozenset", "fsum", "len", "set"}) | _KEYED_CALLS


def check_set_order(module: SourceModule) -> Iterator[Finding]:
    """Report what depends on the order of a set that the rule recognises.

    That can be a loop, comprehension, call, unpacking, f-string or ``yield from``, or a returned set literal.
    """
    visitor = _SetOrderVisitor(module)
    visitor.visit(module.tree)
    yield from visitor.findings


class _SetOrderVisitor(ast.NodeVisitor):
    """Visits nodes in source order.

    ``_sets`` says for each variable whether it is a set; by scope, innermost last.
    """

    def __init__(self, module: SourceModule) -> None:
        self.findings: list[Finding] = []
        self._module = module
        self._sets: list[dict[str, bool]] = [{}]
        self._fields = frozenset(_set_fields(module.tree))
        self._functions = frozenset(_set_functions(module.tree))
        self._unordered: set[ast.AST] = set()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        self._visit_function(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self._visit_function(node)

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_function(node)

    def _visit_function(self, node: FunctionNode) -> None:
        scope = dict.fromkeys(bound_names(node), False)
        arguments = node.args
        for argument in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs):
            scope[argument.arg] = argument.annotation is not None and _is_set_annotation(argument.annotation)
        self._sets.append(scope)
        self.generic_visit(node)
        self._sets.pop()

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        for target in node.targets:
            if isinstance(target, ast.Name):
                self._sets[-1][target.id] = self._is_set(node.value)
            elif isinstance(target, ast.Tuple | ast.List):
                self._check(node.value)
            self.visit(target)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if isinstance(node.target, ast.Name):
            self._sets[-1][node.target.id] = _is_set_annotation(node.annotation)
        self.generic_visit(node)

    def visit_NamedExpr(self, node: ast.NamedExpr) -> None:
        self.visit(node.value)
        self._sets[-1][node.target.id] = self._is_set(node.value)

    def visit_For(self, node: ast.For) -> None:
        self._check(node.iter)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if node not in self._unordered:
            self._check(node.iter)
        self.generic_visit(node)

    def visit_SetComp(self, node: ast.SetComp) -> None:
        self._unordered.update(node.generators)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        has_key = any(keyword.arg == "key" for keyword in node.keywords)
        for argument in node.args:
            if name in _KEYED_CALLS and has_key and self._is_set(argument):
                self._report(argument, _KEY_MESSAGE.format(name))
            elif name in _ORDERED_CALLS:
                self._check(argument)
            elif name in _UNORDERED_CALLS and isinstance(argument, ast.GeneratorExp | ast.ListComp):
                self._unordered.update(argument.generators)
        if name == "pop" and isinstance(node.func, ast.Attribute):
            self._check(node.func.value)
        self.generic_visit(node)

    def visit_Starred(self, node: ast.Starred) -> None:
        if isinstance(node.ctx, ast.Load):
            self._check(node.value)
        self.generic_visit(node)

    def visit_FormattedValue(self, node: ast.FormattedValue) -> None:
        self._check(node.value)
        self.generic_visit(node)

    def visit_YieldFrom(self, node: ast.YieldFrom) -> None:
        self._check(node.value)
        self.generic_visit(node)

    def visit_Return(self, node: ast.Return) -> None:
        if isinstance(node.value, ast.Set):
            self._report(node.value, _RETURN_MESSAGE)
        self.generic_visit(node)

    def _check(self, node: ast.expr) -> None:
        if self._is_set(node):
            self._report(node, _MESSAGE)

    def _report(self, node: ast.expr, message: str) -> None:
        self.findings.append(self._module.finding(node, "set-order", message))

    def _is_set(self, node: ast.expr) -> bool:
        match node:
            case ast.Set() | ast.SetComp():
                return True
            case ast.Name(id=name):
                return next((scope[name] for scope in reversed(self._sets) if name in scope), False)
            case ast.Attribute(attr=name):
                return name in self._fields
            case ast.Call(func=ast.Name(id=name)):
                return name in ("set", "frozenset") or name in self._functions
            case ast.Call(func=ast.Attribute(value=owner, attr=name)):
                return (name in _SET_METHODS and self._is_set(owner)) or name in self._functions
            case ast.BinOp(left=left, op=operator, right=right) if isinstance(operator, _SET_OPERATORS):
                return any(self._is_set(side) or _is_key_view(side) for side in (left, right))
            case ast.IfExp(body=body, orelse=orelse):
                return self._is_set(body) or self._is_set(orelse)
            case ast.BoolOp(values=values):
                return any(self._is_set(value) for value in values)
            case ast.NamedExpr(value=value):
                return self._is_set(value)
            case _:
                return False


def _is_set_annotation(node: ast.expr) -> bool:
    """Whether an annotation is a set, also within ``Annotated``, ``| None`` and quotes."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name in _SET_TYPES
        case ast.Subscript(value=ast.Name(id="Annotated" | "Optional" | "Final" | "ClassVar"), slice=inner):
            return _is_set_annotation(inner.elts[0] if isinstance(inner, ast.Tuple) else inner)
        case ast.Subscript(value=value):
            return _is_set_annotation(value)
        case ast.BinOp(left=left, right=right):
            return _is_set_annotation(left) or _is_set_annotation(right)
        case ast.Constant(value=str(text)):
            return text.split("[")[0].split(".")[-1] in _SET_TYPES
        case _:
            return False


def _is_key_view(node: ast.expr) -> bool:
    match node:
        case ast.Call(func=ast.Attribute(attr="keys" | "items")):
            return True
        case _:
            return False


def _set_fields(tree: ast.Module) -> Iterator[str]:
    """Attributes that a class of the strategy's file declares to be sets."""
    for node in ast.walk(tree):
        for statement in node.body if isinstance(node, ast.ClassDef) else ():
            match statement:
                case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation):
                    if _is_set_annotation(annotation):
                        yield name
                case _:
                    pass


def _set_functions(tree: ast.Module) -> Iterator[str]:
    """Functions and methods of the strategy's file that are annotated to return a set."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name, returns=ast.expr() as returns) if _is_set_annotation(returns):
                yield name
            case _:
                pass
