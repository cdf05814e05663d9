"""Recorded runs in which one thing was changed, the hash chain with it: a judge alone can tell."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from enum import Enum

import msgspec

from eventstore import EventStore, MemoryEventStore
from kernel.events import Event
from tests.replay.playing import Record, read_records


class Alteration(msgspec.Struct, frozen=True):
    """What was changed, and the records with it."""

    what: str
    records: tuple[Record, ...]


def field_alterations(records: Sequence[Record], places: Sequence[int]) -> Iterator[Alteration]:
    """Every field of the events at these places changed, one at a time, fields of fields too."""
    for place in places:
        record = records[place]
        for name, event in _altered_structs(record.event, type(record.event).__name__):
            assert isinstance(event, Event)
            yield Alteration(name, _with(records, place, [Record(event, record.cause)]))
        cause = Record(record.event, record.cause + 1)
        yield Alteration(f"cause of {type(record.event).__name__}", _with(records, place, [cause]))


def record_alterations(records: Sequence[Record], places: Sequence[int]) -> Iterator[Alteration]:
    """Every one of these records left out, and told twice."""
    for place in places:
        name = type(records[place].event).__name__
        yield Alteration(f"without {name}", _with(records, place, []))
        yield Alteration(f"{name} twice", _with(records, place, [records[place]] * 2))


async def rewritten(store: EventStore, run: str, records: Sequence[Record]) -> MemoryEventStore:
    """A store with the same data in which the run has these records."""
    copy = MemoryEventStore()
    for info in await store.streams():
        if info.stream != run:
            events = [record.event for record in await read_records(store, info.stream)]
            await copy.append(info.stream, events, expected_seq=0)
    events, causes = [one.event for one in records], [one.cause for one in records]
    await copy.append(run, events, expected_seq=0, causes=causes)
    return copy


def _with(records: Sequence[Record], place: int, instead: Sequence[Record]) -> tuple[Record, ...]:
    return (*records[:place], *instead, *records[place + 1 :])


def _altered_structs(struct: msgspec.Struct, name: str) -> Iterator[tuple[str, msgspec.Struct]]:
    for field in struct.__struct_fields__:
        for part, value in _altered(getattr(struct, field), f"{name}.{field}"):
            yield part, msgspec.structs.replace(struct, **{field: value})


def _altered(value: object, name: str) -> Iterator[tuple[str, object]]:
    """Other values of one type, a number for none; of a struct and a tuple every part by itself."""
    match value:
        case bool():
            yield name, not value
        case Enum():
            members = list(type(value))
            yield name, members[(members.index(value) + 1) % len(members)]
        case int() | float() | Decimal():
            yield name, value + 1
        case str():
            yield name, f"{value}x"
        case bytes():
            yield name, value + b"x"
        case msgspec.Struct():
            yield from _altered_structs(value, name)
        case tuple():
            yield from _altered_rows(value, name)  # pyright: ignore[reportUnknownArgumentType]  # of anything
        case _:
            assert value is None, value
            yield name, Decimal(1)


def _altered_rows(values: tuple[object, ...], name: str) -> Iterator[tuple[str, object]]:
    if values:
        yield f"{name} without its last", values[:-1]
        for part, value in _altered(values[0], f"{name}[0]"):
            yield part, (value, *values[1:])
