"""A portfolio on a bus with market data, and the events that happen to it."""

from collections.abc import Sequence
from decimal import Decimal
from fractions import Fraction

from components.market_data import MarketData
from components.portfolio.portfolio import Portfolio, PortfolioConfig
from components.portfolio.state import Ledger
from kernel.bus import EventBus
from kernel.events import (
    AccountMarked,
    Bar,
    Event,
    FillCorrected,
    OrderFilled,
    PositionChanged,
    SessionStopped,
    Side,
)
from kernel.identifiers import ClientOrderId, FillId, StrategyId

ONE, TWO = StrategyId("one"), StrategyId("two")
ZERO = Decimal(0)


class Account:
    """A portfolio on a bus, with what the market says."""

    def __init__(self, config: PortfolioConfig | None = None) -> None:
        self.bus = EventBus()
        self.market = MarketData(self.bus, bars_needed={})
        self.portfolio = Portfolio(self.market, config or PortfolioConfig())
        self.bus.register(self.market)
        self.bus.register(self.portfolio)

    def hear(self, *events: Event) -> Sequence[Event]:
        """What follows from these events."""
        self.bus.dispatch(events)
        return self.bus.take_derived().events

    def changes(self, *events: Event) -> list[PositionChanged]:
        """How positions change by these events, all of whose consequences are such changes."""
        made = self.hear(*events)
        changed = [event for event in made if isinstance(event, PositionChanged)]
        assert len(changed) == len(made)
        return changed

    def marks(self) -> Sequence[Event]:
        """All marks at market prices, now."""
        return self.hear(SessionStopped(self.bus.now, 1))

    def mark(self) -> AccountMarked:
        """The account at market prices, now."""
        marked = self.marks()[0]
        assert isinstance(marked, AccountMarked)
        return marked

    def held(self, symbol: str, strategy: StrategyId = ONE) -> tuple[Decimal, Decimal, Decimal]:
        """Quantity, cost and realised P&L of a position."""
        position = self.portfolio.state.positions[strategy][symbol]
        return position.quantity, position.cost, position.realised_pnl

    def ledger(self, strategy: StrategyId = ONE, currency: str = "USD") -> Ledger:
        """A strategy's ledger."""
        return self.portfolio.state.ledgers[strategy][currency]

    def sum_of(self, column: str, currency: str) -> Fraction:
        """One column of all ledgers in a currency."""
        ledgers = self.portfolio.state.ledgers.values()
        return sum(
            (
                Fraction(getattr(by_currency[currency], column))
                for by_currency in ledgers
                if currency in by_currency
            ),
            Fraction(0),
        )


def money(*amounts: int | str | Decimal) -> tuple[Decimal, ...]:
    """Exact amounts, for comparing."""
    return tuple(map(Decimal, amounts))


def fill(
    side: Side,
    quantity: str,
    price: str,
    *,
    symbol: str = "A",
    commission: str = "0",
    strategy: StrategyId = ONE,
    fill_id: str = "f",
    currency: str = "USD",
) -> OrderFilled:
    return OrderFilled(
        0,
        ClientOrderId("o"),
        strategy,
        symbol,
        side,
        Decimal(quantity),
        Decimal(price),
        Decimal(commission),
        ZERO,
        FillId(fill_id),
        currency=currency,
    )


def corrected(
    old: OrderFilled, *, quantity: str, price: str = "1", symbol: str = "", actions_since: int = 0
) -> FillCorrected:
    """The venue changes a fill; quantity 0 undoes it. ``symbol`` is what its symbol is called now."""
    return FillCorrected(
        0,
        old.client_order_id,
        old.strategy,
        symbol or old.symbol,
        old.side,
        old.fill_id,
        old.quantity,
        old.price,
        Decimal(quantity),
        Decimal(price),
        old.symbol if symbol else "",
        actions_since,
        ZERO if Decimal(quantity) else old.commission,
        old.currency,
    )


def bar(symbol: str, close: float, ts: int = 0) -> Bar:
    return Bar(ts, symbol, "1d", close, close, close, close, 1.0)
