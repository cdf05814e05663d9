"""The figures of each strategy in hedging mode. Those of a symbol are sums over its two legs."""

from collections.abc import Iterable
from decimal import Decimal
from itertools import chain

from components.portfolio.hedged_valuation import HedgedValuation
from components.portfolio.hedging import Books
from components.portfolio.position import ZERO
from components.portfolio.state import Position
from components.portfolio.strategy_figures import StrategyFigures
from kernel.events import PositionSide
from kernel.identifiers import StrategyId
from strategies.sdk.context import PositionLeg


class HedgedFigures(StrategyFigures):
    """Read-only figures by strategy."""

    def __init__(self, books: Books, valuation: HedgedValuation, currency: str) -> None:
        super().__init__(books.long, valuation, currency)
        self._books = books
        self._valued = valuation

    def held_by(self, strategy: StrategyId) -> Iterable[tuple[str, Position]]:
        return chain.from_iterable(
            book.state.positions.get(strategy, {}).items() for book in self._books.both
        )

    def average_price(self, strategy: StrategyId, symbol: str) -> Decimal | None:
        """The average cost of a unit of the open leg; ``None`` if both or none are open."""
        prices = [
            self.price_of(symbol, book.state.positions.get(strategy, {}).get(symbol))
            for book in self._books.both
        ]
        known = [price for price in prices if price is not None]
        return known[0] if len(known) == 1 else None

    def realised_pnl(self, strategy: StrategyId, symbol: str | None) -> Decimal | None:
        if symbol is None:
            return super().realised_pnl(strategy, None)
        realised = sum((leg.realised_pnl for leg in self._legs(strategy, symbol)), ZERO)
        return self._in_own(realised, self.currency_of(symbol)) if realised else ZERO

    def leg(self, strategy: StrategyId, symbol: str, side: PositionSide) -> PositionLeg:
        """One leg of a strategy."""
        position = self._books.of(side).state.positions.get(strategy, {}).get(symbol)
        if position is None:
            return PositionLeg(side)
        currency = self.currency_of(symbol)
        return PositionLeg(
            side,
            position.quantity,
            self.price_of(symbol, position),
            self._value(symbol, position),
            self._in_own(self.gain(symbol, position), currency),
            self._in_own(position.realised_pnl, currency),
        )

    def _open_symbols(self) -> Iterable[str]:
        return self._valued.open_symbols()

    def _legs(self, strategy: StrategyId, symbol: str) -> Iterable[Position]:
        return (position for each, position in self.held_by(strategy) if each == symbol)
