"""Opening a store: first read and check, then write.

Theory of operation. Three files belong together: the SQLite file, its ``-wal`` with commits not yet copied
into the file, and the witness, which remembers what was committed.

1. A reading connection is opened. Format and witness are checked through it.
2. All streams are compared with the witness if the store may have lost commits: its ``-wal`` is not empty, or
   the witness has the mark of a session with durability normal. That is so when the store was not closed in
   good order, or is open in another process. Otherwise each stream is compared when its end is read.
3. Only a store that passes gets a writing connection, because closing one copies the ``-wal`` into the file.
   If the ``-wal`` were damaged, or from another time than the file, that copy would destroy the file.

What never happens: an open that is refused changes no byte of the file, the ``-wal`` or the witness.
"""

import asyncio
import os
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import msgspec

from eventstore.boot import has_ended, this_boot
from eventstore.durability import Durability
from eventstore.pinned_files import PinnedFiles
from eventstore.sqlite_file import (
    FileDamaged,
    FileUnmade,
    SqliteFile,
    holds_bytes,
    is_present,
    is_sealed,
    open_for_reading,
    open_for_writing,
    wal_path,
)
from eventstore.text_log import text_log
from eventstore.witness import Witness, witness_path
from eventstore.witness_check import check_all_streams, check_commits, take_over, truncated
from kernel.errors import LogTruncated, StoreError


class WritingFiles(msgspec.Struct, frozen=True):
    """The open files of a store that can be written to."""

    connection: SqliteFile
    witness: Witness
    pinned: PinnedFiles


class StoreFiles(msgspec.Struct, frozen=True):
    """The open files of a store, checked. ``possible_loss``: a sentence about commits that may be missing."""

    path: Path
    reader: SqliteFile
    witness: Witness | None
    writing: WritingFiles | None
    possible_loss: str | None


async def open_to_read(path: Path) -> StoreFiles:
    """Open an existing store. Raises ``StoreError``; it is ``LogTruncated`` if commits are missing."""
    async with AsyncExitStack() as cleanup:
        witness = Witness.open_for_reading(path)
        if witness is not None:
            cleanup.callback(witness.close)
        _require_contents(path, witness)
        reader = await open_for_reading(path)
        cleanup.push_async_callback(reader.close)
        if witness is not None:
            await check_commits(reader, witness.commits())
        possible_loss = _announced_loss(path, witness)
        await _warn_without_witness(reader)
        cleanup.pop_all()
    return StoreFiles(path, reader, witness, None, possible_loss)


async def open_to_write(path: Path, durability: Durability) -> StoreFiles:
    """Open a store, or create one. Raises as ``open_to_read`` does, and if it may not be written to."""
    files = await open_file_to_write(path, durability)
    if files.reader.is_segment:
        await close_files(files)
        raise StoreError(f"event store {path}: it is a segment of a store in a folder: open the folder")
    return files


async def close_files(files: StoreFiles) -> None:
    """Release the files of a store that nobody used, and sync them."""
    async with AsyncExitStack() as steps:
        if files.witness is not None:
            steps.callback(files.witness.close)
        if files.writing is not None:
            steps.push_async_callback(asyncio.to_thread, end_session, files.path, files.writing.witness)
            steps.push_async_callback(files.writing.connection.close)
        steps.push_async_callback(files.reader.close)


async def open_file_to_write(path: Path, durability: Durability) -> StoreFiles:
    """``open_to_write`` for any file of a store, a segment too."""
    _require_writable(path)
    async with AsyncExitStack() as cleanup:
        witness = Witness.open_for_writing(path)
        if witness is not None:
            cleanup.callback(witness.close)
        _require_contents(path, witness)
        found = PinnedFiles([path] if holds_bytes(path) else [])
        has_commits_beside = holds_bytes(wal_path(path))
        reader = await _reader_of_a_made_store(path, witness)
        if reader is not None:
            cleanup.push_async_callback(reader.close)  # closed last: a reader does not copy the -wal
        if reader is not None and witness is not None:
            await check_commits(reader, witness.commits())
            if has_commits_beside or witness.unsynced_boot() is not None:
                await check_all_streams(reader, witness)
        possible_loss = _announced_loss(path, witness)
        connection = await open_for_writing(path, durability)
        cleanup.push_async_callback(connection.close)
        if reader is None:
            reader = await open_for_reading(path)
            cleanup.push_async_callback(reader.close)
        await _warn_without_witness(reader)
        if witness is None:
            witness = Witness.create(path)
            cleanup.callback(witness.close)
        if not witness.remembers_streams:
            await take_over(reader, witness)
        if durability is Durability.NORMAL:
            await asyncio.to_thread(witness.begin_unsynced_session, this_boot())
        found.check()
        pinned = PinnedFiles([path, wal_path(path), witness_path(path)])
        cleanup.pop_all()
    return StoreFiles(path, reader, witness, WritingFiles(connection, witness, pinned), possible_loss)


def end_session(path: Path, witness: Witness) -> None:
    """Sync what is not synced yet, then take the mark of this session out of the witness.

    Call it after the connections are closed. Waits for the disk. The last connection that is closed copies
    the ``-wal`` into the file and syncs it. If other connections are open, or the copy failed, the ``-wal``
    still exists and holds the commits of this session.
    """
    if witness.unsynced_boot() is not None:
        sync_commits(path)
        witness.end_session()
    witness.sync()


def sync_commits(path: Path) -> None:
    """Sync the commits that are not copied into the file yet. Waits for the disk."""
    wal = wal_path(path)
    if wal.exists():
        _sync(wal)


def _sync(path: Path) -> None:
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise StoreError(f"{path} cannot be synced: {error}") from error


def _require_writable(path: Path) -> None:
    """Raise ``StoreError`` if the store exists and this process may not write to its files or folder."""
    if not is_present(path):
        return
    for each in (path, witness_path(path), path.absolute().parent):
        # root may write to a file without write bits, which readers take as unchangeable
        if each.exists() and (not os.access(each, os.W_OK) or (each == path and is_sealed(path))):
            what = "it" if each == path else str(each)
            raise StoreError(
                f"event store {path}: {what} is read-only for this process, so nothing can be appended. "
                f"Reading works. To go on elsewhere, copy {path.name} and {path.name}.witness to a folder "
                "where you may write, and name the copy as the store (--store)"
            )


def _require_contents(path: Path, witness: Witness | None) -> None:
    """Raise ``LogTruncated`` if the file is missing or empty but its witness or ``-wal`` shows that it had
    data.

    A new store is not created in its place.
    """
    has_wal = holds_bytes(
        wal_path(path)
    )  # checked first: a process that creates a store makes the file first
    if holds_bytes(path):
        return
    what = "the file is empty" if is_present(path) else "the file is gone"
    if witness is not None and witness.remembers_blocks:
        raise truncated(path, what)
    if has_wal:
        raise LogTruncated(
            f"event store {path}: {what}, but its -wal is there and may hold commits. Put the file back; to "
            "make a new store, move the -wal away first."
        )


async def _reader_of_a_made_store(path: Path, witness: Witness | None) -> SqliteFile | None:
    if not holds_bytes(path):
        return None
    try:
        return await open_for_reading(path)
    except FileUnmade as unmade:
        if witness is not None and witness.remembers_blocks:
            raise truncated(path, "the file is empty") from unmade
        return None  # another process is just creating it


def _announced_loss(path: Path, witness: Witness | None) -> str | None:
    """A sentence, also logged, if a power cut may have removed commits unnoticed; else ``None``."""
    boot = None if witness is None else witness.unsynced_boot()
    if boot is None or not has_ended(boot):
        return None
    possible_loss = (
        "the last commits may be missing: the store was written to with durability normal, and the machine "
        "stopped before it was closed"
    )
    log = text_log()
    log.warning("event_store_may_lack_commits", path=str(path), reason=possible_loss)
    return possible_loss


async def _warn_without_witness(reader: SqliteFile) -> None:
    """Log a warning if the store has blocks but no witness. It is accepted, but lost commits go unnoticed."""
    with suppress(FileDamaged):  # a damaged file is not empty
        if not await reader.fetch("SELECT id FROM block LIMIT 1"):
            return
    witness = Witness.open_for_reading(reader.path)  # again: another process may just have created it
    if witness is not None:
        try:
            if witness.commits() or witness.remembers_streams:
                return
        finally:
            witness.close()
    text_log().warning("event_store_without_witness", path=str(reader.path))
