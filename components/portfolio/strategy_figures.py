"""The figures of each strategy's ledger, computed on request and never per market event.

Amounts are in the account's currency, at the last logged rates. There are two kinds of figures:

- Figures for strategies are strict: ``None`` while a needed price or rate is not known.
- Figures for limits (``worth``, ``exposures``) are computed like the account's equity: a position without a
  price counts at cost, an amount without a rate at par.
"""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal

from components.portfolio.bookkeeping import Bookkeeping
from components.portfolio.position import COST_QUANTUM, ZERO
from components.portfolio.rates import rate_between
from components.portfolio.state import Ledger, Position
from components.portfolio.valuation import Valuation
from kernel.identifiers import StrategyId

_COST_PLACES = 10


class StrategyFigures:
    """Read-only figures by strategy. ``symbol`` ``None`` means all symbols of the strategy."""

    def __init__(self, bookkeeping: Bookkeeping, valuation: Valuation, currency: str) -> None:
        self._bookkeeping = bookkeeping
        self._valuation = valuation
        self.currency = currency
        """The account's currency."""

    # --- for strategies ---------------------------------------------------------------------------

    def average_price(self, strategy: StrategyId, symbol: str) -> Decimal | None:
        """The average cost of a unit of the open position, in the instrument's currency, to ten places."""
        return self.price_of(symbol, self._positions(strategy).get(symbol))

    def price_of(self, symbol: str, position: Position | None) -> Decimal | None:
        """The average cost of a unit of a position in a symbol.

        ``None`` if it is flat, and for inverse contracts at no cost: their price has no limit.
        """
        if position is None or not position.quantity:
            return None
        terms = self._bookkeeping.terms(symbol)
        if terms.is_inverse and not position.cost:
            return None
        units = position.quantity if terms.multiplier is None else position.quantity * terms.multiplier
        price = -units / position.cost if terms.is_inverse else position.cost / units
        exponent = price.as_tuple().exponent
        assert isinstance(exponent, int), f"{symbol}: the average price {price} is no number"
        return price if -exponent <= _COST_PLACES else price.quantize(COST_QUANTUM)

    def market_value(self, strategy: StrategyId, symbol: str | None) -> Decimal | None:
        """The signed value of open positions at last prices; for a future, its notional."""
        return _sum(self._value(each, position) for each, position in self._chosen(strategy, symbol))

    def unrealised_pnl(self, strategy: StrategyId, symbol: str | None) -> Decimal | None:
        """P&L of open positions: their value less their cost."""
        return _sum(
            self._in_own(self.gain(each, position), self._bookkeeping.terms(each).currency)
            for each, position in self._chosen(strategy, symbol)
        )

    def realised_pnl(self, strategy: StrategyId, symbol: str | None) -> Decimal | None:
        """P&L of closed positions, before commissions."""
        if symbol is None:
            return self._column(strategy, _realised)
        position = self._positions(strategy).get(symbol)
        if position is None:
            return ZERO
        return self._in_own(position.realised_pnl, self._bookkeeping.terms(symbol).currency)

    def commissions(self, strategy: StrategyId) -> Decimal | None:
        """All commissions of the strategy."""
        return self._column(strategy, _commissions)

    def income(self, strategy: StrategyId) -> Decimal | None:
        """Dividends from their ex-date on, interest, fees and funding: received less paid."""
        owed = _sum(
            self._in_own(payment.amount, payment.currency)
            for payment in self._valuation.receivables.owed()
            if payment.strategy == strategy
        )
        return _sum((self._column(strategy, _income), owed))

    def net_pnl(self, strategy: StrategyId) -> Decimal | None:
        """All that it has gained, after commissions, with income; ``None`` without a price or a rate."""
        realised, unrealised = self.realised_pnl(strategy, None), self.unrealised_pnl(strategy, None)
        commissions, income = self.commissions(strategy), self.income(strategy)
        if realised is None or unrealised is None or commissions is None or income is None:
            return None
        return realised + unrealised - commissions + income

    def booked_pnl(self, strategy: StrategyId, currency: str) -> Decimal:
        """P&L without open positions in one currency, in that currency: after commissions, with income."""
        ledger, owed = (
            self._bookkeeping.state.ledgers.get(strategy, {}).get(currency),
            self._valuation.ledger_owed(strategy, currency),
        )
        if ledger is None:
            return owed
        return ledger.realised_pnl - ledger.commissions + ledger.income + ledger.converted + owed

    def open_pnl(self, strategy: StrategyId, currency: str) -> Decimal | None:
        """P&L of open positions in one currency, in that currency; ``None`` without a price."""
        return _sum(
            self.gain(symbol, position)
            for symbol, position in self.held_by(strategy)
            if self._bookkeeping.terms(symbol).currency == currency
        )

    def currencies(self, strategy: StrategyId) -> Iterable[str]:
        """The currencies in which it has a ledger."""
        return self._bookkeeping.state.ledgers.get(strategy, {})

    def in_own_currency(self, amount: Decimal, currency: str) -> Decimal | None:
        """An amount in the account's currency; ``None`` if no rate is known."""
        return self._in_own(amount, currency)

    def currency_of(self, symbol: str) -> str:
        """The currency in which positions in a traded symbol are booked."""
        return self._bookkeeping.terms(symbol).currency

    def rate_between(self, currency: str, into: str) -> Decimal | None:
        """The value of one unit of a currency in another; ``None`` if no rate is known."""
        return rate_between(self._bookkeeping.state.rates, currency, into)

    def gain(self, symbol: str, position: Position) -> Decimal | None:
        """Value less cost of a position, in the instrument's currency; ``None`` without a price."""
        if not position.quantity:
            return -position.cost
        unit = self._valuation.unit_value(symbol)
        return None if unit is None else position.quantity * unit - position.cost

    @property
    def is_complete(self) -> bool:
        """Whether every price and rate that the account's equity needs is known."""
        state, rate = self._bookkeeping.state, self._valuation.rate
        owed = self._valuation.receivables.owed()
        return (
            all(not cash or rate(name) is not None for name, cash in state.foreign.items())
            and all(rate(payment.currency) is not None for payment in owed)
            and all(self._is_priced(symbol) for symbol in self._open_symbols())
        )

    def is_known(self, strategy: StrategyId) -> bool:
        """Whether every price and rate that ``worth`` needs is known."""
        ledgers, rate = self._bookkeeping.state.ledgers.get(strategy, {}), self._valuation.rate
        return all(not ledger.cash or rate(name) is not None for name, ledger in ledgers.items()) and all(
            self._is_priced(symbol) for symbol, held in self.held_by(strategy) if held.quantity
        )

    def held_by(self, strategy: StrategyId) -> Iterable[tuple[str, Position]]:
        """A strategy's positions with their symbols, flat ones too."""
        return self._positions(strategy).items()

    # --- for limits -------------------------------------------------------------------------------

    def worth(self, strategy: StrategyId) -> Decimal:
        """Money paid into the strategy's ledgers, and all its P&L since, dividends that are owed included."""
        cash = sum(
            (
                self._valuation.converted(ledger.cash, name)
                for name, ledger in self._bookkeeping.state.ledgers.get(strategy, {}).items()
            ),
            ZERO,
        )
        owed = self._valuation.owed(strategy)
        return cash + owed + sum((self._asset(*held) for held in self.held_by(strategy)), ZERO)

    def exposures(self, strategy: StrategyId) -> Iterator[tuple[str, Decimal]]:
        """The absolute value of each open position, by symbol; for a future, its notional."""
        for symbol, position in self.held_by(strategy):
            if position.quantity:
                unit = self._valuation.unit_value(symbol)
                value = position.cost if unit is None else position.quantity * unit
                yield symbol, abs(self.at_par(value, self._bookkeeping.terms(symbol).currency))

    def at_par(self, amount: Decimal, currency: str) -> Decimal:
        """An amount in the account's currency; at par if no rate is known."""
        return self._valuation.converted(amount, currency)

    def _asset(self, symbol: str, position: Position) -> Decimal:
        """The part of a position in the worth: its value; for a future, its P&L."""
        terms, gained = self._bookkeeping.terms(symbol), self.gain(symbol, position) or ZERO
        return self.at_par(gained if terms.is_settled else position.cost + gained, terms.currency)

    # --- parts ------------------------------------------------------------------------------------

    def _is_priced(self, symbol: str) -> bool:
        has_rate = self._valuation.rate(self._bookkeeping.terms(symbol).currency) is not None
        return has_rate and self._valuation.unit_value(symbol) is not None

    def _open_symbols(self) -> Iterable[str]:
        """The symbols in which any strategy holds a position."""
        return self._bookkeeping.state.holders

    def _positions(self, strategy: StrategyId) -> dict[str, Position]:
        return self._bookkeeping.state.positions.get(strategy, {})

    def _chosen(self, strategy: StrategyId, symbol: str | None) -> Iterator[tuple[str, Position]]:
        for each, position in self.held_by(strategy):
            if symbol is None or each == symbol:
                yield each, position

    def _value(self, symbol: str, position: Position) -> Decimal | None:
        if not position.quantity:
            return ZERO
        unit = self._valuation.unit_value(symbol)
        if unit is None:
            return None
        terms, value = self._bookkeeping.terms(symbol), position.quantity * unit
        return self._in_own(-value if terms.is_inverse else value, terms.currency)

    def _column(self, strategy: StrategyId, column: Callable[[Ledger], Decimal]) -> Decimal | None:
        ledgers = self._bookkeeping.state.ledgers.get(strategy, {})
        return _sum(self._in_own(column(ledger), name) for name, ledger in ledgers.items())

    def _in_own(self, amount: Decimal | None, currency: str) -> Decimal | None:
        if not amount:
            return amount  # 0 needs no rate
        rate = self._valuation.rate(currency)
        return None if rate is None else amount * rate


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; ``None`` if one of the amounts is not known."""
    total = ZERO
    for amount in amounts:
        if amount is None:
            return None
        total += amount
    return total


def _realised(ledger: Ledger) -> Decimal:
    return ledger.realised_pnl


def _commissions(ledger: Ledger) -> Decimal:
    return ledger.commissions


def _income(ledger: Ledger) -> Decimal:
    return ledger.income
