"""Slippage models: the price of a fill that takes liquidity."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulated.slippage import SLIPPAGE_MODELS, SlippageModel, Taken
from kernel.events import BUY, SELL, Side


def model(name: str, **params: object) -> SlippageModel:
    """A model as the configuration makes one."""
    return msgspec.convert(params, SLIPPAGE_MODELS[name], strict=False)


def taken(
    side: Side = BUY,
    *,
    price: float = 100.0,
    quantity: float = 100.0,
    spread: float = 0.0,
    volume: float = 0.0,
    volatility: float = 0.0,
) -> Taken:
    return Taken(side, price, quantity, spread, volume, volatility)


def test_no_slippage_leaves_the_price_alone() -> None:
    assert model("none").price(taken()) == 100.0


def test_fixed_basis_points_are_of_the_price() -> None:
    slippage = model("fixed_bps", bps=100)

    assert (slippage.price(taken(BUY)), slippage.price(taken(SELL))) == (101.0, 99.0)


def test_a_fraction_of_the_spread_is_added_to_the_side_that_was_taken() -> None:
    slippage = model("spread", fraction=0.5)

    bought = slippage.price(taken(BUY, price=100.1, spread=0.1))
    sold = slippage.price(taken(SELL, price=100.0, spread=0.1))

    assert bought == pytest.approx(100.15)
    assert sold == pytest.approx(99.95)


def test_an_unknown_spread_is_replaced_by_basis_points() -> None:
    assert model("spread", fallback_bps=10).price(taken()) == pytest.approx(100.1)


def test_volume_share_is_ziplines_formula() -> None:
    slippage = model("volume_share", price_impact=0.1, volume_limit=0.25)

    # 200 of 1,000 is a share of 0.2; 0.2^2 * 0.1 is 40 basis points
    assert slippage.price(taken(BUY, quantity=200, volume=1_000)) == pytest.approx(100.4)
    assert slippage.price(taken(SELL, quantity=200, volume=1_000)) == pytest.approx(99.6)


def test_volume_share_does_not_grow_beyond_its_limit() -> None:
    slippage = model("volume_share")

    # 0.025^2 * 0.1
    assert slippage.price(taken(quantity=900, volume=1_000)) == pytest.approx(100.00625)


def test_square_root_impact_doubles_with_four_times_the_quantity() -> None:
    slippage = model("square_root", coefficient=1.0)

    # 2 % * sqrt(1 %) is 20 basis points, 2 % * sqrt(4 %) is 40
    small = slippage.price(taken(quantity=10_000, volume=1_000_000, volatility=0.02))
    large = slippage.price(taken(quantity=40_000, volume=1_000_000, volatility=0.02))

    assert small == pytest.approx(100.2)
    assert large == pytest.approx(100.4)


def test_square_root_impact_prefers_the_volume_and_volatility_that_it_was_given() -> None:
    slippage = model("square_root", average_volume=1_000_000, daily_volatility=0.02)

    assert slippage.price(taken(quantity=10_000, volume=5, volatility=0.9)) == pytest.approx(100.2)
    assert not slippage.needs_volatility


def test_square_root_impact_without_figures_is_its_fallback() -> None:
    slippage = model("square_root", fallback_bps=5)

    assert slippage.price(taken(volume=1_000)) == pytest.approx(100.05)
    assert slippage.needs_volatility


def test_square_root_impact_stops_at_its_cap() -> None:
    slippage = model("square_root", cap_bps=50)

    assert slippage.price(taken(quantity=1e9, volume=1.0, volatility=1.0)) == pytest.approx(100.5)


def test_price_improvement_gives_back_a_part_of_the_half_spread() -> None:
    slippage = model("price_improvement", fraction=0.5)

    assert slippage.price(taken(BUY, price=100.1, spread=0.1)) == pytest.approx(100.075)
    assert slippage.price(taken(SELL, price=100.0, spread=0.1)) == pytest.approx(100.025)


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("fixed_bps", {"bps": -1}, "bps: -1"),
        ("fixed_bps", {"bps": float("nan")}, "bps: nan"),
        ("fixed_bps", {"bps": 10_000}, "bps: 10000"),
        ("fixed_bps", {}, "bps"),
        ("spread", {"fraction": -0.5}, "fraction: -0.5"),
        ("volume_share", {"volume_limit": float("inf")}, "volume_limit: inf"),
        ("square_root", {"average_volume": 5}, "give both, or neither"),
        ("price_improvement", {"fraction": 1.5}, "fraction: 1.5"),
        ("none", {"bps": 1}, "bps"),
    ],
)
def test_parameters_without_sense_are_refused_by_name(
    name: str, params: dict[str, Any], words: str
) -> None:  # Any: whatever a configuration file may hold
    with pytest.raises(msgspec.ValidationError, match=words):
        model(name, **params)


AGAINST: dict[str, dict[str, object]] = {
    "fixed_bps": {"bps": 9_999.0},
    "spread": {"fraction": 2.0, "fallback_bps": 3.0},
    "volume_share": {"price_impact": 50.0, "volume_limit": 1.0},
    "square_root": {"cap_bps": 9_000.0},
}


@given(
    name=st.sampled_from(sorted(AGAINST)),
    side=st.sampled_from([BUY, SELL]),
    price=st.floats(0.01, 1e6),
    quantity=st.floats(1e-8, 1e9),
    spread=st.floats(0, 100),
    volume=st.floats(0, 1e9),
    volatility=st.floats(0, 2),
)
def test_a_slipped_price_is_never_better_and_never_at_or_below_zero(
    name: str, side: Side, price: float, quantity: float, spread: float, volume: float, volatility: float
) -> None:
    fill = Taken(side, price, quantity, spread, volume, volatility)

    slipped = model(name, **AGAINST[name]).price(fill)

    assert slipped > 0
    assert slipped >= price if side is BUY else slipped <= price
