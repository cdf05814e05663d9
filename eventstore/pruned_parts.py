"""Reading and verifying the beginning of a stream that was pruned, segment by segment."""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from eventstore.block import GENESIS_HASH, unseal_as_written
from eventstore.kept_events import kept_blocks, read_kept
from eventstore.port import Batch, Damage, Selection
from eventstore.segment_files import SegmentFiles
from eventstore.segmented_blocks import SegmentedBlocks
from eventstore.sqlite_blocks import SqliteBlocks
from kernel.errors import StoreDamaged, StreamMissing


async def read_pruned(
    files: SegmentFiles, source: SegmentedBlocks, stream: str, selection: Selection
) -> AsyncGenerator[Batch, None]:
    """The selected events that pruning has kept, up to the first segment that holds the stream whole.

    Raises ``StreamMissing`` if not even those are kept.
    """
    stream_id = await source.stream_id(stream) or 0
    missing_to = (await source.start(stream)).seq
    first_seq = 1
    for number, last_seq in await source.parts(stream):
        if last_seq > missing_to or (selection.to_seq is not None and first_seq > selection.to_seq):
            return
        if last_seq >= selection.from_seq:
            losses = await files.losses(number)
            if not losses or not losses.get(stream_id):
                raise StreamMissing(
                    f"stream {stream!r}: events {first_seq} to {last_seq} are no longer in the store; it can "
                    f"be read from seq {last_seq + 1} on"
                )
            async with files.sealed(number) as blocks:
                kept = blocks.pinned_to(stream, stream_id)
                async with aclosing(read_kept(kept, stream, selection)) as batches:
                    async for batch in batches:
                        yield batch
        first_seq = last_seq + 1


async def verify_pruned(files: SegmentFiles, source: SegmentedBlocks, stream: str) -> Damage | None:
    """The first damage of a stream's pruned segments: a file that is missing, or not what was recorded."""
    record = await files.record()
    stream_id = await source.stream_id(stream) or 0
    first_seq = 1
    for number, last_seq in await source.parts(stream):
        losses = await files.losses(number)
        pruned = record.of(number).pruned
        if losses is None and (pruned is None or pruned.sha256):
            return Damage(stream, first_seq, f"segment {number} is missing")
        if losses and stream_id in losses:
            expected = [] if pruned is None else [kept for kept in pruned.kept if kept.last_seq == last_seq]
            async with files.sealed(number) as blocks:
                kept = blocks.pinned_to(stream, stream_id)
                try:
                    found = await _kept_end(kept, stream)
                except StoreDamaged as damage:
                    return Damage(stream, damage.first_bad_seq, damage.reason)
            if found not in [(each.event_count, each.head_hash) for each in expected]:
                return Damage(stream, first_seq, f"what is kept of segment {number} is not what was recorded")
        first_seq = last_seq + 1
    return None


async def _kept_end(source: SqliteBlocks, stream: str) -> tuple[int, str]:
    """Number of the kept events, and the hash of their last block, in hex."""
    count, last_hash = 0, GENESIS_HASH
    async for block in kept_blocks(source, stream):
        count += len(unseal_as_written(block)[0])
        last_hash = block.header.hash
    return count, last_hash.hex()
