"""Strategies that log the resampled history that they see."""

from strategies.sdk import Bar, Metadata, Strategy, StrategyParams, StrategyState, Trade


class Coarse(Strategy[StrategyParams, StrategyState]):
    """Logs the history that it sees, at every bar or trade."""

    metadata = Metadata(name="coarse", resampled=("10m",))

    def bars_needed(self) -> int:
        return 3

    def on_bar(self, bar: Bar) -> None:
        self._look(bar.symbol)

    def on_trade(self, trade: Trade) -> None:
        self._look(trade.symbol)

    def _look(self, symbol: str) -> None:
        bars = self.ctx.history(symbol, 3, timeframe=self.metadata.resampled[0])
        last = bars[-1] if bars else None
        self.ctx.log("seen", count=len(bars), close=last.close if last else 0.0, ts=last.ts if last else 0)


class Ticks(Coarse):
    """The same, in bars of trades."""

    metadata = Metadata(name="ticks", resampled=("tick:4",))


class Months(Coarse):
    """The same, in months."""

    metadata = Metadata(name="months", resampled=("1mo",))
