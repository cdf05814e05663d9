"""Events as lines for people and as JSON objects for programs."""

from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from typing import cast

import msgspec
from rich.console import Console

from eventstore.moments import iso_utc
from eventstore.port import Batch
from kernel.events import EVENT_TYPES, Event, LoggedFigure, Record
from ops.tables import has_width

EVENT_NAMES: dict[str, type[Event]] = {kind.__name__: kind for kind in EVENT_TYPES}

INDENT = " " * 10
"""Before the fields of an event where they have lines of their own: below its time."""

NARROW_HEADING = f"{'seq':>8}  {'time':30}  {'cause':>9}  event"
HEADING = f"{'seq':>8}  {'time':30}  {'cause':>9}  {'event':20}  fields"


class LoggedEvent(msgspec.Struct, frozen=True):
    """An event with its place in its stream or story. A ``cause`` of 0 or below marks an input.

    ``seq``: 0 for data of a run among the records of that run.
    """

    seq: int
    cause: int
    event: Event


def logged_events(batch: Batch) -> Iterator[LoggedEvent]:
    """The events of a batch, in order."""
    causes = batch.causes if batch.causes is not None else (0,) * len(batch.events)
    for seq, cause, event in zip(batch.seqs, causes, batch.events, strict=True):
        yield LoggedEvent(seq, cause, event)


def human_line(logged: LoggedEvent) -> str:
    """One line under ``HEADING``; ``in 17`` is the 17th input, ``<-17`` an event derived after it."""
    return f"{_place(logged):75}  {' '.join(field_texts(logged.event))}"


def narrow_lines(logged: LoggedEvent, width: int) -> str:
    """The same on lines of a width: the event, and its fields below it. A longer field has its own lines."""
    lines, line = [_place(logged).rstrip()], INDENT
    for field in field_texts(logged.event):
        if line != INDENT and len(line) + 1 + len(field) > width:
            lines.append(line)
            line = INDENT
        line += field if line == INDENT else f" {field}"
        while len(line) > width:
            lines.append(line[:width])
            line = INDENT + line[width:]
    return "\n".join([*lines, line] if line != INDENT else lines)


def line_for(console: Console) -> Callable[[LoggedEvent], str]:
    """One line for each event, or lines that fit where there is a width."""
    return partial(narrow_lines, width=max(console.width, 40)) if has_width(console) else human_line


def _place(logged: LoggedEvent) -> str:
    """Seq, time, cause and type."""
    event = logged.event
    number = f" {-logged.cause}" if logged.cause else ""
    cause = f"<-{logged.cause}" if logged.cause > 0 else f"in{number}"
    return f"{logged.seq or '':>8}  {iso_utc(event.ts):30}  {cause:>9}  {type(event).__name__:20}"


def field_texts(event: Event) -> list[str]:
    """The event's own fields as ``name=value``, without empty ones."""
    values = ((name, getattr(event, name)) for name in event.__struct_fields__[1:])
    return [f"{name}={_readable(name, value)}" for name, value in values if value not in ("", None)]


def json_line(logged: LoggedEvent) -> str:
    """One JSON object: seq, cause, type, ts, time and the event's own fields by name."""
    return msgspec.json.encode(event_fields(logged)).decode()


def event_fields(logged: LoggedEvent) -> dict[str, object]:
    """The same as a mapping of plain values."""
    event = logged.event
    line: dict[str, object] = {
        "seq": logged.seq,
        "cause": logged.cause,
        "type": type(event).__name__,
        "ts": event.ts,
        "time": iso_utc(event.ts),
    }
    for name in event.__struct_fields__[1:]:
        line[name] = _plain(getattr(event, name))
    return line


def _plain(value: object) -> object:
    """Nested records as objects with names, and their ``kind`` if they have one; arrays only in the log."""
    if isinstance(value, Record):
        kind = value.__struct_config__.tag
        plain = {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
        return plain if kind is None else {"kind": kind, **plain}
    if isinstance(value, tuple):
        return [_plain(each) for each in cast(tuple[object, ...], value)]  # isinstance tells no more
    return value


def _readable(name: str, value: object) -> str:
    if name.endswith("_ts") and isinstance(value, int) and value:
        return iso_utc(value)
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, float):
        return f"{value:.15g}"
    if isinstance(value, LoggedFigure):
        return f"{value.name}={_readable(value.name, value.value if value.exact is None else value.exact)}"
    if isinstance(value, Record):
        inner = ((each, getattr(value, each)) for each in value.__struct_fields__)
        return (
            f"{value.__struct_config__.tag or ''}("
            + " ".join(f"{each}={_readable(each, item)}" for each, item in inner if item not in ("", None))
            + ")"
        )
    if isinstance(value, tuple):
        items = cast(tuple[object, ...], value)  # isinstance tells no more
        return "[" + " ".join(_readable("", each) for each in items) + "]"
    text = str(value)
    return repr(text) if isinstance(value, str) and (" " in text or not text.isprintable()) else text
