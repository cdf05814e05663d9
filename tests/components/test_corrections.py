"""A corrected fill leaves the account as if it had been right from the start."""

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.portfolio.history import PART, unpacked
from components.portfolio.portfolio import LotMethod, PortfolioConfig
from components.portfolio.state import PortfolioState
from kernel.events import (
    BUY,
    SELL,
    AssetClass,
    CashFlowKind,
    CashMoved,
    CorporateAction,
    CorporateActionKind,
    FxRateSet,
    InstrumentDefined,
    OrderFilled,
    Side,
)
from kernel.state import WrittenState, put_fields, read
from tests.components.account import ONE, TWO, Account, bar, corrected, fill, money

SPLIT, DELISTING = CorporateActionKind.SPLIT, CorporateActionKind.DELISTING


def split(ratio: str, symbol: str = "A") -> CorporateAction:
    return CorporateAction(0, symbol, SPLIT, Decimal(ratio))


def renamed(symbol: str, new_symbol: str) -> CorporateAction:
    return CorporateAction(0, symbol, CorporateActionKind.SYMBOL_CHANGE, new_symbol=new_symbol)


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


@pytest.mark.parametrize("lots", list(LotMethod))
def test_a_correction_leaves_the_cash_that_was_paid_for_a_fraction(lots: LotMethod) -> None:
    """7 at 10 become 3 after 1 for 2; the half share that is left was sold for 12."""
    bought = fill(BUY, "7", "10", fill_id="f1")
    account = account_with(bought, lots=lots)
    in_lieu = CashMoved(0, Decimal(12), "USD", "in lieu", CashFlowKind.CASH_IN_LIEU, ONE, "A")
    account.hear(in_lieu, split("0.5"))

    account.hear(corrected(bought, quantity="7", price="12", actions_since=1))

    assert account.held("A") == money(3, 72, 0)
    assert account.portfolio.cash == -72


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

    account.hear(corrected(bought, quantity="0", actions_since=1))

    assert account.held("A") == money(20, 300, 0)


def test_a_fill_under_the_old_symbol_corrects_the_position_under_the_new_one() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1")
    account = account_with(bought)
    account.hear(CorporateAction(0, "A", CorporateActionKind.SYMBOL_CHANGE, new_symbol="B"))

    (changed,) = account.changes(corrected(bought, quantity="4", price="20", actions_since=1))

    assert (changed.symbol, changed.quantity, changed.cost) == ("B", *money(4, 80))
    assert account.portfolio.net_position("A") == 0


def test_a_bust_counts_a_split_at_which_the_position_was_flat() -> None:
    bought = fill(BUY, "5", "20", fill_id="f1")
    account = account_with(bought, fill(SELL, "5", "25", fill_id="f2"))
    account.hear(split("0.2"))

    account.hear(corrected(bought, quantity="0", actions_since=1))

    assert account.held("A") == money(-1, -125, 0)
    assert account.portfolio.cash == 125


def test_a_bust_follows_a_flat_position_to_its_new_symbol() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1")
    account = account_with(bought, fill(SELL, "10", "25", fill_id="f2"))
    account.hear(renamed("A", "B"), split("2", "B"))

    account.hear(corrected(bought, quantity="0", actions_since=2))

    assert account.held("B") == money(-20, -250, 0)
    assert list(account.portfolio.open_symbols()) == ["B"]


def test_a_bust_finds_a_share_that_got_its_first_symbol_back() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1")
    account = account_with(bought)
    account.hear(renamed("A", "B"), renamed("B", "A"))

    account.hear(corrected(bought, quantity="0", actions_since=2))

    assert account.held("A") == money(0, 0, 0)
    assert account.portfolio.net_position("B") == 0


def test_a_bust_leaves_the_share_alone_that_has_the_symbol_now() -> None:
    bought, other = fill(BUY, "10", "20", fill_id="f1"), fill(BUY, "7", "3", fill_id="f2")
    account = account_with(bought)
    account.hear(renamed("A", "B"), other)

    account.hear(corrected(bought, quantity="0", actions_since=1))

    assert account.held("B") == money(0, 0, 0)
    assert account.held("A") == money(7, 21, 0)


@pytest.mark.parametrize("kept", [0, 1, 100])
def test_fractions_that_a_busted_fill_would_not_have_left_are_there_again(kept: int) -> None:
    """5 and 4 shares at one for three: 3 of 9, but 1 of 4."""
    bought, later = fill(BUY, "5", "3", fill_id="f1"), fill(BUY, "4", "3", fill_id="f2")
    account = account_with(bought, later, kept=kept)
    account.hear(split("0.3333333333"), fill(BUY, "1", "9", fill_id="f3"))

    account.hear(corrected(bought, quantity="0", actions_since=1))

    assert account.portfolio.net_position("A") == 2
    assert account.portfolio.cash == -12 - 9


@pytest.mark.parametrize("kept", [0, 100])
@pytest.mark.parametrize("paid", ["5", "0"])
def test_a_bust_after_a_delisting_takes_back_what_was_settled(kept: int, paid: str) -> None:
    bought = fill(BUY, "10", "20", fill_id="f1")
    account = account_with(bought, fill(BUY, "2", "20", fill_id="f2"), kept=kept)
    account.hear(bar("A", 8.0), CorporateAction(0, "A", DELISTING, amount=Decimal(paid)))

    account.hear(corrected(bought, quantity="0", actions_since=1))

    price = Decimal(paid) or 8
    assert account.held("A") == money(0, 0, 2 * price - 40)
    assert account.portfolio.cash == 2 * price - 40
    assert list(account.portfolio.open_symbols()) == []


def test_a_bust_after_a_merger_for_cash_leaves_no_position() -> None:
    """What was paid for the shares is taken back by who paid it."""
    bought = fill(BUY, "10", "20", fill_id="f1")
    account = account_with(bought, fill(SELL, "10", "21", fill_id="f2"))
    account.hear(CorporateAction(0, "A", CorporateActionKind.MERGER, Decimal(0), Decimal(25)))

    account.hear(corrected(bought, quantity="0", actions_since=1))

    assert account.held("A") == money(0, 0, 210)
    assert account.portfolio.cash == 210


def test_a_bust_after_two_positions_were_put_together_takes_its_part_out() -> None:
    """Units that were put together cost the same; what is realised and what the rest cost add up."""
    bought = fill(BUY, "10", "20", fill_id="f1")
    account = account_with(bought, fill(BUY, "6", "50", symbol="B", fill_id="f2"))
    account.hear(CorporateAction(0, "A", CorporateActionKind.MERGER, Decimal("0.5"), new_symbol="B"))

    account.hear(corrected(bought, quantity="0", actions_since=1))

    quantity, cost, realised = account.held("B")
    assert (quantity, realised - cost) == money(6, -300)
    assert account.portfolio.cash == -300


def test_a_bust_after_a_merger_into_another_currency_is_paid_in_its_own() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1")
    account = account_with(bought)
    account.hear(InstrumentDefined(0, "B", currency="EUR"), FxRateSet(0, "EUR", "USD", Decimal("1.25")))
    account.hear(CorporateAction(0, "A", CorporateActionKind.MERGER, Decimal(1), new_symbol="B"))

    account.hear(corrected(bought, quantity="0", actions_since=1))

    assert account.held("B") == money(0, 0, 0)
    assert account.portfolio.balances() == {"USD": 0, "EUR": 0}
    assert account.portfolio.fx_result == 0


def test_a_bust_touches_no_other_strategy() -> None:
    bought = fill(BUY, "5", "20", fill_id="f1")
    account = account_with(bought, fill(SELL, "5", "25", fill_id="f2"))
    account.hear(fill(BUY, "9", "20", strategy=TWO, fill_id="f3"), split("2"))

    account.hear(corrected(bought, quantity="0", actions_since=1))

    assert account.held("A", TWO) == money(18, 180, 0)
    assert account.portfolio.net_position("A") == 8


def test_a_fill_too_old_to_be_remembered_returns_its_commission() -> None:
    bought = fill(BUY, "10", "20", fill_id="f1", commission="1.50")
    account = account_with(bought, kept=0)

    account.hear(corrected(bought, quantity="0"))

    assert (account.portfolio.commissions, account.portfolio.cash) == money(0, 0)


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
    assert len(unpacked(history.older)) + history.packed_count + len(history.newer) < 8


@pytest.mark.parametrize("place", [0, 7, 24, 40, 55])
def test_a_fill_is_rebooked_from_any_part_of_what_is_remembered(place: int) -> None:
    fills = [fill(BUY if n % 3 else SELL, "2", str(10 + n), fill_id=f"f{n}") for n in range(60)]
    right = [*fills]
    right[place] = fill(fills[place].side, "5", "99", fill_id=f"f{place}")
    account, expected = account_with(*fills, kept=40), account_with(*right, kept=40)

    account.hear(corrected(fills[place], quantity="5", price="99"))

    found, wanted = (one.portfolio.state.positions[ONE]["A"] for one in (account, expected))
    assert (found.quantity, found.cost, found.realised_pnl) == (
        *(wanted.quantity, wanted.cost, wanted.realised_pnl),
    )
    assert account.portfolio.cash == expected.portfolio.cash


def test_few_fills_are_remembered_as_objects() -> None:
    account = account_with(*(fill(BUY, "1", "10", fill_id=f"f{n}") for n in range(175)))

    history = account.portfolio.state.positions[ONE]["A"].history

    assert history is not None
    assert len(unpacked(history.older)) == 100
    assert history.packed_count + len(history.newer) == 75
    assert len(history.newer) < PART


def test_a_state_from_before_fills_were_packed_is_taken_over() -> None:
    fills = [fill(BUY, "1", str(10 + n), fill_id=f"f{n}") for n in range(6)]
    account, expected = account_with(*fills, kept=4), account_with(*fills, kept=4)
    plain = msgspec.msgpack.decode(msgspec.msgpack.encode(account.portfolio.state))
    history = plain["positions"][ONE]["A"]["history"]
    history["older"] = msgspec.msgpack.decode(msgspec.msgpack.encode(unpacked(history["older"])))
    del history["packed"], history["packed_count"]
    of_version_1 = WrittenState(1, msgspec.msgpack.encode(plain))

    restored = read(PortfolioState, of_version_1, owner="portfolio")

    put_fields(account.portfolio.state, restored)
    for one in (account, expected):
        one.hear(corrected(fills[1], quantity="0"))
    assert account.portfolio.state == expected.portfolio.state


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
