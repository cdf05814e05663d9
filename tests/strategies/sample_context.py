"""A small real ``Context`` for strategies under test: last bars and quotes, cash, positions, orders.

Orders fill when the test says so, at the last price, without costs.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from random import Random

from components.portfolio.position import Holding, apply_fill
from components.strategy_host.calendar_view import StrategyCalendar
from components.venue_facts import VenueFacts
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.time_units import DAY_NS
from strategies.sdk import (
    Adjustment,
    Bar,
    Context,
    DataIssueFound,
    Decision,
    Decisions,
    Figure,
    InstrumentDefined,
    Order,
    OrderBook,
    PlaceOrder,
    PositionLeg,
    Quote,
    RiskLimits,
    Side,
    Strategy,
    StrategyLimits,
    StrategyParams,
    StrategyState,
    Trade,
)
from strategies.sdk.strategy import ParamsT, StateT

AnyStrategy = Strategy[StrategyParams, StrategyState]

MOST_BARS = 1_000


class SamplePortfolio:
    """Positions of one strategy, marked at the last prices of its context."""

    def __init__(self, cash: Decimal) -> None:
        self.currency = "USD"
        self.cash = cash
        self.prices: dict[str, float] = {}
        self.working: list[Order] = []
        self._positions: dict[str, Decimal] = {}
        self._costs: dict[str, Decimal] = {}
        self._realised: dict[str, Decimal] = {}

    @property
    def equity(self) -> Decimal:
        values = (held * Decimal(str(self.prices[symbol])) for symbol, held in self._positions.items())
        return self.cash + sum(values, Decimal(0))

    def position(self, symbol: str) -> Decimal:
        return self._positions.get(symbol, Decimal(0))

    def long(self, symbol: str) -> PositionLeg:
        raise AssertionError(f"{symbol}: this context is in netting mode")

    def short(self, symbol: str) -> PositionLeg:
        raise AssertionError(f"{symbol}: this context is in netting mode")

    def positions(self) -> Mapping[str, Decimal]:
        return {symbol: held for symbol, held in self._positions.items() if held}

    @property
    def capital(self) -> Decimal | None:
        return self.equity

    @property
    def buying_power(self) -> Decimal | None:
        return self.equity - sum(
            (abs(self._value(symbol)) for symbol, held in self._positions.items() if held), Decimal(0)
        )

    def average_price(self, symbol: str) -> Decimal | None:
        held = self.position(symbol)
        return self._costs[symbol] / held if held else None

    def market_value(self, symbol: str | None = None) -> Decimal | None:
        return sum((self._value(each) for each in self._chosen(symbol)), Decimal(0))

    def unrealised_pnl(self, symbol: str | None = None) -> Decimal | None:
        return sum((self._value(each) - self._costs[each] for each in self._chosen(symbol)), Decimal(0))

    def realised_pnl(self, symbol: str | None = None) -> Decimal | None:
        return sum((self._realised.get(each, Decimal(0)) for each in self._chosen(symbol)), Decimal(0))

    def day_pnl(self, symbol: str | None = None) -> Decimal | None:  # noqa: ARG002  # there are no days here
        return None

    def commissions(self) -> Decimal | None:
        return Decimal(0)

    def income(self) -> Decimal | None:
        return Decimal(0)

    def _value(self, symbol: str) -> Decimal:
        return self.position(symbol) * Decimal(str(self.prices.get(symbol, 0)))

    def _chosen(self, symbol: str | None) -> Sequence[str]:
        return [each for each in self._positions if symbol in (None, each)]

    def open_orders(self, symbol: str | None = None) -> Sequence[Order]:
        return [order for order in self.working if symbol in (None, order.symbol)]

    def fill(self, order: PlaceOrder) -> None:
        """Trade the whole order at the last price of its symbol."""
        symbol, price = order.symbol, Decimal(str(self.prices[order.symbol]))
        quantity, holding = signed(order), Holding(self.position(symbol), self._costs.get(symbol, Decimal(0)))
        apply_fill(holding, quantity, unit_price=price)
        self.cash -= quantity * price
        self._positions[symbol], self._costs[symbol] = holding.quantity, holding.cost
        self._realised[symbol] = self._realised.get(symbol, Decimal(0)) + holding.realised_pnl


class SampleContext:
    """Holds what the test has shown it, and as many bars as the strategy said it needs."""

    def __init__(self, *symbols: str, cash: Decimal = Decimal(100_000)) -> None:
        self.now = 0
        self.strategy = "sample"
        self.symbols = tuple(sorted(symbols))
        self.portfolio = SamplePortfolio(cash)
        self.calendar = StrategyCalendar(VenueFacts(), lambda: self.now)
        self.logged: list[tuple[str, dict[str, Figure]]] = []
        self.risk_limits = RiskLimits()
        self.own_limits = StrategyLimits()
        self.random = Random(0)
        self.environment: Mapping[str, str] = {}
        self.lots: dict[str, Decimal] = {}
        self.trades: dict[str, Trade] = {}
        self.books: dict[str, OrderBook] = {}
        self._bars: dict[str, deque[Bar]] = defaultdict(lambda: deque(maxlen=MOST_BARS))
        self._quotes: dict[str, Quote] = {}

    def see(self, event: Bar | Quote) -> None:
        """Make the event the latest that is known."""
        self.now = event.ts
        if isinstance(event, Bar):
            self._bars[event.symbol].append(event)
            self.portfolio.prices[event.symbol] = event.close
        else:
            self._quotes[event.symbol] = event
            self.portfolio.prices[event.symbol] = (event.bid + event.ask) / 2

    def instrument(self, symbol: str) -> InstrumentDefined:
        return InstrumentDefined(0, symbol, lot_size=self.lots.get(symbol, Decimal(1)))

    def history(
        self,
        symbol: str,
        count: int,
        *,
        timeframe: str = "",  # noqa: ARG002  # bars of one timeframe are shown here
        adjustment: Adjustment = Adjustment.SPLITS,  # noqa: ARG002  # and none is split
    ) -> Sequence[Bar]:
        bars = self._bars[symbol]
        return list(bars)[max(len(bars) - count, 0) :]

    def last_price(self, symbol: str) -> float | None:
        return self.portfolio.prices.get(symbol)

    def last_quote(self, symbol: str) -> Quote | None:
        return self._quotes.get(symbol)

    def last_trade(self, symbol: str) -> Trade | None:
        return self.trades.get(symbol)

    def data_quality(self, symbol: str) -> Sequence[DataIssueFound]:
        del symbol  # made-up data have no issues
        return ()

    def book(self, symbol: str) -> OrderBook | None:
        return self.books.get(symbol)

    def log(self, words: str, /, **figures: Figure) -> None:
        self.logged.append((words, figures))


def attach(strategy: Strategy[ParamsT, StateT], *symbols: str) -> SampleContext:
    """Give the strategy a context of its own for these symbols."""
    context = SampleContext(*symbols)
    strategy.ctx = as_context(context)
    return context


def as_context(context: SampleContext) -> Context:
    """The sample as the protocol that it fulfils."""
    return context


def daily_bar(day: int, symbol: str, close: float) -> Bar:
    """A bar of day ``day`` since 1970 in which nothing but its close matters."""
    open_ts = day * DAY_NS
    return Bar(open_ts + DAY_NS, symbol, "1d", close, close, close, close, 1000.0, open_ts)


def as_list(decisions: Decisions) -> list[Decision]:
    """What a hook returned, as the host reads it."""
    if decisions is None:
        return []
    return list(decisions) if isinstance(decisions, Iterable) else [decisions]


def orders_of(decisions: Decisions) -> list[PlaceOrder]:
    """The orders that a hook returned."""
    return [decision for decision in as_list(decisions) if isinstance(decision, PlaceOrder)]


def signed(order: PlaceOrder) -> Decimal:
    """The order's quantity, below zero for a sale."""
    quantity = Decimal(str(order.quantity))
    return quantity if order.side is Side.BUY else -quantity


def decide(strategy: Strategy[ParamsT, StateT], events: Iterable[Bar | Quote]) -> list[list[Decimal]]:
    """Show the events to a strategy with its context attached; signed order quantities per event."""
    context = strategy.ctx
    assert isinstance(context, SampleContext)
    taken: list[list[Decimal]] = []
    for event in events:
        context.see(event)
        decisions = strategy.on_bar(event) if isinstance(event, Bar) else strategy.on_quote(event)
        taken.append([signed(order) for order in orders_of(decisions)])
    return taken


def on_closes(strategy: Strategy[ParamsT, StateT], closes: Iterable[float]) -> list[int]:
    """Net signed order quantity at each close of one symbol."""
    attach(strategy, "SPY")
    bars = [daily_bar(day, "SPY", close) for day, close in enumerate(closes)]
    return [int(sum(quantities)) for quantities in decide(strategy, bars)]


def working_order(symbol: str) -> Order:
    """An order of the sample strategy that a venue still works."""
    from_strategy = PlaceOrder(symbol, Side.SELL, 1)
    return Order(
        ClientOrderId("1"), StrategyId("sample"), symbol, Side.SELL, from_strategy.order_type, Decimal(1)
    )
