"""Measures going back into a recorded run: verify, step, explain and fork, beside the plain replay.

python -m ops.bench.going_back --count 10000000

The run is an EMA cross over quotes of one symbol, recorded with its snapshots. Steps go to moments all over
it, in an order that no state in memory helps; each is of a timeline of its own. Times are seconds of CPU of
this process, which other work on the machine does not change.
"""

import gc
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import process_time

import click

from eventstore import Durability, EventStore, SqliteEventStore
from kernel.events import OrderIntent
from ops.bench.ours import STREAM, config_of, fill_store
from ops.event_loop import run
from replay.backtesting import record_run
from replay.past.explanation import explain_order
from replay.past.fork import ForkChanges, fork
from replay.past.timeline import Timeline
from replay.planning import plan_run
from replay.run_snapshots import snapshots_beside
from replay.verification import verify_run

STEP_LIMIT_S, EXPLAIN_LIMIT_S, FORK_LIMIT_S, VERIFY_LIMIT = 1.0, 0.1, 2.0, 1.3
PLACES = (0.93, 0.11, 0.57, 0.29, 0.83)


@click.command()
@click.option("--count", default=1_000_000, show_default=True, help="Quotes of the run.")
@click.option("--fast", default=500, show_default=True)
@click.option("--slow", default=2_000, show_default=True)
def going_back(count: int, fast: int, slow: int) -> None:
    """Record a run, and go back into it."""
    with tempfile.TemporaryDirectory() as folder:
        run(_measure(Path(folder) / "bench.db", count, fast=fast, slow=slow))


async def _measure(path: Path, count: int, *, fast: int, slow: int) -> None:
    async with await SqliteEventStore.open(path, durability=Durability.NORMAL) as store:
        await fill_store(store, count, seed=1)
        plan = await plan_run(store, config_of(path, fast=fast, slow=slow))
        plain_s = await _seconds(lambda: record_run(store, plan))
        files = snapshots_beside(path)
        saved_s = await _seconds(lambda: record_run(store, plan, snapshots=files))
        log = next(info.stream for info in reversed(await store.streams()) if info.stream != STREAM)
        print(
            f"{count:,} quotes: plain replay {plain_s:.2f} s, with {len(files.seqs(log))} snapshots "
            f"{saved_s:.2f} s"
        )
        verify_s = await _seconds(lambda: verify_run(store, log, restarts=0))
        print(f"verify {verify_s:.2f} s: {verify_s / plain_s:.2f} times plain; limit {VERIFY_LIMIT:g} times")
        head = (await store.head(log)).seq
        steps = [await _seconds(partial(_step, store, path, log, int(at * head))) for at in PLACES]
        print(f"step to a moment: {_line(steps, STEP_LIMIT_S)}")
        orders = await _orders(store, log)
        chosen = [orders[int(at * len(orders))] for at in PLACES]
        explained = [
            await _seconds(partial(explain_order, store, log, key, snapshots=files)) for key in chosen
        ]
        print(f"explain an order: {_line(explained, EXPLAIN_LIMIT_S)}")
        changes = ForkChanges(settings={"broker.slippage_bps": "5"})
        near_end = int(head * 0.99)
        fork_s = await _seconds(lambda: fork(store, log, changes=changes, seq=near_end, snapshots=files))
        print(f"fork at 99 %: {_line([fork_s], FORK_LIMIT_S)}")


async def _step(store: EventStore, path: Path, log: str, seq: int) -> None:
    async with Timeline.open(store, log, snapshots=snapshots_beside(path)) as timeline:
        await timeline.goto_seq(seq)


async def _orders(store: EventStore, log: str) -> list[str]:
    found: list[str] = []
    async for batch in store.read(log):
        found += [event.order.client_order_id for event in batch.events if isinstance(event, OrderIntent)]
    return found


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    gc.collect()  # the garbage of what was measured before does not count
    began = process_time()
    await work()
    return process_time() - began


def _line(seconds: Sequence[float], limit_s: float) -> str:
    return f"median {median(seconds):.3f} s, worst {max(seconds):.3f} s; limit {limit_s:g} s"


if __name__ == "__main__":
    going_back()
