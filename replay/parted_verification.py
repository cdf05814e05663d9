"""A verification that is split over processes, between the snapshots of a run or live log.

Each part begins with the state of a snapshot, or at the beginning, and ends at the next snapshot. There its
state must be that of the snapshot, byte for byte. So if all parts are right, the whole is: the first begins
at the beginning, and each next one begins with a state that the one before has proved.
"""

import asyncio
from concurrent.futures import ProcessPoolExecutor
from contextlib import aclosing
from hashlib import sha256
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

import msgspec

from eventstore import EventStore, open_store
from eventstore.block import items
from eventstore.recorded_data import recorded_data
from kernel.decimals import exact
from kernel.errors import ReplayDiverged
from kernel.snapshot import take
from replay.divergence import Cause, opening_diverged
from replay.past.log_player import LogPlayer, Start, first_start
from replay.past.saved_starts import saved_start
from replay.record import Record, checked_plan, plan_of, read_record
from replay.record_comparison import RecordComparison
from replay.run_snapshots import snapshots_beside
from replay.verification import NOT_FROM_SNAPSHOT, Verified, verify_run


class VerifiedPart(msgspec.Struct, frozen=True):
    """What a process found of its part. ``problem``: the difference in words; empty if all is equal."""

    input_count: int = 0
    finished_count: int = 0
    finished_digest: str = ""
    problem: str = ""


@exact
async def verify_parts(path: Path, run_stream: str, *, jobs: int) -> Verified:
    """Verify a run or live log of a store on disk, in several processes if it has snapshots.

    Without snapshots that fit, or with one job, it is ``verify_run``. Raises as ``verify_run`` does; the
    difference and its cause are looked for again in this process.
    """
    async with await open_store(path, read_only=True) as store:
        record = await read_record(store, run_stream)
        cuts = await _cuts(path, store, record, jobs)
        if not cuts:
            return await verify_run(store, run_stream)
        await checked_plan(store, record, current_code=False)
        parts, (derived_count, digest) = await _all_parts(path, store, run_stream, cuts)
        problems = [part.problem for part in parts if part.problem]
        last = parts[-1]
        if last.finished_digest and (last.finished_count, last.finished_digest) != (derived_count, digest):
            problems.append(f"{run_stream}: RunFinished does not fit the derived events of the record")
        if problems:
            await verify_run(store, run_stream)
            raise opening_diverged(
                f"{problems[0]}; the whole run repeats from its beginning",
                seq=0,
                cause=Cause.NONDETERMINISM,
                evidence=NOT_FROM_SNAPSHOT,
            )
        return Verified(
            run_stream,
            last.input_count,
            derived_count,
            digest,
            len(cuts),
            record.opening_hash,
            is_ended=record.log is None,
        )


async def _cuts(path: Path, store: EventStore, record: Record, jobs: int) -> list[int]:
    """The seqs of snapshots at which to cut, at most one less than there are jobs."""
    files = snapshots_beside(path)
    head = (await store.head(record.run_stream)).seq
    seqs = [seq for seq in files.seqs(record.run_stream) if 0 < seq < head]
    wanted = {head * part // jobs for part in range(1, jobs)}
    nearest = {min(seqs, key=lambda seq: abs(seq - at)) for at in wanted} if seqs else set[int]()

    def first() -> Start:
        return first_start(plan_of(record, current_code=False), record)

    fitting: list[int] = []
    for seq in sorted(nearest):
        start = await saved_start(files, store, record, seq, first=first)
        if start is not None and start.seq == seq:
            fitting.append(seq)
    return fitting


async def _all_parts(
    path: Path, store: EventStore, run_stream: str, cuts: list[int]
) -> tuple[list[VerifiedPart], tuple[int, str]]:
    """The parts, each in a process, while this process sums the record up."""
    loop = asyncio.get_running_loop()
    edges = [0, *cuts, 0]
    with ProcessPoolExecutor(len(cuts) + 1, mp_context=get_context("spawn")) as pool:
        running = [
            loop.run_in_executor(pool, verify_part, str(path), run_stream, begin, end)
            for begin, end in pairwise(edges)
        ]
        summed = await _summed(store, run_stream)
        return [await each for each in running], summed


async def _summed(store: EventStore, run_stream: str) -> tuple[int, str]:
    """The number of derived events of a record, and their digest."""
    count, digest = 0, sha256()
    async with aclosing(store.read(run_stream)) as batches:
        async for batch in batches:
            assert batch.payload is not None, "a stream that is read whole comes in whole blocks"
            for raw, cause in zip(items(batch.payload), batch.causes or (), strict=True):
                if cause > 0:
                    count += 1
                    digest.update(raw)
    return count, digest.hexdigest()


def verify_part(path: str, run_stream: str, begin: int, end: int) -> VerifiedPart:
    """Verify the records after ``begin`` up to ``end``; 0: from the beginning, to the end. In a process."""
    return asyncio.run(_verify_part(Path(path), run_stream, begin, end))


@exact
async def _verify_part(path: Path, run_stream: str, begin: int, end: int) -> VerifiedPart:
    async with await open_store(path, read_only=True) as opened:
        record = await read_record(opened, run_stream)
        store = (await recorded_data(opened, record.started.sources)).store
        files = snapshots_beside(path)

        def first() -> Start:
            return first_start(plan_of(record, current_code=False), record)

        start = await saved_start(files, store, record, begin, first=first) if begin else first()
        until = await saved_start(files, store, record, end, first=first) if end else None
        if start is None or (end and until is None):
            return VerifiedPart(problem=f"{run_stream}: a snapshot was removed while it was verified")
        comparison = RecordComparison(store, record, after_seq=begin, to_seq=end or None)
        player = LogPlayer(store, record, start)
        try:
            return await _compared(player, comparison, until)
        except ReplayDiverged as diverged:
            return VerifiedPart(problem=str(diverged))
        finally:
            await player.close()
            await comparison.close()


async def _compared(player: LogPlayer, comparison: RecordComparison, until: Start | None) -> VerifiedPart:
    """Play to the end of the part, and compare its records and its last state."""
    last = None if until is None else until.cores.core.bus.state.input_count
    while last is None or player.input_count < last:
        part = await player.play(None if last is None else last - player.input_count)
        if part is None:
            break
        if part.records.events:
            await comparison.record(part.records.events, part.records.causes)
    count, bus = player.input_count, player.core.bus
    if until is None:
        finished = await comparison.finish_last_part(input_count=count, last_ts=bus.now)
        if finished is None:
            return VerifiedPart(input_count=count)
        return VerifiedPart(count, finished.derived_count, finished.digest)
    await comparison.finish_part()
    encode = msgspec.msgpack.encode
    if encode(take(bus)) != encode(take(until.cores.core.bus)):
        problem = f"after input {count} the state is not that of the snapshot at seq {until.seq}"
        return VerifiedPart(problem=problem)
    return VerifiedPart(input_count=count)
