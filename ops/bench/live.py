"""Measures a live session: from a quote to the release of the order that it caused, after the commit.

python -m ops.bench.live feed
python -m ops.bench.live feed --batch 1
python -m ops.bench.live posted
python -m ops.bench.live held --seconds 60

The parts are those of a daemon with ``full`` durability: a log in a folder of segments, all components, the
simulated venue, and an edge that takes orders. Beside each figure, in the same run: the limit, and a synced
write of one page alone, since no commit is quicker than that.
"""

import asyncio
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import click
import msgspec

from brokers.feeds.config import Encoding, WebSocketFeedConfig
from brokers.feeds.making import make_pipelines
from kernel.events import Quote
from ops.bench.feeds import serving
from ops.bench.live_world import (
    LiveWorld,
    Percentiles,
    live_world,
    order_ages,
    synced_writes,
    synthetic_quotes,
)
from ops.daemon.status import rss_mb
from ops.event_loop import run

STRATEGIES = 5
SLOT_S = 0.001
PART = 50
"""Quotes that are posted at once."""
DISTINCT_QUOTES = 200_000
"""The market is made beforehand, and begins again after so many quotes."""
WARM_UP_S = 1.0
"""Orders of the first second are not counted."""
LOOK_S = 0.02
ALL_SYMBOLS = click.option(
    "--all-symbols", is_flag=True, help="Each strategy watches all symbols, not its share of them."
)


class Load(msgspec.Struct, frozen=True):
    """Quotes a second, and for how many seconds."""

    rate: int
    seconds: float

    @property
    def count(self) -> int:
        """All quotes."""
        return round(self.rate * self.seconds)


@click.group()
def live() -> None:
    """One measurement of a live session."""


@live.command()
@click.option("--rate", default=50_000, show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
@click.option("--batch", default=50, show_default=True, help="Messages in a frame.")
@click.option("--encoding", default=Encoding.JSON.value, type=click.Choice([each.value for each in Encoding]))
@ALL_SYMBOLS
def feed(rate: int, seconds: float, *, batch: int, encoding: str, all_symbols: bool) -> None:
    """Through a WebSocket feed; the age of a quote is counted from its sending, by another process."""
    load = Load(rate, seconds)
    with tempfile.TemporaryDirectory() as folder:
        bare, ages, took_s = run(
            _feed(Path(folder), load, batch=batch, encoding=Encoding(encoding), all_symbols=all_symbols)
        )
    title = f"{encoding} feed, {batch} a frame{_watched(all_symbols=all_symbols)}"
    print(_latency_line(title, load, ages, took_s=took_s, limits=(1.0, 5.0)))
    print(_bare_line(bare))


@live.command()
@click.option("--rate", default=50_000, show_default=True)
@click.option("--seconds", default=10.0, show_default=True)
@ALL_SYMBOLS
def posted(rate: int, seconds: float, *, all_symbols: bool) -> None:
    """Posted in the process itself, one by one."""
    load = Load(rate, seconds)
    with tempfile.TemporaryDirectory() as folder:
        bare, ages, took_s = run(_posted(Path(folder), load, all_symbols=all_symbols))
    title = f"posted one by one{_watched(all_symbols=all_symbols)}"
    print(_latency_line(title, load, ages, took_s=took_s, limits=(0.4, 2.0)))
    print(_bare_line(bare))


@live.command()
@click.option("--rate", default=200_000, show_default=True)
@click.option("--seconds", default=60.0, show_default=True)
@click.option("--strategies", default=1, show_default=True)
def held(rate: int, seconds: float, strategies: int) -> None:
    """Posted in frames at a high rate, for a while: the rate that is held, and the memory."""
    load = Load(rate, seconds)
    with tempfile.TemporaryDirectory() as folder:
        taken, early_mb, late_mb, peak, cpu = run(_held(Path(folder), load, strategies=strategies))
    print(
        f"posted in frames of {PART}, {strategies} strategies: {taken:,.0f} quotes/s held for {seconds:g} s "
        f"with {cpu:.0%} of a core; limit {rate:,}: {taken / rate:.2f} times\n"
        f"memory after a tenth of the time {early_mb:.0f} MiB, at the end {late_mb:.0f} MiB; "
        f"at most {peak:,} inputs waited"
    )


def _watched(*, all_symbols: bool) -> str:
    """What is not the usual."""
    return ", all symbols for each strategy" if all_symbols else ""


def _latency_line(
    title: str, load: Load, ages: Percentiles, *, took_s: float, limits: tuple[float, float]
) -> str:
    ratios = [limit / max(age, 1e-6) for limit, age in zip(limits, (ages.p50, ages.p99), strict=True)]
    return (
        f"{title}, {STRATEGIES} strategies: {load.count / took_s:,.0f} of {load.rate:,} quotes/s, "
        f"{ages.count:,} orders: p50 {ages.p50:.2f} ms, p99 {ages.p99:.2f} ms, most {ages.most:.1f} ms; "
        f"limits {limits[0]:g} and {limits[1]:g} ms: {ratios[0]:.2f} and {ratios[1]:.2f} times as quick"
    )


def _bare_line(bare: Percentiles) -> str:
    return f"a synced write of a page alone, before and after: p50 {bare.p50:.2f} ms, p99 {bare.p99:.2f} ms"


async def _feed(
    folder: Path, load: Load, *, batch: int, encoding: Encoding, all_symbols: bool
) -> tuple[Percentiles, Percentiles, float]:
    async with (
        serving(encoding, batch, load.count, rate=load.rate) as url,
        _running(folder, strategies=STRATEGIES, all_symbols=all_symbols) as world,
    ):
        bare = synced_writes(folder)
        engine = world.session.engine
        (pipeline,) = make_pipelines(
            [WebSocketFeedConfig(name="main", url=url, encoding=encoding)],
            post=engine.post_all,
            report=engine.report,
            clock=world.clock,
            random=lambda: 0.0,
        )
        async with asyncio.TaskGroup() as group:
            task = group.create_task(pipeline.run(), name="feed")
            while not pipeline.status.delivered:  # noqa: ASYNC110 - a figure, which wakes nobody
                await asyncio.sleep(LOOK_S)
            began = time.monotonic()
            while pipeline.status.delivered < load.count:  # noqa: ASYNC110 - a figure, which wakes nobody
                await asyncio.sleep(LOOK_S)
            took_s = time.monotonic() - began
            task.cancel()
        await _until_empty(world)
        ages = await order_ages(world.store, world.broker.released, skip=int(load.rate * WARM_UP_S))
    return bare, ages, took_s


async def _posted(folder: Path, load: Load, *, all_symbols: bool) -> tuple[Percentiles, Percentiles, float]:
    quotes = synthetic_quotes(min(load.count, DISTINCT_QUOTES))
    async with _running(folder, strategies=STRATEGIES, all_symbols=all_symbols) as world:
        bare = synced_writes(folder)
        post, now = world.session.engine.post, world.clock.now
        began = time.monotonic()
        async for first, end in _paced(load):
            stamp = now()
            for number in range(first, end):
                await post(_stamped(quotes[number % len(quotes)], stamp))
        took_s = time.monotonic() - began
        await _until_empty(world)
        ages = await order_ages(world.store, world.broker.released, skip=int(load.rate * WARM_UP_S))
    return bare, ages, took_s


async def _held(folder: Path, load: Load, *, strategies: int) -> tuple[float, float, float, int, float]:
    """Quotes a second, memory early and late in MiB, the most inputs that waited, and cores used."""
    quotes = synthetic_quotes(min(load.count, DISTINCT_QUOTES))
    async with _running(folder, strategies=strategies) as world:
        engine, now, early_mb = world.session.engine, world.clock.now, 0.0
        began, used = time.monotonic(), time.process_time()
        async for first, end in _paced(load):
            stamp = now()
            await engine.post_all(
                [_stamped(quotes[number % len(quotes)], stamp) for number in range(first, end)]
            )
            if not early_mb and first * 10 >= load.count:
                early_mb = rss_mb()
        await _until_empty(world)
        took_s = time.monotonic() - began
        cpu = (time.process_time() - used) / took_s
        return load.count / took_s, early_mb, rss_mb(), engine.inbox_peak, cpu


@asynccontextmanager
async def _running(folder: Path, *, strategies: int, all_symbols: bool = False) -> AsyncGenerator[LiveWorld]:
    """A session that runs, stopped at the end."""
    async with (
        live_world(folder, strategies=strategies, all_symbols=all_symbols) as world,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(world.session.engine.run(), name="engine")
        await _until_empty(world)
        yield world
        world.session.stop("measured")


async def _paced(load: Load) -> AsyncGenerator[tuple[int, int]]:
    """The numbers of the quotes that are due, in parts, until all have been given out."""
    began, sent = time.monotonic(), 0
    while sent < load.count:
        due = min(load.count, int((time.monotonic() - began) * load.rate))
        if sent >= due:
            await asyncio.sleep(SLOT_S)
            continue
        end = min(due, sent + PART)
        yield sent, end
        sent = end
        await asyncio.sleep(0)


async def _until_empty(world: LiveWorld) -> None:
    """Wait until all inputs are durable."""
    while True:
        seq = world.session.engine.last_seq
        await asyncio.sleep(LOOK_S)
        if seq == world.session.engine.last_seq > 0 and not world.session.engine.inbox_depth:
            return


def _stamped(quote: Quote, ts: int) -> Quote:
    return Quote(ts, quote.symbol, quote.bid, quote.ask, quote.bid_size, quote.ask_size, ts)


if __name__ == "__main__":
    live()
