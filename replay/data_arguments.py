"""The ``data`` argument of ``backtest``: files, data frames, or streams of a store.

Files and frames are imported into memory, each with the symbol in its rows, else with the symbol that its key
or its file name says. All of them pass the importer's checks.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TypeGuard

import msgspec

from eventstore import EventStore, MemoryEventStore
from eventstore.importing import (
    BadRow,
    BadRowCause,
    BadRowsRefused,
    DataKind,
    ImportOptions,
    ImportResult,
    Source,
    import_files,
)
from eventstore.segment_folder import TAPE_SUFFIX
from eventstore.stream_keys import QUARANTINE_SUFFIX
from kernel.configuration import listed
from kernel.errors import ConfigError, InputError
from replay.config import ReplayConfig
from replay.frame_rows import FrameLike, frame_rows, is_frame
from replay.python_words import in_python

DataItem = str | Path | FrameLike
Data = DataItem | Sequence[str | Path] | Mapping[str, DataItem]
"""Market data: one file or frame, several files, files or frames by symbol, a store, or names of streams."""

UNNAMED_BENCHMARK = "BENCHMARK"
UNNAMED_SYMBOL = "DATA"
"""The symbol of a single frame that names none."""

_STORE_SUFFIXES = (".db", TAPE_SUFFIX)
_FILE_SUFFIXES = frozenset(
    (
        *(".csv", ".txt", ".tsv", ".prn", ".dat", ".data", ".json", ".jsonl", ".ndjson"),
        *(".gz", ".bz2", ".xz", ".zst", ".zip", ".parquet", ".pq", ".feather", ".arrow"),
        *(".xls", ".xlsx", ".xlsm", ".ods", ".bi5", ".hst", ".dbn", ".h5", ".hdf", ".hdf5", ".pkl"),
    )
)
"""A text with one of these endings is a file. Any other that is not a path is the name of a stream."""

_EXPECTED = "expected a file, a DataFrame, several files, a mapping by symbol, or names of streams"
_SORT = 'importing={"sort": True}'


class StoredData(msgspec.Struct, frozen=True):
    """Streams of a store. Without names, those of the ``streams`` argument are meant."""

    path: Path
    streams: tuple[str, ...] = ()


class DataPart(msgspec.Struct, frozen=True, kw_only=True):
    """Files or tables that are imported together.

    - ``fallback_symbol``: the symbol of rows that name none.
    - ``only``: the symbols to take; empty: all.
    - ``tz``, ``time_column``: the zone and the column of time stamps, if they are known.
    - ``labels``: for messages, the index at a row of a frame.
    """

    sources: tuple[Source, ...]
    fallback_symbol: str = ""
    only: tuple[str, ...] = ()
    tz: str = ""
    time_column: str = ""
    labels: Callable[[int], str] | None = None

    def options(self, importing: ImportOptions | None) -> ImportOptions:
        """How to read this part. What the caller says has priority."""
        options = importing or ImportOptions()
        changes: dict[str, object] = {}
        if not (options.symbol or options.fallback_symbol):
            changes["fallback_symbol"] = self.fallback_symbol
        if self.only:
            changes["only"] = self.only
        if self.tz and options.tz == ImportOptions().tz:
            changes["tz"] = self.tz
        if self.time_column and "time" not in dict(options.column):
            changes["column"] = (*options.column, ("time", self.time_column))
        return msgspec.structs.replace(options, **changes)


class BadFrameRow(BadRow, frozen=True):
    """A row of a data frame that was not accepted, named by its index."""

    label: str

    @property
    def where(self) -> str:
        return f"row {self.label}"

    @property
    def complaint(self) -> str:
        seen = repr(self.seen) if self.seen else "missing (NaN)"
        return f"{self.field} is {seen}, expected {self.expected}"


def data_of(
    data: Data, *, store: str | Path | None = None, importing: ImportOptions | None = None
) -> StoredData | list[DataPart]:
    """What an argument means. Raises ``InputError`` for one that means nothing, or two things at once.

    ``store`` says where streams are; without it they are in the default store of all commands.
    """
    if store is not None and (is_frame(data) or _is_mapping(data)):
        raise InputError("store: is for names of streams; a DataFrame is imported into memory")
    if _is_mapping(data):
        return _parts_by_symbol(data, importing)
    if is_frame(data):
        return _frame_parts(data, name="data")
    items = _items(data)
    if store is not None:
        return StoredData(Path(store), tuple(map(str, items)))
    stores = [item for item in items if Path(item).suffix in _STORE_SUFFIXES]
    if stores:
        if len(items) > 1:
            raise InputError(f"data: one store or several files, not both: {', '.join(map(str, items))}")
        return StoredData(Path(stores[0]))
    streams = [str(item) for item in items if not _is_file(item)]
    if streams and len(streams) < len(items):
        raise InputError(f"data: files or streams, not both: {', '.join(map(str, items))}")
    if streams:
        return StoredData(Path(ReplayConfig().store), tuple(streams))
    return _file_parts([Path(item) for item in items], importing)


def benchmark_of(benchmark: str | Path | FrameLike | None) -> str | list[DataPart]:
    """A name as it is, or what to import: a file or a frame. Raises ``InputError`` for anything else."""
    if benchmark is None or (isinstance(benchmark, str) and not _is_file(benchmark)):
        return benchmark or ""
    if is_frame(benchmark):
        return _frame_parts(benchmark, name="benchmark", symbol=UNNAMED_BENCHMARK)
    if isinstance(benchmark, str | Path):
        return _file_parts([Path(benchmark)], None)
    raise InputError(
        f"benchmark: expected a symbol, a stream, a file or a DataFrame; got {type(benchmark).__name__}"
    )


async def import_benchmark(
    store: EventStore, parts: Sequence[DataPart], importing: ImportOptions | None
) -> str:
    """Import a benchmark's prices, each row with its own symbol; returns the name of their stream.

    The name is none of data: rows of a symbol that is played must not be added to its stream.
    """
    options = msgspec.structs.replace(
        importing or ImportOptions(), symbol="", fallback_symbol="", only=(), stream=""
    )
    own = MemoryEventStore()
    streams = [stream for part in parts for stream in await _import_part(own, part, options)]
    if len(streams) != 1:
        raise InputError(f"benchmark: expected prices of one symbol; got {listed(streams)}")
    name = f"benchmark {streams[0]}"
    head = await store.head(name)
    async with aclosing(own.read(streams[0])) as batches:
        async for batch in batches:
            head = await store.append(name, batch.events, expected_seq=head.seq)
    return name


def no_store(data: StoredData) -> str:
    """The sentence that a store does not exist."""
    if not data.streams:
        return f"data: there is no store at {data.path}"
    named = ", ".join(map(repr, data.streams))
    return f"data: {named} is not a file, and there is no store at {data.path} with a stream of this name"


async def import_data(
    store: EventStore,
    parts: Sequence[DataPart],
    importing: ImportOptions | None,
    *,
    facts: Mapping[DataKind, Sequence[Path]],
) -> tuple[str, ...]:
    """Import market data, and files of facts about it; returns the names of their streams."""
    beside = parts[0].options(importing)
    factual: dict[str, None] = {}
    for kind, files in facts.items():  # first: a split among them is not odd in the prices
        for path in files:
            factual.update(dict.fromkeys(await _import_facts(store, path, kind, beside=beside)))
    streams: dict[str, None] = {}
    for part in parts:
        streams.update(dict.fromkeys(await _import_part(store, part, importing)))
    return tuple(dict.fromkeys((*streams, *factual)))


async def _import_part(store: EventStore, part: DataPart, importing: ImportOptions | None) -> tuple[str, ...]:
    """Import files or frames; returns the names of their streams, without those of bad rows."""
    imported = await _imported(store, part.sources, part.options(importing), labels=part.labels)
    names = [stream.stream for stream in imported.streams]
    return tuple(name for name in names if not name.endswith(QUARANTINE_SUFFIX))


async def _imported(
    store: EventStore,
    sources: Sequence[Source],
    options: ImportOptions,
    *,
    labels: Callable[[int], str] | None = None,
) -> ImportResult:
    """The import of files or frames. Its errors name arguments of Python, and rows of frames by index."""
    try:
        return await import_files(store, sources, options)
    except BadRowsRefused as error:

        def named(rows: Sequence[BadRow]) -> tuple[BadRow, ...]:
            return tuple(_named_row(row, labels) for row in rows)

        causes = tuple(BadRowCause(cause.count, named(cause.first)) for cause in error.causes)
        raise BadRowsRefused(named(error.rows), count=error.count, causes=causes) from None
    except InputError as error:
        raise InputError(in_python(str(error))) from error


def _named_row(row: BadRow, labels: Callable[[int], str] | None) -> BadRow:
    expected = in_python(row.expected)
    if labels is None:
        return msgspec.structs.replace(row, expected=expected)
    expected = expected.replace(_SORT, f"frame.sort_index() or {_SORT}")
    return BadFrameRow(row.file, row.line, row.field, row.seen, expected, labels(row.line))


async def _import_facts(
    store: EventStore, path: Path, kind: DataKind, *, beside: ImportOptions
) -> tuple[str, ...]:
    """Import a file of facts with the zone and session of the bars, so that its times fit theirs."""
    is_by_day = kind is not DataKind.FUNDING_RATES
    options = ImportOptions(
        kind=kind,
        fallback_symbol="" if kind is DataKind.CORPORATE_ACTIONS else path.stem.upper(),
        tz=beside.tz,
        session=beside.session if is_by_day else "",
    )
    imported = await _imported(store, [path], options)
    return tuple(stream.stream for stream in imported.streams)


def _items(data: object) -> list[str | Path]:
    """The texts and paths of an argument."""
    if isinstance(data, str | Path):
        return [data]
    if not isinstance(data, Sequence):
        raise InputError(f"data: {_EXPECTED}; got {type(data).__name__}")
    items: Sequence[object] = list(data)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]  # its elements may be anything
    found: list[str | Path] = []
    for item in items:
        if is_frame(item):
            raise InputError('data: a list of DataFrames names no symbols; give a mapping, {"AAPL": frame}')
        if not isinstance(item, str | Path):
            raise InputError(f"data: {_EXPECTED}; got a list with {type(item).__name__}")
        found.append(item)
    if not found:
        raise InputError(f"data: {_EXPECTED}; got an empty list")
    return found


def _is_file(item: str | Path) -> bool:
    path = Path(item)
    is_named_so = isinstance(item, Path) or len(path.parts) > 1 or path.suffix.lower() in _FILE_SUFFIXES
    return is_named_so or path.exists()


def _file_parts(paths: Sequence[Path], importing: ImportOptions | None) -> list[DataPart]:
    """One part if the caller names symbols, else a part for each file, of the symbol in its name."""
    if importing is not None and (importing.symbol or importing.fallback_symbol or importing.only):
        return [DataPart(sources=tuple(paths))]
    return [DataPart(sources=(path,), fallback_symbol=path.stem.upper()) for path in paths]


def _frame_parts(frame: FrameLike, *, name: str, symbol: str = "") -> list[DataPart]:
    return [
        DataPart(
            sources=(one.rows,),
            fallback_symbol=symbol or one.symbol or UNNAMED_SYMBOL,
            tz=one.tz,
            time_column=one.time_column,
            labels=one.labels,
        )
        for one in frame_rows(frame, name=name)
    ]


def _parts_by_symbol(data: Mapping[object, object], importing: ImportOptions | None) -> list[DataPart]:
    """The parts of a mapping. Rows that name another symbol than the key are left out."""
    if importing is not None and (importing.symbol or importing.fallback_symbol or importing.only):
        raise ConfigError("importing: the keys of data name the symbols; leave symbol and only out")
    if not data:
        raise InputError(f"data: {_EXPECTED}; got an empty mapping")
    parts: list[DataPart] = []
    seen: dict[str, str] = {}
    for key, item in data.items():
        if not isinstance(key, str):
            raise InputError(f"data: expected symbols as keys; got {key!r}")
        if key.lower() in seen:
            raise InputError(f"data: the keys {seen[key.lower()]!r} and {key!r} would share a stream")
        seen[key.lower()] = key
        parts += _keyed_parts(key, item)
    return parts


def _keyed_parts(key: str, item: object) -> list[DataPart]:
    name = f"data[{key!r}]"
    if isinstance(item, str | Path):
        return [DataPart(sources=(Path(item),), fallback_symbol=key, only=(key,))]
    if not is_frame(item):
        raise InputError(f"{name}: expected a DataFrame or a file, got {type(item).__name__}")
    parts = _frame_parts(item, name=name, symbol=key)
    if len(parts) > 1:
        raise InputError(f"{name}: the DataFrame has several symbols: give it alone, data=frame")
    return [msgspec.structs.replace(part, only=(key,)) for part in parts]


def _is_mapping(value: object) -> TypeGuard[Mapping[object, object]]:
    return isinstance(value, Mapping)
