"""Makes a plan from a configuration: the streams, the period, the strategies and their symbols."""

from collections.abc import Sequence

import msgspec

from components.assembly.named_symbols import check_symbols, names_others
from components.assembly.settings import with_account_values
from components.assembly.setup import PlannedStrategy
from components.assembly.user_models import load_rules
from eventstore import EventStore, StreamInfo
from eventstore.data_facts import is_facts
from eventstore.data_measure import facts_by_stream
from eventstore.recorded_data import why_missing
from eventstore.stream_keys import FACTS_SUFFIX
from kernel.configuration import listed
from kernel.decimals import exact
from kernel.errors import ConfigError, StreamMissing
from kernel.events import MARKET_TYPES, CorporateAction, DataIssueFound, RunStarted, StreamRange
from replay.commands import check_in_run, symbols_named
from replay.config import ReplayConfig, check_config
from replay.declared_needs import check_declared
from replay.mark_times import with_mark_times
from replay.planned_strategies import planned_strategies
from replay.played_parts import Part, part_of, period_of
from replay.run import Plan
from replay.run_facts import read_inputs
from replay.simulated_venue import load_models
from replay.terms import check_streams, known_instruments, terms_shown
from replay.warm_up import history_before
from strategies.sdk.loading import LoadedStrategy

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
