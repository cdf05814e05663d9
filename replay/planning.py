"""Makes a plan from a configuration: the streams, the period, the strategies and their symbols."""

from collections.abc import Callable, Sequence

import msgspec

from components.assembly.code_on_disk import code_on_disk
from components.assembly.named_symbols import check_symbols, names_others
from components.assembly.settings import StrategyConfig, with_account_values
from components.assembly.setup import PlannedStrategy
from components.assembly.user_models import load_rules
from eventstore import EventStore, StreamInfo
from eventstore.data_facts import facts_by_stream, is_facts
from eventstore.recorded_data import why_missing
from eventstore.stream_keys import FACTS_SUFFIX
from kernel.configuration import did_you_mean, listed
from kernel.decimals import exact
from kernel.errors import ConfigError, StreamMissing
from kernel.events import MARKET_TYPES, CorporateAction, DataIssueFound, RunStarted, StreamRange
from kernel.identifiers import StrategyId
from replay.commands import check_in_run, symbols_named
from replay.config import ReplayConfig, check_config
from replay.declared_needs import check_declared
from replay.mark_times import with_mark_times
from replay.played_parts import Part, part_of, period_of
from replay.run import Plan
from replay.run_facts import read_inputs
from replay.simulated_venue import load_models
from replay.terms import check_streams, known_instruments, terms_shown
from replay.warm_up import history_before
from strategies.sdk.loading import LoadedStrategy
from strategies.sdk.references import find_source_file, parse_reference
from strategies.sdk.strategy_limits import UNLIMITED

_MARKET_NAMES = frozenset(kind.__name__ for kind in MARKET_TYPES)


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
    found = [await part_of(store, info, period_of(info, market, config)) for info in chosen]
    parts = [each for each in found if each is not None]
    if not parts:
        raise ConfigError(
            f"no events between {config.start or 'the beginning'} and {config.end or 'the end'} "
            f"in {', '.join(info.stream for info in chosen)}"
        )
    symbols = tuple(sorted({symbol for info in market for symbol in info.symbols}))
    strategies = planned_strategies(config, symbols, loaded)
    played_parts = [(infos[part.source.stream], part.source) for part in parts]
    market_sources = [source for info, source in played_parts if info in market]
    facts = await facts_by_stream(store, [source.stream for source in market_sources])
    check_streams(facts, played_parts)
    shown = await terms_shown(store, config, market_sources, symbols, facts=facts)
    known = msgspec.structs.replace(config, instruments=known_instruments(config, symbols, shown))
    await check_declared(store, strategies, played_parts, known)
    acting = [source for info, source in played_parts if CorporateAction.__name__ in info.event_types]
    parts += await _facts_played(store, strategies, market, config)
    renamed = await _new_symbols(store, acting)
    played = {*symbols, *renamed}
    stored = await _stored_symbols(store) if names_others(config, played) else ()
    check_symbols(config, played=played, stored=stored, commanded=symbols_named(config.commands))
    start_ts = min(part.first_ts for part in parts)
    end_ts = max(part.last_ts for part in parts)
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
        sources=tuple(part.source for part in parts),
        symbols=symbols,
        strategies=strategies,
        models=(*load_models(config.broker), *load_rules(config.risk)),
        start_ts=start_ts,
        assumed=shown,
        event_count=sum(part.source.last_seq - part.source.first_seq + 1 for part in parts),
        end_ts=end_ts,
    )
    return msgspec.structs.replace(plan, history=await history_before(store, plan, chosen))


def planned_strategies(
    config: ReplayConfig,
    symbols: tuple[str, ...],
    loaded: Sequence[LoadedStrategy] | None,
    code_of: Callable[[StrategyConfig], LoadedStrategy] = code_on_disk,
) -> tuple[PlannedStrategy, ...]:
    """Load the strategies of a configuration with ``code_of``, or use ``loaded`` in their place.

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
    return tuple(_planned(one, code_of(one), symbols) for one in config.enabled_strategies)


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


async def _facts_played(
    store: EventStore,
    strategies: Sequence[PlannedStrategy],
    market: Sequence[StreamInfo],
    config: ReplayConfig,
) -> list[Part]:
    """The streams with what was found odd in the market data, if a strategy asks for it."""
    if not any(one.loaded.strategy.reads_data_quality() for one in strategies):
        return []
    names = [info.stream + FACTS_SUFFIX for info in market]
    infos = await store.streams(names, holding=DataIssueFound)
    found = [await part_of(store, info, period_of(info, market, config)) for info in infos]
    return [each for each in found if each is not None]


async def _new_symbols(store: EventStore, sources: Sequence[StreamRange]) -> set[str]:
    """The new symbols of mergers and symbol changes in the data."""
    found: set[str] = set()
    async for event in read_inputs(store, "", sources, types=frozenset({CorporateAction})):
        if isinstance(event, CorporateAction) and event.new_symbol:
            found.add(event.new_symbol)
    return found


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
            f"strategies: {wanted.id or wanted.strategy}: symbols: {missing[0]!r} is not in the data, which "
            f"has {listed(symbols)}{did_you_mean(missing[0], symbols)}"
        )


def _planned(wanted: StrategyConfig, loaded: LoadedStrategy, symbols: tuple[str, ...]) -> PlannedStrategy:
    strategy_id = StrategyId(wanted.id or loaded.strategy.metadata.name)
    return PlannedStrategy(
        strategy_id, loaded, wanted.symbols or symbols, was_told=bool(wanted.symbols), terms=wanted.terms
    )
