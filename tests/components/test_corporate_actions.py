"""Splits, mergers, symbol changes and delistings: what is held changes, what was paid does not."""

from decimal import Decimal
from itertools import product

import pytest

from components.portfolio.portfolio import LotMethod, PortfolioConfig
from kernel.events import (
    BUY,
    SELL,
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    FxRateSet,
    InstrumentDefined,
    PositionChanged,
)
from tests.components.account import ONE, TWO, Account, bar, fill, money

SPLIT, MERGER = CorporateActionKind.SPLIT, CorporateActionKind.MERGER
SYMBOL_CHANGE, DELISTING = CorporateActionKind.SYMBOL_CHANGE, CorporateActionKind.DELISTING


def action(
    kind: CorporateActionKind, ratio: str = "1", *, new: str = "", amount: str = "0"
) -> CorporateAction:
    return CorporateAction(0, "A", kind, Decimal(ratio), Decimal(amount), new_symbol=new)


@pytest.mark.parametrize("lots", LotMethod)
def test_a_split_changes_the_quantity_and_keeps_the_cost(lots: LotMethod) -> None:
    account = Account(PortfolioConfig(lots=lots))
    account.hear(fill(BUY, "10", "20"), fill(BUY, "10", "40"), fill(SELL, "5", "20", strategy=TWO))

    changes = account.changes(action(SPLIT, "4"))

    assert changes == [
        PositionChanged(0, ONE, "A", Decimal(80), Decimal(600), Decimal(0)),
        PositionChanged(0, TWO, "A", Decimal(-20), Decimal(-100), Decimal(0)),
    ]
    assert account.portfolio.net_position("A") == 60
    assert account.portfolio.holders("A") == {ONE: Decimal(80), TWO: Decimal(-20)}


def test_a_split_does_not_move_the_equity() -> None:
    account = Account()
    account.hear(CashMoved(0, Decimal(1000)), fill(BUY, "10", "20"), bar("A", 30.0))

    account.hear(action(SPLIT, "3"))
    between = account.mark().equity
    account.hear(bar("A", 10.0, ts=1))

    assert (between, account.mark().equity) == money(1100, 1100)


def test_a_fraction_is_sold_for_the_cash_that_is_paid_for_it() -> None:
    account = Account()
    account.hear(fill(BUY, "7", "10"))

    account.hear(
        CashMoved(0, Decimal(12), "USD", "in lieu", CashFlowKind.CASH_IN_LIEU, ONE, "A"),
        action(SPLIT, "0.5"),
    )

    assert account.held("A") == money(3, 60, 2)
    assert (account.portfolio.realised_pnl(ONE), account.portfolio.income) == money(2, 0)


def test_a_ratio_that_was_rounded_costs_nobody_a_share() -> None:
    account = Account()
    account.hear(fill(BUY, "300", "10"))

    account.hear(action(SPLIT, "0.3333333333"))

    assert account.held("A") == money(100, 3000, 0)


def test_a_symbol_change_takes_the_position_along_with_what_it_realised() -> None:
    account = Account()
    account.hear(fill(BUY, "10", "20"), fill(SELL, "4", "30"))

    old, new = account.changes(action(SYMBOL_CHANGE, new="B"))

    assert (old.symbol, old.quantity, old.cost) == ("A", *money(0, 0))
    assert (new.symbol, new.quantity, new.cost, new.realised_pnl) == ("B", *money(6, 120, 40))
    assert account.portfolio.strategy_positions(ONE) == {"B": 6}
    assert list(account.portfolio.open_symbols()) == ["B"]


@pytest.mark.parametrize("steps", [steps for n in range(1, 6) for steps in product("spr", repeat=n)])
def test_equity_stands_still_while_splits_prices_and_new_symbols_alternate(steps: tuple[str, ...]) -> None:
    account = Account()
    account.hear(CashMoved(0, Decimal(10_000)), fill(BUY, "12", "100"), bar("A", 100.0))
    symbol, price = "A", 100.0

    for ts, step in enumerate(steps, start=1):
        if step == "s":
            price /= 2
            account.hear(CorporateAction(ts, symbol, SPLIT, Decimal(2)))
        elif step == "r":
            new = "B" if symbol == "A" else "A"
            account.hear(CorporateAction(ts, symbol, SYMBOL_CHANGE, new_symbol=new))
            symbol = new
        else:
            account.hear(bar(symbol, price, ts))

        assert account.portfolio.equity == 10_000
        assert account.market.last_price(symbol) == price


def test_a_new_symbol_at_a_ratio_is_a_split_as_well() -> None:
    account = Account()
    account.hear(CashMoved(0, Decimal(1000)), fill(BUY, "10", "20"), bar("A", 20.0))

    account.hear(CorporateAction(1, "A", SYMBOL_CHANGE, Decimal("0.5"), new_symbol="B"))

    assert account.portfolio.equity == 1000
    assert account.market.last_price("B") == 40.0


def test_a_share_that_gets_a_used_symbol_keeps_its_price() -> None:
    account = Account()
    account.hear(CashMoved(0, Decimal(1000)), fill(BUY, "10", "20"), bar("B", 500.0), bar("A", 20.0))

    account.hear(action(SYMBOL_CHANGE, new="B"))

    assert account.portfolio.equity == 1000


def test_a_split_before_a_merged_share_trades_does_not_move_the_equity() -> None:
    account = Account()
    account.hear(CashMoved(0, Decimal(1000)), fill(BUY, "10", "20"), bar("A", 20.0))

    account.hear(action(MERGER, "0.5", new="B"), CorporateAction(0, "B", SPLIT, Decimal(4)))

    assert account.portfolio.equity == 1000


def test_a_merger_moves_the_cost_into_the_new_share() -> None:
    account = Account()
    account.hear(fill(BUY, "10", "20"), fill(BUY, "10", "50", symbol="B"))

    account.hear(action(MERGER, "0.5", new="B"))

    assert account.held("A") == money(0, 0, 0)
    assert account.held("B") == money(15, 700, 0)


def test_a_merger_into_a_share_that_is_held_short_closes_one_against_the_other() -> None:
    account = Account()
    account.hear(fill(BUY, "10", "20"), fill(SELL, "8", "50", symbol="B"))

    account.hear(action(MERGER, "0.5", new="B"))

    assert account.held("B") == money(-3, -150, 50)


def test_before_the_new_share_trades_it_is_worth_what_the_old_one_was() -> None:
    account = Account()
    account.hear(fill(BUY, "10", "20"), bar("A", 30.0))

    account.hear(action(MERGER, "0.5", new="B", amount="10"))

    assert account.portfolio.value_of("B") == 200


def test_a_merger_for_cash_realises_the_cash_less_the_whole_cost() -> None:
    account = Account()
    account.hear(fill(BUY, "10", "20"))

    account.hear(
        CashMoved(0, Decimal(250), "USD", "merger", CashFlowKind.CASH_IN_LIEU, ONE, "A"),
        action(MERGER, "0", new="B", amount="25"),
    )

    assert account.held("A") == money(0, 0, 50)
    assert account.mark().equity == 50


def test_a_share_that_takes_a_used_symbol_keeps_its_currency() -> None:
    account = Account()
    account.hear(InstrumentDefined(0, "A", currency="EUR"), FxRateSet(0, "EUR", "USD", Decimal("1.25")))
    account.hear(CashMoved(0, Decimal(1000)), fill(BUY, "10", "20", currency="EUR"), bar("A", 20.0))
    account.hear(fill(BUY, "1", "5", symbol="B"), fill(SELL, "1", "5", symbol="B"))

    account.hear(action(SYMBOL_CHANGE, new="B"))
    account.hear(bar("B", 24.0, ts=1))

    assert account.mark().equity == 1000 + 10 * 4 * Decimal("1.25")


def test_a_merger_into_another_currency_converts_the_cost() -> None:
    account = Account()
    account.hear(InstrumentDefined(0, "B", currency="EUR"), FxRateSet(0, "EUR", "USD", Decimal("1.25")))
    account.hear(CashMoved(0, Decimal(1000)), fill(BUY, "10", "20"))

    account.hear(action(MERGER, "1", new="B"), bar("B", 16.0))

    assert account.held("B") == money(10, 160, 0)
    assert account.mark().equity == 1000


def test_a_delisted_share_is_closed_at_what_is_paid_for_it() -> None:
    account = Account()
    account.hear(fill(BUY, "10", "20"), fill(SELL, "4", "22", strategy=TWO), bar("A", 9.0))

    account.hear(action(DELISTING, amount="5"))

    assert account.held("A") == money(0, 0, -150)
    assert account.held("A", TWO) == money(0, 0, 68)
    assert account.portfolio.cash == -200 + 88 + 50 - 20
    assert list(account.portfolio.open_symbols()) == []


def test_a_delisted_share_is_closed_at_its_last_price_where_nothing_else_is_said() -> None:
    account = Account()
    account.hear(fill(BUY, "10", "20"), bar("A", 9.0))

    account.hear(action(DELISTING))

    assert account.held("A") == money(0, 0, -110)


@pytest.mark.parametrize(("rates", "price"), [(["1.25"], 5), ([], 4)], ids=["rate", "par"])
def test_a_delisting_in_another_currency_pays_its_amount_at_the_present_rate(
    rates: list[str], price: int
) -> None:
    account = Account()
    account.hear(*(FxRateSet(0, "EUR", "USD", Decimal(rate)) for rate in rates), fill(BUY, "10", "20"))

    account.hear(CorporateAction(0, "A", DELISTING, amount=Decimal(4), currency="EUR"))

    assert account.held("A") == money(0, 0, 10 * price - 200)
    assert account.portfolio.balances() == {"USD": 10 * price - 200}


def test_a_dividend_leaves_positions_alone() -> None:
    account = Account()
    account.hear(fill(BUY, "10", "20"))

    assert account.changes(action(CorporateActionKind.DIVIDEND, amount="1")) == []
