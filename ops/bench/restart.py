"""Measures the start of a daemon on a long log: with a snapshot, and without one.

python -m ops.bench.restart --count 10000000

Beside it, in the same run: the time to read the log, decode it and check its hashes, with nothing else.

The log is a real one, in segments: quotes of 500 symbols, the orders of one strategy, their fills. It was not
closed, as after a crash. Without a snapshot, all of it is played again and compared; with one, the end. Timed
is the time from opening the store to a session that takes inputs.
"""

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from pathlib import Path

import click
import msgspec

from eventstore import Durability, SegmentedEventStore
from eventstore.snapshot_files import SnapshotFiles
from kernel.clock import RealTimeClock
from kernel.events import Event, Quote
from kernel.recovery import step
from kernel.snapshot import take
from ops.bench.live_world import LOG, config_of, synthetic_quotes
from ops.daemon.status import rss_mb
from ops.event_loop import run
from replay.session import begin_session
from replay.session_snapshots import SessionSnapshots

BLOCK = 4_096
DISTINCT_QUOTES = 200_000
GAP_NS = 20_000
"""50,000 quotes a second."""
TAIL = 100_000
"""Events after the snapshot: two seconds of the market."""
LIMIT_S, LIMIT_WITH_SNAPSHOT_S = 20.0, 2.0
LIMIT_EVENTS = 10_000_000
"""The events that the first limit is for; a shorter log has a shorter limit."""


class Start(msgspec.Struct, frozen=True):
    """A start: seconds by the clock, seconds of CPU, and the memory afterwards in MiB."""

    seconds: float
    cpu_s: float
    memory_mb: float


@click.command()
@click.option("--count", default=LIMIT_EVENTS, show_default=True, help="Events in the log.")
@click.option("--strategies", default=1, show_default=True)
def restart(count: int, strategies: int) -> None:
    """Build a log, and start on it twice."""
    with tempfile.TemporaryDirectory() as folder:
        made, tail = run(_build(Path(folder), count, strategies=strategies))
        with_snapshot = run(_start(Path(folder), strategies=strategies, has_snapshot=True))
        without = run(_start(Path(folder), strategies=strategies, has_snapshot=False))
        read_s = run(_read(Path(folder)))
    print(f"a log of {made:,} events, {strategies} strategies")
    print(_line(f"with a snapshot {tail:,} events ago", with_snapshot, LIMIT_WITH_SNAPSHOT_S))
    rate = made / without.seconds
    print(_line("without one", without, LIMIT_S * made / LIMIT_EVENTS), f"({rate:,.0f} events/s)")
    print(
        f"reading alone: {read_s:.2f} s; the start without a snapshot takes "
        f"{without.seconds / read_s:.1f} times as long"
    )


def _line(title: str, start: Start, limit_s: float) -> str:
    return (
        f"{title}: live after {start.seconds:.2f} s ({start.cpu_s:.2f} s of CPU), {start.memory_mb:.0f} MiB; "
        f"limit {limit_s:g} s: {limit_s / start.seconds:.2f} times as quick"
    )


async def _build(folder: Path, count: int, *, strategies: int) -> tuple[int, int]:
    """Write a log of so many events or a few more; returns their number, and that after the snapshot."""
    path = folder / "paper.tape"
    clock = RealTimeClock()
    async with await SegmentedEventStore.open(path, durability=Durability.NORMAL) as store:
        session = await begin_session(store, LOG, config_of(strategies), clock=clock, mode="paper")
        session.engine.stop()
        await session.engine.run()  # records the opening
        snapshots = SessionSnapshots(SnapshotFiles(folder / "snapshots"), store=store, log=LOG)
        bus, seq = session.engine.bus, session.engine.last_seq
        for part in _blocks(count, first_ts=bus.state.now):
            records = step(bus, part)
            head = await store.append(LOG, records.events, expected_seq=seq, causes=records.causes)
            seq = head.seq
            if not snapshots.seq and seq > count - TAIL:
                await snapshots.save(session.cores, seq, take(bus), epoch=session.epoch)
            if seq >= count:
                break
    return seq, seq - snapshots.seq


def _blocks(count: int, *, first_ts: int) -> Iterator[Sequence[Event]]:
    quotes, ts = synthetic_quotes(min(count, DISTINCT_QUOTES)), first_ts
    for start in range(0, count, BLOCK):
        part = list[Event]()
        for number in range(start, start + BLOCK):
            quote, ts = quotes[number % len(quotes)], ts + GAP_NS
            part.append(Quote(ts, quote.symbol, quote.bid, quote.ask, quote.bid_size, quote.ask_size, ts))
        yield part


async def _start(folder: Path, *, strategies: int, has_snapshot: bool) -> Start:
    clock, path = RealTimeClock(), folder / "paper.tape"
    began, used = time.monotonic(), time.process_time()
    async with await SegmentedEventStore.open(path) as store:
        files = SnapshotFiles(folder / "snapshots")
        snapshots = SessionSnapshots(files, store=store, log=LOG) if has_snapshot else None
        await begin_session(store, LOG, config_of(strategies), clock=clock, mode="paper", snapshots=snapshots)
        return Start(time.monotonic() - began, time.process_time() - used, rss_mb())


async def _read(folder: Path) -> float:
    began = time.monotonic()
    async with (
        await SegmentedEventStore.open(folder / "paper.tape", read_only=True) as store,
        aclosing(store.read(LOG)) as batches,
    ):
        async for _ in batches:
            pass
    return time.monotonic() - began


if __name__ == "__main__":
    restart()
