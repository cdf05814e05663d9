"""Reads files into checked events on a spool. Does not use a store.

A bad row is refused or quarantined (see ``parsed``). A damaged file (not text, or compressed data cut short)
is always refused as a whole.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from eventstore.importing.columns import Columns, resolve_columns
from eventstore.importing.defects import BadRow, BadRowsRefused, ColumnMissing, RowDefect
from eventstore.importing.feed_reading import FeedReader
from eventstore.importing.intervals import timeframe_ns
from eventstore.importing.local_time import iso_utc
from eventstore.importing.memory_rows import MemoryRows, Source
from eventstore.importing.option_checks import checked
from eventstore.importing.options import BadRows, DataKind, ImportOptions
from eventstore.importing.parquet_rows import MAGIC, ParquetRows
from eventstore.importing.parsed import OnProgress, ParsedFiles, Progress, Track
from eventstore.importing.parsers import RowEvent, RowParser, row_parser
from eventstore.importing.text_rows import Row, TextRows
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import Bar
from kernel.time_units import DAY_NS

_PROGRESS_ROWS = 10_000

SourceT = TypeVar("SourceT", bound=Source, contravariant=True)


@exact
def parse_files(
    paths: Sequence[Source], options: ImportOptions, *, on_progress: OnProgress | None = None
) -> ParsedFiles:
    """Read and check every row of the files or tables, in this order, as if they were one file.

    Raises ``BadRowsRefused`` after the last row if there are bad rows and the options refuse them, and
    ``InputError`` for files and options that cannot be used.
    """
    options = checked(options)
    parsed = ParsedFiles(tuple(path.name for path in paths), options)
    try:
        if options.kind is DataKind.DEPTH:
            files = _only_files(paths)
            _read_all(FeedReader(options, parsed, paths=files), files, on_progress, parsed=parsed)
        else:
            _read_all(_Reader(options, parsed), paths, on_progress, parsed=parsed)
    except BaseException:
        parsed.close()
        raise
    return parsed


class _FileReader(Protocol[SourceT]):
    """Reads files of one form, one after the other."""

    def read(self, path: SourceT, report: Callable[[int], None]) -> int: ...
    def check_found(self) -> None: ...


def _read_all(
    reader: _FileReader[SourceT],
    sources: Sequence[SourceT],
    on_progress: OnProgress | None,
    *,
    parsed: ParsedFiles,
) -> None:
    total = sum(map(_size, sources))
    before = 0
    for source in sources:
        before += reader.read(source, _shifted(on_progress, before=before, total=total))
    if parsed.bad_count and parsed.options.bad_rows is BadRows.REFUSE:
        raise BadRowsRefused(tuple(parsed.bad_rows), count=parsed.bad_count)
    reader.check_found()


class _Reader:
    """Reads the rows of files into ``ParsedFiles``."""

    def __init__(self, options: ImportOptions, parsed: ParsedFiles) -> None:
        self._options = options
        self._parsed = parsed
        self._only = frozenset(options.only)
        self._seen: dict[str, None] = {}  # skipped symbols, in order of appearance
        self._are_bars = options.kind is DataKind.BARS
        is_daily = options.kind is DataKind.BARS and timeframe_ns(options.timeframe) <= DAY_NS
        self._bars_may_overlap = not is_daily
        self._hint = "" if options.newest_first else " (newest-first is an option)"

    def read(self, path: Source, report: Callable[[int], None]) -> int:
        """Read one file or table; return its size, in bytes or rows."""
        source = _open(path, self._options)
        file = path.name
        try:
            columns = _resolved(path, source.names, self._options)
            parser = row_parser(columns, self._options)
            rows_before = self._parsed.row_count
            for row in _oldest_first(source.rows()) if self._options.newest_first else source.rows():
                self._parsed.row_count += 1
                self._take(row, parser, columns=columns, file=file)
                if self._parsed.row_count % _PROGRESS_ROWS == 0:
                    report(source.position)
            if self._parsed.row_count == rows_before:
                raise InputError(f"{path}: has no rows after its header")
            report(source.size)
            return source.size
        except ColumnMissing as error:
            raise InputError(f"{path}: {error}") from None
        finally:
            source.close()

    def check_found(self) -> None:
        """Raise ``InputError`` if no file has rows of a symbol that was asked for."""
        missing = [symbol for symbol in self._options.only if symbol not in self._parsed.tracks]
        if missing:
            held = ", ".join([*self._parsed.tracks, *self._seen][:20])
            raise InputError(
                f"no rows of {', '.join(missing)} in {', '.join(self._parsed.files)}, which has {held}"
            )

    def _take(self, row: Row, parser: RowParser, *, columns: Columns, file: str) -> None:
        line, fields, text = row
        symbol = self._options.symbol
        try:
            if isinstance(fields, RowDefect):
                raise fields
            if len(fields) != len(columns.names):
                expected = f"{len(columns.names)} fields, not {len(fields)}"
                raise RowDefect("row", text or ",".join(fields), expected=expected)
            if not symbol:
                symbol = columns.symbol(fields, fallback=self._options.fallback_symbol)
                if self._only and symbol and symbol not in self._only:
                    self._seen[symbol] = None
                    self._parsed.skipped_count += 1
                    return
            track = self._parsed.tracks.get(symbol)
            if track is None:
                track = self._parsed.new_track(symbol, field=columns.name("symbol"))
            event = parser.parse(fields, symbol)
            # A bar that ends later may still overlap the one before; a later quote or trade is in order.
            disorder = None
            if self._are_bars or event.ts <= track.lane.last_ts:
                disorder = self._disorder(track, event)
            if disorder is not None:
                # When clocks are set back a local time occurs twice; perhaps the second one fits.
                event = parser.parse(fields, symbol, later=True)
                if self._disorder(track, event) is not None:
                    raise RowDefect("time", fields[columns.place("time")], expected=disorder)
        except RowDefect as defect:
            raw = text or ",".join(fields if isinstance(fields, list) else ())
            bad = BadRow(file, line, columns.name(defect.field), defect.seen, defect.expected)
            self._parsed.refuse(bad, symbol, raw=raw)
            return
        track.last_ts = event.ts
        track.count += 1
        self._parsed.spool.add(track.lane, event, file=file, line=line)

    def _disorder(self, track: Track, event: RowEvent) -> str | None:
        """The expected time, in words, if the row is out of order; ``None`` if it is in order."""
        if track.lane.count and event.ts < track.lane.last_ts:
            return f"a time not before the previous row's, {iso_utc(track.lane.last_ts)}{self._hint}"
        if track.count and isinstance(event, Bar):
            if event.ts == track.last_ts:
                return "one bar for each time"
            if event.open_ts < track.last_ts and not self._bars_may_overlap:
                return (
                    f"a bar of {event.timeframe} that starts after the previous one's end, "
                    f"{iso_utc(track.last_ts)} (check the timeframe and the time zone)"
                )
        return None


def _size(path: Source) -> int:
    if isinstance(path, MemoryRows):
        return path.size
    return path.stat().st_size if path.exists() else 0


def _only_files(sources: Sequence[Source]) -> list[Path]:
    files = [source for source in sources if isinstance(source, Path)]
    if len(files) < len(sources):
        raise InputError("kind is depth: recorded messages are read from files, not from tables in memory")
    return files


def _open(path: Source, options: ImportOptions) -> TextRows | ParquetRows | MemoryRows:
    if isinstance(path, MemoryRows):
        return path
    try:
        with path.open("rb") as file:
            is_parquet = file.read(len(MAGIC)) == MAGIC
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    if is_parquet:
        return ParquetRows(path)
    return TextRows(path, delimiter=options.delimiter, columns=options.columns)


def _oldest_first(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows from the last to the first. All of them are in memory at once."""
    return reversed(list(rows))


def _resolved(path: Source, names: Sequence[str], options: ImportOptions) -> Columns:
    try:
        return resolve_columns(names, options)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None


def _shifted(on_progress: OnProgress | None, *, before: int, total: int) -> Callable[[int], None]:
    if on_progress is None:
        return lambda _done: None
    return lambda done: on_progress(Progress("reading", before + done, total))
