"""A crossing of two averages that does not say how many bars it needs."""

from statistics import fmean

from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy


class Params(StrategyParams, frozen=True):
    fast: int = 5
    slow: int = 100


class Crossing(Strategy[Params, StrategyState]):
    """Buys when the fast average of the closes comes above the slow one."""

    metadata = Metadata(name="crossing")

    def on_bar(self, bar: Bar) -> Decisions:
        slow = self.params.slow
        closes = [past.close for past in self.ctx.history(bar.symbol, slow + 1)]
        if len(closes) < slow:
            return None
        was_above = len(closes) > slow and self._is_above(closes[:-1])
        return buy(bar.symbol, 10) if self._is_above(closes[-slow:]) and not was_above else None

    def _is_above(self, closes: list[float]) -> bool:
        return fmean(closes[-self.params.fast :]) > fmean(closes)
