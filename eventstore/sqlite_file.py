"""One connection to a store's SQLite file: opening it, checking its format, translating errors.

Every call is one round trip to the connection's thread. All exceptions of SQLite are translated here.
"""

import asyncio
import os
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from time import monotonic

import aiosqlite

from eventstore.durability import Durability
from kernel.errors import StoreError

SqlValue = int | str | bytes | None
SqlRow = tuple[SqlValue, ...]

APPLICATION_ID = 0x6F746170
"""The letters "otap" in the header of the SQLite file. They mark it as an event store."""

FORMAT_VERSION = 1
"""``user_version`` of a store in one file."""

SEGMENT_FORMAT = 2
"""``user_version`` of a segment, one of the files of a store in a folder. Other formats are refused."""

PAGE_SIZE = 16_384
"""Bytes. Appending 8,192 quotes at a time takes, in ns of CPU per event, 411 with pages of 4 kB, 385 with
16 kB and 356 with 32 kB; reading gains nothing above 16 kB. But a commit of a few events, the usual one in a
live log, writes one whole page to the WAL, in 0.27 ms with each of these sizes. So 32 kB would cost twice the
disk wear for 8 % less CPU in bulk appends."""

CHECKPOINT_PAGES = 4096
"""Pages: the WAL is copied into the file at 64 MB. With blocks of 250 kB and FULL, the p99 of a commit is
23 ms at 16 MB and 2 ms at 64 MB, because fewer commits wait for a checkpoint. With NORMAL, appends are about
a quarter faster at 64 MB than at 16 MB. A start after a crash reads at most this much, in 0.1 s."""

_WRITE_BITS = 0o222

BUSY_TIMEOUT_MS = 5000
"""Longest wait for another process's commit. Longer than any commit on a healthy disk."""

_OPENING_PAUSE_S = 0.005
"""Pause between attempts to open. When SQLite switches a file to WAL, or recovers a WAL, it does not wait for
other connections but reports at once that the file is locked. So opening repeats the attempt, as SQLite does
elsewhere."""

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS stream (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE
);
CREATE TABLE IF NOT EXISTS block (
    id INTEGER PRIMARY KEY,        -- stream id * 2^42 + first seq: one b-tree, in reading order
    last_seq INTEGER NOT NULL,
    first_ts INTEGER NOT NULL,
    last_ts INTEGER NOT NULL,
    codec INTEGER NOT NULL,
    types BLOB NOT NULL,           -- msgpack list of event tags
    symbols BLOB,                  -- msgpack list of symbols; NULL: too many to list
    payload_hash BLOB NOT NULL,
    hash BLOB NOT NULL,
    causes BLOB,                   -- msgpack list of whole numbers; NULL: all inputs
    payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS checkpoint (
    subscriber TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    crc INTEGER NOT NULL
) WITHOUT ROWID;
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {FORMAT_VERSION};
COMMIT;
"""

_MEANING = {
    sqlite3.SQLITE_FULL: "the disk is full, and this block was not written",
    sqlite3.SQLITE_READONLY: "this process has no permission to write to it, or to its folder",
    sqlite3.SQLITE_IOERR: "the disk reported an error; check the disk, then open the store again",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check that its folder exists and may be used",
    sqlite3.SQLITE_PERM: "access was denied; check its permissions",
    sqlite3.SQLITE_NOTADB: "it is not a SQLite file, or its first page is damaged",
    sqlite3.SQLITE_CORRUPT: "its pages are damaged; restore it from a backup",
}


class FileDamaged(StoreError):
    """SQLite found damaged pages, text that is not UTF-8, or a file that is not of SQLite."""


class FileFailed(StoreError):
    """SQLite failed for another reason, or the file was deleted, moved or replaced.

    Nothing more is written until the store is opened again.
    """


class FileBusy(StoreError):
    """Another connection keeps the file locked; nothing was written."""


class FileUnmade(StoreError):
    """The file is empty: it never became a store, or another process is just creating the store."""


class RowTaken(StoreError):
    """A row with this key already exists, or its stream takes no more blocks; nothing was written."""


class SqliteFile:
    """A connection. ``fetch`` and ``write`` raise ``StoreError`` with a sentence that names the file."""

    def __init__(self, path: Path, connection: aiosqlite.Connection) -> None:
        self.path = path
        self._connection = connection
        self._is_closed = False
        self.is_segment = False
        """Whether its streams begin where another file ends (``segment_starts``)."""

    async def fetch(self, sql: str, parameters: Sequence[SqlValue] = ()) -> list[SqlRow]:
        """All rows of a query. They are read to the end, so that no read transaction outlives the call."""
        self._check_open()
        started = monotonic()
        try:
            rows: Iterable[SqlRow] = await self._connection.execute_fetchall(sql, parameters)  # type: ignore[assignment]  # aiosqlite types rows as sqlite3.Row; without a row factory they are tuples
            return list(rows)
        except (sqlite3.Error, ValueError, OverflowError) as error:
            raise _translated(error, self.path, started) from error

    async def write(self, sql: str, parameters: Sequence[SqlValue] = ()) -> None:
        """Run one statement in its own transaction; committed on return, durable as ``Durability`` says."""
        self._check_open()
        started = monotonic()
        try:
            await self._connection.execute(sql, parameters)
        except (sqlite3.Error, ValueError, OverflowError) as error:
            raise _translated(error, self.path, started) from error

    async def run_script(self, sql: str) -> None:
        """Run several statements."""
        started = monotonic()
        try:
            await self._connection.executescript(sql)
        except (sqlite3.Error, ValueError) as error:
            raise _translated(error, self.path, started) from error

    async def close(self) -> None:
        """Release the file and end the thread. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        started = monotonic()
        try:
            await self._connection.close()
        except sqlite3.Error as error:
            raise _translated(error, self.path, started) from error

    def _check_open(self) -> None:
        if self._is_closed:
            raise StoreError(f"the event store {self.path} is closed")


def is_present(path: Path) -> bool:
    """Whether there is a file."""
    return path.exists()


def is_sealed(path: Path) -> bool:
    """Whether nobody may write to the file, and nobody is doing so."""
    return not path.stat().st_mode & _WRITE_BITS and not wal_path(path).exists()


def holds_bytes(path: Path) -> bool:
    """Whether the file exists and is not empty. An empty ``-wal`` counts as missing."""
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def wal_path(path: Path) -> Path:
    """The path of SQLite's ``-wal``, with the commits not in the file yet. It is beside the file itself.

    A link to the file elsewhere has no ``-wal`` beside it.
    """
    real = Path(os.path.realpath(path))
    return real.with_name(f"{real.name}-wal")


async def open_for_writing(path: Path, durability: Durability) -> SqliteFile:
    """Open a store, or create it. A file of another program is never written to."""
    started = monotonic()
    while True:
        file = await _connect(path, "mode=rwc", started)
        try:
            await _prepare_for_writing(file, durability)
        except FileBusy as busy:
            await file.close()
            if (monotonic() - started) * 1000 >= BUSY_TIMEOUT_MS:
                raise _busy(path, started) from busy
        except BaseException:
            await file.close()
            raise
        else:
            return file
        await asyncio.sleep(_OPENING_PAUSE_S)


async def _prepare_for_writing(file: SqliteFile, durability: Durability) -> None:
    await file.run_script(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA trusted_schema = OFF;")
    is_new = await _is_empty(file)
    if is_new:
        await file.run_script(f"PRAGMA page_size = {PAGE_SIZE};")
    else:
        await _check_format(file)
    await file.run_script(
        f"PRAGMA journal_mode = WAL; PRAGMA synchronous = {durability.value.upper()};"
        f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}; PRAGMA cell_size_check = ON;"
        "PRAGMA mmap_size = 0; PRAGMA temp_store = MEMORY;"
        "PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;"  # macOS; elsewhere without effect
    )
    if is_new:
        await file.run_script(_SCHEMA)
    await _check_format(file)  # also the first read: from now on this connection keeps the -wal from removal


async def open_for_reading(path: Path) -> SqliteFile:
    """Open an existing store without the possibility to change it. Closing does not copy the ``-wal`` either.

    If the store was closed in good order, SQLite creates an empty ``-wal`` and ``-shm`` beside it. Where
    that is not allowed, as on a read-only medium, or where nobody may write to the file, it is opened as
    unchangeable: nothing is created, and nobody may write to it meanwhile. Raises ``FileUnmade`` if the
    file is empty.
    """
    if not is_present(path):
        raise StoreError(f"there is no event store at {path}")
    if is_sealed(path):
        return await _opened_for_reading(path, "mode=ro&immutable=1")
    try:
        return await _opened_for_reading(path, "mode=ro")
    except FileFailed as error:
        if holds_bytes(wal_path(path)):
            raise StoreError(
                f"{error}. It was not closed in good order, so reading it must create files beside it: copy "
                "all its files to a folder where you may write"
            ) from error
        return await _opened_for_reading(path, "mode=ro&immutable=1")


async def _opened_for_reading(path: Path, mode: str) -> SqliteFile:
    file = await _connect(path, mode, monotonic())
    try:
        await file.run_script(
            f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}; PRAGMA trusted_schema = OFF; PRAGMA query_only = ON;"
            "PRAGMA cell_size_check = ON; PRAGMA mmap_size = 0;"
        )
        if await _is_empty(file):
            raise FileUnmade(f"there is no event store at {path}: the file is empty")
        await _check_format(file)
    except BaseException:
        await file.close()
        raise
    return file


def _uri(path: Path, mode: str) -> str:
    return f"{path.absolute().as_uri()}?{mode}"


async def _connect(path: Path, mode: str, started: float) -> SqliteFile:
    """Connect, or raise without leaving a thread behind.

    aiosqlite does not wait for its thread when connecting fails: the thread may then outlive the event loop,
    and raise. So a failed connection is replaced by one to an empty database in memory, which can be closed.
    """
    failures: list[sqlite3.Error] = []

    def connect() -> sqlite3.Connection:
        try:
            return sqlite3.connect(_uri(path, mode), uri=True, isolation_level=None)
        except sqlite3.Error as error:
            failures.append(error)
            return sqlite3.connect(":memory:")

    file = SqliteFile(path, await aiosqlite.Connection(connect, iter_chunk_size=64))
    for error in failures:
        await file.close()
        raise _translated(error, path, started) from error
    return file


async def _is_empty(file: SqliteFile) -> bool:
    rows = await file.fetch(
        "SELECT (SELECT count(*) FROM sqlite_schema), application_id, user_version"
        " FROM pragma_application_id, pragma_user_version"
    )
    return rows == [(0, 0, 0)]


async def _check_format(file: SqliteFile) -> None:
    rows = await file.fetch(
        "SELECT application_id, user_version FROM pragma_application_id, pragma_user_version"
    )
    application_id, version = rows[0]
    if application_id != APPLICATION_ID:
        raise StoreError(f"{file.path} is a SQLite file, but not an event store; it was not changed")
    if version not in (FORMAT_VERSION, SEGMENT_FORMAT):
        raise StoreError(
            f"{file.path} is an event store of format {version!s}; this version of onetape reads only "
            f"format {FORMAT_VERSION} and {SEGMENT_FORMAT}: use the version that wrote it"
        )
    file.is_segment = version == SEGMENT_FORMAT


def _translated(error: sqlite3.Error | ValueError | OverflowError, path: Path, started: float) -> StoreError:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        # An error of the sqlite3 module itself: text in the file is not UTF-8, or it refused the call.
        kind = FileDamaged if isinstance(error, sqlite3.OperationalError) else StoreError
        return kind(f"event store {path}: {error}")
    primary = code & 0xFF
    if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _busy(path, started)
    sentence = f"event store {path}: {_MEANING.get(primary, 'SQLite failed')} ({error})"
    if primary == sqlite3.SQLITE_CONSTRAINT:
        return RowTaken(sentence)
    if primary in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return FileDamaged(sentence)
    if primary == sqlite3.SQLITE_FULL:
        return StoreError(sentence)  # SQLite rolled back and the file is intact: the next append may succeed
    return FileFailed(sentence)


def _busy(path: Path, started: float) -> FileBusy:
    waited_ms = round((monotonic() - started) * 1000)
    return FileBusy(
        f"event store {path}: still locked by another connection after waiting {waited_ms} ms; nothing "
        "was written"
    )
