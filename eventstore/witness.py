"""The witness: a small file beside the store that remembers what was committed.

Theory of operation. A hash chain shows changed blocks, but not a missing end. The witness shows a missing
end.

What it remembers: the file consists of slots of 64 bytes.

| at byte | slots | content |
| --- | --- | --- |
| 0 | 2 | the last two commits of the whole file, written in turn |
| 128 | 1 | a mark: the last blocks of all streams are remembered (a store of an older version lacks it) |
| 192 | 1 | the id of a boot whose commits may not be synced (``unsynced_boot``) |
| 4096 | 1 for each stream, by its id | the stream's last block |

The slots of commits and streams have a checksum and name a block by id and hash. The store must hold that
block. It is missing after a deleted WAL, a truncated file, a restored older file or a stale page.

What changes it: each commit writes its slots. They are synced at most once a second, and when the store is
closed. Several processes may write them: an older slot does no harm, as it names a block that still exists.

What never happens: with ``Durability.FULL`` a slot is never newer than the store. With ``NORMAL`` a power cut
may leave it newer, and the witness then proves the loss. A slot never crosses a disk sector, so a power cut
does not leave half of it.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import msgspec

from eventstore.block_id import MAX_STREAMS, stream_id_of
from kernel.errors import StoreError

_SLOT = struct.Struct(">QQ32sI")
_BODY = struct.Struct(">QQ32s")
_TRAILER = struct.Struct(">I12x")
_SLOT_BYTES = 64
_EMPTY = bytes(_SLOT_BYTES)

_STREAMS_REMEMBERED_AT = 128
_UNSYNCED_AT = 192
_STREAMS_AT = 4096

_STREAMS_REMEMBERED = b"streams are remembered".ljust(_SLOT_BYTES, b"\0")

_CLOSED = -1

_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class WitnessEntry(msgspec.Struct, frozen=True, order=True):
    """A remembered block. ``number`` counts the commits and gives the order of the two commit slots."""

    number: int
    block_id: int
    hash: bytes


class Witness:
    """The open witness file. Raises ``StoreError`` with a sentence that names the file."""

    def __init__(self, path: Path, descriptor: int) -> None:
        """Use ``open_for_reading`` or ``open_for_writing``."""
        self._path = path
        self._descriptor = descriptor
        self._number = max((entry.number for entry in self.commits()), default=0)
        self._is_synced = True

    @classmethod
    def open_for_reading(cls, store_path: Path) -> "Witness | None":
        """The witness of a store; ``None`` if the file does not exist."""
        return cls._opened(witness_path(store_path), os.O_RDONLY)

    @classmethod
    def open_for_writing(cls, store_path: Path) -> "Witness | None":
        """The witness of a store, for reading and writing; ``None`` if the file does not exist."""
        return cls._opened(witness_path(store_path), os.O_RDWR)

    @classmethod
    def create(cls, store_path: Path) -> "Witness":
        """Open the witness of a store for writing, and create it if missing. Its folder is synced."""
        path = witness_path(store_path)
        witness = cls._opened(path, os.O_RDWR | os.O_CREAT)
        assert witness is not None, "a file that is made is there"
        try:
            _sync_folder(path.parent)
        except OSError as error:
            witness.close()
            raise witness._failed("made", error) from error
        return witness

    @classmethod
    def _opened(cls, path: Path, flags: int) -> "Witness | None":
        try:
            descriptor = os.open(path, flags | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise StoreError(f"{path}, the witness of the store, cannot be opened: {error}") from error
        try:
            return cls(path, descriptor)
        except BaseException:
            os.close(descriptor)
            raise

    # --- what is remembered -----------------------------------------------------------------------

    def commits(self) -> list[WitnessEntry]:
        """Up to two commits of the whole file, the latest last. An unreadable slot is left out."""
        content = self._read(0, 2 * _SLOT_BYTES)
        slots = (content[:_SLOT_BYTES], content[_SLOT_BYTES:])
        return sorted(entry for entry in map(_entry, slots) if entry is not None)

    def last_block(self, stream_id: int) -> WitnessEntry | None:
        """The last block of a stream. Call this before reading the store: then the store must hold it."""
        if not 1 <= stream_id <= MAX_STREAMS:
            return None
        return _stream_entry(stream_id, self._read(_place(stream_id), _SLOT_BYTES))

    def last_blocks(self, first_id: int, count: int) -> list[WitnessEntry]:
        """The remembered last blocks among the ``count`` streams from ``first_id`` on."""
        content = self._read(_place(first_id), count * _SLOT_BYTES)
        found = [
            _stream_entry(first_id + place // _SLOT_BYTES, content[place : place + _SLOT_BYTES])
            for place in range(0, len(content), _SLOT_BYTES)
        ]
        return [entry for entry in found if entry is not None]

    def highest_stream_id(self) -> int:
        """An upper bound for the ids of remembered streams."""
        size = os.fstat(self._open_descriptor()).st_size
        return min(max(0, -(-(size - _STREAMS_AT) // _SLOT_BYTES)), MAX_STREAMS)

    @property
    def remembers_blocks(self) -> bool:
        """Whether the witness remembers any commit."""
        return bool(self.commits()) or self.highest_stream_id() > 0

    @property
    def remembers_streams(self) -> bool:
        """Whether the last blocks of all streams are remembered."""
        return self._read(_STREAMS_REMEMBERED_AT, _SLOT_BYTES) == _STREAMS_REMEMBERED

    def unsynced_boot(self) -> str | None:
        """The boot of the machine whose commits may be unsynced; ``None`` if all are synced.

        Unreadable text counts as another boot.
        """
        slot = self._read(_UNSYNCED_AT, _SLOT_BYTES)
        return slot.strip(b"\0").decode(errors="replace") if slot.strip(b"\0") else None

    # --- remembering ------------------------------------------------------------------------------

    def remember(self, blocks: Iterable[tuple[int, bytes]]) -> None:
        """Write a commit, given as id and hash of the last block of each of its streams.

        The last of ``blocks`` is also remembered as the last block of the whole file. Takes a few
        microseconds, as it writes to the page cache without a sync.
        """
        self._number += 1
        slot = _EMPTY
        descriptor = self._open_descriptor()
        try:
            for block_id, block_hash in blocks:
                slot = _packed(self._number, block_id, block_hash)
                os.pwrite(descriptor, slot, _place(stream_id_of(block_id)))
            os.pwrite(descriptor, slot, (self._number % 2) * _SLOT_BYTES)
        except OSError as error:
            raise self._failed("written", error) from error
        self._is_synced = False

    def take_over(self, blocks: Iterable[tuple[int, bytes]]) -> None:
        """Remember last blocks that were committed without a witness."""
        for block_id, block_hash in blocks:
            self._write(_packed(1, block_id, block_hash), _place(stream_id_of(block_id)))

    def confirm_streams(self) -> None:
        """Set the mark for ``remembers_streams``, after syncing the blocks that were taken over."""
        self.sync()
        self._write(_STREAMS_REMEMBERED, _STREAMS_REMEMBERED_AT)

    def begin_unsynced_session(self, boot: str) -> None:
        """Write the mark that commits of this boot may be unsynced, and sync it. Waits for the disk.

        A shared lock tells sessions of other processes and store objects that this session is still open.
        """
        try:
            fcntl.flock(self._open_descriptor(), fcntl.LOCK_SH)
        except OSError as error:
            raise self._failed("locked", error) from error
        self._write(boot.encode().ljust(_SLOT_BYTES, b"\0"), _UNSYNCED_AT)
        self.sync()

    def end_session(self) -> None:
        """Remove the mark of ``begin_unsynced_session``, unless another such session is still open.

        Call it once all commits are synced. Waits for the disk.
        """
        descriptor = self._open_descriptor()
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError as error:
            raise self._failed("locked", error) from error
        if self.unsynced_boot() is not None:
            self._write(_EMPTY, _UNSYNCED_AT)
            self.sync()

    def sync(self) -> None:
        """Sync the file; waits for the disk."""
        if self._is_synced:
            return
        self._is_synced = True  # set before the sync: a slot written during the sync counts as unsynced
        try:
            _sync_data(self._open_descriptor())
        except OSError as error:
            raise self._failed("synced", error) from error

    def close(self) -> None:
        """Sync and release the file. Idempotent."""
        if self._descriptor == _CLOSED:
            return
        try:
            self.sync()
        finally:
            os.close(self._descriptor)
            self._descriptor = _CLOSED

    def _open_descriptor(self) -> int:
        if self._descriptor == _CLOSED:
            raise StoreError(f"the event store is closed, and with it {self._path}")
        return self._descriptor

    def _failed(self, what: str, error: OSError) -> StoreError:
        return StoreError(f"{self._path}, the witness of the store, cannot be {what}: {error}")

    def _read(self, place: int, count: int) -> bytes:
        try:
            return os.pread(self._open_descriptor(), count, place)
        except OSError as error:
            raise self._failed("read", error) from error

    def _write(self, slot: bytes, place: int) -> None:
        try:
            os.pwrite(self._open_descriptor(), slot, place)
        except OSError as error:
            raise self._failed("written", error) from error
        self._is_synced = False


def witness_path(store_path: Path) -> Path:
    """The path of a store's witness, beside the store."""
    return store_path.with_name(store_path.name + ".witness")


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _place(stream_id: int) -> int:
    return _STREAMS_AT + (stream_id - 1) * _SLOT_BYTES


def _packed(number: int, block_id: int, block_hash: bytes) -> bytes:
    body = _BODY.pack(number, block_id, block_hash)
    return body + _TRAILER.pack(zlib.crc32(body))


def _entry(slot: bytes) -> WitnessEntry | None:
    if len(slot) < _SLOT.size:
        return None
    number, block_id, block_hash, crc = _SLOT.unpack_from(slot)
    if number == 0 or zlib.crc32(slot[: _BODY.size]) != crc:
        return None
    return WitnessEntry(number=number, block_id=block_id, hash=block_hash)


def _stream_entry(stream_id: int, slot: bytes) -> WitnessEntry | None:
    entry = _entry(slot)
    return entry if entry is not None and stream_id_of(entry.block_id) == stream_id else None
