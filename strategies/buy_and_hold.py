"""Buy and hold: the benchmark for every other strategy.

Each symbol gets an equal part of ``fraction`` of the capital (the account's equity, unless the configuration
gives the strategy a share), in whole lots. The rest stays in cash, so that there is money for commissions and
for an open above the last close.

- If the number of symbols is known (``parts``, or ``symbols:`` in the configuration), each is bought at its
  first bar for its part of the starting capital, and never traded again. Until then its part is cash.
- Otherwise the strategy cannot know which symbols will come. Symbols whose first bars end at the same time
  are bought together. When another one comes later, the held ones are sold down to the smaller equal part,
  and the new one is bought with the proceeds, at its first bar after the sales. Between such arrivals nothing
  is traded.
"""

from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from typing import Annotated

from msgspec import field

from strategies.sdk import (
    Bar,
    Decisions,
    Metadata,
    PlaceOrder,
    Range,
    SetTimer,
    Strategy,
    StrategyParams,
    StrategyState,
    TimerFired,
    TimerName,
    buy,
    sell,
)

ARRIVED = TimerName("arrived")


class Params(StrategyParams, frozen=True):
    """``fraction`` is of the capital, for all symbols together; ``parts`` is the number of symbols."""

    fraction: Annotated[float, Range(gt=0, le=1, description="share of equity to invest")] = 0.95
    parts: Annotated[int, Range(ge=0, description="symbols that share it; 0: those known by then")] = 0


class State(StrategyState):
    """The symbols so far.

    - ``bought``: the quantity bought of each symbol, in units; 0 if a lot costs more than its part.
    - ``arriving``: symbols that had their first bar and are not bought yet.
    - ``parts``: the number of symbols, if it is known from the start. ``capital``: what they share.
    """

    bought: dict[str, Decimal] = field(default_factory=dict)
    arriving: list[str] = field(default_factory=list)
    parts: int = 0
    capital: Decimal = Decimal(0)


class BuyAndHold(Strategy[Params, State]):
    """Buys each symbol once, for an equal part."""

    metadata = Metadata(
        name="buy_and_hold",
        version="1.1.0",
        author="onetape",
        description="Buys every symbol at its first bar for an equal share of equity, and holds.",
    )

    def on_start(self) -> None:
        """Note the number of symbols, if the configuration tells it before there is any bar."""
        if not self.state.bought:
            self.state.parts = self.params.parts or len(self.ctx.symbols)

    def on_bar(self, bar: Bar) -> Decisions:
        state, symbol = self.state, bar.symbol
        if symbol in state.bought:
            return None
        if state.parts:
            state.capital = state.capital or self.ctx.portfolio.capital or Decimal(0)
            return self._bought(symbol)
        if symbol not in state.arriving:
            state.arriving.append(symbol)
            return SetTimer(ARRIVED, bar.ts)  # after all bars of this time
        return None if self.ctx.portfolio.open_orders() else self._bought(symbol)

    def on_timer(self, timer: TimerFired) -> Decisions:  # noqa: ARG002  # there is only one
        """Buy the symbols that have just arrived, or sell parts of the others first."""
        if self.state.bought:
            return self._sales()
        return [order for symbol in tuple(self.state.arriving) for order in self._bought(symbol)]

    def _bought(self, symbol: str) -> Iterator[PlaceOrder]:
        """The order for a symbol's part; none below one lot."""
        quantity = self._part(symbol)
        self.state.bought[symbol] = quantity
        if symbol in self.state.arriving:
            self.state.arriving.remove(symbol)
        if quantity > 0:
            yield buy(symbol, quantity)

    def _sales(self) -> Iterator[PlaceOrder]:
        for symbol in self.state.bought:
            surplus = self.ctx.portfolio.position(symbol) - self._part(symbol)
            lot_size = self.ctx.instrument(symbol).lot_size
            lots = (surplus / lot_size).to_integral_value(ROUND_DOWN)
            if lots > 0:
                yield sell(symbol, lots * lot_size)

    def _part(self, symbol: str) -> Decimal:
        """Whole lots at the last price for one symbol's part of the capital, in units."""
        instrument = self.ctx.instrument(symbol)
        capital = self.state.capital or self.ctx.portfolio.capital or Decimal(0)
        parts = self.state.parts or len(self.state.bought) + len(self.state.arriving)
        budget = capital * Decimal(str(self.params.fraction)) / parts
        price = Decimal(str(self.ctx.last_price(symbol) or 0))
        lot_cost = instrument.unit_notional(price) * instrument.lot_size
        if lot_cost <= 0:
            return Decimal(0)
        lots = (budget / lot_cost).to_integral_value(ROUND_DOWN)
        return max(lots, Decimal(0)) * instrument.lot_size
