"""A run that begins in the middle of its data knows the bars before, and trades none of them."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from eventstore import MemoryEventStore
from kernel.configuration import convert_config
from kernel.errors import ConfigError
from kernel.events import (
    Bar,
    CorporateAction,
    CorporateActionKind,
    Event,
    HistoryLoaded,
    OrderFilled,
    StrategyLogged,
)
from kernel.time_units import DAY_NS
from replay import backtest
from replay.config import ReplayConfig
from replay.planning import plan_run
from replay.record import read_record
from replay.verification import verify_run
from strategies.ma_cross import MovingAverageCross
from strategies.sdk import Decisions, Metadata, Strategy, StrategyParams, StrategyState, buy
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.crossing import Crossing
from tests.replay.market import walk, write_csv
from tests.replay.playing import GOOG, GOOG_IMPORT, START, derived_of, record_run, store_of, store_of_files

FROM = "2004-01-21"  # the 21st day of the walk
FROM_TS = START + 20 * DAY_NS


class Asking(Strategy[StrategyParams, StrategyState]):
    """Logs how many bars it gets of those it asks for."""

    metadata = Metadata(name="asking")
    count = 7

    def on_bar(self, bar: Bar) -> None:
        bars = self.ctx.history(bar.symbol, self.count)
        self.ctx.log(bar.symbol, bars=len(bars), first=bars[0].close)


class AtTheStart(Asking):
    """Asks before the first event of the run, and tells that it must."""

    metadata = Metadata(name="at_the_start")

    def bars_needed(self) -> int:
        return 5

    def on_start(self) -> None:
        self.ctx.log("A", bars=len(self.ctx.history("A", 5)), equity=self.ctx.portfolio.equity)

    def on_bar(self, bar: Bar) -> None: ...


class Counted(StrategyState):
    seen: int = 0


class OwnAverage(Strategy[StrategyParams, Counted]):
    """Keeps an indicator of its own, and warms it up."""

    metadata = Metadata(name="own_average")

    def bars_needed(self) -> int:
        return 4

    def on_warm_up(self, bar: Bar) -> None:
        assert bar.symbol
        self.state.seen += 1

    def on_start(self) -> None:
        self.ctx.log("warm", bars=self.state.seen)

    def on_bar(self, bar: Bar) -> Decisions:
        return buy(bar.symbol, 1) if self.state.seen else None


def from_the_middle(**more: object) -> ReplayConfig:
    return convert_config({"from": FROM, **more}, ReplayConfig)


def entries(derived: list[Event]) -> list[str]:
    fills = [event for event in derived if isinstance(event, OrderFilled)]
    return [str(datetime.fromtimestamp(fill.executed_ts / 1e9, UTC).date()) for fill in fills]


def figures(derived: list[Event]) -> list[tuple[object, ...]]:
    logged = [event for event in derived if isinstance(event, StrategyLogged)]
    return [tuple(one.value if one.exact is None else one.exact for one in event.figures) for event in logged]


async def history_of(store: MemoryEventStore, run: str) -> list[HistoryLoaded]:
    record = await read_record(store, run)
    return [event for event in record.opening if isinstance(event, HistoryLoaded)]


@pytest.mark.usefixtures("shared_data")
@pytest.mark.parametrize(("warm_up", "entry"), [("auto", "2008-04-29"), ("none", "2008-05-27")])
async def test_a_cross_of_5_and_100_days_enters_when_it_would_have_with_all_the_data(
    warm_up: str, entry: str
) -> None:
    store = await store_of_files(GOOG, options=GOOG_IMPORT)
    named = {"from": "2008-01-01", "warm_up": warm_up, "streams": ["goog.1d"]}
    config = convert_config(named, ReplayConfig)

    run = await record_run(store, [Crossing()], config)

    assert entries(await derived_of(store, run))[0] == entry
    assert (await verify_run(store, run)).restarts == 1


@pytest.mark.usefixtures("shared_data")
def test_a_backtest_warms_up_as_the_command_does() -> None:
    done = backtest(MovingAverageCross(fast=5, slow=100), GOOG, start="2008-01-01", importing=GOOG_IMPORT)
    cold = backtest(
        MovingAverageCross(fast=5, slow=100), GOOG, start="2008-01-01", importing=GOOG_IMPORT, warm_up="none"
    )

    days = [datetime.fromtimestamp(one.trades[0].entry_ts / 1e9, UTC).date() for one in (done, cold)]
    assert [str(day) for day in days] == ["2008-01-03", "2008-05-27"]


async def test_as_many_bars_are_loaded_as_the_strategies_ask_for() -> None:
    store = await store_of(a_1d=walk("A", 40, seed=1), b_1d=walk("B", 40, seed=2))

    run = await record_run(store, [Asking()], from_the_middle())

    loaded = await history_of(store, run)
    assert [(one.symbol, one.timeframe, len(one.bars)) for one in loaded] == [("A", "1d", 7), ("B", "1d", 7)]
    assert all(one.bars[-1].ts < FROM_TS for one in loaded)
    assert {got for got, _ in figures(await derived_of(store, run))} == {7}


@pytest.mark.parametrize(("warm_up", "loaded"), [(3, [3]), (100, [20]), (0, []), ("none", [])])
async def test_the_number_of_bars_can_be_set(warm_up: int | str, loaded: list[int]) -> None:
    store = await store_of(a_1d=walk("A", 40, seed=1))

    run = await record_run(store, [Asking()], from_the_middle(warm_up=warm_up))

    assert [len(one.bars) for one in await history_of(store, run)] == loaded


async def test_a_run_over_all_of_its_data_has_nothing_to_warm_up_with() -> None:
    store = await store_of(a_1d=walk("A", 40, seed=1))

    run = await record_run(store, [Asking()])

    assert await history_of(store, run) == []


async def test_history_is_there_before_the_first_event_and_moves_no_figure() -> None:
    store = await store_of(a_1d=walk("A", 40, seed=1))

    run = await record_run(store, [AtTheStart()], from_the_middle())

    assert figures(await derived_of(store, run)) == [(5, Decimal(100_000))]


async def test_bars_of_the_warm_up_trade_nothing() -> None:
    store = await store_of(a_1d=walk("A", 40, seed=1))

    run = await record_run(store, [OwnAverage()], from_the_middle())

    derived = await derived_of(store, run)
    assert figures(derived) == [(4,)]
    assert entries(derived)[0] == "2004-01-22"
    assert min(event.ts for event in derived) >= FROM_TS


async def test_a_warmed_up_run_goes_on_as_recorded_when_the_data_and_the_default_change() -> None:
    store = await store_of(a_1d=walk("A", 40, seed=1))
    run = await record_run(store, [OwnAverage(), Asking()], from_the_middle())
    await store.append("a.1d", walk("A", 5, seed=3, start=START + 60 * DAY_NS), expected_seq=40)

    verified = await verify_run(store, run, restarts=5)

    assert verified.restarts == 5


async def test_a_split_before_the_run_adjusts_the_bars_before_it() -> None:
    bars = walk("A", 40, seed=1)
    split = CorporateAction(START + 17 * DAY_NS, "A", CorporateActionKind.SPLIT, Decimal(2))
    store = await store_of(a_1d=bars, actions=[split])
    config = from_the_middle(streams=["a.1d", "actions"])

    run = await record_run(store, [Asking()], config)

    (_, first), *_ = figures(await derived_of(store, run))
    before = [bar for bar in bars if isinstance(bar, Bar) and bar.ts < FROM_TS]
    assert first == before[-6].close / 2


async def test_the_strategies_are_tried_on_nothing_that_comes_later() -> None:
    """A strategy that asks for more bars later is loaded with what it asked for before ``from``."""

    class Later(Asking):
        metadata = Metadata(name="later")

        def on_bar(self, bar: Bar) -> None:
            self.ctx.history(bar.symbol, 3 if bar.ts < FROM_TS else 15)

    store = await store_of(a_1d=walk("A", 40, seed=1))

    run = await record_run(store, [Later()], from_the_middle())

    assert [len(one.bars) for one in await history_of(store, run)] == [3]


@pytest.mark.parametrize(
    ("warm_up", "problem"),
    [("all", "warm_up: expected auto, none or a number of bars; got 'all'"), (-1, "warm_up: -1 is below 0")],
)
async def test_a_setting_that_makes_no_sense_is_refused(warm_up: object, problem: str) -> None:
    store = await store_of(a_1d=walk("A", 5, seed=1))
    config = convert_config({"streams": ["a.1d"], "warm_up": warm_up}, ReplayConfig)

    with pytest.raises(ConfigError, match=problem):
        await plan_run(store, config, loaded=[])


def test_the_command_takes_the_setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(tmp_path / "a.csv", walk("A", 40, seed=1))
    onetape("import", "a.csv", "--store", "m.db", "--symbol", "A")
    cross = ("--strategy", "strategies.ma_cross:MovingAverageCross", "--param", "fast=2", "--param", "slow=9")
    run = ("--store", "m.db", "--stream", "a.1d", *cross, "--from", FROM, "--json")

    done = replay(*run, "--warm-up", "none")
    refused = replay(*run, "--warm-up", "much")

    assert done.exit_code == 0, done.output
    assert refused.exit_code == 1
    assert "warm_up: expected auto, none or a number of bars; got 'much'" in refused.output
