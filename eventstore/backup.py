"""Backups of a store, made while it is written to, and restored with a mark that ids go on higher.

A backup is a folder: the store as it was at one moment, and ``backup.json``. Sealed segments are copied as
they are, and none is compressed or pruned meanwhile; the open one, or a store in one file, by SQLite's own
backup, which sees whole commits alone. What was copied is read back and checked before the folder gets its
name.
"""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import msgspec

from eventstore.backup_note import BackupNote, note_backup
from eventstore.durability import Durability
from eventstore.port import EventStore
from eventstore.segment_folder import SegmentFolder, files_stay, is_folder_store
from eventstore.segment_records import append_record, read_record
from eventstore.segmented import SegmentedEventStore
from eventstore.sqlite_file import is_sealed, open_for_reading
from eventstore.store_opening import is_store_here, open_store
from eventstore.witness import Witness, witness_path
from eventstore.witness_check import take_over
from kernel.errors import InputError, StoreError
from kernel.events import StoreRestored
from kernel.time_units import MS_NS

MANIFEST = "backup.json"

_FILE = "store.db"


class BackupManifest(msgspec.Struct, frozen=True):
    """What a backup holds.

    - ``ts``: when it was made, ns since the epoch.
    - ``store``: its store, by name in the folder.
    - ``segment``: the last segment in it; 0 if the store is one file.
    - ``heads``: the last seq of each stream.
    """

    ts: int
    store: str
    segment: int
    heads: dict[str, int]


async def back_up(store: Path, target: Path, *, now_ts: int) -> BackupManifest:
    """Copy a store into the new folder ``target``. Others may write to the store meanwhile.

    Raises ``InputError`` if there is no store or ``target`` exists, ``StoreError`` if the copy is not intact.
    """
    if not is_store_here(store):
        raise InputError(f"there is no store at {store}")
    _require_new(target)
    partial = target.with_name(f"{target.name}.partial")
    await asyncio.to_thread(shutil.rmtree, partial, ignore_errors=True)
    partial.mkdir(parents=True)
    is_folder = is_folder_store(store)
    copied = partial / ("store.tape" if is_folder else _FILE)
    segment = 0
    if is_folder:
        segment = await _copy_folder(SegmentFolder(store), SegmentFolder(copied))
    else:
        await _copy_open_file(store, copied)
    heads = await _check(copied)
    manifest = BackupManifest(now_ts, copied.name, segment, heads)
    (partial / MANIFEST).write_bytes(msgspec.json.format(msgspec.json.encode(manifest)))
    await asyncio.to_thread(_sync_all, partial)
    partial.rename(target)
    if is_folder:
        note_backup(SegmentFolder(store), BackupNote(now_ts, segment))
    return manifest


async def restore_backup(backup: Path, store: Path, *, now_ts: int) -> BackupManifest:
    """Make a store from a backup, and record that it was restored.

    Raises ``InputError`` if it is no backup or there is something at ``store``, ``StoreError`` if it is not
    intact.
    """
    manifest = read_manifest(backup)
    _require_new(store)
    if is_folder_store(store) != bool(manifest.segment):
        kind = "a folder: name it X.tape" if manifest.segment else "one file: do not name it X.tape"
        raise InputError(f"the store in {backup} is {kind}")
    source = backup / manifest.store
    partial = store.with_name(f"{store.stem}.partial{store.suffix}")
    await asyncio.to_thread(_copy_back, source, partial)
    if await _check(partial) != manifest.heads:
        raise StoreError(f"the store in {backup} does not hold the events that were backed up")
    async with await open_store(partial, durability=Durability.FULL) as restored:
        mark = StoreRestored(now_ts, manifest.ts)
        if isinstance(restored, SegmentedEventStore):
            await restored.append_to_record(mark)
        else:
            await append_record(restored, mark)
    if witness_path(partial).exists():
        witness_path(partial).rename(witness_path(store))
    partial.rename(store)
    return manifest


async def last_restore(store: EventStore) -> StoreRestored | None:
    """The last restore of a store from a backup; ``None`` if it was never restored."""
    return (await read_record(store)).restored


async def least_epoch(store: EventStore) -> int:
    """The least epoch that the next session of a log may have: 1, or the moment of the last restore in ms.

    The original may have gone on after the backup, or still goes on, and counts its sessions one by one. So
    it never has the epochs of a restored store, nor does another store that was restored at another moment.
    """
    restored = await last_restore(store)
    return 1 if restored is None else max(1, restored.ts // MS_NS)


def read_manifest(backup: Path) -> BackupManifest:
    """What a backup holds. Raises ``InputError`` if the folder is none."""
    try:
        return msgspec.json.decode((backup / MANIFEST).read_bytes(), type=BackupManifest)
    except (OSError, msgspec.DecodeError) as error:
        raise InputError(f"{backup} is not a backup of a store: {error}") from error


async def _copy_folder(source: SegmentFolder, target: SegmentFolder) -> int:
    """Copy all segments; the number of the last one.

    Snapshots are copied first, and then the open segment: so no snapshot is newer than the log, and the
    record is true of the files that are copied after it.
    """
    target.segments.mkdir(parents=True)
    async with files_stay(source):
        if source.snapshots.is_dir():
            await asyncio.to_thread(
                shutil.copytree, source.snapshots, target.snapshots, copy_function=_copy_if_there
            )
        last = source.last_number()
        await _copy_open_file(source.file(last), target.file(last))
        await asyncio.to_thread(_copy_sealed, source, target, last)
    return last


def _copy_sealed(source: SegmentFolder, target: SegmentFolder, last: int) -> None:
    for number in range(1, last):
        with suppress(FileNotFoundError):  # replaced before; a writer that starts may delete the former now
            _copy_segment(source.file(number), target.file(number))
        for path in (source.archive(number), source.kept(number)):
            if path.exists():
                shutil.copy2(path, target.segments)


def _copy_if_there(source: str, target: str) -> None:
    """Copy a snapshot, unless a newer one has just taken its place."""
    with suppress(FileNotFoundError):
        shutil.copy2(source, target)


def _copy_segment(source: Path, target: Path) -> None:
    if is_sealed(source):
        shutil.copy2(source, target)
    else:  # it has just ended, and its -wal is not copied into it yet
        _sqlite_backup(source, target)


async def _copy_open_file(source: Path, target: Path) -> None:
    """A copy of a file that may be written to meanwhile, with a witness of its own."""
    await asyncio.to_thread(_sqlite_backup, source, target)
    reader = await open_for_reading(target)
    try:
        witness = Witness.create(target)
        try:
            await take_over(reader, witness)
        finally:
            witness.close()
    finally:
        await reader.close()


def _sqlite_backup(source: Path, target: Path) -> None:
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as original,
            closing(sqlite3.connect(target)) as copy,
        ):
            original.backup(copy)
    except sqlite3.Error as error:
        raise StoreError(f"event store {source} cannot be copied: {error}") from error


def _copy_back(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(source, target)
        return
    shutil.copy2(source, target)
    shutil.copy2(witness_path(source), witness_path(target))


async def _check(path: Path) -> dict[str, int]:
    """The last seq of each stream of a copy. Raises ``StoreError`` unless it is intact."""
    async with await open_store(path, read_only=True) as store:
        fault = await store.integrity()
        if fault is not None:
            raise StoreError(f"the copy is not intact: {fault}")
        heads: dict[str, int] = {}
        for info in await store.streams():
            damage = await store.verify(info.stream)
            if damage is not None:
                raise StoreError(
                    f"the copy is not intact: stream {damage.stream!r} is damaged from seq "
                    f"{damage.first_bad_seq}: {damage.reason}"
                )
            heads[info.stream] = info.last_seq
        return heads


def _require_new(path: Path) -> None:
    if path.exists() or witness_path(path).exists():
        raise InputError(f"{path} exists already; nothing is written over")
    if not path.absolute().parent.is_dir():
        raise InputError(f"there is no folder {path.absolute().parent}")


def _sync_all(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
