"""Moves and removes the events of whole streams of a SQLite store, in one transaction with their record.

Theory of operation. A move changes the key in a row of the table of streams. Its blocks, which are found by
the row's id, stay as they are: moving costs the same for any number of events. A removal deletes the blocks
and leaves the row under ``removed_key``, since ids have no gaps. The witness remembers the last block of
each id; for a removed id it does not count.

The transaction has a connection of its own. Writers, here and in other processes, remember ids of streams.
So the first move puts a trigger into the file that refuses a block under a closed key: the writer then
looks up the ids and heads of its streams again, and refuses the append as a conflict.
"""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from eventstore.block_id import block_id
from eventstore.durability import Durability
from eventstore.encoding import encode_runs
from eventstore.planning import MAX_SEQ, AppendRequest, plan_appends
from eventstore.port import StreamMove
from eventstore.segment_starts import start_of
from eventstore.sqlite_blocks import SqliteBlocks, insert_blocks
from eventstore.sqlite_file import SqliteFile, open_for_writing
from eventstore.stream_keys import CATALOGUE, CLOSED_MARK, removed_key
from kernel.errors import StoreError
from kernel.events import Event

_REFUSE_CLOSED = f"""
CREATE TRIGGER IF NOT EXISTS refuse_closed BEFORE INSERT ON block
WHEN instr((SELECT name FROM stream WHERE id = NEW.id >> {MAX_SEQ.bit_length()}), char({ord(CLOSED_MARK)}))
BEGIN SELECT RAISE(ABORT, 'the stream was moved'); END
"""

_LAST_HASH = "SELECT hash FROM block WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT 1"


async def move_streams(
    path: Path, moves: Sequence[StreamMove], *, record: Event, expected_seq: int
) -> tuple[int, bytes]:
    """See ``EventStore.move``. Returns id and hash of the catalogue's new block. Always synced."""
    file = await open_for_writing(path, Durability.FULL)
    try:
        await file.write("BEGIN IMMEDIATE")
        try:
            await file.write(_REFUSE_CLOSED)
            for move in moves:
                await _move(file, move)
            recorded = await _append_record(file, record, expected_seq=expected_seq)
            await file.write("COMMIT")
        except BaseException:
            with suppress(StoreError):  # SQLite may have rolled back already
                await file.write("ROLLBACK")
            raise
    finally:
        await file.close()
    return recorded


async def _move(file: SqliteFile, move: StreamMove) -> None:
    stream_id = await _id_of(file, move.stream)
    blocks = (block_id(stream_id, 1), block_id(stream_id, MAX_SEQ))
    if await _last_hash(file, stream_id) != move.block_hash:
        raise StoreError(f"stream {move.stream!r} was changed meanwhile; nothing was done")
    if move.to is None:
        await file.write("DELETE FROM block WHERE id BETWEEN ? AND ?", blocks)
        if file.is_segment:
            await file.write("DELETE FROM start WHERE id = ?", (stream_id,))
        await _rename(file, stream_id, removed_key(move.stream, stream_id))
        return
    taken_id = await _id_of(file, move.to)
    if taken_id:  # a row without blocks is left by an append that was refused
        if await _last_hash(file, taken_id) is not None:
            raise StoreError(f"there is a stream {move.to!r} already; nothing was done")
        await _rename(file, taken_id, removed_key(move.to, taken_id))
    await _rename(file, stream_id, move.to)


async def _last_hash(file: SqliteFile, stream_id: int) -> bytes | None:
    """The hash of the last block of a stream; ``None`` if it has no event."""
    if not stream_id:
        return None
    for (found,) in await file.fetch(_LAST_HASH, (block_id(stream_id, 1), block_id(stream_id, MAX_SEQ))):
        return found if isinstance(found, bytes) else b""
    return (await start_of(file, stream_id, "")).block_hash or None


async def _rename(file: SqliteFile, stream_id: int, key: str) -> None:
    await file.write("UPDATE stream SET name = ? WHERE id = ?", (key, stream_id))


async def _append_record(file: SqliteFile, record: Event, *, expected_seq: int) -> tuple[int, bytes]:
    await file.write("INSERT OR IGNORE INTO stream (name) VALUES (?)", (CATALOGUE,))
    stream_id = await _id_of(file, CATALOGUE)
    head = await SqliteBlocks(file, None).head(CATALOGUE)
    request = AppendRequest(
        stream=CATALOGUE, runs=encode_runs(CATALOGUE, (record,)), expected_seq=expected_seq
    )
    plan = plan_appends([request], {CATALOGUE: head})
    for outcome in plan.outcomes:
        if isinstance(outcome, StoreError):
            raise outcome
    if not await insert_blocks(file, plan.blocks, stream_ids={CATALOGUE: stream_id}):
        raise StoreError("the catalogue's next block is taken; nothing was done")
    header = plan.blocks[-1].header
    return block_id(stream_id, header.first_seq), header.hash


async def _id_of(file: SqliteFile, key: str) -> int:
    """The id of a row; 0 if there is none."""
    for (row_id,) in await file.fetch("SELECT id FROM stream WHERE name = ?", (key,)):
        assert isinstance(row_id, int), "SQLite row ids are integers"
        return row_id
    return 0
