"""Sessions on a live log for tests: an engine takes events as a clock of the test's passes them."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from components.strategy_host.host import AnyStrategy
from eventstore import EventStore, MemoryEventStore
from kernel.clock import VirtualClock
from kernel.events import Event
from kernel.identifiers import StrategyId
from replay.backtesting import from_instance
from replay.config import ReplayConfig
from replay.reopening import Orphan
from replay.session import NO_ORPHANS, LiveSession, begin_session
from replay.session_snapshots import SessionSnapshots
from strategies.sdk.loading import LoadedStrategy
from tests.replay.playing import causes_of

LOG = "paper"


async def live_session(
    store: EventStore,
    events: Sequence[Event],
    strategies: Sequence[AnyStrategy | LoadedStrategy],
    config: ReplayConfig,
    *,
    is_killed: bool = False,
    pauses: Iterable[int] = (),
    orphans: Mapping[StrategyId, Orphan] = NO_ORPHANS,
    snapshots: SessionSnapshots | None = None,
) -> LiveSession:
    """One session that takes these events; killed, it ends with nothing said."""
    clock = VirtualClock()
    clock.advance(to_ts=max(events[0].ts, (await store.head(LOG)).ts))
    loaded = [one if isinstance(one, LoadedStrategy) else from_instance(one) for one in strategies]
    session = await begin_session(
        store,
        LOG,
        config,
        clock=clock,
        mode="paper",
        loaded=loaded,
        orphans=orphans,
        snapshots=snapshots,
    )
    async with asyncio.TaskGroup() as group:
        running = group.create_task(session.engine.run(), name="engine")
        for place, event in enumerate(events):
            clock.advance(to_ts=max(event.ts, clock.now()))
            await session.engine.post(event)
            if place in pauses:
                for _ in range(20):
                    await asyncio.sleep(0)
        if is_killed:
            session.engine.stop()
        else:
            session.stop("end of day")
        await running
    return session


async def changed(
    store: EventStore, place: int, event: Event | None = None, cause: int | None = None
) -> MemoryEventStore:
    """The log with the record at a place (from 0) changed."""
    events: list[Event] = []
    causes: list[int] = []
    async for batch in store.read(LOG):
        events += batch.events
        causes += causes_of(batch)
    if event is not None:
        events[place] = event
    if cause is not None:
        causes[place] = cause
    copy = MemoryEventStore()
    await copy.append(LOG, events, expected_seq=0, causes=causes)
    return copy
