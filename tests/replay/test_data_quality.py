"""What was found odd in the data, as a strategy sees it."""

from pathlib import Path

from eventstore import EventStore
from eventstore.importing import ImportOptions
from kernel.events import RunStarted, StrategyLogged
from replay.config import ReplayConfig
from replay.verification import verify_run
from strategies.sdk import Bar, Metadata, Strategy, StrategyParams, StrategyState
from tests.eventstore.importing.files import write_bars
from tests.ops.commands import onetape
from tests.replay.commands import replay
from tests.replay.playing import read_events, record_run, store_of_files

ROWS = ("2024-01-02,10,10,10,10,1", "2024-01-03,200,200,200,200,1", "2024-01-04,10,10,10,10,1")
CONFIG = ReplayConfig(streams=("a.1d",))


class Wary(Strategy[StrategyParams, StrategyState]):
    """Logs what is known about the quality of its data."""

    metadata = Metadata(name="wary", features=("data_quality",))

    def on_bar(self, bar: Bar) -> None:
        issues = self.ctx.data_quality(bar.symbol)
        self.ctx.log("known", count=len(issues), latest=max((one.ts for one in issues), default=0))


class Careless(Wary):
    """The same, without the feature."""

    metadata = Metadata(name="careless")


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


async def test_a_run_without_the_feature_plays_its_data_alone(tmp_path: Path) -> None:
    store = await store_of_files(write_bars(tmp_path, *ROWS), options=ImportOptions(symbol="A"))

    run = await record_run(store, [Careless()], CONFIG)

    started = (await read_events(store, run))[0]
    assert isinstance(started, RunStarted)
    assert [source.stream for source in started.sources] == ["a.1d"]
    assert await counts(store, run) == [0, 0, 0]


def test_what_was_odd_in_the_data_of_a_run_is_said_by_the_command(tmp_path: Path) -> None:
    path = write_bars(tmp_path, *ROWS)
    onetape("import", path, "--symbol", "A", "--store", tmp_path / "m.db")

    done = replay(
        *("--store", tmp_path / "m.db", "--stream", "a.1d", "--report", tmp_path / "r.html"),
        *("--strategy", "strategies.buy_and_hold:BuyAndHold"),
    )

    assert "a.1d: 2 findings in its data, the first: A: price 200 beside 10 at 2024-01-03" in done.stderr
