"""Sizing formulas against their definitions, and what they refuse."""

from decimal import Decimal
from math import inf, nan, sqrt

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from strategies.sdk.lint import lint_source
from strategies.sdk.sizing import (
    FixedFractional,
    FixedQuantity,
    Kelly,
    KellyOfReturns,
    RiskPerTrade,
    Sizing,
    SizingBasis,
    VolatilityScaled,
    bars_needed,
    check_sizing,
    fixed_fractional_quantity,
    full_quantity,
    kelly_fraction,
    kelly_fraction_of_returns,
    quantity_worth,
    realised_volatility,
    risk_quantity,
    volatility_leverage,
)

EQUITY = Decimal(100_000)


def test_a_fixed_fraction_of_equity_is_bought_at_the_price() -> None:
    quantity = fixed_fractional_quantity(EQUITY, 50.0, fraction=Decimal("0.1"))

    assert quantity == 200


def test_a_unit_of_a_contract_is_worth_its_multiplier_in_the_accounts_currency() -> None:
    quantity = quantity_worth(EQUITY, 100.0, unit_value=Decimal("50") * Decimal("1.25"))

    assert quantity == 16


def test_without_equity_nothing_is_bought() -> None:
    assert fixed_fractional_quantity(Decimal(-5), 50.0, fraction=1) == 0
    assert risk_quantity(Decimal(-5), entry=100, stop=90, risk=Decimal("0.01")) == 0


def test_kelly_of_an_even_bet_is_twice_the_edge() -> None:
    assert kelly_fraction(0.6, 1.0) == Decimal("0.2")


def test_half_kelly_is_half_of_it_and_the_maximum_caps_it() -> None:
    assert kelly_fraction(0.6, 1.0, share=Decimal("0.5")) == Decimal("0.10")
    assert kelly_fraction(0.9, 3.0, maximum=Decimal("0.25")) == Decimal("0.25")


@given(st.floats(0, 1), st.floats(1e-300, 1e300), st.floats(0, 1))
def test_kelly_is_never_negative_nor_above_its_maximum(win_rate: float, payoff: float, most: float) -> None:
    assert 0 <= kelly_fraction(win_rate, payoff, maximum=most) <= Decimal(repr(most))


@given(st.floats(-1e300, 1e300), st.floats(min_value=1e-300, max_value=1e300))
def test_kelly_of_returns_is_never_negative_nor_above_its_maximum(mean: float, variance: float) -> None:
    assert 0 <= kelly_fraction_of_returns(mean, variance) <= 1


def test_kelly_of_returns_is_mean_over_variance() -> None:
    assert kelly_fraction_of_returns(0.01, 0.04) == Decimal("0.25")


def test_realised_volatility_is_the_sample_deviation_of_returns_a_year() -> None:
    closes = [100.0, 101.0, 99.5, 102.0, 103.5, 101.0]
    returns = np.diff(closes) / closes[:-1]

    volatility = realised_volatility(closes, periods_per_year=252)

    assert volatility == pytest.approx(float(np.std(returns, ddof=1)) * sqrt(252), rel=1e-12)


def test_leverage_brings_the_volatility_to_its_target_up_to_the_cap() -> None:
    assert volatility_leverage(0.2, target=0.1) == Decimal("0.5")
    assert volatility_leverage(0.05, target=0.1, maximum=Decimal("1.5")) == Decimal("1.5")
    assert volatility_leverage(0.0, target=0.1, maximum=2) == 2


def test_a_trade_that_is_stopped_out_loses_what_was_to_be_risked() -> None:
    long = risk_quantity(EQUITY, entry=50, stop=48, risk=Decimal("0.01"))
    short = risk_quantity(EQUITY, entry=50, stop=52, risk=Decimal("0.01"))

    assert long == short == 500
    assert long * (50 - 48) == EQUITY * Decimal("0.01")


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fixed_fractional_quantity(EQUITY, 0.0, fraction=1), "price 0.0 is not above 0"),
        (lambda: fixed_fractional_quantity(EQUITY, nan, fraction=1), "price nan is not finite"),
        (lambda: fixed_fractional_quantity(EQUITY, 1.0, fraction=-1), "fraction -1 is below 0"),
        (lambda: kelly_fraction(1.2, 1.0), "win_rate 1.2 is not in 0..1"),
        (lambda: kelly_fraction(0.5, 0.0), "payoff 0.0 is not above 0"),
        (lambda: kelly_fraction_of_returns(inf, 1.0), "mean inf is not finite"),
        (lambda: kelly_fraction_of_returns(0.1, 0.0), "variance 0.0 is not above 0"),
        (lambda: realised_volatility([1.0, 2.0]), "a volatility takes 3 closes at least; got 2"),
        (lambda: realised_volatility([1.0, -2.0, 3.0]), "close -2.0 is not a number above 0"),
        (lambda: volatility_leverage(-0.1, target=0.1), "volatility -0.1 is not a number of at least 0"),
        (lambda: volatility_leverage(0.1, target=nan), "target volatility nan is not a number"),
        (lambda: risk_quantity(EQUITY, entry=50, stop=50, risk=1), "the stop is at the entry, 50"),
    ],
)
def test_nonsense_is_refused_with_a_sentence(call: object, message: str) -> None:
    assert callable(call)

    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        call()


@pytest.mark.parametrize(
    ("settings", "quantity"),
    [
        ({"model": "fixed", "quantity": 7}, "7"),
        ({"model": "fixed_fractional", "fraction": 0.5}, "500"),
        ({"model": "kelly", "win_rate": 0.6, "payoff": 1.0, "share": 1, "maximum": 1}, "200"),
        ({"model": "kelly_of_returns", "mean": 0.01, "variance": 0.02}, "250"),
        ({"model": "risk_per_trade", "risk": 0.01}, "500"),
        ({"model": "risk_per_trade", "risk": 0.9}, "1000"),
    ],
)
def test_a_model_as_configured_sizes_a_position(settings: object, quantity: str) -> None:
    sizing = msgspec.convert(settings, Sizing, strict=False)

    check_sizing(sizing)

    assert full_quantity(sizing, SizingBasis(equity=EQUITY, price=100.0, stop=Decimal(98))) == Decimal(
        quantity
    )


def test_volatility_scaling_reads_as_many_closes_as_it_said() -> None:
    sizing = VolatilityScaled(target=0.1, window=3, periods_per_year=1.0, max_leverage=Decimal(5))
    closes = (999.0, 100.0, 110.0, 99.0, 108.9)
    last = realised_volatility(closes[1:], periods_per_year=1.0)

    quantity = full_quantity(sizing, SizingBasis(equity=EQUITY, price=100.0, closes=closes))

    assert bars_needed(sizing) == 4
    assert float(quantity) == pytest.approx(0.1 / last * 1_000)


def test_the_risk_of_an_inverse_contract_is_in_coins_at_the_stop() -> None:
    """1 BTC at 1 % of risk, from 10,000 to 8,000: a contract of 1 dollar loses 0.000025 BTC."""
    basis = SizingBasis(
        equity=Decimal(1),
        price=10_000.0,
        stop=Decimal(8_000),
        unit_value=Decimal("0.0001") / 10_000,
        is_inverse=True,
    )

    assert full_quantity(RiskPerTrade(), basis) == 400
    assert full_quantity(FixedFractional(fraction=Decimal("0.5")), basis) == 5_000


def test_a_model_without_what_it_needs_says_so() -> None:
    bare = SizingBasis(equity=EQUITY, price=100.0)

    with pytest.raises(ValueError, match="needs a stop-loss price"):
        full_quantity(RiskPerTrade(), bare)
    with pytest.raises(ValueError, match="over 20 returns takes 21 closes; got 0"):
        full_quantity(VolatilityScaled(), bare)


@pytest.mark.parametrize(
    "sizing",
    [
        FixedFractional(fraction=Decimal(-1)),
        FixedQuantity(quantity=Decimal("NaN")),
        Kelly(win_rate=2.0, payoff=1.0),
        KellyOfReturns(mean=0.1, variance=0.0),
        RiskPerTrade(risk=Decimal(-1)),
        VolatilityScaled(window=1),
        VolatilityScaled(target=-0.1),
    ],
)
def test_settings_that_can_size_nothing_are_refused(sizing: Sizing) -> None:
    with pytest.raises(ValueError, match=r"\w+ .* (is|are) (not|below)"):
        check_sizing(sizing)


def test_a_strategy_may_use_every_formula() -> None:
    source = """
from strategies.sdk import (
    Execute, Iceberg, Leftover, Participation, Twap, Vwap, fixed_fractional_quantity, kelly_fraction,
    kelly_fraction_of_returns, quantity_worth, realised_volatility, risk_quantity, volatility_leverage,
)
"""

    assert lint_source(source, "sized.py") == ()
