"""RSI: buys after a series of losses, sells after a series of gains.

The relative strength index of J. Welles Wilder ("New Concepts in Technical Trading Systems", 1978):
the first averages of gain and loss are plain means over ``period`` changes, later ones are smoothed
with weight 1 / ``period``. A position opens when the index falls to ``lower`` and closes when it rises to
``upper``; with ``allow_short`` it is then reversed to a short one.

The averages are in the state, so the strategy needs no history of bars.
"""

from decimal import Decimal
from typing import Annotated

from msgspec import field

from strategies.sdk import Bar, Decisions, Metadata, Range, Strategy, StrategyParams, StrategyState, buy, sell

FLAT = Decimal(0)


class Params(StrategyParams, frozen=True):
    """``lower`` must be below ``upper``; both are index values. ``quantity`` is in units, above 0."""

    period: Annotated[int, Range(ge=2, le=1_000, description="price changes in the averages")] = 14
    lower: Annotated[float, Range(ge=0, le=100, description="index that opens a position")] = 30.0
    upper: Annotated[float, Range(ge=0, le=100, description="index that closes it")] = 70.0
    quantity: Annotated[Decimal, Range(description="units to hold, above 0")] = Decimal(100)
    allow_short: Annotated[bool, Range(description="go short at `upper` instead of flat")] = False


class Averages(StrategyState):
    """One symbol's average gain and loss per bar, and the position last requested."""

    last_close: float
    changes: int = 0
    gain: float = 0.0
    loss: float = 0.0
    target: Decimal = FLAT

    def add(self, close: float, period: int) -> None:
        """Add one close: a plain mean up to ``period`` changes, Wilder's smoothing after that."""
        change = close - self.last_close
        self.last_close = close
        self.changes = min(self.changes + 1, period)
        self.gain += (max(change, 0.0) - self.gain) / self.changes
        self.loss += (max(-change, 0.0) - self.loss) / self.changes

    def index(self) -> float:
        """The index, 0 to 100; 50 if the price has not moved at all."""
        movement = self.gain + self.loss
        return 100.0 * self.gain / movement if movement > 0 else 50.0


class State(StrategyState):
    """The averages by symbol."""

    averages: dict[str, Averages] = field(default_factory=dict)


class RelativeStrengthIndex(Strategy[Params, State]):
    """Long from ``lower`` until ``upper``, then flat or short."""

    metadata = Metadata(
        name="rsi",
        version="1.0.0",
        author="onetape",
        description="Buys where Wilder's relative strength index is low, sells where it is high.",
    )

    def validate(self) -> None:
        if self.params.lower >= self.params.upper:
            raise ValueError(f"lower={self.params.lower} must be below upper={self.params.upper}")
        if self.params.quantity <= 0:
            raise ValueError(f"quantity={self.params.quantity} must be above 0")

    def bars_needed(self) -> int:
        return 10 * self.params.period  # after that, less than 0.02 % of the first average is left

    def on_warm_up(self, bar: Bar) -> None:
        self._averages_after(bar)

    def on_bar(self, bar: Bar) -> Decisions:
        averages = self._averages_after(bar)
        if averages.changes < self.params.period:
            return None
        held = averages.target
        averages.target = target = self._target(averages.index(), held)
        if target > held:
            return buy(bar.symbol, target - held)
        return sell(bar.symbol, held - target) if target < held else None

    def _averages_after(self, bar: Bar) -> Averages:
        averages = self.state.averages.get(bar.symbol)
        if averages is None:
            averages = self.state.averages[bar.symbol] = Averages(last_close=bar.close)
        else:
            averages.add(bar.close, self.params.period)
        return averages

    def _target(self, index: float, held: Decimal) -> Decimal:
        """The target position for an index and the present position."""
        params = self.params
        if index <= params.lower:
            return params.quantity
        if index >= params.upper:
            return -params.quantity if params.allow_short else FLAT
        return held
