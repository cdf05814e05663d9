"""Makes a plan from a configuration: the streams, the period, the strategies and their symbols."""

from collections.abc import Sequence
from contextlib import aclosing

import msgspec

from components.assembly.named_symbols import check_symbols, names_others
from components.assembly.settings import StrategyConfig, with_account_values
from components.assembly.setup import PlannedStrategy
from components.assembly.user_models import load_rules
from eventstore import EventStore, Selection, StreamInfo
from eventstore.data_facts import facts_by_stream, is_facts
from eventstore.recorded_data import why_missing
from eventstore.stream_keys import FACTS_SUFFIX
from kernel.configuration import listed
from kernel.decimals import exact
from kernel.errors import ConfigError, StreamMissing
from kernel.events import MARKET_TYPES, CorporateAction, DataIssueFound, FxRateSet, RunStarted, StreamRange
from kernel.identifiers import StrategyId
from kernel.time_units import DAY_NS
from replay.commands import check_in_run, symbols_named
from replay.config import ReplayConfig, check_config
from replay.declared_needs import check_declared
from replay.mark_times import with_mark_times
from replay.run import Plan
from replay.run_facts import read_inputs
from replay.simulated_venue import load_models
from replay.terms import check_streams, known_instruments, terms_shown
from replay.warm_up import history_before
from strategies.sdk.loading import LoadedStrategy, load_strategy
from strategies.sdk.references import find_source_file, parse_reference
from strategies.sdk.strategy_limits import UNLIMITED

_MARKET_NAMES = frozenset(kind.__name__ for kind in MARKET_TYPES)
_RATE_LEAD_NS = 7 * DAY_NS


@exact
async def plan_run(
    store: EventStore, config: ReplayConfig, *, loaded: Sequence[LoadedStrategy] | None = None
) -> Plan:
    """Resolve a configuration against a store.

    ``loaded`` replaces ``config.strategies``. Streams of facts are left out. Raises ``ConfigError`` or
    ``StreamMissing`` if there is no strategy to run, or no data to run it on.
    """
    check_config(config)
    config = with_account_values(config)
    streams = [stream for stream in dict.fromkeys(config.streams) if not is_facts(stream)]
    if not streams:
        raise ConfigError(f"no streams to replay; the store holds {await _data_names(store)}")
    infos = {info.stream: info for info in await store.streams(streams)}
    chosen = [await _info(store, infos, stream=stream) for stream in streams]
    market = [info for info in chosen if _MARKET_NAMES.intersection(info.event_types)] or chosen
    found = [await _range(store, info, _period(info, market, config)) for info in chosen]
    ranges = [each for each in found if each is not None]
    if not ranges:
        raise ConfigError(
            f"no events between {config.start or 'the beginning'} and {config.end or 'the end'} "
            f"in {', '.join(info.stream for info in chosen)}"
        )
    symbols = tuple(sorted({symbol for info in market for symbol in info.symbols}))
    strategies = planned_strategies(config, symbols, loaded)
    played_parts = [(infos[source.stream], source) for source, _ in ranges]
    market_sources = [source for source, _ in ranges if infos[source.stream] in market]
    facts = await facts_by_stream(store, [source.stream for source in market_sources])
    check_streams(facts, played_parts)
    shown = await terms_shown(store, config, market_sources, symbols, facts=facts)
    known = msgspec.structs.replace(config, instruments=known_instruments(config, symbols, shown))
    await check_declared(store, strategies, played_parts, known)
    acting = [source for source, _ in ranges if CorporateAction.__name__ in infos[source.stream].event_types]
    ranges += await _facts_played(store, strategies, market, config)
    renamed = await _new_symbols(store, acting)
    played = {*symbols, *renamed}
    stored = await _stored_symbols(store) if names_others(config, played) else ()
    check_symbols(config, played=played, stored=stored, commanded=symbols_named(config.commands))
    start_ts = min(ts for _, ts in ranges)
    end_ts = max(min(_period(info, market, config)[1], info.last_ts) for info in chosen)
    check_in_run(
        config.commands,
        start_ts=start_ts,
        end_ts=end_ts,
        strategies=[planned.strategy_id for planned in strategies],
    )
    market_parts = [part for part in played_parts if part[0] in market]
    portfolio = await with_mark_times(store, config.portfolio, market_parts, config.risk)
    plan = Plan(
        config=msgspec.structs.replace(config, portfolio=portfolio),
        sources=tuple(source for source, _ in ranges),
        symbols=symbols,
        strategies=strategies,
        models=(*load_models(config.broker), *load_rules(config.risk)),
        start_ts=start_ts,
        assumed=shown,
        event_count=sum(source.last_seq - source.first_seq + 1 for source, _ in ranges),
        end_ts=end_ts,
    )
    return msgspec.structs.replace(plan, history=await history_before(store, plan, chosen))


def planned_strategies(
    config: ReplayConfig, symbols: tuple[str, ...], loaded: Sequence[LoadedStrategy] | None
) -> tuple[PlannedStrategy, ...]:
    """Load the strategies of a configuration, or use ``loaded`` in their place.

    Raises ``ConfigError`` if there is no strategy, or one names a symbol that is not in ``symbols``.
    """
    if loaded:
        ids = own_ids([one.strategy.metadata.name for one in loaded])
        terms = {one.id: one.terms for one in config.strategies}
        return tuple(
            PlannedStrategy(key, one, symbols, was_told=False, terms=terms.get(key, UNLIMITED))
            for key, one in zip(ids, loaded, strict=True)
        )
    if loaded is not None:
        raise ConfigError("no strategy to run; give at least one")
    if not config.strategies:
        raise ConfigError("no strategy to run; name one with --strategy module:Class")
    if not config.enabled_strategies:
        raise ConfigError("no strategy to run: each has enabled: false")
    for one in config.strategies:
        _check_symbols(one, symbols)
        if not one.enabled:
            find_source_file(parse_reference(one.strategy))
    return tuple(
        _planned(one, load_strategy(one.strategy, one.params), symbols) for one in config.enabled_strategies
    )


async def unplayed_actions(store: EventStore, plan: Plan) -> tuple[str, ...]:
    """Streams of the store with corporate actions of the run's symbols that the run does not play."""
    played = {source.stream for source in plan.sources} | set(plan.config.streams)
    return tuple(
        info.stream
        for info in await store.streams(holding=CorporateAction)
        if info.stream not in played
        and not set(plan.symbols).isdisjoint(info.symbols)
        and info.first_ts <= plan.end_ts
        and info.last_ts >= plan.start_ts
    )


async def _info(store: EventStore, infos: dict[str, StreamInfo], *, stream: str) -> StreamInfo:
    info = infos.get(stream)
    if info is None:
        why = await why_missing(store, stream)
        raise StreamMissing(f"no stream {stream!r} in the store{why}; it holds {await _data_names(store)}")
    if not is_data(info):
        raise ConfigError(f"stream {stream!r} is a run, not data; the store holds {await _data_names(store)}")
    return info


def is_data(info: StreamInfo) -> bool:
    """Whether a stream holds data to play: it is no run, and not the facts about a stream."""
    return RunStarted.__name__ not in info.event_types and not is_facts(info.stream)


async def _data_names(store: EventStore) -> str:
    return listed([info.stream for info in await store.streams() if is_data(info)]) or "no data streams"


async def _stored_symbols(store: EventStore) -> set[str]:
    return {symbol for info in await store.streams() if is_data(info) for symbol in info.symbols}


def _period(info: StreamInfo, market: Sequence[StreamInfo], config: ReplayConfig) -> tuple[int, int]:
    """The first and last moment to read of a stream.

    Without ``from`` and ``to`` a run begins and ends with the market data, and facts outside that period are
    left out. Exchange rates are read from a week before, because the last rate is still valid after a
    weekend.
    """
    from_ts, to_ts = config.from_ts, config.to_ts
    first_ts = min(one.first_ts for one in market) if from_ts is None else from_ts
    last_ts = max(one.last_ts for one in market) if to_ts is None else to_ts
    is_rates = FxRateSet.__name__ in info.event_types and info not in market
    return first_ts - _RATE_LEAD_NS if is_rates else first_ts, last_ts


async def _facts_played(
    store: EventStore,
    strategies: Sequence[PlannedStrategy],
    market: Sequence[StreamInfo],
    config: ReplayConfig,
) -> list[tuple[StreamRange, int]]:
    """The streams with what was found odd in the market data, if a strategy asks for it."""
    if not any(one.loaded.strategy.reads_data_quality() for one in strategies):
        return []
    names = [info.stream + FACTS_SUFFIX for info in market]
    infos = await store.streams(names, holding=DataIssueFound)
    found = [await _range(store, info, _period(info, market, config)) for info in infos]
    return [each for each in found if each is not None]


async def _new_symbols(store: EventStore, sources: Sequence[StreamRange]) -> set[str]:
    """The new symbols of mergers and symbol changes in the data."""
    found: set[str] = set()
    async for event in read_inputs(store, "", sources, types=frozenset({CorporateAction})):
        if isinstance(event, CorporateAction) and event.new_symbol:
            found.add(event.new_symbol)
    return found


async def _range(
    store: EventStore, info: StreamInfo, period: tuple[int, int]
) -> tuple[StreamRange, int] | None:
    """The seqs of a stream within the period, and the ``ts`` of the first; ``None`` if there are none."""
    first_seq = last_seq = first_ts = 0
    from_ts, to_ts = period
    if from_ts <= info.first_ts:
        first_seq, first_ts = 1, info.first_ts
    else:
        first_seq, first_ts = await _first_from(store, info.stream, from_ts)
    if to_ts >= info.last_ts:
        last_seq = info.last_seq
    else:
        last_seq = (await _first_from(store, info.stream, to_ts + 1))[0] - 1
    if first_seq == 0 or last_seq < first_seq:
        return None
    block_hash = await store.block_hash(info.stream, last_seq)
    return StreamRange(info.stream, first_seq, last_seq, block_hash.hex()), first_ts


async def _first_from(store: EventStore, stream: str, ts: int) -> tuple[int, int]:
    """Seq and ``ts`` of the first event at or after ``ts``; zeros if there is none."""
    async with aclosing(store.read(stream, Selection(from_ts=ts))) as batches:
        async for batch in batches:
            return batch.seqs[0], batch.events[0].ts
    return 0, 0


def own_ids(names: Sequence[str]) -> list[StrategyId]:
    """The ids of strategies that are given as instances: their names.

    A name that occurs again gets a number: ``ma_cross``, ``ma_cross.2``. A long name is cut to make room for
    the number, because ids must differ in their first 16 letters.
    """
    ids: list[StrategyId] = []
    for place, name in enumerate(names):
        number = names[:place].count(name) + 1
        ids.append(StrategyId(name if number == 1 else f"{name[:12]}.{number}"))
    return ids


def _check_symbols(wanted: StrategyConfig, symbols: tuple[str, ...]) -> None:
    missing = sorted(set(wanted.symbols) - set(symbols))
    if missing:
        raise ConfigError(
            f"strategy {wanted.strategy}: symbols {', '.join(missing)} are not in the data, which has "
            f"{', '.join(symbols)}"
        )


def _planned(wanted: StrategyConfig, loaded: LoadedStrategy, symbols: tuple[str, ...]) -> PlannedStrategy:
    strategy_id = StrategyId(wanted.id or loaded.strategy.metadata.name)
    return PlannedStrategy(
        strategy_id, loaded, wanted.symbols or symbols, was_told=bool(wanted.symbols), terms=wanted.terms
    )
