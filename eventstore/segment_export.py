"""Export of events to Parquet, one file for each segment, stream, kind and symbol. Needs ``pyarrow``.

The folders are named as Hive does (``stream=log/kind=quote/symbol=AAPL/000001.parquet``), so that DuckDB,
pandas, Polars and Spark read them as one table with these columns. Whole numbers and decimals stay exact:
what a field cannot hold as a number or text is JSON.
"""

import re
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing, suppress
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from eventstore.port import Batch, EventStore, Selection
from eventstore.segmented import SegmentedEventStore
from eventstore.vocabulary import symbol_of
from kernel.errors import InputError, StreamMissing
from kernel.events import EVENT_TYPES, MARKET_TYPES, Event

BUFFERED_EVENTS = 200_000
"""Events held before they are written as row groups: about 100 MB of Python objects."""

_ALL = Selection()

_DECIMAL_DIGITS = 38
_DECIMAL_PLACES = 18

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


class ExportedFile(msgspec.Struct, frozen=True):
    """A file that was written."""

    path: str
    event_count: int


def kind_of(event_type: type[Event]) -> str:
    """The name of an event type in paths and options: ``order_filled``."""
    return _WORD.sub("_", event_type.__name__).lower()


async def export_segments(
    store: SegmentedEventStore,
    stream: str,
    folder: Path,
    *,
    numbers: Collection[int] = (),
    selection: Selection = _ALL,
) -> list[ExportedFile]:
    """Write the selected events of a stream below a folder, those of some segments or of all.

    Of pruned segments it writes what was kept. Files of an earlier export are written over.
    """
    found: list[ExportedFile] = []
    whole_from = await store.first_seq(stream)
    for number, first_seq, last_seq in await store.stretches(stream):
        if numbers and number not in numbers:
            continue
        part = msgspec.structs.replace(selection, from_seq=first_seq, to_seq=last_seq)
        if last_seq < whole_from:
            types = (selection.types or frozenset(EVENT_TYPES)) - MARKET_TYPES
            part = msgspec.structs.replace(part, types=types)
        with suppress(StreamMissing):  # nothing of it was kept
            found += await _export(store, stream, folder, name=f"{number:06}", selection=part)
    return found


async def _export(
    store: EventStore, stream: str, folder: Path, *, name: str, selection: Selection
) -> list[ExportedFile]:
    files = _ParquetFiles(folder, name)
    try:
        async with aclosing(store.read(stream, selection)) as batches:
            async for batch in batches:
                files.add(batch)
    finally:
        files.close()
    return files.written()


def require_pyarrow() -> None:
    """Raise ``InputError`` if the package is missing."""
    _arrow()


class _ParquetFiles:
    """The files of one export, and the rows that wait to be written."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder = folder
        self._name = name
        self._rows: dict[Path, tuple[type[Event], list[tuple[int, int | None, Event]]]] = {}
        self._waiting = 0
        self._writers: dict[Path, Any] = {}  # Any: pyarrow has no types
        self._counts: dict[Path, int] = {}

    def add(self, batch: Batch) -> None:
        """Take the events of a batch."""
        causes: Sequence[int | None] = batch.causes or [None] * len(batch.events)
        for seq, cause, event in zip(batch.seqs, causes, batch.events, strict=True):
            path = self._path(batch.stream, type(event), symbol_of(event))
            self._rows.setdefault(path, (type(event), []))[1].append((seq, cause, event))
        self._waiting += len(batch.events)
        if self._waiting >= BUFFERED_EVENTS:
            self._flush()

    def close(self) -> None:
        """Write what waits, and end all files."""
        try:
            self._flush()
        finally:
            for writer in self._writers.values():
                writer.close()

    def written(self) -> list[ExportedFile]:
        """The files, by path."""
        return [ExportedFile(str(path), count) for path, count in sorted(self._counts.items())]

    def _path(self, stream: str, kind: type[Event], symbol: str) -> Path:
        parts = (f"stream={_part(stream)}", f"kind={kind_of(kind)}", f"symbol={_part(symbol)}")
        return self._folder.joinpath(*parts, f"{self._name}.parquet")

    def _flush(self) -> None:
        pyarrow = _arrow()
        for path, (kind, rows) in self._rows.items():
            schema, getters = _columns(kind)
            seqs, causes, events = zip(*rows, strict=True)
            columns = [seqs, [event.ts for event in events], causes]
            columns += [[get(event) for event in events] for get in getters]
            table = pyarrow.table(dict(zip(schema.names, columns, strict=True)), schema=schema)
            self._writer(path, schema).write_table(table)
            self._counts[path] = self._counts.get(path, 0) + len(rows)
        self._rows.clear()
        self._waiting = 0

    def _writer(self, path: Path, schema: Any) -> Any:  # Any: pyarrow has no types
        if path not in self._writers:
            import pyarrow.parquet

            path.parent.mkdir(parents=True, exist_ok=True)
            self._writers[path] = pyarrow.parquet.ParquetWriter(path, schema, compression="zstd")
        return self._writers[path]


@cache
def _columns(kind: type[Event]) -> tuple[Any, list[Callable[[Event], object]]]:
    """The schema of an event type, and how to get the columns after ``seq``, ``ts`` and ``cause``."""
    pyarrow = _arrow()
    columns = [
        ("seq", pyarrow.int64()),
        ("ts", pyarrow.timestamp("ns", tz="UTC")),
        ("cause", pyarrow.int64()),
    ]
    getters: list[Callable[[Event], object]] = []
    for field in msgspec.structs.fields(kind):
        if field.name in ("ts", "symbol"):  # the symbol is in the path
            continue
        column, convert = _column(msgspec.inspect.type_info(field.type))
        columns.append((field.name, column))
        getters.append(_getter(field.name, convert))
    return pyarrow.schema(columns), getters


def _getter(name: str, convert: Callable[[object], object]) -> Callable[[Event], object]:
    return lambda event: None if (value := getattr(event, name)) is None else convert(value)


def _column(kind: msgspec.inspect.Type) -> tuple[Any, Callable[[object], object]]:
    """The Parquet type of a field, and what makes a value of it."""
    pyarrow = _arrow()
    match kind:
        case msgspec.inspect.UnionType(types=types) if len(rest := _without_none(types)) == 1:
            return _column(rest[0])
        case msgspec.inspect.BoolType():
            return pyarrow.bool_(), _same
        case msgspec.inspect.IntType():
            return pyarrow.int64(), _same
        case msgspec.inspect.FloatType():
            return pyarrow.float64(), _same
        case msgspec.inspect.StrType():
            return pyarrow.string(), _same
        case msgspec.inspect.DecimalType():
            return pyarrow.decimal128(_DECIMAL_DIGITS, _DECIMAL_PLACES), _same
        case msgspec.inspect.EnumType():
            return pyarrow.string(), _name_of
        case _:
            return pyarrow.string(), _as_json


def _without_none(types: Collection[msgspec.inspect.Type]) -> list[msgspec.inspect.Type]:
    return [each for each in types if not isinstance(each, msgspec.inspect.NoneType)]


def _same(value: object) -> object:
    return value


def _name_of(value: object) -> object:
    return value.name.lower() if isinstance(value, Enum) else value


def _as_json(value: object) -> object:
    return msgspec.json.encode(value).decode()


def _part(text: str) -> str:
    """A value in a path; Hive's word for one that is missing."""
    return quote(text, safe=" ") if text else "__HIVE_DEFAULT_PARTITION__"


def _arrow() -> Any:  # Any: pyarrow has no types
    try:
        import pyarrow
    except ImportError as error:
        raise InputError("export needs the package pyarrow: pip install 'onetape[parquet]'") from error
    return pyarrow
