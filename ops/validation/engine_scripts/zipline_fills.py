"""zipline as a judge: reads bars, splits, dividends and an order script from stdin, writes its fills.

Runs in an environment of its own and imports nothing of ours. The market is built in memory: no bundle.
"""

import json
import sqlite3
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pandas as pd
from sqlalchemy import create_engine
from zipline.algorithm import TradingAlgorithm
from zipline.api import cancel_order, order, set_commission, set_slippage
from zipline.assets import AssetDBWriter, AssetFinder
from zipline.data.adjustments import SQLiteAdjustmentReader, SQLiteAdjustmentWriter
from zipline.data.data_portal import DataPortal
from zipline.data.in_memory_daily_bars import InMemoryDailyBarReader
from zipline.finance import metrics
from zipline.finance.commission import PerShare
from zipline.finance.execution import LimitOrder, MarketOrder, StopLimitOrder, StopOrder
from zipline.finance.slippage import NoSlippage, VolumeShareSlippage
from zipline.finance.trading import SimulationParameters
from zipline.utils.calendar_utils import get_calendar

FIELDS = ("open", "high", "low", "close", "volume")


class DailyBars(InMemoryDailyBarReader):
    """Bars from memory. What is overridden here does not work in zipline 3.2.1."""

    def get_value(self, sid, dt, field):
        return self._frames[field].at[dt.normalize(), int(sid)]

    @property
    def last_available_dt(self):
        return self.sessions[-1]


class Judge:
    """The algorithm: sends what the script says for each session, and notes every transaction."""

    def __init__(self, task, assets):
        self.task = task
        self.assets = assets
        self.names = {}
        self.sent = {}
        self.session = -1
        self.equity = []
        self.cash = []

    def initialize(self, _context):
        costs = self.task["costs"]
        limit, impact = costs.get("volume_limit"), costs.get("price_impact")
        set_slippage(
            us_equities=NoSlippage()
            if limit is None
            else VolumeShareSlippage(volume_limit=limit, price_impact=impact)
        )
        set_commission(
            us_equities=PerShare(costs.get("per_share", 0.0), min_trade_cost=costs.get("minimum", 0.0))
        )

    def handle_data(self, _context, _data):
        self.session += 1
        for step in self.task["steps"]:
            if step["bar"] != self.session:
                continue
            if step["do"] == "cancel":
                cancel_order(self.sent[step["name"]])
            else:
                self._send(step)

    def _send(self, step):
        amount = step["quantity"] if step["side"] == "buy" else -step["quantity"]
        limit, stop = step.get("limit"), step.get("stop")
        if limit is not None and stop is not None:
            style = StopLimitOrder(limit, stop)
        elif limit is not None:
            style = LimitOrder(limit)
        else:
            style = MarketOrder() if stop is None else StopOrder(stop)
        key = order(self.assets[step["symbol"]], amount, style=style)
        self.sent[step["name"]] = key
        self.names[key] = step["name"]


def frames_of(task, sessions):
    columns = range(len(task["symbols"]))
    frames = {field: pd.DataFrame(np.nan, index=sessions, columns=columns) for field in FIELDS}
    for sid, symbol in enumerate(task["symbols"]):
        rows = task["bars"][symbol]
        index = pd.DatetimeIndex([row[0] for row in rows])
        for at, field in enumerate(FIELDS, 1):
            frames[field].loc[index, sid] = [row[at] for row in rows]
    return frames


def adjustments_of(task, reader, folder):
    path = str(folder / "adjustments.db")
    writer = SQLiteAdjustmentWriter(path, reader, overwrite=True)
    sids = {symbol: sid for sid, symbol in enumerate(task["symbols"])}
    splits = pd.DataFrame(
        [(pd.Timestamp(day), ratio, sids[symbol]) for day, symbol, ratio in task["splits"]],
        columns=["effective_date", "ratio", "sid"],
    )
    dividends = pd.DataFrame(
        [
            (pd.Timestamp(ex), pd.Timestamp(ex), pd.Timestamp(ex), pd.Timestamp(pay), amount, sids[symbol])
            for ex, pay, symbol, amount in task["dividends"]
        ],
        columns=["ex_date", "declared_date", "record_date", "pay_date", "amount", "sid"],
    )
    writer.write(splits=splits if len(splits) else None, dividends=dividends if len(dividends) else None)
    writer.close()
    return SQLiteAdjustmentReader(sqlite3.connect(path))


def assets_of(task, first, last):
    engine = create_engine("sqlite://")
    AssetDBWriter(engine).write(
        equities=pd.DataFrame(
            {
                "symbol": task["symbols"],
                "start_date": [first] * len(task["symbols"]),
                "end_date": [last] * len(task["symbols"]),
                "exchange": ["NYSE"] * len(task["symbols"]),
            }
        ),
        exchanges=pd.DataFrame({"exchange": ["NYSE"], "country_code": ["US"], "timezone": ["US/Eastern"]}),
    )
    return AssetFinder(engine)


def run(task, trader_of):
    """Run the algorithm ``trader_of(task, assets by symbol)``; returns it and the results by session."""
    calendar = get_calendar("XNYS")
    days = [row[0] for rows in task["bars"].values() for row in rows]
    sessions = calendar.sessions_in_range(min(days), max(days))
    reader = DailyBars(
        frames_of(task, sessions), calendar, pd.Series("USD", index=range(len(task["symbols"])))
    )
    finder = assets_of(task, sessions[0], sessions[-1])
    with TemporaryDirectory() as folder:
        adjustments = adjustments_of(task, reader, Path(folder))
        portal = DataPortal(
            finder,
            trading_calendar=calendar,
            first_trading_day=sessions[0],
            equity_daily_reader=reader,
            adjustment_reader=adjustments,
        )
        trader = trader_of(task, {asset.symbol: asset for asset in finder.retrieve_all(finder.sids)})
        algorithm = TradingAlgorithm(
            sim_params=SimulationParameters(
                start_session=sessions[0],
                end_session=sessions[-1],
                trading_calendar=calendar,
                capital_base=task["cash"],
                data_frequency="daily",
            ),
            data_portal=portal,
            asset_finder=finder,
            initialize=trader.initialize,
            handle_data=trader.handle_data,
            benchmark_returns=pd.Series(0.0, index=sessions),
            metrics_set=metrics.load("default"),
        )
        return trader, algorithm.run()


def main():
    judge, results = run(json.load(sys.stdin), Judge)
    days = [day.date().isoformat() for day in results.index.normalize()]
    fills = [
        {
            "bar": at,
            "name": judge.names[one["order_id"]],
            "quantity": abs(one["amount"]),
            "price": one["price"],
        }
        for at, listed in enumerate(results["transactions"])
        for one in listed
    ]
    json.dump(
        {
            "fills": fills,
            "days": days,
            "equity": list(results["portfolio_value"]),
            "cash": list(results["ending_cash"]),
        },
        sys.stdout,
    )


if __name__ == "__main__":
    main()
