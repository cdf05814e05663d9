"""Constants that have a second home: members of enums under names of their own, and units of time as numbers.

A member of an enum that is read for each order or event stands under a short name beside its enum, in
``kernel/events``, and is imported from there: on 3.11 a global takes a fifth of the time of a member.
"""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.house.event_schema import nested_types
from tests.house.rules import Rule, Violation
from tests.house.tree import Source

CONSTANTS_ONCE = Rule(
    "constants once",
    "A member of an enum has one short name, and a unit of time is from `kernel.time_units`.",
)

VOCABULARY = "kernel/events/"
TIME_UNITS = "kernel/time_units.py"

_ENUMS = frozenset(each.__name__ for each in nested_types()[1])
_UNITS = {86_400: "DAY_S"} | {
    seconds * 1_000_000_000: name
    for seconds, name in ((1, "SECOND_NS"), (60, "MINUTE_NS"), (3_600, "HOUR_NS"), (86_400, "DAY_NS"))
}

Member = tuple[str, str]
"""An enum and one of its members, by name."""


def second_names(code: Iterable[Source]) -> Iterator[Violation]:
    """Short names for a member that has one beside its enum, or in another module of the product."""
    by_member: dict[Member, list[Violation]] = defaultdict(list)
    homes: set[Member] = set()
    for source in code:
        for member, line in _short_names(source.tree):
            if source.path.startswith(VOCABULARY):
                homes.add(member)
            else:
                by_member[member].append(Violation(source.path, line, ".".join(member)))
    for member, violations in by_member.items():
        shared = [each for each in violations if not each.path.startswith("tests/")]
        if member in homes:
            yield from violations
        elif len(shared) > 1:
            yield from shared


def unit_numbers(source: Source) -> Iterator[Violation]:
    """Numbers that are a unit of time."""
    if source.path == TIME_UNITS:
        return
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and node.value in _UNITS:
            yield Violation(source.path, node.lineno, f"{node.value} is {_UNITS[int(node.value)]}")


def _short_names(tree: ast.Module) -> Iterator[tuple[Member, int]]:
    """The members that a module gives names of its own, with their lines."""
    for node in tree.body:
        if isinstance(node, ast.Assign):
            names, values = _parts(node.targets[0]), _parts(node.value)
            for _, value in zip(names, values, strict=False) if len(names) == len(values) else ():
                match value:
                    case ast.Attribute(value=ast.Name(id=enum), attr=member) if enum in _ENUMS:
                        yield (enum, member), node.lineno
                    case _:
                        pass


def _parts(node: ast.expr) -> list[ast.expr]:
    return node.elts if isinstance(node, ast.Tuple) else [node]
