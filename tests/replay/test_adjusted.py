"""Adjusted prices against published ones: raw bars and actions as imported, seen together."""

import csv
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from math import prod
from pathlib import Path

import pytest

from eventstore import MemoryEventStore
from eventstore.importing import DataKind, ImportOptions, import_files
from kernel.errors import StreamMissing
from kernel.events import Bar
from replay import adjusted_bars
from strategies.sdk import Adjustment
from tests.replay.playing import SHARED_DATA

DAILY = SHARED_DATA / "daily"
WIKI = DAILY / "quandl_wiki"
NEW_YORK, HOURS = "America/New_York", "09:30-16:00"

pytestmark = pytest.mark.skipif(not DAILY.is_dir(), reason="needs ../shared/data")


async def with_wiki_rows(
    folder: Path, rows: Sequence[dict[str, str]], names: dict[str, str]
) -> MemoryEventStore:
    """A store with the raw prices and the actions of a table that holds both; ``names`` are its columns."""
    bars = [[row[names[key]] for key in ("date", "open", "high", "low", "close", "volume")] for row in rows]
    actions: list[list[str]] = []
    for row in rows:
        if float(row[names["dividend"]]):
            actions.append([row[names["date"]], "X", "dividend", row[names["dividend"]]])
        if float(row[names["split"]]) != 1.0:
            actions.append([row[names["date"]], "X", "split", row[names["split"]]])
    write(folder / "bars.csv", [["date", "open", "high", "low", "close", "volume"], *bars])
    write(folder / "actions.csv", [["ex_date", "symbol", "type", "value"], *actions])
    store = MemoryEventStore()
    await import_files(store, [folder / "bars.csv"], ImportOptions(symbol="X", tz=NEW_YORK, session=HOURS))
    options = ImportOptions(kind=DataKind.CORPORATE_ACTIONS, tz=NEW_YORK, session=HOURS)
    await import_files(store, [folder / "actions.csv"], options)
    return store


def write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def wiki_2014() -> list[dict[str, str]]:
    """AAPL in 2014: four dividends and a split of 7 to 1."""
    with zipfile.ZipFile(WIKI / "QUANDL_ARCHIVE.zip") as archive:
        lines = archive.read(archive.namelist()[0]).decode().splitlines()
    return [row for row in csv.DictReader(lines) if row["ticker"] == "AAPL"]


def wiki_year(name: str) -> list[dict[str, str]]:
    """A year of one share, oldest day first."""
    symbol, year = name.split()
    return sorted(table(WIKI / f"WIKI-{symbol}-{year}-quandl.csv"), key=lambda row: row["Date"])


def table(path: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(path.read_text().splitlines()))


LONG = [("AAPL", "both"), ("AAPL", "splits"), ("SPY", "both"), ("IBM", "both")]
LOWER = {
    **{key: key for key in ("date", "open", "high", "low", "close", "volume")},
    "dividend": "ex-dividend",
    "split": "split_ratio",
}
UPPER = {
    **{key: key.title() for key in ("date", "open", "high", "low", "close", "volume")},
    "dividend": "Ex-Dividend",
    "split": "Split Ratio",
}


def relative(values: Sequence[float]) -> list[float]:
    """To the last one: a published series goes on after its excerpt, and is adjusted for that too."""
    return [value / values[-1] for value in values]


async def test_volume_and_splits_agree_with_a_published_year_exactly(tmp_path: Path) -> None:
    rows = wiki_2014()
    store = await with_wiki_rows(tmp_path, rows, LOWER)

    seen = await adjusted_bars(store, "x.1d", "x.actions", adjustment=Adjustment.TOTAL)

    assert [bar.volume for bar in seen["X"]] == [float(row["adj_volume"]) for row in rows]


@pytest.mark.parametrize("year", ["AAPL 2014", "AAPL 2012", "ORCL 2000"])
async def test_total_adjustment_agrees_with_published_closes(tmp_path: Path, year: str) -> None:
    """Within 2 parts in 10,000: these closes reinvest a dividend at the close of the ex-date."""
    rows, names = (wiki_2014(), LOWER) if year == "AAPL 2014" else (wiki_year(year), UPPER)
    store = await with_wiki_rows(tmp_path, rows, names)

    seen = await adjusted_bars(store, "x.1d", "x.actions", adjustment=Adjustment.TOTAL)

    published = [float(row[f"adj_{names['close']}" if names is LOWER else "Adj. Close"]) for row in rows]
    assert relative([bar.close for bar in seen["X"]]) == pytest.approx(relative(published), rel=2e-4)


async def test_total_adjustment_agrees_with_published_ratios_of_ten_years(tmp_path: Path) -> None:
    """Dividends and splits as zipline has them: a ratio for each ex-date, of all prices before it."""
    folder = DAILY / "zipline_example"
    as_bars = ImportOptions(symbol="MSFT", tz=NEW_YORK, session=HOURS)
    store = MemoryEventStore()
    await import_files(store, [folder / "MSFT.csv.gz"], as_bars)
    dividends = [row for row in table(folder / "dividends.csv") if row["symbol"] == "MSFT"]
    write(
        tmp_path / "actions.csv",
        [["ex_date", "type", "amount"], *([row["ex_date"], "dividend", row["amount"]] for row in dividends)],
    )
    kind = DataKind.CORPORATE_ACTIONS
    options = ImportOptions(kind=kind, symbol="MSFT", tz=NEW_YORK, session=HOURS)
    await import_files(store, [tmp_path / "actions.csv"], options)

    seen = await adjusted_bars(store, "msft.1d", "msft.actions", adjustment=Adjustment.TOTAL)

    raw = (await adjusted_bars(store, "msft.1d", "msft.actions", adjustment=Adjustment.RAW))["MSFT"]
    ratios = [row for row in table(folder / "dividend_price_ratios.csv") if row["symbol"] == "MSFT"]
    for bar, as_traded in zip(seen["MSFT"], raw, strict=True):
        ratio = prod(
            float(row["ratio"]) for row in ratios if day_of(bar) < row["effective_date"].replace("-", "")
        )
        assert bar.close == pytest.approx(as_traded.close * ratio, rel=1e-9)


async def test_split_adjustment_leaves_dividends_in(tmp_path: Path) -> None:
    rows = wiki_2014()
    store = await with_wiki_rows(tmp_path, rows, LOWER)

    seen = await adjusted_bars(store, "x.1d", "x.actions")
    raw = await adjusted_bars(store, "x.1d", "x.actions", adjustment=Adjustment.RAW)

    for row, bar, as_traded in zip(rows, seen["X"], raw["X"], strict=True):
        ratio = 7 if row["date"] < "2014-06-09" else 1
        assert bar.close == pytest.approx(float(row["close"]) / ratio, rel=1e-12)
        assert as_traded.close == float(row["close"])


@pytest.mark.parametrize(
    ("symbol", "kind"), [("AAPL", "both"), ("AAPL", "splits"), ("SPY", "both"), ("IBM", "both")]
)
async def test_twenty_years_agree_with_published_factors(tmp_path: Path, symbol: str, kind: str) -> None:
    """Actions decoded from the factors and rounded to what was declared: within 2 parts in 10,000."""
    store, name = MemoryEventStore(), symbol.lower()
    write(tmp_path / "bars.csv", [["date", "open", "high", "low", "close", "volume"], *lean_rows(name)])
    bars = ImportOptions(symbol=symbol, tz=NEW_YORK, session=HOURS)
    await import_files(store, [tmp_path / "bars.csv"], bars)
    options = ImportOptions(
        kind=DataKind.CORPORATE_ACTIONS,
        tz=NEW_YORK,
        session=HOURS,
        only=(symbol,),
        column=(("value", "value_rounded"),),
    )
    await import_files(store, [DAILY / "corporate_actions.csv"], options)
    streams = f"{name}.1d", f"{name}.actions"
    adjustment = Adjustment.TOTAL if kind == "both" else Adjustment.SPLITS

    seen = (await adjusted_bars(store, *streams, adjustment=adjustment))[symbol]

    raw = (await adjusted_bars(store, *streams, adjustment=Adjustment.RAW))[symbol]
    expected = [bar.close * factor for bar, factor in zip(raw, factors(name, kind, raw), strict=True)]
    assert len(seen) > 5_000
    assert [bar.close for bar in seen] == pytest.approx(expected, rel=2e-4)


def lean_rows(name: str) -> list[list[str]]:
    """Raw daily bars in dollars; the file has ten-thousandths."""
    with zipfile.ZipFile(DAILY / "lean_usa" / f"{name}.zip") as archive:
        lines = archive.read(archive.namelist()[0]).decode().split("\n")
    rows = [line.strip().split(",") for line in lines if line.strip()]
    return [[row[0][:8], *(str(Decimal(price).scaleb(-4)) for price in row[1:5]), row[5]] for row in rows]


def factors(name: str, kind: str, bars: Sequence[Bar]) -> list[float]:
    """The published factor of each bar's day: of the first row that is not before it."""
    rows = [line.split(",") for line in (DAILY / "lean_usa_factor_files" / f"{name}.csv").read_text().split()]
    found: list[float] = []
    place = 0
    for bar in bars:
        day = day_of(bar)
        while rows[place][0] < day:
            place += 1
        price, split = float(rows[place][1]), float(rows[place][2])
        found.append(price * split if kind == "both" else split)
    return found


def day_of(bar: Bar) -> str:
    return datetime.fromtimestamp(bar.ts // 10**9, tz=UTC).strftime("%Y%m%d")


async def test_a_missing_stream_is_named(tmp_path: Path) -> None:
    store = await with_wiki_rows(tmp_path, wiki_2014(), LOWER)

    with pytest.raises(StreamMissing, match=r"no stream 'y\.actions'"):
        await adjusted_bars(store, "x.1d", "y.actions")
