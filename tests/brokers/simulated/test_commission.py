"""Commission models: rates, limits, rounding, and orders that fill in parts."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brokers.simulated.commission import CommissionModel, FlatRates, FlatRatesOfPrice
from brokers.simulated.fee_schedules import COMMISSION_MODELS
from kernel.events import BUY, MAKER, SELL, TAKER
from tests.brokers.simulated.charged import FEBRUARY, JANUARY, Account, cost, model

CENT = Decimal("0.01")
TIERS = ({"up_to": 300_000, "rate": "0.0035"}, {"up_to": 3_000_000, "rate": "0.002"}, {"rate": "0.001"})


@pytest.mark.parametrize(
    ("commission", "expected"),
    [
        (model("none"), "0"),
        (model("per_share", per_share="0.005"), "5.00"),
        (model("per_order", per_order="2"), "2.00"),
        (model("percent", percent="0.1"), "25.00"),
        (model("flat", per_share="0.01", per_order="1", rate="0.001"), "36.00"),
        (model("maker_taker", maker_rate="0.0002", taker_rate="0.0005"), "12.50"),
        (model("tiered", tiers=TIERS), "3.50"),
    ],
)
def test_a_model_charges_its_rate(commission: CommissionModel, expected: str) -> None:
    charged = cost(commission, (1000, 25))

    assert charged == Decimal(expected)


def test_a_free_model_charges_a_plain_zero() -> None:
    charged = cost(model("none"), (1000, 25))

    assert str(charged) == "0"


def test_a_minimum_is_charged_once_with_the_first_part() -> None:
    account = Account(model("per_share", per_share="0.005", minimum="1"))

    parts = account.trade((100, 25), (50, 25), (100, 25))

    assert parts == [Decimal("1.00"), Decimal("0.00"), Decimal("0.25")]


def test_a_maximum_is_of_the_order_as_a_whole() -> None:
    account = Account(model("per_share", per_share="0.01", maximum="5"))

    parts = account.trade((400, 25), (400, 25))

    assert parts == [Decimal("4.00"), Decimal("1.00")]


def test_a_maximum_has_the_last_word_over_a_minimum() -> None:
    charged = cost(model("per_share", per_share="0.005", minimum="1", maximum_rate="0.01"), (10, "0.20"))

    assert charged == Decimal("0.02")


def test_a_fee_per_order_is_charged_once_however_many_parts_it_has() -> None:
    account = Account(model("per_order", per_order="2.50"))

    parts = account.trade((1, 25), (1, 25), (1, 25))

    assert parts == [Decimal("2.50"), Decimal(0), Decimal(0)]


def test_rounding_is_of_the_whole_order_with_ties_to_the_even_digit() -> None:
    account = Account(model("per_share", per_share="0.005"))

    parts = account.trade((1, 25), (1, 25), (1, 25))

    assert parts == [Decimal("0.00"), Decimal("0.01"), Decimal("0.01")]  # 0.005, 0.010, 0.015


def test_a_percentage_is_of_the_notional_with_its_multiplier() -> None:
    account = Account(model("percent", percent="0.01"))

    parts = account.trade((2, 4000), multiplier="50")

    assert parts == [Decimal("40.00")]


@pytest.mark.parametrize(
    ("per_share", "per_order", "rate", "expected"),
    [
        ("0.005", "0", "0", "0.50"),
        ("0", "1.25", "0", "1.25"),
        ("0", "0", "0.002", "4.00"),
        ("0.005", "1", "0.002", "5.50"),
        ("0.00333", "0", "0", "0.33"),
    ],
)
def test_flat_rates_are_per_share_per_order_and_of_the_notional(
    per_share: str, per_order: str, rate: str, expected: str
) -> None:
    charged = cost(model("flat", per_share=per_share, per_order=per_order, rate=rate), (100, 20))

    assert str(charged) == expected


def test_a_flat_rate_is_of_the_notional_multiplier_included() -> None:
    account = Account(FlatRates(rate=Decimal("0.0001")))

    parts = account.trade((2, 4000), multiplier="50")

    assert parts == [Decimal("40.00")]


def test_a_flat_rate_of_an_older_run_leaves_the_multiplier_out() -> None:
    account = Account(FlatRatesOfPrice(rate=Decimal("0.0001")))

    parts = account.trade((2, 4000), multiplier="50")

    assert parts == [Decimal("0.80")]


def test_makers_get_a_rebate_and_takers_pay() -> None:
    account = Account(model("maker_taker", maker_rate="-0.0001", taker_rate="0.0004"))

    parts = account.trade((1, 10_000), (1, 10_000), liquidity=(MAKER, TAKER))

    assert parts == [Decimal("-1.00"), Decimal("4.00")]


def test_a_fill_that_crosses_a_tier_pays_each_rate_for_its_part() -> None:
    account = Account(model("tiered", tiers=TIERS))
    account.trade((200_000, 5))

    parts = account.trade((200_000, 5))

    assert parts == [Decimal("550.00")]  # 100,000 at 0.0035 and 100,000 at 0.0020


def test_the_bound_of_a_tier_belongs_to_it() -> None:
    account = Account(model("tiered", tiers=TIERS))

    first = account.cost((300_000, 5))
    next_one = account.cost((1_000, 5))

    assert (first, next_one) == (Decimal("1050.00"), Decimal("2.00"))


def test_the_volume_of_a_month_is_forgotten_with_the_month() -> None:
    account = Account(model("tiered", tiers=TIERS))
    account.trade((300_000, 5), ts=JANUARY)

    parts = account.trade((1_000, 5), ts=FEBRUARY)

    assert parts == [Decimal("3.50")]


def test_tiers_can_be_of_the_notional() -> None:
    tiers = ({"up_to": 10_000, "rate": "0.002"}, {"rate": "0.001"})

    charged = cost(model("tiered", tiers=tiers, basis="notional"), (100, 150))

    assert charged == Decimal("25.00")  # 10,000 at 0.2 % and 5,000 at 0.1 %


def test_an_order_that_is_done_is_forgotten() -> None:
    account = Account(model("per_share", per_share="0.005", minimum="1"))

    account.trade((100, 25), (100, 25))

    assert not account.charges.orders


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("per_share", {"per_share": -1}, "per_share: -1"),
        ("per_share", {"per_share": "NaN"}, "per_share: NaN"),
        ("per_share", {"per_shar": 1}, "per_shar"),
        ("per_share", {}, "per_share"),
        ("percent", {"percent": 1, "decimals": 20}, "decimals: 20"),
        ("percent", {"percent": 1, "minimum": "-1"}, "minimum: -1"),
        ("maker_taker", {"maker_rate": -1, "taker_rate": -1}, "taker_rate: -1"),
        ("tiered", {"tiers": []}, "the last one must have no up_to"),
        ("tiered", {"tiers": [{"rate": 1, "up_to": 5}]}, "the last one must have no up_to"),
        ("tiered", {"tiers": [{"rate": 1}, {"rate": 2}]}, "all but the last need an up_to"),
        ("tiered", {"tiers": [{"rate": 1, "up_to": 0}, {"rate": 2}]}, "do not rise"),
        ("tiered", {"tiers": [{"rate": "Infinity"}]}, "rate: Infinity"),
        ("ibkr_tiered", {"tiers": []}, "the last one must have no up_to"),
    ],
)
def test_parameters_without_sense_are_refused_by_name(
    name: str, params: dict[str, Any], words: str
) -> None:  # Any: whatever a configuration file may hold
    with pytest.raises(msgspec.ValidationError, match=words):
        model(name, **params)


PARAMS: dict[str, dict[str, object]] = {
    "per_share": {"per_share": "0.0049", "minimum": "1", "maximum_rate": "0.01"},
    "per_order": {"per_order": "0.35"},
    "percent": {"percent": "0.137", "minimum": "0.5", "maximum": "40"},
    "flat": {"per_share": "0.003", "per_order": "1", "rate": "0.0007"},
    "tiered": {"tiers": TIERS, "minimum": "0.35"},
    "maker_taker": {"maker_rate": "-0.00013", "taker_rate": "0.00071"},
}


@given(
    name=st.sampled_from(sorted(COMMISSION_MODELS)),
    sizes=st.lists(st.integers(1, 400_000), min_size=1, max_size=6),
    price=st.decimals("0.05", "900", places=2),
    is_sale=st.booleans(),
)
def test_an_order_in_parts_costs_what_it_costs_in_one_fill(
    name: str, sizes: list[int], price: Decimal, is_sale: bool
) -> None:
    commission = model(name, **PARAMS.get(name, {}))
    side = SELL if is_sale else BUY

    in_parts = Account(commission).trade(*((size, price) for size in sizes), side=side)
    whole = cost(commission, (sum(sizes), price), side=side)

    assert sum(in_parts) == whole


@given(fills=st.lists(st.tuples(st.integers(1, 50), st.booleans()), min_size=1, max_size=8))
def test_a_mixed_order_costs_its_maker_and_taker_parts(fills: list[tuple[int, bool]]) -> None:
    account = Account(model("maker_taker", maker_rate="0.0002", taker_rate="0.0005"))

    parts = account.trade(
        *((size, "101.37") for size, _ in fills),
        liquidity=tuple(MAKER if made else TAKER for _, made in fills),
    )

    exact = sum(
        (size * Decimal("101.37") * Decimal("0.0002" if made else "0.0005") for size, made in fills),
        Decimal(0),
    )
    assert sum(parts) == exact.quantize(CENT, ROUND_HALF_EVEN)


@given(sizes=st.lists(st.integers(1, 900_000), min_size=1, max_size=12))
def test_a_month_of_orders_pays_the_marginal_rates_of_its_volume(sizes: list[int]) -> None:
    account = Account(model("tiered", tiers=TIERS, decimals=6))

    charged = sum((account.cost((size, 5)) for size in sizes), Decimal(0))

    volume = Decimal(sum(sizes))
    first, second = min(volume, Decimal(300_000)), min(volume, Decimal(3_000_000))
    expected = first * Decimal("0.0035") + (second - first) * Decimal("0.002")
    assert charged == expected + (volume - second) * Decimal("0.001")
