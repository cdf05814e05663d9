"""Reference strategies in zipline, on its own history: a task as JSON from stdin, fills to stdout.

Runs in an environment of its own and imports nothing of ours.
"""

import json
import sys

import zipline
from zipline.api import order, set_commission, set_slippage
from zipline.finance.commission import PerShare
from zipline.finance.slippage import NoSlippage
from zipline_fills import run


class Reference:
    """Sends one market order when its target changes."""

    def __init__(self, task, assets):
        self.values = task["params"]
        self.quantity = task["quantity"]
        self.cash = task["cash"]
        (self.asset,) = assets.values()
        self.sessions = 0
        self.wanted = 0

    def initialize(self, _context):
        set_slippage(us_equities=NoSlippage())
        set_commission(us_equities=PerShare(0.0, min_trade_cost=0.0))

    def handle_data(self, _context, data):
        self.sessions += 1
        target = self.target(data)
        if target != self.wanted:
            order(self.asset, target - self.wanted)
        self.wanted = target

    def closes(self, data, count):
        """The last closes; ``None`` while there are fewer."""
        return data.history(self.asset, "close", count, "1d") if self.sessions >= count else None


class BuyAndHold(Reference):
    def target(self, data):
        if self.wanted:
            return self.wanted
        return int(self.cash * self.values["fraction"] / data.current(self.asset, "close"))


class MovingAverageCross(Reference):
    def target(self, data):
        closes = self.closes(data, self.values["slow"])
        if closes is None:
            return 0
        if closes.iloc[-self.values["fast"] :].mean() > closes.mean():
            return self.quantity
        return -self.quantity if self.values["allow_short"] else 0


class MeanReversion(Reference):
    def target(self, data):
        closes = self.closes(data, self.values["window"])
        if closes is None:
            return 0
        score = (closes.iloc[-1] - closes.mean()) / closes.std(ddof=0)
        if score <= -self.values["entry"]:
            return self.quantity
        if score >= self.values["entry"]:
            return 0
        return 0 if self.wanted and score >= -self.values["exit"] else self.wanted


RULES = {"buy_and_hold": BuyAndHold, "ma_cross": MovingAverageCross, "mean_reversion": MeanReversion}


def main():
    task = json.load(sys.stdin)
    market = {"bars": {"X": task["rows"]}, "symbols": ["X"], "splits": [], "dividends": []}
    _, results = run({**task, **market}, RULES[task["rules"]])
    days = [day.date().isoformat() for day in results.index.normalize()]
    fills = [
        {
            "day": day,
            "side": "buy" if one["amount"] > 0 else "sell",
            "quantity": abs(one["amount"]),
            "price": one["price"],
        }
        for day, listed in zip(days, results["transactions"], strict=True)
        for one in listed
    ]
    equity = list(results["portfolio_value"])
    json.dump({"version": zipline.__version__, "fills": fills, "equity": equity}, sys.stdout)


if __name__ == "__main__":
    main()
