"""Benchmarks of this project. Each is run in a process of its own and prints one line of JSON.

python -m ops.bench.ours replay --count 1000000 --fast 500 --slow 2000
python -m ops.bench.ours store --count 1000000
python -m ops.bench.ours imports
"""

import os
import subprocess
import sys
import tempfile
from contextlib import aclosing
from decimal import Decimal
from itertools import islice
from pathlib import Path
from platform import python_version
from time import perf_counter

import click
import msgspec

from brokers.simulated.broker import SimulatedBroker
from brokers.simulated.state import SimulatedBrokerState
from components.assembly.opening import VERSION
from components.assembly.settings import StrategyConfig
from eventstore import Durability, EventStore, SqliteEventStore
from kernel.events import Quote
from ops.bench.peers.peer_run import CASH, UNITS, peak_rss_mb
from ops.bench.peers.quotes import quotes
from ops.bench.peers.runner import PeerResult
from ops.event_loop import run
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.recording import RunRecorder
from replay.run import play
from strategies.sdk import RiskLimits

STREAM, SYMBOL = "bench.quotes", "BENCH"
CHUNK = 8_192
"""Quotes per append, as many as an importer appends."""

IMPORTS = "import kernel, eventstore, strategies.sdk"


class StoreResult(msgspec.Struct, frozen=True):
    """Events per second appended to and read from a SQLite store, hash chain included."""

    count: int
    durability: str
    append_per_s: float
    read_per_s: float
    bytes_per_event: float


@click.group()
def ours() -> None:
    """One measurement of this project, on one core."""
    if sys.platform == "linux":
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


@ours.command()
@click.option("--count", default=1_000_000)
@click.option("--fast", default=500)
@click.option("--slow", default=2_000)
@click.option("--seed", default=1)
def replay(count: int, fast: int, slow: int, seed: int) -> None:
    """An EMA cross over quotes: risk, portfolio, simulated broker and recording included."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(_replay(Path(folder), count, fast=fast, slow=slow, seed=seed))
    click.echo(msgspec.json.encode(result))


@ours.command()
@click.option("--count", default=1_000_000)
@click.option("--seed", default=1)
@click.option("--durability", default=Durability.FULL.value, type=click.Choice([d.value for d in Durability]))
def store(count: int, seed: int, durability: str) -> None:
    """Append quotes to a new store, and read them back decoded."""
    with tempfile.TemporaryDirectory() as folder:
        result = run(_store(Path(folder), count, seed=seed, durability=Durability(durability)))
    click.echo(msgspec.json.encode(result))


@ours.command()
def imports() -> None:
    """Milliseconds to import the core, without the start of Python; best of ten."""
    best = {code: min(_seconds_of(code) for _ in range(10)) for code in ("pass", IMPORTS)}
    click.echo(msgspec.json.encode({"milliseconds": 1_000 * (best[IMPORTS] - best["pass"])}))


async def _replay(folder: Path, count: int, *, fast: int, slow: int, seed: int) -> PeerResult:
    path = folder / "bench.db"
    async with await SqliteEventStore.open(path, durability=Durability.NORMAL) as event_store:
        started = perf_counter()
        await fill_store(event_store, count, seed=seed)
        loaded = perf_counter()
        plan = await plan_run(event_store, config_of(path, fast=fast, slow=slow))
        recorder = RunRecorder(event_store, "run.bench.1")
        planned = perf_counter()
        played = await play(event_store, plan, recorder)
        await recorder.finish(input_count=played.input_count, ts=played.last_ts)
        seconds = perf_counter() - planned
    core = played.core
    venue = core.bus.components[SimulatedBroker.name].state
    assert isinstance(venue, SimulatedBrokerState)
    orders = venue.order_count
    return PeerResult(
        engine="onetape",
        version=VERSION,
        python=python_version(),
        count=count,
        fast=fast,
        slow=slow,
        seed=seed,
        seconds=seconds,
        load_seconds=loaded - started,
        quotes_per_s=count / seconds,
        orders=orders,
        fills=orders - len(core.orders.state.open),
        final_position=float(core.portfolio.net_position(SYMBOL)),
        final_equity=float(core.portfolio.equity),
        peak_rss_mb=peak_rss_mb(),
    )


def config_of(path: Path, *, fast: int, slow: int) -> ReplayConfig:
    """An EMA cross over the quotes of a store."""
    strategy = StrategyConfig(
        strategy="strategies.ema_cross:EmaCross", params={"fast": fast, "slow": slow, "quantity": UNITS}
    )
    return ReplayConfig(
        store=str(path),
        streams=(STREAM,),
        strategies=(strategy,),
        cash=Decimal(CASH),
        risk=RiskLimits(
            allow_short=True, max_order_quantity=Decimal(1_000), max_position_quantity=Decimal(1_000)
        ),
    )


async def fill_store(event_store: EventStore, count: int, *, seed: int) -> float:
    """Append the quotes; return the seconds spent in the store."""
    source = (
        Quote(ts, SYMBOL, bid, ask, bid_size, ask_size)
        for ts, bid, ask, bid_size, ask_size in quotes(count, seed)
    )
    seconds, seq = 0.0, 0
    while chunk := list(islice(source, CHUNK)):
        started = perf_counter()
        seq = (await event_store.append(STREAM, chunk, expected_seq=seq)).seq
        seconds += perf_counter() - started
    return seconds


async def _store(folder: Path, count: int, *, seed: int, durability: Durability) -> StoreResult:
    path = folder / "bench.db"
    async with await SqliteEventStore.open(path, durability=durability) as event_store:
        append_seconds = await fill_store(event_store, count, seed=seed)
        read_seconds = min([await _read(event_store) for _ in range(3)])
        (info,) = await event_store.streams()
    return StoreResult(
        count, durability.value, count / append_seconds, count / read_seconds, info.payload_bytes / count
    )


async def _read(event_store: EventStore) -> float:
    started = perf_counter()
    async with aclosing(event_store.read(STREAM)) as batches:
        async for _ in batches:
            pass
    return perf_counter() - started


def _seconds_of(code: str) -> float:
    started = perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return perf_counter() - started


if __name__ == "__main__":
    ours()
