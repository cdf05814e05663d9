"""Reference strategies in the package ``backtesting``: a task as JSON from stdin, its trades to stdout.

Runs in an environment of its own and imports nothing of ours. The package keeps no fills, so every trade is
told as two of them.
"""

import json
import sys

import backtesting
import pandas as pd


def rules_of(task):
    """The strategy. Its averages are its own: the package skips the first bar with all indicators."""
    values, quantity = task["params"], task["quantity"]

    class MovingAverageCross(backtesting.Strategy):
        def init(self):
            self.wanted = 0

        def next(self):
            closes = self.data.Close[-values["slow"] :]
            if len(closes) < values["slow"]:
                return
            target = -1 if values["allow_short"] else 0
            if closes[-values["fast"] :].mean() > closes.mean():
                target = 1
            if target == self.wanted:
                return
            self.wanted = target
            if target == 0:
                self.position.close()
            else:
                (self.buy if target > 0 else self.sell)(size=quantity)

    return {"ma_cross": MovingAverageCross}[task["rules"]]


def fills_of(trades, *, ends):
    for trade in trades.itertuples():
        side, other = ("buy", "sell") if trade.Size > 0 else ("sell", "buy")
        size = abs(int(trade.Size))
        yield trade.EntryBar, side, size, trade.EntryPrice
        if ends:
            yield trade.ExitBar, other, size, trade.ExitPrice


def main():
    task = json.load(sys.stdin)
    columns = ("Open", "High", "Low", "Close", "Volume")
    rows = task["rows"]
    frame = pd.DataFrame(
        [row[1:] for row in rows], columns=columns, index=pd.DatetimeIndex([row[0] for row in rows])
    )
    test = backtesting.Backtest(
        frame,
        rules_of(task),
        cash=task["cash"],
        commission=task["commission_rate"],
        exclusive_orders=True,
        finalize_trades=False,
    )
    run = test.run()
    open_trades = run["_strategy"].trades
    fills = [*fills_of(run["_trades"], ends=True)]
    for trade in open_trades:
        side = "buy" if trade.size > 0 else "sell"
        fills.append((trade.entry_bar, side, abs(int(trade.size)), trade.entry_price))
    fills = [
        {"day": rows[bar][0], "side": side, "quantity": size, "price": price}
        for bar, side, size, price in sorted(fills)
    ]
    equity = list(run["_equity_curve"]["Equity"])
    json.dump({"version": backtesting.__version__, "fills": fills, "equity": equity}, sys.stdout)


if __name__ == "__main__":
    main()
