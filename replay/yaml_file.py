"""Reads a YAML file and remembers the line of every key, so that an error can name it.

Dates stay the text that was written. A key that is given twice is refused: YAML would keep the last one.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeGuard, cast

import msgspec
import yaml

from kernel.errors import ConfigError
from strategies.sdk.references import parse_reference

_QUOTED = re.compile(r"'([^']*)'")
_TIMESTAMP = "tag:yaml.org,2002:timestamp"
_MERGE = "tag:yaml.org,2002:merge"
_STORE = "store"


class _Loader(yaml.SafeLoader):
    """The safe loader without dates."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TIMESTAMP]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class YamlFile(msgspec.Struct, frozen=True):
    """The content of a file. ``lines`` has the line of each value by its path (``risk.max_drawdown``)."""

    path: Path
    content: object
    lines: Mapping[str, int]

    def text_of(self, key: str) -> str:
        """The text under a key at the top; empty if there is none."""
        return _text_of(self.content, key)

    def located(self, error: ConfigError) -> ConfigError:
        """The same error with the file in front, and the line of the value that its sentence begins with."""
        said = str(error)
        place = re.split(r"[: ]", said, maxsplit=1)[0]
        quoted = _QUOTED.search(said)
        named = quoted[1] if quoted is not None else ""
        for path in (f"{place}.{named}", named, *_parents(place)):
            if path in self.lines:
                return ConfigError(f"{self.path}, line {self.lines[path]}: {said}")
        return ConfigError(f"{self.path}: {said}")


def read_yaml(path: Path) -> YamlFile:
    """Read a file. Paths in it that are relative are relative to its folder.

    Raises ``ConfigError`` with the file, the line and the cause.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            lines = {} if node is None else dict(_lines(node, path, ""))
            construct = cast(
                Callable[[yaml.Node], object], loader.construct_document
            )  # its stub says Unknown
            content = None if node is None else construct(node)
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{path}, line {mark.line + 1}" if mark is not None else str(path)
        raise ConfigError(f"{where}: not valid YAML: {_sentence(error)}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise ConfigError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from error
    return YamlFile(path, _with_paths(content, path.parent), lines)


def _sentence(error: yaml.MarkedYAMLError) -> str:
    parts = [part for part in (error.context, error.problem) if part]
    return ", ".join(" ".join(part.split()) for part in parts)


def _parents(place: str) -> Iterator[str]:
    """The path itself, then the paths around it."""
    while place:
        yield place
        place = place[: max(place.rfind("."), place.rfind("["), 0)]


def _lines(node: yaml.Node, path: Path, place: str) -> Iterator[tuple[str, int]]:
    """The line of each value below a node. Raises ``ConfigError`` for a key that is there twice."""
    match node:
        case yaml.MappingNode():
            seen: dict[str, int] = {}
            for key, value in node.value:
                name, line = str(key.value), key.start_mark.line + 1
                if key.tag == _MERGE:
                    continue
                if name in seen:
                    where = f"{place}.{name}".removeprefix(".")
                    raise ConfigError(
                        f"{path}, line {line}: {where} is given twice; the first is in line {seen[name]}"
                    )
                seen[name] = line
                inner = f"{place}.{name}".removeprefix(".")
                yield inner, line
                yield from _lines(value, path, inner)
        case yaml.SequenceNode():
            for number, value in enumerate(node.value):
                inner = f"{place}[{number}]"
                yield inner, value.start_mark.line + 1
                yield from _lines(value, path, inner)
        case _:
            pass


def _with_paths(content: object, folder: Path) -> object:
    """The content with the store and the code files of another folder found from here."""
    if folder == Path():
        return content
    found = _with_code_paths(content, folder)
    store = _text_of(found, _STORE)
    return {**found, _STORE: str(folder / store)} if _is_mapping(found) and store else found


def _with_code_paths(content: object, folder: Path) -> object:
    match content:
        case dict():
            items = cast(dict[object, object], content).items()  # isinstance tells no more
            return {key: _with_code_paths(value, folder) for key, value in items}
        case list():
            return [_with_code_paths(value, folder) for value in cast(list[object], content)]
        case str() if _is_code_file(content):
            return str(folder / content)
        case _:
            return content


def _text_of(content: object, key: str) -> str:
    value = content.get(key) if _is_mapping(content) else None
    return value if isinstance(value, str) else ""


def _is_mapping(content: object) -> TypeGuard[dict[str, object]]:
    return isinstance(content, dict)


def _is_code_file(text: str) -> bool:
    """Whether a text is ``path/to/file.py:Class``."""
    if ".py:" not in text or "\n" in text:
        return False
    return parse_reference(text).location.endswith(".py")
