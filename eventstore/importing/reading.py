"""Reads files into checked events on a spool. Does not use a store.

A bad row is refused or quarantined (see ``parsed``). A damaged file (not text, or compressed data cut short)
is always refused as a whole.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec

from eventstore.importing.arrow_rows import ArrowRows
from eventstore.importing.columns import Columns
from eventstore.importing.defects import BadRow, BadRowsRefused, ColumnMissing, RowDefect
from eventstore.importing.feed_reading import FeedReader
from eventstore.importing.memory_rows import MemoryRows, Source
from eventstore.importing.option_checks import checked
from eventstore.importing.options import BadRows, DataKind, ImportOptions
from eventstore.importing.parsed import OnProgress, ParsedFiles, Progress
from eventstore.importing.parsers import RowParser, row_parser
from eventstore.importing.recognition import Reading, Recognised, recognise
from eventstore.importing.remarks import is_remark
from eventstore.importing.rewriting import Rewriting
from eventstore.importing.row_order import RowOrder
from eventstore.importing.sources import FilePart, RowSource, open_part, parts_of
from eventstore.importing.text_rows import Row
from kernel.decimals import exact
from kernel.errors import InputError

_MOST_REMARKS = 20
"""Lines of text above or below the rows of a file; more of them are bad rows."""

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
    def finish(self) -> None: ...
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
    reader.finish()
    if parsed.bad_count and parsed.options.bad_rows is BadRows.REFUSE:
        raise BadRowsRefused(tuple(parsed.bad_rows), count=parsed.bad_count, causes=parsed.causes.listed())
    reader.check_found()


class _Reader:
    """Reads the rows of files into ``ParsedFiles``."""

    def __init__(self, options: ImportOptions, parsed: ParsedFiles) -> None:
        self._options = options
        self._parsed = parsed
        self._only = frozenset(options.only)
        self._seen: dict[str, None] = {}  # skipped symbols, in order of appearance
        self._order = RowOrder(parsed, options)
        self._order_take = self._order.take

    def read(self, path: Source, report: Callable[[int], None]) -> int:
        """Read a table, a file, or all files in a zip file; return its size, in rows or bytes."""
        for part in parts_of(path):
            source = open_part(part, self._options)
            try:
                self._read_part(part, source, report)
            except ColumnMissing as error:
                raise InputError(f"{_where(part)}: {error}") from None
            finally:
                source.close()
        size = _size(path)
        report(size)
        return size

    def finish(self) -> None:
        """Put sorted rows in order, after the last file."""
        self._order.finish()

    def check_found(self) -> None:
        """Raise ``InputError`` if no file has rows of a symbol that was asked for."""
        found = self._parsed.symbols()
        missing = [symbol for symbol in self._options.only if symbol not in found]
        if missing:
            held = ", ".join([*found, *self._seen][:20])
            raise InputError(
                f"no rows of {', '.join(missing)} in {', '.join(self._parsed.files)}, which has {held}"
            )

    def _read_part(self, part: FilePart, source: RowSource, report: Callable[[int], None]) -> None:
        reading = _recognised(part, source, self._options)
        columns = reading.columns
        if isinstance(source, ArrowRows | MemoryRows):
            columns, kept = columns.narrowed()
            source.select(kept)
        self._parsed.begin_file(reading.options)
        rewriting = Rewriting(columns, reading.conventions)
        file = _FileRows(part.name, columns, row_parser(columns, reading.options), rewriting)
        file.fallback_symbol = reading.options.fallback_symbol
        self._order.begin_file(reading.options)
        rows_before = self._parsed.row_count
        for row in _rows(source, reading, rewriting, width=len(columns.names)):
            self._parsed.row_count += 1
            self._take(row, file)
            if self._parsed.row_count % _PROGRESS_ROWS == 0:
                report(source.position)
        if self._parsed.row_count == rows_before:
            raise InputError(f"{_where(part)}: has no rows after its header")
        self._settle(file, at_end=True)
        self._parsed.recognised.append(
            _completed(reading.recognised, rewriting, self._parsed, repeated=file.parser.repeated_count)
        )

    def _take(self, row: Row, file: "_FileRows") -> None:
        line, fields, text = row
        columns = file.columns
        symbol = self._options.symbol
        try:
            if isinstance(fields, RowDefect):
                raise fields
            if len(fields) != len(columns.names):
                expected = f"{len(columns.names)} fields, not {len(fields)}"
                raise RowDefect("row", text or ",".join(fields), expected=expected)
            if not symbol:
                symbol = columns.symbol(fields, fallback=file.fallback_symbol)
                if self._only and symbol and symbol not in self._only:
                    self._seen[symbol] = None
                    self._parsed.skipped_count += 1
                    return
            track = self._parsed.tracks.get(symbol)
            if track is None:
                track = self._parsed.new_track(symbol, field=columns.name("symbol"))
            try:
                event = file.parse(fields, symbol)
            except RowDefect as defect:
                again = file.plainer(fields, defect)
                if again is None:
                    return
                fields = again
                event = file.parser.parse(fields, symbol)
            self._order_take(track, event, fields, file, line)
        except RowDefect as defect:
            self._put_aside(defect, fields, symbol, text=text, file=file, line=line)
            return
        if file.remarks:
            self._settle(file, at_end=False)
        file.has_good = True

    def _put_aside(
        self,
        defect: RowDefect,
        fields: list[str] | RowDefect,
        symbol: str,
        *,
        text: str,
        file: "_FileRows",
        line: int,
    ) -> None:
        """Refuse a row, or hold it if it is a remark, such as a line of totals."""
        raw = text or ",".join(fields if isinstance(fields, list) else ())
        bad = BadRow(file.name, line, file.columns.name(defect.field), defect.seen, defect.expected)
        if isinstance(fields, list) and is_remark(fields, file.columns):
            file.remarks.append((bad, symbol, raw))
        else:
            self._parsed.refuse(bad, symbol, raw=raw)

    def _settle(self, file: "_FileRows", *, at_end: bool) -> None:
        """Decide on the remarks so far: those above or below all rows are left out, others are bad rows."""
        is_edge = (at_end or not file.has_good) and len(file.remarks) <= _MOST_REMARKS
        if is_edge and (file.has_good or not at_end):
            self._parsed.left_out["remarks"] += len(file.remarks)
        else:
            for bad, symbol, raw in file.remarks:
                self._parsed.refuse(bad, symbol, raw=raw)
        file.remarks.clear()


def _size(path: Source) -> int:
    if isinstance(path, MemoryRows):
        return path.size
    return path.stat().st_size if path.exists() else 0


def _only_files(sources: Sequence[Source]) -> list[Path]:
    files = [source for source in sources if isinstance(source, Path)]
    if len(files) < len(sources):
        raise InputError("kind is depth: recorded messages are read from files, not from tables in memory")
    return files


class _FileRows:
    """One file while it is read. ``remarks`` are rows that look like a remark, since the last good row."""

    def __init__(self, name: str, columns: Columns, parser: RowParser, rewriting: Rewriting) -> None:
        self.name = name
        self.columns = columns
        self.parser = parser
        self.parse = parser.parse
        self.fallback_symbol = ""
        self.has_good = False
        self.remarks: list[tuple[BadRow, str, str]] = []
        self._rewriting = rewriting

    def plainer(self, fields: list[str], defect: RowDefect) -> list[str] | None:
        """The fields of a refused row in plain form; ``None`` for a row to leave out.

        Raises the defect if the fields are in plain form already.
        """
        if self._rewriting.is_needed:
            raise defect
        again = self._rewriting.rewritten(fields)
        if again == fields:
            raise defect
        return again


def _rows(source: RowSource, reading: Reading, rewriting: Rewriting, *, width: int) -> Iterable[Row]:
    """The rows of a file, oldest first, in plain form where the file needs it."""
    rows: Iterable[Row] = source.rows(reading.after)
    if reading.wide is not None:
        rows = reading.wide.unfolded(rows)
    if rewriting.is_needed:
        rows = _rewritten(rows, rewriting, width=width)
    return _oldest_first(rows) if reading.is_newest_first else rows


def _rewritten(rows: Iterable[Row], rewriting: Rewriting, *, width: int) -> Iterator[Row]:
    for number, fields, text in rows:
        if isinstance(fields, RowDefect) or len(fields) != width:
            yield number, fields, text
            continue
        plain = rewriting.rewritten(fields)
        if plain is not None:
            yield number, plain, text


def _oldest_first(rows: Iterable[Row]) -> Iterator[Row]:
    """The rows from the last to the first. All of them are in memory at once."""
    return reversed(list(rows))


def _recognised(part: FilePart, source: RowSource, options: ImportOptions) -> Reading:
    try:
        return recognise(part, source, options)
    except InputError as error:
        raise InputError(f"{_where(part)}: {error}") from None


def _where(part: FilePart) -> str:
    return f"{part.path}/{part.member}" if "/" in part.name else str(part.path)


def _completed(
    recognised: Recognised, rewriting: Rewriting, parsed: ParsedFiles, *, repeated: int
) -> Recognised:
    """With what the rows showed while they were read.

    ``repeated``: rows at a local time that occurs twice.
    """
    notes = list(recognised.notes)
    if repeated:
        notes.append(
            f"{repeated:,} rows in an hour that occurs twice, as clocks are set back in {recognised.tz}: "
            "taken as the first, and as the second if a later row was read before; "
            "stamps with their offset from UTC are clear"
        )
    if rewriting.no_volume_count:
        notes.append(f"{rewriting.no_volume_count:,} rows without a volume, read as 0")
    parsed.left_out["without prices"] += rewriting.blank_count
    parsed.left_out["marked as suspicious"] += rewriting.marked_count
    return msgspec.structs.replace(recognised, notes=tuple(notes))


def _shifted(on_progress: OnProgress | None, *, before: int, total: int) -> Callable[[int], None]:
    if on_progress is None:
        return lambda _done: None
    return lambda done: on_progress(Progress("reading", before + done, total))
