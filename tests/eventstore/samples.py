"""Stores, events and readings that the tests of the event store share."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from decimal import Decimal
from pathlib import Path

from eventstore import (
    Batch,
    EventStore,
    MemoryEventStore,
    SegmentedEventStore,
    SegmentsConfig,
    Selection,
    SqliteEventStore,
)
from kernel.events import Event, Order, OrderIntent, OrderType, Quote, Side, TimerFired, Trade
from kernel.identifiers import ClientOrderId, StrategyId, TimerName


async def _open_memory(_folder: Path) -> EventStore:
    return MemoryEventStore()


async def _open_sqlite(folder: Path) -> EventStore:
    return await SqliteEventStore.open(folder / "store.db")


async def _open_folder(folder: Path) -> EventStore:
    return await SegmentedEventStore.open(folder / "store.tape")


async def _open_rolling(folder: Path) -> EventStore:
    """A segment for nearly every commit."""
    settings = SegmentsConfig(roll_mb=1e-6)
    return await SegmentedEventStore.open(folder / "store.tape", settings=settings)


STORES: dict[str, Callable[[Path], Awaitable[EventStore]]] = {
    "memory": _open_memory,
    "sqlite": _open_sqlite,
    "folder": _open_folder,
    "rolling": _open_rolling,
}
"""How to open each store of the conformance suite."""


EVERYTHING = Selection()


def quote(ts: int, symbol: str = "AAPL", bid: float = 100.0) -> Quote:
    return Quote(ts=ts, symbol=symbol, bid=bid, ask=bid + 1)


def quotes(count: int, *, first_ts: int = 1) -> list[Event]:
    """Quotes one ns apart, each with a price of its own."""
    return [quote(first_ts + place, bid=float(place)) for place in range(count)]


def trade(ts: int, symbol: str = "AAPL") -> Trade:
    return Trade(ts=ts, symbol=symbol, price=1.0, size=2.0)


def timer(ts: int) -> TimerFired:
    return TimerFired(ts=ts, owner="owner", name=TimerName("timer"), due_ts=ts)


def intent(ts: int, symbol: str = "AAPL") -> OrderIntent:
    order = Order(
        client_order_id=ClientOrderId("c-1"),
        strategy=StrategyId("s"),
        symbol=symbol,
        side=Side.BUY,
        order_type=OrderType.MARKET,
        quantity=Decimal(1),
    )
    return OrderIntent(ts=ts, order=order)


async def collected(batches: AsyncIterator[Batch]) -> list[Batch]:
    return [batch async for batch in batches]


def flattened(batches: Iterable[Batch]) -> list[tuple[int, int, Event]]:
    """(seq, cause, event) of every event; cause 0 where there are none."""
    return [
        (seq, cause, event)
        for batch in batches
        for seq, cause, event in zip(
            batch.seqs, batch.causes or [0] * len(batch.events), batch.events, strict=True
        )
    ]


async def read_all(
    store: EventStore, stream: str, selection: Selection = EVERYTHING
) -> list[tuple[int, int, Event]]:
    """(seq, cause, event) of every selected event."""
    return flattened(await collected(store.read(stream, selection)))


async def read_events(store: EventStore, stream: str, selection: Selection = EVERYTHING) -> list[Event]:
    return [event for _seq, _cause, event in await read_all(store, stream, selection)]
