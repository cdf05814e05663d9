"""A strategy's view of its part of the account."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Protocol

from kernel.errors import ComponentError
from kernel.events import BUY, Order, PositionSide
from kernel.identifiers import StrategyId
from kernel.position_sides import LONG_LEG, SHORT_LEG, position_side_of, size_of
from strategies.sdk.context import PositionLeg

ZERO = Decimal(0)


class AccountView(Protocol):
    """The account that all strategies share."""

    @property
    def cash(self) -> Decimal: ...
    @property
    def equity(self) -> Decimal: ...
    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...
    def strategy_positions(self, strategy: StrategyId) -> Mapping[str, Decimal]: ...


class FiguresView(Protocol):
    """The figures of the strategies' ledgers."""

    @property
    def currency(self) -> str: ...
    def average_price(self, strategy: StrategyId, symbol: str) -> Decimal | None: ...
    def market_value(self, strategy: StrategyId, symbol: str | None) -> Decimal | None: ...
    def unrealised_pnl(self, strategy: StrategyId, symbol: str | None) -> Decimal | None: ...
    def realised_pnl(self, strategy: StrategyId, symbol: str | None) -> Decimal | None: ...
    def commissions(self, strategy: StrategyId) -> Decimal | None: ...
    def income(self, strategy: StrategyId) -> Decimal | None: ...


class LegsView(Protocol):
    """The legs of hedging mode."""

    def leg(self, strategy: StrategyId, symbol: str, side: PositionSide) -> PositionLeg: ...
    def strategy_leg(self, strategy: StrategyId, symbol: str, side: PositionSide) -> Decimal: ...


class SharesView(Protocol):
    """The strategies' shares of the account; ``None`` while a price or rate is missing."""

    def known_capital(self, strategy: StrategyId) -> Decimal | None: ...
    def buying_power(self, strategy: StrategyId) -> Decimal | None: ...


class DayView(Protocol):
    """The P&L of the trading day."""

    def day_pnl(self, strategy: StrategyId, symbol: str | None) -> Decimal | None: ...


class OrdersView(Protocol):
    """The orders."""

    def open_orders(self, strategy: StrategyId, symbol: str | None) -> Sequence[Order]: ...


class StrategyPortfolio:
    """Implements the SDK's ``PortfolioView``, which explains the figures.

    ``day``: ``None`` if the strategy does not declare that it needs the day's P&L.
    """

    def __init__(
        self,
        strategy: StrategyId,
        *,
        account: AccountView,
        figures: FiguresView,
        shares: SharesView,
        orders: OrdersView,
        day: DayView | None = None,
    ) -> None:
        self._strategy = strategy
        self._account = account
        self._figures = figures
        self._shares = shares
        self._orders = orders
        self._day = day

    @property
    def currency(self) -> str:
        """The account's currency."""
        return self._figures.currency

    @property
    def cash(self) -> Decimal:
        """The account's cash."""
        return self._account.cash

    @property
    def equity(self) -> Decimal:
        """The account's cash and positions at last prices."""
        return self._account.equity

    @property
    def buying_power(self) -> Decimal | None:
        """The equity or capital that open positions leave for new ones."""
        return self._shares.buying_power(self._strategy)

    @property
    def capital(self) -> Decimal | None:
        """The capital of this strategy."""
        return self._shares.known_capital(self._strategy)

    def position(self, symbol: str) -> Decimal:
        """Signed quantity held by this strategy."""
        return self._account.strategy_position(self._strategy, symbol)

    def closable(self, order: Order) -> Decimal:
        """The size of the position that an order would make smaller; 0 or below if there is none."""
        held = self.position(order.symbol)
        return -held if order.side is BUY else held

    def long(self, symbol: str) -> PositionLeg:
        """The long leg."""
        raise self._no_legs(symbol)

    def short(self, symbol: str) -> PositionLeg:
        """The short leg."""
        raise self._no_legs(symbol)

    def _no_legs(self, symbol: str) -> ComponentError:
        return ComponentError(
            f"ctx.portfolio: {symbol} has one net position (ctx.portfolio.position); it has a long and a "
            "short leg with portfolio: {position_mode: hedging}"
        )

    def positions(self) -> Mapping[str, Decimal]:
        """This strategy's open positions by symbol."""
        return self._account.strategy_positions(self._strategy)

    def open_orders(self, symbol: str | None = None) -> Sequence[Order]:
        """This strategy's unfinished orders, oldest first."""
        return self._orders.open_orders(self._strategy, symbol)

    def average_price(self, symbol: str) -> Decimal | None:
        """The average cost of a unit of the open position, in the instrument's currency."""
        return self._figures.average_price(self._strategy, symbol)

    def market_value(self, symbol: str | None = None) -> Decimal | None:
        """The signed value of open positions."""
        return self._figures.market_value(self._strategy, symbol)

    def unrealised_pnl(self, symbol: str | None = None) -> Decimal | None:
        """P&L of open positions."""
        return self._figures.unrealised_pnl(self._strategy, symbol)

    def realised_pnl(self, symbol: str | None = None) -> Decimal | None:
        """P&L of closed positions."""
        return self._figures.realised_pnl(self._strategy, symbol)

    def day_pnl(self, symbol: str | None = None) -> Decimal | None:
        """P&L since the trading day began; raises ``ComponentError`` if it is not recorded."""
        if self._day is None:
            raise ComponentError(
                f"ctx.portfolio.day_pnl: it is kept for strategies that name it; give the metadata of "
                f'{self._strategy!r} features=("day_pnl",)'
            )
        return self._day.day_pnl(self._strategy, symbol)

    def commissions(self) -> Decimal | None:
        """All commissions paid."""
        return self._figures.commissions(self._strategy)

    def income(self) -> Decimal | None:
        """Dividends, interest, fees and funding."""
        return self._figures.income(self._strategy)


class HedgedStrategyPortfolio(StrategyPortfolio):
    """The view of a strategy that holds long and short legs."""

    def __init__(
        self,
        strategy: StrategyId,
        legs: LegsView,
        *,
        account: AccountView,
        figures: FiguresView,
        shares: SharesView,
        orders: OrdersView,
        day: DayView | None = None,
    ) -> None:
        super().__init__(strategy, account=account, figures=figures, shares=shares, orders=orders, day=day)
        self._legs = legs

    def closable(self, order: Order) -> Decimal:
        if not order.reduce_only:
            return ZERO
        side = position_side_of(order)
        return size_of(self._legs.strategy_leg(self._strategy, order.symbol, side), side)

    def long(self, symbol: str) -> PositionLeg:
        return self._legs.leg(self._strategy, symbol, LONG_LEG)

    def short(self, symbol: str) -> PositionLeg:
        return self._legs.leg(self._strategy, symbol, SHORT_LEG)
