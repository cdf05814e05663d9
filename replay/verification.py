"""Plays a recorded run again and compares: equal byte for byte, or the first event that differs."""

from collections.abc import Sequence
from contextlib import aclosing

import msgspec

from eventstore import EventStore
from kernel.errors import ReplayDiverged, StreamMissing
from kernel.events import (
    ConfigLoaded,
    Event,
    RunFinished,
    RunStarted,
    SessionStarted,
    StrategyLoaded,
)
from replay.config import ReplayConfig
from replay.models import recorded_models
from replay.run import Plan, PlannedStrategy, Progress, play
from strategies.sdk.loading import load_recorded, load_strategy

_encode = msgspec.msgpack.Encoder().encode


class Verified(msgspec.Struct, frozen=True):
    """A run that was reproduced."""

    run_stream: str
    input_count: int
    derived_count: int
    digest: str


async def verify_run(
    store: EventStore, run_stream: str, *, current_code: bool = False, progress: Progress | None = None
) -> Verified:
    """Replay a run's inputs and compare what comes out with what was recorded.

    Runs the strategy code kept in the run's stream, or with ``current_code`` what is on disk now.
    Raises ``ReplayDiverged`` naming the first record that differs, ``StreamMissing`` if there is no
    such run, and ``StoreDamaged`` if the run or its data are not what they were.
    """
    plan = await recorded_plan(store, run_stream, current_code=current_code)
    await _check_sources(store, run_stream, plan)
    comparison = _Comparison(store, run_stream)
    try:
        played = await play(store, plan, comparison, progress=progress)
        finished = await comparison.finish()
    finally:
        await comparison.close()
    return Verified(run_stream, played.input_count, finished.derived_count, finished.digest)


async def recorded_plan(store: EventStore, run_stream: str, *, current_code: bool = False) -> Plan:
    """The plan of a recorded run, from the inputs at its beginning, which are its opening again."""
    started: RunStarted | None = None
    config: ReplayConfig | None = None
    strategies: list[PlannedStrategy] = []
    opening = await _opening(store, run_stream)
    for event in opening:
        match event:
            case RunStarted():
                started = event
            case ConfigLoaded(body=body):
                config = msgspec.json.decode(body, type=ReplayConfig)
            case StrategyLoaded():
                strategies.append(_strategy(event, current_code=current_code))
            case _:
                pass
    if started is None or config is None:
        raise StreamMissing(f"stream {run_stream!r} is not the stream of a run")
    placed = tuple(
        msgspec.structs.replace(strategy, symbols=_symbols(config, position) or started.symbols)
        for position, strategy in enumerate(strategies)
    )
    return Plan(
        config=config,
        sources=started.sources,
        symbols=started.symbols,
        strategies=placed,
        models=recorded_models(opening, current_code=current_code),
        start_ts=started.ts,
        event_count=sum(source.last_seq - source.first_seq + 1 for source in started.sources),
        opening=opening,
    )


async def _opening(store: EventStore, run_stream: str) -> tuple[Event, ...]:
    """The run's own inputs up to the start of its session; nothing if the stream is no run."""
    opening: list[Event] = []
    async with aclosing(store.read(run_stream)) as batches:
        async for batch in batches:
            if not opening and not isinstance(batch.events[0], RunStarted):
                return ()
            for event, cause in zip(batch.events, batch.causes or (), strict=True):
                if cause <= 0:
                    opening.append(event)
                if isinstance(event, SessionStarted):
                    return tuple(opening)
    return tuple(opening)


async def _check_sources(store: EventStore, run_stream: str, plan: Plan) -> None:
    """The data must be what the run read; that a stream has grown since is no matter."""
    for source in plan.sources:
        found = (await store.block_hash(source.stream, source.last_seq)).hex()
        if found != source.head_hash:
            raise ReplayDiverged(
                f"{run_stream}: stream {source.stream!r} is not what the run read: up to seq "
                f"{source.last_seq} its hash is {found[:16]}..., recorded was {source.head_hash[:16]}..."
            )


def _strategy(event: StrategyLoaded, *, current_code: bool) -> PlannedStrategy:
    params: dict[str, object] = msgspec.json.decode(event.params, type=dict[str, object])
    if current_code:
        loaded = load_strategy(event.reference, params)
    else:
        loaded = load_recorded(event.source, event.reference, params)
    return PlannedStrategy(event.strategy, loaded, ())


def _symbols(config: ReplayConfig, position: int) -> tuple[str, ...]:
    return config.strategies[position].symbols if position < len(config.strategies) else ()


class _Comparison:
    """The sink that holds a run against its record, one after the other, in step."""

    def __init__(self, store: EventStore, run_stream: str) -> None:
        self._run_stream = run_stream
        self._batches = store.read(run_stream)
        self._seqs: list[int] = []
        self._events: list[Event] = []
        self._causes: list[int] = []

    async def record(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Compare records with the next ones of the stream."""
        count = len(events)
        while len(self._events) < count and await self._read_more():
            pass
        same = self._causes[:count] == list(causes) and _encode(self._events[:count]) == _encode(events)
        if not same:
            self._report(events, causes)
        del self._events[:count], self._causes[:count], self._seqs[:count]

    async def finish(self) -> RunFinished:
        """The recorded end, which must be all that is left."""
        while await self._read_more():
            pass
        if len(self._events) == 1 and isinstance(self._events[0], RunFinished):
            return self._events[0]
        if not self._events:
            raise ReplayDiverged(f"{self._run_stream}: the recorded run was never finished; the replay is")
        raise ReplayDiverged(
            f"{self._run_stream}: seq {self._seqs[0]}: recorded {_show(self._events[0])}, "
            "but the replay has ended"
        )

    async def close(self) -> None:
        """Let go of the stream."""
        await self._batches.aclose()

    async def _read_more(self) -> bool:
        batch = await anext(self._batches, None)
        if batch is None:
            return False
        self._seqs.extend(batch.seqs)
        self._events.extend(batch.events)
        self._causes.extend(batch.causes or [0] * len(batch.events))
        return True

    def _report(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Raise for the first record that differs."""
        for position, (event, cause) in enumerate(zip(events, causes, strict=True)):
            if position >= len(self._events):
                raise ReplayDiverged(
                    f"{self._run_stream}: the record ends after input {abs(cause)}, "
                    f"but the replay goes on with {_show(event)}"
                )
            recorded = self._events[position]
            if _encode(recorded) != _encode(event) or self._causes[position] != cause:
                raise ReplayDiverged(
                    f"{self._run_stream}: seq {self._seqs[position]}: "
                    f"recorded {_show(recorded)} after input {abs(self._causes[position])}, "
                    f"replayed {_show(event)} after input {abs(cause)}"
                )


def _show(event: Event) -> str:
    return msgspec.json.encode(event).decode() + f" ({type(event).__name__})"
