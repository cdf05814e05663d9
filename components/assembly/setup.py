"""What a core is made of, resolved: settings, loaded code, symbols; and the core made of it."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from components.assembly.core import Core, PlacedStrategy, assemble
from components.assembly.instruments import InstrumentConfig
from components.assembly.settings import CoreSettings
from components.assembly.user_models import LoadedModel, risk_rules
from components.assembly.venue import Venue
from components.strategy_host.host import AnyStrategy
from kernel.decimals import exact
from kernel.identifiers import StrategyId
from strategies.sdk.loading import LoadedStrategy
from strategies.sdk.rebuilding import rebuilt
from strategies.sdk.strategy_limits import UNLIMITED, StrategyTerms

NO_STRATEGIES: Mapping[StrategyId, AnyStrategy] = MappingProxyType({})


class PlannedStrategy(msgspec.Struct, frozen=True):
    """A loaded strategy and its place in a run.

    ``was_told``: the configuration names its symbols; otherwise they are all that the run has.
    """

    strategy_id: StrategyId
    loaded: LoadedStrategy
    symbols: tuple[str, ...]
    was_told: bool
    terms: StrategyTerms = UNLIMITED
    """What it may use of the account."""


class CoreSetup(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that determines a core but its venue; two cores of one setup are equal bit for bit.

    - ``strategies``: each core gets instances of its own, made anew. The ones here never run.
    - ``models``: the user's own risk rules, and models of the venue.
    """

    config: CoreSettings
    symbols: tuple[str, ...]
    strategies: tuple[PlannedStrategy, ...]
    models: tuple[LoadedModel, ...] = ()

    @property
    def instruments(self) -> tuple[InstrumentConfig, ...]:
        """The terms of every instrument, by default those of a share in the account's currency."""
        named = {instrument.symbol: instrument for instrument in self.config.instruments}
        own = self.config.portfolio.currency
        return tuple(
            named.get(symbol) or InstrumentConfig(symbol=symbol, currency=own) for symbol in self.symbols
        )


@exact
def core_of(
    setup: CoreSetup, venue: Venue | None, *, kept: Mapping[StrategyId, AnyStrategy] = NO_STRATEGIES
) -> Core:
    """The components, as if nothing had happened yet, with strategies made anew but those ``kept``.

    ``venue``: ``None`` where brokers are edges.
    """
    placed = [
        PlacedStrategy(
            planned.strategy_id,
            kept.get(planned.strategy_id) or rebuilt(planned.loaded.strategy),
            planned.symbols,
            planned.was_told,
            planned.terms,
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
        disabled=tuple(StrategyId(one.id) for one in config.strategies if one.id and not one.enabled),
    )
