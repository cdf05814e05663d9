"""Puts the core together: the one place where components are constructed and registered.

Order of registration is order of hearing: what the market says is first kept, then offered to the
simulated venue, then shown to strategies.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from brokers.simulated.broker import SimulatedBroker
from brokers.simulated.config import SimulatedBrokerConfig
from components.market_data import MarketData
from components.orders.orders import Orders
from components.portfolio.portfolio import Portfolio, PortfolioConfig
from components.risk.risk import Risk
from components.strategy_host.context import StrategyContext, StrategyPortfolio
from components.strategy_host.host import AnyStrategy, StrategyHost
from components.strategy_host.state import HostState
from components.strategy_host.translation import Translator, order_slug
from kernel.bus import EventBus
from kernel.component import FailurePolicy
from kernel.errors import ConfigError
from kernel.identifiers import StrategyId
from strategies.sdk import RiskLimits


class PlacedStrategy(msgspec.Struct, frozen=True):
    """A strategy instance, the id it runs under and the symbols it is given."""

    strategy_id: StrategyId
    strategy: AnyStrategy
    symbols: tuple[str, ...]


class Core(msgspec.Struct, frozen=True):
    """The assembled core; ``bus`` runs it, the rest is for looking at."""

    bus: EventBus
    market: MarketData
    broker: SimulatedBroker
    orders: Orders
    portfolio: Portfolio
    risk: Risk
    hosts: tuple[StrategyHost, ...]


def assemble(
    placed: Sequence[PlacedStrategy],
    *,
    risk_limits: RiskLimits,
    broker: SimulatedBrokerConfig,
    portfolio: PortfolioConfig,
    environment: Mapping[str, str],
) -> Core:
    """Construct and register every component; raises ``ConfigError`` for ids that cannot be told apart."""
    _check_ids(placed)
    bus = EventBus()
    market = MarketData(bus, bars_needed=_bars_needed(placed))
    venue = SimulatedBroker(bus, broker)
    orders = Orders()
    account = Portfolio(market, portfolio)
    risk = Risk(risk_limits, account=account, market=market, declared_positions=_declared(placed))
    bus.register(market)
    bus.register_watching(venue)
    for component in (orders, account, risk):
        bus.register(component)
    hosts: list[StrategyHost] = []
    for one in placed:
        host_state = HostState()
        context = StrategyContext(
            one.strategy_id,
            bus=bus,
            market=market,
            portfolio=StrategyPortfolio(one.strategy_id, account=account, orders=orders),
            risk_limits=risk_limits,
            symbols=tuple(sorted(one.symbols)),
            bars_needed=one.strategy.bars_needed(),
            environment=environment,
            host_state=host_state,
        )
        host = StrategyHost(
            one.strategy,
            strategy_id=one.strategy_id,
            context=context,
            translator=Translator(
                one.strategy_id, state=host_state, instrument=market.instrument, symbol_of=orders.symbol_of
            ),
            state=host_state,
            failure_policy=FailurePolicy(),
        )
        bus.register(host)
        hosts.append(host)
    return Core(bus, market, venue, orders, account, risk, tuple(hosts))


def _check_ids(placed: Sequence[PlacedStrategy]) -> None:
    """Ids must stay apart in client order ids, where only letters and digits of them remain."""
    seen: dict[str, StrategyId] = {}
    for one in placed:
        slug = order_slug(one.strategy_id)
        if not slug:
            raise ConfigError(f"strategy id {one.strategy_id!r} has no letters or digits")
        if slug in seen:
            raise ConfigError(
                f"strategy ids {seen[slug]!r} and {one.strategy_id!r} are alike in their first 16 letters "
                "and digits; give one of them another id"
            )
        seen[slug] = one.strategy_id


def _bars_needed(placed: Sequence[PlacedStrategy]) -> dict[str, int]:
    needed: dict[str, int] = {}
    for one in placed:
        for symbol in one.symbols:
            needed[symbol] = max(needed.get(symbol, 0), one.strategy.bars_needed())
    return needed


def _declared(placed: Sequence[PlacedStrategy]) -> dict[StrategyId, Decimal]:
    limits = ((one.strategy_id, one.strategy.metadata.max_position) for one in placed)
    return {strategy_id: limit for strategy_id, limit in limits if limit is not None}
