"""backtrader: an EMA cross on bars, one bar for each quote, with open = high = low = close = mid.

backtrader has no quotes. A market order fills at the next bar, at the mid, so an order of the last bar stays
open. The decisions are the same as elsewhere, but equity is not. Its average starts from the mean of the
first ``period`` values, other engines' from the first value, so the earliest crossings may differ.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from time import perf_counter

import backtrader as bt
from peer_run import CASH, UNITS, Outcome, parse_task, report
from quotes import quotes


class MidBars(bt.feed.DataBase):
    """A feed of flat bars at the mid price."""

    params = (("quotes", None), ("timeframe", bt.TimeFrame.Seconds))

    def __init__(self) -> None:
        self.source: Iterator[tuple[int, float, float, float, float]] = iter(())
        self.loaded = 0.0

    def start(self) -> None:
        super().start()
        self.source = iter(self.p.quotes)

    def _load(self) -> bool:
        quote = next(self.source, None)
        if quote is None:
            return False
        ts, bid, ask, bid_size, _ask_size = quote
        mid = (bid + ask) / 2
        lines = self.lines
        lines.datetime[0] = bt.date2num(datetime.fromtimestamp(ts // 1_000_000_000, UTC))
        lines.open[0] = lines.high[0] = lines.low[0] = lines.close[0] = mid
        lines.volume[0] = bid_size
        lines.openinterest[0] = 0.0
        return True

    def preload(self) -> None:
        super().preload()
        self.loaded = perf_counter()


class EmaCross(bt.Strategy):
    params = (("fast", 500), ("slow", 2_000))

    def __init__(self) -> None:
        self.fast_ema = bt.ind.EMA(period=self.p.fast)
        self.slow_ema = bt.ind.EMA(period=self.p.slow)
        self.target = 0
        self.orders_sent = 0
        self.fills = 0
        self.stopped = 0.0

    def next(self) -> None:
        fast, slow = self.fast_ema[0], self.slow_ema[0]
        if fast > slow and self.target <= 0:
            self.buy(size=UNITS - self.target)
            self.target = UNITS
            self.orders_sent += 1
        elif fast < slow and self.target >= 0:
            self.sell(size=UNITS + self.target)
            self.target = -UNITS
            self.orders_sent += 1

    def notify_order(self, order) -> None:
        if order.status == order.Completed:
            self.fills += 1

    def stop(self) -> None:
        self.stopped = perf_counter()


def main() -> None:
    task = parse_task(__doc__)
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(CASH)
    feed = MidBars(quotes=quotes(task.count, task.seed))
    cerebro.adddata(feed)
    cerebro.addstrategy(EmaCross, fast=task.fast, slow=task.slow)
    begun = perf_counter()
    (strategy,) = cerebro.run()
    outcome = Outcome(
        seconds=strategy.stopped - feed.loaded,
        load_seconds=feed.loaded - begun,
        orders=strategy.orders_sent,
        fills=strategy.fills,
        final_position=float(strategy.position.size),
        final_equity=cerebro.broker.getvalue(),
    )
    report("backtrader", bt.__version__, task, outcome)


if __name__ == "__main__":
    main()
