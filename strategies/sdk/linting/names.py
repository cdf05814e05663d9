"""Rules on names: built-ins, refused modules under any name, dunders, async, attributes by computed name."""

import ast
from collections.abc import Iterator

from strategies.sdk.linting.allowed import (
    ALLOWED_DUNDER_ATTRIBUTES,
    ALLOWED_DUNDER_NAMES,
    ALLOWED_IMPORTS,
    LOCAL_TIME,
    NEEDS_SEED,
    REFUSED_ATTRIBUTES,
    REFUSED_BUILTINS,
    REFUSED_METHODS,
    REFUSED_MODULES,
    refusal,
)
from strategies.sdk.linting.source_module import Finding, ScopedVisitor, SourceModule

_ASYNC = "a strategy is synchronous, so that the log alone orders it; write a plain `def` without `await`"
_SEED = "draws random numbers; give it `random_state=` a whole number"
_TAKE_NOW = frozenset({"numpy.datetime64", "pandas.Timestamp", "pandas.to_datetime"})
_NAME_POSITIONS = {
    "getattr": 1,
    "setattr": 1,
    "delattr": 1,
    "hasattr": 1,
    "operator.attrgetter": 0,
    "operator.methodcaller": 0,
}


def check_names(module: SourceModule) -> Iterator[Finding]:
    """Refuse forbidden names and attributes, and all asynchronous code."""
    visitor = _NameVisitor(module)
    visitor.visit(module.tree)
    yield from visitor.findings


class _NameVisitor(ScopedVisitor):
    def visit_Name(self, node: ast.Name) -> None:
        if not isinstance(node.ctx, ast.Load) or self.is_bound(node.id):
            return
        if node.id in REFUSED_BUILTINS and node.id not in self.module.imported:
            self.report(node, "builtin", f"`{node.id}` {REFUSED_BUILTINS[node.id]}")
        elif _is_dunder(node.id) and node.id not in ALLOWED_DUNDER_NAMES:
            self.report(node, "dunder", _dunder_message(node.id))
        elif node.id in self.module.imported and (reason := refusal(self.module.imported[node.id])):
            self.report(node, "access", reason)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if reason := self._refused_path(node):
            self.report(node, "access", reason)
            return
        if _is_dunder(node.attr) and node.attr not in ALLOWED_DUNDER_ATTRIBUTES:
            self.report(node, "dunder", _dunder_message(node.attr))
        elif node.attr in REFUSED_ATTRIBUTES:
            self.report(node, "access", f"`{node.attr}` {REFUSED_ATTRIBUTES[node.attr]}")
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        path = self.module.dotted_path(node.func)
        position = _NAME_POSITIONS.get(path or "")
        if position is not None:
            self._check_attribute_name(node, path or "", position)
        text = _first_text(node)
        if path in _TAKE_NOW and text in ("now", "today"):
            self.report(node, "access", f"`{path}({text!r})` {REFUSED_MODULES['time']}")
        if reason := _unnamed_zone(node, path, has_datetime=self._has_datetime()):
            self.report(node, "access", reason)
        if _draws_without_seed(node, path or ""):
            self.report(node, "access", f"`{path}` {_SEED}")
        for argument in node.args:
            if isinstance(argument, ast.Name) and self.module.imported.get(argument.id) in ALLOWED_IMPORTS:
                name = argument.id
                message = f"the module `{name}` as a value hides its use; write `{name}.attribute`"
                self.report(node, "module value", message)
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        if node.name in REFUSED_METHODS:
            self.report(node, "method", f"`{node.name}` {REFUSED_METHODS[node.name]}")
        super().visit_FunctionDef(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> None:
        self.report(node, "async", _ASYNC)
        super().visit_AsyncFunctionDef(node)

    def visit_Await(self, node: ast.Await) -> None:
        self.report(node, "async", _ASYNC)
        self.generic_visit(node)

    def visit_AsyncFor(self, node: ast.AsyncFor) -> None:
        self.report(node, "async", _ASYNC)
        self.generic_visit(node)

    def visit_AsyncWith(self, node: ast.AsyncWith) -> None:
        self.report(node, "async", _ASYNC)
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        if node.is_async:
            self.report(node.iter, "async", _ASYNC)
        self.generic_visit(node)

    def _refused_path(self, node: ast.Attribute) -> str | None:
        """The reason to refuse the chain, if its root is an import, or a module's name without an import."""
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if not isinstance(root, ast.Name) or self.is_bound(root.id):
            return None
        if root.id not in self.module.imported and root.id not in REFUSED_MODULES:
            return None
        path = self.module.dotted_path(node)
        return None if path is None else refusal(path)

    def _has_datetime(self) -> bool:
        return any(path.split(".")[0] == "datetime" for path in self.module.imported.values())

    def _check_attribute_name(self, node: ast.Call, function: str, position: int) -> None:
        end = None if function == "operator.attrgetter" else position + 1
        for name in node.args[position:end]:
            if not isinstance(name, ast.Constant) or not isinstance(name.value, str):
                message = f"`{function}` with a computed name hides the attribute; write the attribute itself"
                self.report(node, "getattr", message)
            elif any(_is_dunder(part) for part in name.value.split(".")):
                self.report(node, "getattr", _dunder_message(name.value))


def _unnamed_zone(node: ast.Call, path: str | None, *, has_datetime: bool) -> str | None:
    """The reason to refuse a conversion between a moment and a local time without a zone."""
    if path == "datetime.datetime.fromtimestamp" and len(node.args) < 2 and not node.keywords:
        return f"`{path}` without a zone {LOCAL_TIME}"
    if not has_datetime or not isinstance(node.func, ast.Attribute) or node.args or node.keywords:
        return None
    if node.func.attr == "astimezone":
        return f"`astimezone` without a zone {LOCAL_TIME}"
    if node.func.attr == "timestamp":
        return f"`timestamp` of a time without a zone {LOCAL_TIME}; to compare moments, use the event's `ts`"
    return None


def _draws_without_seed(node: ast.Call, path: str) -> bool:
    package, _, name = path.partition(".")
    if package != "sklearn" or name.split(".")[-1] not in NEEDS_SEED:
        return False
    return not any(keyword.arg in ("random_state", None) for keyword in node.keywords)


def _is_dunder(name: str) -> bool:
    return len(name) > 4 and name.startswith("__") and name.endswith("__")


def _dunder_message(name: str) -> str:
    return f"`{name}` gives access to the interpreter; use the public attributes of the SDK's objects"


def _first_text(node: ast.Call) -> str | None:
    if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
        return node.args[0].value
    return None
