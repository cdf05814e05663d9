"""What the account is worth at last prices: worked out when somebody asks, never per market event.

A position without any price yet is worth what it cost. The value of a future's or perpetual's position is
its notional where exposure is meant, and its unrealised P&L where equity is. Amounts in other currencies
are converted at the last logged rates; without a rate they count at par, so that nothing is hidden, and
``rate`` says that there is none.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal

from components.portfolio.bookkeeping import Bookkeeping, PriceView
from components.portfolio.config import AccountType, PortfolioConfig
from components.portfolio.position import ZERO
from components.portfolio.rates import rate_between
from components.portfolio.state import Ledger, Position
from kernel.events import CurrencyBalance, ExposureShare
from kernel.identifiers import StrategyId

ONE = Decimal(1)
LEVERAGE_QUANTUM = Decimal("1E-10")
UNBOUNDED = Decimal("Infinity")


class Valuation:
    """Read-only figures of the books. Amounts are in the account's currency unless said."""

    def __init__(self, bookkeeping: Bookkeeping, prices: PriceView, config: PortfolioConfig) -> None:
        self._bookkeeping = bookkeeping
        self._prices = prices
        self._currency = config.currency
        self._is_cash_account = config.account_type is AccountType.CASH

    # --- money --------------------------------------------------------------------------------

    def rate(self, currency: str) -> Decimal | None:
        """What one unit of a currency is worth in the account's; ``None`` where no logged rate tells."""
        return rate_between(self._bookkeeping.state.rates, currency, self._currency)

    def converted(self, amount: Decimal, currency: str) -> Decimal:
        """An amount in the account's currency, at par where there is no rate."""
        if currency == self._currency:
            return amount
        rate = self.rate(currency)
        return amount if rate is None else amount * rate

    @property
    def cash(self) -> Decimal:
        """What is in the account, in all currencies."""
        state = self._bookkeeping.state
        if not state.foreign:
            return state.cash
        return state.cash + sum((self.converted(cash, name) for name, cash in state.foreign.items()), ZERO)

    def balances(self) -> Mapping[str, Decimal]:
        """Cash by currency, each in its own; the account's currency first."""
        return {self._currency: self._bookkeeping.state.cash, **self._bookkeeping.state.foreign}

    def currency_balances(self) -> tuple[CurrencyBalance, ...]:
        """``balances`` with the rates they count at."""
        return tuple(
            CurrencyBalance(name, cash, self.converted(ONE, name)) for name, cash in self.balances().items()
        )

    def total(self, column: Callable[[Ledger], Decimal]) -> Decimal:
        """One column of all ledgers."""
        return sum(
            (
                self.converted(column(ledger), currency)
                for ledgers in self._bookkeeping.state.ledgers.values()
                for currency, ledger in ledgers.items()
            ),
            ZERO,
        )

    # --- positions ----------------------------------------------------------------------------

    def unit_value(self, symbol: str) -> Decimal | None:
        """What one unit is worth in the instrument's currency: exact for the float that was read, so that
        equity adds up exactly; ``None`` before the first price.
        """
        price = self._prices.last_price(symbol)
        known = self._bookkeeping.state.expected_prices.get(symbol) if price is None else Decimal(repr(price))
        return None if known is None else known * self._prices.instrument(symbol).multiplier

    def value_of(self, symbol: str) -> Decimal:
        """The signed value of the net position: its notional, of a future too."""
        quantity = self._bookkeeping.state.net.get(symbol)
        if quantity is None:
            return ZERO
        unit = self.unit_value(symbol)
        value = self._cost_of(symbol) if unit is None else quantity * unit
        return self.converted(value, self._bookkeeping.terms(symbol).currency)

    def unrealised(self, strategy: StrategyId, symbol: str) -> Decimal:
        """P&L of one strategy's open position."""
        position = self._bookkeeping.state.positions.get(strategy, {}).get(symbol)
        if position is None:
            return ZERO
        return self.converted(self._gain(symbol, position), self._bookkeeping.terms(symbol).currency)

    def ledger_unrealised(self, strategy: StrategyId, currency: str) -> Decimal:
        """P&L of all of one strategy's open positions in a currency, in that currency."""
        positions = self._bookkeeping.state.positions.get(strategy, {})
        return sum(
            (
                self._gain(symbol, position)
                for symbol, position in positions.items()
                if self._bookkeeping.terms(symbol).currency == currency
            ),
            ZERO,
        )

    def assets(self) -> tuple[Decimal, Decimal]:
        """What all positions add to the equity, and their gross exposure."""
        state = self._bookkeeping.state
        value = gross = ZERO
        for symbol in state.holders:
            terms = self._bookkeeping.terms(symbol)
            unit, quantity = self.unit_value(symbol), state.net.get(symbol)
            if unit is None:
                worth = self._cost_of(symbol)
            elif quantity is not None:
                worth = quantity * unit
            elif terms.is_settled:
                worth = ZERO
            else:
                continue  # strategies on opposite sides: nothing is held, at whatever price
            worth = self.converted(worth, terms.currency)
            if quantity is not None:
                gross += abs(worth)
            if terms.is_settled:
                worth -= self.converted(self._cost_of(symbol), terms.currency)
            value += worth
        return value, gross

    def paid_cost(self) -> Decimal:
        """What was paid for the positions held; futures are not paid for."""
        cost = ZERO
        for positions in self._bookkeeping.state.positions.values():
            for symbol, position in positions.items():
                terms = self._bookkeeping.terms(symbol)
                if not terms.is_settled:
                    cost += self.converted(position.cost, terms.currency)
        return cost

    def _cost_of(self, symbol: str) -> Decimal:
        """What the positions in a symbol cost, over all strategies, in the instrument's currency."""
        positions = self._bookkeeping.state.positions
        return sum(
            (positions[holder][symbol].cost for holder in self._bookkeeping.state.holders[symbol]), ZERO
        )

    def _gain(self, symbol: str, position: Position) -> Decimal:
        unit = self.unit_value(symbol) if position.quantity else ZERO
        return ZERO if unit is None else position.quantity * unit - position.cost

    # --- margin -------------------------------------------------------------------------------

    def margin_rate(self, symbol: str) -> Decimal:
        """The part of a notional that a position takes of the buying power.

        All of it in a cash account, but for futures and perpetuals; else the instrument's rate.
        """
        if self._is_cash_account and not self._bookkeeping.terms(symbol).is_settled:
            return ONE
        return self._prices.instrument(symbol).margin_rate

    def initial_margin(self) -> Decimal:
        """What the net positions take of the buying power."""
        return sum((abs(self.value_of(symbol)) * self.margin_rate(symbol) for symbol in self._net), ZERO)

    def maintenance_margin(self) -> Decimal:
        """The equity that must stay for the net positions."""
        margin = ZERO
        for symbol in self._net:
            rate = self.margin_rate(symbol)
            if not self._is_cash_account or self._bookkeeping.terms(symbol).is_settled:
                rate = self._prices.instrument(symbol).maintenance_margin_rate or rate
            margin += abs(self.value_of(symbol)) * rate
        return margin

    @property
    def _net(self) -> Iterable[str]:
        return self._bookkeeping.state.net

    # --- exposure -----------------------------------------------------------------------------

    def exposure_by(self, name_of: Callable[[str], str]) -> tuple[ExposureShare, ...]:
        """Values of net positions summed by a name of their symbol, in order of opening; ``short`` is 0 or
        below."""
        shares: dict[str, tuple[Decimal, Decimal]] = {}
        for symbol in self._net:
            value, name = self.value_of(symbol), name_of(symbol)
            long, short = shares.get(name, (ZERO, ZERO))
            shares[name] = (long + value, short) if value > 0 else (long, short + value)
        return tuple(ExposureShare(name, long, short) for name, (long, short) in shares.items())

    def sector_of(self, symbol: str) -> str:
        """The sector of an instrument, empty where it has none."""
        return self._prices.instrument(symbol).sector

    def currency_of(self, symbol: str) -> str:
        """The currency that positions in a symbol are booked in."""
        return self._bookkeeping.terms(symbol).currency


def leverage(gross_exposure: Decimal, equity: Decimal) -> Decimal:
    """Gross exposure over equity; without equity infinite, or 0 without exposure."""
    if not gross_exposure:
        return ZERO
    return (gross_exposure / equity).quantize(LEVERAGE_QUANTUM) if equity > 0 else UNBOUNDED
