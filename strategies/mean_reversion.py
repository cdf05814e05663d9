"""Mean reversion: buys a symbol far below its average price, and sells when it is back.

Bollinger bands as a z-score (John Bollinger, "Bollinger on Bollinger Bands", 2001): the distance of the close
from its average over ``window`` bars, in standard deviations (of the population, as in the bands). A position
opens when the z-score is ``entry`` or more away from 0. It closes when the z-score is within ``exit`` of 0,
or on the other side of 0.
"""

from decimal import Decimal
from math import sqrt
from statistics import fmean
from typing import Annotated

from msgspec import field

from strategies.sdk import Bar, Decisions, Metadata, Range, Strategy, StrategyParams, StrategyState, buy, sell

FLAT = Decimal(0)


class Params(StrategyParams, frozen=True):
    """``exit`` must be below ``entry``; both are z-scores. ``quantity`` is in units, above 0."""

    window: Annotated[int, Range(ge=2, le=5_000, description="bars in the average")] = 20
    entry: Annotated[float, Range(gt=0, le=20, description="z-score that opens a position")] = 2.0
    exit: Annotated[float, Range(ge=0, le=20, description="z-score that closes it")] = 0.5
    quantity: Annotated[Decimal, Range(description="units to hold, above 0")] = Decimal(100)
    allow_short: Annotated[bool, Range(description="also sell short what has risen too far")] = False


class State(StrategyState):
    """The position last requested, by symbol, in units."""

    targets: dict[str, Decimal] = field(default_factory=dict)


class MeanReversion(Strategy[Params, State]):
    """Trades against moves of ``entry`` standard deviations, until the close is back at the average."""

    metadata = Metadata(
        name="mean_reversion",
        version="1.0.0",
        author="onetape",
        description="Buys a close far below its moving average (Bollinger z-score), sells when it is back.",
    )

    def validate(self) -> None:
        if self.params.exit >= self.params.entry:
            raise ValueError(f"exit={self.params.exit} must be below entry={self.params.entry}")
        if self.params.quantity <= 0:
            raise ValueError(f"quantity={self.params.quantity} must be above 0")

    def on_bar(self, bar: Bar) -> Decisions:
        closes = [past.close for past in self.ctx.history(bar.symbol, self.params.window)]
        if len(closes) < self.params.window:
            return None
        score = z_score(closes)
        if score is None:
            return None
        held = self.state.targets.get(bar.symbol, FLAT)
        target = self._target(score, held)
        self.state.targets[bar.symbol] = target
        if target > held:
            return buy(bar.symbol, target - held)
        return sell(bar.symbol, held - target) if target < held else None

    def _target(self, score: float, held: Decimal) -> Decimal:
        """The target position for a z-score and the present position."""
        params = self.params
        if score <= -params.entry:
            return params.quantity
        if score >= params.entry:
            return -params.quantity if params.allow_short else FLAT
        is_back = (held > 0 and score >= -params.exit) or (held < 0 and score <= params.exit)
        return FLAT if is_back else held


def z_score(closes: list[float]) -> float | None:
    """Standard deviations between the last close and the average; ``None`` if all prices are equal."""
    average = fmean(closes)
    distances = [close - average for close in closes]
    deviation = sqrt(fmean([distance * distance for distance in distances]))
    return (closes[-1] - average) / deviation if deviation > 0 else None
