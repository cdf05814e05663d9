"""States of a core for people and programs: as plain values by name, and what differs between two."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from enum import Enum
from typing import cast

import msgspec

from components.assembly.core import Core
from kernel.errors import InputError

Plain = dict[str, "Plain"] | list["Plain"] | str | int | float | bool | None
"""A value of JSON; exact numbers are texts."""

ABSENT = object()


class StateChange(msgspec.Struct, frozen=True):
    """A value that differs. ``path`` names it from its component on; ``None`` where it is not there."""

    path: str
    before: object
    after: object


def states_of(core: Core) -> dict[str, Plain]:
    """The states of all components, by name, in the order of registration."""
    return {name: plain_of(component.state) for name, component in core.bus.components.items()}


def plain_of(value: object) -> Plain:
    """A value of a state. The fields of structs have their names; keys are texts."""
    match value:
        case None | bool() | int() | float():
            return value
        case Enum():
            return plain_of(value.value)
        case str():
            return value
        case bytes():
            return _unpacked(value)
        case Decimal():
            return f"{value:f}" if value.is_finite() else str(value)
        case msgspec.Struct():
            kind = value.__struct_config__.tag
            named = {} if kind is None else {"kind": type(value).__name__}
            return {**named, **{name: plain_of(getattr(value, name)) for name in value.__struct_fields__}}
        case Mapping():
            items = cast(Mapping[object, object], value).items()  # isinstance tells no more
            return {_key_text(key): plain_of(each) for key, each in items}
        case list() | tuple() | set() | frozenset():
            return [plain_of(each) for each in cast(list[object], value)]  # as above
        case _:
            return str(value)


def value_at(states: Mapping[str, Plain], path: str) -> Plain:
    """The value of a path such as ``portfolio.cash``. Raises ``InputError`` that names what there is.

    A key that contains dots is found too: the longest key that fits is taken.
    """
    value: Plain = dict(states)
    rest = path
    while rest:
        key = _key_in(value, rest)
        if key is None:
            known = ", ".join(list(value)[:40]) if isinstance(value, dict) else f"{_length(value)} values"
            raise InputError(f"{path}: there is no {rest!r}; there are: {known}")
        value = value[int(key)] if isinstance(value, list) else cast(dict[str, Plain], value)[key]
        rest = rest[len(key) + 1 :]
    return value


def changes_between(before: Plain, after: Plain, *, path: str = "") -> Iterator[StateChange]:
    """The values that differ, each with its path, in the order of ``after``."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in (*after, *(key for key in before if key not in after)):
            below = f"{path}.{key}" if path else key
            yield from _changes_at(before.get(key, ABSENT), after.get(key, ABSENT), below)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for place, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from changes_between(old, new, path=f"{path}.{place}")
    elif before != after or type(before) is not type(after):
        yield StateChange(path, before, after)


def _unpacked(value: bytes) -> Plain:
    """A state within a state, such as the strategy's own in that of its host."""
    try:
        return plain_of(msgspec.msgpack.decode(value))
    except msgspec.DecodeError:
        return value.hex()


def _changes_at(old: object, new: object, path: str) -> Iterator[StateChange]:
    if old is ABSENT or new is ABSENT:
        yield StateChange(path, None if old is ABSENT else old, None if new is ABSENT else new)
    else:
        yield from changes_between(cast(Plain, old), cast(Plain, new), path=path)  # both are plain here


def _key_in(value: Plain, rest: str) -> str | None:
    """The key with which a path goes on in a value."""
    if isinstance(value, list):
        key = rest.split(".", 1)[0]
        return key if key.isdecimal() and int(key) < len(value) else None
    if not isinstance(value, dict):
        return None
    fitting = (key for key in value if rest == key or rest.startswith(f"{key}."))
    return max(fitting, key=len, default=None)


def _key_text(key: object) -> str:
    if isinstance(key, tuple):
        return "/".join(map(_key_text, cast(tuple[object, ...], key)))  # isinstance tells no more
    return str(key.value) if isinstance(key, Enum) else str(key)


def _length(value: Plain) -> int:
    return len(value) if isinstance(value, list) else 0
