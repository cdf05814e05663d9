"""The rules of corporate actions: units, fractions, prices, and what is held afterwards."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.corporate_actions import (
    ENDING,
    GIVING,
    RATIO_TOLERANCE,
    RESTATING,
    changes_holdings,
    fraction_after,
    named_price,
    price_after,
    successor,
    successor_price,
    terms_under_new_symbol,
    units_after,
)
from kernel.decimals import exact
from kernel.events import CorporateAction, CorporateActionKind, InstrumentDefined

Kind = CorporateActionKind

quantities = st.decimals("-1000000", "1000000", places=3)
ratios = st.sampled_from(["2", "7", "1.5", "0.1", "0.3333333333", "0.6666666667", "1.281"]).map(Decimal)
lot_sizes = st.sampled_from(["1", "10", "0.001"]).map(Decimal)


def action(kind: Kind, ratio: str = "1", *, amount: str = "0", new: str = "") -> CorporateAction:
    return CorporateAction(0, "A", kind, Decimal(ratio), Decimal(amount), new_symbol=new)


@pytest.mark.parametrize(
    ("quantity", "ratio", "lot", "units", "fraction"),
    [
        ("300", "0.3333333333", "1", "100", "0"),
        ("300", "0.66666667", "1", "200", "0"),
        ("301", "0.5", "1", "150", "0.5"),
        ("-7", "0.5", "1", "-3", "-0.5"),
        ("5", "0.1", "1", "0", "0.5"),
        ("35", "3", "10", "100", "5"),
        ("2.5", "1", "1", "2.5", "0"),
    ],
)
def test_what_a_ratio_leaves_and_the_fraction_that_is_paid_out(
    quantity: str, ratio: str, lot: str, units: str, fraction: str
) -> None:
    args = (Decimal(quantity), Decimal(ratio))

    assert units_after(*args, lot_size=Decimal(lot)) == Decimal(units)
    assert fraction_after(*args, lot_size=Decimal(lot)) == Decimal(fraction)


@given(quantities, ratios, lot_sizes)
@exact
def test_units_and_fraction_add_up_but_for_what_the_ratio_was_rounded_by(
    quantity: Decimal, ratio: Decimal, lot_size: Decimal
) -> None:
    units = units_after(quantity, ratio, lot_size=lot_size)
    fraction = fraction_after(quantity, ratio, lot_size=lot_size)

    rounded_away = Fraction(quantity) * Fraction(ratio) - Fraction(units) - Fraction(fraction)
    assert abs(rounded_away) <= Fraction(RATIO_TOLERANCE) * Fraction(lot_size)
    assert units % lot_size == 0
    assert abs(fraction) < lot_size


@given(quantities, quantities, ratios, lot_sizes)
@exact
def test_who_has_more_before_has_no_less_after(
    one: Decimal, other: Decimal, ratio: Decimal, lot_size: Decimal
) -> None:
    """So an order that closes no more than is held never closes more than is held after an action."""
    less, more = sorted((one, other))

    assert units_after(less, ratio, lot_size=lot_size) <= units_after(more, ratio, lot_size=lot_size)


@pytest.mark.parametrize(
    ("price", "ratio", "tick", "expected"),
    [
        ("50.00", "1.5", "0.01", "33.33"),
        ("50.00", "0.3333333333", "0.05", "150.00"),
        ("0.01", "7", "0.01", "0.01"),
        ("0.025", "2", "0.005", "0.010"),
        ("77.77", "1", "0.5", "77.77"),
    ],
)
def test_a_price_over_the_ratio_is_on_the_tick_and_never_0(
    price: str, ratio: str, tick: str, expected: str
) -> None:
    found = price_after(Decimal(price), Decimal(ratio), tick_size=Decimal(tick))

    assert str(found) == expected


@pytest.mark.parametrize(
    ("done", "held_under"),
    [
        (action(Kind.SPLIT, "2"), "A"),
        (action(Kind.DIVIDEND, amount="1"), "A"),
        (action(Kind.SYMBOL_CHANGE, new="B"), "B"),
        (action(Kind.MERGER, "0.5", new="B"), "B"),
        (action(Kind.MERGER, "0", amount="9", new="B"), ""),
        (action(Kind.MERGER, "0", amount="9"), ""),
        (action(Kind.DELISTING), ""),
    ],
)
def test_what_is_held_afterwards(done: CorporateAction, held_under: str) -> None:
    assert successor(done) == held_under


def test_every_kind_ends_or_restates_an_instrument_or_gives_its_holders_something() -> None:
    assert {*ENDING, *RESTATING, *GIVING} == set(Kind)
    assert not changes_holdings(action(Kind.DIVIDEND, amount="1"))
    assert not changes_holdings(action(Kind.SPLIT, "0"))
    assert changes_holdings(action(Kind.DELISTING))


def test_a_share_that_has_not_traded_is_worth_the_old_one_less_the_cash_over_the_ratio() -> None:
    merger = action(Kind.MERGER, "0.5", amount="10", new="B")

    assert successor_price(merger, Decimal(30)) == 40
    assert successor_price(merger, Decimal(3)) == 0


@pytest.mark.parametrize(
    ("ratio", "amount", "price"), [("1", "5", Decimal(5)), ("0", "0", Decimal(0)), ("1", "0", None)]
)
def test_a_delisting_names_an_amount_or_that_nothing_is_left(
    ratio: str, amount: str, price: Decimal | None
) -> None:
    assert named_price(action(Kind.DELISTING, ratio, amount=amount)) == price


def test_a_new_symbol_has_its_own_terms_or_those_of_the_old_one() -> None:
    change = action(Kind.SYMBOL_CHANGE, new="B")
    old, new = InstrumentDefined(0, "A", currency="EUR"), InstrumentDefined(0, "B", currency="JPY")

    assert terms_under_new_symbol(change, old=old, new=new) == new
    assert terms_under_new_symbol(change, old=old, new=None) == InstrumentDefined(0, "B", currency="EUR")
    assert terms_under_new_symbol(change, old=None, new=None) is None
