"""Runs made for tests: data put into a store, strategies played over it, records read back.

Imports nothing that only tests need: other interpreters run it too.
"""

from collections.abc import Sequence
from contextlib import aclosing
from pathlib import Path

import msgspec

from components.strategy_host.host import AnyStrategy
from eventstore import Batch, EventStore, MemoryEventStore
from eventstore.importing import ImportOptions, import_files
from kernel.events import Event, RunFinished
from kernel.rules import RULES
from kernel.time_units import DAY_NS
from replay.backtesting import from_instance, run_and_record
from replay.config import ReplayConfig
from replay.planning import plan_run
from strategies.sdk.loading import LoadedStrategy

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
GOOG = SHARED_DATA / "daily" / "backtesting_py" / "GOOG.csv"
GOOG_IMPORT = ImportOptions(symbol="GOOG")
START = 12_418 * DAY_NS
"""2004-01-01."""

encode = msgspec.msgpack.Encoder().encode


class Record(msgspec.Struct, frozen=True):
    """One record of a run's stream; a cause below 0 is an input of the run's own."""

    event: Event
    cause: int


async def append_in_parts(store: EventStore, stream: str, events: Sequence[Event], *, size: int) -> None:
    """Append events ``size`` at a time, each part a block of its own."""
    for start in range(0, len(events), size):
        await store.append(stream, events[start : start + size], expected_seq=start)


async def store_of(**streams: Sequence[Event]) -> MemoryEventStore:
    """A store in memory; ``_`` in a name stands for a dot."""
    store = MemoryEventStore()
    for name, events in streams.items():
        await store.append(name.replace("_", "."), events, expected_seq=0)
    return store


async def store_of_files(*paths: Path, options: ImportOptions) -> MemoryEventStore:
    """A store in memory with what the files hold."""
    store = MemoryEventStore()
    await import_files(store, paths, options)
    return store


async def record_run(
    store: EventStore,
    strategies: Sequence[AnyStrategy | LoadedStrategy],
    config: ReplayConfig | None = None,
    *,
    rules: int = RULES,
) -> str:
    """Play strategies over the configuration's streams, or all of the store's; the run's stream."""
    wanted = config or ReplayConfig()
    if not wanted.streams:
        streams = tuple(info.stream for info in await store.streams() if not info.stream.startswith("run."))
        wanted = msgspec.structs.replace(wanted, streams=streams)
    loaded = [one if isinstance(one, LoadedStrategy) else from_instance(one) for one in strategies]
    plan = await plan_run(store, wanted, loaded=loaded)
    return await run_and_record(store, msgspec.structs.replace(plan, rules=rules))


async def read_events(store: EventStore, stream: str) -> list[Event]:
    """Every event of a stream."""
    async with aclosing(store.read(stream)) as batches:
        return [event async for batch in batches for event in batch.events]


async def read_records(store: EventStore, run_stream: str) -> list[Record]:
    """Every record of a run, in order."""
    async with aclosing(store.read(run_stream)) as batches:
        return [
            Record(event, cause)
            async for batch in batches
            for event, cause in zip(batch.events, causes_of(batch), strict=True)
        ]


def causes_of(batch: Batch) -> Sequence[int]:
    """The causes of a batch's events; zeros where all of them are inputs."""
    return batch.causes or [0] * len(batch.events)


async def derived_of(store: EventStore, run_stream: str) -> list[Event]:
    """What a run derived, in order."""
    return [record.event for record in await read_records(store, run_stream) if record.cause > 0]


async def digest_of(store: EventStore, run_stream: str) -> str:
    """The digest that a run ended with."""
    finished = (await read_events(store, run_stream))[-1]
    assert isinstance(finished, RunFinished)
    return finished.digest


async def first_seq_of(store: EventStore, run: str, kind: type[Event]) -> int:
    """The seq of a stream's first event of a kind."""
    events = await read_events(store, run)
    return next(seq for seq, event in enumerate(events, 1) if isinstance(event, kind))
