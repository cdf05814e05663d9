"""Reference strategies in backtrader, with its own indicators: a task as JSON from stdin, fills to stdout.

Runs in an environment of its own and imports nothing of ours.
"""

import json
import sys

import backtrader as bt
from backtrader_fills import Bars


class Reference(bt.Strategy):
    """Sends one market order when its target changes; notes every execution and the equity of every bar."""

    params = (("task", None),)

    def __init__(self):
        self.quantity = self.p.task["quantity"]
        self.values = self.p.task["params"]
        self.wanted = 0
        self.fills = []
        self.equity = []
        self.prepare()

    def prepare(self):
        """Make the indicators."""

    def prenext(self):
        self.equity.append(self.broker.getvalue())

    def next(self):
        self.equity.append(self.broker.getvalue())
        target = self.target()
        if target > self.wanted:
            self.buy(size=target - self.wanted)
        elif target < self.wanted:
            self.sell(size=self.wanted - target)
        self.wanted = target

    def notify_order(self, order):
        if order.status == order.Completed:
            self.fills.append(
                {
                    "day": self.data.datetime.date(0).isoformat(),
                    "side": "buy" if order.isbuy() else "sell",
                    "quantity": abs(order.executed.size),
                    "price": order.executed.price,
                }
            )


class BuyAndHold(Reference):
    def target(self):
        if self.wanted:
            return self.wanted
        return int(self.p.task["cash"] * self.values["fraction"] / self.data.close[0])


class MovingAverageCross(Reference):
    def prepare(self):
        self.fast = bt.ind.SMA(period=self.values["fast"])
        self.slow = bt.ind.SMA(period=self.values["slow"])

    def target(self):
        if self.fast[0] > self.slow[0]:
            return self.quantity
        return -self.quantity if self.values["allow_short"] else 0


class RelativeStrengthIndex(Reference):
    def prepare(self):
        self.index = bt.ind.RSI(period=self.values["period"])

    def target(self):
        if self.index[0] <= self.values["lower"]:
            return self.quantity
        return 0 if self.index[0] >= self.values["upper"] else self.wanted


class MeanReversion(Reference):
    def prepare(self):
        self.average = bt.ind.SMA(period=self.values["window"])
        self.deviation = bt.ind.StandardDeviation(period=self.values["window"])

    def target(self):
        score = (self.data.close[0] - self.average[0]) / self.deviation[0]
        if score <= -self.values["entry"]:
            return self.quantity
        if score >= self.values["entry"]:
            return 0
        return 0 if self.wanted and score >= -self.values["exit"] else self.wanted


class ChannelBreak(Reference):
    """With a stop-loss at the low of the channel on the day of the entry."""

    def prepare(self):
        self.high = bt.ind.Highest(self.data.high(-1), period=self.values["entry"])
        self.low = bt.ind.Lowest(self.data.low(-1), period=self.values["exit"])
        self.stop_loss = None

    def next(self):
        self.equity.append(self.broker.getvalue())
        if not self.wanted and self.data.close[0] > self.high[0]:
            self.wanted = self.quantity
            entry = self.buy(size=self.quantity, transmit=False)
            self.stop_loss = self.sell(
                size=self.quantity, exectype=bt.Order.Stop, price=self.low[0], parent=entry
            )
        elif self.wanted and self.data.close[0] < self.low[0]:
            self.wanted = 0
            if self.position:
                self.cancel(self.stop_loss)
                self.sell(size=self.quantity)


RULES = {
    "buy_and_hold": BuyAndHold,
    "ma_cross": MovingAverageCross,
    "rsi": RelativeStrengthIndex,
    "mean_reversion": MeanReversion,
    "channel_break": ChannelBreak,
}


def main():
    task = json.load(sys.stdin)
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(task["cash"])
    cerebro.broker.set_checksubmit(False)
    cerebro.broker.setcommission(commission=task["commission_rate"])
    cerebro.adddata(Bars(rows=task["rows"]))
    cerebro.addstrategy(RULES[task["rules"]], task=task)
    (strategy,) = cerebro.run()
    answer = {"version": bt.__version__, "fills": strategy.fills, "equity": strategy.equity}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
