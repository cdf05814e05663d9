"""Who owns a task, who may catch everything, and who may stop a cancellation."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass

from tests.house.rules import Rule, Violation
from tests.house.tree import FunctionNode, Source, dotted, imported_names, scoped

OWNED_TASKS = Rule(
    "owned tasks", "Every task is named and owned by a task group: `group.create_task(..., name=...)`."
)
BROAD_EXCEPT = Rule("broad except", "`except Exception` only where isolation is the job.")
CANCELLATION = Rule("cancellation", "Never swallow CancelledError: clean up in `finally`, or raise it again.")

_UNOWNED = frozenset({"asyncio.create_task", "asyncio.ensure_future", "asyncio.gather"})
_BROAD = frozenset({"Exception", "BaseException"})
_CANCELLED = frozenset({"BaseException", "asyncio.CancelledError", "asyncio.exceptions.CancelledError"})


def unowned_tasks(source: Source) -> Iterator[Violation]:
    """Tasks made outside of a group, or without a name."""
    names = imported_names(source)
    for node, scope in scoped(source):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if dotted(node.func, names) in _UNOWNED or called.endswith(".ensure_future"):
            yield Violation(source.path, node.lineno, called, scope)
        elif isinstance(node.func, ast.Attribute) and node.func.attr == "create_task":
            is_named = any(keyword.arg == "name" for keyword in node.keywords)
            if not (_is_group(node.func.value) and is_named):
                yield Violation(source.path, node.lineno, called, scope)


def broad_excepts(source: Source) -> Iterator[Violation]:
    """Handlers and suppressions of every exception, but for those that clean up and raise it again."""
    for catch in _catches(source):
        if not catch.reraises and (not catch.names or catch.names & _BROAD):
            what = " | ".join(sorted(catch.names)) or "everything"
            yield Violation(source.path, catch.line, f"catches {what}", catch.scope)


def swallowed_cancellations(source: Source) -> Iterator[Violation]:
    """Where a cancellation first lands in a handler that does not raise, and suppressions of it."""
    handled: set[int] = set()
    for catch in _catches(source):
        if catch.statement in handled or (catch.names and not catch.names & _CANCELLED):
            continue
        handled.add(catch.statement)
        if not catch.raises:
            yield Violation(source.path, catch.line, "swallows CancelledError", catch.scope)


def _is_group(owner: ast.expr) -> bool:
    name = owner.attr if isinstance(owner, ast.Attribute) else getattr(owner, "id", "")
    return str(name).endswith("group")


@dataclass(frozen=True)
class _Catch:
    """A handler or ``suppress``; no names: it catches everything. ``statement``: its ``try``."""

    line: int
    scope: str
    names: frozenset[str]
    raises: bool
    reraises: bool
    statement: int


def _catches(source: Source) -> Iterator[_Catch]:
    names = imported_names(source)
    for node, scope in scoped(source):
        if isinstance(node, ast.Try | ast.TryStar):
            for handler in node.handlers:
                yield _Catch(
                    handler.lineno,
                    scope,
                    _caught(handler.type, names),
                    raises=any(isinstance(inner, ast.Raise) for inner in _own_statements(handler)),
                    reraises=_ends_in_bare_raise(handler),
                    statement=id(node),
                )
        elif isinstance(node, ast.Call) and dotted(node.func, names) == "contextlib.suppress":
            caught = frozenset(name for argument in node.args for name in _caught(argument, names))
            caught = caught or frozenset({"nothing"})
            yield _Catch(node.lineno, scope, caught, raises=False, reraises=False, statement=id(node))


def _caught(node: ast.expr | None, names: dict[str, str]) -> frozenset[str]:
    if node is None:
        return frozenset()
    parts = node.elts if isinstance(node, ast.Tuple) else [node]
    return frozenset(dotted(part, names) or ast.unparse(part) for part in parts)


def _ends_in_bare_raise(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


def _own_statements(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, FunctionNode):
            yield from _own_statements(child)
