"""A note in a store's folder about its last backup. Pruning asks for it."""

import os

import msgspec

from eventstore.segment_folder import SegmentFolder


class BackupNote(msgspec.Struct, frozen=True):
    """The last verified backup: when it was made, and the last segment in it."""

    ts: int
    segment: int


def last_backup(folder: SegmentFolder) -> BackupNote | None:
    """The note; ``None`` if there is none, or it is unreadable."""
    try:
        return msgspec.json.decode(folder.backup_note.read_bytes(), type=BackupNote)
    except (OSError, msgspec.DecodeError):
        return None


def note_backup(folder: SegmentFolder, note: BackupNote) -> None:
    """Write the note, whole or not at all. Another process may write to the store meanwhile."""
    new = folder.backup_note.with_suffix(f".{os.getpid()}")
    new.write_bytes(msgspec.json.encode(note))
    new.rename(folder.backup_note)
