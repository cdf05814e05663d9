"""Events that nobody makes, and events that nobody hears or reads.

An event is made where its type is called. It is read where its type stands in any other place but an import:
in a subscription, a ``case``, an annotation. The vocabulary's own folder does not count.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from kernel.events import EVENT_TYPES, Event
from tests.house.rules import Rule, Violation
from tests.house.tree import ROOT, Source

EVENT_USE = Rule("event use", "Each event type has a maker and a reader in the code.")

VOCABULARY = "kernel/events/"


def unused_events(code: Iterable[Source]) -> Iterator[Violation]:
    """Event types that lack a maker, a reader, or both."""
    made, read = set[str](), set[str]()
    for source in code:
        if not source.path.startswith(VOCABULARY):
            makers, readers = _uses(source.tree)
            made |= makers
            read |= readers
    for event_type in EVENT_TYPES:
        name = event_type.__name__
        lacking = [what for what, names in (("made", made), ("read", read)) if name not in names]
        if lacking:
            yield Violation(*_place(event_type), f"{name} is {' and '.join(lacking)} nowhere", scope=name)


def _uses(tree: ast.Module) -> tuple[set[str], set[str]]:
    """The names that are called, and those that stand anywhere else."""
    called = {id(node.func): node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    made = {_name(func) for func in called.values()}
    read = {_name(node) for node in ast.walk(tree) if id(node) not in called}
    return made, read


def _name(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""


def _place(event_type: type[Event]) -> tuple[str, int]:
    module = sys.modules[event_type.__module__]
    path = Path(str(module.__file__))
    lines = path.read_text("utf-8").splitlines()
    line = next(n for n, each in enumerate(lines, 1) if each.startswith(f"class {event_type.__name__}("))
    return path.relative_to(ROOT).as_posix(), line
