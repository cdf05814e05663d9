"""The event store in one SQLite file: the default, for live trading and research.

While the file is open, SQLite's ``-wal`` and ``-shm`` are beside it. The ``.witness`` beside it shows when
the file or a stream has lost its end. All these files belong together: copy, move and restore them together.
"""

import asyncio
import zlib
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AsyncExitStack, suppress
from os import PathLike
from pathlib import Path
from types import TracebackType

from eventstore.block import EncodedEvents
from eventstore.checkpoint import check_checkpoint
from eventstore.durability import Durability
from eventstore.growth import StreamMarks
from eventstore.port import Batch, Damage, Selection, StreamHead, StreamInfo, StreamMove
from eventstore.reading import block_hash, follow_batches, read_batches, verify_blocks
from eventstore.sqlite_blocks import SqliteBlocks
from eventstore.sqlite_file import SqliteFile
from eventstore.sqlite_listing import ids_holding, list_streams
from eventstore.sqlite_moves import move_streams
from eventstore.sqlite_opening import StoreFiles, end_session, open_to_read, open_to_write
from eventstore.sqlite_writer import SqliteWriter
from eventstore.stream_info import holding_only
from eventstore.stream_keys import CATALOGUE, is_name
from eventstore.witness_check import check_all_streams
from kernel.errors import StoreError
from kernel.events import Event

_ALL = Selection()

FOREIGN_APPEND_WAIT_S = 0.05
"""Longest time until a follower sees an append of another process.

Appends of the same store object wake followers at once. SQLite does not announce commits of another process,
so a follower reads the stream's end again after this time.
"""

_SAVE_CHECKPOINT = """
INSERT INTO checkpoint (subscriber, seq, crc) VALUES (?, ?, ?)
ON CONFLICT (subscriber) DO UPDATE SET seq = excluded.seq, crc = excluded.crc WHERE excluded.seq > seq
"""

_ORPHANS = "SELECT count(*) FROM block WHERE (id >> 42) NOT IN (SELECT id FROM stream NOT INDEXED)"


class SqliteEventStore:
    """``EventStore`` in a SQLite file. ``open`` checks the file and creates the object.

    Several store objects and processes may use one file: each append is checked against the appends of the
    others. The file must be on a local disk, as SQLite's WAL does not work over a network.
    """

    def __init__(self, files: StoreFiles, *, marks: StreamMarks | None = None):
        """Use ``open``. ``marks`` wake the followers of a store in a folder."""
        self._files = files
        self._path = files.path
        self._reader = files.reader
        self._blocks = SqliteBlocks(files.reader, files.witness)
        self._marks = SharedFileMarks() if marks is None else marks
        self._writer = (
            None
            if files.writing is None
            else SqliteWriter(files.writing, blocks=self._blocks, on_commit=self._marks.set)
        )
        self._release_task: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        path: str | PathLike[str],
        *,
        durability: Durability = Durability.FULL,
        read_only: bool = False,
    ) -> "SqliteEventStore":
        """Open a store, or create it unless ``read_only``.

        Raises ``StoreError`` if the file is not an event store, is of another format, or cannot be used, and
        ``LogTruncated`` if it lacks a commit that its witness remembers. No byte is changed then.
        """
        store_path = Path(path)
        files = await (open_to_read(store_path) if read_only else open_to_write(store_path, durability))
        return cls(files)

    @property
    def possible_loss(self) -> str | None:
        """A sentence if commits before this open may be missing after a power cut. See ``Durability``."""
        return self._files.possible_loss

    @property
    def blocks(self) -> SqliteBlocks:
        """Its blocks, for a store in a folder, of which this is the open segment."""
        return self._blocks

    @property
    def reader(self) -> SqliteFile:
        """Its connection for reading."""
        return self._reader

    @property
    def writer(self) -> SqliteWriter:
        """Its group commit. Raises ``StoreError`` if it was opened read-only."""
        return self._writable()

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

        An append need not wait for the one before it: it names the seq where that one will end as
        ``expected_seq``, and both share a commit.
        """
        return await self._writable().append(stream, events, expected_seq=expected_seq, causes=causes)

    async def head(self, stream: str) -> StreamHead:
        """See ``EventStore.head``.

        Raises ``StoreDamaged`` if the last block's header is not intact, or the stream ends before the
        block that the witness remembers.
        """
        return await self._blocks.head(stream)

    async def block_hash(self, stream: str, seq: int) -> bytes:
        """See ``EventStore.block_hash``."""
        return await block_hash(self._blocks, stream, seq)

    async def streams(
        self, names: Collection[str] | None = None, *, holding: type[Event] | None = None
    ) -> tuple[StreamInfo, ...]:
        """See ``EventStore.streams``. Reads only headers, and only those of the streams in question.

        ``holding`` without ``names`` searches every header for the type: 50 ms for 100,000 blocks.
        """
        if names is not None:
            infos = await self._named(names)
        else:
            ids = None if holding is None else await ids_holding(self._reader, holding)
            infos = tuple(info for info in await list_streams(self._reader, ids) if is_name(info.stream))
        return infos if holding is None else holding_only(infos, holding)

    async def own_bytes(self) -> int:
        """Bytes of the events in this file."""
        ((total,),) = await self._reader.fetch("SELECT coalesce(sum(length(payload)), 0) FROM block")
        return total if isinstance(total, int) else 0

    async def _named(self, names: Collection[str]) -> tuple[StreamInfo, ...]:
        """The streams of these names. Ids are looked up again if some have been moved since."""
        ids = await self._blocks.stream_ids(names)
        infos = await list_streams(self._reader, ids.values())
        if ids.keys() == {info.stream for info in infos}:
            return infos
        self._blocks.forget(names)
        return await list_streams(self._reader, (await self._blocks.stream_ids(names)).values())

    def read(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch, None]:
        """See ``EventStore.read``. A writer, here or in another process, does not block it."""
        return read_batches(self._blocks, stream, selection)

    def follow(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch, None]:
        """See ``EventStore.follow``. Ends when no later event can match the selection."""
        return follow_batches(self._blocks, stream, selection, growth=self._marks)

    async def verify(self, stream: str) -> Damage | None:
        """See ``EventStore.verify``. ``integrity`` checks the parts of the file outside streams."""
        return await verify_blocks(self._blocks, stream)

    async def integrity(self) -> str | None:
        """The first fault of the file as a whole, in a sentence, or ``None``. Reads all of the file.

        Checks pages and indexes, blocks without a stream, and the streams that the witness remembers.
        """
        try:
            findings = await self._reader.fetch("PRAGMA integrity_check(1)")
            orphans = await self._reader.fetch(_ORPHANS)
            if findings != [("ok",)]:
                return f"event store {self._path}: {findings[0][0]!s}"
            if orphans != [(0,)]:
                return f"event store {self._path}: {orphans[0][0]!s} blocks belong to no stream"
            if self._files.witness is not None:
                await check_all_streams(self._reader, self._files.witness)
        except StoreError as error:
            return str(error)
        return None

    async def move(self, moves: Sequence[StreamMove], *, record: Event, expected_seq: int) -> None:
        """See ``EventStore.move``. Synced, whatever the durability of the store."""
        writer = self._writable()
        block = await move_streams(self._path, moves, record=record, expected_seq=expected_seq)
        writer.remember_moves(
            {CATALOGUE, *(key for move in moves for key in (move.stream, move.to or ""))}, block
        )

    async def checkpoint(self, subscriber: str) -> int:
        """See ``EventStore.checkpoint``. Raises ``StoreError`` if the saved one is damaged."""
        rows = await self._reader.fetch("SELECT seq, crc FROM checkpoint WHERE subscriber = ?", (subscriber,))
        if not rows:
            return 0
        seq, crc = rows[0]
        if not isinstance(seq, int) or crc != _checkpoint_crc(subscriber, seq):
            raise StoreError(
                f"event store {self._path}: the checkpoint of {subscriber!r} is damaged: save it again"
            )
        return seq

    async def save_checkpoint(self, subscriber: str, seq: int) -> None:
        """See ``EventStore.save_checkpoint``."""
        check_checkpoint(subscriber, seq)
        crc = _checkpoint_crc(subscriber, seq)
        await self._writable().write(_SAVE_CHECKPOINT, (subscriber, seq, crc))

    async def close(self) -> None:
        """Commit the waiting appends, then release files and threads; followers end with ``StoreError``.

        If it is cancelled, it still completes and then raises the cancellation. A commit that has begun
        cannot be stopped, and its caller is told the outcome.
        """
        if self._release_task is None:
            self._release_task = asyncio.create_task(self._release(), name="eventstore close")
        await _end_of(self._release_task)
        self._release_task.result()

    async def _release(self) -> None:
        files, writing = self._files, self._files.writing
        async with AsyncExitStack() as steps:  # run in reverse order, each one even if others raise
            if files.witness is not None:
                steps.callback(files.witness.close)
            steps.callback(self._marks.set_all)
            if writing is None or self._writer is None:
                steps.push_async_callback(files.reader.close)
                return
            await self._writer.close()
            if self._writer.is_sound:
                steps.push_async_callback(asyncio.to_thread, end_session, files.path, writing.witness)
                steps.push_async_callback(writing.connection.close)
                steps.push_async_callback(files.reader.close)
            else:
                # The last writing connection to be closed copies the -wal into the file and deletes the -wal
                # at its path, which may belong to another store by now. A reading connection does neither.
                steps.push_async_callback(files.reader.close)
                steps.push_async_callback(writing.connection.close)

    def _writable(self) -> SqliteWriter:
        if self._writer is None:
            raise StoreError(f"the event store {self._path} was opened read-only")
        return self._writer


class SharedFileMarks(StreamMarks):
    """Marks whose wait ends after a while, so that appends of other processes are seen."""

    async def wait(self, mark: asyncio.Event) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(FOREIGN_APPEND_WAIT_S):
                await mark.wait()


async def _end_of(task: asyncio.Task[None]) -> None:
    """Wait until a task has ended, then raise a cancellation that arrived meanwhile."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await _end_of(task)
        raise


def _checkpoint_crc(subscriber: str, seq: int) -> int:
    return zlib.crc32(f"{subscriber}\0{seq}".encode())
