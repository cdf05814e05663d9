"""A daemon that is killed at random moments under load loses nothing, and does nothing twice.

Each round starts the daemon on the same log, and kills it: while it starts, while it recovers, or while it
trades, rolls segments and saves snapshots. What its control socket has called durable is in the log for ever.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from random import Random, SystemRandom

import pytest

from eventstore import open_store
from eventstore.snapshot_files import SnapshotFiles
from kernel.clock import RealTimeClock
from kernel.events import Event, OrderFilled, OrderSubmitted, SessionStarted
from kernel.snapshot import take
from replay.run_config import load_run_config
from replay.session import begin_session
from replay.session_snapshots import FOLDER, SessionSnapshots
from replay.verification import verify_run
from tests.ops.daemon.processes import Daemon, Forks, exchange
from tests.ops.daemon.worlds import write_world

LOG = "paper"

SEED = int(os.environ.get("ONETAPE_CHAOS_SEED", "0")) or SystemRandom().randrange(1, 1_000_000)

BUSY = ("segments: {roll_mb: 0.05}", "snapshots: {every_s: 0.1}")
"""Segments end, and snapshots are saved, many times a second."""

Acknowledged = dict[int, bytes]
"""Seqs that a daemon called durable, and the hashes of their blocks then."""


class Chaos:
    """A daemon that is killed again and again, and what it has acknowledged."""

    def __init__(self, forks: Forks, folder: Path, seed: int) -> None:
        self.acknowledged: Acknowledged = {}
        self.kills: Counter[str] = Counter()
        self.left_unfinished: Counter[str] = Counter()
        self._dice = Random(seed)
        self._forks = forks
        self._folder = folder

    async def round(self) -> None:
        """Start the daemon once, and kill it."""
        daemon = Daemon(self._forks, self._folder)
        if self._dice.random() < 0.3:
            await asyncio.sleep(self._dice.uniform(0, 0.4))
            daemon.kill()
            self.kills["starting" if "started" not in daemon.complaint else "just started"] += 1
        else:
            daemon.started()
            await self.check()
            await self._watch(daemon, self._dice.uniform(0, 0.5))
            daemon.kill()
            self.kills["trading"] += 1
        self.left_unfinished.update({path.parent.name for path in self._folder.glob("paper.tape/*/*.new*")})

    async def check(self) -> None:
        """What was acknowledged is in the log, unchanged."""
        async with await open_store(self._folder / "paper.tape", read_only=True) as store:
            for seq, block_hash in self.acknowledged.items():
                assert (await store.head(LOG)).seq >= seq, f"seed {SEED}: seq {seq} is lost"
                assert await store.block_hash(LOG, seq) == block_hash, f"seed {SEED}: seq {seq} has changed"
        self.acknowledged = dict(list(self.acknowledged.items())[-1:])

    async def _watch(self, daemon: Daemon, seconds: float) -> None:
        """Note what the daemon acknowledges, for so long and at least once."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        async with await open_store(self._folder / "paper.tape", read_only=True) as store:
            while True:
                seq = (await daemon.status()).seq
                if seq:
                    self.acknowledged[seq] = await store.block_hash(LOG, seq)
                if loop.time() >= end:
                    return
                await asyncio.sleep(self._dice.uniform(0, 0.03))


async def events_of(folder: Path, *types: type[Event]) -> list[Event]:
    async with await open_store(folder / "paper.tape", read_only=True) as store:
        return [
            event async for batch in store.read(LOG) for event in batch.events if isinstance(event, types)
        ]


def repeated(ids: Sequence[object]) -> list[object]:
    return [each for each, count in Counter(ids).items() if count > 1]


async def check_whole_log(folder: Path) -> None:
    """The whole log is what a fresh replay derives; nothing is in it twice; a snapshot holds its state."""
    config = load_run_config(folder / "paper.yaml")
    async with await open_store(folder / "paper.tape", read_only=True) as store:
        assert await store.verify(LOG) is None
        assert await store.integrity() is None
        verified = await verify_run(store, LOG)
        assert verified.derived_count
        snapshots = SessionSnapshots(SnapshotFiles(folder / "paper.tape" / FOLDER), store=store, log=LOG)
        saved = await snapshots.restore()
        fresh = await begin_session(store, LOG, config, clock=RealTimeClock(), mode="paper")
    assert saved is not None
    assert saved.seq == fresh.engine.last_seq
    assert take(saved.cores.core.bus) == take(fresh.engine.bus)

    submitted = await events_of(folder, OrderSubmitted)
    fills = await events_of(folder, OrderFilled)
    assert submitted
    assert fills
    assert repeated([one.order.client_order_id for one in submitted if isinstance(one, OrderSubmitted)]) == []
    assert repeated([one.fill_id for one in fills if isinstance(one, OrderFilled)]) == []
    epochs = [one.epoch for one in await events_of(folder, SessionStarted) if isinstance(one, SessionStarted)]
    # a session that was killed between its first snapshot and its first commit leaves its number unused
    assert epochs == sorted(set(epochs))


async def kill_again_and_again(tmp_path: Path, *, rounds: int, rate: int) -> Chaos:
    sys.stdout.write(f"ONETAPE_CHAOS_SEED={SEED}\n")
    options = ("--symbols", "4", "--rate", str(rate), "--batch", "10", "--seed", str(SEED))
    with Forks() as forks, exchange(forks, tmp_path, *options) as url:
        write_world(tmp_path, url, *BUSY)
        chaos = Chaos(forks, tmp_path, SEED)
        for _ in range(rounds):
            await chaos.round()
        daemon = Daemon(forks, tmp_path).started()
        await chaos.check()
        await daemon.until(lambda status: bool(status.orders))
        assert daemon.stop() == 0, daemon.complaint
    sys.stdout.write(f"killed while {dict(chaos.kills)}; unfinished {dict(chaos.left_unfinished)}\n")
    return chaos


@pytest.mark.slow
async def test_daemon_killed_200_times_loses_nothing_and_repeats_nothing(tmp_path: Path) -> None:
    chaos = await kill_again_and_again(tmp_path, rounds=200, rate=500)

    assert chaos.kills["trading"] > 50
    await check_whole_log(tmp_path)
