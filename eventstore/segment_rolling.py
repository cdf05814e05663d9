"""Ending a segment: the next one is made, takes its place, and the former one is sealed.

Theory of operation. Each step leaves the folder in a state that the next open goes on from:

1. ``build_segment``: the next segment is written under another name, with the ends of all streams and the
   record of segments. After a crash it is deleted and the former one is still open.
2. ``put_in_place``: it gets its name. From now on no event is appended to the former one.
3. ``seal``: the former one's ``-wal`` is copied into it, it becomes read-only and is hashed. After a crash it
   is sealed by the next open.
4. ``SegmentSealed`` is recorded, and the former one's witness deleted: the next segment knows its ends.
"""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from eventstore.block_id import block_id
from eventstore.durability import Durability
from eventstore.planning import MAX_SEQ
from eventstore.segment_archive import file_sha256
from eventstore.segment_folder import SegmentFolder, delete_store_file
from eventstore.segment_starts import SEGMENT_SCHEMA, write_starts
from eventstore.sqlite_file import SqliteFile, SqlRow, SqlValue, is_sealed, open_for_reading, open_for_writing
from eventstore.sqlite_listing import ends_of_segment
from eventstore.stream_keys import SEGMENTS
from eventstore.witness import Witness, witness_path
from kernel.errors import StoreError
from kernel.events import SegmentSealed

_READ_ONLY = 0o444

_ROWS_AT_ONCE = 1_000

_LAST_BLOCK = "SELECT id, hash FROM block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"

_STAMPS = (
    "SELECT coalesce(min(first_ts), 0), coalesce(max(last_ts), 0) FROM block WHERE id NOT BETWEEN ? AND ?"
)


async def build_segment(
    folder: SegmentFolder, number: int, former: SqliteFile | None, *, opened_ts: int
) -> None:
    """Write the segment ``number`` under another name, to go on where ``former`` ends; synced."""
    path = folder.new(number)
    delete_store_file(path)
    last_block: tuple[int, bytes] | None = None
    file = await open_for_writing(path, Durability.NORMAL)  # synced as a whole when it is closed
    try:
        await file.run_script(SEGMENT_SCHEMA)
        await file.write("BEGIN IMMEDIATE")
        await file.write("INSERT INTO segment (number, opened_ts) VALUES (?, ?)", (number, opened_ts))
        if former is not None:
            last_block = await _take_over(file, former, number - 1)
        await file.write("COMMIT")
    finally:
        await file.close()
    await asyncio.to_thread(_make_witness, path, last_block)


async def put_in_place(folder: SegmentFolder, number: int) -> None:
    """Make a segment that was built the open one."""
    new, path = folder.new(number), folder.file(number)
    await asyncio.to_thread(_rename, folder, new, path)


async def opened_ts_of(file: SqliteFile) -> int:
    """When a segment was begun, by the wall clock."""
    for (opened_ts,) in await file.fetch("SELECT opened_ts FROM segment"):
        return opened_ts if isinstance(opened_ts, int) else 0
    return 0


async def has_ended(file: SqliteFile) -> bool:
    """Whether a segment was sealed, so that another one must follow it."""
    return await file.fetch("SELECT is_sealed FROM segment") == [(1,)]


async def seal(folder: SegmentFolder, number: int, *, ts: int) -> SegmentSealed:
    """Make a segment read-only and hash it; may be repeated. Nobody else may have it open for writing.

    Raises ``StoreError`` if a reader of another process keeps the ``-wal`` from being copied.
    """
    path = folder.file(number)
    if not is_sealed(path):
        await _copy_wal(path)
    path.chmod(_READ_ONLY)
    file = await open_for_reading(path)
    try:
        record_id = await _id_of_record(file)
        ((first_ts, last_ts),) = await file.fetch(
            _STAMPS, (block_id(record_id, 1), block_id(record_id, MAX_SEQ))
        )
    finally:
        await file.close()
    assert isinstance(first_ts, int)
    assert isinstance(last_ts, int)
    sha256 = await asyncio.to_thread(file_sha256, path)
    return SegmentSealed(ts, number, path.stat().st_size, sha256, first_ts, last_ts)


def drop_witness(folder: SegmentFolder, number: int) -> None:
    """Delete the witness of a segment whose sealing is recorded."""
    witness_path(folder.file(number)).unlink(missing_ok=True)


async def _copy_wal(path: Path) -> None:
    file = await open_for_writing(path, Durability.FULL)
    try:
        await file.write("UPDATE segment SET is_sealed = 1")
        ((is_busy, *_pages),) = await file.fetch("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        await file.close()
    if is_busy:
        raise StoreError(
            f"{path}: a reader keeps its -wal in use; it is sealed when the store is opened again"
        )


def _make_witness(path: Path, last_block: tuple[int, bytes] | None) -> None:
    """The witness of a segment that was built: it remembers the end of the record of segments."""
    witness = Witness.create(path)
    try:
        if last_block is not None:
            witness.take_over((last_block,))
        witness.confirm_streams()
    finally:
        witness.close()


async def _take_over(file: SqliteFile, former: SqliteFile, number: int) -> tuple[int, bytes] | None:
    """Copy names, ends, checkpoints and the record of segments into the next segment.

    Returns id and hash of the record's last block.
    """
    await _copy(file, former, "INSERT INTO stream (id, name)", "SELECT id, name FROM stream")
    await _copy(file, former, "INSERT INTO checkpoint", "SELECT subscriber, seq, crc FROM checkpoint")
    record_id = await _id_of_record(former)
    ends = await ends_of_segment(former, number)
    await write_starts(file, (end for stream_id, end in ends.items() if stream_id != record_id))
    if record_id not in ends:
        return None
    bounds = (block_id(record_id, 1), block_id(record_id, MAX_SEQ))
    await _copy(file, former, "INSERT INTO block", "SELECT * FROM block WHERE id BETWEEN ? AND ?", bounds)
    ((last_id, last_hash),) = await former.fetch(_LAST_BLOCK, bounds)
    assert isinstance(last_id, int)
    assert isinstance(last_hash, bytes)
    return last_id, last_hash


async def _copy(
    file: SqliteFile, former: SqliteFile, insert: str, select: str, parameters: Sequence[SqlValue] = ()
) -> None:
    rows: list[SqlRow] = await former.fetch(select, parameters)
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        chunk = rows[first : first + _ROWS_AT_ONCE]
        values = ", ".join([f"({', '.join('?' * len(chunk[0]))})"] * len(chunk))
        await file.write(f"{insert} VALUES {values}", [value for row in chunk for value in row])


async def _id_of_record(file: SqliteFile) -> int:
    for (stream_id,) in await file.fetch("SELECT id FROM stream WHERE name = ?", (SEGMENTS,)):
        assert isinstance(stream_id, int), "SQLite row ids are integers"
        return stream_id
    return 0


def _rename(folder: SegmentFolder, new: Path, path: Path) -> None:
    delete_store_file(path)  # a witness without a segment, from a crash between these two renames
    witness_path(new).rename(witness_path(path))
    new.rename(path)
    folder.sync()
