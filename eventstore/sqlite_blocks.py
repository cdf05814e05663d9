"""Blocks as rows of SQLite: finding, loading and inserting them."""

from collections.abc import Collection, Mapping, Sequence

import msgspec

from eventstore.block import GENESIS_HASH, Block, BlockHeader, check_chain
from eventstore.block_id import block_id, first_seq_of
from eventstore.planning import MAX_SEQ, head_of
from eventstore.port import StreamHead
from eventstore.segment_starts import parts_of, start_of
from eventstore.sqlite_file import FileDamaged, RowTaken, SqliteFile, SqlRow, SqlValue
from eventstore.stream_keys import is_removed, name_in
from eventstore.stream_names import StreamNames, name_of
from eventstore.witness import Witness, WitnessEntry
from eventstore.witness_check import check_names
from kernel.errors import StoreDamaged, StreamMissing

_HEADER_COLUMNS = (
    "id, last_seq, first_ts, last_ts, codec, types, symbols, payload_hash, hash, length(payload)"
)

_LAST_HEADERS = f"""
SELECT {_HEADER_COLUMNS}, (SELECT CAST(name AS BLOB) FROM stream WHERE id = ?) FROM block
WHERE id BETWEEN ? AND ? ORDER BY id DESC LIMIT ?
"""

_NAME = "SELECT CAST(name AS BLOB) FROM stream WHERE id = ?"

_HEADERS = f"""
SELECT {_HEADER_COLUMNS} FROM block
WHERE id BETWEEN coalesce((SELECT max(id) FROM block WHERE id BETWEEN ?1 AND ?2), ?1) AND ?3
ORDER BY id LIMIT ?4
"""

_PAYLOADS = "SELECT id, causes, payload FROM block WHERE id BETWEEN ? AND ? ORDER BY id"

_PAYLOADS_OF = (
    "SELECT id, causes, payload FROM block WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id"
)

_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"


class SqliteBlocks:
    """``BlockSource`` over a connection for reading.

    A stream's end is trusted only if it is not before the last block that the witness remembers. Ids of
    streams are remembered. When an end is read, it is checked that the stream has not been moved since.
    """

    def __init__(self, file: SqliteFile, witness: Witness | None) -> None:
        self._file = file
        self._names = StreamNames(file)
        self._witness = witness
        self._are_names_checked = witness is None
        self._pinned: tuple[str, int] | None = None

    @property
    def file(self) -> SqliteFile:
        """The connection."""
        return self._file

    async def pinned(self, stream: str) -> "SqliteBlocks":
        """See ``BlockSource.pinned``."""
        if self._pinned is not None or not await self.last_seq(stream):
            return self
        stream_id = await self.stream_id(stream)
        return self if stream_id is None else self.pinned_to(stream, stream_id)

    def pinned_to(self, stream: str, stream_id: int) -> "SqliteBlocks":
        """The blocks of an id, under this key."""
        blocks = SqliteBlocks(self._file, self._witness)
        blocks._names, blocks._pinned = self._names, (stream, stream_id)
        return blocks

    def forget(self, streams: Collection[str]) -> None:
        """Look up the ids of these streams again."""
        self._names.forget(streams)

    async def stream_id(self, stream: str) -> int | None:
        """The id of a stream; ``None`` if it does not exist. Raises as ``stream_ids`` does."""
        if self._pinned is not None and self._pinned[0] == stream:
            return self._pinned[1]
        return (await self.stream_ids((stream,))).get(stream)

    async def stream_ids(self, streams: Collection[str]) -> dict[str, int]:
        """The ids of the streams that exist.

        Raises ``StoreDamaged`` if a stream is not found and the name of some stream is lost: they may be the
        same.
        """
        known = await self._names.ids_of(streams)
        if self._witness is not None and not self._are_names_checked and len(known) < len(set(streams)):
            missing = next(stream for stream in streams if stream not in known)
            await check_names(self._file, self._witness, missing=missing)
            self._are_names_checked = True  # names are never deleted
        return known

    async def head(self, stream: str) -> StreamHead:
        """The end of the stream. Raises ``StoreDamaged`` if its last header breaks the chain."""
        headers = await self._end(stream, limit=2)
        if not headers:
            return await self.start(stream)
        last = headers[0]
        if len(headers) > 1:
            check_chain(last, headers[1].hash)
        else:
            check_chain(last, (await self.start(stream)).block_hash or GENESIS_HASH)
        return head_of(last)

    async def start(self, stream: str) -> StreamHead:
        """See ``BlockSource.start``."""
        if not self._file.is_segment:
            return StreamHead(stream)
        stream_id = await self.stream_id(stream)
        return StreamHead(stream) if stream_id is None else await start_of(self._file, stream_id, stream)

    async def last_seq(self, stream: str) -> int:
        """See ``BlockSource.last_seq``."""
        headers = await self._end(stream, limit=1)
        return headers[0].last_seq if headers else (await self.start(stream)).seq

    async def parts(self, stream_id: int) -> list[tuple[int, int]]:
        """The earlier segments that hold events of a stream, each with its last seq there."""
        return await parts_of(self._file, stream_id)

    async def holds(self, stream: str, first_seq: int) -> bool:
        """Whether a block with this first seq exists, by the primary key alone."""
        stream_id = await self.stream_id(stream)
        assert stream_id is not None, "a stream that was written to has an id"
        rows = await self._file.fetch("SELECT 1 FROM block WHERE id = ?", (block_id(stream_id, first_seq),))
        return bool(rows)

    async def _end(self, stream: str, *, limit: int) -> list[BlockHeader]:
        """The last headers, the very last first."""
        stream_id = await self.stream_id(stream)
        if stream_id is None:
            return []
        # Read before the store: the store must hold what was remembered before it was read.
        remembered = None if self._witness is None else self._witness.last_block(stream_id)
        headers, key = await self._last_headers(stream, stream_id, limit=limit)
        if key is not None and key != stream and name_in(key) == name_in(stream):
            if self._pinned is not None:
                raise _moved(stream)
            self.forget((stream,))
            return await self._end(stream, limit=limit)
        if remembered is not None:
            await self._check_end(stream, headers, remembered)
        return headers

    async def _last_headers(
        self, stream: str, stream_id: int, *, limit: int
    ) -> tuple[list[BlockHeader], str | None]:
        """The last headers, and the present key of the id if it is readable."""
        first, last = block_id(stream_id, 1), block_id(stream_id, MAX_SEQ)
        rows = await self._file.fetch(_LAST_HEADERS, (stream_id, first, last, limit))
        names = [row[-1:] for row in rows] or await self._file.fetch(_NAME, (stream_id,))
        return [_header(stream, row[:-1]) for row in rows], name_of(names[0][0]) if names else None

    async def check_kept(self, stream: str, stream_id: int) -> None:
        """Raise ``StreamMissing`` if the blocks of an id were removed."""
        for (name,) in await self._file.fetch(_NAME, (stream_id,)):
            if is_removed(name_of(name)):
                raise _moved(stream)

    async def _check_end(self, stream: str, headers: list[BlockHeader], remembered: WitnessEntry) -> None:
        """Raise ``StoreDamaged`` unless the remembered block is the last one, or an earlier one."""
        last_seq = headers[0].last_seq if headers else 0
        remembered_seq = first_seq_of(remembered.block_id)
        if headers and headers[0].first_seq == remembered_seq and headers[0].hash == remembered.hash:
            return
        if last_seq < remembered_seq:
            reason = (
                f"it ends at seq {last_seq}, but the witness remembers a block from seq {remembered_seq} on"
            )
            raise StoreDamaged(stream, first_bad_seq=last_seq + 1, reason=reason)
        rows = await self._file.fetch("SELECT hash FROM block WHERE id = ?", (remembered.block_id,))
        if rows != [(remembered.hash,)]:
            reason = f"the block from seq {remembered_seq} on is not the one that the witness remembers"
            raise StoreDamaged(stream, first_bad_seq=remembered_seq, reason=reason)

    async def headers(self, stream: str, *, from_seq: int, limit: int) -> list[BlockHeader]:
        stream_id = await self.stream_id(stream)
        if stream_id is None:
            return []
        first, last = block_id(stream_id, 1), block_id(stream_id, MAX_SEQ)
        holding = block_id(stream_id, from_seq)
        try:
            rows = await self._file.fetch(_HEADERS, (first, holding, last, limit))
        except FileDamaged as error:
            if limit > 1:
                return await self.headers(stream, from_seq=from_seq, limit=1)
            raise StoreDamaged(stream, first_bad_seq=from_seq, reason=str(error)) from error
        if not rows:
            await self.check_kept(stream, stream_id)
        headers: list[BlockHeader] = []
        for row in rows:
            try:
                headers.append(_header(stream, row))
            except StoreDamaged:
                if not headers:
                    raise
                break
        return headers

    async def blocks(self, headers: Sequence[BlockHeader]) -> list[Block]:
        stream = headers[0].stream
        stream_id = await self.stream_id(stream)
        assert stream_id is not None, "a stream with headers has an id"
        try:
            rows = await self._payload_rows(stream_id, headers)
        except FileDamaged as error:
            if len(headers) > 1:
                return await self.blocks(headers[:1])
            raise StoreDamaged(stream, first_bad_seq=headers[0].first_seq, reason=str(error)) from error
        found = {row[0]: row for row in rows}
        blocks: list[Block] = []
        for header in headers:
            row = found.get(block_id(stream_id, header.first_seq))
            if row is None or not isinstance(row[2], bytes) or not isinstance(row[1], bytes | None):
                break
            blocks.append(Block(header=header, causes=row[1], payload=row[2]))
        if not blocks:
            await self.check_kept(stream, stream_id)
            raise StoreDamaged(
                stream, first_bad_seq=headers[0].first_seq, reason="a block's payload is missing"
            )
        return blocks

    async def _payload_rows(self, stream_id: int, headers: Sequence[BlockHeader]) -> list[SqlRow]:
        ids = [block_id(stream_id, header.first_seq) for header in headers]
        is_unbroken = headers[-1].last_seq - headers[0].first_seq + 1 == sum(
            header.event_count for header in headers
        )
        if is_unbroken:
            return await self._file.fetch(_PAYLOADS, (ids[0], ids[-1]))
        return await self._file.fetch(_PAYLOADS_OF, (msgspec.json.encode(ids).decode(),))


async def insert_blocks(file: SqliteFile, blocks: Sequence[Block], *, stream_ids: Mapping[str, int]) -> bool:
    """Insert all blocks durably in one statement, and so in one round trip to the thread.

    Returns ``False``, and writes nothing, if the row id of a block is taken: another process has appended to
    its stream. Since streams have no gaps, two appends to the same end have the same row id. So the primary
    key is enough to find the conflict.
    """
    parameters: list[SqlValue] = []
    for block in blocks:
        parameters += _row(block, stream_ids[block.header.stream])
    rows = ", ".join([_ROW] * len(blocks))
    try:
        await file.write(f"INSERT INTO block VALUES {rows}", parameters)
    except RowTaken:
        return False
    return True


def _moved(stream: str) -> StreamMissing:
    return StreamMissing(f"stream {stream!r} was deleted, put aside or replaced while it was being read")


def _row(block: Block, stream_id: int) -> tuple[SqlValue, ...]:
    header = block.header
    return (
        block_id(stream_id, header.first_seq),
        header.last_seq,
        header.first_ts,
        header.last_ts,
        header.codec,
        header.types,
        header.symbols,
        header.payload_hash,
        header.hash,
        block.causes,
        block.payload,
    )


def _header(stream: str, row: SqlRow) -> BlockHeader:
    row_id, *columns = row
    assert isinstance(row_id, int), "SQLite row ids are integers"
    first_seq = row_id & MAX_SEQ
    try:
        return msgspec.convert((stream, first_seq, *columns), BlockHeader)
    except msgspec.ValidationError as error:
        raise StoreDamaged(stream, first_bad_seq=first_seq, reason=f"a header is wrong: {error}") from error
