"""Zipline's published examples, reproduced: every fill, and what the account is worth every day.

The model is zipline's default (see ``test_zipline``); dividends are never paid in this data set. The
decisions of the moving averages are made by a strategy on its history, adjusted for splits and dividends
as known on the day.
"""

import csv
import gzip
from decimal import Decimal
from statistics import fmean

import msgspec
import pytest

from kernel.events import Bar, CorporateAction, CorporateActionKind, Event, OrderFilled
from replay.config import ReplayConfig
from replay.equity import daily_closes
from replay.results import read_results
from strategies.sdk import (
    Adjustment,
    Decisions,
    Metadata,
    Strategy,
    StrategyParams,
    StrategyState,
    buy,
    target_position,
)
from tests.engines.ours import bar_of, day_of, start_of
from tests.engines.test_zipline import actions, configured, rows_of
from tests.replay.playing import SHARED_DATA, derived_of, record_run, store_of

pytestmark = pytest.mark.usefixtures("shared_data")

GOLDEN = SHARED_DATA / "golden"


class Seen(StrategyState):
    """Bars seen by symbol."""

    count: dict[str, int] = msgspec.field(default_factory=dict[str, int])


class BuyApple(Strategy[StrategyParams, Seen]):
    """Ten shares every session."""

    metadata = Metadata(name="buyapple")

    def on_bar(self, bar: Bar) -> Decisions:
        return buy(bar.symbol, 10)


class BuyAndHold(Strategy[StrategyParams, Seen]):
    """A hundred of each on the first session."""

    metadata = Metadata(name="buy_and_hold")

    def on_bar(self, bar: Bar) -> Decisions:
        if bar.symbol in self.state.count:
            return None
        self.state.count[bar.symbol] = 1
        return buy(bar.symbol, 100)


class DualMovingAverage(Strategy[StrategyParams, Seen]):
    """A hundred shares while the mean of 100 closes is above that of 300."""

    metadata = Metadata(name="dual_moving_average")

    def bars_needed(self) -> int:
        return 300

    def on_bar(self, bar: Bar) -> Decisions:
        bars = self.ctx.history(bar.symbol, 300, adjustment=Adjustment.TOTAL)
        if len(bars) < 300:
            return None
        closes = [one.close for one in bars]
        short, long = fmean(closes[-100:]), fmean(closes)
        if short > long:
            return target_position(bar.symbol, 100)
        return target_position(bar.symbol, 0) if short < long else None


EXAMPLES = {
    "buyapple": (BuyApple, ("AAPL",), "2014-01-02", "2014-10-31"),
    "buy_and_hold": (BuyAndHold, ("AAPL", "MSFT"), "2008-01-02", "2012-12-31"),
    "dual_moving_average": (DualMovingAverage, ("AAPL",), "2011-01-03", "2012-12-31"),
}


def corporate_actions(first: str, last: str) -> list[Event]:
    splits = [
        CorporateAction(
            start_of(row["effective_date"]),
            row["symbol"],
            CorporateActionKind.SPLIT,
            Decimal(repr(round(1 / float(row["ratio"]), 6))),
        )
        for row in actions("splits.csv", first=first, last=last)
    ]
    return list(splits)


@pytest.mark.parametrize("name", EXAMPLES)
async def test_an_example_of_zipline_is_reproduced(name: str) -> None:
    kind, symbols, first, last = EXAMPLES[name]
    streams: dict[str, list[Event]] = {
        f"{symbol.lower()}_1d": [bar_of(symbol, row) for row in rows_of(symbol, first=first, last=last)]
        for symbol in symbols
    }
    splits = corporate_actions(first, last)
    if splits:
        streams["actions"] = splits
    store = await store_of(**streams)
    config: ReplayConfig = msgspec.structs.replace(configured(symbols), cash=Decimal(10_000_000))
    with (GOLDEN / f"zipline_{name}_fills.csv").open(newline="") as file:
        golden = list(csv.DictReader(file))
    with gzip.open(GOLDEN / f"zipline_{name}_daily.csv.gz", "rt", newline="") as file:
        daily = list(csv.DictReader(file))

    run = await record_run(store, [kind()], config)
    result = await read_results(store, run)

    fills = [event for event in await derived_of(store, run) if isinstance(event, OrderFilled)]
    assert sorted(
        (day_of(fill.ts), fill.symbol, int(fill.quantity), round(float(fill.price), 5)) for fill in fills
    ) == sorted(
        (row["session"], row["symbol"], int(row["amount"]), round(float(row["price"]), 5)) for row in golden
    )
    equity = list(daily_closes(result.equity).equity)
    assert equity == pytest.approx([float(row["portfolio_value"]) for row in daily], abs=0.005)
