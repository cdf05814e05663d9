"""Sixty-forty: stocks and bonds at fixed weights, rebalanced each month or quarter.

The balanced portfolio of the textbooks, 60 % stocks and 40 % bonds (Markowitz, "Portfolio Selection",
Journal of Finance 7, 1952, explains why). A period is over when both symbols have a bar in the next one; it
cannot be known before. Then each is traded to its weight of the strategy's capital at
last prices, in whole lots. First a symbol above its weight is sold. When no order works any more, at the next
bars of both, a symbol below its weight is bought with the proceeds.
"""

from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal
from typing import Annotated, Literal

import numpy as np
from msgspec import field

from strategies.sdk import (
    Bar,
    Decisions,
    Metadata,
    PlaceOrder,
    Range,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    sell,
)


class Params(StrategyParams, frozen=True):
    """The weights are ``stock_weight * invested`` and the rest of ``invested``.

    They are of the strategy's capital, which is the account's equity unless the configuration gives it a
    share. The part that is not ``invested`` is for commissions, and for prices that move between decision and
    fill.
    """

    stock: Annotated[str, Range(min_length=1, description="symbol of the stocks")] = "SPY"
    bond: Annotated[str, Range(min_length=1, description="symbol of the bonds")] = "AGG"
    stock_weight: Annotated[float, Range(ge=0, le=1, description="share of stocks")] = 0.6
    invested: Annotated[float, Range(gt=0, le=1, description="share of equity invested")] = 0.98
    rebalance: Literal["month", "quarter"] = "month"


class State(StrategyState):
    """Periods are numbered from 1970, in months or quarters.

    - ``seen``: by symbol, the period of its bar since both symbols last had one.
    - ``period``: the period of the last rebalancing.
    - ``buys_due``: whether the buys of that rebalancing are not made yet.
    """

    seen: dict[str, int] = field(default_factory=dict)
    period: int | None = None
    buys_due: bool = False


class SixtyForty(Strategy[Params, State]):
    """Two symbols held at fixed weights, rebalanced once a period."""

    metadata = Metadata(
        name="sixty_forty",
        version="1.0.0",
        author="onetape",
        description="Holds stocks and bonds at fixed weights, rebalanced monthly or quarterly.",
        markets=("equity", "etf"),
        timeframes=("1d",),
    )

    def validate(self) -> None:
        if self.params.stock == self.params.bond:
            raise ValueError(f"stock and bond must be two symbols, both are {self.params.stock!r}")

    def on_bar(self, bar: Bar) -> Decisions:
        params, state = self.params, self.state
        if bar.symbol not in (params.stock, params.bond):
            return None
        state.seen[bar.symbol] = self._period(bar)
        if len(state.seen) < 2:
            return None
        period = min(state.seen.values())
        state.seen = {}
        if state.period is None or period > state.period:
            state.period = period
            state.buys_due = True
            sells = [sell(symbol, -change) for symbol, change in self._changes() if change < 0]
            if sells:
                return sells
        return self._due_buys()

    def _due_buys(self) -> list[PlaceOrder] | None:
        """The buys of this rebalancing, once, after its sells no longer work."""
        if not self.state.buys_due or self.ctx.portfolio.open_orders():
            return None
        self.state.buys_due = False
        return [buy(symbol, change) for symbol, change in self._changes() if change > 0]

    def _changes(self) -> Iterator[tuple[str, Decimal]]:
        """The units, in whole lots, that each symbol is below its weight; negative if it is above."""
        stock_weight, capital = Decimal(str(self.params.stock_weight)), self.ctx.portfolio.capital
        if capital is None:  # a price or a rate is not known: there are no weights
            return
        capital *= Decimal(str(self.params.invested))
        for symbol, weight in ((self.params.stock, stock_weight), (self.params.bond, 1 - stock_weight)):
            instrument = self.ctx.instrument(symbol)
            price = Decimal(str(self.ctx.last_price(symbol)))
            lots = capital * weight / (instrument.unit_notional(price) * instrument.lot_size)
            target = lots.to_integral_value(ROUND_DOWN) * instrument.lot_size
            yield symbol, target - self.ctx.portfolio.position(symbol)

    def _period(self, bar: Bar) -> int:
        """The month or quarter of the bar's beginning: a daily bar may end at midnight, in the next one."""
        month = np.datetime64(bar.open_ts or bar.ts, "ns").astype("datetime64[M]").astype(np.int64)
        return int(month) // (3 if self.params.rebalance == "quarter" else 1)
