"""The resolved parts of a core (settings, loaded code, symbols), and the core made of them."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from components.assembly.assumed_terms import AssumedTerms
from components.assembly.core import Core, assemble
from components.assembly.hosts import Place, PlacedStrategy
from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import CoreSettings
from components.assembly.user_models import LoadedModel, risk_rules
from components.assembly.venue import Venue
from components.strategy_host.host import AnyStrategy
from kernel.decimals import exact
from kernel.events import HistoryLoaded
from kernel.identifiers import StrategyId
from kernel.rules import RULES
from strategies.sdk.loading import LoadedStrategy
from strategies.sdk.rebuilding import rebuilt
from strategies.sdk.strategy_limits import UNLIMITED, StrategyTerms

NO_STRATEGIES: Mapping[StrategyId, AnyStrategy] = MappingProxyType({})


class PlannedStrategy(msgspec.Struct, frozen=True):
    """A loaded strategy and its place in a run.

    ``was_told``: the configuration names its symbols. Otherwise they are all symbols of the run.
    """

    strategy_id: StrategyId
    loaded: LoadedStrategy
    symbols: tuple[str, ...]
    was_told: bool
    terms: StrategyTerms = UNLIMITED
    """Its capital and its own limits."""
    place: Place = Place.IN_CORE


class CoreSetup(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that determines a core except its venue. Two cores of one setup are equal bit for bit.

    - ``strategies``: each core gets new instances of them. The instances here never run.
    - ``models``: the user's own risk rules and venue models.
    - ``history``: bars from before the run, which only fill the history that strategies read.
    - ``assumed``: terms of symbols, for what the configuration leaves open.
    - ``rules``: the version of the core's rules.
    """

    config: CoreSettings
    symbols: tuple[str, ...]
    strategies: tuple[PlannedStrategy, ...]
    models: tuple[LoadedModel, ...] = ()
    history: tuple[HistoryLoaded, ...] = ()
    assumed: tuple[AssumedTerms, ...] = ()
    rules: int = RULES

    @property
    def instruments(self) -> tuple[InstrumentConfig, ...]:
        """The terms of every instrument, declared or assumed; else a share in the account's currency."""
        return instruments_of(self.config, self.symbols, self.assumed)


def instruments_of(
    config: CoreSettings, symbols: Iterable[str], assumed: Iterable[AssumedTerms]
) -> tuple[InstrumentConfig, ...]:
    """The terms of symbols, complete where there are assumed ones."""
    named = {instrument.symbol: instrument for instrument in config.instruments}
    known = {terms.symbol: terms for terms in assumed}
    own = config.portfolio.currency
    found: list[InstrumentConfig] = []
    for symbol in symbols:
        terms, shown = named.get(symbol), known.get(symbol)
        if terms is None:
            terms = InstrumentConfig(symbol=symbol, currency=(shown and shown.currency) or own)
        found.append(terms if shown is None else terms.completed(shown))
    return tuple(found)


@exact
def core_of(
    setup: CoreSetup, venue: Venue | None, *, kept: Mapping[StrategyId, AnyStrategy] = NO_STRATEGIES
) -> Core:
    """A core in its initial state, with new instances of all strategies except those ``kept``.

    ``venue``: ``None`` if brokers are edges.
    """
    placed = [
        PlacedStrategy(
            planned.strategy_id,
            kept.get(planned.strategy_id) or rebuilt(planned.loaded.strategy),
            planned.symbols,
            planned.was_told,
            planned.terms,
            planned.place,
        )
        for planned in setup.strategies
    ]
    config = setup.config
    return assemble(
        placed,
        venue=venue,
        risk_limits=config.risk,
        portfolio=config.portfolio,
        environment=config.environment,
        signals=config.signals,
        execution=config.execution,
        risk_rules=risk_rules(setup.models),
        rules=setup.rules,
        disabled=tuple(StrategyId(one.id) for one in config.strategies if one.id and not one.enabled),
    )
