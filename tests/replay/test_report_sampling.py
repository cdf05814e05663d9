"""A thinned series keeps its shape, its order and its extremes."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kernel.events import Bar
from replay.equity import Floats, Integers
from replay.performance.sampling import CandleSample, ExtremesSample

LIMIT = 16

series = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=400)
pieces = st.integers(1, 50)


def sampled(values: list[float], piece: int) -> tuple[Integers, Floats, bool]:
    """A series numbered from 0, taken piece by piece."""
    sample = ExtremesSample(LIMIT)
    places = np.arange(len(values), dtype=np.int64)
    array = np.array(values, dtype=np.float64)
    for start in range(0, len(values), piece):
        sample.take(places[start : start + piece], array[start : start + piece])
    ts, kept = sample.points()
    return ts, kept, sample.is_thinned


@given(series, pieces)
def test_there_are_never_more_points_than_the_limit(values: list[float], piece: int) -> None:
    ts, _, _ = sampled(values, piece)

    assert len(ts) <= LIMIT


@given(series, pieces)
def test_points_are_points_of_the_series_in_order(values: list[float], piece: int) -> None:
    ts, kept, _ = sampled(values, piece)

    assert list(ts) == sorted(set(ts))
    assert [values[int(place)] for place in ts] == list(kept)


@given(series, pieces)
@example([0.0] * 14 + [1.0, 0.0], 1)  # the last point is neither of its group, and the group is full
def test_lowest_highest_and_last_are_kept(values: list[float], piece: int) -> None:
    ts, kept, _ = sampled(values, piece)

    assert (min(kept), max(kept)) == (min(values), max(values))
    assert ts[-1] == len(values) - 1


@given(series, pieces)
def test_the_pieces_make_no_difference(values: list[float], piece: int) -> None:
    ts, kept, is_thinned = sampled(values, piece)
    ts_at_once, kept_at_once, is_thinned_at_once = sampled(values, len(values))

    assert (list(ts), list(kept), is_thinned) == (list(ts_at_once), list(kept_at_once), is_thinned_at_once)


@given(st.lists(st.floats(-1e6, 1e6), max_size=LIMIT - 4), pieces)
def test_a_short_series_is_kept_whole(values: list[float], piece: int) -> None:
    _, kept, is_thinned = sampled(values, piece)

    assert list(kept) == values
    assert not is_thinned


@pytest.mark.parametrize("limit", [0, 4, 10])
def test_a_limit_that_does_not_divide_is_refused(limit: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4"):
        ExtremesSample(limit)


# --- candles ----------------------------------------------------------------------------------


def bars_from(closes: list[float]) -> list[Bar]:
    """Bars that open at the close before, and reach 1 beyond both."""
    opens = [closes[0], *closes[:-1]]
    return [
        Bar(place, "A", "1m", first, max(first, last) + 1, min(first, last) - 1, last, 1.0, place - 1)
        for place, (first, last) in enumerate(zip(opens, closes, strict=True), start=1)
    ]


@given(st.lists(st.floats(2, 100), min_size=1, max_size=300), pieces)
@example([2.0] * 21 + [3.0], 7)  # an odd number of candles when the limit is reached
def test_candles_keep_the_first_open_the_last_close_and_the_extremes(closes: list[float], piece: int) -> None:
    sample, bars = CandleSample(LIMIT), bars_from(closes)
    for start in range(0, len(bars), piece):
        sample.take(bars[start : start + piece])

    found = sample.candles()

    assert found is not None
    assert len(found.ts) <= LIMIT
    assert (found.open[0], found.close[-1], found.ts[-1]) == (bars[0].open, bars[-1].close, bars[-1].ts)
    assert found.high.max() == max(bar.high for bar in bars)
    assert found.low.min() == min(bar.low for bar in bars)
    assert list(found.ts) == sorted(set(found.ts))
    for first in range(0, len(bars) - found.bars_each + 1, found.bars_each):
        group = bars[first : first + found.bars_each]
        place = first // found.bars_each
        assert (found.open[place], found.close[place]) == (group[0].open, group[-1].close)
        assert (found.high[place], found.low[place]) == (
            max(bar.high for bar in group),
            min(bar.low for bar in group),
        )


def test_few_bars_are_candles_as_they_are() -> None:
    sample = CandleSample(LIMIT)
    sample.take(bars_from([10.0, 11.0, 9.0]))

    found = sample.candles()

    assert found is not None
    assert (found.bars_each, found.close.tolist()) == (1, [10.0, 11.0, 9.0])


def test_without_bars_there_are_no_candles() -> None:
    assert CandleSample(LIMIT).candles() is None
