"""Prints the digest of one run; other interpreters run it: ``python -m tests.replay.digests demo``."""

import asyncio
import gzip
import json
import sys
import zipfile
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal

import msgspec

from components.assembly.instruments import InstrumentConfig
from components.strategy_host.host import AnyStrategy
from eventstore import MemoryEventStore
from kernel.events import Event, Quote, Trade
from replay.backtesting import run_and_record
from replay.config import ReplayConfig
from replay.demo import demo_config, import_demo_data
from replay.planning import plan_run
from strategies.ema_cross import EmaCross
from strategies.sdk import RiskLimits
from tests.replay.playing import SHARED_DATA, append_in_parts, digest_of, record_run
from tests.replay.sample_strategies import RandomOrders

MS = 1_000_000
MAY_2014 = 16_191
"""Days from 1970 to 2014-05-01."""

QUOTES_CONFIG = ReplayConfig(
    cash=Decimal(10_000_000),
    risk=RiskLimits(allow_short=True, require_cash=False),
    instruments=(InstrumentConfig(symbol="EURUSD", tick_size=Decimal("0.00001")),),
)


def euro_quotes() -> Iterator[Event]:
    """A day of EURUSD: 24,179 quotes."""
    path = SHARED_DATA / "tick" / "lean_fx_oanda" / "eurusd" / "20140501_quote.zip"
    midnight = MAY_2014 * 86_400_000 * MS
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        for line in file.read().decode().splitlines():
            ms, bid, ask = line.split(",")[:3]
            yield Quote(midnight + int(ms) * MS, "EURUSD", float(bid), float(ask))


def bitcoin(count: int) -> Iterator[Event]:
    """The first best quotes and trades of BTCUSDT on Binance, by time of receipt."""
    path = SHARED_DATA / "book" / "binance_spot" / "btcusdt_20240808.gz"
    found = 0
    with gzip.open(path, "rt") as file:
        for line in file:
            received, _, text = line.partition(" ")
            message = json.loads(text)
            data, stream = message.get("data", {}), message.get("stream", "")
            if stream.endswith("@bookTicker"):
                bid, ask, bid_size, ask_size = (float(data[key]) for key in ("b", "a", "B", "A"))
                yield Quote(int(received), "BTCUSDT", bid, ask, bid_size, ask_size)
            elif stream.endswith("@trade"):
                yield Trade(int(received), "BTCUSDT", float(data["p"]), float(data["q"]))
            else:
                continue
            found += 1
            if found == count:
                return


async def demo_digest() -> str:
    """The demo, cut to its last six years."""
    store = MemoryEventStore()
    await import_demo_data(store)
    config = msgspec.structs.replace(demo_config(), start="2008-01-01")
    return await digest_of(store, await run_and_record(store, await plan_run(store, config)))


async def quotes_digest(*, size: int = 4_000) -> str:
    """Crosses and dice on quotes and trades; the data appended ``size`` events at a time."""
    store = MemoryEventStore()
    await append_in_parts(store, "btcusdt", list(bitcoin(5_000)), size=size)
    await append_in_parts(store, "eurusd", list(euro_quotes())[:5_000], size=size)
    strategies: list[AnyStrategy] = [EmaCross(fast=20, slow=60, quantity=1), RandomOrders(activity=0.05)]
    return await digest_of(store, await record_run(store, strategies, QUOTES_CONFIG))


RUNS: dict[str, Callable[[], Awaitable[str]]] = {"demo": demo_digest, "quotes": quotes_digest}


async def _print(names: list[str]) -> None:
    for name in names:
        sys.stdout.write(f"{name} {await RUNS[name]()}\n")


if __name__ == "__main__":
    asyncio.run(_print(sys.argv[1:]))
