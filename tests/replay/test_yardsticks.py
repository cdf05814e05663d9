"""Buy and hold and sixty-forty over several periods of real prices, against a second computation.

The second computation is a dozen lines of fractions that know nothing of ours: read the prices, hold
whole shares, trade at the next open. Every day's equity must be equal to the cent, and the metrics must
be those that ``empyrical-reloaded`` makes of the same daily returns.
"""

import csv
import io
import zipfile
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from replay import Backtest, backtest
from replay.equity import daily_closes
from strategies.buy_and_hold import BuyAndHold
from strategies.sixty_forty import SixtyForty
from tests.replay.playing import SHARED_DATA

pytestmark = pytest.mark.usefixtures("shared_data")

CASH = 1_000_000
PERIODS = (("2003-05-01", "2007-12-31"), ("2007-10-01", "2009-06-30"), ("2010-01-01", "2020-12-31"))

Day = tuple[str, Fraction, Fraction]
"""Date, open, close in USD."""


def prices(symbol: str, *, first: str, last: str) -> list[Day]:
    """Daily prices as traded; the file has them in 1/10,000 USD."""
    with zipfile.ZipFile(SHARED_DATA / f"daily/lean_usa/{symbol.lower()}.zip") as archive:
        text = archive.read(archive.namelist()[0]).decode()
    days = [
        (f"{row[0][:4]}-{row[0][4:6]}-{row[0][6:8]}", Fraction(row[1]) / 10_000, Fraction(row[4]) / 10_000)
        for row in csv.reader(io.StringIO(text))
    ]
    return [(day, to_cents(opened), to_cents(closed)) for day, opened, closed in days if first <= day <= last]


def to_cents(price: Fraction) -> Fraction:
    """Some openings of the source are averages of auctions; a share trades on the cent."""
    return Fraction(round(price * 100), 100)


def written(folder: Path, **symbols: list[Day]) -> Path:
    """A file as the importer takes it, day by day."""
    rows: list[str] = []
    for symbol, days in symbols.items():
        for day, opened, closed in days:
            low, high = sorted((opened, closed))
            fields = (float(opened), float(high), float(low), float(closed), 1)
            rows.append(",".join([day, symbol, *map(str, fields)]))
    rows.sort()
    path = folder / "bars.csv"
    path.write_text("\n".join(["Date,Symbol,Open,High,Low,Close,Volume", *rows]))
    return path


def equity_by_day(run: Backtest) -> list[float]:
    return [round(float(value), 2) for value in daily_closes(run.result.equity).equity]


def held_equity(days: list[Day], *, share: Fraction) -> list[float]:
    """Decide at the first close, buy at the next open, never trade again."""
    quantity = share * CASH // days[0][2]
    cash = CASH - quantity * days[1][1]
    return [float(CASH), *(round(float(cash + quantity * closed), 2) for _, _, closed in days[1:])]


def balanced_equity(stocks: list[Day], bonds: list[Day]) -> list[float]:
    """Sell at the open after a month's first close, buy at the open after that; 98 % invested."""
    cash, held = Fraction(CASH), [Fraction(0), Fraction(0)]
    pending: list[Fraction] = [Fraction(0), Fraction(0)]
    month, buys_due = "", False
    equity: list[float] = []
    for stock, bond in zip(stocks, bonds, strict=True):
        for at, (_, opened, _) in enumerate((stock, bond)):
            cash -= pending[at] * opened
            held[at] += pending[at]
        pending = [Fraction(0), Fraction(0)]
        worth = cash + held[0] * stock[2] + held[1] * bond[2]
        invested = worth * Fraction(98, 100)
        targets = (invested * Fraction(6, 10) // stock[2], invested * Fraction(4, 10) // bond[2])
        changes = [target - have for target, have in zip(targets, held, strict=True)]
        if stock[0][:7] > month:
            month, buys_due = stock[0][:7], True
            pending = [min(change, Fraction(0)) for change in changes]
        if buys_due and not any(pending):
            buys_due = False
            pending = [max(change, Fraction(0)) for change in changes]
        equity.append(round(float(worth), 2))
    return equity


@pytest.mark.parametrize(("first", "last"), PERIODS)
@pytest.mark.parametrize("symbol", ["SPY", "IBM"])
def test_buy_and_hold_is_worth_what_its_shares_are(
    tmp_path: Path, symbol: str, first: str, last: str
) -> None:
    days = prices(symbol, first=first, last=last)

    run = backtest(BuyAndHold(fraction=0.95), written(tmp_path, **{symbol: days}), cash=CASH)

    assert equity_by_day(run) == held_equity(days, share=Fraction(95, 100))


@pytest.mark.parametrize(("first", "last"), PERIODS)
def test_sixty_forty_is_worth_what_its_shares_are(tmp_path: Path, first: str, last: str) -> None:
    stocks, bonds = (prices(symbol, first=first, last=last) for symbol in ("SPY", "IWM"))

    run = backtest(SixtyForty(bond="IWM"), written(tmp_path, SPY=stocks, IWM=bonds), cash=CASH)

    assert equity_by_day(run) == balanced_equity(stocks, bonds)


@pytest.mark.parametrize(("first", "last"), PERIODS)
def test_metrics_are_those_of_empyrical_on_the_same_returns(tmp_path: Path, first: str, last: str) -> None:
    """Their annual return compounds by 252 days a year, ours by calendar time, so it is left out."""
    empyrical: Any = pytest.importorskip("empyrical", reason="compares with the PyPI package")
    pandas: Any = pytest.importorskip("pandas", reason="empyrical takes a pandas series")
    days = prices("SPY", first=first, last=last)

    run = backtest(BuyAndHold(), written(tmp_path, SPY=days), cash=CASH)

    closes = daily_closes(run.result.equity)
    returns = pandas.Series(closes.returns, index=np.array(closes.days, dtype="datetime64[D]"))
    ours = run.metrics
    assert ours.sharpe == pytest.approx(empyrical.sharpe_ratio(returns), rel=1e-9)
    assert ours.sortino == pytest.approx(empyrical.sortino_ratio(returns), rel=1e-9)
    assert ours.volatility == pytest.approx(empyrical.annual_volatility(returns), rel=1e-9)
    assert ours.max_drawdown == pytest.approx(empyrical.max_drawdown(returns), rel=1e-9)
    assert ours.total_return == pytest.approx(empyrical.cum_returns_final(returns), rel=1e-9)
