"""The witness: a small file beside the store that remembers the last commit.

A hash chain shows what was changed, not what was cut off. The witness does: two 64-byte slots,
written in turn after each commit, each naming a block that the store must hold with that hash. A
deleted WAL, a truncated file or yesterday's file put in today's place lacks it.

The witness is synced at most once a second and when the store is closed. An older witness is
harmless: it names a block that is still there. With ``Durability.FULL`` it can never be newer than
the store; with ``NORMAL`` a power cut may leave it newer, and rightly so.
"""

import os
import struct
import zlib
from pathlib import Path

import msgspec

from kernel.errors import StoreError

_SLOT = struct.Struct(">QQ32sI")
_BODY = struct.Struct(">QQ32s")
_SLOT_BYTES = 64
_CLOSED = -1

_sync_data = getattr(os, "fdatasync", os.fsync)  # macOS has no fdatasync


class WitnessEntry(msgspec.Struct, frozen=True, order=True):
    """One remembered commit: ``number`` counts them, the block has this id and hash."""

    number: int
    block_id: int
    hash: bytes


class Witness:
    """The witness file, open for writing."""

    def __init__(self, path: Path, descriptor: int, last_number: int) -> None:
        self._path = path
        self._descriptor = descriptor
        self._number = last_number
        self._is_synced = True

    @classmethod
    def open(cls, store_path: Path) -> "Witness":
        """Open the witness of a store, or create it."""
        path = witness_path(store_path)
        entries = read_witness(store_path)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise StoreError(f"{path}, the witness of the store, cannot be opened: {error}") from error
        return cls(path, descriptor, max((entry.number for entry in entries), default=0))

    def remember(self, block_id: int, block_hash: bytes) -> None:
        """Write a commit over the older slot. A few microseconds: the page cache, no sync."""
        self._number += 1
        body = _BODY.pack(self._number, block_id, block_hash)
        slot = (body + zlib.crc32(body).to_bytes(4, "big")).ljust(_SLOT_BYTES, b"\0")
        try:
            os.pwrite(self._descriptor, slot, (self._number % 2) * _SLOT_BYTES)
        except OSError as error:
            raise StoreError(f"{self._path}, the witness of the store, cannot be written: {error}") from error
        self._is_synced = False

    def sync(self) -> None:
        """Bring the file to the disk; waits for it."""
        if self._is_synced:
            return
        self._is_synced = True  # before, so that what is written meanwhile counts as unsynced
        try:
            _sync_data(self._descriptor)
        except OSError as error:
            raise StoreError(f"{self._path}, the witness of the store, cannot be synced: {error}") from error

    def close(self) -> None:
        """Sync and release the file. Idempotent."""
        if self._descriptor == _CLOSED:
            return
        try:
            self.sync()
        finally:
            os.close(self._descriptor)
            self._descriptor = _CLOSED


def witness_path(store_path: Path) -> Path:
    """Where the witness of a store lies: beside it."""
    return store_path.with_name(store_path.name + ".witness")


def read_witness(store_path: Path) -> list[WitnessEntry]:
    """What the witness remembers: none, one or two commits, the latest last. A torn slot is left out."""
    path = witness_path(store_path)
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StoreError(f"{path}, the witness of the store, cannot be read: {error}") from error
    slots = (content[:_SLOT_BYTES], content[_SLOT_BYTES : 2 * _SLOT_BYTES])
    return sorted(entry for entry in map(_entry, slots) if entry is not None)


def _entry(slot: bytes) -> WitnessEntry | None:
    if len(slot) < _SLOT.size:
        return None
    number, block_id, block_hash, crc = _SLOT.unpack_from(slot)
    if number == 0 or zlib.crc32(slot[: _BODY.size]) != crc:
        return None
    return WitnessEntry(number=number, block_id=block_id, hash=block_hash)
