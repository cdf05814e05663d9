"""A strategy for measurements: it orders at a steady rate, whatever the market does.

It follows the average of each symbol, and at each ``every``-th quote buys one unit of the symbol, or sells
the one that it holds.
"""

from decimal import Decimal
from typing import Annotated

from msgspec import field

from strategies.sdk import (
    Decisions,
    Metadata,
    Quote,
    Range,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    sell,
)

ONE = Decimal(1)
WEIGHT = 0.1


class Params(StrategyParams, frozen=True):
    """``every`` counts the quotes of all symbols."""

    every: Annotated[int, Range(ge=1, le=1_000_000)] = 1_000


class State(StrategyState):
    """``quotes`` seen, the average of each symbol, and the symbols held."""

    quotes: int = 0
    averages: dict[str, float] = field(default_factory=dict)
    held: dict[str, bool] = field(default_factory=dict)


class EveryNth(Strategy[Params, State]):
    """Buys and sells in turn."""

    metadata = Metadata(name="every_nth")

    def on_quote(self, quote: Quote) -> Decisions:
        state, symbol = self.state, quote.symbol
        mid = (quote.bid + quote.ask) * 0.5
        average = state.averages.get(symbol, mid)
        state.averages[symbol] = average + WEIGHT * (mid - average)
        state.quotes = count = state.quotes + 1
        if count % self.params.every:
            return None
        if state.held.pop(symbol, False):
            return sell(symbol, ONE)
        state.held[symbol] = True
        return buy(symbol, ONE)
