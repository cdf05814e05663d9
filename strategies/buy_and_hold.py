"""Buy and hold: the benchmark for every other strategy.

At the first bar of each symbol, buy for an equal share of ``fraction`` of its capital (the account's equity,
unless the configuration gives it a share), in whole lots, and never trade again. The rest stays in cash, so
that there is money for commissions and for an open above the last close.

The strategy cannot know how many symbols will come. With several, set ``parts``, or name the symbols in the
configuration (``symbols:``). Otherwise the first symbol gets the whole amount.
"""

from decimal import ROUND_DOWN, Decimal
from typing import Annotated

from msgspec import field

from strategies.sdk import Bar, Decisions, Metadata, Range, Strategy, StrategyParams, StrategyState, buy


class Params(StrategyParams, frozen=True):
    """``fraction`` is of the capital, for all symbols together; ``parts`` is the number of symbols."""

    fraction: Annotated[float, Range(gt=0, le=1, description="share of equity to invest")] = 0.95
    parts: Annotated[int, Range(ge=0, description="symbols that share it; 0: those known by then")] = 0


class State(StrategyState):
    """The quantity bought, in units, of each symbol that has had a bar."""

    bought: dict[str, Decimal] = field(default_factory=dict)


class BuyAndHold(Strategy[Params, State]):
    """Buys each symbol once, at its first bar."""

    metadata = Metadata(
        name="buy_and_hold",
        version="1.0.0",
        author="onetape",
        description="Buys every symbol at its first bar for an equal share of equity, and holds.",
    )

    def on_bar(self, bar: Bar) -> Decisions:
        if bar.symbol in self.state.bought:
            return None
        quantity = self._affordable(bar)
        self.state.bought[bar.symbol] = quantity
        return buy(bar.symbol, quantity) if quantity > 0 else None

    def _affordable(self, bar: Bar) -> Decimal:
        """Whole lots at the close for this symbol's share of the capital, in units."""
        instrument = self.ctx.instrument(bar.symbol)
        share = Decimal(str(self.params.fraction)) / (self.params.parts or len(self.ctx.symbols))
        budget = (self.ctx.portfolio.capital or Decimal(0)) * share
        lot_cost = instrument.unit_notional(Decimal(str(bar.close))) * instrument.lot_size
        if lot_cost <= 0:
            return Decimal(0)
        lots = (budget / lot_cost).to_integral_value(ROUND_DOWN)
        return max(lots, Decimal(0)) * instrument.lot_size
