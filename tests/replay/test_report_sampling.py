"""A thinned series keeps its shape, its order and its extremes."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from replay.equity import Floats, Integers
from replay.sampling import ExtremesSample

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
