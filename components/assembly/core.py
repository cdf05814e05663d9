"""Puts the core together: constructs and registers every component (those of strategies in ``hosts``).

Components hear an event in the order in which they were registered: market data are stored first, then a
venue inside the core matches orders against them, then strategies see them.
"""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import NamedTuple

import msgspec

from components.allocation.allocator import Allocator, plan_id
from components.allocation.config import SignalsConfig, named_strategies
from components.assembly.hosts import AnyHost, HostViews, PlacedStrategy, register_host
from components.assembly.venue import CoreView, Venue
from components.emulation.emulator import Emulator
from components.execution.algorithms import ExecutionAlgorithms
from components.execution.config import ExecutionConfig
from components.execution.learned_volume import LearnedVolume
from components.expiries import Expiries
from components.market_data import MarketData
from components.order_books.order_books import OrderBooks
from components.orders.orders import Orders
from components.pauses import Pauses
from components.portfolio.day_start import DayStart
from components.portfolio.hedged_portfolio import HedgedPortfolio, portfolio_of
from components.portfolio.marks import MarksBeforeActions
from components.portfolio.portfolio import Portfolio, PortfolioConfig
from components.portfolio.shares import Shares
from components.risk.context import RiskContext
from components.risk.exits import EXITS
from components.risk.risk import Risk
from components.risk.strategy_gate import StrategyGate
from components.risk_monitor.account_figures import AccountFigures
from components.risk_monitor.figures import Figures
from components.risk_monitor.hedging import LegFigures, LegMarginWatch
from components.risk_monitor.margin_watch import MarginWatch
from components.risk_monitor.monitor import RiskMonitor
from components.strategy_host.history_view import bars_kept_for
from components.strategy_host.order_ids import order_slugs
from components.strategy_host.worked_orders import work_request
from components.venue_facts import VenueFacts
from kernel.bus import EventBus
from kernel.component import Component
from kernel.cost_view import CostView
from kernel.errors import ConfigError
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.position_sides import position_side_of
from kernel.rules import FIRST_RULES, RULES
from strategies.sdk import RiskLimits, RiskRule
from strategies.sdk.sizing import bars_needed
from strategies.sdk.strategy_limits import Capital

NO_EXECUTION_SETTINGS = ExecutionConfig()


class Core(msgspec.Struct, frozen=True):
    """The assembled core: ``bus`` runs it, the other fields are for inspection."""

    bus: EventBus
    market: MarketData
    hours: VenueFacts
    orders: Orders
    portfolio: Portfolio
    risk: Risk
    hosts: tuple[AnyHost, ...]
    execution: ExecutionAlgorithms
    allocation: Allocator | None


def assemble(
    placed: Sequence[PlacedStrategy],
    *,
    venue: Venue | None,
    risk_limits: RiskLimits,
    portfolio: PortfolioConfig,
    environment: Mapping[str, str],
    signals: SignalsConfig | None = None,
    execution: ExecutionConfig = NO_EXECUTION_SETTINGS,
    risk_rules: Sequence[RiskRule] = (),
    disabled: Sequence[StrategyId] = (),
    rules: int = RULES,
) -> Core:
    """Construct and register every component, for logs of a version of the ``rules``.

    - ``venue``: ``None`` for one that takes all orders, and that nobody watches.
    - ``disabled``: strategies that ``signals`` may name although they are not loaded.

    Raises ``ConfigError`` for a duplicate id, and for an unknown strategy in ``signals``.
    """
    bus, venue_facts, pauses = EventBus(), VenueFacts(), Pauses(one.strategy_id for one in placed)
    market = _market_data(bus, placed, signals, hours=venue_facts, rules=rules)
    books = OrderBooks(symbols=_books_needed(placed, venue))
    account = portfolio_of(_marking(portfolio, placed), market, hours=venue_facts, rules=rules)
    hedged = account if isinstance(account, HedgedPortfolio) else None
    costs = None if venue is None else venue.costs
    day = DayStart(account, account.strategies, hours=venue_facts, day_symbol=risk_limits.day_symbol)
    shares = Shares(_capital(placed), account=account, figures=account.strategies, day=day)
    emulation = _emulation(bus, market, account=account, hours=venue_facts, venue=venue, rules=rules)
    guard = _guard(
        placed,
        risk_limits,
        account,
        market,
        hours=venue_facts,
        emulation=emulation,
        shares=shares,
        own_rules=risk_rules,
        currency=portfolio.currency,
        costs=costs,
        hedged=hedged,
        rules=rules,
    )
    risk = guard.risk
    orders = _orders(risk, emulation, market, hedged)
    facts: list[Component] = [market, venue_facts, Expiries(market), books, pauses]
    for component in (*facts, *_early_marks(account, portfolio, rules)):
        bus.register(component)
    if venue is not None:
        venue.register(CoreView(bus, market, venue_facts, books, account, hedged, guard.known_margin, rules))
    bus.register(orders)
    if venue is None or venue.lacks:
        bus.register_watching(emulation)
    for component in (account, *((day,) if any(map(_needs_day, placed)) else ()), risk):
        bus.register(component)
    for watching in (guard.monitor, guard.margin):
        if watching.is_needed:
            bus.register_watching(watching)
    plan, slugs = _order_ids(placed, signals, disabled)
    allocation = _register_allocator(bus, signals, rules, account=account, market=market, ids=(plan, slugs))
    algorithms = _register_algorithms(bus, market, execution)
    symbol_of = _symbol_of(orders, algorithms)
    views = HostViews(
        *(bus, market, books, account, hedged, shares, day, orders, symbol_of, venue_facts, pauses, costs),
        *(risk_limits, portfolio.currency, environment, rules),
    )
    hosts = tuple(register_host(one, views, slug=slugs[one.strategy_id]) for one in placed)
    return Core(bus, market, venue_facts, orders, account, risk, hosts, algorithms, allocation)


def _orders(risk: Risk, emulation: Emulator, market: MarketData, hedged: HedgedPortfolio | None) -> Orders:
    return Orders(
        gate=risk.refusal,
        holds=emulation.holds,
        has=emulation.has,
        instrument=market.instrument,
        repeats=risk.repeats_working_order,
        side_of=None if hedged is None else position_side_of,
    )


def _early_marks(account: Portfolio, config: PortfolioConfig, rules: int) -> Sequence[Component]:
    """What marks before corporate actions. Older logs, and marks at the ends of bars, have none."""
    return () if rules == FIRST_RULES or config.mark_bars else (MarksBeforeActions(account.marks),)


class _Guard(NamedTuple):
    """Risk, and the components that watch the account for it."""

    risk: Risk
    monitor: RiskMonitor
    margin: MarginWatch

    @property
    def known_margin(self) -> MarginWatch | None:
        """The watch of margin, if it is registered."""
        return self.margin if self.margin.is_needed else None


def _guard(
    placed: Sequence[PlacedStrategy],
    limits: RiskLimits,
    account: Portfolio,
    market: MarketData,
    *,
    hours: VenueFacts,
    emulation: Emulator,
    shares: Shares,
    own_rules: Sequence[RiskRule],
    currency: str,
    costs: CostView | None,
    hedged: HedgedPortfolio | None,
    rules: int,
) -> _Guard:
    """The account's gate with a gate for each strategy, and the watches of limits and margin."""
    figures, watch = (Figures, MarginWatch) if hedged is None else (LegFigures, LegMarginWatch)
    monitor = RiskMonitor(limits, account=account, market=market, hours=hours, figures=figures)
    margin = watch(limits.margin_call, account=account, market=market)
    context = RiskContext(
        account=account,
        market=market,
        venue=hours,
        figures=monitor.figures if monitor.is_needed else AccountFigures(account),
        is_emulated=emulation.emulates,
        currency=currency,
        costs=costs,
        margin=margin if margin.is_needed else None,
        legs=hedged,
    )
    risk = Risk(
        limits,
        context,
        declared_positions=_declared(placed),
        own_rules=own_rules,
        gates=_gates(placed, context, shares=shares, rules=rules),
        version=rules,
    )
    margin.closing = risk.is_closing
    return _Guard(risk, monitor, margin)


def _gates(
    placed: Sequence[PlacedStrategy], context: RiskContext, *, shares: Shares, rules: int
) -> dict[StrategyId, StrategyGate]:
    """A gate for each strategy with capital or limits of its own."""
    return {
        one.strategy_id: StrategyGate(
            one.strategy_id, one.terms, context=context, shares=shares, version=rules
        )
        for one in placed
        if one.terms.is_any
    }


def _needs_day(one: PlacedStrategy) -> bool:
    """Whether the strategy or its own limits need the start of each trading day."""
    return one.strategy.needs_day_pnl() or one.terms.limits.max_daily_loss is not None


def _capital(placed: Sequence[PlacedStrategy]) -> dict[StrategyId, Capital]:
    owned = ((one.strategy_id, one.terms.capital) for one in placed)
    return {strategy_id: capital for strategy_id, capital in owned if capital is not None}


def _marking(config: PortfolioConfig, placed: Sequence[PlacedStrategy]) -> PortfolioConfig:
    """The settings, with marks of ledgers if a strategy has capital: its returns need them."""
    return msgspec.structs.replace(config, mark_ledgers=config.mark_ledgers or bool(_capital(placed)))


def _emulation(
    bus: EventBus,
    market: MarketData,
    *,
    account: Portfolio,
    hours: VenueFacts,
    venue: Venue | None,
    rules: int,
) -> Emulator:
    """The emulation of what the venue lacks. A venue in the core sees bars when they end."""
    sees_bars = venue is not None and venue.is_in_core
    return Emulator(bus, market=market, account=account, hours=hours, sees_bars=sees_bars, rules=rules)


def _register_allocator(
    bus: EventBus,
    signals: SignalsConfig | None,
    rules: int,
    *,
    account: Portfolio,
    market: MarketData,
    ids: tuple[StrategyId, Mapping[StrategyId, str]],
) -> Allocator | None:
    """The allocator, if signals are configured.

    It is registered before the execution algorithms: at a corporate action, plans are restated before worked
    orders end.
    """
    if signals is None:
        return None
    plan, slugs = ids
    allocator = Allocator(
        signals,
        account=account,
        market=market,
        work_order=partial(work_request, records_cuts=rules > FIRST_RULES),
        plan=plan,
        slug=slugs[plan],
        rules=rules,
    )
    bus.register(allocator)
    return allocator


def _register_algorithms(
    bus: EventBus, market: MarketData, execution: ExecutionConfig
) -> ExecutionAlgorithms:
    """The execution algorithms; before them ``LearnedVolume``, if it is configured."""
    volumes = LearnedVolume(execution)
    if execution.learn_volume:
        bus.register(volumes)
    algorithms = ExecutionAlgorithms(market, volumes)
    bus.register_watching(algorithms)
    return algorithms


def _check_placed(
    placed: Sequence[PlacedStrategy], signals: SignalsConfig | None, disabled: Sequence[StrategyId]
) -> None:
    ids = [*(one.strategy_id for one in placed), *disabled]
    for place, one in enumerate(ids):
        if one in ids[:place]:
            raise ConfigError(f"strategy id {one!r} is given twice; give one of the two another id")
    if signals is None:
        return
    for name in named_strategies(signals):
        if name not in ids:
            raise ConfigError(f"signals: there is no strategy {name!r}; there are: {', '.join(ids)}")


def _order_ids(
    placed: Sequence[PlacedStrategy], signals: SignalsConfig | None, disabled: Sequence[StrategyId]
) -> tuple[StrategyId, dict[StrategyId, str]]:
    """The id under which a plan of signals trades, and the order id slug of each strategy, after a check."""
    _check_placed(placed, signals, disabled)
    ids = [one.strategy_id for one in placed]
    plan = plan_id(ids)
    owners = ids if signals is None else [plan, *ids]
    return plan, order_slugs(owners, taken=(EXITS,))


def _symbol_of(orders: Orders, algorithms: ExecutionAlgorithms) -> Callable[[ClientOrderId], str]:
    """Finds the symbol of an order or of a worked order; empty for an unknown id."""

    def symbol_of(key: ClientOrderId) -> str:
        return orders.symbol_of(key) or algorithms.symbol_of(key)

    return symbol_of


def _books_needed(placed: Sequence[PlacedStrategy], venue: Venue | None) -> frozenset[str] | None:
    """The symbols of strategies that use order books; ``None``: all, because the venue uses them."""
    if venue is not None and venue.reads_books:
        return None
    return frozenset(symbol for one in placed if one.strategy.needs_book() for symbol in one.symbols)


def _bars_needed(
    placed: Sequence[PlacedStrategy], signals: SignalsConfig | None, rules: int
) -> dict[str, int]:
    for_sizing = 0 if signals is None else bars_needed(signals.sizing)
    needed: dict[str, int] = {}
    for one in placed:
        kept = bars_kept_for(one.strategy, as_declared=rules == FIRST_RULES)
        for symbol in one.symbols:
            needed[symbol] = max(needed.get(symbol, for_sizing), kept)
    return needed


def _market_data(
    bus: EventBus,
    placed: Sequence[PlacedStrategy],
    signals: SignalsConfig | None,
    *,
    hours: VenueFacts,
    rules: int,
) -> MarketData:
    needed = _bars_needed(placed, signals, rules)
    return MarketData(bus, bars_needed=needed, resampled=_resampled(placed), hours=hours, rules=rules)


def _resampled(placed: Sequence[PlacedStrategy]) -> dict[str, frozenset[str]]:
    """By symbol, the timeframes of history that strategies want built from finer data."""
    wanted: dict[str, frozenset[str]] = {}
    for one in placed:
        for symbol in one.symbols if one.strategy.metadata.resampled else ():
            wanted[symbol] = wanted.get(symbol, frozenset()).union(one.strategy.metadata.resampled)
    return wanted


def _declared(placed: Sequence[PlacedStrategy]) -> dict[StrategyId, Decimal]:
    limits = ((one.strategy_id, one.strategy.metadata.max_position) for one in placed)
    return {strategy_id: limit for strategy_id, limit in limits if limit is not None}
