"""The RSI strategy follows Wilder's index and trades at its two levels."""

import csv
from pathlib import Path

import pytest

from kernel.errors import InputError
from strategies.rsi import Averages, RelativeStrengthIndex
from tests.strategies.sample_context import on_closes

GOLDEN = Path(__file__).parents[3] / "shared/data/golden/indicators/spy_with_indicators.txt"


def test_nothing_is_decided_before_the_period_is_full() -> None:
    strategy = RelativeStrengthIndex(period=3, quantity=10)

    assert on_closes(strategy, [10, 9, 8]) == [0, 0, 0]


def test_low_index_is_bought_once() -> None:
    strategy = RelativeStrengthIndex(period=3, quantity=10)

    assert on_closes(strategy, [10, 9, 8, 7, 6]) == [0, 0, 0, 10, 0]


def test_high_index_closes_the_position() -> None:
    strategy = RelativeStrengthIndex(period=3, quantity=10)

    assert on_closes(strategy, [10, 9, 8, 7, 12, 17]) == [0, 0, 0, 10, -10, 0]


def test_high_index_turns_the_position_round_where_short_is_allowed() -> None:
    strategy = RelativeStrengthIndex(period=3, quantity=10, allow_short=True)

    assert on_closes(strategy, [10, 9, 8, 7, 12, 17]) == [0, 0, 0, 10, -20, 0]


def test_price_that_never_moved_has_index_fifty() -> None:
    averages = Averages(last_close=10.0)

    averages.add(10.0, period=14)

    assert averages.index() == 50.0


def test_lower_must_be_below_upper() -> None:
    with pytest.raises(InputError, match=r"lower=70\.0 must be below upper=30\.0"):
        RelativeStrengthIndex(lower=70, upper=30)


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"golden indicator values are not at {GOLDEN}")
def test_index_equals_the_published_values_of_wilders_rsi() -> None:
    with GOLDEN.open(newline="") as file:
        rows = list(csv.DictReader(file))
    averages = Averages(last_close=float(rows[0]["Close"]))
    ours: list[float] = []

    for row in rows[1:]:
        averages.add(float(row["Close"]), period=14)
        ours.append(averages.index())

    theirs = [float(row["RSI 14 Wilder"]) for row in rows[14:]]
    assert len(theirs) > 400
    assert ours[13:] == pytest.approx(theirs, abs=1e-4)
