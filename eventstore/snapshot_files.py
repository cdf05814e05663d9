"""Snapshots of a log's state, as files beside the log. They save replaying, and are never the only copy.

A file is a header, a SHA-256 of header and body, and the body. The header says for which state it is: the
stream, the last seq in it, the hash of that block, and a fingerprint of the code and configuration that made
the body. A snapshot that is damaged, newer than its log, of another history or of other code is ignored, with
a reason: the replay is longer then, and right.
"""

import os
import struct
import threading
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing, suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import msgspec

from eventstore.port import EventStore
from kernel.errors import StoreError

_MAGIC = b"onetape snapshot 1\n"
_LENGTH = struct.Struct(">I")
_HASH_BYTES = 32
MB = 1_000_000
_SUFFIX, _UNFINISHED = ".snapshot", ".new"
_SEQ_DIGITS = 13


class SnapshotsConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """When snapshots are made, and how many are kept.

    - ``every_s``: seconds between two. 300: a restart replays five minutes at most, in a second.
    - ``keep``: the newest ones of each log. 3: one that is damaged has two before it.
    - ``older``: of each log beside them, spread evenly over it, to go back into it. 100: any moment is within
      about a fiftieth of the log after one.
    - ``older_mb``: disk space of these, in MB. 256: one of an account with many orders has a few MB.
    """

    every_s: float = 300
    keep: int = 3
    older: int = 100
    older_mb: float = 256

    def __post_init__(self) -> None:
        if not 0 < self.every_s < float("inf"):
            raise ValueError(f"every_s: {self.every_s} is not above 0")
        if self.keep < 1:
            raise ValueError(f"keep: {self.keep} is below 1")
        if self.older < 0:
            raise ValueError(f"older: {self.older} is below 0")
        if not 0 <= self.older_mb < float("inf"):
            raise ValueError(f"older_mb: {self.older_mb} is below 0")


class SnapshotKey(msgspec.Struct, frozen=True, array_like=True):
    """The state that a snapshot holds.

    - ``stream`` and ``seq``: the state after this event.
    - ``block_hash``: of the block that holds this event.
    - ``fingerprint``: text of the caller; only a snapshot with an equal one is used.
    """

    stream: str
    seq: int
    block_hash: bytes
    fingerprint: str


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot that was read, undamaged."""

    key: SnapshotKey
    body: bytes
    path: Path


class FoundSnapshot(msgspec.Struct, frozen=True):
    """The newest snapshot that fits, if any, and why newer ones were ignored."""

    snapshot: Snapshot | None
    ignored: tuple[str, ...] = ()


_decode_key = msgspec.msgpack.Decoder(SnapshotKey).decode


class SnapshotFiles:
    """Snapshots in a folder. Its methods wait for the disk; call the plain ones in a thread.

    ``keep``, ``older``, ``older_mb``: see ``SnapshotsConfig``; only saving needs them.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: int = SnapshotsConfig().keep,
        older: int = 0,
        older_mb: float = SnapshotsConfig().older_mb,
    ) -> None:
        self._folder = folder
        self._keep = keep
        self._older = older
        self._older_bytes = older_mb * MB
        self._saving = threading.Lock()
        """Held while one is written: a thread goes on when nobody waits for it any more."""

    @classmethod
    def kept_by(cls, settings: SnapshotsConfig, folder: Path) -> "SnapshotFiles":
        """Snapshots in a folder, kept by settings."""
        return cls(folder, keep=settings.keep, older=settings.older, older_mb=settings.older_mb)

    def save(self, key: SnapshotKey, *body: bytes) -> Path:
        """Write a snapshot, whole or not at all, then delete those that are too many.

        ``body``: in parts, because putting megabytes together would take as much memory again. Raises
        ``StoreError`` if the disk refuses; nothing that was there has changed then.
        """
        with self._saving:
            path = self._write(key, *body)
            self.prune(key.stream)
        return path

    def _write(self, key: SnapshotKey, *body: bytes) -> Path:
        path = self._path(key.stream, key.seq)
        new = path.with_suffix(_UNFINISHED)
        header = msgspec.msgpack.encode(key)
        digest = _digest(header, *body)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with new.open("wb") as file:
                file.writelines((_MAGIC, _LENGTH.pack(len(header)), header, digest, *body))
                file.flush()
                os.fsync(file.fileno())
            new.rename(path)
            _sync_folder(self._folder)
        except OSError as error:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise StoreError(f"snapshot {path} cannot be written: {error}") from error
        return path

    async def newest(self, store: EventStore, stream: str, fingerprint: str) -> FoundSnapshot:
        """The newest snapshot of a stream that fits its events and the fingerprint.

        A snapshot of the very end of the stream fits with any fingerprint: there is nothing after it that
        other code could derive in another way. The caller checks whether it can read the body.
        """
        ignored: list[str] = []
        async with aclosing(self.all(store, stream, fingerprint)) as found:
            async for one in found:
                if isinstance(one, Snapshot):
                    return FoundSnapshot(one, tuple(ignored))
                ignored.append(one)
        return FoundSnapshot(None, tuple(ignored))

    async def all(
        self, store: EventStore, stream: str, fingerprint: str, *, to_seq: int | None = None
    ) -> AsyncGenerator[Snapshot | str, None]:
        """The snapshots of a stream, the newest first; in the place of one that does not fit, the reason.

        ``to_seq`` leaves out those of a later state.
        """
        head = await store.head(stream)
        for path in self._paths(stream):
            if to_seq is not None and _seq_of(path) > to_seq:
                continue
            found = _read(path)
            if isinstance(found, Snapshot):
                reason = await _misfit(found.key, store, head.seq, fingerprint)
                yield f"{path.name}: {reason}" if reason else found
            else:
                yield f"{path.name}: {found}"

    def read(self, stream: str, seq: int) -> Snapshot | None:
        """The snapshot of the state after a seq, which may not fit; ``None`` without an undamaged one."""
        found = _read(self._path(stream, seq))
        return found if isinstance(found, Snapshot) else None

    def seqs(self, stream: str) -> list[int]:
        """The last seq in each snapshot of a stream by the names of the files, which may not fit."""
        return sorted(map(_seq_of, self._paths(stream)))

    def forget(self, stream: str, *, before_seq: int | None = None) -> None:
        """Delete all snapshots of a stream, or those of a state before a seq."""
        for path in self._paths(stream):
            if before_seq is None or _seq_of(path) < before_seq:
                path.unlink(missing_ok=True)

    def newest_seq(self, stream: str) -> int:
        """The last seq in the newest undamaged snapshot of a stream; 0 if there is none."""
        for path in self._paths(stream):
            snapshot = _read(path)
            if isinstance(snapshot, Snapshot):
                return snapshot.key.seq
        return 0

    def prune(self, stream: str) -> None:
        """Delete snapshots of a stream that are too many, and what a crash left of unfinished ones."""
        paths = list(self._paths(stream))
        oldest_first = paths[self._keep :][::-1]
        if oldest_first:
            sizes = {path: path.stat().st_size for path in oldest_first if path.exists()}
            end = _seq_of(paths[self._keep - 1])
            for path in _too_many(sizes, end, most=self._older, most_bytes=self._older_bytes):
                path.unlink(missing_ok=True)
        for path in self._paths(stream, _UNFINISHED):
            path.unlink(missing_ok=True)

    def _path(self, stream: str, seq: int) -> Path:
        return self._folder / f"{_stem(stream)}-{seq:0{_SEQ_DIGITS}}{_SUFFIX}"

    def _paths(self, stream: str, suffix: str = _SUFFIX) -> Iterator[Path]:
        """The files of a stream, the newest first."""
        names = os.listdir(self._folder) if self._folder.is_dir() else []  # hundreds: paths sort slowly
        stem_chars = -len(suffix) - _SEQ_DIGITS - 1
        stem = _stem(stream)
        found = [name for name in names if name.endswith(suffix) and name[:stem_chars] == stem]
        return (self._folder / name for name in sorted(found, reverse=True))


def _too_many(sizes: Mapping[Path, int], end: int, *, most: int, most_bytes: float) -> Iterator[Path]:
    """The snapshots to delete, so that those that stay are few and small enough, and spread evenly.

    ``sizes``: in bytes, the oldest first. Deleted is always the one without which the way from the snapshot
    before it to the one after it (at last to ``end``) is shortest.
    """
    left, total = list(sizes), sum(sizes.values())
    while left and (len(left) > most or total > most_bytes):
        seqs = [0, *map(_seq_of, left), end]
        place = min(range(len(left)), key=lambda place: seqs[place + 2] - seqs[place])
        path = left.pop(place)
        total -= sizes[path]
        yield path


async def _misfit(key: SnapshotKey, store: EventStore, last_seq: int, fingerprint: str) -> str:
    """Why a snapshot does not fit; "" if it does."""
    if key.seq > last_seq:
        return f"it holds the state at seq {key.seq}, but the log ends at {last_seq}"
    if key.fingerprint != fingerprint and key.seq != last_seq:
        return "other code, configuration or versions made it"
    try:
        block_hash = await store.block_hash(key.stream, key.seq)
    except StoreError as error:
        return str(error)
    return "" if block_hash == key.block_hash else "it is of another history of the log"


def _read(path: Path) -> Snapshot | str:
    """The snapshot in a file, or why there is none."""
    try:
        content = path.read_bytes()
    except OSError as error:
        return f"it cannot be read: {error}"
    start = len(_MAGIC) + _LENGTH.size
    if not content.startswith(_MAGIC) or len(content) < start:
        return "it is damaged, or not a snapshot"
    (length,) = _LENGTH.unpack_from(content, len(_MAGIC))
    header, digest = content[start : start + length], content[start + length : start + length + _HASH_BYTES]
    body = content[start + length + _HASH_BYTES :]
    if _digest(header, body) != digest:
        return "it is damaged: its SHA-256 differs"
    try:
        return Snapshot(_decode_key(header), body, path)
    except msgspec.DecodeError as error:
        return f"it is of another version: {error}"


def _digest(*parts: bytes) -> bytes:
    """The hash of all parts, without putting them together."""
    digest = sha256()
    for part in parts:
        digest.update(part)
    return digest.digest()


def _seq_of(path: Path) -> int:
    """The last seq in a snapshot, from the name of its file."""
    return int(path.stem[-_SEQ_DIGITS:])


def _stem(stream: str) -> str:
    return quote(stream, safe="")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
