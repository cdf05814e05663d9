"""Times of a store with many streams: to write and list them, to open and read one, to replay one event.

python -m ops.bench.many_streams --streams 100000

Each stream has one bar. A thousand appends wait at the same time, as when many files are imported.
"""

import asyncio
import tempfile
from collections.abc import Awaitable
from contextlib import aclosing
from pathlib import Path
from time import perf_counter

import click

from eventstore import Durability, EventStore, SqliteEventStore
from kernel.events import Bar
from kernel.time_units import DAY_NS
from ops.event_loop import run
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run, unplayed_actions
from strategies.buy_and_hold import BuyAndHold

TOGETHER = 1_000


@click.command()
@click.option("--streams", default=100_000, show_default=True)
def many_streams(streams: int) -> None:
    """Print the seconds that each step took."""
    with tempfile.TemporaryDirectory() as folder:
        seconds = run(_measured(Path(folder) / "bench.db", streams))
    steps = ", ".join(f"{step} {took:.3f}" for step, took in seconds.items())
    click.echo(f"{streams:,} streams, seconds: {steps}")


async def _measured(path: Path, streams: int) -> dict[str, float]:
    names = [f"s{number:06}.1d" for number in range(streams)]
    seconds: dict[str, float] = {}
    async with await SqliteEventStore.open(path, durability=Durability.NORMAL) as store:
        seconds["write"] = await _timed(_write(store, names))
    started = perf_counter()
    async with await SqliteEventStore.open(path) as store:
        await _read(store, names[-1])
        seconds["open and read one"] = perf_counter() - started
        seconds["list"] = await _timed(store.streams())
    async with await SqliteEventStore.open(path) as store:
        seconds["replay one"] = await _timed(_replay(store, names[-1]))
    return seconds


async def _timed(work: Awaitable[object]) -> float:
    started = perf_counter()
    await work
    return perf_counter() - started


async def _write(store: EventStore, names: list[str]) -> None:
    for start in range(0, len(names), TOGETHER):
        async with asyncio.TaskGroup() as group:
            for name in names[start : start + TOGETHER]:
                bar = Bar(DAY_NS, name.upper(), "1d", 1.0, 1.0, 1.0, 1.0, 1.0)
                group.create_task(store.append(name, [bar], expected_seq=0), name=f"append {name}")


async def _read(store: EventStore, stream: str) -> None:
    async with aclosing(store.read(stream)) as batches:
        async for _ in batches:
            pass


async def _replay(store: EventStore, stream: str) -> None:
    """Replay as the ``replay`` command does, from the open store to the recorded run."""
    plan = await plan_run(store, ReplayConfig(streams=(stream,)), loaded=[from_instance(BuyAndHold())])
    await unplayed_actions(store, plan)
    await run_and_record(store, plan)


if __name__ == "__main__":
    many_streams()
