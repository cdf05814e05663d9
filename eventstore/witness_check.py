"""Checks that the store holds the blocks that its witness remembers.

One stream is checked whenever its end is read (``SqliteBlocks``). All streams are checked when a store is
opened that was not closed in good order, by ``integrity``, and when a store of an older version is taken
over.
"""

import asyncio
from contextlib import suppress
from pathlib import Path

import msgspec

from eventstore.block_id import MAX_STREAMS, first_seq_of, stream_id_of
from eventstore.planning import MAX_SEQ
from eventstore.sqlite_file import FileDamaged, SqliteFile, SqlRow, SqlValue
from eventstore.stream_keys import is_removed
from eventstore.stream_names import name_of
from eventstore.witness import Witness, WitnessEntry, witness_path
from kernel.errors import LogTruncated, StoreDamaged

_STREAMS_PER_QUERY = 10_000
"""Streams checked at once: 640 kB of the witness, and one query."""

_REMEMBERED = f"""
SELECT
    value,
    (SELECT max(id) FROM block WHERE id BETWEEN value & ~{MAX_SEQ} AND value | {MAX_SEQ}),
    (SELECT hash FROM block WHERE id = value),
    (SELECT name FROM stream WHERE id = value >> {MAX_SEQ.bit_length()})
FROM json_each(?)
"""

_KEY = "SELECT CAST(name AS BLOB) FROM stream WHERE id = ?"

_LAST_BLOCK = "SELECT id, hash FROM block WHERE id > ? ORDER BY id DESC LIMIT 1"

_LAST_BLOCKS = f"""
SELECT id, hash FROM block WHERE id IN (
    SELECT (
        SELECT max(id) FROM block
        WHERE id BETWEEN value << {MAX_SEQ.bit_length()} AND value << {MAX_SEQ.bit_length()} | {MAX_SEQ}
    )
    FROM json_each(?)
)
"""


async def check_commits(reader: SqliteFile, remembered: list[WitnessEntry]) -> None:
    """Raise ``LogTruncated`` unless the file holds the last commits. Those to removed streams do not
    count."""
    for entry in reversed(remembered):
        rows = await reader.fetch("SELECT hash FROM block WHERE id = ?", (entry.block_id,))
        if rows != [(entry.hash,)]:
            name = await reader.fetch(_KEY, (stream_id_of(entry.block_id),))
            if name and is_removed(name_of(name[0][0])):
                continue
            what = "its last commit is missing" if not rows else "another commit is in place of its last one"
            raise truncated(reader.path, what)


async def check_all_streams(reader: SqliteFile, witness: Witness) -> None:
    """Raise ``LogTruncated`` unless every remembered stream has its name and its last block.

    Raises ``FileDamaged`` if pages are unreadable.
    """
    for first_id in range(1, witness.highest_stream_id() + 1, _STREAMS_PER_QUERY):
        remembered = witness.last_blocks(first_id, _STREAMS_PER_QUERY)
        ids = msgspec.json.encode([entry.block_id for entry in remembered]).decode()
        for entry, row in zip(remembered, await reader.fetch(_REMEMBERED, (ids,)), strict=True):
            fault = _fault(row, entry)
            if fault is not None:
                raise truncated(reader.path, fault)


async def check_names(reader: SqliteFile, witness: Witness, *, missing: str) -> None:
    """Raise ``StoreDamaged`` if the name of any stream is lost, as it may have been the ``missing`` one.

    Ids of streams have no gaps, so counting names is enough: 15 ms for 100,000 streams.
    """
    highest_id = witness.highest_stream_id()  # read before the names: a new stream gets its name first
    ((count, last_id),) = await reader.fetch("SELECT count(*), coalesce(max(id), 0) FROM stream NOT INDEXED")
    if count == last_id and isinstance(last_id, int) and last_id >= highest_id:
        return
    known: set[SqlValue] = {row[0] for row in await reader.fetch("SELECT id FROM stream NOT INDEXED")}
    for first_id in range(1, highest_id + 1, _STREAMS_PER_QUERY):
        for entry in witness.last_blocks(first_id, _STREAMS_PER_QUERY):
            stream_id = stream_id_of(entry.block_id)
            if stream_id not in known:
                reason = f"the name of stream number {stream_id} is lost, and may have been this one"
                raise StoreDamaged(missing, first_bad_seq=1, reason=reason)


async def take_over(reader: SqliteFile, witness: Witness) -> None:
    """Write the last block of every stream into the witness. Several processes may do so at the same time.

    A stream whose end is unreadable is left out; reading that stream reports the damage.
    """
    await check_all_streams(reader, witness)
    rows = await reader.fetch("SELECT id FROM stream NOT INDEXED WHERE id BETWEEN 1 AND ?", (MAX_STREAMS,))
    ids = [row[0] for row in rows]
    for place in range(0, len(ids), _STREAMS_PER_QUERY):
        chunk = ids[place : place + _STREAMS_PER_QUERY]
        try:
            witness.take_over(await _last_blocks(reader, chunk))
        except FileDamaged:
            for stream_id in chunk:
                with suppress(FileDamaged):
                    witness.take_over(await _last_blocks(reader, [stream_id]))
    if not witness.commits():
        with suppress(FileDamaged):
            for block in _blocks(await reader.fetch(_LAST_BLOCK, (MAX_SEQ,))):
                witness.remember([block])
    await asyncio.to_thread(witness.confirm_streams)


def truncated(path: Path, what: str) -> LogTruncated:
    """The error for a store that lacks a block that its witness remembers."""
    return LogTruncated(
        f"event store {path}: {what}, but {witness_path(path)} remembers it as committed. Either the file "
        "was replaced by an older one, cut or damaged, or its -wal file was lost. Put all its files back, or "
        "restore a backup. To accept the loss, or if the store was deleted on purpose, delete the witness."
    )


async def _last_blocks(reader: SqliteFile, stream_ids: list[SqlValue]) -> list[tuple[int, bytes]]:
    rows = await reader.fetch(_LAST_BLOCKS, (msgspec.json.encode(stream_ids).decode(),))
    return _blocks(rows)


def _blocks(rows: list[SqlRow]) -> list[tuple[int, bytes]]:
    return [(row[0], row[1]) for row in rows if isinstance(row[0], int) and isinstance(row[1], bytes)]


def _fault(row: SqlRow, entry: WitnessEntry) -> str | None:
    """The difference between a remembered block and a row of ``_REMEMBERED``; ``None`` if they agree."""
    _block_id, last_id, found_hash, name = row
    stream_id, first_seq = stream_id_of(entry.block_id), first_seq_of(entry.block_id)
    if not isinstance(name, str):
        return f"the name of stream number {stream_id} is missing"
    if is_removed(name):
        return None
    if not isinstance(last_id, int) or last_id < entry.block_id:
        return f"stream {name!r} ends before seq {first_seq}"
    if found_hash != entry.hash:
        return f"stream {name!r} holds another block at seq {first_seq}"
    return None
