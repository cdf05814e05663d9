"""The process of one strategy. The daemon starts and feeds it (``workers``):

    python -m ops.daemon.worker STORE LOG STRATEGY MEMORY_MB SNAPSHOT_EVERY_S PARENT PLACE BROKEN_AT

It follows the log (``replay.follower``) up to each seq that it reads from standard input, and writes messages
to standard output. The place is an open file of eight bytes: at any time it has the number of the input that
is being handled, and so tells the daemon where the process ended. The last argument is where it ended before.
"""

import asyncio
import mmap
import os
import sys
from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path
from time import monotonic
from typing import BinaryIO

from eventstore import open_store
from eventstore.snapshot_files import SnapshotFiles
from kernel.decimals import exact
from kernel.errors import OnetapeError, StoreError
from kernel.identifiers import StrategyId
from ops.daemon.sandbox import confine
from ops.daemon.worker_messages import SEQ_BYTES, Lacks, Reached, Sends, write_message
from ops.event_loop import run
from replay.follower import NOTHING, Follower, Sent, begin_following, captured
from replay.session_snapshots import FOLDER, SessionSnapshots

LIFE_S = 0.1
"""A sign of life at least this often while it has work and no hook takes longer."""
SNAPSHOTS_KEPT = 2


class Outbox:
    """What this process tells the daemon."""

    def __init__(self, pipe: BinaryIO, place: mmap.mmap) -> None:
        self.seq = 0
        """The last seq that was reached."""
        self._pipe = pipe
        self._place = place
        self._told = self._began = monotonic()
        self._slowest_s, self._slowest_at = 0.0, NOTHING
        self._number = NOTHING

    def send(self, sent: Sent) -> None:
        """Send a decision or a failure."""
        write_message(self._pipe, Sends(sent))

    def lacks(self, sentences: tuple[str, ...]) -> None:
        """Tell what this system does not have."""
        write_message(self._pipe, Lacks(sentences))

    def reached(self, seq: int) -> None:
        """Tell how far the log was played."""
        self.seq, self._told = seq, monotonic()
        write_message(self._pipe, Reached(seq, round(self._slowest_s * 1_000, 3), self._slowest_at))
        self._slowest_s, self._slowest_at = 0.0, NOTHING

    def at_input(self, number: int) -> None:
        """Note which input is being handled, and how long the last one took; give a sign of life."""
        self._place[:SEQ_BYTES] = number.to_bytes(SEQ_BYTES, "little")
        now = monotonic()
        if number:
            self._began, self._number = now, number
            return
        if now - self._began > self._slowest_s:
            self._slowest_s, self._slowest_at = now - self._began, self._number
        if now - self._told > LIFE_S:
            self.reached(self.seq)


@exact
async def _follow(
    store_path: Path, log: str, strategy: StrategyId, *, outbox: Outbox, every_s: float, broken_at: int
) -> None:
    """Follow the log until standard input ends."""
    told = await _tells()
    store = await open_store(store_path, read_only=True)
    try:
        snapshots = SessionSnapshots(
            SnapshotFiles(folder_of(store_path, strategy), keep=SNAPSHOTS_KEPT),
            store=store,
            log=log,
            adapt=captured(strategy),
        )
        follower = await begin_following(
            store,
            log,
            strategy,
            snapshots=snapshots,
            send=outbox.send,
            at_input=outbox.at_input,
            broken_at=broken_at,
        )
        outbox.reached(follower.seq)
        saved = monotonic()
        while to_seq := await _next_seq(told):
            await _play(follower, to_seq, outbox)
            if monotonic() - saved > every_s:
                await _save(follower, snapshots)
                saved = monotonic()
        await _save(follower, snapshots)
    finally:
        await store.close()


async def _play(follower: Follower, to_seq: int, outbox: Outbox) -> None:
    async with aclosing(follower.parts(to_seq)) as parts:
        async for seq in parts:
            if seq < to_seq:
                outbox.reached(seq)
    follower.go_live()
    outbox.reached(to_seq)


async def _save(follower: Follower, snapshots: SessionSnapshots) -> None:
    """Save a snapshot if that is possible now; without one the next start takes longer."""
    try:
        await follower.save(snapshots)
    except StoreError as error:
        sys.stderr.write(f"{error}\n")


async def _tells() -> asyncio.StreamReader:
    """Standard input."""
    reader, loop = asyncio.StreamReader(), asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    return reader


async def _next_seq(told: asyncio.StreamReader) -> int:
    """The latest seq that the daemon told; 0 at the end."""
    try:
        return int.from_bytes(await told.readexactly(SEQ_BYTES), "little")
    except asyncio.IncompleteReadError:
        return 0


def folder_of(store: Path, strategy: str) -> Path:
    """The folder of the snapshots of a strategy's process. An id may have any letters."""
    return store / FOLDER / f"worker-{strategy.encode().hex()}"


def main(arguments: Sequence[str]) -> int:
    """Run it to its end. Standard output is for messages: what a strategy prints goes to standard error."""
    store, log, strategy, memory_mb, every_s, parent, place, broken_at = arguments
    pipe = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    outbox = Outbox(pipe, mmap.mmap(int(place), SEQ_BYTES))
    own = folder_of(Path(store), strategy)
    own.mkdir(parents=True, exist_ok=True)
    outbox.lacks(confine(memory_mb=int(memory_mb), parent=int(parent), store=Path(store), own=own))
    try:
        run(
            _follow(
                Path(store),
                log,
                StrategyId(strategy),
                outbox=outbox,
                every_s=float(every_s),
                broken_at=int(broken_at),
            )
        )
    except (OnetapeError, MemoryError) as error:
        sys.stderr.write(" ".join(f"{type(error).__name__}: {error}".split()) + "\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
