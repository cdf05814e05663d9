"""P&L belongs to the trading day of the bar, wherever its day begins and ends."""

from pathlib import Path

import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.fills.port import FillTiming
from components.assembly.instruments import InstrumentConfig
from eventstore.importing import ImportOptions
from kernel.events import Bar
from kernel.time_units import DAY_NS, HOUR_NS
from replay.config import ReplayConfig
from replay.equity import daily_closes, monthly_returns
from replay.results import read_results
from strategies.buy_and_hold import BuyAndHold
from tests.eventstore.importing.files import write_lines
from tests.replay.playing import record_run, store_of, store_of_files

THIS_CLOSE = SimulatedBrokerConfig(bar_fill=FillTiming.THIS_CLOSE)
PRICES = """Date,Open,High,Low,Close,Volume
2023-12-28,100,100,100,100,1
2023-12-29,100,110,100,110,1
2024-01-02,110,110,110,110,1
2024-01-31,110,121,110,121,1
2024-02-01,121,121,121,121,1
"""


async def months_of(path: Path, calendar: str, options: ImportOptions) -> dict[tuple[int, int], float]:
    """The return of each month of a run that invests 95 % at the first close, to a tenth."""
    store = await store_of_files(path, options=options)
    instruments = (InstrumentConfig(symbol="A", calendar=calendar),)
    config = ReplayConfig(streams=("a.1d",), broker=THIS_CLOSE, instruments=instruments)
    run = await record_run(store, [BuyAndHold()], config)
    closes = daily_closes((await read_results(store, run)).equity)
    return {(one.year, one.month): round(one.value, 1) for one in monthly_returns(closes)}


@pytest.mark.parametrize("calendar", ["", "own"])
@pytest.mark.parametrize(
    ("zone", "session", "own"),
    [
        ("UTC", "", "24/7"),
        ("America/New_York", "", "XNYS"),
        ("America/New_York", "09:30-16:00", "XNYS"),
        ("America/New_York", "17:00-17:00", "FX"),
        ("America/Los_Angeles", "", "XNYS"),
        ("Pacific/Honolulu", "", "XNYS"),
        ("Asia/Tokyo", "", "XTKS"),
        ("Asia/Tokyo", "09:00-15:00", "XTKS"),
        ("Pacific/Auckland", "", "XNZE"),
    ],
)
async def test_the_last_days_of_a_month_and_a_year_stay_in_them(
    tmp_path: Path, zone: str, session: str, own: str, calendar: str
) -> None:
    options = ImportOptions(symbol="A", tz=zone, session=session)
    path = write_lines(tmp_path / "a.csv", PRICES.splitlines())

    found = await months_of(path, own if calendar else "", options)

    assert found == {(2023, 12): 0.1, (2024, 1): 0.1, (2024, 2): 0.0}


async def test_an_hour_of_an_overnight_session_belongs_to_the_day_of_the_session() -> None:
    """Currencies from Thursday to Friday 17:00 New York, 22:00 UTC: they rise on Friday's last hour."""
    thursday = 19_753 * DAY_NS
    prices = [100.0] * 23 + [110.0] + [110.0] * 24
    first = thursday - 2 * HOUR_NS
    bars = [
        Bar(
            first + (place + 1) * HOUR_NS, "A", "1h", price, price, price, price, 1.0, first + place * HOUR_NS
        )
        for place, price in enumerate(prices)
    ]
    store = await store_of(a_1h=bars)
    instruments = (InstrumentConfig(symbol="A", calendar="FX"),)

    run = await record_run(store, [BuyAndHold()], ReplayConfig(broker=THIS_CLOSE, instruments=instruments))
    closes = daily_closes((await read_results(store, run)).equity)

    assert list(closes.days) == [19_753, 19_754]
    assert closes.returns == pytest.approx([0.1, 0.0], abs=6e-3)
