"""The wire format of the vocabulary as text, one line per field, so that a change of it shows.

Events are arrays: a field's place, type and default are what old logs are decoded with. So a pinned
line is never edited, moved or removed; fields, enum values and event types are only ever added at
the end, new fields with a default. An event that no log holds may be retired: its tag stays pinned.
"""

import types
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import NewType, TypeGuard, Union, get_args, get_origin

import msgspec

from kernel.events import EVENT_TYPES, RETIRED_TAGS, Event, Record

HEAD = "# The wire format of events, pinned. `make events` adds to it; nothing here is ever changed.\n"

Section = tuple[str, list[str]]
"""A name and its lines: the fields of a struct, the values of an enum."""


def schema() -> str:
    """The schema of the vocabulary as it is now."""
    lines = [HEAD]
    for title, (name, fields) in _sections().items():
        lines.append(f"{title} {name}".rstrip())
        lines += [f"  {field}" for field in fields]
    return "\n".join(lines) + "\n"


def incompatibilities(pinned: str, current: str) -> list[str]:
    """Why logs written under ``pinned`` could be misread under ``current``; empty if they cannot."""
    now = _parse(current)
    problems: list[str] = []
    for title, (name, old) in _parse(pinned).items():
        if title not in now and title.replace("event", "retired") in now:
            continue
        if title not in now:
            problems.append(f"{title} {name} is gone: logs that hold it could not be read")
            continue
        if title.startswith("record") and now[title][0] != name:
            problems.append(f"{title}: its `{name}` became `{now[title][0]}`; a tag stays what it is")
        new = now[title][1]
        for place, line in enumerate(old):
            found = new[place] if place < len(new) else "nothing"
            if found != line:
                problems.append(f"{title} {name}: `{line}` became `{found}`; use a new tag and an upcaster")
                break
        else:
            bare = [line for line in new[len(old) :] if ": " in line and " = " not in line]
            problems += [f"{title} {name}: new field `{line}` needs a default" for line in bare]
    return problems


def nested_types() -> tuple[list[type[Record]], list[type[Enum]]]:
    """The records and enums that events hold, by name."""
    records: set[type[Record]] = set()
    enums: set[type[Enum]] = set()
    waiting: list[type[Event | Record]] = list(EVENT_TYPES)
    while waiting:
        for field in msgspec.structs.fields(waiting.pop()):
            for leaf in leaf_types(field.type):
                if issubclass(leaf, Enum):
                    enums.add(leaf)
                elif issubclass(leaf, Record) and leaf not in records:
                    records.add(leaf)
                    waiting.append(leaf)
    return sorted(records, key=lambda each: each.__name__), sorted(enums, key=lambda each: each.__name__)


def leaf_types(annotation: object) -> Iterator[type]:
    """The classes an annotation is made of; raises ``TypeError`` for what an event may not hold."""
    allowed = (int, float, bool, str, bytes, Decimal, types.NoneType)
    if isinstance(annotation, NewType):
        yield from leaf_types(annotation.__supertype__)
    elif get_origin(annotation) in (Union, types.UnionType, tuple):
        for each in get_args(annotation):
            if each is not Ellipsis:
                yield from leaf_types(each)
    elif isinstance(annotation, type) and (annotation in allowed or issubclass(annotation, Enum | Record)):
        yield annotation
    else:
        raise TypeError(f"{annotation} in an event: only plain values, enums, records and tuples of them")


def type_name(annotation: object) -> str:
    """An annotation as it is on the wire: names for ids are what they stand for."""
    if isinstance(annotation, NewType):
        return type_name(annotation.__supertype__)
    if get_origin(annotation) in (Union, types.UnionType):
        names = [family_name(each) if is_kind(each) else type_name(each) for each in get_args(annotation)]
        return " | ".join(dict.fromkeys(names))
    if get_origin(annotation) is tuple:
        return f"tuple[{', '.join(type_name(each) for each in get_args(annotation))}]"
    if annotation is Ellipsis:
        return "..."
    if annotation is types.NoneType:
        return "None"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def is_kind(annotation: object) -> TypeGuard[type[Record]]:
    """Whether it is one of several records that their tags tell apart: more may come, under other tags."""
    return (
        isinstance(annotation, type)
        and issubclass(annotation, Record)
        and annotation.__struct_config__.tag is not None
    )


def family_name(kind: type[Record]) -> str:
    """What a union of such records is called: the class that they are made from."""
    return kind.__mro__[1].__name__


def default_text(field: msgspec.structs.FieldInfo) -> str:
    """A field's default as text, ``""`` if it has none."""
    if field.default is not msgspec.NODEFAULT:
        return field.default.value if isinstance(field.default, Enum) else repr(field.default)
    if field.default_factory is not msgspec.NODEFAULT:
        return f"{getattr(field.default_factory, '__name__', field.default_factory)}()"
    return ""


def _sections() -> dict[str, Section]:
    records, enums = nested_types()
    sections: dict[str, Section] = {f"retired {tag}": (name, []) for tag, name in RETIRED_TAGS.items()}
    sections |= {
        f"event {each.__struct_config__.tag}": (each.__name__, _fields(each)) for each in EVENT_TYPES
    }
    sections |= {f"record {each.__name__}": (_tag_text(each), _fields(each)) for each in records}
    sections |= {f"enum {each.__name__}": ("", [str(member.value) for member in each]) for each in enums}
    return sections


def _tag_text(record: type[Record]) -> str:
    return f"tag {record.__struct_config__.tag}" if is_kind(record) else ""


def _fields(struct: type[Event | Record]) -> list[str]:
    return [
        f"{field.encode_name}: {type_name(field.type)}"
        + (f" = {default_text(field)}" if default_text(field) else "")
        for field in msgspec.structs.fields(struct)
    ]


def _parse(text: str) -> dict[str, Section]:
    sections: dict[str, Section] = {}
    lines: list[str] = []
    for line in text.splitlines():
        if line.startswith("  "):
            lines.append(line.strip())
        elif line and not line.startswith("#"):
            kind, key, *name = line.split()
            lines = []
            sections[f"{kind} {key}"] = (" ".join(name), lines)
    return sections
