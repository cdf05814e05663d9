"""Moving-average cross: hold while the recent average price is above the longer one.

The oldest trend rule there is (Donchian's 5- and 20-day averages, 1960; Brock, Lakonishok and LeBaron,
"Simple Technical Trading Rules and the Stochastic Properties of Stock Returns", Journal of Finance
47, 1992). At each bar, once ``slow`` bars exist, the target is ``quantity`` where the fast average of
the closes is above the slow one; otherwise 0, or ``-quantity`` with ``allow_short``. One market order moves
the position from the last target to the new one.

The strategy compares targets, not positions: if risk denies an order, none is sent before the next cross.
"""

from decimal import Decimal
from statistics import fmean
from typing import Annotated

from msgspec import field

from strategies.sdk import Bar, Decisions, Metadata, Range, Strategy, StrategyParams, StrategyState, buy, sell

FLAT = Decimal(0)


class Params(StrategyParams, frozen=True):
    """``fast`` must be below ``slow``; both count bars. ``quantity`` is in units, above 0."""

    fast: Annotated[int, Range(ge=1, le=1_000, description="bars in the fast average")] = 20
    slow: Annotated[int, Range(ge=2, le=5_000, description="bars in the slow average")] = 50
    quantity: Annotated[Decimal, Range(description="units to hold, above 0")] = Decimal(100)
    allow_short: Annotated[bool, Range(description="go short instead of flat")] = False


class State(StrategyState):
    """The position last requested, by symbol, in units."""

    targets: dict[str, Decimal] = field(default_factory=dict)


class MovingAverageCross(Strategy[Params, State]):
    """Long while the fast average of the closes is above the slow one, flat or short otherwise."""

    metadata = Metadata(
        name="ma_cross",
        version="1.0.0",
        author="onetape",
        description="Long while a fast moving average of the close is above a slow one, else flat or short.",
    )

    def validate(self) -> None:
        if self.params.fast >= self.params.slow:
            raise ValueError(f"fast={self.params.fast} must be below slow={self.params.slow}")
        if self.params.quantity <= 0:
            raise ValueError(f"quantity={self.params.quantity} must be above 0")

    def on_bar(self, bar: Bar) -> Decisions:
        params = self.params
        closes = [past.close for past in self.ctx.history(bar.symbol, params.slow)]
        if len(closes) < params.slow:
            return None
        if fmean(closes[-params.fast :]) > fmean(closes):
            return self._trade_to(bar.symbol, params.quantity)
        return self._trade_to(bar.symbol, -params.quantity if params.allow_short else FLAT)

    def _trade_to(self, symbol: str, target: Decimal) -> Decisions:
        change = target - self.state.targets.get(symbol, FLAT)
        self.state.targets[symbol] = target
        if change > 0:
            return buy(symbol, change)
        return sell(symbol, -change) if change < 0 else None
