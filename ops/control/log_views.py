"""The latest fills and events, read back from the log: nothing is kept for them in memory."""

from contextlib import aclosing
from decimal import Decimal
from typing import NamedTuple

import msgspec

from eventstore import EventStore, Selection
from kernel.events import (
    ComponentFailed,
    ComponentQuarantined,
    ComponentRestarted,
    ControlRequested,
    Event,
    FeedGapDetected,
    FeedStatusChanged,
    OrderDenied,
    OrderFilled,
    OrderRejected,
    RiskLimitBreached,
    SessionStarted,
    SessionStopped,
    StrategyPaused,
    StrategyResumed,
    TradingStateChanged,
)

FIRST_WINDOW, MOST_SEQS = 10_000, 4_000_000
"""How far back fills are searched: first so many records, then four times as many, up to the second."""

NOTED: frozenset[type[Event]] = frozenset(
    {
        ComponentFailed,
        ComponentQuarantined,
        ComponentRestarted,
        ControlRequested,
        FeedGapDetected,
        FeedStatusChanged,
        OrderDenied,
        OrderFilled,
        OrderRejected,
        RiskLimitBreached,
        SessionStarted,
        SessionStopped,
        StrategyPaused,
        StrategyResumed,
        TradingStateChanged,
    }
)
"""Events that a stream of state shows: what a person wants to hear of."""


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """A fill. ``ts`` in ns since the epoch, UTC."""

    seq: int
    ts: int
    client_order_id: str
    strategy: str
    symbol: str
    side: str
    quantity: Decimal
    price: Decimal
    commission: Decimal
    currency: str


class Fills(msgspec.Struct, frozen=True, kw_only=True):
    """The latest fills, oldest first. ``from_seq``: older records were not looked at."""

    from_seq: int
    fills: tuple[Fill, ...]


class Noted(NamedTuple):
    """An event with its place in the log."""

    seq: int
    event: Event


async def latest_fills(store: EventStore, log: str, *, last_seq: int, limit: int, symbol: str) -> Fills:
    """The last fills, of one symbol if it is given."""
    found: list[Fill] = []
    end, width, lowest = last_seq, FIRST_WINDOW, max(1, last_seq - MOST_SEQS + 1)
    while len(found) < limit and end >= lowest:
        begin = max(lowest, end - width + 1)
        selection = Selection(
            from_seq=begin,
            to_seq=end,
            types=frozenset({OrderFilled}),
            symbols=frozenset({symbol}) if symbol else None,
        )
        found[:0] = [_fill(*noted) for noted in await _read(store, log, selection)]
        end, width = begin - 1, width * 4
    return Fills(from_seq=end + 1, fills=tuple(found[-limit:]))


async def noted_events(
    store: EventStore, log: str, *, types: frozenset[type[Event]], after_seq: int, to_seq: int
) -> list[Noted]:
    """The events of some types in a part of the log."""
    return await _read(store, log, Selection(from_seq=after_seq + 1, to_seq=to_seq, types=types))


async def _read(store: EventStore, log: str, selection: Selection) -> list[Noted]:
    found: list[Noted] = []
    async with aclosing(store.read(log, selection)) as batches:
        async for batch in batches:
            found += map(Noted, batch.seqs, batch.events)
    return found


def _fill(seq: int, event: Event) -> Fill:
    assert isinstance(event, OrderFilled)
    return Fill(
        seq=seq,
        ts=event.ts,
        client_order_id=event.client_order_id,
        strategy=event.strategy,
        symbol=event.symbol,
        side=event.side.value,
        quantity=event.quantity,
        price=event.price,
        commission=event.commission,
        currency=event.currency,
    )
