"""The event store in a folder of segments: for a log that grows for years.

Theory of operation. A segment is a SQLite file. The last one is open, the others are sealed and never change.
Streams go on from one to the next: seqs, times and the hash chain run on, and a reader sees one stream. The
open segment alone knows the end of every stream and where its earlier events are, so opening takes as long
with a thousand segments as with one.

One process writes (``WriterLock``), others read meanwhile. The writer rolls between two commits: it waits
for the appends that are queued, makes the next segment, and goes on there (``segment_rolling``). Sealing the
former one happens beside that. A roll that fails, as on a full disk, leaves the open segment open.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing
from os import PathLike
from pathlib import Path
from types import TracebackType

import msgspec

from eventstore.block import EncodedEvents
from eventstore.durability import Durability
from eventstore.kept_events import needs_no_market_data
from eventstore.port import Batch, Damage, Selection, StreamHead, StreamInfo, StreamMove
from eventstore.pruned_parts import read_pruned, verify_pruned
from eventstore.reading import block_hash, follow_batches, read_batches, verify_blocks
from eventstore.segment_files import OpenSegment, SegmentFiles
from eventstore.segment_folder import SegmentFolder, WriterLock
from eventstore.segment_opening import open_last, recover_segments
from eventstore.segment_records import append_record, read_record
from eventstore.segment_rolling import build_segment, drop_witness, opened_ts_of, put_in_place, seal
from eventstore.segment_settings import SegmentsConfig
from eventstore.segment_status import SegmentStatus, check_segments, list_segments
from eventstore.segmented_blocks import SegmentedBlocks
from eventstore.sqlite import SharedFileMarks
from eventstore.sqlite_opening import sync_commits
from eventstore.text_log import text_log
from kernel.errors import StoreError
from kernel.events import Event
from kernel.time_units import DAY_NS

_ALL = Selection()

ROLL_RETRY_S = 60.0
"""Seconds after a roll that failed until the next attempt. A full disk is not tried at every append."""


class SegmentedEventStore:
    """``EventStore`` in a folder. ``open`` checks it, recovers what a crash left, and creates the object."""

    def __init__(
        self,
        folder: SegmentFolder,
        opened: OpenSegment,
        marks: SharedFileMarks,
        *,
        lock: WriterLock | None,
        durability: Durability,
        settings: SegmentsConfig,
        now_ns: Callable[[], int],
    ) -> None:
        """Use ``open``."""
        self.folder = folder
        self.files = SegmentFiles(folder, marks, opened, follows_rolls=lock is None)
        self._blocks = SegmentedBlocks(self.files)
        self._marks = marks
        self._lock = lock
        self._durability = durability
        self._roll_bytes = round(settings.roll_mb * (1 << 20))
        self._roll_daily = settings.roll_daily
        self._now_ns = now_ns
        self._turn = asyncio.Lock()
        self._begun_day = 0
        self._begun_bytes = 0
        self._retry_at = 0.0
        self._rolling: asyncio.Task[None] | None = None
        self._closing: asyncio.Task[None] | None = None
        self._failure: StoreError | None = None

    @classmethod
    async def open(
        cls,
        path: str | PathLike[str],
        *,
        durability: Durability = Durability.FULL,
        read_only: bool = False,
        settings: SegmentsConfig | None = None,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> "SegmentedEventStore":
        """Open a store, or create it unless ``read_only``. ``now_ns``: the wall clock, for days and records.

        Raises ``StoreError`` if another process writes to it, ``LogTruncated`` if acknowledged events are
        missing.
        """
        folder = SegmentFolder(Path(path))
        lock: WriterLock | None = None
        if not read_only:
            lock = WriterLock(folder)
        marks = SharedFileMarks()
        try:
            opened = await open_last(
                folder, marks, durability=None if read_only else durability, opened_ts=now_ns()
            )
            store = cls(
                folder,
                opened,
                marks,
                lock=lock,
                durability=durability,
                settings=settings or SegmentsConfig(),
                now_ns=now_ns,
            )
        except BaseException:
            if lock is not None:
                lock.release()
            raise
        if lock is not None:
            try:
                await recover_segments(store.files, ts=now_ns())
                await store._note_begin(opened)
            except BaseException:
                await store.close()
                raise
        return store

    @property
    def possible_loss(self) -> str | None:
        """A sentence if commits before this open may be missing after a power cut. See ``Durability``."""
        return self.files.current.store.possible_loss

    async def __aenter__(self) -> "SegmentedEventStore":
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
        """See ``EventStore.append``. Appends are decided in the order of the calls, across a roll too."""
        async with self._turn:
            await self._roll_if_due()
            writer = self._writable().store.writer
            outcome = await writer.enqueue(stream, events, expected_seq=expected_seq, causes=causes)
        return await outcome

    async def head(self, stream: str) -> StreamHead:
        """See ``EventStore.head``."""
        async with self.files.open_segment() as segment:
            return await segment.store.head(stream)

    async def block_hash(self, stream: str, seq: int) -> bytes:
        """See ``EventStore.block_hash``."""
        return await block_hash(self._blocks, stream, seq)

    async def streams(
        self, names: Collection[str] | None = None, *, holding: type[Event] | None = None
    ) -> tuple[StreamInfo, ...]:
        """See ``EventStore.streams``. Counts events that were pruned too."""
        async with self.files.open_segment() as segment:
            return await segment.store.streams(names, holding=holding)

    def read(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch, None]:
        """See ``EventStore.read``.

        A selection by types without market data also reads what pruning has kept.
        """
        return self._read(stream, selection)

    def follow(self, stream: str, selection: Selection = _ALL) -> AsyncGenerator[Batch, None]:
        """See ``EventStore.follow``."""
        return follow_batches(self._blocks, stream, selection, growth=self._marks)

    async def verify(self, stream: str) -> Damage | None:
        """See ``EventStore.verify``. Events that were pruned are no damage; a segment that is missing is.

        What pruning has kept is checked against its own chain.
        """
        damage = await verify_pruned(self.files, self._blocks, stream)
        return damage or await verify_blocks(self._blocks, stream)

    async def parts(self, stream: str) -> tuple[int, list[tuple[int, int]]]:
        """A stream's id, and the sealed segments that hold or held its events, each with the last seq there.

        The id is the same in all segments; 0 if the stream does not exist.
        """
        return await self._blocks.stream_id(stream) or 0, await self._blocks.parts(stream)

    async def stretches(self, stream: str) -> list[tuple[int, int, int]]:
        """The segments that hold or held events of a stream: number, first and last seq there."""
        _stream_id, parts = await self.parts(stream)
        async with self.files.open_segment() as segment:
            head = await segment.store.head(stream)
            ends = [*parts, (segment.number, head.seq)]
        first_seqs = [1, *(last_seq + 1 for _number, last_seq in ends)]
        return [
            (end[0], first, end[1]) for end, first in zip(ends, first_seqs, strict=False) if first <= end[1]
        ]

    async def first_seq(self, stream: str) -> int:
        """The seq of the first event that was not pruned; 1 if none was."""
        return (await self._blocks.start(stream)).seq + 1

    async def integrity(self) -> str | None:
        """The first fault of the files as a whole, in a sentence, or ``None``. Reads all of them."""
        async with self.files.open_segment() as segment:
            found = await segment.store.integrity()
            if found is not None:
                return found
        for each in await self.segments(is_checked=True):
            if each.damage:
                return f"event store {self.folder.path}: {each.damage}"
        return None

    async def segments(self, *, is_checked: bool = False) -> list[SegmentStatus]:
        """What became of each segment, the open one too; ``is_checked``: compared with the hash on record.

        What looks like damage counts once a second look finds the same: the writer may have replaced files.
        """
        found = await self._look_at_segments(is_checked=is_checked)
        while any(each.damage for each in found):
            former, found = found, await self._look_at_segments(is_checked=is_checked)
            if found == former:
                break
        return found

    async def _look_at_segments(self, *, is_checked: bool) -> list[SegmentStatus]:
        async with self.files.open_segment() as segment:
            last, record = segment.number, await read_record(segment.store)
        if is_checked:
            return await check_segments(self.folder, record, last=last)
        return list_segments(self.folder, record, last=last)

    async def move(self, moves: Sequence[StreamMove], *, record: Event, expected_seq: int) -> None:
        """See ``EventStore.move``. Events in sealed segments stay in their files."""
        async with self._turn:
            await self._end_of_roll()
            await self._writable().store.move(moves, record=record, expected_seq=expected_seq)

    async def checkpoint(self, subscriber: str) -> int:
        """See ``EventStore.checkpoint``."""
        async with self.files.open_segment() as segment:
            return await segment.store.checkpoint(subscriber)

    async def save_checkpoint(self, subscriber: str, seq: int) -> None:
        """See ``EventStore.save_checkpoint``."""
        async with self._turn:
            await self._end_of_roll()
            await self._writable().store.save_checkpoint(subscriber, seq)

    async def _read(self, stream: str, selection: Selection) -> AsyncGenerator[Batch, None]:
        source = await self._blocks.pinned(stream)
        if needs_no_market_data(selection) and await source.last_seq(stream):
            start = await source.start(stream)
            async with aclosing(read_pruned(self.files, source, stream, selection)) as batches:
                async for batch in batches:
                    yield batch
            selection = msgspec.structs.replace(selection, from_seq=max(selection.from_seq, start.seq + 1))
        async with aclosing(read_batches(source, stream, selection)) as batches:
            async for batch in batches:
                yield batch

    async def append_to_record(self, event: Event) -> None:
        """Append to the record of segments. Never begins a new segment."""
        async with self._turn:  # a roll copies the record: nothing may be added to it meanwhile
            await self._end_of_roll()
            await append_record(self.files.current.store, event)

    async def roll(self) -> None:
        """End the open segment now and go on in the next. Raises ``StoreError`` if that cannot be done."""
        async with self._turn:
            await self._end_of_roll()
            self._writable()
            self._begin_roll()
            await self._end_of_roll()

    async def close(self) -> None:
        """See ``EventStore.close``."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._release(), name="eventstore close")
        await _end_of(self._closing)
        self._closing.result()

    async def _release(self) -> None:
        try:
            if self._rolling is not None:
                await asyncio.wait([self._rolling])
                self._rolling.exception()  # retrieved: whoever waited for the roll is gone
            await self.files.close()
        finally:
            if self._lock is not None:
                self._lock.release()

    def _writable(self) -> OpenSegment:
        if self._lock is None:
            raise StoreError(f"the event store {self.folder.path} was opened read-only")
        if self._closing is not None:
            raise StoreError(f"the event store {self.folder.path} is closed")
        if self._failure is not None:
            raise StoreError(f"nothing more is written until the store is opened again: {self._failure}")
        return self.files.current

    async def _roll_if_due(self) -> None:
        await self._end_of_roll()
        if not self._is_due() or self._lock is None or self._closing is not None:
            return
        self._begin_roll()
        try:
            await self._end_of_roll()
        except StoreError as error:
            if self._failure is not None:
                raise
            self._retry_at = asyncio.get_running_loop().time() + ROLL_RETRY_S
            text_log().warning(
                "segment_not_rolled", path=str(self.folder.path), reason=str(error), retry_s=ROLL_RETRY_S
            )

    def _is_due(self) -> bool:
        taken = self._begun_bytes + self.files.current.store.writer.taken_bytes
        is_new_day = self._roll_daily and self._now_ns() // DAY_NS > self._begun_day and taken > 0
        if not is_new_day and taken < self._roll_bytes:
            return False
        return asyncio.get_running_loop().time() >= self._retry_at

    def _begin_roll(self) -> None:
        self._rolling = asyncio.create_task(self._roll(), name="eventstore roll")

    async def _end_of_roll(self) -> None:
        """Wait for a roll that runs, also one whose caller was cancelled; raise its error once."""
        if self._rolling is None:
            return
        rolling = self._rolling
        await asyncio.wait([rolling])
        self._rolling = None
        rolling.result()

    async def _roll(self) -> None:
        """Go on in the next segment. Nothing is queued meanwhile, as the caller has the turn."""
        former = self.files.current
        number = former.number + 1
        await former.store.writer.drain()
        await asyncio.to_thread(sync_commits, self.folder.file(former.number))
        try:
            await build_segment(self.folder, number, former.store.reader, opened_ts=self._now_ns())
        except OSError as error:
            raise StoreError(f"segment {number} cannot be made: {error}") from error
        try:
            await put_in_place(self.folder, number)
            opened = await open_last(
                self.folder, self._marks, durability=self._durability, opened_ts=self._now_ns()
            )
            await self._note_begin(opened)
        except (OSError, StoreError) as error:
            self._failure = StoreError(f"segment {number} cannot be opened: {error}")
            raise self._failure from error
        former.close = lambda: self._close_and_seal(former)
        self.files.go_on_with(opened)

    async def _note_begin(self, opened: OpenSegment) -> None:
        self._begun_day = await opened_ts_of(opened.store.reader) // DAY_NS
        self._begun_bytes = await opened.store.own_bytes()

    async def _close_and_seal(self, former: OpenSegment) -> None:
        """Close and seal the segment before the open one, and record it. The next open repeats what fails."""
        try:
            await former.store.close()
            event = await seal(self.folder, former.number, ts=self._now_ns())
            await self.append_to_record(event)
            drop_witness(self.folder, former.number)
        except (StoreError, OSError) as error:
            text_log().warning(
                "segment_not_sealed", path=str(self.folder.file(former.number)), reason=str(error)
            )


async def _end_of(task: asyncio.Task[None]) -> None:
    """Wait until a task has ended, then raise a cancellation that arrived meanwhile."""
    try:
        await asyncio.wait([task])
    except asyncio.CancelledError:
        await _end_of(task)
        raise
