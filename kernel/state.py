"""The state of a component: one struct for life, its version, and migrations from older versions.

A snapshot keeps each state as bytes, with its version. A restore migrates data of an older version, decodes
it, and sets the fields of the struct that the component has. That struct stays the same object:

- A field that holds a mutable struct, before and after, is restored in place too, field by field.
- Every other field is replaced: dicts, lists, frozen structs, values.

So a part of a component may keep the state, or a struct that is a field of it, or of such a struct. It may
not keep a dict or list of the state, or an entry of one, because a restore replaces them.

A state declares its migrations as ``migrations: ClassVar[tuple[Migration, ...]]``. The first one leads from
version 1 to 2, and so on: the version of a state is one more than the number of its migrations. A new field
with a default needs no migration. A field that is renamed, or that changes its type or meaning, needs one.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec

from kernel.errors import ComponentError

# Data decoded without types: the values of an older version fit no type of today's code.
PlainState = dict[str, Any]
Migration = Callable[[PlainState], PlainState]
"""Converts the data of a state from one version to the next; a pure function."""

StateT = TypeVar("StateT", bound=msgspec.Struct)

_encode = msgspec.msgpack.Encoder().encode
"""Keeps the order of dicts, which is part of the state."""


class WrittenState(msgspec.Struct, frozen=True):
    """A state as msgpack, and its version."""

    version: int
    data: bytes


def written(state: msgspec.Struct) -> WrittenState:
    """Encode a state. Raises the errors of msgspec for one that cannot be encoded."""
    return WrittenState(len(_migrations_of(type(state))) + 1, _encode(state))


def read(state_type: type[StateT], kept: WrittenState, *, owner: str) -> StateT:
    """Decode the state of component ``owner``, migrated to today's version.

    Raises ``ComponentError`` for a version that is newer or unknown, and for data that does not fit.
    """
    migrations, data = _migrations_of(state_type), kept.data
    version = len(migrations) + 1
    if not 1 <= kept.version <= version:
        known = "version 1" if version == 1 else f"versions 1 to {version}"
        raise ComponentError(
            f"{owner}: the snapshot has version {kept.version} of its state; this code reads {known}"
        )
    try:
        if kept.version < version:
            data = _migrated(kept, migrations, owner=owner)
        return msgspec.msgpack.decode(data, type=state_type)
    except msgspec.MsgspecError as error:
        raise ComponentError(f"the snapshot does not fit the components: {owner}: {error}") from error


def put_fields(state: msgspec.Struct, source: msgspec.Struct) -> None:
    """Set every field of ``state`` to that of ``source``, a state of the same type."""
    for name in state.__struct_fields__:
        present, value = getattr(state, name), getattr(source, name)
        if type(value) is type(present) and _is_kept(present):
            put_fields(present, value)
        else:
            setattr(state, name, value)


def _is_kept(value: object) -> bool:
    """Whether a field keeps its object for life, as a mutable struct does."""
    return isinstance(value, msgspec.Struct) and not value.__struct_config__.frozen


def _migrations_of(state_type: type[msgspec.Struct]) -> tuple[Migration, ...]:
    return getattr(state_type, "migrations", ())


def _migrated(kept: WrittenState, migrations: Sequence[Migration], *, owner: str) -> bytes:
    plain: PlainState = msgspec.msgpack.decode(kept.data)
    for version in range(kept.version, len(migrations) + 1):
        try:
            plain = migrations[version - 1](plain)
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            raise ComponentError(
                f"{owner}: its state cannot be taken from version {version} to {version + 1}: {error!r}"
            ) from error
    return _encode(plain)
