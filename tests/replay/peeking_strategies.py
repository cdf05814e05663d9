"""Strategies that know too much, or never forget where they began; a run can record this file as source."""

from statistics import fmean

from strategies.sdk import Bar, Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy, sell


class TableParams(StrategyParams, frozen=True):
    """``table``: for each bar 1 to hold, 0 not to."""

    table: tuple[int, ...] = ()


class TableState(StrategyState):
    """The bars so far."""

    bars: int = 0


class FromTable(Strategy[TableParams, TableState]):
    """Holds ten units when its table says so; it looks at no price."""

    metadata = Metadata(name="from_table")

    def on_bar(self, bar: Bar) -> Decisions:
        place, held = self.state.bars, self.ctx.portfolio.position(bar.symbol)
        self.state.bars += 1
        wanted = place < len(self.params.table) and self.params.table[place]
        if wanted and not held:
            return buy(bar.symbol, 10)
        return sell(bar.symbol, held) if held and not wanted else None


class EmaParams(StrategyParams, frozen=True):
    """``span`` of the average, in bars."""

    span: int = 20


class EmaState(StrategyState):
    """The average; 0 before the first bar."""

    average: float = 0.0


class FromFirstBar(Strategy[EmaParams, EmaState]):
    """Holds ten units above an exponential average, which feeds on its own last value."""

    metadata = Metadata(name="from_first_bar")

    def on_bar(self, bar: Bar) -> Decisions:
        last = self.state.average or bar.close
        self.state.average = last + 2 / (self.params.span + 1) * (bar.close - last)
        self.ctx.log("average", ema=self.state.average)
        held = self.ctx.portfolio.position(bar.symbol)
        if bar.close > self.state.average and not held:
            return buy(bar.symbol, 10)
        return sell(bar.symbol, held) if held and bar.close < self.state.average else None


class AllHistory(Strategy[StrategyParams, StrategyState]):
    """Holds ten units above the average of all the history there is."""

    metadata = Metadata(name="all_history")

    def on_bar(self, bar: Bar) -> Decisions:
        closes = [past.close for past in self.ctx.history(bar.symbol, 100_000)]
        average = fmean(closes)
        self.ctx.log("average", mean=average)
        held = self.ctx.portfolio.position(bar.symbol)
        if bar.close > average and not held:
            return buy(bar.symbol, 10)
        return sell(bar.symbol, held) if held and bar.close < average else None
