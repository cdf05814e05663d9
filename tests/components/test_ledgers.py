"""Ledgers of strategies and of the account itself, in several currencies, and what they add up to."""

from decimal import Decimal

import pytest

from components.portfolio.portfolio import Portfolio, PortfolioConfig
from components.portfolio.state import Ledger
from kernel.events import (
    BUY,
    SELL,
    CashFlowKind,
    CashMoved,
    FxRateSet,
    InstrumentDefined,
    LedgerMarked,
)
from kernel.identifiers import StrategyId
from tests.components.account import ONE, TWO, ZERO, Account, bar, fill, money

NOBODY = StrategyId("")
EURO_SHARE = InstrumentDefined(0, "E", currency="EUR")


def rate(base: str, quote: str, value: str) -> FxRateSet:
    return FxRateSet(0, base, quote, Decimal(value))


def test_what_a_strategy_trades_is_in_its_ledger() -> None:
    account = Account()

    account.hear(fill(BUY, "10", "20", commission="1"), fill(SELL, "4", "30", commission="1"))

    assert account.ledger() == Ledger(cash=Decimal(-82), realised_pnl=Decimal(40), commissions=Decimal(2))


@pytest.mark.parametrize(
    ("kind", "column"),
    [
        (CashFlowKind.DEPOSIT, "deposits"),
        (CashFlowKind.DIVIDEND, "income"),
        (CashFlowKind.FEE, "income"),
        (CashFlowKind.CONVERSION, "converted"),
    ],
)
def test_money_that_moved_is_in_the_ledger_it_was_moved_for(kind: CashFlowKind, column: str) -> None:
    account = Account()

    account.hear(CashMoved(0, Decimal(-5), "EUR", "so", kind, TWO))

    assert account.ledger(TWO, "EUR").cash == -5
    assert getattr(account.ledger(TWO, "EUR"), column) == -5
    assert account.portfolio.balances() == {"USD": ZERO, "EUR": Decimal(-5)}


def test_a_fill_is_paid_in_the_instruments_currency_and_its_commission_in_its_own() -> None:
    account = Account()

    account.hear(EURO_SHARE, fill(BUY, "10", "20", symbol="E", commission="1.5"))

    assert account.portfolio.balances() == {"USD": Decimal("-1.5"), "EUR": Decimal(-200)}


def test_a_rate_counts_in_both_directions_and_through_one_other_currency() -> None:
    account = Account()

    account.hear(rate("EUR", "USD", "1.25"), rate("USD", "JPY", "160"), rate("EUR", "SEK", "10"))

    rates = {name: account.portfolio.rate(name) for name in ("USD", "EUR", "JPY", "SEK", "CHF")}
    assert rates == {
        "USD": Decimal(1),
        "EUR": Decimal("1.25"),
        "JPY": Decimal("0.00625"),
        "SEK": Decimal("0.125"),
        "CHF": None,
    }


def test_of_two_rates_for_a_pair_the_last_one_counts() -> None:
    account = Account()

    account.hear(rate("EUR", "USD", "1.25"), rate("USD", "EUR", "0.5"))

    assert account.portfolio.rate("EUR") == 2


@pytest.mark.parametrize("nonsense", ["0", "-1", "NaN", "Infinity"])
def test_a_rate_that_is_none_changes_nothing(nonsense: str) -> None:
    account = Account()

    account.hear(rate("EUR", "USD", "1.25"), rate("EUR", "USD", nonsense))

    assert account.portfolio.rate("EUR") == Decimal("1.25")


def test_the_mark_converts_at_the_rate_of_the_moment() -> None:
    account = Account()
    account.hear(CashMoved(0, Decimal(1000)), EURO_SHARE, rate("EUR", "USD", "1.25"))
    account.hear(fill(BUY, "10", "20", symbol="E"), bar("E", 24.0))
    before = account.mark()

    account.hear(rate("EUR", "USD", "1.5"))

    after = account.mark()
    assert (before.cash, before.equity, before.unrealised_pnl) == money(750, 1050, 50)
    assert (after.cash, after.equity, after.unrealised_pnl, after.exposure) == money(700, 1060, 60, 360)


def test_without_a_rate_amounts_count_at_par() -> None:
    account = Account()

    account.hear(CashMoved(0, Decimal(1000)), EURO_SHARE, fill(BUY, "10", "20", symbol="E"), bar("E", 24.0))

    assert account.portfolio.rate("EUR") is None
    assert account.mark().equity == 1040


def test_what_a_rate_made_of_converted_money_is_told_apart_from_income() -> None:
    account = Account()
    account.hear(CashMoved(0, Decimal(1000)), rate("EUR", "USD", "1.25"))
    account.hear(
        CashMoved(0, Decimal(-500), "USD", "to EUR", CashFlowKind.CONVERSION),
        CashMoved(0, Decimal(400), "EUR", "from USD", CashFlowKind.CONVERSION),
    )

    account.hear(rate("EUR", "USD", "1.5"))

    assert account.mark().equity == 1100
    view = account.portfolio
    assert (view.deposits, view.income, view.fx_result) == money(1000, 0, 100)


def test_a_mark_of_the_ledgers_has_one_line_for_each_strategy_and_currency() -> None:
    account = Account(PortfolioConfig(mark_ledgers=True))
    account.hear(CashMoved(0, Decimal(1000)), EURO_SHARE, bar("A", 12.0), bar("E", 5.0))
    account.hear(fill(BUY, "10", "10", commission="1"), fill(SELL, "2", "6", symbol="E", strategy=TWO))

    made = account.marks()[1:]

    assert made == [
        LedgerMarked(0, NOBODY, "USD", *money(1000, 1000, 0, 0, 0, 0)),
        LedgerMarked(0, ONE, "USD", *money(-101, 0, 0, 20, 1, 0)),
        LedgerMarked(0, TWO, "EUR", *money(12, 0, 0, 2, 0, 0)),
    ]


def test_new_terms_wait_until_the_position_is_closed() -> None:
    """What was paid in one currency cannot turn into another's cost."""
    account = Account()
    account.hear(fill(BUY, "10", "20"), InstrumentDefined(0, "A", currency="EUR"))

    account.hear(fill(SELL, "10", "21"), fill(BUY, "1", "5"))

    assert account.portfolio.balances() == {"USD": Decimal(10), "EUR": Decimal(-5)}


def test_figures_of_one_strategy_are_its_own() -> None:
    account = Account()
    account.hear(fill(BUY, "10", "20"), fill(SELL, "10", "22"), fill(BUY, "3", "20", strategy=TWO))
    account.hear(bar("A", 21.0))

    view: Portfolio = account.portfolio
    assert (view.realised_pnl(ONE), view.realised_pnl(TWO)) == money(20, 0)
    assert (view.unrealised(ONE, "A"), view.unrealised(TWO, "A")) == money(0, 3)
