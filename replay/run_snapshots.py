"""Snapshots inside of a long run: states of its core, from which it is played on.

They are files beside the store (``session_snapshots.snapshot_folder``). A snapshot is used if it was made by
this code, and if the run has the block that the snapshot ends with. So it may be deleted at any time, and a
run of the same name never gets the state of another.
"""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from time import process_time

import msgspec

from components.assembly.core import Core
from eventstore import EventStore, SnapshotFiles
from eventstore.snapshot_files import Snapshot as SnapshotFile
from eventstore.snapshot_files import SnapshotKey
from eventstore.text_log import text_log
from kernel.errors import OnetapeError, StoreError
from kernel.snapshot import Snapshot, put_back, take
from replay.past.log_player import Start
from replay.recording import RunRecorder
from replay.run import Plan
from replay.session_snapshots import fingerprint, snapshot_folder

BETWEEN_S = 0.05
"""Processor seconds between two snapshots, unless the configuration says otherwise: a state is reached in
that time, and a snapshot takes a fiftieth of it."""

KEPT = 10_000
"""Of one run. All of them: each is the way into another part of the run."""


class SavedRun(msgspec.Struct, frozen=True):
    """The content of a snapshot: the core, and how many events of the run's data it has."""

    data_count: int
    core: Snapshot


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(SavedRun).decode


def snapshots_beside(store: Path) -> SnapshotFiles:
    """The snapshots of the runs of a store."""
    return SnapshotFiles(snapshot_folder(store), keep=KEPT)


class RunSaver:
    """Saves snapshots of a run while it is recorded.

    It remembers the states whose last record is not appended yet: a snapshot needs the hash of its block.
    A disk that refuses one ends them, with a warning: the run goes on.
    """

    def __init__(self, plan: Plan, recorder: RunRecorder, files: SnapshotFiles) -> None:
        self._every = plan.config.snapshot_every
        self._recorder = recorder
        self._files = files
        self._is_off = self._every == 0
        self._next_at = self._every or 0
        self._began_s = process_time()
        self._waiting: list[tuple[int, bytes]] = []
        self._has_saved = False

    async def at_rest(self, core: Core, played: int) -> None:
        """Take the state if it is time, and save those that waited."""
        if self._is_off or not self._is_due(played):
            return
        body = _encode(SavedRun(played, take(core.bus)))
        self._waiting.append((self._recorder.seq, body))
        await self._save()
        self._began_s = process_time()

    async def finish(self) -> None:
        """Save those that wait, at the end of the run."""
        await self._save()

    def _is_due(self, played: int) -> bool:
        if self._every is None:
            return process_time() - self._began_s >= BETWEEN_S
        if played < self._next_at:
            return False
        self._next_at = played - played % self._every + self._every
        return True

    async def _save(self) -> None:
        run = self._recorder.stream
        while self._waiting and (found := await self._recorder.block_hash(self._waiting[0][0])) is not None:
            seq, body = self._waiting.pop(0)
            if not self._has_saved:
                self._files.forget(run)  # of a run that had this name before
                self._has_saved = True
            try:
                await asyncio.to_thread(self._files.save, SnapshotKey(run, seq, found, fingerprint()), body)
            except StoreError as error:
                text_log().warning("snapshots_of_run_end", run=run, reason=str(error))
                self._is_off = True
                self._waiting = []


Fits = Callable[[int, Snapshot], bool]
"""Whether a state fits, by its seq and itself. If one does, so do those before it."""


async def run_start_at(
    files: SnapshotFiles,
    store: EventStore,
    run: str,
    seq: int,
    *,
    first: Callable[[], Start],
    fits: Fits | None = None,
    after: int = 0,
) -> Start | None:
    """The newest state of a run at or before a seq that fits, put into a core of ``first``.

    ``None`` if there is none after the input of the number ``after``.
    """
    to_seq = seq if fits is None else _last_fitting(files, run, seq, fits)
    async with aclosing(files.all(store, run, fingerprint(), to_seq=to_seq)) as found:
        async for one in found:
            if not isinstance(one, SnapshotFile) or one.key.fingerprint != fingerprint():
                continue
            try:
                saved = _decode(one.body)
                if saved.core.input_count <= after:
                    return None
                if fits is not None and not fits(one.key.seq, saved.core):
                    continue
                start = first()
                put_back(start.cores.core.bus, saved.core)
            except (msgspec.MsgspecError, OnetapeError) as error:
                text_log().warning("snapshot_ignored", log=run, reason=str(error))
                continue
            return Start(start.cores, one.key.seq, saved.data_count, epoch=1)
    return None


def _last_fitting(files: SnapshotFiles, run: str, to_seq: int, fits: Fits) -> int:
    """The seq of the last snapshot that may fit; 0 if none does. Of those that cannot be read, any may fit.

    The newest one is tried first, the others by halving: a long run has hundreds.
    """
    seqs = [seq for seq in files.seqs(run) if seq <= to_seq]
    low, high = 0, len(seqs)
    middle = high - 1
    while low < high:
        found = files.read(run, seqs[middle])
        try:
            saved = None if found is None else _decode(found.body)
        except msgspec.MsgspecError:
            saved = None
        if saved is None:
            return seqs[high - 1]
        if fits(seqs[middle], saved.core):
            low = middle + 1
        else:
            high = middle
        middle = (low + high) // 2
    return seqs[low - 1] if low else 0
