"""Reads the twin of a recorded log: all orders of a period, live and simulated."""

from bisect import bisect_left, bisect_right
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from operator import attrgetter

import msgspec

from eventstore import Batch, EventStore, Selection, read_story
from kernel.decimals import exact
from kernel.errors import InputError, StreamMissing
from kernel.events import ConfigLoaded, Event, InstrumentDefined, RunStarted
from kernel.time_units import HOUR_NS
from replay import figures
from replay.config import ReplayConfig
from replay.run_config import WAIT_S, RunConfig, config_on_record, live_venue
from replay.twin.comparison import OrderComparison
from replay.twin.twin import NO_CHANGES, QUIET_TYPES, TWIN_TYPES, Twin

_ts_of = attrgetter("ts")

LOOK_BACK_NS = HOUR_NS
"""Market data before the period that the twin sees: the last quotes and books of most symbols."""


class TwinRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The twin of a log.

    - ``is_live``: its orders were real. Otherwise both sides are simulations.
    - ``from_ts``, ``to_ts``: the period of the orders, ns UTC; ``None``: from the start, to the end.
    - ``settings``: the settings of the twin that differ from the log's.
    - ``terms``: of the orders' symbols, as last defined.
    """

    log: str
    is_live: bool
    from_ts: int | None
    to_ts: int | None
    settings: Mapping[str, str]
    orders: tuple[OrderComparison, ...]
    terms: Mapping[str, InstrumentDefined]


@exact
async def read_twin(
    store: EventStore,
    log: str,
    *,
    from_ts: int | None = None,
    to_ts: int | None = None,
    wait_s: float | None = None,
    settings: Mapping[str, str] = NO_CHANGES,
) -> TwinRecord:
    """Simulate the orders that a log submitted in a period, and compare them with what became of them.

    - ``wait_s``: how long a simulated order may work on after the live one; ``None``: as the log says.
    - ``settings``: other values of ``broker``, by path.

    Raises ``StreamMissing`` for a log that is not there or whose market data were removed, ``ConfigError``
    for settings that make no sense, and ``StoreError``.
    """
    config = await _config(store, log)
    if wait_s is None:
        wait_s = config.shadow.wait_s if isinstance(config, RunConfig) else WAIT_S
    if from_ts is not None and to_ts is not None and from_ts > to_ts:
        raise InputError(f"--from {figures.iso(from_ts)} is after --to {figures.iso(to_ts)}")
    twin = Twin(wait_s=wait_s, changes=settings, keeps_ended=True)
    async with aclosing(_events(store, log, from_ts)) as batches:
        async for events in batches:
            before, inside, after = _parts(events, from_ts, to_ts)
            twin.take(before, follows=False)
            twin.take(inside)
            for event in after:
                if not twin.open_orders:
                    break
                twin.take((event,), follows=False)
            if after and not twin.open_orders:
                break
    core, orders = twin.core, tuple(twin.all_orders())
    symbols = sorted({one.order.symbol for one in orders})
    return TwinRecord(
        log=log,
        is_live=live_venue(config) is not None,
        from_ts=from_ts,
        to_ts=to_ts,
        settings=settings,
        orders=orders,
        terms={symbol: core.market.instrument(symbol) for symbol in symbols},
    )


async def twin_batches(
    store: EventStore,
    log: str,
    *,
    market_from_ts: int,
    from_seq: int = 1,
    also: frozenset[type[Event]] = frozenset(),
) -> AsyncGenerator[Batch]:
    """The batches of a live log for a twin, with market data from a time on. ``also``: further types."""
    quiet = Selection(from_seq=from_seq, to_ts=market_from_ts - 1, types=QUIET_TYPES | also)
    rest = Selection(from_seq=from_seq, from_ts=market_from_ts, types=TWIN_TYPES | also)
    for wanted in (quiet, rest) if market_from_ts else (rest,):
        async with aclosing(store.read(log, wanted)) as batches:
            async for batch in batches:
                yield batch


async def _config(store: EventStore, log: str) -> ReplayConfig:
    """The first configuration of a log. Raises ``StreamMissing`` for what is not a run or a live log."""
    wanted = Selection(types=frozenset({RunStarted, ConfigLoaded}))
    body = ""
    async with aclosing(store.read(log, wanted)) as batches:
        async for batch in batches:
            body = next((event.body for event in batch.events if isinstance(event, ConfigLoaded)), body)
            if body:
                break
    if not body:
        raise StreamMissing(f"{log!r} is not a run or a live log of the store")
    return config_on_record(body)


async def _events(store: EventStore, log: str, from_ts: int | None) -> AsyncGenerator[Sequence[Event]]:
    started = await _started(store, log)
    if started.sources:  # a run: its market data are in other streams
        async with aclosing(read_story(store, log)) as story:
            async for batch in story:
                yield batch.events
        return
    market_from_ts = 0 if from_ts is None else max(0, from_ts - LOOK_BACK_NS)
    async with aclosing(twin_batches(store, log, market_from_ts=market_from_ts)) as batches:
        async for batch in batches:
            yield batch.events


async def _started(store: EventStore, log: str) -> RunStarted:
    async with aclosing(store.read(log, Selection(to_seq=1))) as batches:
        async for batch in batches:
            first = batch.events[0]
            if isinstance(first, RunStarted):
                return first
    raise StreamMissing(f"{log!r} is not a run or a live log of the store")


def _parts(
    events: Sequence[Event], from_ts: int | None, to_ts: int | None
) -> tuple[Sequence[Event], Sequence[Event], Sequence[Event]]:
    """The events before the period of the orders, in it, and after it."""
    first = 0 if from_ts is None else bisect_left(events, from_ts, key=_ts_of)
    last = len(events) if to_ts is None else bisect_right(events, to_ts, key=_ts_of)
    return events[:first], events[first:last], events[last:]
