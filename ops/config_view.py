"""The effective configuration for people: every value, and the place that it is from."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeGuard

import msgspec

from components.assembly.settings import with_account_values
from kernel.decimals import exact
from kernel.secret import HIDDEN
from replay.run_config import LoadedConfig, config_hash, secrets_of
from replay.yaml_files.file import Place

DEFAULT = "default"
DECIDED = "decided by other settings"

_PLAIN = re.compile(r"[A-Za-z0-9_.+/-](?:[A-Za-z0-9_.+/: -]*[A-Za-z0-9_.+/-])?")
_ENTRY = re.compile(r"\[\d+\]")
_NOTHING = ("", "~", "null")
_WIDTH = 48
"""The column of the comments."""


_Leaf = str | int | float | bool | list[object] | dict[str, object] | None
"""A single value, or an empty list or mapping."""


class EffectiveValue(msgspec.Struct, frozen=True, rename={"origin": "from"}):
    """A single value. ``origin``: file and line, ``default``, or how it was decided."""

    value: _Leaf
    origin: str


Steps = tuple[str, ...]
"""The keys on the way to a value; those of a list are ``[0]``, ``[1]``."""

ValueRow = tuple[Steps, EffectiveValue]


class EffectiveConfig(msgspec.Struct, frozen=True):
    """The configuration as a run would use and record it. ``values`` are by path (``risk.max_drawdown``)."""

    config_hash: str
    values: dict[str, EffectiveValue]


@exact
def effective_rows(loaded: LoadedConfig) -> list[ValueRow]:
    """Every value with its origin; secrets as ``***``."""
    before = dict(_leaves(msgspec.to_builtins(loaded.config), ()))
    origins = _Origins(loaded)
    rows: list[ValueRow] = []
    for steps, value in _leaves(msgspec.to_builtins(with_account_values(loaded.config)), ()):
        around = path_of(steps[:-1])
        if around in origins.secrets:
            rows.append((steps[:-1], EffectiveValue(HIDDEN, origins.of(around))))
        else:
            is_decided = before.get(steps) != value
            rows.append((steps, EffectiveValue(value, DECIDED if is_decided else origins.of(path_of(steps)))))
    return rows


def effective_config(loaded: LoadedConfig) -> EffectiveConfig:
    """The rows by path, and the hash that a new log would record."""
    rows = effective_rows(loaded)
    return EffectiveConfig(config_hash(loaded.config), {path_of(steps): value for steps, value in rows})


def yaml_lines(rows: Iterable[ValueRow]) -> Iterator[str]:
    """The rows as a YAML file, with the origin of each value as a comment."""
    tree: dict[str, object] = {}
    for (*around, last), value in rows:
        node = tree
        for step in around:
            inner = node.setdefault(step, {})
            assert _is_mapping(inner)
            node = inner
        node[last] = value
    return _lines(tree, "")


def path_of(steps: Steps) -> str:
    """``instruments[0].symbol``."""
    return "".join(step if _is_entry(step) else f".{step}" for step in steps).removeprefix(".")


class _Origins:
    """Finds the origin of a value by its path."""

    def __init__(self, loaded: LoadedConfig) -> None:
        self.secrets: Mapping[str, str] = {
            place: f"secret {one.secret}" for place, one in secrets_of(loaded.config).items()
        }
        self._places = loaded.file.places

    def of(self, place: str) -> str:
        """Where a value was written; ``default`` if it was not."""
        written = self._places.get(place)
        if place in self.secrets:
            return f"{self.secrets[place]}, {written}"
        if written is not None:
            return _with_variables(written)
        preset = self._places.get(f"{place.partition(']')[0]}].like") if "]" in place else None
        return DEFAULT if preset is None else f"preset, {preset}"


def _with_variables(place: Place) -> str:
    return f"{place}{''.join(f', ${name}' for name in place.variables)}"


def _leaves(value: object, steps: Steps) -> Iterator[tuple[Steps, _Leaf]]:
    """The single values and the empty collections."""
    if _is_mapping(value) and value:
        for key, inner in value.items():
            yield from _leaves(inner, (*steps, key))
    elif _is_list(value) and value:
        for number, inner in enumerate(value):
            yield from _leaves(inner, (*steps, f"[{number}]"))
    else:
        yield steps, msgspec.convert(value, _Leaf)


def _is_entry(step: str) -> bool:
    """Whether a step is the place of an entry of a list."""
    return _ENTRY.fullmatch(step) is not None


def _lines(node: Mapping[str, object], indent: str) -> Iterator[str]:
    """The lines of a mapping, or of the entries of a list, whose keys are ``[0]``, ``[1]``."""
    for key, value in node.items():
        is_entry = _is_entry(key)
        head = f"{indent}-" if is_entry else f"{indent}{_scalar(key)}:"
        if isinstance(value, EffectiveValue):
            yield f"{head} {_scalar(value.value)}".ljust(_WIDTH) + f"  # {value.origin}"
            continue
        assert _is_mapping(value)
        inner = list(_lines(value, f"{indent}  "))
        if is_entry:
            inner[0] = f"{head} {inner[0].strip()}" if not inner[0].strip().startswith("-") else inner[0]
        else:
            yield head
        yield from inner


def _scalar(value: object) -> str:
    if isinstance(value, str):
        is_plain = _PLAIN.fullmatch(value) and value not in _NOTHING and ": " not in value and value[0] != "-"
        return value if is_plain else msgspec.json.encode(value).decode()
    return msgspec.json.encode(value).decode()


def _is_mapping(value: object) -> TypeGuard[dict[str, object]]:
    return isinstance(value, dict)


def _is_list(value: object) -> TypeGuard[list[object] | tuple[object, ...]]:
    return isinstance(value, list | tuple)
