"""Fee schedules against what brokers publish: their own examples, and some worked out from their tables."""

from decimal import Decimal

import pytest

from kernel.events import MAKER, SELL, TAKER
from tests.brokers.simulated.charged import Account, cost, model

EARLIER = {"sec_rate": "0.000008", "taf_per_share": "0.000145", "taf_maximum": "7.27"}
EARLIER_TIERED = {**EARLIER, "pass_through_rate": "0.000735", "exchange_maker_per_share": "-0.0021"}
"""The fees of others in Interactive Brokers' examples of sales, which are of 2023."""


@pytest.mark.parametrize(
    ("quantity", "price", "expected"),
    [(100, "25", "1.00"), (1_000, "25", "5.00"), (1_000, "0.25", "2.50"), (10, "0.20", "0.02")],
)
def test_ibkr_fixed_charges_its_published_examples(quantity: int, price: str, expected: str) -> None:
    charged = cost(model("ibkr_fixed"), (quantity, price))

    assert charged == Decimal(expected)


@pytest.mark.parametrize(("quantity", "expected"), [(30_000_000, "151207.27"), (200_000, "1015.27")])
def test_ibkr_fixed_charges_its_published_sales(quantity: int, expected: str) -> None:
    charged = cost(model("ibkr_fixed", **EARLIER), (quantity, 5), side=SELL)

    assert charged == Decimal(expected)


@pytest.mark.parametrize(
    ("quantity", "makes", "expected"),
    [
        (200_000, False, "1355.78"),
        (30_000_000, False, "139188.10"),
        (30_000_000, True, "-13811.90"),
    ],
)
def test_ibkr_tiered_charges_its_published_sales(quantity: int, makes: bool, expected: str) -> None:
    account = Account(model("ibkr_tiered", **EARLIER_TIERED))

    (charged,) = account.trade((quantity, 5), side=SELL, liquidity=(MAKER if makes else TAKER,))

    assert charged == Decimal(expected)


def test_ibkr_tiered_has_a_minimum_and_charges_clearing_and_exchange_on_top() -> None:
    charged = cost(model("ibkr_tiered"), (50, 40))

    # 0.35 (50 at 0.0035 is 0.175) * 1.000738 + 50 * 0.0002 + 50 * 0.0030 = 0.5102583
    assert charged == Decimal("0.51")


def test_ibkr_tiered_lowers_its_rate_at_the_border_of_a_tier() -> None:
    account = Account(model("ibkr_tiered", exchange_taker_per_share=0, clearing_per_share=0))

    first, second = account.cost((300_000, 10)), account.cost((10_000, 10))

    # 1,050 and 20 (10,000 at 0.0020), times 1.000738
    assert (first, second) == (Decimal("1050.77"), Decimal("20.01"))


def test_alpaca_charges_nothing_for_a_buy() -> None:
    charged = cost(model("alpaca"), (1_000, 100))

    assert charged == 0


def test_alpaca_passes_on_the_regulatory_fees_of_a_sale_rounded_up() -> None:
    charged = cost(model("alpaca"), (1_000, 100), side=SELL)

    # SEC: 100,000 * 27.80 / 1,000,000 = 2.78; TAF: 1,000 * 0.000166 = 0.166, so 0.17
    assert charged == Decimal("2.95")


def test_the_trading_activity_fee_has_a_maximum_a_trade() -> None:
    charged = cost(model("alpaca", sec_rate=0), (60_000, 10), side=SELL)

    assert charged == Decimal("8.30")


def test_binance_spot_charges_makers_and_takers_alike() -> None:
    account = Account(model("binance_spot"))

    parts = account.trade(("0.5", 60_000), ("0.5", 60_000), liquidity=(MAKER, TAKER))

    assert parts == [Decimal(30), Decimal(30)]


def test_binance_futures_charge_takers_more_than_makers() -> None:
    account = Account(model("binance_usdm"))

    parts = account.trade(("0.5", 60_000), ("0.5", 60_000), liquidity=(MAKER, TAKER))

    assert parts == [Decimal(6), Decimal(15)]


def test_binance_fees_keep_eight_digits() -> None:
    charged = cost(model("binance_spot"), ("0.00012345", "61234.56"))

    assert charged == Decimal("0.00755941")  # 7.559406432 thousandths


def test_oanda_charges_nothing_but_its_spread() -> None:
    charged = cost(model("oanda"), (100_000, "1.0845"))

    assert charged == 0
