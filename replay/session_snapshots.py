"""Snapshots of a live log's core, from which a recovery begins.

A snapshot holds the states of the core, and the opening of its session: so a recovery needs the snapshot and
the log after it alone. A snapshot is used if it was made by this code under this version of Python. One of
other code is used only at the very end of the log, as after a clean stop: its states have versions and
migrations (``kernel.state``), while events after it would have to be derived by the code that wrote them.
"""

import asyncio
import sys
from collections.abc import Sequence
from contextlib import aclosing
from functools import cache
from pathlib import Path

import msgspec

from components.assembly.assumed_terms import AssumedTerms
from components.assembly.core_sources import core_hash
from components.assembly.opening import VERSION
from eventstore import EventStore
from eventstore.segment_folder import is_folder_store
from eventstore.snapshot_files import Snapshot as SnapshotFile
from eventstore.snapshot_files import SnapshotFiles, SnapshotKey
from eventstore.text_log import text_log
from kernel.errors import OnetapeError
from kernel.events import AnyEvent, RunStarted
from kernel.snapshot import Snapshot, put_back
from kernel.state import WrittenState
from replay.record import plan_in
from replay.reopening import Adapt, Cores, as_it_is

FOLDER = "snapshots"


def snapshot_folder(store: Path) -> Path:
    """The folder with the snapshots of a store: inside of a store in a folder, beside one in a file."""
    return store / FOLDER if is_folder_store(store) else store.with_name(f"{store.name}.{FOLDER}")


class SavedCore(msgspec.Struct, frozen=True):
    """The content of a snapshot. In a file the states' data come after it (see ``_parts``).

    - ``opening``: of its session, or of the last session before it that had one.
    - ``assumed``: the terms of instruments that were recorded before that opening.
    - ``epoch``: the number of its session.
    - ``version``: of onetape, for people.
    """

    version: str
    epoch: int
    started: RunStarted
    opening: tuple[AnyEvent, ...]
    assumed: tuple[AssumedTerms, ...]
    core: Snapshot


class Restored(msgspec.Struct, frozen=True):
    """A core set to a snapshot, and the end of the log that the snapshot holds."""

    cores: Cores
    seq: int
    epoch: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[SavedCore, list[bytes]]).decode
_decode_whole = msgspec.msgpack.Decoder(SavedCore).decode
"""For the files of earlier versions."""
_ARRAY_OF_2 = b"\x92"


class SessionSnapshots:
    """The snapshots of one log."""

    def __init__(self, files: SnapshotFiles, *, store: EventStore, log: str, adapt: Adapt = as_it_is) -> None:
        self.seq = 0
        """The last seq in the newest snapshot that was saved or read; 0 if there is none."""
        self._files = files
        self._store = store
        self._log = log
        self._adapt = adapt

    async def save(self, cores: Cores, seq: int, core: Snapshot, *, epoch: int) -> None:
        """Save the state after ``seq``, which is durable. Nothing is saved again for the same seq.

        Raises ``StoreError`` if the disk refuses it; the log is not affected.
        """
        if seq <= self.seq:
            return
        opening: Sequence[AnyEvent] = cores.opening  # type: ignore[assignment]  # every Event is of the closed union
        saved = SavedCore(VERSION, epoch, cores.started, tuple(opening), tuple(cores.assumed), core)
        block_hash = await self._store.block_hash(self._log, seq)
        key = SnapshotKey(self._log, seq, block_hash, fingerprint())
        await asyncio.to_thread(self._files.save, key, *_parts(saved))
        self.seq = seq

    async def restore(self) -> Restored | None:
        """The newest state that fits the log and this code; ``None`` if there is none: replay all of it."""
        found = await self._files.newest(self._store, self._log, fingerprint())
        for reason in found.ignored:
            text_log().warning("snapshot_ignored", log=self._log, reason=reason)
        restored = None if found.snapshot is None else self._restored(found.snapshot)
        if restored is not None:
            self.seq = restored.seq
        return restored

    async def restore_before(self, ts: int) -> Restored | None:
        """The newest state at or before a time in ns, else the oldest one; ``None`` if none fits."""
        oldest: Restored | None = None
        async with aclosing(self._files.all(self._store, self._log, fingerprint())) as found:
            async for one in found:
                restored = self._restored(one) if isinstance(one, SnapshotFile) else None
                oldest = restored or oldest
                if restored is not None and restored.cores.core.bus.state.now <= ts:
                    break
        return oldest

    async def restore_at(self, seq: int) -> Restored | None:
        """The newest state at or before a seq; ``None`` if none fits."""
        all_of = self._files.all(self._store, self._log, fingerprint(), to_seq=seq)
        async with aclosing(all_of) as found:
            async for one in found:
                restored = self._restored(one) if isinstance(one, SnapshotFile) else None
                if restored is not None:
                    return restored
        return None

    def _restored(self, found: SnapshotFile) -> Restored | None:
        """A core with the state of a snapshot; ``None`` for one that this code cannot read."""
        if found.key.fingerprint != fingerprint():
            text_log().info("snapshot_of_other_code", log=self._log, made_by=found.key.fingerprint)
        try:
            saved = _saved_in(found.body)
            plan = plan_in(saved.started, saved.opening, saved.assumed)
            cores = Cores(
                plan, saved.opening, started=saved.started, assumed=saved.assumed, adapt=self._adapt
            )
            put_back(cores.core.bus, saved.core)
        except (msgspec.MsgspecError, OnetapeError) as error:
            text_log().warning("snapshot_ignored", log=self._log, reason=str(error))
            return None
        return Restored(cores, found.key.seq, saved.epoch)


def _parts(saved: SavedCore) -> list[bytes]:
    """The body of a file: a msgpack array of the core without the states' data, and of these data.

    The data have megabytes. So they stay as they are, and only what lies between them is made here.
    """
    states = saved.core.states
    without_data = {name: WrittenState(state.version, b"") for name, state in states.items()}
    core = msgspec.structs.replace(saved.core, states=without_data)
    parts = [_ARRAY_OF_2, _encode(msgspec.structs.replace(saved, core=core)), _head(b"\xdd", len(states))]
    for state in states.values():
        parts += (_head(b"\xc6", len(state.data)), state.data)
    return parts


def _head(kind: bytes, length: int) -> bytes:
    """The first bytes of a msgpack array, or of msgpack bytes, with its length."""
    return kind + length.to_bytes(4, "big")


def _saved_in(body: bytes) -> SavedCore:
    """The content of a body. Raises ``msgspec.MsgspecError`` for one that cannot be read."""
    if not body.startswith(_ARRAY_OF_2):
        return _decode_whole(body)
    saved, data = _decode(body)
    states = saved.core.states.items()
    if len(data) != len(states):
        raise msgspec.DecodeError(f"{len(data)} states' data; expected {len(states)}")
    whole = {
        name: WrittenState(state.version, each) for (name, state), each in zip(states, data, strict=True)
    }
    return msgspec.structs.replace(saved, core=msgspec.structs.replace(saved.core, states=whole))


@cache
def fingerprint() -> str:
    """The code that makes cores, as a text: versions, and a hash of our own sources."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"onetape {VERSION}, Python {python}, core {core_hash()}"
