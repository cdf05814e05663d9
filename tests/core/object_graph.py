"""All that can be reached from an object: what a core remembers, and where it remembers it."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from decimal import Decimal
from enum import Enum
from functools import partial
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import cast

import msgspec

VALUES = (str, bytes, int, float, Decimal, Enum, type, ModuleType, type(None))
"""Types of which a value is compared as a whole."""

Place = tuple[str, str]
"""A class and one of its attributes, by name."""


def mutables_in(state: object) -> Iterator[object]:
    """The dicts, lists and mutable structs that a state is made of, itself first."""
    for _, value in reachable(state):
        if _is_mutable(value):
            yield value


def reachable(root: object) -> Iterator[tuple[str, object]]:
    """Every object that can be reached from ``root``, once, and the path to it."""
    seen: set[int] = set()
    waiting: list[tuple[str, object]] = [("", root)]
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, VALUES) or id(value) in seen:
            continue
        seen.add(id(value))
        yield path, value
        waiting += [(path + name, part) for name, part in _parts(value).items()]


def differences(one: object, other: object, *, caches: Collection[Place] = ()) -> list[str]:
    """The paths at which two objects are made of other values; ``caches`` are left out."""
    found: list[str] = []
    seen: set[tuple[int, int]] = set()
    waiting = [("", one, other)]
    while waiting:
        path, left, right = waiting.pop()
        if not (isinstance(left, type(right)) or isinstance(right, type(left))):
            found.append(f"{path}: {type(left).__name__} and {type(right).__name__}")
        elif isinstance(left, VALUES):
            if repr(left) != repr(right):
                found.append(f"{path}: {left!r} and {right!r}")
        elif (id(left), id(right)) not in seen:
            seen.add((id(left), id(right)))
            parts, others = _parts(left, caches), _parts(right, caches)
            if list(parts) != list(others):
                found.append(f"{path}: {list(parts)} and {list(others)}")
            waiting += [(path + name, part, others[name]) for name, part in parts.items() if name in others]
    return sorted(found)


def _is_mutable(value: object) -> bool:
    if isinstance(value, msgspec.Struct):
        return not value.__struct_config__.frozen
    return isinstance(value, dict | list | set)


def _parts(value: object, caches: Collection[Place] = ()) -> Mapping[str, object]:
    """What an object holds, by the end of its path."""
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value)  # of any types
        return {f"[{key!r}]": part for key, part in items.items()}
    if isinstance(value, list | tuple | set | frozenset):
        several = cast("Iterable[object]", value)  # of any type
        ordered = sorted(several, key=repr) if isinstance(value, set | frozenset) else several
        return {f"[{place}]": part for place, part in enumerate(ordered)}
    if isinstance(value, MethodType | BuiltinFunctionType):
        return {"(self)": value.__self__}
    if isinstance(value, FunctionType):
        return {f"({place})": cell.cell_contents for place, cell in enumerate(value.__closure__ or ())}
    if isinstance(value, partial):
        called = cast("partial[object]", value)  # whatever it returns
        return {"(func)": called.func, "(args)": called.args, "(keywords)": called.keywords}
    return dict(_attributes(value, caches))


def _attributes(value: object, caches: Collection[Place]) -> Iterator[tuple[str, object]]:
    kinds = type(value).__mro__
    slots = [name for kind in kinds for name in getattr(kind, "__slots__", ())]
    for name in (*slots, *getattr(value, "__dict__", ())):
        if hasattr(value, name) and not any((kind.__name__, name) in caches for kind in kinds):
            yield f".{name}", getattr(value, name)
