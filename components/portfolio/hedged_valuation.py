"""The value and the margin of the account in hedging mode, where a symbol has two legs.

- The part of a symbol in the equity is that of its net position, because both legs have one price.
- Exposure and margin are gross: each leg needs its own, whatever the other one is. A leg of the account is
  the sum of the strategies' legs of that side.
- ``margin_rate`` and ``maintenance_rate`` are averages over both legs, so that gross exposure times rate is
  the margin of both.
"""

from collections.abc import Callable
from decimal import ROUND_CEILING, Decimal

from components.portfolio.bookkeeping import PriceView
from components.portfolio.config import PortfolioConfig
from components.portfolio.hedging import Books
from components.portfolio.position import ZERO
from components.portfolio.valuation import LEVERAGE_QUANTUM, LONG_MAINTENANCE, SHORT_MAINTENANCE, Valuation
from kernel.events import BUY, SELL, AssetClass, ExposureShare, PositionSide
from kernel.identifiers import StrategyId
from kernel.position_sides import BOTH_LEGS, LONG_LEG, SHORT_LEG


class HedgedValuation(Valuation):
    """Read-only figures of an account in hedging mode."""

    def __init__(self, books: Books, prices: PriceView, config: PortfolioConfig, *, rules: int) -> None:
        super().__init__(books.long, prices, config, rules=rules)
        self._books = books

    # --- legs -----------------------------------------------------------------------------------

    def account_leg(self, symbol: str, side: PositionSide) -> Decimal:
        """The signed quantity of a leg over all strategies."""
        return sum(self._books.of(side).state.holders.get(symbol, {}).values(), ZERO)

    def open_symbols(self) -> dict[str, bool]:
        """Symbols with an open leg: those with a long one first, each in order of opening."""
        return dict.fromkeys((*self._books.long.state.holders, *self._books.short.state.holders), True)

    def leg_value(self, symbol: str, side: PositionSide) -> Decimal:
        """The value at which a leg of the account is booked; at cost without a price.

        Its size is the notional. Of an inverse contract it has the other sign.
        """
        unit = self.unit_value(symbol)
        value = self._leg_cost(symbol, side) if unit is None else self.account_leg(symbol, side) * unit
        return self.converted(value, self.currency_of(symbol)) if value else ZERO

    def _leg_cost(self, symbol: str, side: PositionSide) -> Decimal:
        state = self._books.of(side).state
        return sum((state.positions[name][symbol].cost for name in state.holders.get(symbol, ())), ZERO)

    # --- positions ------------------------------------------------------------------------------

    def unrealised(self, strategy: StrategyId, symbol: str) -> Decimal:
        gained = ZERO
        for book in self._books.both:
            position = book.state.positions.get(strategy, {}).get(symbol)
            if position is not None:
                gained += self._gain(symbol, position)
        return self.converted(gained, self.currency_of(symbol)) if gained else ZERO

    def ledger_unrealised(self, strategy: StrategyId, currency: str) -> Decimal:
        return sum(
            (
                self._gain(symbol, position)
                for book in self._books.both
                for symbol, position in book.state.positions.get(strategy, {}).items()
                if self.currency_of(symbol) == currency
            ),
            ZERO,
        )

    def assets(self) -> tuple[Decimal, Decimal]:
        value = gross = ZERO
        for symbol in self.open_symbols():
            worth, size = self.worth_of(symbol)
            value += worth
            gross += size
        return value, gross

    def worth_of(self, symbol: str) -> tuple[Decimal, Decimal]:
        values = [self.leg_value(symbol, side) for side in BOTH_LEGS]
        worth, size = sum(values, ZERO), sum(map(abs, values), ZERO)
        if symbol in self._bookkeeping.state.terms and self._bookkeeping.terms(symbol).is_settled:
            worth -= self.converted(self._cost_of(symbol), self.currency_of(symbol))
        return worth, size

    def paid_cost(self) -> Decimal:
        cost = ZERO
        for book in self._books.both:
            for positions in book.state.positions.values():
                for symbol, position in positions.items():
                    if position.cost and not book.terms(symbol).is_settled:
                        cost += self.converted(position.cost, self.currency_of(symbol))
        return cost

    def _cost_of(self, symbol: str) -> Decimal:
        return sum((self._leg_cost(symbol, side) for side in BOTH_LEGS), ZERO)

    # --- margin ---------------------------------------------------------------------------------

    def margin_rate(self, symbol: str) -> Decimal:
        return self._average(symbol, self._initial_rate)

    def maintenance_rate(self, symbol: str) -> Decimal:
        return self._average(symbol, self._maintenance_rate)

    def initial_margin(self) -> Decimal:
        return sum((self._margin_of(symbol, self._initial_rate) for symbol in self.open_symbols()), ZERO)

    def maintenance_margin(self) -> Decimal:
        return sum((self._margin_of(symbol, self._maintenance_rate) for symbol in self.open_symbols()), ZERO)

    def free_margin_at(self, symbol: str, price: Decimal) -> Decimal:
        free = self.cash + self.assets()[0] - self.initial_margin()
        unit = self._prices.instrument(symbol).unit_value(price)
        for side in BOTH_LEGS:
            quantity = self.account_leg(symbol, side)
            if quantity:
                value = self.leg_value(symbol, side)
                at_price = self.converted(quantity * unit, self.currency_of(symbol))
                free += at_price - value - (abs(at_price) - abs(value)) * self._initial_rate(symbol, side)
        return free

    def _margin_of(self, symbol: str, rate_of: Callable[[str, PositionSide], Decimal]) -> Decimal:
        return sum((abs(self.leg_value(symbol, side)) * rate_of(symbol, side) for side in BOTH_LEGS), ZERO)

    def _average(self, symbol: str, rate_of: Callable[[str, PositionSide], Decimal]) -> Decimal:
        """The rate of both legs by their values; that of a long leg if nothing is held."""
        size = self.worth_of(symbol)[1]
        rates = [rate_of(symbol, side) for side in BOTH_LEGS]
        if rates[0] == rates[1] or not size:
            return rates[0]
        return (self._margin_of(symbol, rate_of) / size).quantize(LEVERAGE_QUANTUM, ROUND_CEILING)

    def _initial_rate(self, symbol: str, side: PositionSide) -> Decimal:
        return self.opening_margin_rate(symbol, BUY if side is LONG_LEG else SELL)

    def _maintenance_rate(self, symbol: str, side: PositionSide) -> Decimal:
        """As ``Valuation.maintenance_rate``, for one leg."""
        rate, terms = self._initial_rate(symbol, side), self._prices.instrument(symbol)
        if side is SHORT_LEG and terms.asset_class is AssetClass.OPTION:
            return rate
        declared = terms.maintenance_margin_rate
        if declared or self._bookkeeping.terms(symbol).is_settled:
            return declared or rate
        return min(rate, SHORT_MAINTENANCE if side is SHORT_LEG else LONG_MAINTENANCE)

    # --- exposure -------------------------------------------------------------------------------

    def exposure_by(self, name_of: Callable[[str], str]) -> tuple[ExposureShare, ...]:
        """Values of long and short legs summed by a name of their symbol, in order of opening."""
        shares: dict[str, tuple[Decimal, Decimal]] = {}
        for symbol in self.open_symbols():
            name, is_inverse = name_of(symbol), self._prices.instrument(symbol).is_inverse
            for side in BOTH_LEGS:
                value = self.leg_value(symbol, side)
                value = -value if is_inverse else value
                long, short = shares.get(name, (ZERO, ZERO))
                shares[name] = (long + value, short) if value > 0 else (long, short + value)
        return tuple(ExposureShare(name, long, short) for name, (long, short) in shares.items())
