"""Opens files as sources of rows: text, Parquet, Feather, Excel or JSON, compressed or not.

To add a form, write a class with the methods of ``RowSource`` and open it in ``open_part``.
"""

from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import IO, Protocol

import msgspec

from eventstore.importing.arrow_rows import FEATHER, PARQUET, ArrowRows
from eventstore.importing.compressed import Peekable, content, is_workbook, members, open_raw, read_failures
from eventstore.importing.memory_rows import MemoryRows, Source
from eventstore.importing.options import ImportOptions
from eventstore.importing.table_rows import json_rows, workbook_rows
from eventstore.importing.text_rows import Row, TextRows
from kernel.errors import InputError

_OLD_EXCEL = b"\xd0\xcf\x11\xe0"
_BOM = b"\xef\xbb\xbf"


class RowSource(Protocol):
    """An open file. Its first rows may be header lines; ``reading`` finds out.

    - ``names_known``: the first row of the sample has number 0 and holds the names of the columns.
    - ``notes``: what the form itself told, for the summary.
    - ``position`` of ``size`` bytes are read so far.
    """

    names_known: bool
    notes: list[str]
    size: int

    @property
    def position(self) -> int: ...
    def sample(self) -> list[Row]: ...
    def rows(self, after: int) -> Iterator[Row]: ...
    def close(self) -> None: ...


class FilePart(msgspec.Struct, frozen=True):
    """A file, one of several files in a zip file, or a table in memory."""

    path: Path
    member: str
    name: str
    """For messages: ``bars.csv``, or ``all.zip/bars.csv``."""
    table: MemoryRows | None = None
    left: tuple[str, ...] = ()
    """Files of the zip file that are left out; named by its first part alone."""

    @property
    def full_name(self) -> PurePath:
        """The path with the member's name, which may tell symbol and timeframe."""
        return self.path / self.member if self.member else self.path


def parts_of(path: Source) -> list[FilePart]:
    """The files in a path, in order; raises ``InputError`` for a path that cannot be read."""
    if isinstance(path, MemoryRows):
        return [FilePart(Path(path.name), "", path.name, path)]
    names, left = members(path)
    is_only = len(names) == 1
    return [
        FilePart(
            path, name, path.name if is_only else f"{path.name}/{name}", left=() if place else tuple(left)
        )
        for place, name in enumerate(names)
    ]


def open_part(part: FilePart, options: ImportOptions) -> RowSource:
    """Open a file; the caller closes it. Raises ``InputError``."""
    if part.table is not None:
        return part.table
    raw = open_raw(part.path)
    try:
        return _opened(part.path, raw, part.member, options)
    except BaseException:
        raw.close()
        raise


def _opened(path: Path, raw: IO[bytes], member: str, options: ImportOptions) -> RowSource:
    if is_workbook(raw):
        return workbook_rows(path, raw, skip_lines=options.skip_lines)
    stream = content(raw, path, member)
    head = _head(path, stream)
    if head[:4] == PARQUET or head[:6] == FEATHER:
        return ArrowRows(path, raw, stream)
    if head[:4] == _OLD_EXCEL:
        raise InputError(f"{path}: is an Excel file of the old form (.xls); save it as .xlsx or CSV")
    start = head.removeprefix(_BOM).lstrip()
    if start[:1] in (b"{", b"["):
        return json_rows(path, raw, stream)
    if start[:14].lower().startswith((b"<!doctype", b"<html")):
        raise InputError(f"{path}: is a web page, not data; the download failed or needs a log-in")
    return TextRows(path, raw, stream, delimiter=options.delimiter, skip_lines=options.skip_lines)


def _head(path: Path, stream: Peekable) -> bytes:
    try:
        return stream.peek(64)[:64]
    except read_failures() as error:
        raise InputError(f"{path}: the compressed file is damaged or cut short: {error}") from error
