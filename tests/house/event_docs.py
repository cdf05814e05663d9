"""Pins the vocabulary of events: writes ``events.schema.txt`` and ``docs/events.md`` (``make events``).

It adds what is new and refuses what would make an old log unreadable.
"""

import inspect
import re
import sys
from collections.abc import Iterator
from enum import Enum
from itertools import groupby
from typing import get_args

import msgspec

from kernel.events import EVENT_TYPES, RETIRED_TAGS, Event, Record
from tests.house.allowed import ALLOWED
from tests.house.event_schema import (
    default_text,
    family_name,
    incompatibilities,
    is_kind,
    nested_types,
    schema,
    type_name,
)
from tests.house.event_use import EVENT_USE
from tests.house.tree import ROOT

SCHEMA = ROOT / "tests/house/events.schema.txt"
PAGE = ROOT / "docs/events.md"

HEAD = """\
# Events

Every event type, by family: its tag, its fields in wire order, their defaults. Written by `make events`
from `kernel/events`; a test fails when it is out of date.

Each event begins with `ts`: kernel time, int, ns since the epoch, UTC, never decreasing along a log.
An event travels as an array `[tag, ts, field, ...]`. Fields are only ever added, at the end and with a
default; a tag is never used again{retired}.
"""


def page() -> str:
    """The page about events as it should be now."""
    parts = [HEAD.format(retired=_retired()), _contents()]
    for module, events in groupby(EVENT_TYPES, key=lambda each: each.__module__):
        parts.append(f"## {_family(module)}\n\n{_prose(sys.modules[module])}\n")
        parts += [
            f"### {each.__name__} (tag {each.__struct_config__.tag})\n\n"
            f"{_prose(each)}{_waiting(each)}\n\n{_fields(each)}"
            for each in events
        ]
    records, enums = nested_types()
    parts.append(
        "## Records\n\nValues inside events, themselves arrays; one that has a tag begins with it.\n"
    )
    parts += [f"### {each.__name__}\n\n{_prose(each)}{_kind(each)}\n\n{_fields(each)}" for each in records]
    parts.append("## Choices\n\nEnums travel as their values.\n")
    parts += [f"### {each.__name__}\n\n{_choices(each)}" for each in enums]
    return "\n".join(parts)


def main() -> int:
    """Write both files; returns 1, and writes nothing, if an old log could not be read any more."""
    pinned = SCHEMA.read_text("utf-8") if SCHEMA.exists() else ""
    problems = incompatibilities(pinned, schema())
    if problems:
        sys.stderr.write("\n".join(["The vocabulary may only grow; nothing was written.", *problems]) + "\n")
        return 1
    SCHEMA.write_text(schema(), "utf-8")
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page(), "utf-8")
    return 0


def _contents() -> str:
    lines = [
        f"- {_family(module)}: "
        + ", ".join(
            f"[{each.__name__}](#{each.__name__.lower()}-tag-{each.__struct_config__.tag})" for each in events
        )
        for module, events in groupby(EVENT_TYPES, key=lambda each: each.__module__)
    ]
    return "\n".join(lines) + "\n"


def _family(module: str) -> str:
    return module.rsplit(".", 1)[-1].capitalize()


def _prose(documented: object) -> str:
    return (inspect.getdoc(documented) or "").replace("``", "`")


def _retired() -> str:
    """The retired tags, in brackets."""
    retired = ", ".join(f"{tag} `{name}`" for tag, name in RETIRED_TAGS.items())
    return f" (retired: {retired})" if retired else ""


def _waiting(event_type: type[Event]) -> str:
    """A sentence for an event that nothing makes or hears so far."""
    path = event_type.__module__.replace(".", "/")
    reason = ALLOWED[EVENT_USE.key].get(f"{path}.py::{event_type.__name__}", "")
    return f"\n\n{reason.capitalize()}." if reason.startswith("not in use yet") else ""


def _kind(record: type[Record]) -> str:
    """A sentence for a record that is one of a tagged family."""
    if not is_kind(record):
        return ""
    return f" A `{family_name(record)}`, tag `{record.__struct_config__.tag}`."


def _fields(struct: type[Event | Record]) -> str:
    rows = list(_rows(struct))
    if not rows:
        return "No fields of its own.\n"
    table = "\n".join(["| field | type | default |", "| --- | --- | --- |", *rows])
    return f"{table}\n"


def _rows(struct: type[Event | Record]) -> Iterator[str]:
    for field in msgspec.structs.fields(struct):
        if not (issubclass(struct, Event) and field.name == "ts"):
            default = f"`{default_text(field)}`" if default_text(field) else ""
            yield f"| `{field.name}` | {_linked(field.type)} | {default} |"


def _linked(annotation: object) -> str:
    """A type as a reader knows it, ids by their names, enums and records linked to their entry."""
    if any(is_kind(each) for each in get_args(annotation)):
        return type_name(annotation).replace("|", "\\|")
    text = annotation.__name__ if isinstance(annotation, type) else str(annotation)
    text = re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", text).replace("|", "\\|")
    nested = {each.__name__ for group in nested_types() for each in group}
    linked = re.sub(
        r"\b[A-Z]\w+",
        lambda match: f"[{match[0]}](#{match[0].lower()})" if match[0] in nested else match[0],
        text,
    )
    return linked if linked != text else f"`{text}`".replace("\\|", "|") if "|" not in text else text


def _choices(enum: type[Enum]) -> str:
    return f"{_prose(enum)}\n\n{', '.join(f'`{member.value}`' for member in enum)}\n"


if __name__ == "__main__":
    sys.exit(main())
