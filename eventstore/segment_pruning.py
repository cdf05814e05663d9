"""Pruning by policy: a sealed segment is replaced by a file without the events that need not be kept.

Theory of operation. Only live logs lose events: first their market data, years later the rest. What is left
is written into a file of its own (``kept_events``) and read back. Then the change is recorded, the file gets
its name, and the segment is deleted; after a crash the next open does what is left of that. Segments are
pruned from the oldest on, so what is missing of a log is always its beginning.
"""

import asyncio
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from eventstore.backup_note import last_backup
from eventstore.block import GENESIS_HASH, Block, seal, unseal_as_written
from eventstore.durability import Durability
from eventstore.encoding import encode_runs
from eventstore.kept_events import PRUNED_SCHEMA, kept_blocks
from eventstore.planning import MAX_SEQ
from eventstore.port import Batch, Selection
from eventstore.reading import read_batches
from eventstore.segment_archive import file_sha256, pack
from eventstore.segment_folder import delete_store_file, may_replace_files
from eventstore.segment_opening import finish_removal
from eventstore.segment_records import SegmentRecord
from eventstore.segment_settings import RetentionConfig
from eventstore.segment_starts import SEGMENT_SCHEMA
from eventstore.segmented import SegmentedEventStore
from eventstore.snapshot_files import SnapshotFiles
from eventstore.sqlite_blocks import SqliteBlocks, insert_blocks
from eventstore.sqlite_file import SqliteFile, open_for_reading, open_for_writing
from kernel.errors import InputError, StoreError
from kernel.events import MARKET_TYPES, KeptEvents, SegmentArchived, SegmentPruned, SessionStarted
from kernel.time_units import DAY_NS

COPIED_NOW = "a backup copies the files now"
"""The refusal of a change that can be made as soon as the backup has ended."""

_DAYS_PER_YEAR = 365.25

_BLOCKS_AT_ONCE = 500

_MARKET_NAMES = frozenset(kind.__name__ for kind in MARKET_TYPES)

_COPY_ALL = """
INSERT INTO segment SELECT * FROM former.segment;
INSERT INTO stream SELECT id, name FROM former.stream;
INSERT INTO start SELECT * FROM former.start;
"""

_COPY_WHOLE_STREAMS = f"""
INSERT INTO block SELECT * FROM former.block
WHERE id >> {MAX_SEQ.bit_length()} NOT IN (SELECT value FROM json_each(?))
"""


class SegmentChange(msgspec.Struct, frozen=True):
    """What was done to a segment, or would be. ``refusal``: why it was not, though it is due; else ""."""

    number: int
    what: str
    bytes_before: int = 0
    bytes_after: int = 0
    refusal: str = ""


class _Log(msgspec.Struct, frozen=True):
    """A live log with events in a segment, and its last seq there."""

    stream: str
    stream_id: int
    last_seq: int


def _never() -> bool:
    return False


async def prune_segments(
    store: SegmentedEventStore,
    retention: RetentionConfig,
    *,
    now_ts: int,
    is_trial: bool = False,
    is_enough: Callable[[], bool] = _never,
    followers: Sequence[Path] | None = None,
) -> list[SegmentChange]:
    """Prune the segments that are old enough, the oldest first; ``is_trial`` only says what would be done.

    ``followers``: the folders with the snapshots of those that follow a log in processes of their own, and
    need it from there on; ``None``: all that have a snapshot of it.

    Ends at the first segment that must be kept, for want of a backup or a snapshot or because a backup is
    being made, and says so. ``is_enough``
    is asked before each segment. Others may append meanwhile, and cancelling it leaves whole segments.
    """
    changes: list[SegmentChange] = []
    record = await store.files.record()
    for number in range(1, store.files.current.number):
        if is_enough():
            break
        each = record.of(number)
        logs = await _logs_in(store, number)
        keeps_records = _keeps_records(each, retention, now_ts)
        if keeps_records is None or not logs or _is_done(each, keeps_records=keeps_records):
            continue
        what = "market data removed" if keeps_records else "logs removed"
        refusal = await asyncio.to_thread(_refusal, store, number, logs, retention, followers)
        before = _size(store, number)
        if not refusal and not is_trial:
            with may_replace_files(store.folder) as may_replace:
                if may_replace:
                    await _prune(store, number, logs, keeps_records=keeps_records, ts=now_ts)
                    await asyncio.to_thread(_forget_states, store, logs)
                else:
                    refusal = COPIED_NOW
        after = before if refusal or is_trial else _size(store, number)
        changes.append(SegmentChange(number, what, before, after, refusal))
        if refusal:
            break
    return changes


async def archive_segments(
    store: SegmentedEventStore,
    retention: RetentionConfig,
    *,
    now_ts: int,
    is_trial: bool = False,
    is_enough: Callable[[], bool] = _never,
) -> list[SegmentChange]:
    """Compress the sealed segments that are old enough; see ``prune_segments``."""
    days = retention.archive_after_days
    if days is None:
        return []
    record = await store.files.record()
    due = [
        number
        for number in range(1, store.files.current.number)
        if (sealed := record.of(number).sealed) is not None
        and store.folder.file(number).exists()
        and sealed.last_ts + days * DAY_NS <= now_ts
    ]
    if is_trial:
        return [SegmentChange(number, "archived", _size(store, number)) for number in due]
    changes: list[SegmentChange] = []
    for number in due:
        if is_enough():
            break
        changes.append(await archive_segment(store, number, now_ts=now_ts))
        if changes[-1].refusal:
            break
    return changes


async def archive_segment(store: SegmentedEventStore, number: int, *, now_ts: int) -> SegmentChange:
    """Compress one sealed segment, unless a backup is being made; it is read as before.

    Raises ``InputError`` if it is not sealed.
    """
    path = store.folder.file(number)
    if number >= store.files.current.number or not path.exists():
        raise InputError(f"segment {number} is not a sealed one: see onetape segments list")
    before = path.stat().st_size
    with may_replace_files(store.folder) as may_replace:
        if not may_replace:
            return SegmentChange(number, "archived", before, before, COPIED_NOW)
        await _archive(store, number, ts=now_ts)
    return SegmentChange(number, "archived", before, _size(store, number))


async def _archive(store: SegmentedEventStore, number: int, *, ts: int) -> None:
    folder = store.folder
    archive = folder.archive(number)
    await _packed(folder.file(number), archive)
    folder.sync()
    sha256 = await asyncio.to_thread(file_sha256, archive)
    await store.append_to_record(SegmentArchived(ts, number, archive.stat().st_size, sha256))
    store.files.forget(number)
    await _finish_removal(store, number)


async def _packed(path: Path, archive: Path) -> None:
    """Compress a file in a thread, which ends soon after a cancellation."""
    stop = threading.Event()
    try:
        await asyncio.to_thread(pack, path, archive, is_stopped=stop.is_set)
    finally:
        stop.set()


async def _finish_removal(store: SegmentedEventStore, number: int) -> None:
    """Replace the file as the record says. It hashes and deletes large files, so a thread does it."""
    record = (await store.files.record()).of(number)
    await asyncio.to_thread(finish_removal, store.folder, record)


def _keeps_records(record: SegmentRecord, retention: RetentionConfig, now_ts: int) -> bool | None:
    """Whether a segment keeps all but market data; ``None`` if it keeps everything."""
    if record.sealed is None or not record.sealed.last_ts:
        return None
    age_days = (now_ts - record.sealed.last_ts) / DAY_NS
    if retention.records_years is not None and age_days >= retention.records_years * _DAYS_PER_YEAR:
        return False
    if retention.market_data_days is not None and age_days >= retention.market_data_days:
        return True
    return None


def _is_done(record: SegmentRecord, *, keeps_records: bool) -> bool:
    if record.pruned is None:
        return False
    return keeps_records or all(not kept.event_count for kept in record.pruned.kept)


def _refusal(
    store: SegmentedEventStore,
    number: int,
    logs: list[_Log],
    retention: RetentionConfig,
    followers: Sequence[Path] | None,
) -> str:
    """Why a segment may not be pruned yet; "" if it may."""
    if retention.needs_backup:
        note = last_backup(store.folder)
        if note is None or note.segment < number:
            return "no backup holds it: onetape backup PATH"
    if retention.needs_snapshot:
        snapshots = SnapshotFiles(store.folder.snapshots)
        for log in logs:
            if snapshots.newest_seq(log.stream) <= log.last_seq:
                return f"there is no snapshot of {log.stream!r} after it"
            for folder, seq in _followers(store, log.stream, followers):
                if seq <= log.last_seq:
                    return (
                        f"{folder} has no snapshot of {log.stream!r} after it; delete the folder if that "
                        "strategy runs no more"
                    )
    return ""


def _followers(
    store: SegmentedEventStore, stream: str, folders: Sequence[Path] | None
) -> Iterator[tuple[Path, int]]:
    """The folders of those that follow a log, and the last seq in the newest snapshot of each."""
    if folders is not None:
        yield from ((folder, SnapshotFiles(folder).newest_seq(stream)) for folder in folders)
        return
    for folder in sorted(path for path in store.folder.snapshots.glob("*") if path.is_dir()):
        if seq := SnapshotFiles(folder).newest_seq(stream):
            yield folder, seq


def _forget_states(store: SegmentedEventStore, logs: list[_Log]) -> None:
    """Delete the snapshots from which nothing can be played on any more."""
    snapshots = SnapshotFiles(store.folder.snapshots)
    for log in logs:
        snapshots.forget(log.stream, before_seq=log.last_seq)


async def _logs_in(store: SegmentedEventStore, number: int) -> list[_Log]:
    """The live logs with events in a segment: streams with sessions that hold market data themselves."""
    logs: list[_Log] = []
    for info in await store.streams(holding=SessionStarted):
        if _MARKET_NAMES.isdisjoint(info.event_types):
            continue
        stream_id, parts = await store.parts(info.stream)
        last_seq = dict(parts).get(number)
        if last_seq is not None:
            logs.append(_Log(info.stream, stream_id, last_seq))
    return logs


def _size(store: SegmentedEventStore, number: int) -> int:
    folder = store.folder
    paths = (folder.file(number), folder.archive(number), folder.kept(number))
    return next((path.stat().st_size for path in paths if path.exists()), 0)


async def _prune(
    store: SegmentedEventStore, number: int, logs: list[_Log], *, keeps_records: bool, ts: int
) -> None:
    folder = store.folder
    path = folder.new_kept(number)
    delete_store_file(path)
    async with store.files.sealed(number) as blocks:
        kept, is_empty = await _write_kept(path, blocks, logs, keeps_records=keeps_records)
    path.chmod(0o444)
    await _read_back(path, logs, kept)
    sha256 = "" if is_empty else await asyncio.to_thread(file_sha256, path)
    reason = "market data are kept for less time" if keeps_records else "logs are kept for less time"
    size = 0 if is_empty else path.stat().st_size
    await store.append_to_record(SegmentPruned(ts, number, tuple(kept.values()), size, sha256, reason))
    store.files.forget(number)
    await _finish_removal(store, number)


async def _write_kept(
    path: Path, former: SqliteBlocks, logs: list[_Log], *, keeps_records: bool
) -> tuple[dict[int, KeptEvents], bool]:
    """Write the file of what is kept; what that is of each log, and whether the file has no event at all."""
    file = await open_for_writing(path, Durability.NORMAL)  # synced as a whole when it is closed
    try:
        await file.run_script(SEGMENT_SCHEMA + PRUNED_SCHEMA)
        await file.write("ATTACH DATABASE ? AS former", (f"{former.file.path.absolute().as_uri()}?mode=ro",))
        await file.run_script(_COPY_ALL)
        ids = msgspec.json.encode([log.stream_id for log in logs]).decode()
        await file.write(_COPY_WHOLE_STREAMS, (ids,))
        kept: dict[int, KeptEvents] = {}
        for log in logs:
            await file.write("INSERT INTO pruned VALUES (?, ?)", (log.stream_id, int(keeps_records)))
            kept[log.stream_id] = await _write_log(file, former, log, keeps_records=keeps_records)
        is_empty = not await file.fetch("SELECT id FROM block LIMIT 1")
        await file.write("DETACH DATABASE former")
        return kept, is_empty
    finally:
        await file.close()


async def _write_log(file: SqliteFile, former: SqliteBlocks, log: _Log, *, keeps_records: bool) -> KeptEvents:
    """Write the events of a log that are kept, in a chain of their own."""
    source = former.pinned_to(log.stream, log.stream_id)
    first_seq = (await source.start(log.stream)).seq + 1
    blocks: list[Block] = []
    count, last_hash = 0, GENESIS_HASH
    if keeps_records:
        async for batch in read_batches(source, log.stream, Selection(from_seq=first_seq)):
            await asyncio.sleep(0)  # a daemon trades meanwhile: others get a turn after each block
            for block in _records(batch, last_hash):
                count += block.header.event_count
                last_hash = block.header.hash
                blocks.append(block)
            if len(blocks) >= _BLOCKS_AT_ONCE:
                await insert_blocks(file, blocks, stream_ids={log.stream: log.stream_id})
                blocks.clear()
        if blocks:
            await insert_blocks(file, blocks, stream_ids={log.stream: log.stream_id})
    return KeptEvents(log.stream, first_seq, log.last_seq, count, last_hash.hex())


def _records(batch: Batch, previous_hash: bytes) -> Iterator[Block]:
    """Blocks of the events that are no market data; one for each stretch without a gap."""
    causes = batch.causes
    start: int | None = None
    for place in range(len(batch.events) + 1):
        is_record = place < len(batch.events) and type(batch.events[place]) not in MARKET_TYPES
        if is_record and start is None:
            start = place
        elif not is_record and start is not None:
            runs = encode_runs(
                batch.stream,
                batch.events[start:place],
                causes=None if causes is None else causes[start:place],
            )
            block = seal(batch.stream, batch.seqs[start], runs=list(runs), previous_hash=previous_hash)
            previous_hash = block.header.hash
            yield block
            start = None


async def _read_back(path: Path, logs: list[_Log], kept: Mapping[int, KeptEvents]) -> None:
    """Raise ``StoreError`` unless the file holds what was kept."""
    file = await open_for_reading(path)
    try:
        for log in logs:
            source = SqliteBlocks(file, None).pinned_to(log.stream, log.stream_id)
            count, last_hash = 0, GENESIS_HASH
            async for block in kept_blocks(source, log.stream):
                await asyncio.sleep(0)
                count += len(unseal_as_written(block)[0])
                last_hash = block.header.hash
            if (count, last_hash.hex()) != (kept[log.stream_id].event_count, kept[log.stream_id].head_hash):
                raise StoreError(f"{path} does not read back as what was kept; nothing was pruned")
    finally:
        await file.close()
