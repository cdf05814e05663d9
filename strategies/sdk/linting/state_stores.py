"""Rule: a hook stores values only in ``self.state``.

``__init__`` and ``validate`` may set other attributes, because they compute them from the parameters: a
strategy rebuilt from its parameters and its state is the same strategy.
"""

import ast
from collections.abc import Iterator

from strategies.sdk.linting.source_module import Finding, ScopedVisitor, SourceModule

_SELF = (
    "`self.{}` is changed outside `self.state`, where no snapshot or reload keeps it; make it a field of the "
    "State struct, or set it in `validate` if it depends only on the parameters"
)
_SHARED = "`{}` is changed for all its users; make it a field of the State struct"

SETTING_UP = frozenset({"__init__", "validate"})
MUTATORS = frozenset(
    {"add", "append", "appendleft", "clear", "discard", "extend", "extendleft", "fill", "insert", "pop"}
    | {"popitem", "popleft", "put", "remove", "resize", "reverse", "rotate", "setdefault", "sort", "update"}
)


def check_state_stores(module: SourceModule) -> Iterator[Finding]:
    """Refuse stores to anything but ``self.state`` and local variables."""
    visitor = _StoreVisitor(module)
    visitor.visit(module.tree)
    yield from visitor.findings


class _StoreVisitor(ScopedVisitor):
    """``_self_name`` is the name of ``self`` in the hook around a node; empty outside hooks."""

    def __init__(self, module: SourceModule) -> None:
        super().__init__(module)
        self._in_strategy = False
        self._self_name = ""

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        in_strategy, self._in_strategy = self._in_strategy, self.module.is_strategy(node)
        self_name, self._self_name = self._self_name, ""
        super().visit_ClassDef(node)
        self._in_strategy, self._self_name = in_strategy, self_name

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        in_strategy, self_name = self._in_strategy, self._self_name
        if in_strategy:
            arguments = (*node.args.posonlyargs, *node.args.args)
            is_static = any(self.module.dotted_path(item) == "staticmethod" for item in node.decorator_list)
            if arguments and not is_static and node.name not in SETTING_UP:
                self._self_name = arguments[0].arg
            self._in_strategy = False
        super().visit_FunctionDef(node)
        self._in_strategy, self._self_name = in_strategy, self_name

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._check_store(node)
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        if not isinstance(node.ctx, ast.Load):
            self._check_store(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        match node.func, node.args:
            case ast.Name(id="setattr" | "delattr"), [owner, ast.Constant(value=str(name)), *_]:
                self._check_store(ast.copy_location(ast.Attribute(owner, name, ast.Store()), node))
            case ast.Attribute(value=ast.Attribute() | ast.Subscript() as owner, attr=name), _:
                if name in MUTATORS:
                    self._check_self_store(owner)
            case _:
                pass
        self.generic_visit(node)

    def _check_store(self, target: ast.Attribute | ast.Subscript) -> None:
        self._check_self_store(target)
        root = chain(target)[0]
        if self._is_shared(root):
            self.report(target, "shared-store", _SHARED.format(ast.unparse(target)))

    def _is_shared(self, root: ast.expr) -> bool:
        """Whether the root is a class, or a name imported or defined at the top of the file."""
        if isinstance(root, ast.Call):
            return self.module.dotted_path(root.func) == "type"
        if not isinstance(root, ast.Name) or self.is_bound_in_function(root.id):
            return False
        return root.id in self.module.definitions or root.id in self.module.imported

    def _check_self_store(self, target: ast.Attribute | ast.Subscript) -> None:
        root, first_attribute = chain(target)
        if not self._self_name or not isinstance(root, ast.Name) or root.id != self._self_name:
            return
        if first_attribute is not None and first_attribute != "state":
            self.report(target, "state", _SELF.format(first_attribute))


def chain(node: ast.expr) -> tuple[ast.expr, str | None]:
    """The root of ``root.first.second[...]`` and its first attribute."""
    first_attribute: str | None = None
    while isinstance(node, ast.Attribute | ast.Subscript):
        first_attribute = node.attr if isinstance(node, ast.Attribute) else first_attribute
        node = node.value
    return node, first_attribute
