"""The files of a store in a folder, the lock of its one writer, and the lock of its files.

| path | content |
| --- | --- |
| ``segments/000001.db`` ... | segments; the last one is open, the others are sealed |
| ``segments/000001.db.zst`` | a sealed segment, compressed |
| ``segments/000001.kept.db`` | what was kept of a pruned segment (``kept_events``) |
| ``segments/000002.new.db`` | the next segment while it is made; without meaning after a crash |
| ``segments/last_backup.json`` | when the last backup was made, and of which segments |
| ``segments/writer.lock`` | locked by the process that writes |
| ``segments/files.lock`` | locked by who copies the files, or replaces one (``files_stay``) |
| ``snapshots/`` | see ``SnapshotFiles`` |
"""

import asyncio
import fcntl
import os
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from eventstore.witness import witness_path
from kernel.errors import StoreError

TAPE_SUFFIX = ".tape"
"""A path that ends so names a store in a folder, also if it does not exist yet."""

_DIGITS = 6


class SegmentFolder:
    """Paths of a store's files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.segments = path / "segments"
        self.snapshots = path / "snapshots"
        self.backup_note = self.segments / "last_backup.json"
        self.files_lock = self.segments / "files.lock"

    def file(self, number: int) -> Path:
        """A segment."""
        return self.segments / f"{number:0{_DIGITS}}.db"

    def archive(self, number: int) -> Path:
        """A segment, compressed."""
        return self.segments / f"{number:0{_DIGITS}}.db.zst"

    def kept(self, number: int) -> Path:
        """What was kept of a pruned segment."""
        return self.segments / f"{number:0{_DIGITS}}.kept.db"

    def new(self, number: int) -> Path:
        """A segment while it is made."""
        return self.segments / f"{number:0{_DIGITS}}.new.db"

    def new_kept(self, number: int) -> Path:
        """What is kept of a segment, while it is made."""
        return self.segments / f"{number:0{_DIGITS}}.new.kept.db"

    def last_number(self) -> int:
        """The number of the open segment; 0 if there is no segment."""
        return max(self.numbers(), default=0)

    def numbers(self) -> list[int]:
        """The numbers of the segments whose file is there, in order."""
        if not self.segments.is_dir():
            return []
        names = (entry.name for entry in os.scandir(self.segments))
        return sorted(
            int(name[:_DIGITS]) for name in names if len(name) == _DIGITS + 3 and name.endswith(".db")
        )

    def discard_unfinished(self) -> None:
        """Delete what a crash left of files that were being made."""
        for path in self.segments.glob("*.new.*"):
            path.unlink(missing_ok=True)

    def sync(self) -> None:
        """Sync the folder of the segments, so that a rename or removal outlives a power cut."""
        descriptor = os.open(self.segments, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_folder_store(path: Path) -> bool:
    """Whether a path names a store in a folder: it is one, or ends in ``.tape`` and is no file."""
    return (path / "segments").is_dir() or (path.suffix == TAPE_SUFFIX and not path.is_file())


def delete_store_file(path: Path) -> None:
    """Delete a segment with the files beside it."""
    for each in (path, witness_path(path), Path(f"{path}-wal"), Path(f"{path}-shm")):
        each.unlink(missing_ok=True)


@asynccontextmanager
async def files_stay(folder: SegmentFolder) -> AsyncGenerator[None]:
    """Until its end, no segment's file is replaced by another one. Waits for the end of a replacement.

    Who copies all files needs it: else the record that was copied first would not tell of the file that is
    there later. Several may copy at the same time, and the writer goes on to append.
    """
    with _open_lock(folder) as descriptor:
        await asyncio.to_thread(fcntl.flock, descriptor, fcntl.LOCK_SH)
        yield


@contextmanager
def may_replace_files(folder: SegmentFolder) -> Generator[bool]:
    """Whether a segment's file may be replaced until the end of this: not while somebody copies them."""
    with _open_lock(folder) as descriptor:
        may_replace = False
        with suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            may_replace = True
        yield may_replace


@contextmanager
def _open_lock(folder: SegmentFolder) -> Generator[int]:
    """A file that is only there to be locked. The system ends its locks when it is closed.

    Raises ``StoreError`` if it cannot be made.
    """
    try:
        descriptor = os.open(folder.files_lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise StoreError(f"event store {folder.path}: its files cannot be locked: {error}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


class WriterLock:
    """Held by the one process that writes to the store. The system releases it when the process ends.

    The folder is made if it is not there.
    """

    def __init__(self, folder: SegmentFolder) -> None:
        path = folder.segments / "writer.lock"
        try:
            folder.segments.mkdir(parents=True, exist_ok=True)
            self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise StoreError(f"event store {folder.path}: it cannot be written to: {error}") from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(self._descriptor, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._descriptor)
            raise StoreError(
                f"event store {folder.path}: process {owner} writes to it, and a store in a folder has one "
                "writer; reading works meanwhile"
            ) from error
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Let another process write. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
