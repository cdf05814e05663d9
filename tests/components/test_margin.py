"""Futures, short positions, margin, buying power, leverage and exposure."""

from decimal import Decimal

import pytest

from components.portfolio.portfolio import AccountType, PortfolioConfig
from kernel.events import (
    BUY,
    SELL,
    AccountMarked,
    AssetClass,
    CashMoved,
    CurrencyBalance,
    ExposureShare,
    FxRateSet,
    InstrumentDefined,
    MarginMarked,
)
from tests.components.account import ONE, TWO, ZERO, Account, bar, fill, money

MARGIN = PortfolioConfig(account_type=AccountType.MARGIN)


def contract(kind: AssetClass) -> InstrumentDefined:
    return InstrumentDefined(
        0,
        "F",
        kind,
        multiplier=Decimal(50),
        margin_rate=Decimal("0.1"),
        maintenance_margin_rate=Decimal("0.08"),
    )


def share(margin_rate: str = "0.5", *, symbol: str = "A", sector: str = "") -> InstrumentDefined:
    return InstrumentDefined(0, symbol, margin_rate=Decimal(margin_rate), sector=sector)


def paid_in(config: PortfolioConfig | None = None, amount: int = 1000) -> Account:
    account = Account(config)
    account.hear(CashMoved(0, Decimal(amount)))
    return account


@pytest.mark.parametrize("kind", [AssetClass.FUTURE, AssetClass.PERPETUAL])
def test_a_future_pays_no_notional_and_its_profit_when_it_is_closed(kind: AssetClass) -> None:
    account = paid_in(amount=10_000)
    account.hear(contract(kind), fill(BUY, "2", "100", symbol="F", commission="5"), bar("F", 103.0))
    open_mark = account.mark()

    account.hear(fill(SELL, "2", "104", symbol="F", commission="5"))

    assert open_mark == AccountMarked(
        0, Decimal(9995), Decimal(10295), ZERO, Decimal(300), Decimal(5), Decimal(10300), "USD", 19_700_101
    )
    assert (account.portfolio.cash, account.portfolio.equity) == money(10390, 10390)


def test_the_equity_of_a_future_is_that_of_a_share_of_the_same_multiplier() -> None:
    """Only where the money lies differs: set aside, or in the position."""
    equities: list[list[Decimal]] = []

    for kind in (AssetClass.FUTURE, AssetClass.EQUITY):
        account = paid_in()
        account.hear(contract(kind))
        equities.append([])
        for side, quantity, price in ((BUY, "2", "10"), (SELL, "5", "12"), (BUY, "1", "9"), (BUY, "2", "14")):
            account.hear(fill(side, quantity, price, symbol="F"), bar("F", float(price) + 1.5))
            equities[-1].append(account.portfolio.equity)

    assert equities[0] == equities[1]


def test_a_future_takes_its_margin_in_a_cash_account_too() -> None:
    account = paid_in(amount=10_000)

    account.hear(contract(AssetClass.FUTURE), fill(SELL, "2", "100", symbol="F"), bar("F", 100.0))

    view = account.portfolio
    assert (view.initial_margin, view.maintenance_margin, view.buying_power) == money(1000, 800, 9000)


def test_strategies_on_opposite_sides_of_a_future_lock_their_profit_in() -> None:
    account = paid_in()
    account.hear(contract(AssetClass.FUTURE), bar("F", 100.0))

    account.hear(fill(BUY, "1", "100", symbol="F"), fill(SELL, "1", "102", symbol="F", strategy=TWO))

    mark = account.mark()
    assert (mark.cash, mark.equity, mark.unrealised_pnl, mark.exposure) == money(1000, 1100, 100, 0)


def test_the_buying_power_of_a_cash_account_is_its_cash() -> None:
    account = paid_in()

    account.hear(share(), fill(BUY, "10", "20"), bar("A", 35.0))

    assert account.portfolio.buying_power == account.portfolio.cash == 800


def test_the_proceeds_of_a_short_sale_buy_nothing_in_a_cash_account() -> None:
    account = paid_in()

    account.hear(fill(SELL, "10", "20"), bar("A", 20.0))

    assert (account.portfolio.cash, account.portfolio.buying_power) == money(1200, 800)


def test_a_margin_account_holds_a_part_of_the_notional() -> None:
    account = paid_in(MARGIN)

    account.hear(share("0.5"), fill(BUY, "80", "20"), bar("A", 20.0))

    view = account.portfolio
    assert (view.cash, view.equity, view.initial_margin, view.buying_power) == money(-600, 1000, 800, 200)
    assert (view.gross_exposure, view.leverage) == money(1600, "1.6")


def test_margin_is_of_the_net_position() -> None:
    account = paid_in(MARGIN)

    account.hear(share("0.5"), fill(BUY, "10", "20"), fill(SELL, "6", "20", strategy=TWO), bar("A", 20.0))

    assert account.portfolio.initial_margin == 40


def test_leverage_without_equity_is_unbounded() -> None:
    account = Account()

    account.hear(fill(BUY, "10", "20"), bar("A", 20.0))

    assert (account.portfolio.equity, account.portfolio.leverage) == money(0, "Infinity")


def test_leverage_without_exposure_is_none() -> None:
    assert Account().portfolio.leverage == 0


def test_the_mark_of_margin_tells_exposure_by_symbol_sector_and_currency() -> None:
    account = paid_in(PortfolioConfig(account_type=AccountType.MARGIN, mark_margin=True))
    account.hear(
        share(sector="tech"), share(symbol="B", sector="tech"), FxRateSet(0, "EUR", "USD", Decimal(2))
    )
    account.hear(InstrumentDefined(0, "E", currency="EUR"))
    account.hear(*(bar(symbol, 10.0) for symbol in "ABE"))
    account.hear(fill(BUY, "10", "10"), fill(SELL, "4", "10", symbol="B"), fill(BUY, "1", "10", symbol="E"))

    _, marked = account.marks()

    amount = Decimal
    assert isinstance(marked, MarginMarked)
    assert (marked.initial_margin, marked.buying_power) == money(90, 910)
    assert marked.balances == (
        CurrencyBalance("USD", amount(940), amount(1)),
        CurrencyBalance("EUR", amount(-10), amount(2)),
    )
    assert marked.by_symbol == (
        ExposureShare("A", amount(100), ZERO),
        ExposureShare("B", ZERO, amount(-40)),
        ExposureShare("E", amount(20), ZERO),
    )
    assert marked.by_sector == (
        ExposureShare("tech", amount(100), amount(-40)),
        ExposureShare("", amount(20), ZERO),
    )
    assert marked.by_currency == (
        ExposureShare("USD", amount(100), amount(-40)),
        ExposureShare("EUR", amount(20), ZERO),
    )


def test_holders_and_open_symbols_are_in_order_of_opening() -> None:
    account = Account()

    account.hear(fill(BUY, "1", "10", symbol="B", strategy=TWO), fill(BUY, "1", "10"))
    account.hear(fill(SELL, "2", "10", symbol="B"), fill(SELL, "1", "10"))

    assert list(account.portfolio.open_symbols()) == ["B"]
    assert list(account.portfolio.holders("B").items()) == [(TWO, Decimal(1)), (ONE, Decimal(-2))]
