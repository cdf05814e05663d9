"""Opening a store in a folder: its last segment, and what a crash left of rolls and removals."""

from pathlib import Path

from eventstore.durability import Durability
from eventstore.segment_archive import file_sha256
from eventstore.segment_files import OpenSegment, SegmentFiles
from eventstore.segment_folder import SegmentFolder, delete_store_file
from eventstore.segment_records import SegmentRecord, append_record, read_record
from eventstore.segment_rolling import build_segment, drop_witness, has_ended, put_in_place, seal
from eventstore.sqlite import SharedFileMarks, SqliteEventStore
from eventstore.sqlite_file import is_sealed, open_for_reading
from eventstore.sqlite_opening import open_file_to_write, open_to_read
from kernel.errors import LogTruncated, StoreError


async def open_last(
    folder: SegmentFolder, marks: SharedFileMarks, *, durability: Durability | None, opened_ts: int
) -> OpenSegment:
    """The open segment, for reading if ``durability`` is ``None``; else the first one is made if need be."""
    number = folder.last_number()
    if not number and durability is None:
        raise StoreError(f"there is no event store at {folder.path}")
    if not number:
        number = 1
        folder.discard_unfinished()
        await build_segment(folder, number, None, opened_ts=opened_ts)
        await put_in_place(folder, number)
    path = folder.file(number)
    if is_sealed(path) and await _has_ended(path):
        raise LogTruncated(
            f"event store {folder.path}: its open segment is gone, the one after segment {number}. Put it "
            "back, or restore a backup (onetape restore)"
        )
    files = await (open_to_read(path) if durability is None else open_file_to_write(path, durability))
    return OpenSegment(number, SqliteEventStore(files, marks=marks))


async def recover_segments(files: SegmentFiles, *, ts: int) -> None:
    """Finish what a crash interrupted: files being made, segments not sealed, removals on record."""
    folder, store = files.folder, files.current.store
    record = await read_record(store)
    for each in record.segments.values():
        finish_removal(folder, each)
    folder.discard_unfinished()
    for number in folder.numbers():
        if number == files.current.number:
            continue
        if record.of(number).sealed is None:
            await append_record(store, await seal(folder, number, ts=ts))
            drop_witness(folder, number)


async def _has_ended(path: Path) -> bool:
    file = await open_for_reading(path)
    try:
        return await has_ended(file)
    finally:
        await file.close()


def finish_removal(folder: SegmentFolder, record: SegmentRecord) -> None:
    """Do what is left of replacing a segment's file, as the record says. May be repeated."""
    number = record.number
    if record.pruned is not None:
        new, kept = folder.new_kept(number), folder.kept(number)
        if not record.pruned.sha256:
            delete_store_file(new)
            delete_store_file(kept)
        elif new.exists() and file_sha256(new) == record.pruned.sha256:
            new.rename(kept)
            folder.sync()
        elif not kept.exists():
            return
        delete_store_file(folder.file(number))
        folder.archive(number).unlink(missing_ok=True)
    elif record.archived is not None and folder.archive(number).exists():
        delete_store_file(folder.file(number))
