"""A verification in parts finds what one process finds."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from eventstore import open_store
from eventstore.snapshot_files import Snapshot as SnapshotFile
from eventstore.snapshot_files import SnapshotFiles
from kernel import snapshot
from kernel.errors import ReplayDiverged
from replay.backtesting import from_instance, record_run
from replay.parted_verification import verify_parts
from replay.planning import plan_run
from replay.run_snapshots import snapshots_beside
from replay.session_snapshots import SessionSnapshots, fingerprint
from replay.verification import Verified, verify_run
from strategies.sdk import Strategy
from tests.replay.commands import replay
from tests.replay.live_sessions import LOG, live_session
from tests.replay.market import walk
from tests.replay.past_logs import RUN_CONFIG
from tests.replay.sample_strategies import RandomOrders
from tests.replay.test_changed_sessions import CONFIG, Trader
from tests.replay.test_divergence import CALLS, Counting


async def run_on_disk(path: Path, *strategies: Strategy[Any, Any]) -> str:
    async with await open_store(path) as store:
        for name, seed in (("a.1d", 3), ("b.1d", 4)):
            await store.append(name, walk(name[0].upper(), 5_000, seed=seed), expected_seq=0)
        loaded = [from_instance(one) for one in strategies or (Trader(), RandomOrders(activity=0.1))]
        plan = await plan_run(store, RUN_CONFIG, loaded=loaded)
        run, _ = await record_run(store, plan, snapshots=snapshots_beside(path))
        return run


async def log_on_disk(path: Path) -> str:
    files = snapshots_beside(path)
    bars = walk("A", 60, seed=8)
    async with await open_store(path) as store:
        for part in (bars[:20], bars[20:40], bars[40:]):
            snapshots = SessionSnapshots(SnapshotFiles(path.parent / "none"), store=store, log=LOG)
            session = await live_session(store, part, [Trader()], CONFIG, snapshots=snapshots)
            saved = SessionSnapshots(files, store=store, log=LOG)
            engine = session.engine
            await saved.save(session.cores, engine.last_seq, snapshot.take(engine.bus), epoch=session.epoch)
    return LOG


async def whole(path: Path, log: str) -> Verified:
    async with await open_store(path, read_only=True) as store:
        return await verify_run(store, log)


@pytest.mark.parametrize("made", [run_on_disk, log_on_disk], ids=["run", "live log"])
async def test_parts_find_what_the_whole_finds(
    made: Callable[[Path], Awaitable[str]], tmp_path: Path
) -> None:
    path = tmp_path / "market.db"
    log = await made(path)
    assert snapshots_beside(path).seqs(log)

    parts, one = await verify_parts(path, log, jobs=3), await whole(path, log)

    assert parts.restarts >= 1
    assert (parts.input_count, parts.is_ended) == (one.input_count, one.is_ended)
    assert (parts.derived_count, parts.opening_hash) == (one.derived_count, one.opening_hash)
    assert parts.digest == one.digest or not one.is_ended


def test_a_difference_is_named_with_its_cause(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    CALLS[:] = [0] * 3
    run = asyncio.run(run_on_disk(path, Counting()))

    refused = replay("verify", run, "--store", path, "--jobs", "2")

    assert refused.exit_code == 1
    assert "likely cause: nondeterminism" in refused.stderr


@pytest.mark.slow
async def test_a_snapshot_of_another_state_is_noticed(tmp_path: Path) -> None:
    """One part would begin with a wrong state; the part before it does not end with that state."""
    path = tmp_path / "market.db"
    run = await run_on_disk(path)
    files = snapshots_beside(path)
    async with await open_store(path, read_only=True) as store:
        found = [each async for each in files.all(store, run, fingerprint())]
    later, earlier = found[0], found[-1]
    assert isinstance(later, SnapshotFile)
    assert isinstance(earlier, SnapshotFile)
    assert later.key.seq > earlier.key.seq
    files.forget(run)
    files.save(earlier.key, later.body)

    with pytest.raises(ReplayDiverged, match="not from a snapshot of its state"):
        await verify_parts(path, run, jobs=2)


def test_jobs_and_current_code_exclude_each_other(tmp_path: Path) -> None:
    path = tmp_path / "market.db"
    run = asyncio.run(run_on_disk(path))

    refused = replay("verify", run, "--store", path, "--jobs", "2", "--current-code")

    assert refused.exit_code == 2
