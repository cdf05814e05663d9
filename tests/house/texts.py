"""Where deciding code takes a text apart, or compares one that is there to be read by people.

What something means is a field or a type. Ids, names, reasons and tags are written and looked up, not read.
"""

import ast
from collections.abc import Iterator

from tests.house.rules import Rule, Violation
from tests.house.tree import Source, scoped

TEXTS = Rule(
    "texts",
    "Meaning is in fields and types: deciding code takes no id, name or reason apart, nor compares it.",
)

_FOLDERS = ("kernel/", "components/", "brokers/simulated/")
_BORDER = "components/assembly/"
"""Reads what people write: configuration, moments, names of models."""

_PARSING = frozenset(
    {
        *("partition", "rpartition", "split", "rsplit", "splitlines", "startswith", "endswith"),
        *("removeprefix", "removesuffix", "find", "rfind"),
    }
)
_FOR_PEOPLE = frozenset({"operator", "reason", "tag", "action", "asked"})
_IDS = frozenset({"client_order_id", "broker_order_id", "parent_id", "group_id", "whole_id", "owner", "name"})


def is_deciding(path: str) -> bool:
    """Whether a file may read meaning out of no text."""
    return path.startswith(_FOLDERS) and not path.startswith(_BORDER)


def read_texts(source: Source) -> Iterator[Violation]:
    """Texts taken apart, and texts for people that are compared."""
    for node, scope in scoped(source):
        match node:
            case ast.Call(func=ast.Attribute(attr=attr)) if attr in _PARSING:
                yield Violation(source.path, node.lineno, f".{attr}()", scope)
            case ast.Compare(left=left, ops=operators, comparators=others) if _is_equality(operators):
                sides = (left, *others)
                if any(isinstance(each, ast.Attribute) and each.attr in _FOR_PEOPLE for each in sides):
                    yield Violation(source.path, node.lineno, f"compares {ast.unparse(node)}", scope)
                elif any(isinstance(each, ast.In | ast.NotIn) for each in operators) and _is_searched(sides):
                    yield Violation(source.path, node.lineno, f"searches {ast.unparse(node)}", scope)
            case ast.match_case(pattern=pattern):
                yield from _matched(source, pattern, scope)
            case _:
                pass


def _is_equality(operators: list[ast.cmpop]) -> bool:
    return any(isinstance(each, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for each in operators)


def _is_searched(sides: tuple[ast.expr, ...]) -> bool:
    """Whether a piece of text is looked for in an id or a name."""
    last = sides[-1]
    return isinstance(last, ast.Attribute) and last.attr in _IDS


def _matched(source: Source, pattern: ast.pattern, scope: str) -> Iterator[Violation]:
    """A text for people that a case asks for."""
    for node in ast.walk(pattern):
        if isinstance(node, ast.MatchClass):
            for name, inner in zip(node.kwd_attrs, node.kwd_patterns, strict=True):
                if name in _FOR_PEOPLE and isinstance(inner, ast.MatchValue):
                    yield Violation(source.path, inner.lineno, f"matches {name}", scope)
