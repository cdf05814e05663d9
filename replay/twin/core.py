"""A second core without decisions: market data, trading hours and the simulated broker alone.

It is fed with market data and with the orders that really went out, in the order of a log, and its broker
answers what the fill models make of them. It has neither strategies nor risk nor a record of orders, so
nothing that it answers leads to another order.

For a log whose orders were simulated it also has the account, because that venue checked each fill against
the account's funds. The fills of real orders were paid for at their own venue, and are not checked here.
"""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from brokers.simulated.broker import SimulatedBroker
from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.funds import FundsRules
from brokers.simulated.positions import NetCount
from components.assembly.user_models import LoadedModel, recorded_models
from components.market_data import MarketData
from components.order_books.order_books import OrderBooks
from components.portfolio.config import PositionMode
from components.portfolio.hedged_portfolio import HedgedPortfolio, portfolio_of
from components.portfolio.portfolio import PortfolioConfig
from components.venue_facts import VenueFacts
from kernel.bus import EventBus
from kernel.errors import ComponentError, ConfigError
from kernel.events import (
    BUY,
    ConfigLoaded,
    Event,
    ExecutionReport,
    ModelLoaded,
    Order,
    OrderSubmitted,
)
from kernel.identifiers import ClientOrderId
from kernel.loggable import words_of
from kernel.rules import FIRST_RULES
from kernel.snapshot import take, take_over
from replay.past.changed_config import changed_config
from replay.run_config import config_on_record, live_venue
from replay.simulated_venue import ROLES, SimulatedVenue, load_models


class TwinSettings(msgspec.Struct, frozen=True):
    """What a twin is made of.

    - ``models``: the user's own models of the venue.
    - ``funds``: what fills are checked against; ``None`` for a log of real orders: they are not checked.
    - ``rules``: the version of the core's rules.
    """

    broker: SimulatedBrokerConfig
    models: tuple[LoadedModel, ...]
    portfolio: PortfolioConfig
    funds: FundsRules | None
    rules: int


def settings_of(opening: Sequence[Event], *, rules: int, changes: dict[str, str]) -> TwinSettings:
    """The settings in the opening of a session: ``broker`` of its configuration, and the recorded models.

    ``changes``: other values of ``broker``, by path. With any, fills are not checked against funds, since the
    account is that of other fills. Raises ``ConfigError`` for a change that makes no sense.
    """
    (*_, loaded) = (event for event in opening if isinstance(event, ConfigLoaded))
    recorded = config_on_record(loaded.body)
    for path in changes:
        if not path.startswith("broker."):
            raise ConfigError(f"{path}: a twin has only a venue; expected a setting broker....")
    config = changed_config(recorded, changes)
    is_simulated = live_venue(config) is None and not changes
    if config.portfolio.position_mode is PositionMode.HEDGING and not is_simulated:
        raise ConfigError("portfolio.position_mode: a twin with other settings follows no hedging account")
    told = [event for event in opening if isinstance(event, ModelLoaded) and event.role in ROLES]
    is_same = config.broker == recorded.broker
    models = recorded_models(told, ROLES, current_code=False) if is_same else load_models(config.broker)
    funds = None
    if is_simulated and rules > FIRST_RULES:
        risk, currency = config.risk, config.portfolio.currency
        funds = FundsRules(risk.require_cash, bool(risk.require_margin), currency)
    return TwinSettings(config.broker, models, config.portfolio, funds, rules)


class TwinCore:
    """The components of a twin on a bus of their own."""

    def __init__(self, settings: TwinSettings) -> None:
        self.settings = settings
        rules = settings.rules
        bus, hours = EventBus(), VenueFacts()
        self.bus = bus
        self.market = MarketData(bus, bars_needed={}, hours=hours, rules=rules)
        books = OrderBooks(symbols=None if settings.broker.book is not None else frozenset())
        account = None
        if settings.funds is not None:
            account = portfolio_of(settings.portfolio, self.market, hours=hours, rules=rules)
        venue = SimulatedVenue(settings.broker, settings.models, settings.funds, rules)
        self._broker = SimulatedBroker(
            bus,
            settings.broker,
            models=venue.models,
            hours=hours,
            books=books,
            account=account,
            funds_rules=settings.funds,
            legs=account if isinstance(account, HedgedPortfolio) else None,
            rules=rules,
        )
        for component in (self.market, hours, books):
            bus.register(component)
        bus.register_watching(self._broker)
        if account is not None:
            bus.register(account)
        self._count = NetCount(self._broker.state, None)

    def take_over(self, before: "TwinCore") -> None:
        """Go on with the state of a core of other settings. Raises ``ComponentError`` if it does not fit."""
        take_over(self.bus, take(before.bus))

    def waits_for(self, symbol: str) -> bool:
        """Whether market data of a symbol may fill an order that is at the venue, or on its way to it."""
        state = self._broker.state
        return symbol in state.resting or bool(state.requests.in_flight)

    def take(self, events: Sequence[Event]) -> list[ExecutionReport]:
        """Take events in the order of the log, and answer the reports of the simulated venue.

        Raises ``ComponentError`` if one of the components fails: its answers would be worth nothing then.
        """
        self.bus.dispatch(events)
        return self._reports()

    def advance(self, ts: int) -> list[ExecutionReport]:
        """Let time pass up to ``ts``, with what is due at that moment."""
        self.bus.advance(ts)
        return self._reports()

    def is_working(self, key: ClientOrderId) -> bool:
        """Whether an order rests at the venue or is on its way to it."""
        state = self._broker.state
        for orders in state.resting.values():
            if any(one.order.client_order_id == key for one in orders):
                return True
        on_the_way = (one.event for one in state.requests.in_flight)
        return any(isinstance(one, OrderSubmitted) and one.order.client_order_id == key for one in on_the_way)

    def move_position(self, order: Order, quantity: Decimal) -> None:
        """Change the position that the venue counts for the order's strategy, as a fill would."""
        if quantity:
            self._count.move(order, quantity if order.side is BUY else -quantity)

    def mid_price(self, symbol: str) -> Decimal | None:
        """The mid price of the last quote with both sides; ``None`` without one."""
        quote = self.bus.last_two_sided(symbol)
        if quote is None:
            return None
        return (Decimal(repr(quote.bid)) + Decimal(repr(quote.ask))) / 2

    def last_price(self, symbol: str) -> Decimal | None:
        """The last price of a symbol: a mid price, a trade or the close of a bar."""
        price = self.market.last_price(symbol)
        return None if price is None else Decimal(repr(price))

    def _reports(self) -> list[ExecutionReport]:
        made = self.bus.derived.events
        if not made:
            return []
        error = self.bus.first_error
        if error is not None:
            raise ComponentError(f"the twin failed: {words_of(error)}") from error
        return [event for event in self.bus.take_derived().events if isinstance(event, ExecutionReport)]
