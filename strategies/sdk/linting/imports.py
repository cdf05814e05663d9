"""Rule: a strategy imports only listed modules, at the top of the file, by name."""

import ast
from collections.abc import Iterator

from strategies.sdk.linting.allowed import ALLOWED_IMPORTS, is_allowed_module, refusal
from strategies.sdk.linting.source_module import Finding, SourceModule

_OURS = frozenset({"brokers", "components", "eventstore", "kernel", "ops", "replay", "strategies", "tests"})
_LATE = "an import inside a function runs late; move it to the top of the file"


def check_imports(module: SourceModule) -> Iterator[Finding]:
    """Refuse unlisted modules, relative imports, star imports, and imports inside functions."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if not _is_given(alias.name, module) and (reason := _reason(alias.name)):
                    yield module.finding(node, "import", reason)
        elif isinstance(node, ast.ImportFrom):
            if reason := _from_reason(node, module):
                yield module.finding(node, "import", reason)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _imports_inside(module, node)


def _is_given(name: str, module: SourceModule) -> bool:
    """Whether it is a file beside the strategy, or of a package that its configuration names."""
    return name in module.own_modules or name.split(".")[0] in module.libraries


def _from_reason(node: ast.ImportFrom, module: SourceModule) -> str | None:
    if node.level or node.module is None:
        return "a relative import is not possible; import a file beside this one by its name: `import own`"
    for alias in node.names:
        if alias.name == "*":
            return f"`from {node.module} import *` hides which names are imported; name those you use"
        if _is_given(node.module, module):
            continue
        if reason := _reason(f"{node.module}.{alias.name}", module=node.module):
            return reason
    return None


def _reason(path: str, module: str | None = None) -> str | None:
    known = refusal(path)
    if known is not None:
        return known
    if is_allowed_module(module or path) or is_allowed_module(path):
        return None
    if path.split(".")[0] in _OURS:
        return f"`{module or path}` is not for strategies; import what you need from `strategies.sdk`"
    allowed = ", ".join(sorted(ALLOWED_IMPORTS))
    file = (module or path).split(".")[0] + ".py"
    return (
        f"`{module or path}` may not be imported; a strategy may import files beside it (there is no "
        f"{file}), and {allowed}"
    )


def _imports_inside(
    module: SourceModule, function: ast.FunctionDef | ast.AsyncFunctionDef
) -> Iterator[Finding]:
    for statement in function.body:
        for node in _walk_one_function(statement):
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield module.finding(node, "local-import", _LATE)


def _walk_one_function(node: ast.AST) -> Iterator[ast.AST]:
    """The node and all nodes below it, but not functions inside it, which are checked themselves."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return
    yield node
    for child in ast.iter_child_nodes(node):
        yield from _walk_one_function(child)
