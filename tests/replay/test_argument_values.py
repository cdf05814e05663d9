"""``backtest`` understands values of NumPy and pandas, and classes, or says what it expected."""

# pandas and PyArrow have no types
# pyright: reportUnknownArgumentType=false

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from kernel.errors import InputError, OnetapeError
from kernel.plain_values import plain_value
from replay import Backtest, InstrumentConfig, backtest, check_strategy
from replay.config import ReplayConfig
from strategies.buy_and_hold import BuyAndHold
from strategies.ma_cross import MovingAverageCross
from strategies.sdk import Strategy, StrategyParams, StrategyState
from tests.replay.market import walk, write_csv


class Days(StrategyParams, frozen=True):
    """A parameter without a default."""

    days: int
    note: str = ""


class NeedsDays(Strategy[Days, StrategyState]):
    """Cannot be built without a value."""


@pytest.fixture
def bars(tmp_path: Path) -> Path:
    """Sixty daily bars of A, from 2004-01-01."""
    write_csv(tmp_path / "a.csv", walk("A", 60, seed=5))
    return tmp_path / "a.csv"


def run(data: Path, strategy: Any = BuyAndHold, **settings: Any) -> Backtest:  # Any: wrong types too
    return backtest(strategy, data, **settings)


def config_of(done: Backtest) -> ReplayConfig:
    return msgspec.json.decode(done.result.config, type=ReplayConfig)


# --- strategies ---------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [BuyAndHold, BuyAndHold(), [BuyAndHold], (BuyAndHold(),)])
def test_a_class_is_built_with_its_defaults(bars: Path, given: Any) -> None:
    assert [one.reference for one in run(bars, given).result.strategies] == [
        "strategies.buy_and_hold:BuyAndHold"
    ]


def test_a_class_that_needs_a_value_says_which(bars: Path) -> None:
    with pytest.raises(
        InputError, match=r"NeedsDays is a class, and its parameter 'days' has no default; give an instance: "
    ):
        run(bars, NeedsDays)


@pytest.mark.parametrize("given", [None, 5, "ma_cross", Strategy, int, [MovingAverageCross, 5]])
def test_what_is_no_strategy_is_refused(bars: Path, given: object) -> None:
    with pytest.raises(InputError, match="strategy: expected an instance of a subclass of Strategy"):
        run(bars, given)


def test_the_check_of_a_strategy_takes_a_class_and_a_frame(bars: Path) -> None:
    frame = pd.read_csv(bars)

    assert check_strategy(BuyAndHold, {"A": frame}).digest == check_strategy(BuyAndHold(), bars).digest


# --- numbers ------------------------------------------------------------------------------------

NUMBERS: dict[str, tuple[object, object]] = {
    "int64": (np.int64(5), 5),
    "float64": (np.float64(0.1), 0.1),
    "float32": (np.float32(0.1), 0.1),
    "bool": (np.bool_(True), True),
    "text": (np.str_("x"), "x"),
    "day": (np.datetime64("2024-01-02"), datetime(2024, 1, 2)),  # noqa: DTZ001 - it has no zone
    "timestamp": (pd.Timestamp("2024-01-02 10:00"), datetime(2024, 1, 2, 10)),  # noqa: DTZ001 - as above
    "array": (np.array([1, 2]), [1, 2]),
    "column": (pd.Series([0.5, 1.5]), [0.5, 1.5]),
    "Decimal": (Decimal("0.10"), Decimal("0.10")),
    "a day of Python's": (date(2024, 1, 2), date(2024, 1, 2)),
}


@pytest.mark.parametrize(("value", "plain"), NUMBERS.values(), ids=NUMBERS)
def test_values_of_array_libraries_become_pythons(value: object, plain: object) -> None:
    made = plain_value(value)

    assert (made, type(made)) == (plain, type(plain))


def test_every_setting_takes_numbers_of_numpy_and_pandas(bars: Path) -> None:
    terms: Any = {"tick_size": np.float32(0.01), "lot_size": np.int8(1)}  # Any: not the declared types

    done = run(
        bars,
        cash=np.float64(5_000),
        risk={"max_drawdown": np.float32(0.2), "allow_short": np.bool_(False)},
        broker={"slippage_bps": pd.Series([2.0]).iloc[0]},
        instruments=[InstrumentConfig(symbol="A", **terms)],
    )

    config = config_of(done)
    assert config.cash == 5_000
    assert config.risk.max_drawdown == Decimal("0.2")
    assert config.instruments[0].tick_size == Decimal("0.01")


def test_parameters_take_numbers_of_numpy_and_pandas(bars: Path) -> None:
    given = MovingAverageCross(fast=np.int64(2), slow=pd.Series([3]).iloc[0], quantity=np.float32(2.5))

    assert given.params == MovingAverageCross(fast=2, slow=3, quantity=Decimal("2.5")).params
    assert run(bars, given).result.fills > 0


def test_an_unknown_parameter_names_the_nearest() -> None:
    with pytest.raises(
        InputError, match=r"'ma_cross' has no parameter 'fsat'; it has: .*; did you mean 'fast'"
    ):
        MovingAverageCross(fsat=2)


# --- times --------------------------------------------------------------------------------------

ENDS: dict[str, object] = {
    "text": "2004-01-20",
    "date": date(2004, 1, 20),
    "midnight without a zone": datetime(2004, 1, 20),  # noqa: DTZ001 - the point of it
    "Timestamp": pd.Timestamp("2004-01-20"),
    "NumPy's": np.datetime64("2004-01-20"),
    "the end of the day": datetime(2004, 1, 20, 23, 59, 59, 999_999, tzinfo=UTC),
    "another zone": pd.Timestamp("2004-01-20 23:00", tz="America/New_York"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_a_day_is_whole_however_it_is_written(bars: Path, end: object) -> None:
    done = run(bars, start=pd.Timestamp("2004-01-11"), end=end)

    last = 20 if end is not ENDS["the end of the day"] else 19
    assert (done.result.sources[0].first_seq, done.result.sources[0].last_seq) == (11, last)


@pytest.mark.parametrize("key", ["start", "end"])
@pytest.mark.parametrize("value", ["soon", 5, pd.NaT, np.datetime64("NaT"), np.datetime64("2004")])
def test_a_time_that_cannot_be_read_names_its_argument(bars: Path, key: str, value: object) -> None:
    with pytest.raises(OnetapeError, match=rf"^{key}: .* is not a date like 2008-01-31"):
        run(bars, **{key: value})


# --- names --------------------------------------------------------------------------------------


def test_an_unknown_argument_names_the_nearest(bars: Path) -> None:
    with pytest.raises(InputError, match="backtest: there is no 'cahs'; did you mean 'cash'"):
        run(bars, cahs=5)


@pytest.mark.parametrize("value", [np.datetime64("NaT"), pd.NaT, pd.NA, object()])
def test_a_value_that_no_setting_can_hold_is_refused(bars: Path, value: object) -> None:
    with pytest.raises(OnetapeError, match="cash: "):
        run(bars, cash=value)
