"""The event store in one SQLite file: the embedded default, for live trading and research alike.

Beside the file lie SQLite's ``-wal`` and ``-shm`` while it is open, and ``.witness``, which notices
when the file lost its tail. All of them belong together: copy, move and restore them as one.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AsyncExitStack, suppress
from os import PathLike
from pathlib import Path
from types import TracebackType

from eventstore.block import EncodedEvents
from eventstore.block_writer import BlockWriter
from eventstore.checkpoint import check_checkpoint
from eventstore.durability import Durability
from eventstore.growth import StreamMarks
from eventstore.port import Batch, Damage, Selection, StreamHead, StreamInfo
from eventstore.reading import block_hash, follow_batches, read_batches, verify_blocks
from eventstore.sqlite_blocks import SqliteBlocks
from eventstore.sqlite_file import SqliteFile, is_present, open_for_reading, open_for_writing
from eventstore.sqlite_listing import ids_holding, list_streams
from eventstore.stream_info import holding_only
from eventstore.witness import Witness, WitnessEntry, read_witness, witness_path
from kernel.errors import LogTruncated, StoreError
from kernel.events import Event

_ALL = Selection()

FOREIGN_APPEND_WAIT_S = 0.05
"""How soon a follower sees what another process appended.

Appends of the same store object wake followers at once. SQLite tells nobody of another process's
commits, so after this long a follower compares ``PRAGMA data_version``: 20 us, 20 times a second.
"""

_SAVE_CHECKPOINT = """
INSERT INTO checkpoint (subscriber, seq, crc) VALUES (?, ?, ?)
ON CONFLICT (subscriber) DO UPDATE SET seq = excluded.seq, crc = excluded.crc WHERE excluded.seq > seq
"""

_ORPHANS = "SELECT count(*) FROM block WHERE (id >> 42) NOT IN (SELECT id FROM stream NOT INDEXED)"


class SqliteEventStore:
    """``EventStore`` in a SQLite file. Made by ``open``, which checks before it trusts.

    Several store objects and processes may use one file: each append is checked against what the
    others wrote. Local disks only: SQLite's WAL does not work over a network.
    """

    def __init__(
        self, path: Path, *, reader: SqliteFile, writer_file: SqliteFile | None, witness: Witness | None
    ):
        """Use ``open``."""
        self._path = path
        self._reader = reader
        self._blocks = SqliteBlocks(reader)
        self._marks = _StreamMarks()
        self._writer_file = writer_file
        self._writer = (
            None
            if writer_file is None or witness is None
            else BlockWriter(writer_file, blocks=self._blocks, witness=witness, on_commit=self._marks.set)
        )
        self._closing = asyncio.Lock()

    @classmethod
    async def open(
        cls,
        path: str | PathLike[str],
        *,
        durability: Durability = Durability.FULL,
        read_only: bool = False,
    ) -> "SqliteEventStore":
        """Open a store, or create it unless ``read_only``.

        Raises ``StoreError`` if the file is not ours, is newer, or cannot be used, and
        ``LogTruncated`` if it lacks what its witness remembers. Nothing is changed then.
        """
        store_path = Path(path)
        remembered = read_witness(store_path)
        if remembered and not is_present(store_path):
            raise _truncated(store_path, "the file is gone")
        async with AsyncExitStack() as cleanup:
            writer_file = witness = None
            if not read_only:
                writer_file = await open_for_writing(store_path, durability)
                cleanup.push_async_callback(writer_file.close)
            reader = await open_for_reading(store_path)
            cleanup.push_async_callback(reader.close)
            await _check_witness(reader, remembered)
            if not read_only:
                witness = Witness.open(store_path)
                cleanup.callback(witness.close)
            if not remembered:
                await _renew_witness(reader, witness)
            cleanup.pop_all()
        return cls(store_path, reader=reader, writer_file=writer_file, witness=witness)

    async def __aenter__(self) -> "SqliteEventStore":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def append(
        self,
        stream: str,
        events: Sequence[Event] | EncodedEvents,
        *,
        expected_seq: int,
        causes: Sequence[int] | None = None,
    ) -> StreamHead:
        """See ``EventStore.append``. Appends are decided in the order of the calls.

        One that follows another which still waits may name the end of that one as ``expected_seq``,
        and shares its commit.
        """
        return await self._writable().append(stream, events, expected_seq=expected_seq, causes=causes)

    async def head(self, stream: str) -> StreamHead:
        """See ``EventStore.head``. Raises ``StoreDamaged`` if the last block's header is not intact."""
        return await self._blocks.head(stream)

    async def block_hash(self, stream: str, seq: int) -> bytes:
        """See ``EventStore.block_hash``."""
        return await block_hash(self._blocks, stream, seq)

    async def streams(
        self, names: Collection[str] | None = None, *, holding: type[Event] | None = None
    ) -> tuple[StreamInfo, ...]:
        """See ``EventStore.streams``. Reads every header of the streams in question: MILLION.

        ``holding`` looks at every header of the store.
        """
        ids: list[int] | None = None
        if names is not None:
            ids = list((await self._blocks.stream_ids(names)).values())
        elif holding is not None:
            ids = await ids_holding(self._reader, holding)
        infos = await list_streams(self._reader, ids)
        return infos if holding is None else holding_only(infos, holding)

    def read(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch, None]:
        """See ``EventStore.read``. Reads on while the writer writes, here or in another process."""
        return read_batches(self._blocks, stream, selection)

    def follow(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch, None]:
        """See ``EventStore.follow``. Ends by itself once nothing later can match."""
        return follow_batches(self._blocks, stream, selection, growth=self._marks)

    async def verify(self, stream: str) -> Damage | None:
        """See ``EventStore.verify``. ``integrity`` checks what belongs to no stream."""
        return await verify_blocks(self._blocks, stream)

    async def integrity(self) -> str | None:
        """What is wrong with the file as a whole, ``None`` if nothing is. Reads all of it."""
        try:
            findings = await self._reader.fetch("PRAGMA quick_check(1)")
            orphans = await self._reader.fetch(_ORPHANS)
        except StoreError as error:
            return str(error)
        if findings != [("ok",)]:
            return f"event store {self._path}: {findings[0][0]!s}"
        if orphans != [(0,)]:
            return f"event store {self._path}: {orphans[0][0]!s} blocks belong to no stream"
        return None

    async def checkpoint(self, subscriber: str) -> int:
        """See ``EventStore.checkpoint``. Raises ``StoreError`` if what was saved is not intact."""
        rows = await self._reader.fetch("SELECT seq, crc FROM checkpoint WHERE subscriber = ?", (subscriber,))
        if not rows:
            return 0
        seq, crc = rows[0]
        if not isinstance(seq, int) or crc != _checkpoint_crc(subscriber, seq):
            raise StoreError(
                f"event store {self._path}: the checkpoint of {subscriber!r} is damaged: save it anew"
            )
        return seq

    async def save_checkpoint(self, subscriber: str, seq: int) -> None:
        """See ``EventStore.save_checkpoint``."""
        check_checkpoint(subscriber, seq)
        crc = _checkpoint_crc(subscriber, seq)
        await self._writable().write(_SAVE_CHECKPOINT, (subscriber, seq, crc))

    async def close(self) -> None:
        """Commit what waits, then release files and threads; followers end with ``StoreError``."""
        async with self._closing, AsyncExitStack() as steps:  # last first, whatever the others raise
            if self._writer_file is not None:
                steps.push_async_callback(self._writer_file.close)
            steps.callback(self._marks.set_all)
            steps.push_async_callback(self._reader.close)
            if self._writer is not None:
                steps.push_async_callback(self._writer.close)

    def _writable(self) -> BlockWriter:
        if self._writer is None:
            raise StoreError(f"the event store {self._path} was opened read-only")
        return self._writer


class _StreamMarks(StreamMarks):
    """Marks that give up waiting now and then, for appends of other processes."""

    async def wait(self, mark: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FOREIGN_APPEND_WAIT_S):
                await mark.wait()


async def _check_witness(reader: SqliteFile, remembered: list[WitnessEntry]) -> None:
    for entry in reversed(remembered):
        rows = await reader.fetch("SELECT hash FROM block WHERE id = ?", (entry.block_id,))
        if rows != [(entry.hash,)]:
            what = "its last commit is missing" if not rows else "its last commit is another one"
            raise _truncated(reader.path, what)


async def _renew_witness(reader: SqliteFile, witness: Witness | None) -> None:
    """A store without a witness is accepted, and a lost tail cannot be ruled out: say so."""
    rows = await reader.fetch("SELECT id, hash FROM block ORDER BY id DESC LIMIT 1")
    if read_witness(reader.path):
        return  # another process is just making its first commits
    for row_id, last_hash in rows:
        import structlog  # 200 ms: too much for every start, and this is rare

        structlog.get_logger().warning("event_store_without_witness", path=str(reader.path))
        if witness is not None and isinstance(row_id, int) and isinstance(last_hash, bytes):
            witness.remember(row_id, last_hash)


def _truncated(path: Path, what: str) -> LogTruncated:
    return LogTruncated(
        f"event store {path}: {what}, though {witness_path(path)} remembers it as committed. Either the file "
        "was replaced by an older one or cut, or its -wal file was lost. Put all its files back, or "
        "restore a backup. To accept the loss, or if the store was deleted on purpose, delete the witness."
    )


def _checkpoint_crc(subscriber: str, seq: int) -> int:
    return zlib.crc32(f"{subscriber}\0{seq}".encode())
