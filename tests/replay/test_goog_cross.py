"""The moving-average cross on ten years of GOOG, to the cent, as five other engines have it."""

import json
from decimal import Decimal
from pathlib import Path

import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.fills import FillTiming
from kernel.events import OrderFilled, OrderIntent
from replay import backtest
from replay.config import ReplayConfig
from strategies.ma_cross import MovingAverageCross
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.playing import (
    GOOG,
    GOOG_IMPORT,
    derived_of,
    record_run,
    store_of_files,
)

FINAL_EQUITY = {FillTiming.NEXT_OPEN: Decimal("182350.00"), FillTiming.THIS_CLOSE: Decimal("186871.00")}

pytestmark = pytest.mark.usefixtures("shared_data")


@pytest.mark.parametrize("timing", FillTiming)
def test_the_cross_on_goog_ends_exactly_where_other_engines_end(timing: FillTiming) -> None:
    done = backtest(
        MovingAverageCross(fast=10, slow=30, quantity=100),
        data=GOOG,
        cash=100_000,
        broker=SimulatedBrokerConfig(bar_fill=timing),
        importing=GOOG_IMPORT,
    )

    assert done.metrics.final_equity == FINAL_EQUITY[timing]


@pytest.mark.parametrize("timing", FillTiming)
async def test_the_cross_on_goog_makes_67_decisions_and_67_fills(timing: FillTiming) -> None:
    store = await store_of_files(GOOG, options=GOOG_IMPORT)
    config = ReplayConfig(broker=SimulatedBrokerConfig(bar_fill=timing))

    run = await record_run(store, [MovingAverageCross(fast=10, slow=30, quantity=100)], config)

    derived = await derived_of(store, run)
    decided = sum(isinstance(event, OrderIntent) for event in derived)
    filled = sum(isinstance(event, OrderFilled) for event in derived)
    assert (decided, filled) == (67, 67)


@pytest.mark.parametrize("timing", FillTiming)
def test_the_commands_come_to_the_same_figures(
    timing: FillTiming, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    imported = onetape("import", GOOG, "--symbol", "GOOG", "--store", "market.db")

    done = replay(
        *("--store", "market.db", "--stream", "goog.1d", "--cash", "100000", "--bar-fill", timing.value),
        *("--strategy", "strategies.ma_cross:MovingAverageCross", "--param", "fast=10"),
        *("--param", "slow=30", "--param", "quantity=100"),
        *("--slippage-bps", "0", "--commission-per-share", "0", "--json"),
    )

    assert (imported.exit_code, done.exit_code, done.stderr) == (0, 0, "")
    figures = json.loads(done.stdout)
    assert (figures["orders"], figures["fills"]) == (67, 67)
    assert Decimal(figures["final_equity"]) == FINAL_EQUITY[timing]
