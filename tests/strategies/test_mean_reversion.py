"""Mean reversion trades against closes far from their average and leaves when they are back."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from kernel.errors import InputError
from strategies.mean_reversion import MeanReversion, z_score
from tests.strategies.sample_context import on_closes

BANDS = Path(__file__).parents[3] / "shared/data/golden/indicators/spy_bollinger_bands.txt"
CALM = [100, 101, 100, 99]


def test_nothing_is_decided_before_the_window_is_full() -> None:
    strategy = MeanReversion(window=5, entry=1.5)

    assert on_closes(strategy, [*CALM]) == [0, 0, 0, 0]


def test_close_far_below_its_average_is_bought_once() -> None:
    strategy = MeanReversion(window=5, entry=1.5, quantity=10)

    assert on_closes(strategy, [*CALM, 90, 88]) == [0, 0, 0, 0, 10, 0]


def test_position_closes_when_the_close_is_back_at_its_average() -> None:
    strategy = MeanReversion(window=5, entry=1.5, quantity=10)

    assert on_closes(strategy, [*CALM, 90, 100]) == [0, 0, 0, 0, 10, -10]


def test_close_far_above_is_left_alone_without_short() -> None:
    strategy = MeanReversion(window=5, entry=1.5, quantity=10)

    assert on_closes(strategy, [*CALM, 110]) == [0, 0, 0, 0, 0]


def test_close_far_above_is_sold_short_where_it_is_allowed() -> None:
    strategy = MeanReversion(window=5, entry=1.5, quantity=10, allow_short=True)

    assert on_closes(strategy, [*CALM, 110, 100]) == [0, 0, 0, 0, -10, 10]


def test_prices_that_stand_still_have_no_z_score() -> None:
    assert z_score([100.0] * 20) is None


def test_exit_must_be_below_entry() -> None:
    with pytest.raises(InputError, match=r"exit=2\.0 must be below entry=2\.0"):
        MeanReversion(entry=2, exit=2)


@pytest.mark.skipif(not BANDS.exists(), reason=f"golden indicator values are not at {BANDS}")
def test_z_score_is_the_place_within_published_bollinger_bands() -> None:
    with BANDS.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.reader(file))[1:]
    closes = [float(row[4]) for row in rows]
    ours = [z_score(closes[end - 20 : end]) for end in range(20, len(closes) + 1)]
    theirs = [(float(row[4]) - float(row[5])) / ((float(row[6]) - float(row[5])) / 2) for row in rows[19:]]

    assert len(ours) > 400
    assert ours == pytest.approx(theirs, abs=2e-3)  # the published values are rounded to 4 places


def test_quantity_must_be_above_zero() -> None:
    with pytest.raises(InputError, match="quantity=0 must be above 0"):
        MeanReversion(quantity=Decimal(0))
