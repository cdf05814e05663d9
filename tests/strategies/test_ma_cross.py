"""The moving-average cross decides once both averages exist, and trades the difference of targets."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from kernel.errors import InputError
from strategies.ma_cross import MovingAverageCross
from tests.strategies.sample_context import attach, daily_bar, decide, on_closes

GOOG = Path(__file__).parents[3] / "shared/data/daily/backtesting_py/GOOG.csv"


def test_nothing_is_decided_before_the_slow_average_exists() -> None:
    strategy = MovingAverageCross(fast=1, slow=3, quantity=10)

    assert on_closes(strategy, [1, 2]) == [0, 0]


def test_position_opens_at_the_first_bar_with_the_fast_average_above() -> None:
    strategy = MovingAverageCross(fast=1, slow=3, quantity=10)

    assert on_closes(strategy, [1, 2, 3]) == [0, 0, 10]


def test_position_closes_when_the_fast_average_is_no_longer_above() -> None:
    strategy = MovingAverageCross(fast=1, slow=3, quantity=10)

    assert on_closes(strategy, [1, 2, 3, 4, 1, 1]) == [0, 0, 10, 0, -10, 0]


def test_equal_averages_are_not_above() -> None:
    strategy = MovingAverageCross(fast=1, slow=3, quantity=10)

    assert on_closes(strategy, [5, 5, 5, 5]) == [0, 0, 0, 0]


def test_short_replaces_flat_where_it_is_allowed() -> None:
    strategy = MovingAverageCross(fast=1, slow=3, quantity=10, allow_short=True)

    assert on_closes(strategy, [3, 2, 1, 4, 1]) == [0, 0, -10, 20, -20]


def test_symbols_are_traded_apart() -> None:
    strategy = MovingAverageCross(fast=1, slow=2, quantity=10)
    attach(strategy, "UP", "DOWN")
    closes = ((1, 2), (2, 1), (3, 0.5))

    taken = decide(
        strategy,
        [
            daily_bar(day, symbol, close)
            for day, pair in enumerate(closes)
            for symbol, close in zip(("UP", "DOWN"), pair, strict=True)
        ],
    )

    assert taken == [[], [], [10], [], [], []]


def test_fast_must_be_below_slow() -> None:
    with pytest.raises(InputError, match="fast=50 must be below slow=50"):
        MovingAverageCross(fast=50, slow=50)


@pytest.mark.skipif(not GOOG.exists(), reason=f"real market data is not at {GOOG}")
def test_goog_daily_bars_give_the_sixty_seven_decisions_five_engines_agree_on() -> None:
    with GOOG.open(newline="") as file:
        closes = [float(row["Close"]) for row in csv.DictReader(file)]

    taken = on_closes(MovingAverageCross(fast=10, slow=30, quantity=Decimal(100)), closes)

    assert [len(closes), sum(quantity != 0 for quantity in taken)] == [2148, 67]
