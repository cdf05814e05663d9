"""Published runs of other engines, reproduced: Backtrader, PyAlgoTrade, LEAN.

Only where plain orders on bars mean the same there and here. What is left out, and why:

- Zipline's examples fill at the next bar's *close* plus slippage by share of volume: not a timing that we
  offer, because a decision at one close that trades at the next has waited a day for nothing.
- LEAN's stop-limit case compares closes, not ranges, with the limit, so it fills on other days; its
  cases with splits, dividends or market-on-open and -close orders need what is not built yet.
- Backtrader's sweep over periods has another final value for the period of the case beside it, so its
  figures belong to another rule.
- PyAlgoTrade's other cases publish a rounded Sharpe ratio of their own convention and no fills.
"""

import csv
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest

from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.fills import FillTiming
from components.assembly.instruments import InstrumentConfig
from eventstore.importing import ImportOptions
from kernel.events import Bar, OrderFilled, Side
from kernel.time_units import DAY_NS, HOUR_NS, SECOND_NS
from replay import Backtest, backtest
from replay.config import ReplayConfig
from replay.equity import daily_closes
from replay.results import RunResult, read_results
from strategies.sdk import RiskLimits
from tests.replay.playing import SHARED_DATA, derived_of, record_run, store_of, store_of_files
from tests.replay.sample_strategies import BuyOnce, PriceCross

pytestmark = pytest.mark.usefixtures("shared_data")

GOLDEN = SHARED_DATA / "golden"
EUROSTOXX = SHARED_DATA / "daily" / "backtrader" / "2006-day-001.txt"
STOXX_IMPORT = ImportOptions(symbol="SX5E")
ORACLE = SHARED_DATA / "daily" / "quandl_wiki" / "WIKI-ORCL-2000-quandl.csv"


class Fill(msgspec.Struct, frozen=True):
    """A fill by day."""

    day: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal = Decimal(0)


def day_of(ts: int) -> str:
    return datetime.fromtimestamp(ts // SECOND_NS, UTC).date().isoformat()


def as_fill(event: OrderFilled) -> Fill:
    return Fill(day_of(event.executed_ts), event.side, event.quantity, event.price, event.commission)


# --- Backtrader: SMA(15) on the EURO STOXX 50 of 2006 -------------------------------------------

BACKTRADER = {
    "stock": ReplayConfig(cash=Decimal(10_000)),
    "future": ReplayConfig(
        cash=Decimal(10_000),
        risk=RiskLimits(require_cash=False, require_margin=False),
        broker=SimulatedBrokerConfig(commission_per_order=Decimal(2)),
        instruments=(InstrumentConfig(symbol="SX5E", multiplier=Decimal(10)),),
    ),
}
"""Theirs sets 1,000 of margin aside for a future and leaves the rest in cash. Here the contract's whole
value leaves the cash, which may go below zero, and comes back as the position's: the equity is the same,
the cash is not and is not compared.
"""


def backtrader_rows(name: str, what: str) -> list[dict[str, str]]:
    with (GOLDEN / f"backtrader_sma_cross_2006_{name}_{what}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", BACKTRADER)
async def test_every_fill_of_backtrader_is_made(name: str) -> None:
    store = await store_of_files(EUROSTOXX, options=STOXX_IMPORT)

    run = await record_run(store, [PriceCross(period=15)], BACKTRADER[name])

    fills = [as_fill(event) for event in await derived_of(store, run) if isinstance(event, OrderFilled)]
    assert fills == [
        Fill(
            row["date"],
            Side(row["side"].lower()),
            Decimal(abs(int(row["size"]))),
            Decimal(row["price"]),
            Decimal(row["commission"]),
        )
        for row in backtrader_rows(name, "fills")
    ]


@pytest.mark.parametrize("name", BACKTRADER)
async def test_the_equity_of_every_day_is_that_of_backtrader(name: str) -> None:
    """Theirs begins with the first value of the average, ours with the first bar."""
    store = await store_of_files(EUROSTOXX, options=STOXX_IMPORT)
    golden = backtrader_rows(name, "equity")

    result = await read_results(store, await record_run(store, [PriceCross(period=15)], BACKTRADER[name]))

    curve = daily_closes(result.equity)
    last = len(golden)
    assert [day_of(int(day) * DAY_NS) for day in curve.days[-last:]] == [row["date"] for row in golden]
    np.testing.assert_allclose(
        curve.equity[-last:], [float(row["value"]) for row in golden], rtol=0, atol=1e-6
    )


# --- PyAlgoTrade: SMA(15) on Oracle, 2000, adjusted prices --------------------------------------


def run_oracle() -> Backtest:
    return backtest(
        PriceCross(period=15, quantity=10, at_crossing=False),
        data=ORACLE,
        cash=1_000,
        # An adjusted price lies on no cent: a fine tick keeps it as it is.
        instruments=[InstrumentConfig(symbol="ORCL", tick_size=Decimal("1E-9"))],
        importing=ImportOptions(
            symbol="ORCL",
            adjusted=True,
            newest_first=True,
            column=(
                ("open", "Open"),
                ("high", "High"),
                ("low", "Low"),
                ("close", "Close"),
                ("volume", "Volume"),
                ("adj_close", "Adj. Close"),
            ),
        ),
    )


def pyalgotrade_log() -> list[str]:
    content = (GOLDEN / "pyalgotrade_samples.json").read_bytes()
    cases = msgspec.json.decode(content)["cases"]
    lines: list[str] = next(case["expected_log"] for case in cases if case["id"] == "tutorial-4")
    return lines


def test_the_trades_of_pyalgotrade_are_made() -> None:
    expected = [line for line in pyalgotrade_log() if "BUY" in line or "SELL" in line]

    trades = run_oracle().trades

    log: list[str] = []
    for trade in trades:
        log.append(f"{day_of(trade.entry_ts)} 00:00:00 strategy [INFO] BUY at ${trade.entry_price:.2f}")
        log.append(f"{day_of(trade.exit_ts)} 00:00:00 strategy [INFO] SELL at ${trade.exit_price:.2f}")
    assert log == expected[: len(log)]
    assert len(expected) - len(log) <= 1


def test_the_final_value_of_pyalgotrade_is_met() -> None:
    assert pyalgotrade_log()[-1] == "Final portfolio value: $974.87"

    assert round(run_oracle().metrics.final_equity, 2) == Decimal("974.87")


# --- LEAN: SPY, prices scaled by the factor file ------------------------------------------------


def lean_factors() -> list[tuple[str, float]]:
    with (SHARED_DATA / "daily/lean_usa_factor_files/spy.csv").open(newline="") as file:
        return [(row[0], float(row[1]) * float(row[2])) for row in csv.reader(file)]


def lean_bars(path: Path, *, timeframe: str, length_ns: int, first: str, last: str) -> Iterator[Bar]:
    """Scaled bars; ``ts`` counts from local midnight as if it were UTC, which changes no order."""
    factors = lean_factors()
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        for line in file.read().decode().splitlines():
            stamp, *prices, volume = line.split(",")
            if not first <= stamp <= last:
                continue
            factor = next(value for day, value in factors if day >= stamp[:8]) / 10_000
            moment = datetime.strptime(stamp, "%Y%m%d %H:%M").replace(tzinfo=UTC)
            opened = int(moment.timestamp()) * SECOND_NS
            first_price, high, low, close = (float(price) * factor for price in prices)
            ts = opened + length_ns
            yield Bar(ts, "SPY", timeframe, first_price, high, low, close, float(volume), opened)


async def run_lean(bars: list[Bar], strategy: BuyOnce, broker: SimulatedBrokerConfig) -> RunResult:
    store = await store_of(spy=bars)
    config = ReplayConfig(
        broker=broker, instruments=(InstrumentConfig(symbol="SPY", tick_size=Decimal("1E-9")),)
    )
    return await read_results(store, await record_run(store, [strategy], config))


PER_SHARE = SimulatedBrokerConfig(commission_per_share=Decimal("0.005"))
AT_CLOSE = SimulatedBrokerConfig(commission_per_share=Decimal("0.005"), bar_fill=FillTiming.THIS_CLOSE)
MINIMUM_FEE = SimulatedBrokerConfig(commission_per_order=Decimal(1))
"""One share pays the minimum of 1.00 there; charged per order here."""
FULL_WEIGHT = Decimal("0.9975")


async def test_a_daily_order_of_lean_fills_at_the_next_open() -> None:
    path = SHARED_DATA / "daily/lean_usa/spy.zip"
    bars = lean_bars(path, timeframe="1d", length_ns=DAY_NS, first="20131008", last="20131017 23:59")

    result = await run_lean(list(bars), BuyOnce(weight=FULL_WEIGHT), PER_SHARE)

    assert [lot.quantity for lot in result.open_lots] == [697]
    assert round(result.metrics.final_equity, 2) == Decimal("104486.22")


async def test_an_hourly_order_of_lean_fills_at_this_close() -> None:
    path = SHARED_DATA / "hour/lean_usa/spy.zip"
    bars = lean_bars(path, timeframe="1h", length_ns=HOUR_NS, first="20131007", last="20131011 23:59")

    result = await run_lean(list(bars), BuyOnce(weight=FULL_WEIGHT), AT_CLOSE)

    assert [lot.quantity for lot in result.open_lots] == [687]
    assert round(result.metrics.final_equity, 2) == Decimal("101529.08")


async def test_a_stop_of_lean_that_is_through_fills_at_the_next_open() -> None:
    path = SHARED_DATA / "hour/lean_usa/spy.zip"
    bars = list(lean_bars(path, timeframe="1h", length_ns=HOUR_NS, first="20210301", last="20210303 23:59"))
    noon = next(place for place, bar in enumerate(bars, 1) if bar.ts % DAY_NS == 12 * HOUR_NS)

    result = await run_lean(bars, BuyOnce(at_bar=noon, stop_below=Decimal(2)), MINIMUM_FEE)

    assert [float(lot.entry_price) for lot in result.open_lots] == [pytest.approx(bars[noon].open)]
    assert round(result.metrics.final_equity, 2) == Decimal("99991.05")


def test_bars_of_lean_are_in_order() -> None:
    path = SHARED_DATA / "hour/lean_usa/spy.zip"
    bars = lean_bars(path, timeframe="1h", length_ns=HOUR_NS, first="20131007", last="20131011 23:59")

    assert all(before.ts <= after.open_ts for before, after in pairwise(bars))
