"""Makes the component of each strategy, with its views of the others."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import partial
from typing import NamedTuple

import msgspec

from components.market_data import MarketData
from components.order_books.order_books import OrderBooks
from components.orders.orders import Orders
from components.pauses import Pauses
from components.portfolio.day_start import DayStart
from components.portfolio.hedged_portfolio import HedgedPortfolio
from components.portfolio.portfolio import Portfolio
from components.portfolio.shares import Shares
from components.strategy_host.apart import ApartHost
from components.strategy_host.captured import CapturedHost
from components.strategy_host.context import StrategyContext
from components.strategy_host.history_view import HistoryView
from components.strategy_host.host import AnyStrategy, StrategyHost
from components.strategy_host.portfolio_view import HedgedStrategyPortfolio, StrategyPortfolio
from components.strategy_host.session_timers import SessionTimers
from components.strategy_host.sizes import ACCOUNT, CAPITAL
from components.strategy_host.state import HostState
from components.strategy_host.translation import Translator, host_name
from components.strategy_host.words import Words
from components.venue_facts import VenueFacts
from kernel.bus import EventBus
from kernel.component import FailurePolicy
from kernel.cost_view import CostView
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.rules import FIRST_RULES
from strategies.sdk import RiskLimits
from strategies.sdk.strategy_limits import UNLIMITED, StrategyTerms


class Place(StrEnum):
    """Where the hooks of a strategy run."""

    IN_CORE = "in core"
    APART = "apart"
    """In a process of its own, whose decisions are inputs of this core."""
    CAPTURED = "captured"
    """In this core, which is that process: its decisions go to the other core."""


AnyHost = StrategyHost | ApartHost | CapturedHost


class PlacedStrategy(msgspec.Struct, frozen=True):
    """A strategy instance, its id, and the symbols whose events it hears."""

    strategy_id: StrategyId
    strategy: AnyStrategy
    symbols: tuple[str, ...]
    was_told: bool = True
    """Whether ``ctx.symbols`` has its symbols from the start; otherwise each from its first data on."""
    terms: StrategyTerms = UNLIMITED
    """Its capital and its own limits."""
    place: Place = Place.IN_CORE


class HostViews(NamedTuple):
    """What the component of a strategy reads of the core."""

    bus: EventBus
    market: MarketData
    books: OrderBooks
    account: Portfolio
    hedged: HedgedPortfolio | None
    shares: Shares
    day: DayStart
    orders: Orders
    symbol_of: Callable[[ClientOrderId], str]
    venue_facts: VenueFacts
    pauses: Pauses
    costs: CostView | None
    risk_limits: RiskLimits
    currency: str
    environment: Mapping[str, str]
    rules: int


def register_host(one: PlacedStrategy, views: HostViews, *, slug: str) -> AnyHost:
    """The component of one strategy, with its views of the others."""
    state = HostState()
    if one.place is Place.IN_CORE:
        host = _host_of(one, views, slug, state)
        views.bus.register_watching(host)
        return host
    apart = ApartHost(
        one.strategy,
        strategy_id=one.strategy_id,
        slug=slug,
        state=state,
        is_paused=partial(views.pauses.is_paused, one.strategy_id),
        held=_portfolio_of(one, views),
        failure_policy=FailurePolicy(),
    )
    if one.place is Place.APART:
        views.bus.register(apart)
        return apart
    captured = CapturedHost(_host_of(one, views, slug, state), apart)
    views.bus.register_watching(captured)
    return captured


def _host_of(one: PlacedStrategy, views: HostViews, slug: str, state: HostState) -> StrategyHost:
    """The host that runs the hooks of a strategy."""
    words = Words(one.strategy_id, is_heard=one.strategy.uses_log())
    symbols = frozenset(one.symbols)
    portfolio = _portfolio_of(one, views)
    history = _history_of(one, market=views.market, bus=views.bus, state=state, rules=views.rules)
    context = StrategyContext(
        one.strategy_id,
        bus=views.bus,
        market=views.market,
        books=views.books,
        portfolio=portfolio,
        hours=views.venue_facts,
        risk_limits=views.risk_limits,
        own_limits=one.terms.limits,
        hears=symbols,
        was_told=one.was_told,
        currency=views.currency,
        history=history,
        environment=views.environment,
        host_state=state,
        words=words,
    )
    session_timers = SessionTimers(host_name(one.strategy_id), state=state, hours=views.venue_facts)
    translator = Translator(
        one.strategy_id,
        slug=slug,
        state=state,
        instrument=views.market.instrument,
        symbol_of=views.symbol_of,
        account=views.shares.sizing(one.strategy_id),
        last_price=views.market.last_price,
        last_quote=views.market.last_quote,
        costs=views.costs,
        basis=ACCOUNT if one.terms.capital is None else CAPITAL,
        session_timers=session_timers,
        words=words,
        held=portfolio,
        has=views.venue_facts.has,
        records_cuts=views.rules > FIRST_RULES,
        exits_reduce=views.rules > FIRST_RULES,
        legs=views.hedged,
    )
    return StrategyHost(
        one.strategy,
        strategy_id=one.strategy_id,
        symbols=symbols,
        context=context,
        history=history,
        translator=translator,
        session_timers=session_timers,
        words=words,
        state=state,
        is_paused=partial(views.pauses.is_paused, one.strategy_id),
        held=portfolio,
        repeats=views.bus.timers.is_waiting,
        failure_policy=FailurePolicy(),
    )


def _history_of(
    one: PlacedStrategy, *, market: MarketData, bus: EventBus, state: HostState, rules: int
) -> HistoryView:
    """A strategy's view of the history."""
    return HistoryView(
        one.strategy,
        strategy_id=one.strategy_id,
        market=market,
        bus=bus,
        hears=frozenset(one.symbols),
        was_told=one.was_told,
        state=state,
        as_declared=rules == FIRST_RULES,
    )


def _portfolio_of(one: PlacedStrategy, views: HostViews) -> StrategyPortfolio:
    """A strategy's view of its ledger and of the account."""
    day = views.day if one.strategy.needs_day_pnl() else None
    if views.hedged is not None:
        return HedgedStrategyPortfolio(
            one.strategy_id,
            views.hedged,
            account=views.account,
            figures=views.account.strategies,
            shares=views.shares,
            orders=views.orders,
            day=day,
        )
    return StrategyPortfolio(
        one.strategy_id,
        account=views.account,
        figures=views.account.strategies,
        shares=views.shares,
        orders=views.orders,
        day=day,
    )
