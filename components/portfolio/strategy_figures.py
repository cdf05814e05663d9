"""The figures of one strategy's ledger: worked out when somebody asks, never per market event.

Amounts are in the account's currency, at the last rates that were logged. Two kinds of figures:

- What a strategy is shown is strict: ``None`` while a price or a rate that it needs is not known.
- What limits compare (``worth``, ``exposures``) is defined as the account's equity
  is: a position without a price counts at cost, an amount without a rate at par.
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
    """Read-only figures of the books, by strategy; ``symbol`` ``None`` means all symbols of the strategy."""

    def __init__(self, bookkeeping: Bookkeeping, valuation: Valuation, currency: str) -> None:
        self._bookkeeping = bookkeeping
        self._valuation = valuation
        self.currency = currency
        """The account's currency."""

    # --- as a strategy sees them ------------------------------------------------------------------

    def average_price(self, strategy: StrategyId, symbol: str) -> Decimal | None:
        """What a unit of the open position cost, in the instrument's currency, to ten decimal places."""
        position = self._positions(strategy).get(symbol)
        if position is None or not position.quantity:
            return None
        multiplier = self._bookkeeping.terms(symbol).multiplier
        units = position.quantity if multiplier is None else position.quantity * multiplier
        price = position.cost / units
        exponent = price.as_tuple().exponent
        assert isinstance(exponent, int), f"{strategy} {symbol}: the average price {price} is no number"
        return price if -exponent <= _COST_PLACES else price.quantize(COST_QUANTUM)

    def market_value(self, strategy: StrategyId, symbol: str | None) -> Decimal | None:
        """The signed value of open positions at last prices; of a future, its notional."""
        return _sum(self._value(each, position) for each, position in self._chosen(strategy, symbol))

    def unrealised_pnl(self, strategy: StrategyId, symbol: str | None) -> Decimal | None:
        """What open positions gained on what they cost."""
        return _sum(
            self._in_own(self.gain(each, position), self._bookkeeping.terms(each).currency)
            for each, position in self._chosen(strategy, symbol)
        )

    def realised_pnl(self, strategy: StrategyId, symbol: str | None) -> Decimal | None:
        """What closed positions gained, before commissions."""
        if symbol is None:
            return self._column(strategy, _realised)
        position = self._positions(strategy).get(symbol)
        if position is None:
            return ZERO
        return self._in_own(position.realised_pnl, self._bookkeeping.terms(symbol).currency)

    def commissions(self, strategy: StrategyId) -> Decimal | None:
        """All commissions that it paid."""
        return self._column(strategy, _commissions)

    def income(self, strategy: StrategyId) -> Decimal | None:
        """Dividends, interest, fees and funding that it received, less those that it paid."""
        return self._column(strategy, _income)

    def booked_pnl(self, strategy: StrategyId, currency: str) -> Decimal:
        """What is booked of its P&L in one currency, in that currency: after commissions, with income."""
        ledger = self._bookkeeping.state.ledgers.get(strategy, {}).get(currency)
        if ledger is None:
            return ZERO
        return ledger.realised_pnl - ledger.commissions + ledger.income + ledger.converted

    def open_pnl(self, strategy: StrategyId, currency: str) -> Decimal | None:
        """What its open positions in one currency gained, in that currency; ``None`` without a price."""
        return _sum(
            self.gain(symbol, position)
            for symbol, position in self._positions(strategy).items()
            if self._bookkeeping.terms(symbol).currency == currency
        )

    def currencies(self, strategy: StrategyId) -> Iterable[str]:
        """The currencies in which it has a ledger."""
        return self._bookkeeping.state.ledgers.get(strategy, {})

    def in_own_currency(self, amount: Decimal, currency: str) -> Decimal | None:
        """An amount in the account's currency; ``None`` where no rate is known."""
        return self._in_own(amount, currency)

    def currency_of(self, symbol: str) -> str:
        """The currency that positions in a symbol are booked in; for symbols that were traded."""
        return self._bookkeeping.terms(symbol).currency

    def rate_between(self, currency: str, into: str) -> Decimal | None:
        """What one unit of a currency is worth in another one; ``None`` where no rate is known."""
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
        return all(not cash or rate(name) is not None for name, cash in state.foreign.items()) and all(
            self._is_priced(symbol) for symbol in state.holders
        )

    def is_known(self, strategy: StrategyId) -> bool:
        """Whether every price and rate that the worth of one strategy needs is known."""
        ledgers, rate = self._bookkeeping.state.ledgers.get(strategy, {}), self._valuation.rate
        return all(not ledger.cash or rate(name) is not None for name, ledger in ledgers.items()) and all(
            self._is_priced(symbol) for symbol, held in self._positions(strategy).items() if held.quantity
        )

    # --- as limits compare them -------------------------------------------------------------------

    def worth(self, strategy: StrategyId) -> Decimal:
        """What was paid into its ledger, and all that it gained since."""
        cash = sum(
            (
                self._valuation.converted(ledger.cash, name)
                for name, ledger in self._bookkeeping.state.ledgers.get(strategy, {}).items()
            ),
            ZERO,
        )
        return cash + sum((self._asset(*held) for held in self._positions(strategy).items()), ZERO)

    def exposures(self, strategy: StrategyId) -> Iterator[tuple[str, Decimal]]:
        """The absolute value of each of its open positions, by symbol; of a future, its notional."""
        for symbol, position in self._positions(strategy).items():
            if position.quantity:
                unit = self._valuation.unit_value(symbol)
                value = position.cost if unit is None else position.quantity * unit
                yield symbol, abs(self.at_par(value, self._bookkeeping.terms(symbol).currency))

    def at_par(self, amount: Decimal, currency: str) -> Decimal:
        """An amount in the account's currency, at par where no rate is known."""
        return self._valuation.converted(amount, currency)

    def _asset(self, symbol: str, position: Position) -> Decimal:
        """What a position adds to the worth: its value, or of a future what it gained."""
        terms, gained = self._bookkeeping.terms(symbol), self.gain(symbol, position) or ZERO
        return self.at_par(gained if terms.is_settled else position.cost + gained, terms.currency)

    # --- parts ------------------------------------------------------------------------------------

    def _is_priced(self, symbol: str) -> bool:
        has_rate = self._valuation.rate(self._bookkeeping.terms(symbol).currency) is not None
        return has_rate and self._valuation.unit_value(symbol) is not None

    def _positions(self, strategy: StrategyId) -> dict[str, Position]:
        return self._bookkeeping.state.positions.get(strategy, {})

    def _chosen(self, strategy: StrategyId, symbol: str | None) -> Iterator[tuple[str, Position]]:
        for each, position in self._positions(strategy).items():
            if symbol is None or each == symbol:
                yield each, position

    def _value(self, symbol: str, position: Position) -> Decimal | None:
        if not position.quantity:
            return ZERO
        unit = self._valuation.unit_value(symbol)
        if unit is None:
            return None
        return self._in_own(position.quantity * unit, self._bookkeeping.terms(symbol).currency)

    def _column(self, strategy: StrategyId, column: Callable[[Ledger], Decimal]) -> Decimal | None:
        ledgers = self._bookkeeping.state.ledgers.get(strategy, {})
        return _sum(self._in_own(column(ledger), name) for name, ledger in ledgers.items())

    def _in_own(self, amount: Decimal | None, currency: str) -> Decimal | None:
        if not amount:
            return amount  # nothing needs no rate
        rate = self._valuation.rate(currency)
        return None if rate is None else amount * rate


def _sum(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """The sum; ``None`` where one of them is not known."""
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
