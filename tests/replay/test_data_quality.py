"""What was found odd in the data, as strategies and results have it."""

import json
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from eventstore import EventStore
from eventstore.catalogue import set_aside
from eventstore.importing import DataKind, ImportOptions, import_files
from kernel.events import DataIssue, RunStarted, StrategyLogged
from replay import backtest
from replay.config import ReplayConfig
from replay.run_reading import read_run
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold
from strategies.sdk import Bar, Metadata, Strategy, StrategyParams, StrategyState
from tests.eventstore.importing.files import write_bars
from tests.ops.commands import onetape
from tests.replay.commands import replay as replay_command
from tests.replay.frames import untyped
from tests.replay.playing import read_events, record_run, store_of_files

ROWS = ("2024-01-02,10,10,10,10,1", "2024-01-03,200,200,200,200,1", "2024-01-04,10,10,10,10,1")
MORE_ROWS = (*ROWS, "2024-02-01,9,9,9,9,1", "2024-02-02,900,900,900,900,1")
CONFIG = ReplayConfig(streams=("a.1d",))


class Wary(Strategy[StrategyParams, StrategyState]):
    """Logs what is known about the quality of its data."""

    metadata = Metadata(name="wary", features=("data_quality",))

    def on_bar(self, bar: Bar) -> None:
        issues = self.ctx.data_quality(bar.symbol)
        self.ctx.log("known", count=len(issues), latest=max((one.ts for one in issues), default=0))


class Undeclared(Wary):
    """The same, without the feature: its code tells."""

    metadata = Metadata(name="undeclared")


async def counts(store: EventStore, run: str) -> list[int]:
    logged = [event for event in await read_events(store, run) if isinstance(event, StrategyLogged)]
    values = [{figure.name: figure.value for figure in event.figures} for event in logged]
    assert all(int(str(each["latest"])) <= event.ts for each, event in zip(values, logged, strict=True))
    return [int(str(each["count"])) for each in values]


async def test_a_strategy_sees_what_was_odd_no_earlier_than_it_was_knowable(tmp_path: Path) -> None:
    store = await store_of_files(write_bars(tmp_path, *ROWS), options=ImportOptions(symbol="A"))

    run = await record_run(store, [Wary()], CONFIG)

    assert await counts(store, run) == [0, 0, 1], "on record after the bar that showed it"
    assert (await verify_run(store, run)).run_stream == run


async def test_a_strategy_that_reads_the_issues_need_not_declare_it(tmp_path: Path) -> None:
    store = await store_of_files(write_bars(tmp_path, *ROWS), options=ImportOptions(symbol="A"))

    run = await record_run(store, [Undeclared()], CONFIG)

    assert await counts(store, run) == [0, 0, 1]


async def test_a_run_that_does_not_ask_plays_its_data_alone(tmp_path: Path) -> None:
    store = await store_of_files(write_bars(tmp_path, *ROWS), options=ImportOptions(symbol="A"))

    run = await record_run(store, [BuyAndHold()], CONFIG)

    started = (await read_events(store, run))[0]
    assert isinstance(started, RunStarted)
    assert [source.stream for source in started.sources] == ["a.1d"]


# --- in the result ----------------------------------------------------------------------------


async def test_the_result_has_what_was_odd_in_the_period_alone(tmp_path: Path) -> None:
    store = await store_of_files(write_bars(tmp_path, *MORE_ROWS), options=ImportOptions(symbol="A"))
    whole = await record_run(store, [BuyAndHold()], CONFIG)
    part = await record_run(store, [BuyAndHold()], replace(CONFIG, start="2024-01-04", end="2024-02-01"))

    found = [(await read_run(store, run)).result.data_issues for run in (whole, part)]

    kinds = [[one.issue for one in each["a.1d"]] for each in found]
    assert kinds == [
        [DataIssue.PRICE_JUMP, DataIssue.PRICE_JUMP, DataIssue.GAP, DataIssue.PRICE_JUMP],
        [DataIssue.PRICE_JUMP, DataIssue.GAP],
    ]


async def test_issues_are_of_the_data_that_the_run_read(tmp_path: Path) -> None:
    store = await store_of_files(write_bars(tmp_path, *ROWS), options=ImportOptions(symbol="A"))
    run = await record_run(store, [BuyAndHold()], CONFIG)
    before = (await read_run(store, run)).result.data_issues

    await set_aside(store, "a.1d", ts=0, reason="restated")
    await import_files(store, [write_bars(tmp_path, *ROWS[:1])], ImportOptions(symbol="A"))

    assert len(before["a.1d"]) == 2
    assert (await read_run(store, run)).result.data_issues == before


def test_a_backtest_has_them_as_a_frame_and_in_its_table(tmp_path: Path) -> None:
    r = backtest(BuyAndHold, write_bars(tmp_path, *MORE_ROWS), importing=ImportOptions(symbol="A"))

    frame: Any = r.data_issues  # pandas has no types

    assert frame["issue"].tolist() == ["price_jump", "price_jump", "gap", "price_jump"]
    assert str(frame["known"].dt.tz) == "UTC"
    assert "3 price jumps, 1 gap; the first: A: price 200 beside 10 at 2024-01-03" in untyped(r)._repr_html_()


def test_a_split_is_in_the_result_unless_the_run_plays_its_corporate_action(tmp_path: Path) -> None:
    days = [f"2024-01-{day:02d}" for day in range(1, 31)]
    prices = [(700.0 if n < 20 else 100.0) + n % 3 / 2 for n in range(30)]
    bars = write_bars(
        tmp_path, *(f"{d},{p},{p * 1.01},{p * 0.99},{p},1" for d, p in zip(days, prices, strict=True))
    )
    actions = tmp_path / "actions.csv"
    actions.write_text("symbol,ex_date,type,ratio\nA,2024-01-21,split,7\n")
    options = ImportOptions(symbol="A")

    raw: Any = backtest(BuyAndHold, bars, importing=options).data_issues  # pandas has no types
    known: Any = backtest(BuyAndHold, bars, importing=options, actions=actions).data_issues

    assert raw["issue"].tolist() == ["likely_split"]
    assert "looks like a split 7:1" in raw["words"][0]
    assert len(known) == 0


async def test_actions_that_come_after_the_bars_explain_a_split_too(tmp_path: Path) -> None:
    lines = [f"2024-01-{n + 1:02d},{p},{p + 1},{p - 1},{p},1" for n, p in enumerate([700] * 20 + [100] * 10)]
    store = await store_of_files(write_bars(tmp_path, *lines), options=ImportOptions(symbol="A"))
    actions = tmp_path / "actions.csv"
    actions.write_text("symbol,ex_date,type,ratio\nA,2024-01-21,split,7\n")
    await import_files(store, [actions], ImportOptions(kind=DataKind.CORPORATE_ACTIONS))

    alone = await record_run(store, [BuyAndHold()], CONFIG)
    both = await record_run(store, [BuyAndHold()], replace(CONFIG, streams=("a.1d", "a.actions")))

    found = [(await read_run(store, run)).result.data_issues for run in (alone, both)]
    assert [len(each) for each in found] == [1, 0]


def test_a_run_over_data_without_issues_says_nothing_of_them(tmp_path: Path) -> None:
    r = backtest(BuyAndHold, write_bars(tmp_path, ROWS[0], ROWS[2]), importing=ImportOptions(symbol="A"))

    assert len(r.data_issues) == 0
    assert "Data quality" not in untyped(r)._repr_html_()


def test_command_json_and_report_have_what_was_odd_in_the_data(tmp_path: Path) -> None:
    onetape("import", write_bars(tmp_path, *MORE_ROWS), "--symbol", "A", "--store", tmp_path / "m.db")
    what = ("--store", tmp_path / "m.db", "--stream", "a.1d", "--report", tmp_path / "r.html")
    held = ("--strategy", "strategies.buy_and_hold:BuyAndHold")

    shown = replay_command(*what, *held).stdout
    fields = json.loads(replay_command(*what, *held, "--json").stdout)["data_issues"]
    page = (tmp_path / "r.html").read_text(encoding="utf-8")

    assert "a.1d: 3 price jumps, 1 gap; the first: A: price 200 beside 10 at 2024-01-03" in shown
    assert "Found in the data:" in shown
    assert [one["issue"] for one in fields] == ["price_jump", "price_jump", "gap", "price_jump"]
    assert fields[2]["words"] == "A: nothing between 2024-01-04T23:59:59 and 2024-02-01T23:59:59 (28 days)"
    for place in ("<dt>Data quality of a.1d</dt>", "<h2>Found in the data</h2>", fields[2]["words"]):
        assert place in page
