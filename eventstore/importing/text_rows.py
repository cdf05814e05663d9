"""Rows of delimited text, plain, gzipped or in a zip file of one member. Streamed, in constant memory."""

import csv
import gzip
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Protocol

from eventstore.importing.defects import RowDefect
from kernel.errors import InputError

Row = tuple[int, list[str] | RowDefect, str]
"""(line number, its fields or its defect, its text; ``""`` if the file is not text)."""

_BLOCK_BYTES = 1 << 20
_LONGEST_LINE = 1 << 16  # bytes; no row of market data is longer, and memory stays bounded
_DELIMITERS = (",", ";", "\t", "|")
_BOM = b"\xef\xbb\xbf"


class ByteStream(Protocol):
    """The decompressed content of a file."""

    def read(self, size: int, /) -> bytes: ...
    def readline(self, size: int, /) -> bytes: ...
    def close(self) -> None: ...


class TextRows:
    """The rows of one open file; ``names`` are its columns.

    ``position`` of ``size`` bytes are read so far. Call ``close`` when done.
    """

    def __init__(self, path: Path, *, delimiter: str = "", columns: tuple[str, ...] = ()) -> None:
        """Raises ``InputError`` for a file that cannot be opened, is empty or is not text.

        ``columns`` name the columns of a file that has no header line.
        """
        self.path = path
        try:
            self.size = path.stat().st_size
            self._raw: IO[bytes] = path.open("rb")
        except OSError as error:
            raise InputError(f"{path}: cannot be read: {error.strerror}") from error
        try:
            self._text = decompressed(self._raw, path)
            self._first = self._read().removeprefix(_BOM)
            first_line = _first_line(self._first, path)
            self._delimiter = delimiter or max(_DELIMITERS, key=first_line.count)
            self._has_header = not columns
            self.names = columns or tuple(_fields(first_line, self._delimiter))
        except BaseException:
            self._raw.close()
            raise

    @property
    def position(self) -> int:
        """Bytes of the file read so far, compressed bytes if it is compressed."""
        return self._raw.tell()

    def close(self) -> None:
        """Release the file."""
        self._text.close()
        self._raw.close()

    def rows(self) -> Iterator[Row]:
        """Every row after the header, in order. Blank lines are skipped, but count as lines."""
        delimiter = self._delimiter
        is_header = self._has_header
        number = 0
        for lines, is_clean in self._blocks():
            for line in lines:
                number += 1
                if not line or line.isspace():
                    continue
                if is_header:
                    is_header = False
                elif is_clean and '"' not in line:
                    yield number, line.split(delimiter), line
                else:
                    yield _careful_row(number, line, delimiter=delimiter)

    def _blocks(self) -> Iterator[tuple[list[str], bool]]:
        """Lists of lines, one for each block read, and whether all lines in it are UTF-8."""
        rest, block, lines_before = b"", self._first, 0
        while block:
            whole, newline, rest = (rest + block).rpartition(b"\n")
            if newline:
                yield _lines(whole)
                lines_before += whole.count(b"\n") + 1
            if len(rest) > _LONGEST_LINE:
                where = f"{self.path}, line {lines_before + 1}"
                raise InputError(f"{where}: is longer than {_LONGEST_LINE:,} bytes, expected a shorter row")
            block = self._read()
        if rest:
            yield _lines(rest)

    def _read(self) -> bytes:
        try:
            return self._text.read(_BLOCK_BYTES)
        except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile) as error:
            raise InputError(f"{self.path}: the compressed file is damaged or cut short: {error}") from error
        except OSError as error:
            raise InputError(f"{self.path}: cannot be read: {error}") from error


def decompressed(raw: IO[bytes], path: Path) -> ByteStream:
    """The content of an open file, plain, gzipped or zipped; the caller closes both."""
    magic = raw.read(4)
    raw.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return gzip.open(raw, "rb")
    if magic == b"PK\x03\x04":
        return _only_member(raw, path)
    return raw


def _only_member(raw: IO[bytes], path: Path) -> ByteStream:
    try:
        archive = zipfile.ZipFile(raw)
        members = [name for name in archive.namelist() if not name.endswith("/")]
        if len(members) == 1:
            return archive.open(members[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise InputError(f"{path}: the compressed file is damaged or cannot be opened: {error}") from error
    raise InputError(f"{path}: holds {len(members)} files, expected a zip file with one file")


def _first_line(block: bytes, path: Path) -> str:
    if not block.strip():
        raise InputError(f"{path}: is empty, expected rows")
    if block[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\0" in block:
        raise InputError(f"{path}: is not UTF-8 text (it looks like UTF-16 or binary data)")
    return next(line for line in block.decode("utf-8", "replace").split("\n") if line.strip()).strip("\r\n")


def _lines(block: bytes) -> tuple[list[str], bool]:
    block = block.removesuffix(b"\r").replace(b"\r\n", b"\n")
    try:
        return block.decode().split("\n"), True
    except UnicodeDecodeError:
        return block.decode(errors="surrogateescape").split("\n"), False


def _careful_row(number: int, line: str, *, delimiter: str) -> Row:
    """A row with quotation marks, or from a block that is not wholly UTF-8."""
    try:
        line.encode()
    except UnicodeEncodeError:
        text = line.encode(errors="surrogateescape").decode(errors="backslashreplace")
        return number, RowDefect("row", text, expected="UTF-8 text"), text
    try:
        return number, _fields(line, delimiter), line
    except csv.Error as error:
        return number, RowDefect("row", line, expected=f"fields with balanced quotes ({error})"), line


def _fields(line: str, delimiter: str) -> list[str]:
    return next(csv.reader([line], delimiter=delimiter, strict=True))
