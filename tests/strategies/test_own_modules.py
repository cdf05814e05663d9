"""Files beside a strategy may be imported: they are linted, recorded, and replayed as they were."""

import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from eventstore import MemoryEventStore
from kernel.errors import InputError, ReplayDiverged, StrategyRefused
from kernel.events import OrderFilled, StrategyLoaded
from replay import backtest
from replay.record import checked_plan, read_record
from replay.verification import verify_run
from strategies.sdk.loading import load_strategy
from tests.replay.market import walk
from tests.replay.playing import derived_of, record_run, store_of

STRATEGY = """
import averages
from sizes import SIZE
from strategies.sdk import Bar, Decisions, Strategy, StrategyParams, StrategyState, buy


class Own(Strategy[StrategyParams, StrategyState]):
    def on_bar(self, bar: Bar) -> Decisions:
        if averages.of(self.ctx, bar.symbol) and not self.ctx.portfolio.position(bar.symbol):
            return buy(bar.symbol, SIZE)
        return None
"""
AVERAGES = """
from sizes import DAYS


def of(ctx, symbol):
    return len(ctx.history(symbol, DAYS)) == DAYS
"""
SIZES = "SIZE = 3\nDAYS = 4\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "own.py").write_text(STRATEGY)
    (tmp_path / "averages.py").write_text(AVERAGES)
    (tmp_path / "sizes.py").write_text(SIZES)
    return tmp_path


def test_files_beside_a_strategy_are_loaded_in_the_order_of_their_needs(folder: Path) -> None:
    loaded = load_strategy(f"{folder}/own.py:Own")

    assert [one.name for one in loaded.modules] == ["sizes", "averages"]
    assert loaded.strategy.reads_history()


def test_they_are_linted_with_their_own_lines(folder: Path) -> None:
    (folder / "averages.py").write_text("import time\n" + AVERAGES)

    with pytest.raises(StrategyRefused, match=r"averages\.py:1:1: `time` reads the wall clock"):
        load_strategy(f"{folder}/own.py:Own")


def test_a_file_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "sizes.py").unlink()

    with pytest.raises(StrategyRefused, match=r"`sizes` may not be imported; .* \(there is no sizes\.py\)"):
        load_strategy(f"{folder}/own.py:Own")


def test_files_that_import_each_other_are_refused(folder: Path) -> None:
    (folder / "sizes.py").write_text("import averages\n" + SIZES)

    with pytest.raises(InputError, match="imports itself: averages -> sizes -> averages"):
        load_strategy(f"{folder}/own.py:Own")


def test_a_failure_in_such_a_file_names_its_line(folder: Path) -> None:
    (folder / "sizes.py").write_text("SIZE = 1 // 0\n")

    with pytest.raises(StrategyRefused, match=r"sizes\.py:1: loading the module fails: ZeroDivisionError"):
        load_strategy(f"{folder}/own.py:Own")


async def recorded_run(folder: Path) -> tuple[MemoryEventStore, str]:
    store = await store_of(a_1d=walk("A", 20, seed=1))
    return store, await record_run(store, [load_strategy(f"{folder}/own.py:Own")])


async def test_an_old_run_is_replayed_with_the_recorded_files(folder: Path) -> None:
    store, run = await recorded_run(folder)
    (folder / "sizes.py").write_text("SIZE = 7\nDAYS = 9\n")

    verified = await verify_run(store, run, restarts=3)

    fills = [event for event in await derived_of(store, run) if isinstance(event, OrderFilled)]
    assert (verified.restarts, [int(fill.quantity) for fill in fills]) == (3, [3])
    with pytest.raises(ReplayDiverged):
        await verify_run(store, run, current_code=True)


async def test_a_changed_file_in_a_record_is_found(folder: Path) -> None:
    store, run = await recorded_run(folder)
    record = await read_record(store, run)
    (loaded,) = [event for event in record.opening if isinstance(event, StrategyLoaded)]

    altered = replace(loaded, modules=(replace(loaded.modules[0], source="SIZE = 4"), loaded.modules[1]))
    opening = tuple(altered if event is loaded else event for event in record.opening)

    await checked_plan(store, record, current_code=False)

    with pytest.raises(ReplayDiverged, match=r"modules\.sizes"):
        await checked_plan(store, replace(record, opening=opening), current_code=False)


SCRIPT = """
import csv
import os

from replay import backtest
from strategies.sdk import Bar, Decisions, Strategy, StrategyParams, StrategyState, buy

NAMES = os.listdir(".")


class Good(Strategy[StrategyParams, StrategyState]):
    def on_bar(self, bar: Bar) -> Decisions:
        return buy(bar.symbol, 1)


def clock():
    return os.times()


class Bad(Strategy[StrategyParams, StrategyState]):
    def on_bar(self, bar: Bar) -> Decisions:
        print(clock())
        return buy(bar.symbol, 1)
"""


def test_a_class_in_a_script_is_linted_with_all_that_it_uses_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_script.py").write_text(SCRIPT)
    (tmp_path / "a.csv").write_text(
        "Date,Open,High,Low,Close,Volume\n2024-01-02,1,1,1,1,1\n2024-01-03,1,1,1,1,1\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    script = __import__("my_script")

    assert backtest(script.Good(), tmp_path / "a.csv").result.failures == 0

    with pytest.raises(StrategyRefused) as refused:
        backtest(script.Bad(), tmp_path / "a.csv")

    found = [line.split("my_script.py:")[1] for line in str(refused.value).splitlines()]
    assert [line.split(":")[0] for line in found] == ["3", "17", "22"]
    assert "`os` differs from machine to machine" in found[0]
    assert "`print` writes outside the log; use `self.ctx.log(" in found[2]
