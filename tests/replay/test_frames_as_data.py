"""``backtest`` takes data frames as people have them, by the importer's checks and in its words."""

# pandas and PyArrow have no types
# pyright: reportUnknownLambdaType=false, reportUnknownArgumentType=false, reportUnknownMemberType=false

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from eventstore.importing import BadRowsRefused
from kernel.errors import ConfigError, InputError, OnetapeError
from kernel.time_units import DAY_NS, HOUR_NS
from replay import backtest
from strategies.ema_cross import EmaCross
from strategies.ma_cross import MovingAverageCross
from tests.replay.frames import Frame, days_frame
from tests.replay.market import walk, write_csv

CROSS = MovingAverageCross(fast=3, slow=8, quantity=10)


def digest(data: Any, **settings: Any) -> str:  # Any: arguments of all types
    return backtest(CROSS, data, **settings).result.digest


@pytest.fixture(scope="module")
def of_file(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of a run over the same bars in a file."""
    path = tmp_path_factory.mktemp("bars") / "a.csv"
    write_csv(path, walk("A", 200, seed=13))
    return digest(path)


def _two_levels(frame: Frame) -> Frame:
    """As ``yf.download("A")`` gives them."""
    frame.columns = pd.MultiIndex.from_product([frame.columns, ["A"]], names=["Price", "Ticker"])
    return frame


def _decimals(frame: Frame) -> Frame:
    return frame.map(lambda value: Decimal(repr(float(value))))


def _named(frame: Frame) -> Frame:
    frame.attrs["symbol"] = "A"
    return frame


FORMS: dict[str, Callable[[Frame], Any]] = {
    "by symbol": lambda frame: {"A": frame},
    "named by its attributes": _named,
    "lower case, time as a column": lambda frame: {"A": frame.rename(columns=str.lower).reset_index()},
    "upper case": lambda frame: {"A": frame.rename(columns=str.upper)},
    "an index without a name": lambda frame: {"A": frame.rename_axis(None)},
    "a column named as the index": lambda frame: {"A": frame.assign(Date="")},
    "two levels, names first": _two_levels,
    "two levels, symbol first": lambda frame: pd.concat({"A": frame}, axis=1),
    "a symbol column": lambda frame: frame.assign(symbol="A"),
    "a symbol column and a key": lambda frame: {
        "A": pd.concat([frame.assign(ticker="B"), frame.assign(ticker="A")])
    },
    "an index of symbols and days": lambda frame: pd.concat({"A": frame}),
    "aware, in UTC": lambda frame: {"A": frame.tz_localize("UTC")},
    "float32": lambda frame: {"A": frame.astype(np.float32)},
    "Decimals": lambda frame: {"A": _decimals(frame)},
    "objects": lambda frame: {"A": frame.astype(object)},
    "nullable types": lambda frame: {"A": frame.convert_dtypes()},
    "Arrow's types": lambda frame: {"A": frame.reset_index().convert_dtypes(dtype_backend="pyarrow")},
    "text as the index": lambda frame: {"A": frame.set_axis(frame.index.strftime("%Y-%m-%d"))},
    "dates as the index": lambda frame: {"A": frame.set_axis(frame.index.date)},
    "periods as the index": lambda frame: {"A": frame.to_period("D")},
    "seconds as the unit": lambda frame: {"A": frame.set_axis(frame.index.as_unit("s"))},
    "a table of PyArrow": lambda frame: {"A": pa.Table.from_pandas(frame.reset_index())},
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_usual_form_of_a_frame_gives_the_run_of_the_file(
    of_file: str, form: Callable[[Frame], Any]
) -> None:
    assert digest(form(days_frame())) == of_file


def test_a_frame_that_names_no_symbol_is_played_under_a_name_of_its_own() -> None:
    done = backtest(CROSS, days_frame())

    assert done.result.symbols == ("DATA",)
    assert done.result.fills == 29


def test_a_frame_is_never_changed() -> None:
    frame = _two_levels(days_frame())
    before = frame.copy()

    digest(frame)

    pd.testing.assert_frame_equal(frame, before)


def test_frames_of_several_symbols_are_played_together() -> None:
    frames = {"A": days_frame(), "B": days_frame(seed=7)}

    by_key, wide = backtest(CROSS, frames), backtest(CROSS, pd.concat(frames, axis=1))

    assert by_key.result.symbols == ("A", "B")
    assert wide.result.digest == by_key.result.digest


def test_days_of_other_symbols_are_not_rows_of_a_symbol() -> None:
    """``yf.download`` of several symbols has a row for each day of any of them."""
    frames = {"A": days_frame(), "B": days_frame(seed=7).iloc[50:]}

    wide = backtest(CROSS, pd.concat(frames, axis=1))

    assert wide.result.digest == digest(frames)
    assert [source.last_seq for source in wide.result.sources] == [200, 150]


def test_a_zone_of_the_index_is_the_zone_of_the_days() -> None:
    """A day of New York ends there, at 04:59:59.999999999 UTC in winter, as in a file with that zone told."""
    frame = days_frame()

    aware = backtest(CROSS, {"A": frame.tz_localize("America/New_York")})
    told = backtest(CROSS, {"A": frame}, importing={"tz": "America/New_York"})

    assert aware.result.digest == told.result.digest
    assert aware.result.equity.ts[-1] % DAY_NS == 4 * HOUR_NS - 1


def test_a_zone_without_a_name_is_understood() -> None:
    fixed = days_frame().tz_localize("UTC-05:00")

    assert digest({"A": fixed}) == digest({"A": days_frame()}, importing={"tz": "Etc/GMT+5"})


def test_intraday_frames_keep_their_moments() -> None:
    frame = days_frame().set_axis(
        pd.date_range("2024-03-08 09:30", periods=200, freq="h", tz="America/New_York")
    )

    done = backtest(CROSS, {"A": frame}, importing={"timeframe": "1h"})

    assert str(done.start) == "2024-03-08 14:30:00+00:00"
    assert str(done.equity.index[-1]) == str(frame.index[-1].tz_convert("UTC") + pd.Timedelta(hours=1))


def test_quotes_are_taken_from_a_frame_as_from_a_file() -> None:
    index = pd.date_range("2024-03-08 09:30", periods=3, freq="s")
    frame = pd.DataFrame({"bid": [1.0, 1.1, 1.2], "ask": [1.1, 1.2, 1.3]}, index=index)

    done = backtest(EmaCross(fast=1, slow=2), {"A": frame}, importing={"kind": "quotes"})

    assert [source.stream for source in done.result.sources] == ["a.quotes"]


def test_columns_with_other_names_are_told() -> None:
    frame = days_frame()
    other = frame.rename(columns={"Close": "Last"})

    assert digest({"A": other}, importing={"column": {"close": "Last"}}) == digest({"A": frame})


def test_files_and_frames_may_be_mixed_by_symbol(tmp_path: Path) -> None:
    write_csv(tmp_path / "prices.csv", walk("A", 200, seed=13))

    assert digest({"A": tmp_path / "prices.csv"}) == digest({"A": days_frame()})


def _with_missing(frame: Frame) -> Frame:
    frame.iloc[3, 3] = np.nan
    return frame


REFUSED: dict[str, tuple[Callable[[Frame], Any], str]] = {
    "a missing value": (
        lambda frame: {"A": _with_missing(frame)},
        r"data\['A'\], row 2004-01-04: Close is missing \(NaN\), expected a finite number",
    ),
    "a missing value in a symbol of several": (
        lambda frame: pd.concat({"A": _with_missing(frame), "B": days_frame()}, axis=1),
        r"data\['A'\], row 2004-01-04: Close is missing",
    ),
    "a time twice": (
        lambda frame: pd.concat([frame.iloc[:3], frame.iloc[2:]]),
        "data, row 2004-01-03: Date is '2004-01-03', expected one bar for each time",
    ),
    "out of order": (
        lambda frame: pd.concat([frame.iloc[1:3], frame.iloc[:1]]),
        "data, row 2004-01-01: Date is '2004-01-01', expected a time not before the previous row's",
    ),
    "no prices": (lambda frame: frame[["Close"]], "data: no column for open, high, low among 'Date'"),
    "no rows": (lambda frame: frame.iloc[:0], "data: the DataFrame has no rows"),
    "no time": (lambda frame: frame.reset_index(drop=True), "data: no column for time"),
    "three levels of columns": (
        lambda frame: pd.concat({"x": _two_levels(frame)}, axis=1),
        "data: the DataFrame has 3 levels of columns, expected one level, or two",
    ),
    "one column": (lambda frame: frame["Close"], "data: expected a file, a DataFrame.* got Series"),
    "an array": (lambda frame: frame.to_numpy(), "data: expected a file, a DataFrame.* got ndarray"),
    "a list of frames": (lambda frame: [frame], "data: a list of DataFrames names no symbols"),
    "several symbols below a key": (
        lambda frame: {"A": pd.concat({"A": frame, "B": frame}, axis=1)},
        r"data\['A'\]: the DataFrame has several symbols",
    ),
    "a key that is no text": (lambda frame: {1: frame}, "data: expected symbols as keys; got 1"),
    "two keys of one stream": (lambda frame: {"a": frame, "A": frame}, "data: the keys 'a' and 'A'"),
    "a value that is no data": (lambda _frame: {"A": 5}, r"data\['A'\]: expected a DataFrame or a file"),
    "an empty mapping": (lambda _frame: {}, "data: expected .* got an empty mapping"),
    "other symbols than the key": (
        lambda frame: {"B": frame.assign(symbol="A")},
        r"no rows of B in data\['B'\]",
    ),
}


@pytest.mark.parametrize(("form", "problem"), REFUSED.values(), ids=REFUSED)
def test_a_frame_that_cannot_be_right_is_refused_with_its_row(
    form: Callable[[Frame], Any], problem: str
) -> None:
    with pytest.raises(OnetapeError, match=problem):
        digest(form(days_frame()))


def test_bad_rows_of_a_frame_are_those_of_the_importer() -> None:
    with pytest.raises(BadRowsRefused) as refused:
        digest(_with_missing(days_frame()))

    assert (refused.value.count, refused.value.rows[0].line) == (1, 4)


def test_a_symbol_told_beside_keys_is_refused() -> None:
    with pytest.raises(ConfigError, match="importing: the keys of data name the symbols"):
        digest({"A": days_frame()}, importing={"symbol": "A"})


def test_a_store_beside_a_frame_is_refused() -> None:
    with pytest.raises(InputError, match="store: is for names of streams"):
        digest(days_frame(), store="market.db")
