"""A live session as a daemon runs it, for measurements: 500 symbols, strategies, a store in a folder.

The strategies share the symbols out among them, or each watches all. An edge takes submitted orders, as a
broker's does, and remembers when it got them. The age of an order is counted from ``exchange_ts`` of the
quote that caused it.
"""

import os
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from decimal import Decimal
from pathlib import Path
from time import perf_counter_ns

import msgspec

from brokers.feeds.config import Channel
from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import StrategyConfig
from eventstore import Durability, EventStore, SegmentedEventStore
from kernel.clock import Clock, RealTimeClock
from kernel.edge import Overflow
from kernel.events import Event, OrderSubmitted, Quote
from kernel.time_units import MS_NS
from ops.exchange.market import SyntheticMarket, symbol_names
from replay.config import ReplayConfig
from replay.session import LiveSession, begin_session
from strategies.sdk import RiskLimits

LOG = "paper"
SYMBOLS = symbol_names(500)
EVERY = 199
"""Quotes between two orders of a strategy: some 250 orders a second at 50,000 quotes. Prime, so that all
symbols come in turn."""
SYNCED_WRITES = 100
PAGE_BYTES = 16_384


class Percentiles(msgspec.Struct, frozen=True):
    """Times in ms."""

    count: int
    p50: float
    p99: float
    most: float

    @classmethod
    def of_ns(cls, times: list[int]) -> "Percentiles":
        """Of times in ns; all 0 if there is none."""
        ordered = sorted(times) or [0]
        ranks = (len(ordered) // 2, len(ordered) * 99 // 100, -1)
        return cls(len(times), *(ordered[rank] / MS_NS for rank in ranks))


def config_of(strategies: int, *, all_symbols: bool = False) -> ReplayConfig:
    """The configuration with so many strategies. ``all_symbols``: for each, and as many orders in all."""
    every = EVERY * strategies if all_symbols else EVERY
    return ReplayConfig(
        store="paper.tape",
        instruments=tuple(
            InstrumentConfig(symbol=symbol, tick_size=Decimal("0.01"), lot_size=Decimal(1))
            for symbol in SYMBOLS
        ),
        strategies=tuple(
            StrategyConfig(
                strategy="ops.bench.every_nth:EveryNth",
                id=f"nth_{number}",
                params={"every": every + number},
                symbols=SYMBOLS if all_symbols else SYMBOLS[number::strategies],
            )
            for number in range(strategies)
        ),
        cash=Decimal(100_000_000),
        risk=RiskLimits(allow_short=True, max_orders_per_second=100_000, max_orders_per_minute=1_000_000),
    )


def synthetic_quotes(count: int, *, seed: int = 1) -> list[Quote]:
    """Quotes of all symbols in turn, without times."""
    market = SyntheticMarket(SYMBOLS, (Channel.QUOTES,), seed=seed)
    quotes = (message.event(0) for message in market.next(count, ts=0))
    return [quote for quote in quotes if isinstance(quote, Quote)]


class Broker:
    """The edge that takes orders."""

    name = "broker"
    event_types = frozenset[type[Event]]({OrderSubmitted})
    overflow = Overflow.BLOCK
    lane_capacity = 1_024

    def __init__(self, clock: Clock) -> None:
        self.released: dict[int, int] = {}
        """When each order came, by its seq."""
        self._clock = clock

    async def handle(self, seq: int, event: Event) -> None:
        """Remember it."""
        del event
        self.released[seq] = self._clock.now()


class LiveWorld(msgspec.Struct, frozen=True):
    """A session that does not run yet, with its parts."""

    store: EventStore
    session: LiveSession
    broker: Broker
    clock: Clock


@asynccontextmanager
async def live_world(
    folder: Path, *, strategies: int, all_symbols: bool = False
) -> AsyncGenerator[LiveWorld]:
    """A new log with full durability and its first session."""
    clock = RealTimeClock()
    path = folder / "paper.tape"
    async with await SegmentedEventStore.open(path, durability=Durability.FULL) as store:
        config = config_of(strategies, all_symbols=all_symbols)
        session = await begin_session(store, LOG, config, clock=clock, mode="paper")
        broker = Broker(clock)
        session.engine.subscribe(broker)
        yield LiveWorld(store, session, broker, clock)


async def order_ages(store: EventStore, released: Mapping[int, int], *, skip: int = 0) -> Percentiles:
    """From ``exchange_ts`` of the quote that caused an order until the edge got the order.

    ``skip``: leave out the orders of so many first inputs, which warm the process up.
    """
    ages: list[int] = []
    number, stamp = 0, 0
    async with aclosing(store.read(LOG)) as batches:
        async for batch in batches:
            for seq, event, cause in zip(batch.seqs, batch.events, batch.causes or (), strict=True):
                if cause < 0:
                    number, stamp = -cause, event.exchange_ts if isinstance(event, Quote) else 0
                elif seq in released and stamp and number > skip:
                    ages.append(released[seq] - stamp)
    return Percentiles.of_ns(ages)


def synced_writes(folder: Path) -> Percentiles:
    """A page written and synced, with nothing else: no commit of ``full`` durability is quicker here."""
    page, times = os.urandom(PAGE_BYTES), list[int]()
    path = folder / "synced"
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCED_WRITES):
            began = perf_counter_ns()
            file.write(page)
            os.fdatasync(file.fileno())
            times.append(perf_counter_ns() - began)
    path.unlink()
    return Percentiles.of_ns(times)
