"""Reads a YAML file with the files that it includes, and remembers where every value was written.

A value is the text that was written: ``NO`` is a symbol, ``12:30:00`` a time, ``1.10`` has its zero, and an
amount has all its digits. What a text means is decided by the type of its setting (``kernel.configuration``).
Only a value that is empty, ``~`` or ``null``, without quotes, is nothing.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import cast

import msgspec

from kernel.errors import ConfigError, OnetapeError
from kernel.secret import SECRET_NAME
from replay.yaml_files.document import read_document
from replay.yaml_files.nodes import ListNode, MappingNode, Node, TextNode
from replay.yaml_files.secret_texts import is_secret_name, is_secret_text
from replay.yaml_files.substitution import substituted, variables_of
from strategies.sdk.references import parse_reference

_QUOTED = re.compile(r"'([^']*)'")
_NOTHING = ("", "~", "null")
_SECRET = "secret"
_PATHS = re.compile(r"store|secrets\.folder|control\.tokens_file|feeds\[\d+\]\.store")
"""Settings that are paths, relative to the file in which they are written."""


class Place(msgspec.Struct, frozen=True):
    """The place where a value was written, and the environment variables that it came from."""

    file: str
    line: int
    variables: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}"


class YamlFile(msgspec.Struct, frozen=True):
    """The content of a file. ``places`` has the place of each value by its path (``risk.max_drawdown``)."""

    path: Path
    content: object
    places: Mapping[str, Place]

    def located(self, error: ConfigError) -> ConfigError:
        """The same error, with file and line of the value that its sentence begins with in front."""
        said = str(error)
        place = re.split(r"[: ]", said, maxsplit=1)[0]
        quoted = _QUOTED.search(said)
        named = quoted[1] if quoted is not None else ""
        for path in (f"{place}.{named}", named, *_parents(place)):
            if path in self.places:
                return ConfigError(f"{self.places[path]}: {said}")
        found = self.place_of(said)
        return ConfigError(f"{self.path if found is None else found}: {said}")

    def place_of(self, said: str) -> Place | None:
        """The place of the value that a sentence quotes first; ``None`` if it does not stand in the file.

        Under the key that the sentence begins with, else anywhere, if it stands there once.
        """
        place, quoted = re.split(r"[: ]", said, maxsplit=1)[0], _QUOTED.search(said)
        if quoted is None:
            return None
        paths = [path for path, value in _values(self.content, "") if value == quoted[1]]
        if place in self.places:
            paths = [path for path in paths if re.match(rf"{re.escape(place)}(?![^.\[])", path)][:1]
        return self.places.get(paths[0]) if len(paths) == 1 else None

    def named_in(self, error: OnetapeError) -> OnetapeError:
        """The same error with file and line in front, if a value that it quotes was read from the file."""
        place = self.place_of(str(error))
        return error if place is None else type(error)(f"{place}: {error}")


def read_yaml(path: Path, *, without: frozenset[str] = frozenset()) -> YamlFile:
    """Read a file, without some sections. Paths in it that are relative are relative to its folder.

    Raises ``ConfigError`` with the file, the line and the cause.
    """
    root = read_document(path)
    places: dict[str, Place] = {}
    if isinstance(root, MappingNode) and without:
        pairs = {name: pair for name, pair in root.pairs.items() if name not in without}
        root = MappingNode(file=root.file, line=root.line, pairs=pairs)
    return YamlFile(path, None if root is None else _content(root, "", places), places)


def text_in(path: Path, key: str) -> str:
    """The text under a key at the top of a file; empty if there is none. Other values are not looked at."""
    root = read_document(path)
    if not isinstance(root, MappingNode) or key not in root.pairs:
        return ""
    value = _content(root.pairs[key][1], key, {})
    return value if isinstance(value, str) else ""


def _parents(place: str) -> Iterator[str]:
    """The path itself, then the paths around it."""
    while place:
        yield place
        place = place[: max(place.rfind("."), place.rfind("["), 0)]


def _content(node: Node, place: str, places: dict[str, Place]) -> object:
    """The content of a node; the places of the values below it go into ``places``."""
    match node:
        case MappingNode(pairs=pairs):
            found: dict[str, object] = {}
            for name, (key, value) in pairs.items():
                inner = f"{place}.{name}".removeprefix(".")
                places[inner] = _place(key, value)
                found[name] = _content(value, inner, places)
                _check_secret(name, found[name], value, inner, is_reference=len(pairs) == 1)
            return found
        case ListNode(entries=entries):
            contents: list[object] = []
            for number, value in enumerate(entries):
                inner = f"{place}[{number}]"
                places[inner] = _place(value, value)
                contents.append(_content(value, inner, places))
            return contents
        case TextNode():
            return _text(node, place)


def _place(written: Node, value: Node) -> Place:
    names = variables_of(value.text) if isinstance(value, TextNode) else ()
    return Place(written.file, written.line, names)


def _text(node: TextNode, place: str) -> str | None:
    try:
        text = substituted(node.text)
    except ConfigError as error:
        raise ConfigError(f"{node.where}: {place}: {error}") from error
    if node.is_plain and text in _NOTHING:
        return None
    folder = Path(node.file).parent
    if folder != Path() and text and (_PATHS.fullmatch(place) or _is_code_file(text)):
        return str(folder / text)
    return text


def _check_secret(name: str, value: object, node: Node, place: str, *, is_reference: bool) -> None:
    """Refuse a secret in the file. The sentence does not repeat it."""
    if not isinstance(value, str) or not value:
        return
    if name == _SECRET and is_reference:
        if not re.fullmatch(SECRET_NAME, value):
            raise ConfigError(
                f"{node.where}: {place}: expected the name of a secret, in lower case, such as feed_token"
            )
    elif is_secret_name(name) or is_secret_text(value):
        raise ConfigError(
            f"{node.where}: {place}: a secret may not be in the configuration, which is recorded: "
            "expected {secret: NAME}, see docs/configuration.md"
        )


def _is_code_file(text: str) -> bool:
    """Whether a text is ``path/to/file.py:Class``."""
    if ".py:" not in text or "\n" in text:
        return False
    return parse_reference(text).location.endswith(".py")


def _values(content: object, place: str) -> Iterator[tuple[str, object]]:
    """The path and value of each text."""
    match content:
        case dict():
            for key, value in cast(dict[object, object], content).items():  # isinstance tells no more
                yield from _values(value, f"{place}.{key}".removeprefix("."))
        case list():
            for number, value in enumerate(cast(list[object], content)):
                yield from _values(value, f"{place}[{number}]")
        case _:
            yield place, content
