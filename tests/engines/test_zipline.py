"""Random orders on real bars with a split and dividends: zipline and we agree, fill by fill, day by day.

Zipline knows one price of a bar, its close, in the session after the decision: our ``close`` model. Its
default costs are our ``volume_share`` slippage, our volume cap and a commission per share with a minimum.
Prices are compared to a millionth, because theirs are not rounded to a tick. No limit in the scripts equals a
close: theirs slips limit orders too, beyond the limit then, and does not fill; ours fill at a touch. Theirs
counts a dividend when it is paid, ours from the ex-date: without it for this comparison.
"""

import csv
import gzip
from collections.abc import Iterable
from decimal import Decimal

import msgspec
import pytest

from brokers.simulated.config import ModelConfig, SimulatedBrokerConfig
from components.assembly.instruments import InstrumentConfig
from replay.config import ReplayConfig
from strategies.sdk import RiskLimits
from tests.engines.judges import Verdict, judge
from tests.engines.order_script import Costs, EngineFill, Row, Task, random_script
from tests.engines.ours import OurRun, run_task
from tests.replay.playing import SHARED_DATA

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("shared_data")]

FOLDER = SHARED_DATA / "daily" / "zipline_example"
FINE_TICK = Decimal("0.00000001")
COSTS = Costs(volume_limit=0.025, price_impact=0.1, per_share=0.0075, minimum=1.0)
SYMBOLS = ("AAPL", "MSFT")
KINDS = ("market", "limit", "stop", "stop_limit", "cancel")
PERIODS = (("2014-03-03", "2014-10-31"), ("2005-01-03", "2005-12-30"), ("2008-06-02", "2009-06-30"))


def rows_of(symbol: str, *, first: str, last: str) -> tuple[Row, ...]:
    with gzip.open(FOLDER / f"{symbol}.csv.gz", "rt", newline="") as file:
        return tuple(
            (row["date"], *(float(row[key]) for key in ("open", "high", "low", "close", "volume")))  # type: ignore[misc]  # five prices
            for row in csv.DictReader(file)
            if first <= row["date"] <= last
        )


def actions(name: str, *, first: str, last: str) -> list[dict[str, str]]:
    with (FOLDER / name).open(newline="") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if first < (row.get("ex_date") or row["effective_date"]) <= last]


def task_of(first: str, last: str, *, seed: int) -> Task:
    """Orders in two shares; dividends are paid on the day after, which the data set does not know."""
    bars = {symbol: rows_of(symbol, first=first, last=last) for symbol in SYMBOLS}
    days = [row[0] for row in bars["AAPL"]]
    steps = [
        msgspec.structs.replace(step, symbol=symbol, name=f"{symbol}.{step.name}")
        for symbol, rows in bars.items()
        for step in random_script(rows, seed=seed, kinds=KINDS)
        if step.limit not in {row[4] for row in rows}
    ]
    sent = {step.name for step in steps if step.do == "order"}
    return Task(
        bars=bars,
        steps=tuple(step for step in steps if step.name in sent),
        cash=10_000_000.0,
        symbols=SYMBOLS,
        splits=tuple(
            (row["effective_date"], row["symbol"], float(row["ratio"]))
            for row in actions("splits.csv", first=first, last=last)
        ),
        dividends=tuple(
            (row["ex_date"], day_after(row["ex_date"], days), row["symbol"], float(row["amount"]))
            for row in actions("dividends.csv", first=first, last=last)
        ),
        costs=COSTS,
    )


def day_after(day: str, days: list[str]) -> str:
    """The next session, or the last one."""
    return days[min(days.index(day) + 1, len(days) - 1)]


def configured(symbols: Iterable[str] = SYMBOLS) -> ReplayConfig:
    """Zipline's model of the market, in ours."""
    broker = SimulatedBrokerConfig(
        bars="close",
        volume=ModelConfig("share", {"limit": COSTS.volume_limit}),
        slippage=ModelConfig("volume_share", {"price_impact": 0.1, "volume_limit": 0.025}),
        commission=ModelConfig("per_share", {"per_share": "0.0075", "minimum": "1"}),
    )
    instruments = tuple(InstrumentConfig(symbol=symbol, tick_size=FINE_TICK) for symbol in symbols)
    risk = RiskLimits(require_cash=False, allow_short=True, require_margin=False)
    return ReplayConfig(risk=risk, broker=broker, instruments=instruments)


def rounded(fills: tuple[EngineFill, ...]) -> list[tuple[int, str, float, float]]:
    return sorted((fill.bar, fill.name, fill.quantity, round(fill.price, 6)) for fill in fills)


async def both(first: str, last: str, *, seed: int) -> tuple[Verdict, OurRun]:
    task = task_of(first, last, seed=seed)
    return judge("zipline", task), await run_task(task, configured())


@pytest.mark.parametrize(("first", "last"), PERIODS)
async def test_random_orders_fill_as_in_zipline(first: str, last: str) -> None:
    theirs, ours = await both(first, last, seed=3)

    assert len(theirs.fills) > 100
    assert rounded(ours.fills) == rounded(theirs.fills)


@pytest.mark.parametrize(("first", "last"), PERIODS)
async def test_every_day_is_worth_the_same_as_in_zipline(first: str, last: str) -> None:
    theirs, ours = await both(first, last, seed=4)

    assert list(ours.paid_equity) == pytest.approx(list(theirs.equity), abs=0.01)
