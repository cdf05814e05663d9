"""A YAML document: the nodes of a file, merged over those of the files that it includes.

Nodes know the file and the line in which they were written, so the merged document does too.

- ``include: limits.yaml``, or a list of files, at the top of a file. Paths are relative to that file.
- A file has priority over the files that it includes, and a later one of these over an earlier one.
- Mappings are merged by key, strategies by id, instruments by symbol, feeds by name. Anything else is
  replaced as a whole; so is a mapping that chooses another model or kind.
"""

from collections.abc import Mapping
from pathlib import Path

from kernel.errors import ConfigError
from replay.yaml_files.nodes import ListNode, MappingNode, Node, TextNode, parse_yaml
from replay.yaml_files.substitution import substituted

INCLUDE = "include"

_IDENTITIES: Mapping[str, tuple[str, ...]] = {
    "strategies": ("id", "strategy"),
    "instruments": ("symbol",),
    "feeds": ("name",),
}
"""The lists that are merged, and the keys that name an entry: the first one that is given counts."""
_CHOICES = ("kind", "model", "algorithm", "mode")
"""Keys that choose what a mapping is."""


def read_document(path: Path) -> Node | None:
    """The nodes of a file and of the files that it includes; ``None`` if it is empty.

    Raises ``ConfigError`` with the file, the line and the cause.
    """
    return _document(path, ())


def _document(path: Path, including: tuple[Path, ...]) -> Node | None:
    root = parse_yaml(path)
    if not isinstance(root, MappingNode) or INCLUDE not in root.pairs:
        return root
    _, files = root.pairs[INCLUDE]
    own = {name: pair for name, pair in root.pairs.items() if name != INCLUDE}
    merged: Node = MappingNode(file=root.file, line=root.line, pairs={})
    for file in _files(files):
        merged = _merged(merged, _included(path, file, (*including, path.resolve())))
    return _merged(merged, MappingNode(file=root.file, line=root.line, pairs=own))


def _files(node: Node) -> list[TextNode]:
    entries = node.entries if isinstance(node, ListNode) else (node,)
    files = [one for one in entries if isinstance(one, TextNode) and one.text]
    if len(files) != len(entries):
        raise ConfigError(f"{node.where}: {INCLUDE}: expected a file or a list of files")
    return files


def _included(path: Path, node: TextNode, including: tuple[Path, ...]) -> MappingNode:
    try:
        file = path.parent / substituted(node.text)
    except ConfigError as error:
        raise ConfigError(f"{node.where}: {INCLUDE}: {error}") from error
    if not file.is_file():
        raise ConfigError(f"{node.where}: {INCLUDE}: there is no file {file}")
    if file.resolve() in including:
        raise ConfigError(f"{node.where}: {INCLUDE}: {file} includes itself")
    root = _document(file, including)
    if root is None:
        return MappingNode(file=str(file), line=1, pairs={})
    if not isinstance(root, MappingNode):
        raise ConfigError(f"{root.where}: expected a mapping, because {node.where} includes it")
    return root


def _merged(under: Node, over: Node, place: str = "") -> Node:
    """One node over another."""
    if isinstance(under, MappingNode) and isinstance(over, MappingNode):
        if place and any(_is_other_choice(under, over, key) for key in _CHOICES):
            return over
        pairs = dict(under.pairs)
        for name, (key, value) in over.pairs.items():
            inner = f"{place}.{name}".removeprefix(".")
            pairs[name] = (key, _merged(pairs[name][1], value, inner) if name in pairs else value)
        return MappingNode(file=over.file, line=over.line, pairs=pairs)
    if isinstance(under, ListNode) and isinstance(over, ListNode) and place in _IDENTITIES:
        entries = _merged_entries(under, over, _IDENTITIES[place])
        return ListNode(file=over.file, line=over.line, entries=tuple(entries))
    return over


def _merged_entries(under: ListNode, over: ListNode, identity: tuple[str, ...]) -> list[Node]:
    """The entries of two lists; those with the same name are merged, in the place of the first."""
    entries = list(under.entries)
    names = [_name_of(entry, identity) for entry in entries]
    for entry in over.entries:
        name = _name_of(entry, identity)
        if name and name in names:
            at = names.index(name)
            entries[at] = _merged(entries[at], entry, "entry")
        else:
            entries.append(entry)
    return entries


def _name_of(entry: Node, identity: tuple[str, ...]) -> str:
    return next((text for key in identity if (text := _text(entry, key))), "")


def _is_other_choice(under: MappingNode, over: MappingNode, key: str) -> bool:
    return bool(_text(over, key)) and _text(over, key) != _text(under, key)


def _text(node: Node, key: str) -> str:
    """The text under a key of a mapping; empty if there is none."""
    value = node.pairs[key][1] if isinstance(node, MappingNode) and key in node.pairs else None
    return value.text if isinstance(value, TextNode) else ""
