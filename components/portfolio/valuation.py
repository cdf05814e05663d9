"""The value of the account at last prices.

It remembers nothing: every figure is computed on request from the bookings and the last prices, never per
market event, and it changes no booking.

- A position without a price counts at cost.
- A future or perpetual counts with its notional in exposure, and with its unrealised P&L in equity.
- An inverse contract is booked at its notional below 0, which rises with the price: value less cost is its
  P&L (``unit_value``). In exposure and margin its notional counts.
- An amount in another currency is converted at the last logged rate. Without a rate it counts at par, so that
  it is not hidden; ``rate`` then returns ``None``.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from components.portfolio.bookkeeping import Bookkeeping, PriceView
from components.portfolio.config import AccountType, PortfolioConfig
from components.portfolio.option_margin import short_option_margin
from components.portfolio.position import ZERO
from components.portfolio.rates import rate_between
from components.portfolio.state import Ledger, Position
from kernel.events import (
    SELL,
    AssetClass,
    CashMoved,
    CurrencyBalance,
    ExposureShare,
    InstrumentDefined,
    Side,
)
from kernel.identifiers import StrategyId
from kernel.rules import FIRST_RULES

ONE = Decimal(1)
LEVERAGE_QUANTUM = Decimal("1E-10")
UNBOUNDED = Decimal("Infinity")
LONG_MAINTENANCE, SHORT_MAINTENANCE = Decimal("0.25"), Decimal("0.3")
"""The maintenance margin of shares by FINRA rule 4210(c), for instruments that declare none."""


class ReceivablesView(Protocol):
    """Payments that were earned and are not paid yet, in each their own currency; below 0 if we owe them."""

    def owed(self) -> Iterable[CashMoved]: ...


class NoReceivables:
    """Nothing is owed."""

    def owed(self) -> Iterable[CashMoved]:
        """No payment."""
        return ()


class Valuation:
    """Read-only figures of the account, in its currency unless stated otherwise."""

    def __init__(
        self,
        bookkeeping: Bookkeeping,
        prices: PriceView,
        config: PortfolioConfig,
        *,
        rules: int,
    ) -> None:
        self._rules = rules
        self._bookkeeping = bookkeeping
        self._prices = prices
        self._currency = config.currency
        self.receivables: ReceivablesView = NoReceivables()
        self._is_cash_account = config.account_type is not AccountType.MARGIN

    # --- money --------------------------------------------------------------------------------

    def rate(self, currency: str) -> Decimal | None:
        """The value of one unit of a currency in the account's currency; ``None`` if no rate is known."""
        return rate_between(self._bookkeeping.state.rates, currency, self._currency)

    def converted(self, amount: Decimal, currency: str) -> Decimal:
        """An amount in the account's currency; at par if no rate is known."""
        if currency == self._currency:
            return amount
        rate = self.rate(currency)
        return amount if rate is None else amount * rate

    @property
    def cash(self) -> Decimal:
        """Cash in all currencies."""
        state = self._bookkeeping.state
        if not state.foreign:
            return state.cash
        return state.cash + sum((self.converted(cash, name) for name, cash in state.foreign.items()), ZERO)

    def balances(self) -> Mapping[str, Decimal]:
        """Cash by currency, unconverted; the account's currency first."""
        return {self._currency: self._bookkeeping.state.cash, **self._bookkeeping.state.foreign}

    def currency_balances(self) -> tuple[CurrencyBalance, ...]:
        """``balances`` with their rates to the account's currency."""
        return tuple(
            CurrencyBalance(name, cash, self.converted(ONE, name)) for name, cash in self.balances().items()
        )

    def total(self, column: Callable[[Ledger], Decimal]) -> Decimal:
        """The sum of one column over all ledgers."""
        return sum(
            (
                self.converted(column(ledger), currency)
                for ledgers in self._bookkeeping.state.ledgers.values()
                for currency, ledger in ledgers.items()
            ),
            ZERO,
        )

    def owed(self, strategy: StrategyId | None = None) -> Decimal:
        """Dividends that are not paid yet, of one strategy or of all."""
        return sum(
            (
                self.converted(payment.amount, payment.currency)
                for payment in self.receivables.owed()
                if strategy is None or payment.strategy == strategy
            ),
            ZERO,
        )

    def ledger_owed(self, strategy: StrategyId, currency: str) -> Decimal:
        """Dividends of one strategy in one currency that are not paid yet, in that currency."""
        return sum(
            (
                payment.amount
                for payment in self.receivables.owed()
                if payment.strategy == strategy and payment.currency == currency
            ),
            ZERO,
        )

    # --- positions ----------------------------------------------------------------------------

    def unit_value(self, symbol: str) -> Decimal | None:
        """The value of one unit in the instrument's currency; ``None`` before the first price.

        The price is the exact decimal form of its float, so that equity adds up exactly.
        """
        price = self._prices.last_price(symbol)
        known = self._bookkeeping.state.expected_prices.get(symbol) if price is None else Decimal(repr(price))
        if known is None:
            return None
        terms = self._prices.instrument(symbol)
        return terms.unit_value(known) if terms.is_inverse else known * terms.multiplier

    def value_of(self, symbol: str) -> Decimal:
        """The signed value of the net position; for a future too, its notional."""
        quantity = self._bookkeeping.state.net.get(symbol)
        if quantity is None:
            return ZERO
        unit = self.unit_value(symbol)
        value = self._cost_of(symbol) if unit is None else quantity * unit
        terms = self._bookkeeping.terms(symbol)
        return self.converted(-value if terms.is_inverse else value, terms.currency)

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
        """The part of all positions in the equity, and their gross exposure."""
        value = gross = ZERO
        for symbol in self._bookkeeping.state.holders:
            worth, size = self.worth_of(symbol)
            value += worth
            gross += size
        return value, gross

    def worth_of(self, symbol: str) -> tuple[Decimal, Decimal]:
        """The part of a symbol's positions in the equity, and their gross exposure."""
        state = self._bookkeeping.state
        if symbol not in state.holders:
            return ZERO, ZERO
        terms = self._bookkeeping.terms(symbol)
        unit, quantity = self.unit_value(symbol), state.net.get(symbol)
        if unit is None:
            worth = self._cost_of(symbol)
        elif quantity is not None:
            worth = quantity * unit
        elif terms.is_settled:
            worth = ZERO
        else:
            return ZERO, ZERO  # opposite positions of strategies: net 0 at any price
        worth = self.converted(worth, terms.currency)
        size = ZERO if quantity is None else abs(worth)
        if terms.is_settled:
            worth -= self.converted(self._cost_of(symbol), terms.currency)
        return worth, size

    def paid_cost(self) -> Decimal:
        """The cost of all open positions but futures and perpetuals, which are not paid for."""
        cost = ZERO
        for positions in self._bookkeeping.state.positions.values():
            for symbol, position in positions.items():
                terms = self._bookkeeping.terms(symbol)
                if not terms.is_settled:
                    cost += self.converted(position.cost, terms.currency)
        return cost

    def _cost_of(self, symbol: str) -> Decimal:
        """The cost of a symbol's positions over all strategies, in the instrument's currency."""
        positions = self._bookkeeping.state.positions
        return sum(
            (positions[holder][symbol].cost for holder in self._bookkeeping.state.holders[symbol]), ZERO
        )

    def _gain(self, symbol: str, position: Position) -> Decimal:
        unit = self.unit_value(symbol) if position.quantity else ZERO
        return ZERO if unit is None else position.quantity * unit - position.cost

    # --- margin -------------------------------------------------------------------------------

    def margin_rate(self, symbol: str) -> Decimal:
        """The fraction of the net position's notional that uses up buying power.

        1 in a cash account, except for futures and perpetuals; otherwise the instrument's rate. For a short
        option it follows from the underlying (``option_margin``).
        """
        if self._bookkeeping.state.net.get(symbol, ZERO) < 0:
            rate = self._short_option_rate(symbol)
            if rate is not None:
                return rate
        return self._paid_rate(symbol)

    def opening_margin_rate(self, symbol: str, side: Side) -> Decimal:
        """``margin_rate`` of what an order of one side would open."""
        rate = self._short_option_rate(symbol) if side is SELL else None
        return self._paid_rate(symbol) if rate is None else rate

    def _short_option_rate(self, symbol: str) -> Decimal | None:
        """The margin of a short option as a fraction of its premium; ``None`` for other instruments."""
        terms = self._prices.instrument(symbol)
        if terms.asset_class is not AssetClass.OPTION or self._rules == FIRST_RULES:
            return None
        price = self._prices.last_price(symbol)
        premium = terms.tick_size if not price else Decimal(repr(price))
        underlying = self._prices.last_price(terms.underlying) if terms.underlying else None
        at = None if underlying is None else Decimal(repr(underlying))
        return short_option_margin(terms, premium, at) / premium

    def _paid_rate(self, symbol: str) -> Decimal:
        if self._is_cash_account and not self._bookkeeping.terms(symbol).is_settled:
            return ONE
        return self._prices.instrument(symbol).margin_rate

    def initial_margin(self) -> Decimal:
        """The buying power that the net positions use."""
        return sum((abs(self.value_of(symbol)) * self.margin_rate(symbol) for symbol in self._net), ZERO)

    def free_margin_at(self, symbol: str, price: Decimal) -> Decimal:
        """Equity less initial margin, with the position in one symbol valued at ``price``."""
        free = self.cash + self.assets()[0] - self.initial_margin()
        quantity = self._bookkeeping.state.net.get(symbol)
        if quantity is None:
            return free
        terms, value = self._bookkeeping.terms(symbol), self.value_of(symbol)
        unit = self._prices.instrument(symbol).unit_notional(price)
        at_price = self.converted(quantity * unit, terms.currency)
        gained = value - at_price if terms.is_inverse else at_price - value
        return free + gained - (abs(at_price) - abs(value)) * self.margin_rate(symbol)

    def maintenance_margin(self) -> Decimal:
        """The equity that the net positions require to stay open."""
        return sum((abs(self.value_of(symbol)) * self.maintenance_rate(symbol) for symbol in self._net), ZERO)

    def maintenance_rate(self, symbol: str) -> Decimal:
        """The fraction of a position's notional that the equity must not fall below.

        It is the declared rate, else the initial one; for instruments that are paid for at most FINRA's.
        """
        rate, declared = self.margin_rate(symbol), self._prices.instrument(symbol).maintenance_margin_rate
        is_settled = self._bookkeeping.terms(symbol).is_settled
        if self._rules == FIRST_RULES:
            return rate if self._is_cash_account and not is_settled else declared or rate
        is_short = self._bookkeeping.state.net.get(symbol, ZERO) < 0
        if is_short and self._prices.instrument(symbol).asset_class is AssetClass.OPTION:
            return rate
        if declared or is_settled:
            return declared or rate
        return min(rate, SHORT_MAINTENANCE if is_short else LONG_MAINTENANCE)

    @property
    def _net(self) -> Iterable[str]:
        return self._bookkeeping.state.net

    # --- exposure -----------------------------------------------------------------------------

    def exposure_by(self, name_of: Callable[[str], str]) -> tuple[ExposureShare, ...]:
        """Values of net positions summed by a name of their symbol, in order of opening.

        ``short`` is 0 or below.
        """
        shares: dict[str, tuple[Decimal, Decimal]] = {}
        for symbol in self._net:
            value, name = self.value_of(symbol), name_of(symbol)
            long, short = shares.get(name, (ZERO, ZERO))
            shares[name] = (long + value, short) if value > 0 else (long, short + value)
        return tuple(ExposureShare(name, long, short) for name, (long, short) in shares.items())

    def sector_of(self, symbol: str) -> str:
        """The sector of an instrument; empty without one."""
        return self._prices.instrument(symbol).sector

    def is_booked_by(self, terms: InstrumentDefined) -> bool:
        """Whether positions are booked by these terms; an open one keeps its old currency and class."""
        booked = self._bookkeeping.terms(terms.symbol)
        return booked.currency == terms.currency and booked.is_settled == terms.is_margined

    def currency_of(self, symbol: str) -> str:
        """The currency in which positions in a symbol are booked."""
        return self._bookkeeping.terms(symbol).currency


def leverage(gross_exposure: Decimal, equity: Decimal) -> Decimal:
    """Gross exposure over equity: 0 without exposure, else infinite without equity."""
    if not gross_exposure:
        return ZERO
    return (gross_exposure / equity).quantize(LEVERAGE_QUANTUM) if equity > 0 else UNBOUNDED
