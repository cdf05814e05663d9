"""The strategies of a plan: their code, ids and symbols."""

from collections.abc import Callable, Sequence

from components.assembly.code_on_disk import code_on_disk
from components.assembly.settings import StrategyConfig
from components.assembly.setup import PlannedStrategy
from kernel.configuration import did_you_mean, listed
from kernel.errors import ConfigError
from kernel.identifiers import StrategyId
from replay.config import ReplayConfig
from strategies.sdk.loading import LoadedStrategy
from strategies.sdk.references import find_source_file, parse_reference
from strategies.sdk.strategy_limits import UNLIMITED


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
