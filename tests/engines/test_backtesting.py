"""Random market, limit and stop orders on real bars: the package ``backtesting`` makes the same trades.

Round trips are compared, because it keeps trades and no fills; both sides match them first in, first out.
Left out of the scripts, and why: stop-limits (theirs that gap through the stop fill at the stop, a price that
was never traded after it) and exits attached to a trade (theirs may fill in the bar of the entry).
"""

from typing import Any

import pytest

from kernel.time_units import DAY_NS
from replay.config import ReplayConfig
from tests.engines.order_script import Row, Step, Task, random_script
from tests.engines.ours import run_task, start_of
from tests.engines.test_backtrader import FREE, goog

pytestmark = [
    pytest.mark.usefixtures("shared_data"),
    pytest.mark.filterwarnings("ignore:Some trades remain open:UserWarning"),  # as they do with ours
    pytest.mark.filterwarnings("ignore:DatetimeIndex.dayofweek"),  # the package asks pandas the old way
]

Trip = tuple[int, int, int, float, float]
"""Entry bar, exit bar, size (negative for a short), entry and exit price."""


def trades_of_theirs(rows: tuple[Row, ...], steps: tuple[Step, ...]) -> list[Trip]:
    backtesting: Any = pytest.importorskip("backtesting", reason="compares with the PyPI package")
    pandas: Any = pytest.importorskip("pandas", reason="backtesting takes a pandas frame")
    columns = ("Open", "High", "Low", "Close", "Volume")
    frame = pandas.DataFrame(
        [row[1:] for row in rows], columns=columns, index=pandas.DatetimeIndex([row[0] for row in rows])
    )

    class Scripted(backtesting.Strategy):  # type: ignore[misc]  # the package has no types
        def init(self) -> None:
            self.by_bar: dict[int, list[Step]] = {}
            for step in steps:
                self.by_bar.setdefault(step.bar, []).append(step)

        def next(self) -> None:
            for step in self.by_bar.get(len(self.data) - 1, ()):
                send = self.buy if step.side == "buy" else self.sell
                send(size=step.quantity, limit=step.limit, stop=step.stop)

    run = backtesting.Backtest(frame, Scripted, cash=1e9, finalize_trades=False).run()
    rows_of_trades = run["_trades"].itertuples()
    return [(t.EntryBar, t.ExitBar, int(t.Size), t.EntryPrice, t.ExitPrice) for t in rows_of_trades]


@pytest.mark.parametrize("seed", range(3))
async def test_random_orders_make_the_trades_of_backtesting(seed: int) -> None:
    """Theirs begins to ask with the second bar."""
    rows = goog(seed * 500, 500)
    script = random_script(rows, seed=seed, kinds=("market", "limit", "stop"))
    steps = tuple(step for step in script if step.bar > 0)
    bar_of = {start_of(row[0]) // DAY_NS: at for at, row in enumerate(rows)}

    theirs = trades_of_theirs(rows, steps)
    ours = await run_task(Task(bars=rows, steps=steps), ReplayConfig(risk=FREE))

    trips = [
        (
            bar_of[trade.entry_ts // DAY_NS],
            bar_of[trade.exit_ts // DAY_NS],
            int(trade.quantity) if trade.side.value == "buy" else -int(trade.quantity),
            float(trade.entry_price),
            float(trade.exit_price),
        )
        for trade in ours.result.trades
    ]
    assert len(theirs) > 150
    assert sorted(trips) == sorted(theirs)
