"""Each strategy's part of the account: its capital and its buying power.

A strategy without capital of its own may use the whole account. Capital is computed like the account's
equity, and initial margin like the account's: notional times margin rate. So capital less margin is the
buying power of a separate account.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Protocol

from components.portfolio.position import ZERO
from components.portfolio.strategy_figures import StrategyFigures
from kernel.identifiers import StrategyId
from strategies.sdk.strategy_limits import Capital


class AccountView(Protocol):
    """The account that all strategies share."""

    @property
    def equity(self) -> Decimal: ...
    @property
    def buying_power(self) -> Decimal: ...
    def margin_rate(self, symbol: str) -> Decimal: ...
    def strategy_position(self, strategy: StrategyId, symbol: str) -> Decimal: ...
    def rate(self, currency: str) -> Decimal | None: ...


class DayView(Protocol):
    """The trading day."""

    def day_loss(self, strategy: StrategyId) -> Decimal: ...


class Shares:
    """Read-only figures by strategy, in the account's currency."""

    def __init__(
        self,
        capital: Mapping[StrategyId, Capital],
        *,
        account: AccountView,
        figures: StrategyFigures,
        day: DayView,
    ) -> None:
        self._capital = capital
        self._account = account
        self._figures = figures
        self.exposures = figures.exposures
        self.day_loss = day.day_loss

    def capital(self, strategy: StrategyId) -> Decimal:
        """The capital of the strategy now; without one of its own, the account's equity."""
        own = self._capital.get(strategy)
        if own is None:
            return self._account.equity
        if own.fraction is not None:
            return own.fraction * self._account.equity
        assert own.amount is not None, f"{strategy}: capital with neither fraction nor amount"
        return own.amount + self._figures.worth(strategy)

    def initial_margin(self, strategy: StrategyId) -> Decimal:
        """The initial margin of its positions."""
        return sum(
            (value * self._account.margin_rate(symbol) for symbol, value in self.exposures(strategy)), ZERO
        )

    def known_capital(self, strategy: StrategyId) -> Decimal | None:
        """``capital``; ``None`` while a needed price or rate is not known."""
        own = self._capital.get(strategy)
        is_own = own is not None and own.amount is not None
        is_known = self._figures.is_known(strategy) if is_own else self._figures.is_complete
        return self.capital(strategy) if is_known else None

    def buying_power(self, strategy: StrategyId) -> Decimal | None:
        """Its capital less its initial margin, at most the account's buying power. ``None`` as above."""
        if not self._figures.is_complete:
            return None
        power = self._account.buying_power
        if strategy not in self._capital:
            return power
        return min(power, self.capital(strategy) - self.initial_margin(strategy))

    def sizing(self, strategy: StrategyId) -> "AccountView | OwnAccount":
        """The account by which the strategy's orders are sized."""
        return OwnAccount(strategy, self, self._account) if strategy in self._capital else self._account


class OwnAccount:
    """The account by which a strategy with capital of its own sizes its orders."""

    def __init__(self, strategy: StrategyId, shares: Shares, account: AccountView) -> None:
        self._strategy = strategy
        self._shares = shares
        self.strategy_position = account.strategy_position
        self.rate = account.rate

    @property
    def equity(self) -> Decimal:
        """Its capital."""
        return self._shares.capital(self._strategy)
