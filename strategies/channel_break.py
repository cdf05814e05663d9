"""Channel break: raises signals on new highs and lows, and places no orders.

Richard Donchian's channel (his four-week rule; C. Faith, "Way of the Turtle", 2007, describes traders who
used it):

- Long when a bar closes above the highest high of the ``entry`` bars before it.
- Flat when a bar closes below the lowest low of the ``exit`` bars before it. That low is the stop-loss price
  of the long signal.
- With ``allow_short`` the same with high and low exchanged.

``signals:`` in the configuration combines its signals with those of others into a plan, which is traded.
"""

from typing import Annotated

from msgspec import field

from strategies.sdk import (
    FLAT,
    LONG,
    SHORT,
    Bar,
    Decisions,
    Metadata,
    Range,
    Signal,
    SignalDirection,
    Strategy,
    StrategyParams,
    StrategyState,
)


class Params(StrategyParams, frozen=True):
    """``exit`` is at most ``entry``; both count bars before the present one."""

    entry: Annotated[int, Range(ge=2, le=1_000, description="bars whose extreme must be broken")] = 20
    exit: Annotated[int, Range(ge=1, le=1_000, description="bars whose other extreme ends it")] = 10
    allow_short: Annotated[bool, Range(description="break downwards too")] = False


class State(StrategyState):
    """The direction of the last signal, by symbol."""

    said: dict[str, SignalDirection] = field(default_factory=dict)


class ChannelBreak(Strategy[Params, State]):
    """Raises a signal when the close leaves its channel, and another when that position should end."""

    metadata = Metadata(
        name="channel_break",
        version="1.0.0",
        author="onetape",
        description="Signals long above the highest high of recent bars, flat below their recent low.",
    )

    def validate(self) -> None:
        if self.params.exit > self.params.entry:
            raise ValueError(f"exit={self.params.exit} must be at most entry={self.params.entry}")

    def on_bar(self, bar: Bar) -> Decisions:
        past = self.ctx.history(bar.symbol, self.params.entry + 1)[:-1]
        if len(past) < self.params.entry:
            return None
        recent = past[-self.params.exit :]
        low, high = min(one.low for one in recent), max(one.high for one in recent)
        said = self.state.said.get(bar.symbol, FLAT)
        if bar.close > max(one.high for one in past):
            return self._say(bar.symbol, LONG, stop=low)
        if self.params.allow_short and bar.close < min(one.low for one in past):
            return self._say(bar.symbol, SHORT, stop=high)
        if (said is LONG and bar.close < low) or (said is SHORT and bar.close > high):
            return self._say(bar.symbol, FLAT, stop=None)
        return None

    def _say(self, symbol: str, direction: SignalDirection, *, stop: float | None) -> Decisions:
        """The signal, unless the last one had the same direction."""
        if self.state.said.get(symbol, FLAT) is direction:
            return None
        self.state.said[symbol] = direction
        return Signal(symbol, direction, reason="channel left", stop_loss=stop)
