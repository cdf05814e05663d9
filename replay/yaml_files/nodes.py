"""Parses a YAML file into nodes that know their line. Every scalar is the text that was written.

A key that is given twice is refused: YAML would keep the last one. ``<<`` merges mappings as usual.

The parser is imported with the first file: that takes 20 ms, and a run that is described in Python has none.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import msgspec

from kernel.errors import ConfigError

if TYPE_CHECKING:
    import yaml

_MERGE = "tag:yaml.org,2002:merge"
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "map", "seq", "value")
)
_DEEPEST = 100
"""Nodes within nodes: far deeper than any setting, and far from the limit of recursion."""


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """The file and the line in which a node was written."""

    file: str
    line: int

    @property
    def where(self) -> str:
        """For a sentence: ``paper.yaml, line 3``."""
        return f"{self.file}, line {self.line}"


class TextNode(_Place, frozen=True):
    """A scalar. ``is_plain``: it was written without quotes."""

    text: str
    is_plain: bool


class MappingNode(_Place, frozen=True):
    """Keys with their values, by the text of the key."""

    pairs: Mapping[str, "tuple[TextNode, Node]"]


class ListNode(_Place, frozen=True):
    """The entries of a list."""

    entries: "tuple[Node, ...]"


Node: TypeAlias = TextNode | MappingNode | ListNode


def parse_yaml(path: Path) -> Node | None:
    """The nodes of one file; ``None`` if it is empty.

    Raises ``ConfigError`` with the file, the line and the cause.
    """
    from yaml import MarkedYAMLError, YAMLError

    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        loader = _loader()(text)
        loader.name = str(path)
        try:
            root = loader.get_single_node()
        finally:
            loader.dispose()
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
        raise ConfigError(f"{where}: not valid YAML: {_sentence(error)}{_hint(text, mark)}") from error
    except (YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    return None if root is None else _node(root, "", ())


@cache
def _loader() -> "type[yaml.SafeLoader]":
    """The safe loader, for which only ``<<`` is special."""
    from yaml import SafeLoader

    class Loader(SafeLoader):
        yaml_implicit_resolvers = {  # noqa: RUF012  # the loader's own attribute
            "<": [(_MERGE, SafeLoader.yaml_implicit_resolvers["<"][0][1])]
        }

    return Loader


def _node(node: "yaml.Node", place: str, around: "tuple[yaml.Node, ...]") -> Node:
    """One node with the nodes in it. ``place`` is its path, ``around`` are the nodes that it is in."""
    import yaml

    file, line = str(node.start_mark.name), node.start_mark.line + 1
    if node in around or len(around) > _DEEPEST:
        raise ConfigError(f"{file}, line {line}: not valid YAML: a value contains itself")
    if node.tag not in _PLAIN_TAGS and node.tag != _MERGE:
        raise ConfigError(
            f"{file}, line {line}: not valid YAML: could not determine a constructor for the tag {node.tag!r}"
        )
    inside = (*around, node)
    if isinstance(node, yaml.MappingNode):
        return MappingNode(file=file, line=line, pairs=_pairs(node, place, inside))
    if isinstance(node, yaml.SequenceNode):
        inner = (_node(one, f"{place}[{number}]", inside) for number, one in enumerate(node.value))
        return ListNode(file=file, line=line, entries=tuple(inner))
    is_plain = isinstance(node, yaml.ScalarNode) and node.style is None
    return TextNode(file=file, line=line, text=str(node.value), is_plain=is_plain)


def _pairs(
    node: "yaml.MappingNode", place: str, around: "tuple[yaml.Node, ...]"
) -> dict[str, tuple[TextNode, Node]]:
    """The keys and values of a mapping. Keys that are given have priority over those merged in."""
    given: dict[str, tuple[TextNode, Node]] = {}
    merged: dict[str, tuple[TextNode, Node]] = {}
    for written, value in node.value:
        key = _node(written, place, around)
        if not isinstance(key, TextNode):
            raise ConfigError(f"{key.where}: not valid YAML: a key is not text")
        inner = f"{place}.{key.text}".removeprefix(".")
        if written.tag == _MERGE:
            for one in reversed(list(_merged_in(key, _node(value, place, around)))):
                merged |= one.pairs
        elif key.text in given:
            first = given[key.text][0].line
            raise ConfigError(f"{key.where}: {inner} is given twice; the first is in line {first}")
        else:
            given[key.text] = (key, _node(value, inner, around))
    return {**merged, **given}


def _merged_in(key: TextNode, value: Node) -> Iterator[MappingNode]:
    """The mappings that ``<<`` names; the first has priority."""
    for one in value.entries if isinstance(value, ListNode) else (value,):
        if not isinstance(one, MappingNode):
            raise ConfigError(f"{key.where}: not valid YAML: << expects a mapping or a list of them")
        yield one


def _sentence(error: "yaml.MarkedYAMLError") -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return ", ".join(" ".join(part.split()) for part in parts)


def _hint(text: bytes, mark: "yaml.Mark | None") -> str:
    """What is meant by a line with ``${`` that is not valid."""
    lines = text.splitlines()
    line = lines[mark.line] if mark is not None and mark.line < len(lines) else b""
    return '; within [ ] and { } write "${NAME}" in quotes' if b"${" in line else ""
