"""A day of ``from`` and ``to`` is a trading day of the data, and so are the days of the printed period."""

from datetime import date, timedelta
from pathlib import Path

import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.fills.port import FillTiming
from components.assembly.instruments import InstrumentConfig
from eventstore import MemoryEventStore
from eventstore.importing import ImportOptions
from kernel.configuration import convert_config
from kernel.errors import ConfigError
from kernel.events import Bar, Event, HistoryLoaded, StrategyLogged
from kernel.time_units import DAY_NS, HOUR_NS
from replay.config import ReplayConfig
from replay.record import read_record
from replay.results import read_results
from replay.run_list import list_runs, run_rows
from replay.tables import result_lines
from replay.verification import verify_run
from strategies.sdk import Metadata, Strategy, StrategyParams, StrategyState
from tests.eventstore.importing.files import write_lines
from tests.replay.playing import derived_of, record_run, store_of, store_of_files

FIRST = date(2019, 12, 27)
ZONES = [
    ("UTC", ""),
    ("America/New_York", ""),
    ("America/New_York", "09:30-16:00"),
    ("America/New_York", "17:00-17:00"),
    ("Pacific/Honolulu", ""),
    ("Asia/Tokyo", ""),
    ("Asia/Shanghai", "09:30-15:00"),
    ("Pacific/Auckland", ""),
]


MONDAY = 19_751 * DAY_NS
"""2024-01-29."""


def hours(first_ts: int, count: int) -> list[Event]:
    return [
        Bar(first_ts + (n + 1) * HOUR_NS - 1, "A", "1h", 9.0, 9.0, 9.0, 9.0, 1.0, first_ts + n * HOUR_NS)
        for n in range(count)
    ]


class Diary(Strategy[StrategyParams, StrategyState]):
    """Logs the close of each bar; the closes of these files are the days of the month."""

    metadata = Metadata(name="diary")

    def on_bar(self, bar: Bar) -> None:
        self.ctx.log("bar", close=bar.close, before=len(self.ctx.history(bar.symbol, 3)))


async def store_in(path: Path, zone: str, session: str) -> MemoryEventStore:
    """Ten days from 2019-12-27 on."""
    days = [FIRST + timedelta(days=number) for number in range(10)]
    rows = [f"{day},{day.day},{day.day},{day.day},{day.day},1000" for day in days]
    file = write_lines(path / "a.csv", ["Date,Open,High,Low,Close,Volume", *rows])
    return await store_of_files(file, options=ImportOptions(symbol="A", tz=zone, session=session))


async def closes_of(store: MemoryEventStore, run: str) -> list[object]:
    logged = [event for event in await derived_of(store, run) if isinstance(event, StrategyLogged)]
    return [event.figures[0].value for event in logged]


async def periods_of(store: MemoryEventStore, run: str) -> tuple[str, str]:
    """The period in the table of the run, and in the list of runs."""
    listed = run_rows(await list_runs(store))
    place = [one.name for one in listed.columns].index("Period")
    return dict(result_lines(await read_results(store, run)))["Period"], listed.rows[0][place]


@pytest.mark.parametrize(("zone", "session"), ZONES)
async def test_days_of_a_period_are_the_trading_days_of_the_bars(
    tmp_path: Path, zone: str, session: str
) -> None:
    store = await store_in(tmp_path, zone, session)
    config = convert_config({"from": "2020-01-01", "to": "2020-01-03", "streams": ["a.1d"]}, ReplayConfig)

    run = await record_run(store, [Diary()], config)

    assert await closes_of(store, run) == [1.0, 2.0, 3.0]
    opening = (await read_record(store, run)).opening
    (history,) = [event for event in opening if isinstance(event, HistoryLoaded)]
    assert [bar.close for bar in history.bars] == [29.0, 30.0, 31.0]
    assert await periods_of(store, run) == ("2020-01-01 to 2020-01-03",) * 2
    assert (await verify_run(store, run)).restarts == 1


@pytest.mark.parametrize(("zone", "session"), ZONES)
async def test_a_whole_run_has_the_days_of_its_file(tmp_path: Path, zone: str, session: str) -> None:
    store = await store_in(tmp_path, zone, session)

    run = await record_run(store, [Diary()])

    assert await periods_of(store, run) == ("2019-12-27 to 2020-01-05",) * 2


async def test_a_moment_is_compared_with_the_end_of_a_bar(tmp_path: Path) -> None:
    store = await store_in(tmp_path, "America/New_York", "")
    named = {"from": "2020-01-01T00:00:00", "to": "2020-01-04T04:00:00", "streams": ["a.1d"]}

    run = await record_run(store, [Diary()], convert_config(named, ReplayConfig))

    assert await closes_of(store, run) == [31.0, 1.0, 2.0]


async def test_a_period_without_a_bar_of_its_days_is_refused(tmp_path: Path) -> None:
    store = await store_in(tmp_path, "America/New_York", "")
    config = convert_config({"from": "2020-01-06", "streams": ["a.1d"]}, ReplayConfig)

    with pytest.raises(ConfigError, match="no events between 2020-01-06 and the end"):
        await record_run(store, [Diary()], config)


async def test_days_of_finer_bars_are_utc_days() -> None:
    store = await store_of(a_1h=hours(MONDAY, 72))
    config = convert_config({"from": "2024-01-30", "to": "2024-01-30", "streams": ["a.1h"]}, ReplayConfig)

    run = await record_run(store, [Diary()], config)

    assert len(await closes_of(store, run)) == 24
    assert await periods_of(store, run) == ("2024-01-30",) * 2


async def test_a_period_of_overnight_sessions_begins_on_the_day_of_the_session() -> None:
    """Currencies from Sunday 17:00 New York, 22:00 UTC: the session is Monday's."""
    store = await store_of(a_1h=hours(MONDAY - 2 * HOUR_NS, 48))
    config = ReplayConfig(
        broker=SimulatedBrokerConfig(bar_fill=FillTiming.THIS_CLOSE),
        instruments=(InstrumentConfig(symbol="A", calendar="FX"),),
    )

    run = await record_run(store, [Diary()], config)

    assert await periods_of(store, run) == ("2024-01-29 to 2024-01-30",) * 2
