"""backtrader as a judge: reads bars and an order script as JSON from stdin, writes its fills to stdout.

Runs in an environment of its own and imports nothing of ours.
"""

import json
import sys
from datetime import date, datetime, time, timedelta

import backtrader as bt

TYPES = {
    "market": bt.Order.Market,
    "limit": bt.Order.Limit,
    "stop": bt.Order.Stop,
    "stop_limit": bt.Order.StopLimit,
    "market_on_close": bt.Order.Close,
}


class Bars(bt.feed.DataBase):
    """A feed of the given rows."""

    params = (("rows", ()), ("timeframe", bt.TimeFrame.Days))

    def start(self):
        super().start()
        self.source = iter(self.p.rows)

    def _load(self):
        row = next(self.source, None)
        if row is None:
            return False
        moment = datetime.combine(date.fromisoformat(row[0]), time(23, 59, 59))
        self.lines.datetime[0] = bt.date2num(moment)
        lines = (self.lines.open, self.lines.high, self.lines.low, self.lines.close, self.lines.volume)
        for line, value in zip(lines, row[1:], strict=True):
            line[0] = value
        self.lines.openinterest[0] = 0.0
        return True


class Scripted(bt.Strategy):
    """Sends each order of the script at the close of its bar, and notes every execution."""

    params = (("script", None),)

    def __init__(self):
        self.sent = {}
        self.names = {}
        self.fills = []
        self.equity = []
        self.at = {}
        for step in self.p.script["steps"]:
            self.at.setdefault(step["bar"], []).append(step)

    def next(self):
        self.equity.append(self.broker.getvalue())
        for step in self.at.get(len(self) - 1, ()):
            if step["do"] == "cancel":
                self.cancel(self.sent[step["name"]])
            elif step["do"] == "bracket":
                self._bracket(step)
            else:
                self._send(step)

    def _terms(self, step):
        kind, limit, stop = step["type"], step.get("limit"), step.get("stop")
        price, plimit = (stop, limit) if kind == "stop_limit" else (limit if stop is None else stop, None)
        valid = None
        if step.get("days") is not None:  # good until the end of that many days after this one
            valid = self.data.datetime.datetime(0) + timedelta(days=step["days"])
        return {
            "size": step["quantity"],
            "exectype": TYPES[kind],
            "price": price,
            "plimit": plimit,
            "valid": valid,
        }

    def _send(self, step):
        send = self.buy if step["side"] == "buy" else self.sell
        other = self.sent.get(step.get("oco"))
        self._note(step["name"], send(**self._terms(step), oco=other))

    def _bracket(self, step):
        send = self.buy_bracket if step["side"] == "buy" else self.sell_bracket
        terms = self._terms(step)
        orders = send(
            size=terms["size"],
            exectype=terms["exectype"],
            price=terms["price"],
            stopprice=step["stop_loss"],
            limitprice=step["take_profit"],
        )
        for suffix, order in zip(("", "/stop", "/limit"), orders, strict=True):
            self._note(step["name"] + suffix, order)

    def _note(self, name, order):
        self.sent[name] = order
        self.names[order.ref] = name

    def notify_order(self, order):
        if order.status not in (order.Partial, order.Completed):
            return
        *_, last = order.executed.iterpending()
        self.fills.append(
            {
                "bar": len(self) - 1,
                "name": self.names[order.ref],
                "quantity": abs(last.size),
                "price": last.price,
            }
        )


def main():
    task = json.load(sys.stdin)
    cerebro = bt.Cerebro(stdstats=False)
    cerebro.broker.setcash(task["cash"])
    cerebro.broker.set_checksubmit(False)
    if task.get("this_close"):
        cerebro.broker.set_coc(True)
    if task.get("volume_percent"):
        cerebro.broker.set_filler(bt.broker.fillers.FixedBarPerc(perc=task["volume_percent"]))
    if task.get("commission_rate"):
        cerebro.broker.setcommission(commission=task["commission_rate"])
    cerebro.adddata(Bars(rows=task["bars"]))
    cerebro.addstrategy(Scripted, script=task)
    (strategy,) = cerebro.run()
    json.dump({"fills": strategy.fills, "equity": strategy.equity}, sys.stdout)


if __name__ == "__main__":
    main()
