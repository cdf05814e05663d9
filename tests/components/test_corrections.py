"""A corrected fill leaves the account as if it had been right from the start."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.portfolio.portfolio import LotMethod, PortfolioConfig
from kernel.events import (
    AssetClass,
    CorporateAction,
    CorporateActionKind,
    InstrumentDefined,
    OrderFilled,
    Side,
)
from tests.components.account import ONE, Account, bar, corrected, fill, money

BUY, SELL = Side.BUY, Side.SELL


def account_with(*fills: OrderFilled, lots: LotMethod = LotMethod.AVERAGE, kept: int = 100) -> Account:
    account = Account(PortfolioConfig(lots=lots, corrections_kept=kept))
    account.hear(*fills)
    return account


def test_a_bust_after_the_close_takes_the_realised_profit_back() -> None:
    """Booked as a sale now, it would leave a profit that nobody made."""
    bought = fill(BUY, "10", "20", fill_id="f1", commission="1")
    account = account_with(bought, fill(SELL, "10", "25", fill_id="f2"))

    (changed,) = account.changes(corrected(bought, quantity="0"))

    assert (changed.quantity, changed.cost, changed.realised_pnl) == money(-10, -250, 0)
    assert account.portfolio.cash == 250
    assert account.portfolio.net_position("A") == -10


def test_a_bust_takes_its_commission_back() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1", commission="1.50")
    account = account_with(bought)

    account.hear(corrected(bought, quantity="0"))

    assert (account.portfolio.commissions, account.portfolio.cash) == money(0, 0)


def test_a_changed_price_keeps_the_commission() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1", commission="1.50")
    account = account_with(bought)

    account.hear(corrected(bought, quantity="10", price="19"))

    assert account.held("A") == money(10, 190, 0)
    assert (account.portfolio.commissions, account.portfolio.cash) == (Decimal("1.50"), Decimal("-191.50"))


def test_a_fill_can_be_corrected_twice() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1")
    account = account_with(bought, fill(SELL, "4", "25", fill_id="f2"))
    first = corrected(bought, quantity="8", price="20")

    account.hear(first, corrected(fill(BUY, "8", "20", fill_id="f1"), quantity="10", price="21"))

    assert account.held("A") == money(6, 126, 16)


def test_a_fill_from_before_a_split_is_corrected_in_its_own_units() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1")
    account = account_with(bought, fill(BUY, "10", "30", fill_id="f2"))
    account.hear(CorporateAction(0, "A", CorporateActionKind.SPLIT, Decimal(2)))

    account.hear(corrected(bought, quantity="0"))

    assert account.held("A") == money(20, 300, 0)


def test_a_fill_under_the_old_symbol_corrects_the_position_under_the_new_one() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1")
    account = account_with(bought)
    account.hear(CorporateAction(0, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="B"))

    (changed,) = account.changes(corrected(bought, quantity="4", price="20"))

    assert (changed.symbol, changed.quantity, changed.cost) == ("B", *money(4, 80))
    assert account.portfolio.net_position("A") == 0


def test_a_correction_in_a_future_moves_no_more_than_its_profit() -> None:
    sold = fill(SELL, "2", "110", fill_id="f2")
    account = Account()
    account.hear(InstrumentDefined(0, "A", AssetClass.FUTURE, multiplier=Decimal(5)))
    account.hear(fill(BUY, "2", "100", fill_id="f1"), sold)

    account.hear(corrected(sold, quantity="2", price="120"))

    assert account.portfolio.cash == 200


def test_a_fill_too_old_to_be_remembered_is_reversed_with_exact_cash_and_total() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1")
    later = [fill(BUY, "1", "30", fill_id=f"l{number}") for number in range(4)]
    account = account_with(bought, *later, kept=2)

    account.hear(corrected(bought, quantity="0"), bar("A", 40.0))

    assert account.portfolio.net_position("A") == 4
    assert account.portfolio.cash == -120
    assert account.mark().equity == 40


def test_what_is_remembered_is_bounded() -> None:
    account = account_with(*(fill(BUY, "1", "10", fill_id=f"f{n}") for n in range(50)), kept=4)

    history = account.portfolio.state.positions[ONE]["A"].history

    assert history is not None
    assert len(history.older) + len(history.newer) < 8


amounts = st.decimals(Decimal("0.01"), Decimal(50), places=2)
trades = st.lists(st.tuples(st.sampled_from(Side), amounts, amounts), min_size=1, max_size=15)


@pytest.mark.parametrize("lots", LotMethod)
@given(trades, st.data())
def test_the_account_is_what_it_would_have_been(
    lots: LotMethod, trades: list[tuple[Side, Decimal, Decimal]], data: st.DataObject
) -> None:
    wrong = [
        fill(side, str(quantity), str(price), fill_id=f"f{number}", commission="0.10")
        for number, (side, quantity, price) in enumerate(trades)
    ]
    place = data.draw(st.integers(0, len(wrong) - 1))
    quantity, price = str(data.draw(st.just(Decimal(0)) | amounts)), str(data.draw(amounts))
    side = trades[place][0]
    right = [*wrong[:place], fill(side, quantity, price, commission="0.10"), *wrong[place + 1 :]]
    if not Decimal(quantity):
        del right[place]

    account = account_with(*wrong, lots=lots, kept=10)
    account.hear(corrected(wrong[place], quantity=quantity, price=price))
    expected = account_with(*right, lots=lots)

    assert account.portfolio.cash == expected.portfolio.cash
    assert account.portfolio.commissions == expected.portfolio.commissions
    if right:
        assert account.held("A") == expected.held("A")
