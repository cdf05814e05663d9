"""Where the streams of a segment begin: at the ends that they had in the segments before it.

Theory of operation. A segment is a store file whose table ``start`` has one row for each stream that has
events in earlier segments: seq, time and hash of the last of them, in which segments they are, and what a
listing says about them. So head, listing and the next append need this file alone. Rows are found by the
stream's id, and ids are the same in all segments of a folder. A stream that is renamed takes its row along;
the row of a stream that is removed is deleted.

The stream ``SEGMENTS`` is the record of the segments themselves. It is copied into each new segment as a
whole, so it never has a start.
"""

from collections.abc import Iterable, Sequence

import msgspec

from eventstore.port import StreamHead
from eventstore.sqlite_file import SEGMENT_FORMAT, SqliteFile, SqlRow, SqlValue

SEGMENT_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS segment (
    number INTEGER PRIMARY KEY,
    opened_ts INTEGER NOT NULL,    -- ns since the epoch, by the wall clock
    is_sealed INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS start (
    id INTEGER PRIMARY KEY,        -- of the stream
    seq INTEGER NOT NULL,
    ts INTEGER NOT NULL,
    hash BLOB NOT NULL,
    parts BLOB NOT NULL,           -- msgpack list of (segment, last seq in it)
    first_ts INTEGER NOT NULL,
    block_count INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    types BLOB NOT NULL,           -- msgpack list of event tags
    symbols BLOB                   -- msgpack list of symbols; NULL: too many to list
);
PRAGMA user_version = {SEGMENT_FORMAT};
COMMIT;
"""

_COLUMNS = "id, seq, ts, hash, parts, first_ts, block_count, payload_bytes, types, symbols"

_ROWS_AT_ONCE = 1_000
"""Rows in one statement; SQLite takes 32,766 parameters, a row has 10."""

_encode = msgspec.msgpack.Encoder().encode
_decode_parts = msgspec.msgpack.Decoder(list[tuple[int, int]]).decode
_decode_tags = msgspec.msgpack.Decoder(frozenset[int]).decode
_decode_symbols = msgspec.msgpack.Decoder(frozenset[str]).decode


class StreamStart(msgspec.Struct, frozen=True, array_like=True):
    """A stream's events in the segments before, as a row. Fields are those of the table ``start``."""

    id: int
    seq: int
    ts: int
    hash: bytes
    parts: bytes
    first_ts: int
    block_count: int
    payload_bytes: int
    types: bytes
    symbols: bytes | None


class OwnEvents(msgspec.Struct, frozen=True):
    """A stream's events in one segment. ``contents`` are its distinct (types, symbols)."""

    seq: int
    ts: int
    hash: bytes
    first_ts: int
    block_count: int
    payload_bytes: int
    contents: Sequence[tuple[SqlValue, SqlValue]]


async def start_of(file: SqliteFile, stream_id: int, stream: str) -> StreamHead:
    """The end of a stream's events in the segments before; seq 0 if they all are in this file."""
    if file.is_segment:
        for row in await file.fetch("SELECT seq, ts, hash FROM start WHERE id = ?", (stream_id,)):
            return msgspec.convert((stream, *row), _StartHead).head
    return StreamHead(stream)


async def parts_of(file: SqliteFile, stream_id: int) -> list[tuple[int, int]]:
    """The earlier segments that hold a stream's events, in order, each with the last seq in it."""
    for (parts,) in await file.fetch("SELECT parts FROM start WHERE id = ?", (stream_id,)):
        return _decode_parts(parts if isinstance(parts, bytes) else b"\x90")
    return []


async def read_starts(file: SqliteFile, first_id: int, last_id: int) -> dict[int, StreamStart]:
    """The starts of a segment's streams, by id."""
    rows = await file.fetch(f"SELECT {_COLUMNS} FROM start WHERE id BETWEEN ? AND ?", (first_id, last_id))
    starts = (msgspec.convert(row, StreamStart) for row in rows)
    return {start.id: start for start in starts}


async def write_starts(file: SqliteFile, starts: Iterable[StreamStart]) -> None:
    """Write the starts of a segment that is being made."""
    rows: list[SqlRow] = [msgspec.structs.astuple(start) for start in starts]
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        chunk = rows[first : first + _ROWS_AT_ONCE]
        values = ", ".join([f"({', '.join('?' * len(chunk[0]))})"] * len(chunk))
        await file.write(
            f"INSERT INTO start ({_COLUMNS}) VALUES {values}", [value for row in chunk for value in row]
        )


def joined(stream_id: int, before: StreamStart | None, own: OwnEvents | None, *, number: int) -> StreamStart:
    """A stream's events up to the end of segment ``number``."""
    if own is None:
        assert before is not None, "a stream has events before this segment, or in it"
        return before
    contents = list(own.contents)
    if before is not None:
        contents.append((before.types, before.symbols))
    types, symbols = _union(contents)
    parts = [] if before is None else _decode_parts(before.parts)
    return StreamStart(
        stream_id,
        own.seq,
        own.ts,
        own.hash,
        _encode([*parts, (number, own.seq)]),
        own.first_ts if before is None else before.first_ts,
        own.block_count + (0 if before is None else before.block_count),
        own.payload_bytes + (0 if before is None else before.payload_bytes),
        types,
        symbols,
    )


class _StartHead(msgspec.Struct, array_like=True):
    stream: str
    seq: int
    ts: int
    hash: bytes

    @property
    def head(self) -> StreamHead:
        return StreamHead(self.stream, self.seq, self.ts, self.hash)


def _union(contents: Sequence[tuple[SqlValue, SqlValue]]) -> tuple[bytes, bytes | None]:
    """All types; and all symbols, unless some are not listed."""
    tags: set[int] = set()
    symbols: set[str] = set()
    are_listed = True
    for types, listed in contents:
        tags |= _decode_tags(types) if isinstance(types, bytes) else frozenset()
        if isinstance(listed, bytes):
            symbols |= _decode_symbols(listed)
        else:
            are_listed = False
    return _encode(sorted(tags)), _encode(sorted(symbols)) if are_listed else None
