"""The blocks of a stream across the segments of a folder, as one ``BlockSource``.

Each query goes to the one file that holds the seq asked for. The open segment says which that is: it lists
the earlier segments that hold the stream, each with its last seq there. Sealed segments never change, so a
list that was read stays right for the seqs that it covers.
"""

from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter

from eventstore.block import Block, BlockHeader
from eventstore.port import StreamHead
from eventstore.segment_files import OpenSegment, SegmentFiles
from eventstore.sqlite_blocks import SqliteBlocks

_last_seq_of = itemgetter(1)


class SegmentedBlocks:
    """``BlockSource`` over the segments of a folder."""

    def __init__(self, files: SegmentFiles, *, pinned: tuple[str, int] | None = None) -> None:
        self._files = files
        self._pinned = pinned
        self._parts: dict[str, tuple[int, list[tuple[int, int]]]] = {}
        """The parts of a stream before the open segment of that number."""

    async def pinned(self, stream: str) -> "SegmentedBlocks":
        """See ``BlockSource.pinned``."""
        if self._pinned is not None:
            return self
        async with self._files.open_segment() as segment:
            blocks = segment.store.blocks
            stream_id = await blocks.stream_id(stream) if await blocks.last_seq(stream) else None
        return self if stream_id is None else SegmentedBlocks(self._files, pinned=(stream, stream_id))

    async def last_seq(self, stream: str) -> int:
        """See ``BlockSource.last_seq``."""
        async with self._files.open_segment() as segment:
            return await self._of(segment.store.blocks).last_seq(stream)

    async def start(self, stream: str) -> StreamHead:
        """See ``BlockSource.start``: the end of the last segment whose events were pruned or are missing."""
        async with self._files.open_segment() as segment:
            blocks = self._of(segment.store.blocks)
            parts = await self._parts_of(segment, stream)
            if not parts:
                return StreamHead(stream)
            own = await blocks.start(stream)
            stream_id = await self._id_of(blocks, stream)
        first = len(parts)
        while first and await self._files.holds(parts[first - 1][0], stream_id):
            first -= 1
        if not first:
            return StreamHead(stream)
        if first == len(parts):
            return own
        async with self._files.sealed(parts[first][0]) as sealed:
            return await sealed.pinned_to(stream, stream_id).start(stream)

    async def headers(self, stream: str, *, from_seq: int, limit: int) -> list[BlockHeader]:
        """See ``BlockSource.headers``. All are of one segment."""
        async with self._files.open_segment() as segment:
            blocks = self._of(segment.store.blocks)
            number = await self._number_of(segment, stream, from_seq)
            if number == segment.number:
                return await blocks.headers(stream, from_seq=from_seq, limit=limit)
            stream_id = await self._id_of(blocks, stream)
            await blocks.check_kept(stream, stream_id)
        async with self._files.sealed(number) as sealed:
            return await sealed.pinned_to(stream, stream_id).headers(stream, from_seq=from_seq, limit=limit)

    async def blocks(self, headers: Sequence[BlockHeader]) -> list[Block]:
        """See ``BlockSource.blocks``. The headers are of one segment, as ``headers`` returns them."""
        stream = headers[0].stream
        async with self._files.open_segment() as segment:
            blocks = self._of(segment.store.blocks)
            number = await self._number_of(segment, stream, headers[0].first_seq)
            if number == segment.number:
                return await blocks.blocks(headers)
            stream_id = await self._id_of(blocks, stream)
            await blocks.check_kept(stream, stream_id)
        async with self._files.sealed(number) as sealed:
            return await sealed.pinned_to(stream, stream_id).blocks(headers)

    async def parts(self, stream: str) -> list[tuple[int, int]]:
        """The sealed segments that hold, or held, events of a stream; each with its last seq there."""
        async with self._files.open_segment() as segment:
            return await self._parts_of(segment, stream)

    async def stream_id(self, stream: str) -> int | None:
        """The id of a stream, the same in all segments; ``None`` if it does not exist."""
        async with self._files.open_segment() as segment:
            return await self._of(segment.store.blocks).stream_id(stream)

    def _of(self, blocks: SqliteBlocks) -> SqliteBlocks:
        return blocks if self._pinned is None else blocks.pinned_to(*self._pinned)

    async def _id_of(self, blocks: SqliteBlocks, stream: str) -> int:
        stream_id = await blocks.stream_id(stream)
        assert stream_id is not None, "a stream with parts has an id"
        return stream_id

    async def _number_of(self, segment: OpenSegment, stream: str, seq: int) -> int:
        """The segment that holds a seq, or would."""
        parts = await self._parts_of(segment, stream)
        place = bisect_left(parts, seq, key=_last_seq_of)
        return parts[place][0] if place < len(parts) else segment.number

    async def _parts_of(self, segment: OpenSegment, stream: str) -> list[tuple[int, int]]:
        known = self._parts.get(stream)
        if self._pinned is not None and known is not None and known[0] == segment.number:
            return known[1]
        blocks = self._of(segment.store.blocks)
        stream_id = await blocks.stream_id(stream)
        parts = [] if stream_id is None else await blocks.parts(stream_id)
        self._parts[stream] = (segment.number, parts)
        return parts
