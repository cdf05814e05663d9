"""What pruning leaves of a stream in a segment: its blocks with gaps between them, in a chain of their own.

The file is a segment like others, in which the table ``pruned`` lists the streams that lost events. Streams
that are not listed are whole, and read as before. A block of a listed stream has the seqs that its events
always had, and its chain begins anew with the first of them.
"""

from collections.abc import AsyncGenerator

from eventstore.block import GENESIS_HASH, Block, BlockHeader, check_chain
from eventstore.port import Batch, Selection
from eventstore.scan import HEADERS_PER_LOAD, BlockSource
from eventstore.selection import matches, select
from eventstore.sqlite_file import SqliteFile
from kernel.events import MARKET_TYPES

PRUNED_SCHEMA = """
CREATE TABLE IF NOT EXISTS pruned (
    id INTEGER PRIMARY KEY,        -- of the stream
    has_records INTEGER NOT NULL   -- 1: only market data are gone; 0: all events are
);
"""

_EVERYTHING = Selection()

_BLOCKS_AT_ONCE = 64
"""Blocks of kept events are small: a few orders each."""


def needs_no_market_data(selection: Selection) -> bool:
    """Whether a selection is answered in full where only market data are gone."""
    return selection.types is not None and selection.types.isdisjoint(MARKET_TYPES)


async def pruned_streams(file: SqliteFile) -> dict[int, bool]:
    """The streams that lost events in this file, by id; whether their other events are kept."""
    rows = await file.fetch("SELECT name FROM sqlite_schema WHERE name = 'pruned'")
    if not rows:
        return {}
    found = await file.fetch("SELECT id, has_records FROM pruned")
    return {stream_id: bool(kept) for stream_id, kept in found if isinstance(stream_id, int)}


async def read_kept(source: BlockSource, stream: str, selection: Selection) -> AsyncGenerator[Batch, None]:
    """The selected events among those kept, checked against their own chain."""
    async for block in kept_blocks(source, stream, selection):
        batch = select(block, selection)
        if batch is not None:
            yield batch


async def kept_blocks(
    source: BlockSource, stream: str, selection: Selection = _EVERYTHING
) -> AsyncGenerator[Block, None]:
    """The blocks that may match, checked against their own chain. Raises ``StoreDamaged``."""
    next_seq, previous_hash = 1, GENESIS_HASH
    while True:
        loaded = await source.headers(stream, from_seq=next_seq, limit=HEADERS_PER_LOAD)
        headers = [header for header in loaded if header.first_seq >= next_seq]  # not the one before a gap
        if not headers:
            return
        wanted: list[BlockHeader] = []
        for header in headers:
            check_chain(header, previous_hash)
            previous_hash = header.hash
            if matches(header, selection):
                wanted.append(header)
        next_seq = headers[-1].last_seq + 1
        for start in range(0, len(wanted), _BLOCKS_AT_ONCE):
            for block in await source.blocks(wanted[start : start + _BLOCKS_AT_ONCE]):
                yield block
