"""The record of a run or a live log: its opening inputs, checked and turned into a plan again.

All facts of the opening are checked before anything is played: the hashes of configuration and sources, the
start and the hash of the data, and the hash of the whole opening in runs that have it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing
from hashlib import sha256
from itertools import repeat

import msgspec

from components.assembly.assumed_terms import AssumedTerms
from components.assembly.code_on_disk import libraries_of
from components.assembly.hosts import Place
from components.assembly.opening import opening_hash
from components.assembly.settings import StrategyConfig
from components.assembly.setup import PlannedStrategy
from components.assembly.user_models import recorded_models
from eventstore import EventStore, Selection, count_inputs
from eventstore.block import items
from eventstore.derivations import holds
from eventstore.recorded_data import recorded_data, why_missing
from kernel.errors import ConfigError, InputError, ReplayDiverged, StreamMissing
from kernel.events import (
    CalendarDefined,
    ConfigLoaded,
    Event,
    HistoryLoaded,
    InstrumentDefined,
    ModelLoaded,
    RunStarted,
    SessionChanged,
    SessionStarted,
    StrategyLoaded,
    StreamRange,
)
from replay.config import ReplayConfig
from replay.divergence import Cause, opening_diverged
from replay.rebuilt_data import rebuilt
from replay.run import BACKTEST, Plan, opening_of
from replay.run_config import config_on_record
from replay.simulated_venue import ROLES
from strategies.sdk.loading import load_recorded, load_strategy
from strategies.sdk.strategy_limits import UNLIMITED

CAUSES: Mapping[type[Event], Cause] = {
    StrategyLoaded: Cause.CODE,
    ModelLoaded: Cause.CODE,
    HistoryLoaded: Cause.DATA,
    RunStarted: Cause.DATA,
}
"""The likely cause if a field of an opening event is wrong; else the configuration."""


class Record(msgspec.Struct, frozen=True):
    """The opening of a run: its own inputs up to the start of its session, as they are in its stream.

    - ``seqs``, ``encoded``: seq and stored bytes of each input in ``opening``.
    - ``log``: the part of a live log that existed when it was read; ``None`` for a run over data streams.
    - ``log_inputs``: the number of inputs in that part.
    """

    run_stream: str
    seqs: tuple[int, ...]
    opening: tuple[Event, ...]
    encoded: tuple[bytes, ...]
    log: StreamRange | None = None
    log_inputs: int = 0

    @property
    def started(self) -> RunStarted:
        """The first input: the start of the run."""
        (first, *_) = self.opening
        assert isinstance(first, RunStarted)
        return first

    @property
    def session(self) -> SessionStarted:
        """The last input of the opening: the start of the session."""
        last = self.opening[-1]
        assert isinstance(last, SessionStarted)
        return last

    @property
    def opening_hash(self) -> str | None:
        """The hash of all inputs before the session; ``None`` if the run is older than that field."""
        return None if self.session.opening_hash is None else opening_hash(self.encoded[:-1])


class Difference(msgspec.Struct, frozen=True):
    """A field of a record with a wrong value."""

    seq: int
    event_type: type[Event]
    field: str
    recorded: object
    found: object

    def __str__(self) -> str:
        return f"seq {self.seq}: {self.fact}"

    @property
    def fact(self) -> str:
        """The field and both values."""
        field = f"{self.event_type.__name__}.{self.field}"
        return f"{field}: recorded {_short(self.recorded)}, found {_short(self.found)}"


async def read_record(store: EventStore, run_stream: str) -> Record:
    """Read the opening of a run or a live log.

    Raises ``StreamMissing`` for a stream that is not a run, ``ReplayDiverged`` if the opening has no end.
    """
    if not (await store.head(run_stream)).seq and (why := await why_missing(store, run_stream)):
        raise StreamMissing(f"there is no stream {run_stream!r} in the store{why}")
    record = await _read_opening(store, run_stream)
    if record.started.sources:
        return record
    head = await store.head(run_stream)
    log = StreamRange(run_stream, 1, head.seq, head.block_hash.hex())
    return msgspec.structs.replace(record, log=log, log_inputs=await count_inputs(store, log))


async def data_of(store: EventStore, record: Record) -> EventStore:
    """The store, in which the data streams of a run are as the run read them.

    Raises ``ReplayDiverged`` for a stream that was built again in another way, and ``StreamMissing`` for any
    other one that is lost.
    """
    sources = record.started.sources
    data = await recorded_data(store, sources)
    for lost in data.lost:
        for source in sources:
            found = (
                None if await holds(data.store, source) else await rebuilt(store, record.run_stream, source)
            )
            if found is not None:
                raise found
        raise StreamMissing(f"{record.run_stream} cannot be replayed: {lost}")
    return data.store


async def _read_opening(store: EventStore, run_stream: str) -> Record:
    seqs: list[int] = []
    opening: list[Event] = []
    encoded: list[bytes] = []
    async with aclosing(store.read(run_stream)) as batches:
        async for batch in batches:
            assert batch.payload is not None, "a stream that is read whole comes in whole blocks"
            if not seqs and not isinstance(batch.events[0], RunStarted):
                raise StreamMissing(f"stream {run_stream!r} is not the stream of a run")
            causes = batch.causes or [0] * len(batch.events)
            parts = zip(batch.seqs, batch.events, items(batch.payload), causes, strict=True)
            for seq, event, raw, cause in parts:
                if cause <= 0:
                    seqs.append(seq)
                    opening.append(event)
                    encoded.append(raw)
                if isinstance(event, SessionStarted):
                    return Record(run_stream, tuple(seqs), tuple(opening), tuple(encoded))
    raise ReplayDiverged(f"{run_stream}: the record has no SessionStarted")


async def checked_plan(store: EventStore, record: Record, *, current_code: bool) -> Plan:
    """The plan of a recorded run, after all facts of its opening were checked.

    Raises ``ReplayDiverged`` for the first wrong fact, and ``InputError`` or ``ConfigError`` for code that
    cannot be loaded.
    """
    for difference in _own_hashes(record.opening, record.seqs):
        raise _diverged(record, difference)
    await _check_sources(store, record)
    is_changed = record.opening_hash != record.session.opening_hash
    try:
        plan = plan_of(record, current_code=current_code)
        differences = [*_facts(record, plan, start_ts=await _start_ts(store, record))]
        if not current_code:
            differences += _versions(record, plan)
        if is_changed:
            differences += _changed_fields(record)
    except (InputError, ConfigError, msgspec.MsgspecError) as error:
        if is_changed or isinstance(error, msgspec.MsgspecError):
            message = f"{record.run_stream}: the opening of the run was changed: {error}"
            raise opening_diverged(
                message, seq=0, cause=Cause.CONFIG, evidence="its opening does not fit its hash"
            ) from error
        raise
    for difference in differences:
        raise _diverged(record, difference)
    return plan


def _diverged(record: Record, difference: Difference) -> ReplayDiverged:
    """A wrong fact of the opening, with the likely cause by the event that has it."""
    kind = difference.event_type
    cause = CAUSES.get(kind, Cause.CONFIG)
    return opening_diverged(
        f"{record.run_stream}: {difference}",
        seq=difference.seq,
        cause=cause,
        evidence=f"{kind.__name__} at seq {difference.seq} is not as it was when the run began",
    )


def plan_of(record: Record, *, current_code: bool) -> Plan:
    """The plan of a recorded run, from its opening, with its code loaded again. See ``checked_plan``."""
    started = record.started
    config = _config_in(record.opening)
    if config is None:
        raise StreamMissing(f"stream {record.run_stream!r} is not the stream of a run")
    if record.log is None:
        event_count = sum(source.last_seq - source.first_seq + 1 for source in started.sources)
    else:
        event_count = record.log_inputs - len(record.opening)
    strategies = _strategies_in(
        record.opening,
        config,
        started.symbols,
        is_ahead=started.symbols_ahead,
        current_code=current_code,
    )
    return Plan(
        config=config,
        sources=started.sources,
        symbols=started.symbols,
        strategies=strategies if record.log is None else live_places(strategies, config),
        assumed=tuple(_terms_in(record.opening).values()),
        models=recorded_models(record.opening, ROLES, current_code=current_code),
        history=tuple(event for event in record.opening if isinstance(event, HistoryLoaded)),
        start_ts=started.ts,
        event_count=event_count,
        mode=BACKTEST if record.log is None else record.session.mode,
        opening=record.opening,
        log=record.log,
        rules=started.rules,
    )


def plan_after(plan: Plan, opening: Sequence[Event]) -> Plan:
    """The plan with which a live log goes on, from the opening of a change, with the recorded code loaded.

    Raises ``ConfigError`` or ``InputError`` for code that cannot be loaded, ``ReplayDiverged`` for a
    configuration or code that was changed.
    """
    session, config = opening[-1], _config_in(opening)
    assert isinstance(session, SessionStarted | SessionChanged), "an opening ends with its session"
    assert config is not None, "an opening begins with its configuration"
    for difference in _own_hashes(opening, repeat(0)):
        raise ReplayDiverged(f"the opening of session {session.epoch} was changed: {difference.fact}")
    symbols = named_symbols(config)
    assumed = {terms.symbol: terms for terms in plan.assumed} | _terms_in(opening)
    strategies = _strategies_in(opening, config, symbols, is_ahead=False, current_code=False)
    return msgspec.structs.replace(
        plan,
        config=config,
        symbols=symbols,
        strategies=live_places(strategies, config),
        assumed=tuple(assumed.values()),
        models=recorded_models(opening, ROLES, current_code=False),
        mode=session.mode,
    )


def plan_in(started: RunStarted, opening: Sequence[Event], assumed: Sequence[AssumedTerms]) -> Plan:
    """The plan of a session of a live log, without the log before it: from the start of the log, the last
    opening, and the terms that were recorded before. Raises as ``plan_after`` does."""
    base = Plan(
        config=ReplayConfig(),
        sources=(),
        symbols=started.symbols,
        strategies=(),
        assumed=tuple(assumed),
        start_ts=started.ts,
        event_count=0,
        rules=started.rules,
    )
    return plan_after(base, opening)


def live_places(strategies: Sequence[PlannedStrategy], config: ReplayConfig) -> tuple[PlannedStrategy, ...]:
    """The strategies of a live log, each in the place where its configuration wants its hooks called."""
    places = [
        *(one.isolation.place for one in config.enabled_strategies),
        *repeat(Place.IN_CORE, len(strategies)),
    ]
    return tuple(
        msgspec.structs.replace(one, place=place) for one, place in zip(strategies, places, strict=False)
    )


def named_symbols(config: ReplayConfig) -> tuple[str, ...]:
    """The symbols of a live log: those that its instruments and strategies name."""
    named = [instrument.symbol for instrument in config.instruments]
    named += [symbol for one in config.strategies for symbol in one.symbols]
    return tuple(sorted(set(named)))


def differences_of(seq: int, recorded: Event, found: Event) -> Iterator[Difference]:
    """The fields in which a recorded event differs from the expected one of the same type."""
    for field in recorded.__struct_fields__:
        values = getattr(recorded, field), getattr(found, field)
        if values[0] != values[1]:
            yield Difference(seq, type(recorded), field, *values)


# --- what is checked ----------------------------------------------------------------------------


def _own_hashes(opening: Sequence[Event], seqs: Iterable[int]) -> Iterator[Difference]:
    """Recorded hashes that do not fit their configuration or source."""
    for seq, event in zip(seqs, opening, strict=False):
        match event:
            case ConfigLoaded(config_hash=recorded, body=text):
                field = "config_hash"
            case (
                StrategyLoaded(source_hash=recorded, source=text)
                | ModelLoaded(source_hash=recorded, source=text)
            ):
                field = "source_hash"
            case _:
                continue
        found = sha256(text.encode()).hexdigest()
        if found != recorded:
            yield Difference(seq, type(event), field, recorded, found)
        for own in event.modules if isinstance(event, StrategyLoaded) else ():
            found = sha256(own.source.encode()).hexdigest()
            if found != own.source_hash:
                yield Difference(seq, StrategyLoaded, f"modules.{own.name}", own.source_hash, found)


async def _check_sources(store: EventStore, record: Record) -> None:
    """Raise ``ReplayDiverged`` if the data that the run read was changed. A stream may have grown since."""
    for source in record.started.sources:
        found = (await store.block_hash(source.stream, source.last_seq)).hex()
        if found != source.head_hash:
            message = (
                f"{record.run_stream}: stream {source.stream!r} was changed since the run read it: up to seq "
                f"{source.last_seq} its hash is {found[:16]}..., recorded was {source.head_hash[:16]}..."
            )
            evidence = f"the events of {source.stream!r} are not those that the run read"
            raise await rebuilt(store, record.run_stream, source) or opening_diverged(
                message, seq=1, cause=Cause.DATA, evidence=evidence
            )


async def _start_ts(store: EventStore, record: Record) -> int:
    """The ts of the first data event of the run."""
    started = record.started
    firsts: list[int] = []
    for source in started.sources:
        only_first = Selection(from_seq=source.first_seq, to_seq=source.first_seq)
        async with aclosing(store.read(source.stream, only_first)) as batches:
            firsts += [batch.events[0].ts async for batch in batches]
    return min(firsts, default=started.ts)


def _facts(record: Record, plan: Plan, *, start_ts: int) -> Iterator[Difference]:
    """Wrong facts in ``RunStarted`` (period, symbols) and ``SessionStarted``."""
    config = plan.config
    started = msgspec.structs.replace(
        record.started,
        ts=start_ts,
        symbols=tuple(event.symbol for event in record.opening if isinstance(event, InstrumentDefined)),
        from_ts=config.from_ts or 0,
        to_ts=config.to_ts or 0,
    )
    yield from differences_of(record.seqs[0], record.started, started)
    epoch = 1 if record.log is None else record.session.epoch  # a log may begin in a restored store
    session = msgspec.structs.replace(record.session, ts=start_ts, epoch=epoch, mode=plan.mode, file_hash="")
    yield from differences_of(record.seqs[-1], record.session, session)


def _versions(record: Record, plan: Plan) -> Iterator[Difference]:
    """Recorded versions of strategies that are not those of their code."""
    loaded = iter(plan.strategies)
    for seq, event in zip(record.seqs, record.opening, strict=True):
        if isinstance(event, StrategyLoaded):
            found = next(loaded).loaded.version
            if event.version != found:
                yield Difference(seq, StrategyLoaded, "version", event.version, found)


def _changed_fields(record: Record) -> Iterator[Difference]:
    """Changed fields of the opening. A field that configuration and code determine is named.

    The configuration is not compared: it has its own hash, and an older version may have written it
    differently.
    """
    calendars = [event for event in record.opening if isinstance(event, CalendarDefined)]
    expected = opening_of(plan_of(record, current_code=False), calendars=calendars)
    for seq, recorded, found in zip(record.seqs[:-1], record.opening, expected, strict=False):
        if type(recorded) is type(found) and not isinstance(recorded, ConfigLoaded):
            yield from differences_of(seq, recorded, found)
    field = "opening_hash"
    yield Difference(record.seqs[-1], SessionStarted, field, record.session.opening_hash, record.opening_hash)


def _config_in(opening: Sequence[Event]) -> ReplayConfig | None:
    bodies = [event.body for event in opening if isinstance(event, ConfigLoaded)]
    return config_on_record(bodies[-1]) if bodies else None


def _strategies_in(
    opening: Sequence[Event],
    config: ReplayConfig,
    symbols: tuple[str, ...],
    *,
    is_ahead: bool,
    current_code: bool,
) -> tuple[PlannedStrategy, ...]:
    """The recorded strategies, with the terms and symbols of the configuration."""
    events = [event for event in opening if isinstance(event, StrategyLoaded)]
    wanted: Sequence[StrategyConfig | None] = [*config.enabled_strategies, *[None] * len(events)]
    loaded = [_strategy(*each, current_code=current_code) for each in zip(events, wanted, strict=False)]
    return tuple(_as_wanted(*each, symbols, is_ahead=is_ahead) for each in zip(loaded, wanted, strict=False))


def _terms_in(opening: Sequence[Event]) -> dict[str, AssumedTerms]:
    return {event.symbol: _as_recorded(event) for event in opening if isinstance(event, InstrumentDefined)}


def _strategy(event: StrategyLoaded, wanted: StrategyConfig | None, *, current_code: bool) -> PlannedStrategy:
    params: dict[str, object] = msgspec.json.decode(event.params, type=dict[str, object])
    if current_code:
        libraries = frozenset[str]() if wanted is None else libraries_of(wanted)
        loaded = load_strategy(event.reference, params, libraries=libraries)
    else:
        loaded = load_recorded(event.source, event.reference, params, modules=event.modules)
    return PlannedStrategy(event.strategy, loaded, (), was_told=False)


def _as_recorded(terms: InstrumentDefined) -> AssumedTerms:
    """The recorded terms, for what the configuration leaves open."""
    return AssumedTerms(
        terms.symbol,
        terms.tick_size,
        terms.lot_size,
        terms.asset_class,
        terms.currency,
        terms.allow_negative_prices,
    )


def _as_wanted(
    strategy: PlannedStrategy, wanted: StrategyConfig | None, symbols: tuple[str, ...], *, is_ahead: bool
) -> PlannedStrategy:
    """A strategy with the terms and symbols of its configuration, else those of the run."""
    named = () if wanted is None else wanted.symbols
    return msgspec.structs.replace(
        strategy,
        symbols=named or symbols,
        was_told=bool(named) or is_ahead,
        terms=UNLIMITED if wanted is None else wanted.terms,
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."
