"""Rules: what looks like a hook is one, every strategy has one, and all are in the strategy's class.

A method that nothing calls fails silently: a run with ``on_bars`` would trade nothing and say nothing.
"""

import ast
from collections.abc import Iterator

from kernel.configuration import did_you_mean
from strategies.sdk.linting.source_module import Finding, SourceModule, bound_names
from strategies.sdk.strategy import Strategy

NO_HOOK = "no-hook"
HOOKS = tuple(name for name in vars(Strategy) if name.startswith("on_"))
_CALLED = frozenset({*HOOKS, "validate", "bars_needed"})
"""The methods that onetape calls, and only in a strategy's class."""

_ELSEWHERE = {
    "on_fill": "on_order_update",
    "on_order": "on_order_update",
    "on_tick": "on_quote",
    "on_data": "on_bar",
}
"""Names that other systems have for hooks; the nearest names here would mislead."""

_KNOWN = "strategies.sdk.Strategy"


def check_hooks(module: SourceModule) -> Iterator[Finding]:
    """Refuse methods that look as if they were called and never are."""
    classes = [node for node in ast.walk(module.tree) if isinstance(node, ast.ClassDef)]
    bases = {name for node in classes for name in module.bases(node)}
    used = _named_methods(module.tree)
    for node in classes:
        if module.is_strategy(node):
            yield from _misspelt(node, module)
            if node.name not in bases:
                yield from _without_hook(node, module)
        elif module.is_value_type(node):
            yield from _misplaced(node, module, used)


def _misspelt(node: ast.ClassDef, module: SourceModule) -> Iterator[Finding]:
    for method in _methods(node):
        if method.name.startswith("on_") and method.name not in HOOKS:
            other = _ELSEWHERE.get(method.name)
            meant = f"; did you mean {other!r}?" if other else did_you_mean(method.name, HOOKS) or "."
            yield module.finding(
                method,
                "hook",
                f"`{method.name}` is not a hook, so nothing calls it{meant} "
                f"The hooks are {', '.join(HOOKS)}; begin the name of a method of your own differently, such "
                f"as `_{method.name}`",
            )


def _without_hook(node: ast.ClassDef, module: SourceModule) -> Iterator[Finding]:
    """Refuse a class that nothing derives from and that has no hook, in the file or in an imported base."""
    family = [node, *module.bases_in_file(node)]
    if any(module.has_imported_base(each, known=_KNOWN) for each in family):
        return
    names = [name for each in family for name in bound_names(each)]
    if set(names) & set(HOOKS):
        return
    methods = [method.name for method in _methods(node)]
    near = next(filter(None, (did_you_mean(name, HOOKS) for name in methods)), ".")
    yield module.finding(
        node,
        NO_HOOK,
        f"`{node.name}` has no hook, so it would never act{near} Write at least one of {', '.join(HOOKS)} "
        "inside the class",
    )


def _misplaced(node: ast.ClassDef, module: SourceModule, used: frozenset[str]) -> Iterator[Finding]:
    """Refuse a hook in the class of parameters or of the state, unless the strategy calls it by name."""
    for method in _methods(node):
        if method.name in _CALLED - used:
            yield module.finding(
                method,
                "misplaced-hook",
                f"`{method.name}` of `{node.name}` is never called; move it into the strategy's class"
                + (", where parameters are `self.params`" if method.name == "validate" else ""),
            )


def _methods(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [part for part in node.body if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef)]


def _named_methods(tree: ast.Module) -> frozenset[str]:
    """The names of methods that the code uses, except those of ``super()``."""
    return frozenset(
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and not (isinstance(node.value, ast.Call) and ast.unparse(node.value.func) == "super")
    )
