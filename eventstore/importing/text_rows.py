"""Rows of delimited text, streamed in constant memory.

The text is UTF-8, UTF-16, or Windows-1252 if the first lines are not UTF-8 (a header
of German or French names). Lines end with a newline, a carriage return, or both.
"""

import codecs
import csv
import re
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from eventstore.importing.compressed import ByteStream, Peekable, read_failures
from eventstore.importing.defects import RowDefect
from kernel.errors import InputError

Row = tuple[int, list[str] | RowDefect, str]
"""(line number, its fields or its defect, its text; ``""`` if the file is not text)."""

SAMPLE_ROWS = 1_000
_BLOCK_BYTES = 1 << 20
_HEAD_BYTES = 1 << 18  # a sample of rows is shorter
_LONGEST_LINE = 1 << 16  # bytes; no row of market data is longer, and memory stays bounded
_DELIMITERS = ("\t", ";", "|", ",")
_BOM = b"\xef\xbb\xbf"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_WIDE_BYTES = 16  # two bytes for each character of a header or a first row, which are ASCII so far
_QUOTED = re.compile(r'"[^"]*"')
_FIRST_LINES = 20


class TextRows:
    """The rows of one open file. ``position`` of ``size`` bytes are read so far. Call ``close`` when done."""

    names_known = False

    def __init__(
        self, path: Path, raw: IO[bytes], stream: Peekable, *, delimiter: str = "", skip_lines: int = 0
    ) -> None:
        """Raises ``InputError`` for a file that cannot be read, is empty or is not text.

        ``skip_lines`` are left out at the beginning; they count as lines.
        """
        self.path = path
        self.size = path.stat().st_size
        self.notes: list[str] = []
        self._raw = raw
        self._text: ByteStream = stream
        self._skip_lines = skip_lines
        self._first = self._first_block()
        self._delimiter = delimiter or _delimiter(self._head()[0][skip_lines:])

    @property
    def position(self) -> int:
        """Bytes of the file read so far, compressed bytes if it is compressed."""
        return min(self._raw.tell(), self.size)

    def close(self) -> None:
        """Release the file."""
        self._text.close()
        self._raw.close()

    def sample(self) -> list[Row]:
        """The first rows, header lines included. May be called before ``rows``, any number of times."""
        lines, is_clean = self._head()
        found: list[Row] = []
        for number, line in enumerate(lines, start=1):
            if number > self._skip_lines and line and not line.isspace():
                found.append(self._row(number, line, is_clean=is_clean))
                if len(found) >= SAMPLE_ROWS:
                    break
        return found

    def rows(self, after: int) -> Iterator[Row]:
        """Every row after a line, in order. Blank lines are skipped, but count as lines."""
        delimiter = self._delimiter
        after = max(after, self._skip_lines)
        number = 0
        for lines, is_clean in self._blocks():
            for line in lines:
                number += 1
                if number <= after or not line or line.isspace():
                    continue
                if is_clean and '"' not in line:
                    yield number, line.split(delimiter), line
                else:
                    yield _careful_row(number, line, delimiter=delimiter)

    def _head(self) -> tuple[list[str], bool]:
        """The first lines, whole ones, and whether all of them are UTF-8."""
        head = self._first[:_HEAD_BYTES]
        if len(head) == _HEAD_BYTES:
            head = head.rpartition(b"\n")[0] or head
        return _lines(head)

    def _row(self, number: int, line: str, *, is_clean: bool) -> Row:
        if is_clean and '"' not in line:
            return number, line.split(self._delimiter), line
        return _careful_row(number, line, delimiter=self._delimiter)

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

    def _first_block(self) -> bytes:
        """The first block as UTF-8 with newlines; later ones are turned into that as well."""
        block = self._read()
        wide = _wide_encoding(block)
        if wide:
            self._text = _Recoded(self._text, wide, first=block)
            self.notes.append("UTF-16")
            block = self._read()
        elif b"\0" in block:
            raise InputError(f"{self.path}: is not UTF-8 text (it looks like binary data)")
        elif not _is_utf8(b"\n".join(block.split(b"\n", _FIRST_LINES)[:2])):
            self._text = _Recoded(self._text, "cp1252", first=block)
            self.notes.append("Windows-1252 text")
            block = self._read()
        block = block.removeprefix(_BOM)
        if not block.strip():
            raise InputError(f"{self.path}: is empty, expected rows")
        if b"\n" not in block and b"\r" in block.rstrip(b"\r"):
            self._text = _NewLines(self._text)
            block = block.replace(b"\r", b"\n")
        return block

    def _read(self) -> bytes:
        try:
            return self._text.read(_BLOCK_BYTES)
        except read_failures() as error:
            raise InputError(f"{self.path}: the compressed file is damaged or cut short: {error}") from error
        except UnicodeError as error:
            raise InputError(f"{self.path}: is not the text that it begins as: {error}") from error


class _Recoded:
    """A stream in another encoding, as UTF-8."""

    def __init__(self, stream: ByteStream, encoding: str, *, first: bytes) -> None:
        errors = "strict" if encoding.startswith("utf-16") else "replace"
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)(errors)
        self._first = first

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; empty at the end alone."""
        while True:
            block, self._first = self._first or self._stream.read(size), b""
            text = self._decoder.decode(block, final=not block)
            if text or not block:
                return text.encode()

    def close(self) -> None:
        """Close the stream below."""
        self._stream.close()


class _NewLines:
    """A stream whose lines end with a carriage return alone, with newlines."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes."""
        return self._stream.read(size).replace(b"\r", b"\n")

    def close(self) -> None:
        """Close the stream below."""
        self._stream.close()


def _wide_encoding(block: bytes) -> str:
    """The kind of UTF-16 that a file begins with; empty if it is none. A mark is often missing."""
    if block[:2] in _UTF_16:
        return "utf-16"
    head = block[:_WIDE_BYTES]
    if head and not any(head[1::2]) and all(head[0::2]):
        return "utf-16-le"
    return "utf-16-be" if head and not any(head[0::2]) and all(head[1::2]) else ""


def _delimiter(lines: list[str]) -> str:
    """The delimiter that most of the first lines hold most often."""
    plain = [_QUOTED.sub("", line) for line in islice(filter(str.strip, lines), _FIRST_LINES)]
    usual = {
        delimiter: Counter(line.count(delimiter) for line in plain).most_common(1)[0][0] if plain else 0
        for delimiter in _DELIMITERS
    }
    best = max(_DELIMITERS, key=lambda delimiter: usual[delimiter])
    return best if usual[best] else ","


def _is_utf8(block: bytes) -> bool:
    try:
        block.decode()
    except UnicodeDecodeError:
        return False
    return True


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
    return next(csv.reader([line], delimiter=delimiter, strict=True, skipinitialspace=True))
