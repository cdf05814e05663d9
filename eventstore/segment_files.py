"""The files of a store in a folder that are open: the last segment, and those sealed ones that are read.

Theory of operation. The open segment is replaced when the writer rolls, here or in another process. A sealed
one is opened when a reader needs it, and given up when others were used since. Whoever uses a file holds it
for the length of one query, and a file that was given up is closed when nobody holds it. So no reader ever
sees a closed file, and a store of a thousand segments has few open files. One task closes them all, as a
close must not be cancelled with the reader that happens to be the last one.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from eventstore.kept_events import pruned_streams
from eventstore.segment_archive import unpack
from eventstore.segment_folder import SegmentFolder
from eventstore.segment_records import StoreRecord, read_record
from eventstore.sqlite import SharedFileMarks, SqliteEventStore
from eventstore.sqlite_blocks import SqliteBlocks
from eventstore.sqlite_file import open_for_reading
from eventstore.sqlite_opening import open_to_read
from kernel.errors import StoreError, StreamMissing

OPEN_SEALED = 4
"""Sealed segments kept open. Each has a thread; a reader needs one at a time."""


class HeldFile:
    """An open file, held while it is used. ``close`` is called once it was given up and nobody holds it."""

    def __init__(self, close: Callable[[], Awaitable[None]]) -> None:
        self.close = close
        self.users = 0
        self.is_given_up = False


class OpenSegment(HeldFile):
    """The last segment."""

    def __init__(self, number: int, store: SqliteEventStore) -> None:
        super().__init__(store.close)
        self.number = number
        self.store = store


class SealedSegment(HeldFile):
    """A sealed segment, or what was kept of it.

    ``losses``: the streams that lost events, by id; whether all but their market data are kept.
    """

    def __init__(
        self, blocks: SqliteBlocks, close: Callable[[], Awaitable[None]], *, losses: Mapping[int, bool]
    ) -> None:
        super().__init__(close)
        self.blocks = blocks
        self.losses = losses


class SegmentFiles:
    """Gives the open segment and sealed ones, to one event loop. ``close`` ends its task."""

    def __init__(
        self, folder: SegmentFolder, marks: SharedFileMarks, opened: OpenSegment, *, follows_rolls: bool
    ) -> None:
        """``follows_rolls``: another process may roll."""
        self.folder = folder
        self.current = opened
        self._marks = marks
        self._follows_rolls = follows_rolls
        self._sealed: OrderedDict[int, SealedSegment] = OrderedDict()
        self._opening = asyncio.Lock()
        self._given_up: asyncio.Queue[HeldFile | None] = asyncio.Queue()
        self._task = asyncio.create_task(self._close_given_up(), name="eventstore closing segments")

    @asynccontextmanager
    async def open_segment(self) -> AsyncGenerator[OpenSegment]:
        """The open segment, held."""
        if self._follows_rolls and self.folder.file(self.current.number + 1).exists():
            await self._follow_roll()
        segment = self.current
        segment.users += 1
        try:
            yield segment
        finally:
            self._release(segment)

    @asynccontextmanager
    async def sealed(self, number: int) -> AsyncGenerator[SqliteBlocks]:
        """The blocks of a sealed segment, or those that were kept of it, held.

        Raises ``StreamMissing`` if nothing was kept.
        """
        async with self._held(number) as segment:
            yield segment.blocks

    async def losses(self, number: int) -> Mapping[int, bool] | None:
        """The streams that lost events of a sealed segment, by id; ``None`` if its file is gone.

        The value says whether all but market data are kept.
        """
        if self._is_whole(number):
            return {}
        if not self.folder.kept(number).exists():
            return None
        async with self._held(number) as segment:
            return segment.losses

    async def holds(self, number: int, stream_id: int) -> bool:
        """Whether all events of a stream in a sealed segment are there."""
        losses = await self.losses(number)
        return losses is not None and stream_id not in losses

    def _is_whole(self, number: int) -> bool:
        return self.folder.file(number).exists() or self.folder.archive(number).exists()

    async def record(self) -> StoreRecord:
        """What was done to the segments."""
        async with self.open_segment() as segment:
            return await read_record(segment.store)

    def go_on_with(self, opened: OpenSegment) -> None:
        """Replace the open segment. The former one is closed when nobody holds it."""
        former, self.current = self.current, opened
        self.give_up(former)
        self._marks.set_all()

    def give_up(self, file: HeldFile) -> None:
        """Close the file as soon as nobody holds it."""
        file.is_given_up = True
        if not file.users:
            self._given_up.put_nowait(file)

    def forget(self, number: int) -> None:
        """Give up what is open of a sealed segment whose files have changed."""
        segment = self._sealed.pop(number, None)
        if segment is not None:
            self.give_up(segment)

    async def close(self) -> None:
        """Close all files, after those that were given up. Must not be cancelled."""
        for number in tuple(self._sealed):
            self.forget(number)
        self._given_up.put_nowait(None)
        await asyncio.wait([self._task])
        await self.current.store.close()
        self._marks.set_all()
        self._task.result()

    def _release(self, file: HeldFile) -> None:
        file.users -= 1
        if file.is_given_up and not file.users:
            self._given_up.put_nowait(file)

    @asynccontextmanager
    async def _held(self, number: int) -> AsyncGenerator[SealedSegment]:
        async with self._opening:
            segment = self._sealed.get(number)
            if segment is None:
                segment = self._sealed[number] = await self._open_sealed(number)
            self._sealed.move_to_end(number)
            segment.users += 1
            while len(self._sealed) > OPEN_SEALED:
                self.give_up(self._sealed.popitem(last=False)[1])
        try:
            yield segment
        finally:
            self._release(segment)

    async def _close_given_up(self) -> None:
        """Close files until the store is closed; then raise the first error of one."""
        failure: StoreError | None = None
        while (file := await self._given_up.get()) is not None:
            try:
                await file.close()
            except StoreError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    async def _follow_roll(self) -> None:
        async with self._opening:
            number = self.folder.last_number()
            if number <= self.current.number:
                return
            files = await open_to_read(self.folder.file(number))
            self.go_on_with(OpenSegment(number, SqliteEventStore(files, marks=self._marks)))

    async def _open_sealed(self, number: int) -> SealedSegment:
        path = self.folder.file(number)
        if path.exists():
            return await _opened_file(path)
        if self.folder.archive(number).exists():
            return await self._unpacked(number)
        if self.folder.kept(number).exists():
            return await _opened_file(self.folder.kept(number))
        raise StreamMissing(f"segment {number} of {self.folder.path} is no longer there")

    async def _unpacked(self, number: int) -> SealedSegment:
        """A copy of an archived segment, in a temporary folder that lives as long as it is open."""
        import tempfile  # 5 ms: too much for every start, and this is rare

        folder = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="onetape-")
        try:
            path = Path(folder.name) / self.folder.file(number).name
            await asyncio.to_thread(unpack, self.folder.archive(number), path)
            file = await open_for_reading(path)
        except BaseException:
            folder.cleanup()
            raise

        async def close() -> None:
            await file.close()
            await asyncio.to_thread(folder.cleanup)

        return SealedSegment(SqliteBlocks(file, None), close, losses={})


async def _opened_file(path: Path) -> SealedSegment:
    file = await open_for_reading(path)
    try:
        return SealedSegment(SqliteBlocks(file, None), file.close, losses=await pruned_streams(file))
    except BaseException:
        await file.close()
        raise
