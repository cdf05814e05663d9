"""What became of each segment, and whether its file is the one on record."""

import asyncio
from enum import Enum
from pathlib import Path

import msgspec

from eventstore.segment_archive import file_sha256
from eventstore.segment_folder import SegmentFolder
from eventstore.segment_records import SegmentRecord, StoreRecord


class SegmentState(Enum):
    """The state of a segment."""

    OPEN = "open"
    SEALING = "sealing"
    SEALED = "sealed"
    ARCHIVED = "archived"
    PRUNED = "pruned"
    MISSING = "missing"


class SegmentStatus(msgspec.Struct, frozen=True):
    """One segment. Times are 0 while it is open or has no events; ``damage`` is "" if there is none."""

    number: int
    state: SegmentState
    file: str
    size_bytes: int
    first_ts: int
    last_ts: int
    sha256: str
    damage: str = ""


def list_segments(folder: SegmentFolder, record: StoreRecord, *, last: int) -> list[SegmentStatus]:
    """All segments up to the open one, in order."""
    return [_status(folder, record.of(number), last=last) for number in range(1, last + 1)]


async def check_segments(folder: SegmentFolder, record: StoreRecord, *, last: int) -> list[SegmentStatus]:
    """``list_segments`` after comparing each file with the hash on record. Reads all files."""
    return [
        await asyncio.to_thread(_checked, folder, status)
        for status in list_segments(folder, record, last=last)
    ]


def _status(folder: SegmentFolder, record: SegmentRecord, *, last: int) -> SegmentStatus:
    number, sealed = record.number, record.sealed
    if number == last:
        state, path, sha256 = SegmentState.OPEN, folder.file(number), ""
    elif folder.file(number).exists():
        state = SegmentState.SEALED if sealed is not None else SegmentState.SEALING
        path, sha256 = folder.file(number), "" if sealed is None else sealed.sha256
    elif record.pruned is not None:
        state, path, sha256 = SegmentState.PRUNED, folder.kept(number), record.pruned.sha256
    elif record.archived is not None:
        state, path, sha256 = SegmentState.ARCHIVED, folder.archive(number), record.archived.sha256
    else:
        state, path, sha256 = SegmentState.MISSING, folder.file(number), ""
    size_bytes = _size(path)
    if size_bytes is None and sha256:
        state = SegmentState.MISSING
    return SegmentStatus(
        number,
        state,
        "" if size_bytes is None else path.name,
        size_bytes or 0,
        0 if sealed is None else sealed.first_ts,
        0 if sealed is None else sealed.last_ts,
        sha256,
        f"{path.name} is missing" if state is SegmentState.MISSING else "",
    )


def _checked(folder: SegmentFolder, status: SegmentStatus) -> SegmentStatus:
    if not status.file or not status.sha256 or status.damage or folder.new_kept(status.number).exists():
        return status
    try:
        if file_sha256(folder.segments / status.file) == status.sha256:
            return status
        damage = f"{status.file} is not the file that was recorded: its SHA-256 differs"
    except FileNotFoundError:
        damage = f"{status.file} is missing"
    return msgspec.structs.replace(status, damage=damage)


def _size(path: Path) -> int | None:
    """The size of a file in bytes; ``None`` if it is not there."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
