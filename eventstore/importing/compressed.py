"""The bytes of files that may be compressed: gzip, bzip2, xz, Zstandard, and zip files."""

import bz2
import gzip
import importlib
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO, NamedTuple, Protocol, cast

from kernel.errors import InputError

_ZIP = b"PK\x03\x04"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SHEET = "xl/workbook.xml"
_NOT_DATA = (".md", ".pdf", ".html", ".htm", ".checksum", ".sha256", ".md5", ".xml", ".doc", ".docx", ".log")
_ABOUT_DATA = re.compile(r"(?:read[-_ ]?me|licen[cs]e|copying|notice|terms|disclaimer)\b.*", re.IGNORECASE)


class ByteStream(Protocol):
    """The decompressed content of a file."""

    def read(self, size: int = -1, /) -> bytes: ...
    def close(self) -> None: ...


class Peekable(ByteStream, Protocol):
    """Content whose first bytes can be looked at, and that is also read by lines."""

    def peek(self, size: int = 0, /) -> bytes: ...
    def readline(self, size: int = -1, /) -> bytes: ...


def read_failures() -> tuple[type[Exception], ...]:
    """The exceptions that damaged compressed content raises while it is read."""
    return (EOFError, OSError, zlib.error, zipfile.BadZipFile, lzma.LZMAError, *_zstd_errors())


def open_raw(path: Path) -> IO[bytes]:
    """The file itself; raises ``InputError``."""
    try:
        return path.open("rb")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def is_workbook(raw: IO[bytes]) -> bool:
    """Whether an open file is an Excel workbook, which is a zip file too."""
    if not _starts_with(raw, _ZIP):
        return False
    try:
        names = zipfile.ZipFile(raw).namelist()
    except zipfile.BadZipFile:
        return False
    finally:
        raw.seek(0)
    return _SHEET in names


class Members(NamedTuple):
    """The files in a zip file: those that may hold data, in order, and those that are about the data."""

    data: list[str]
    left: list[str]


def members(path: Path) -> Members:
    """The files in a zip file; for any other file the data are ``[""]``.

    A readme is about the data, and so is a text beside files of an ending for data.
    """
    with open_raw(path) as raw:
        if not _starts_with(raw, _ZIP) or is_workbook(raw):
            return Members([""], [])
        try:
            names = zipfile.ZipFile(raw).namelist()
        except zipfile.BadZipFile as error:
            raise _damaged(path, error) from error
    found = sorted(name for name in names if _may_hold_data(name))
    if not found:
        raise InputError(
            f"{path}: the zip file holds no file of data, only {', '.join(names[:5]) or 'nothing'}"
        )
    has_tables = any(name.lower().endswith((".csv", ".parquet", ".json", ".xlsx")) for name in found)
    left = [
        name
        for name in found
        if _ABOUT_DATA.fullmatch(name.rpartition("/")[2]) or (has_tables and name.lower().endswith(".txt"))
    ]
    if len(left) == len(found):
        return Members(found, [])
    return Members([name for name in found if name not in left], left)


def content(raw: IO[bytes], path: Path, member: str = "") -> Peekable:
    """The content of an open file, decompressed; the caller closes both.

    ``member`` is the name of the file in a zip file; empty: its only one.
    """
    stream: IO[bytes] = raw
    if _starts_with(raw, _ZIP) and not is_workbook(raw):
        stream = _member(raw, path, member or only_member(path))
    return _inflated(_buffered(stream), path)


def only_member(path: Path) -> str:
    """The name of the file in a zip file with one file; raises ``InputError`` if there are more."""
    names = members(path).data
    if len(names) == 1:
        return names[0]
    raise InputError(f"{path}: holds {len(names)} files, expected a zip file with one file")


def _buffered(stream: IO[bytes]) -> io.BufferedReader:
    if isinstance(stream, io.BufferedReader):
        return cast(io.BufferedReader, stream)  # of which raw stream does not matter
    return cast(io.BufferedReader, io.BufferedReader(_as_raw(stream)))


def _inflated(stream: io.BufferedReader, path: Path) -> Peekable:
    try:
        magic = stream.peek(6)[:6]
    except read_failures() as error:
        raise _damaged(path, error) from error
    opened: object
    if magic[:2] == b"\x1f\x8b":
        opened = gzip.GzipFile(fileobj=stream, mode="rb")
    elif magic[:3] == b"BZh":
        opened = bz2.BZ2File(stream, "rb")
    elif magic == b"\xfd7zXZ\0":
        opened = lzma.LZMAFile(stream, "rb")  # noqa: SIM115 - the caller closes it
    elif magic[:4] == _ZSTD:
        opened = _zstd(path).ZstdDecompressor().stream_reader(stream, read_across_frames=True)
    else:
        return stream
    return io.BufferedReader(_as_raw(opened), buffer_size=1 << 17)


def _member(raw: IO[bytes], path: Path, name: str) -> IO[bytes]:
    try:
        return zipfile.ZipFile(raw).open(name)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, KeyError) as error:
        raise _damaged(path, error) from error


def _as_raw(stream: object) -> io.RawIOBase:
    # readers of the standard library and of zstandard have all methods of a raw stream that are used
    return cast(io.RawIOBase, stream)


def _may_hold_data(name: str) -> bool:
    base = name.rpartition("/")[2]
    return bool(base) and not (
        base.startswith(".") or name.startswith("__MACOSX/") or base.lower().endswith(_NOT_DATA)
    )


def _starts_with(raw: IO[bytes], magic: bytes) -> bool:
    found = raw.read(len(magic)) == magic
    raw.seek(0)
    return found


def _damaged(path: Path, error: Exception) -> InputError:
    return InputError(f"{path}: the compressed file is damaged or cannot be opened: {error}")


class _ZstdReaders(Protocol):
    def stream_reader(self, source: object, *, read_across_frames: bool) -> object: ...


class _Zstandard(Protocol):
    @property
    def ZstdError(self) -> type[Exception]: ...
    def ZstdDecompressor(self) -> _ZstdReaders: ...


def _zstd(path: Path) -> _Zstandard:
    try:
        # zstandard's types are described above, as far as it is used
        return cast(_Zstandard, importlib.import_module("zstandard"))
    except ImportError as error:
        raise InputError(
            f"{path}: Zstandard files need zstandard; install it with: pip install 'onetape[files]'"
        ) from error


def _zstd_errors() -> Sequence[type[Exception]]:
    try:
        return (cast(_Zstandard, importlib.import_module("zstandard")).ZstdError,)
    except ImportError:
        return ()
