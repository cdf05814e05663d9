"""Reading, following and verifying a stream, the same for every store."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Protocol

from eventstore.block import Block, symbols_listed, types_listed, unseal_as_written
from eventstore.port import Batch, Damage, Selection
from eventstore.scan import BlockScan, BlockSource
from eventstore.selection import select
from eventstore.vocabulary import symbols_in
from kernel.errors import StoreDamaged, StreamMissing


class Growth(Protocol):
    """Tells a follower that a stream may have grown."""

    def mark(self, stream: str) -> asyncio.Event:
        """An event that the next append to the stream sets. Get it before reading, to miss no append."""
        ...

    async def wait(self, mark: asyncio.Event) -> None:
        """Return once the mark is set, or earlier when another process may have appended."""
        ...


async def read_batches(source: BlockSource, stream: str, selection: Selection) -> AsyncGenerator[Batch, None]:
    """The stream's present events, checked, in order of seq. Raises as ``EventStore.read`` does."""
    source = await source.pinned(stream)
    last_seq = await source.last_seq(stream)
    if not last_seq:
        raise StreamMissing(f"there is no stream {stream!r} in the store")
    scan = BlockScan(source, stream, selection)
    async with aclosing(_batches(scan, selection, end_seq=last_seq)) as batches:
        async for batch in batches:
            yield batch


async def block_hash(source: BlockSource, stream: str, seq: int) -> bytes:
    """See ``EventStore.block_hash``."""
    if not 1 <= seq <= await source.last_seq(stream):
        raise StreamMissing(f"stream {stream!r} holds no event {seq}")
    start = await source.start(stream)
    if seq == start.seq:
        return start.block_hash
    if seq < start.seq:
        raise StreamMissing(f"stream {stream!r}: events up to {start.seq} are no longer in the store")
    (header,) = await source.headers(stream, from_seq=seq, limit=1)
    return header.hash


async def follow_batches(
    source: BlockSource, stream: str, selection: Selection, *, growth: Growth
) -> AsyncGenerator[Batch, None]:
    """The stream's present events, then new ones. Ends when no later event can match the selection."""
    scan = BlockScan(source, stream, selection)
    while not scan.is_finished:
        mark = growth.mark(stream)
        end_seq = await source.last_seq(stream)
        if end_seq and not scan.is_begun:
            source = await source.pinned(stream)
            scan = BlockScan(source, stream, selection)
        if scan.has_more(end_seq):
            async with aclosing(_batches(scan, selection, end_seq=end_seq)) as batches:
                async for batch in batches:
                    yield batch
        else:
            await growth.wait(mark)


async def verify_blocks(source: BlockSource, stream: str) -> Damage | None:
    """Check seqs, order of ts, hash chain, every payload and every claim of the headers."""
    last_ts: int | None = None
    try:
        source = await source.pinned(stream)
        last_seq = await source.last_seq(stream)
        if not last_seq:
            raise StreamMissing(f"there is no stream {stream!r} in the store")
        start = await source.start(stream)
        scan = BlockScan(source, stream, Selection(from_seq=start.seq + 1))
        async with aclosing(_pages(scan, last_seq)) as pages:
            async for page in pages:
                for block in page:
                    _check_contents(block, last_ts)
                    last_ts = block.header.last_ts
    except StoreDamaged as damage:
        return Damage(stream=stream, first_bad_seq=damage.first_bad_seq, reason=damage.reason)
    return None


async def _batches(scan: BlockScan, selection: Selection, *, end_seq: int) -> AsyncGenerator[Batch, None]:
    async with aclosing(_pages(scan, end_seq)) as pages:
        async for page in pages:
            for block in page:
                batch = select(block, selection)
                if batch is not None:
                    yield batch


async def _pages(scan: BlockScan, end_seq: int) -> AsyncGenerator[list[Block], None]:
    """Pages of a scan. The next page is loaded by a task while the consumer works on the current one.

    The task is ended here, in whatever way the consumer stops.
    """
    page = await scan.page(end_seq)
    while page:
        ahead: asyncio.Task[list[Block]] | None = None
        if scan.has_more(end_seq):
            ahead = asyncio.create_task(scan.page(end_seq), name="eventstore read ahead")
            await asyncio.sleep(0)  # let the task send its request now, not after the consumer's work
        try:
            yield page
            page = [] if ahead is None else await ahead
        finally:
            if ahead is not None:
                await _end(ahead)


async def _end(task: asyncio.Task[list[Block]]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait([task])
    if not task.cancelled():
        task.exception()  # retrieved, so that asyncio does not log damage after the consumer's last page


def _check_contents(block: Block, previous_ts: int | None) -> None:
    header = block.header
    events, _causes = unseal_as_written(block)
    stamps = [event.ts for event in events]
    types = frozenset(type(event) for event in events)
    claims = {
        "ts decreases": stamps == sorted(stamps) and (previous_ts is None or previous_ts <= stamps[0]),
        "first or last ts is not that of its events": (header.first_ts, header.last_ts)
        == (stamps[0], stamps[-1]),
        "its event types are not those it lists": types == types_listed(header.types),
        "its symbols are not those it lists": header.symbols is None
        or symbols_in(events, types) == symbols_listed(header.symbols),
    }
    for reason, holds in claims.items():
        if not holds:
            raise StoreDamaged(
                header.stream, first_bad_seq=header.first_seq, reason=f"a block is wrong: {reason}"
            )
