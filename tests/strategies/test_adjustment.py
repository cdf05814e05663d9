"""Adjusted prices: raw bars on the terms of the last action."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.events import Bar, CorporateAction, CorporateActionKind
from strategies.sdk.adjustment import Adjustment, adjusted, split_ratio


def bar(ts: int, close: float) -> Bar:
    return Bar(ts, "A", "1d", close, close + 2.0, close - 2.0, close, 100.0, ts - 1)


def split(ts: int, ratio: str) -> CorporateAction:
    return CorporateAction(ts, "A", CorporateActionKind.SPLIT, Decimal(ratio))


def dividend(ts: int, amount: str) -> CorporateAction:
    return CorporateAction(ts, "A", CorporateActionKind.DIVIDEND, amount=Decimal(amount))


def test_a_split_divides_prices_before_it_and_multiplies_volume() -> None:
    bars = [bar(10, 100.0), bar(20, 50.0)]

    seen = adjusted(bars, [split(15, "2")])

    assert seen == [Bar(10, "A", "1d", 50.0, 51.0, 49.0, 50.0, 200.0, 9), bars[1]]


def test_a_bar_that_ends_as_the_action_takes_effect_is_before_it() -> None:
    seen = adjusted([bar(10, 100.0)], [split(10, "4")])

    assert seen[0].close == 25.0


def test_a_dividend_counts_for_total_returns_alone() -> None:
    bars, actions = [bar(10, 100.0), bar(20, 98.0)], [dividend(15, "2")]

    closes = {kind: [one.close for one in adjusted(bars, actions, kind)] for kind in Adjustment}

    assert closes == {
        Adjustment.RAW: [100.0, 98.0],
        Adjustment.SPLITS: [100.0, 98.0],
        Adjustment.TOTAL: [98.0, 98.0],
    }


@pytest.mark.parametrize(
    ("actions", "close"),
    [
        ([split(11, "2"), dividend(12, "1")], 50.0 * 0.98),  # on the new share of 50
        ([dividend(11, "2"), split(12, "2")], 50.0 * 0.98),  # on the old share of 100
        ([dividend(11, "2"), split(11, "2")], 50.0 * 0.98),  # at one moment: on the old share
        ([split(11, "2"), dividend(11, "2")], 50.0 * 0.98),
        ([dividend(11, "2"), dividend(12, "2")], 100.0 * 0.98 * 0.98),
    ],
)
def test_a_dividend_is_on_the_share_of_its_own_moment(actions: list[CorporateAction], close: float) -> None:
    seen = adjusted([bar(10, 100.0), bar(20, 50.0)], actions, Adjustment.TOTAL)

    assert seen[0].close == pytest.approx(close)


def test_a_dividend_of_more_than_the_price_counts_as_none() -> None:
    bars = [bar(10, 100.0), bar(20, 50.0)]

    assert adjusted(bars, [dividend(15, "100")], Adjustment.TOTAL) == bars


@pytest.mark.parametrize("actions", [[], [split(5, "2")]])
def test_without_a_later_action_the_bars_are_the_same_objects(actions: list[CorporateAction]) -> None:
    bars = [bar(10, 100.0)]

    assert adjusted(bars, actions) is bars


@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from(["2", "0.5", "4"])), max_size=6),
    st.integers(1, 40),
    st.integers(0, 40),
)
def test_a_window_is_a_part_of_the_whole(splits: list[tuple[int, str]], count: int, start: int) -> None:
    bars = [bar(ts, 64.0) for ts in range(1, count + 1)]
    actions = [split(ts, ratio) for ts, ratio in sorted(splits)]

    whole = adjusted(bars, actions)

    assert list(adjusted(bars[start:], actions)) == list(whole)[start:]
    assert [one.close for one in whole] == [64.0 / split_ratio(actions, one.ts) for one in bars]
