"""The EMA cross waits for its warm-up, then stays in the market on the side of the fast average."""

import pytest

from kernel.errors import InputError
from strategies.ema_cross import EmaCross
from strategies.sdk import Quote
from tests.strategies.sample_context import attach, decide


def quotes(symbol: str, *mids: float) -> list[Quote]:
    return [Quote(ts, symbol, mid - 0.5, mid + 0.5) for ts, mid in enumerate(mids)]


def on_mids(strategy: EmaCross, *mids: float) -> list[int]:
    """Signed order quantity at each mid."""
    attach(strategy, "SPY")
    return [int(sum(quantities)) for quantities in decide(strategy, quotes("SPY", *mids))]


def test_nothing_is_decided_before_slow_quotes_came() -> None:
    assert on_mids(EmaCross(fast=1, slow=3, quantity=10), 1, 2) == [0, 0]


def test_first_decision_falls_on_the_last_quote_of_the_warm_up() -> None:
    assert on_mids(EmaCross(fast=1, slow=3, quantity=10), 1, 2, 3) == [0, 0, 10]


def test_warm_up_that_falls_opens_short() -> None:
    assert on_mids(EmaCross(fast=1, slow=3, quantity=10), 3, 2, 1) == [0, 0, -10]


def test_cross_turns_the_position_round_with_twice_the_quantity() -> None:
    assert on_mids(EmaCross(fast=1, slow=3, quantity=10), 1, 2, 3, 1, 5) == [0, 0, 10, -20, 20]


def test_side_that_is_held_is_not_bought_again() -> None:
    assert on_mids(EmaCross(fast=1, slow=3, quantity=10), 1, 2, 3, 4, 5) == [0, 0, 10, 0, 0]


def test_price_that_stands_still_never_trades() -> None:
    assert on_mids(EmaCross(fast=2, slow=3, quantity=10), *[0.1] * 50) == [0] * 50


def test_averages_follow_their_recursive_definition() -> None:
    strategy = EmaCross(fast=3, slow=9)
    mids = [10.0, 11.0, 9.0, 12.0, 8.0]
    expected = mids[0]

    on_mids(strategy, *mids)

    for mid in mids[1:]:
        expected = mid * 0.5 + expected * 0.5
    assert strategy.state.averages["SPY"].fast == pytest.approx(expected)


def test_symbols_have_averages_of_their_own() -> None:
    strategy = EmaCross(fast=1, slow=2, quantity=10)
    attach(strategy, "UP", "DOWN")

    taken = decide(strategy, [*quotes("UP", 1, 2), *quotes("DOWN", 2, 1)])

    assert [int(sum(quantities)) for quantities in taken] == [0, 10, 0, -10]


def test_fast_must_be_below_slow() -> None:
    with pytest.raises(InputError, match="fast=20 must be below slow=20"):
        EmaCross(fast=20)
