"""Inverse contracts: a fixed amount of money, gained and lost in the coin."""

from decimal import Decimal

import pytest

from components.assembly.instruments import check_instruments
from components.portfolio.portfolio import AccountType, LotMethod, PortfolioConfig
from kernel.contracts import inverse
from kernel.errors import ConfigError
from kernel.events import BUY, SELL, AdjustPosition, AssetClass, CashMoved, ExposureShare, InstrumentDefined
from tests.components.account import ONE, Account, bar, corrected, fill, money
from tests.replay.account_script import config_of_keys

PERPETUAL = InstrumentDefined(
    0,
    "XBTUSD",
    AssetClass.PERPETUAL,
    "BTC",
    margin_rate=Decimal("0.1"),
    maintenance_margin_rate=Decimal("0.05"),
    is_inverse=True,
)


def account_of(*, lots: LotMethod = LotMethod.AVERAGE, kept: int = 100) -> Account:
    config = PortfolioConfig(
        currency="BTC", lots=lots, account_type=AccountType.MARGIN, corrections_kept=kept
    )
    account = Account(config)
    account.hear(CashMoved(0, Decimal(1), "BTC"), PERPETUAL)
    return account


def in_coins(amount: Decimal) -> Decimal:
    return amount.quantize(Decimal("1E-12"))


def test_10_000_contracts_from_10_000_to_11_000_gain_0_0909_bitcoins() -> None:
    account = account_of()
    opened = fill(BUY, "10000", "10000", symbol="XBTUSD", currency="BTC")
    account.hear(opened, bar("XBTUSD", 11_000.0))
    unrealised = account.portfolio.unrealised(ONE, "XBTUSD")

    account.hear(fill(SELL, "10000", "11000", symbol="XBTUSD", currency="BTC"))

    right = 10_000 * (inverse(Decimal(10_000)) - inverse(Decimal(11_000)))
    assert in_coins(right) == Decimal("0.090909090909")
    assert unrealised == account.held("XBTUSD")[2] == right
    assert account.portfolio.cash == account.portfolio.equity == 1 + right


def test_a_short_position_gains_when_the_price_falls_and_more_than_it_would_lose() -> None:
    account = account_of()
    account.hear(
        fill(SELL, "10000", "10000", symbol="XBTUSD", currency="BTC"),
        fill(BUY, "10000", "8000", symbol="XBTUSD", currency="BTC"),
    )

    assert account.held("XBTUSD") == money(0, 0, "0.25")


@pytest.mark.parametrize("lots", list(LotMethod))
def test_the_average_price_is_the_harmonic_one(lots: LotMethod) -> None:
    """1 BTC at 10,000 and 0.5 BTC at 20,000 are 20,000 dollars in 1.5 BTC."""
    account = account_of(lots=lots)

    account.hear(
        fill(BUY, "10000", "10000", symbol="XBTUSD", currency="BTC", fill_id="f1"),
        fill(BUY, "10000", "20000", symbol="XBTUSD", currency="BTC", fill_id="f2"),
    )

    assert account.portfolio.strategies.average_price(ONE, "XBTUSD") == Decimal("13333.3333333333")


def test_exposure_and_margin_are_of_the_notional_in_coins() -> None:
    account = account_of()

    account.hear(fill(BUY, "10000", "10000", symbol="XBTUSD", currency="BTC"), bar("XBTUSD", 12_500.0))

    portfolio = account.portfolio
    assert portfolio.equity == Decimal("1.2")
    assert portfolio.gross_exposure == portfolio.value_of("XBTUSD") == Decimal("0.8")
    assert (portfolio.initial_margin, portfolio.maintenance_margin) == money("0.08", "0.04")
    assert portfolio.exposure_by_symbol() == (ExposureShare("XBTUSD", Decimal("0.8"), Decimal(0)),)
    assert portfolio.strategies.market_value(ONE, "XBTUSD") == Decimal("0.8")
    assert portfolio.free_margin_at("XBTUSD", Decimal(10_000)) == 1 - Decimal("0.1")


def test_a_short_position_is_a_short_exposure() -> None:
    account = account_of()

    account.hear(fill(SELL, "10000", "10000", symbol="XBTUSD", currency="BTC"), bar("XBTUSD", 8_000.0))

    assert account.portfolio.exposure_by_symbol() == (ExposureShare("XBTUSD", Decimal(0), Decimal("-1.25")),)
    assert account.portfolio.free_margin_at("XBTUSD", Decimal(10_000)) == 1 - Decimal("0.1")


@pytest.mark.parametrize("kept", [0, 100])
def test_a_corrected_price_is_as_if_it_had_been_right(kept: int) -> None:
    account = account_of(kept=kept)
    bought = fill(BUY, "10000", "10000", symbol="XBTUSD", currency="BTC", fill_id="f1")
    account.hear(bought, bar("XBTUSD", 8_000.0))

    account.hear(corrected(bought, quantity="10000", price="8000"))

    assert account.portfolio.equity == 1


@pytest.mark.parametrize(
    ("quantity", "cost", "price", "gained"),
    [("10000", "1", "10000", "0.2"), ("-10000", "-1", "10000", "-0.2"), ("10000", "0", None, "-0.8")],
)
def test_a_position_that_an_operator_sets_costs_the_coins_that_he_gave(
    quantity: str, cost: str, price: str | None, gained: str
) -> None:
    account = account_of()

    account.hear(
        AdjustPosition(0, "me", ONE, "XBTUSD", Decimal(quantity), Decimal(cost), "moved here"),
        bar("XBTUSD", 12_500.0),
    )

    portfolio = account.portfolio
    assert portfolio.unrealised(ONE, "XBTUSD") == Decimal(gained)
    assert portfolio.strategies.average_price(ONE, "XBTUSD") == (None if price is None else Decimal(price))


def test_contracts_of_100_dollars_gain_100_times_as_much() -> None:
    account = account_of()
    account.hear(
        InstrumentDefined(0, "C", AssetClass.FUTURE, "BTC", multiplier=Decimal(100), is_inverse=True),
        fill(BUY, "100", "10000", symbol="C", currency="BTC"),
        fill(SELL, "100", "12500", symbol="C", currency="BTC"),
    )

    assert account.portfolio.cash == Decimal("1.2")


@pytest.mark.parametrize(
    ("terms", "sentence"),
    [
        ({"currency": "BTC"}, "is_inverse is for a future or perpetual, not one without asset_class"),
        ({"currency": "BTC", "asset_class": "crypto_spot"}, "for a future or perpetual, not crypto_spot"),
        ({"asset_class": "perpetual"}, "settled in its coin; give it as currency, not USD"),
    ],
)
def test_an_inverse_contract_that_makes_no_sense_is_refused(terms: dict[str, str], sentence: str) -> None:
    instruments = config_of_keys({"instruments": [{"symbol": "X", "is_inverse": True, **terms}]}).instruments

    with pytest.raises(ConfigError, match=sentence):
        check_instruments(instruments)
