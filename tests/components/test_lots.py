"""First in first out and last in first out: lots close whole and in order, and nothing gets lost."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.portfolio.config import COST_METHODS, LotMethod
from components.portfolio.position import COST_QUANTUM, Holding, Lot, apply_fill
from tests.components.account import money

quantities = st.decimals(Decimal(-50), Decimal(50), places=3).filter(bool)
prices = st.decimals(Decimal("0.01"), Decimal(500), places=2)
fills = st.lists(st.tuples(quantities, prices), max_size=20)
methods = st.sampled_from(LotMethod)
ratios = st.sampled_from([Decimal(2), Decimal("0.5"), Decimal("0.3333333333"), Decimal("1.5"), Decimal(0)])


def held_after(method: LotMethod, fills: list[tuple[Decimal, Decimal]]) -> Holding:
    holding = Holding()
    for signed, price in fills:
        COST_METHODS[method].fill(holding, signed, unit_price=price)
    return holding


def bought(*fills: tuple[int, int]) -> list[tuple[Decimal, Decimal]]:
    return [(Decimal(signed), Decimal(price)) for signed, price in fills]


@pytest.mark.parametrize(
    ("method", "realised"), [(LotMethod.FIFO, 30), (LotMethod.LIFO, -30), (LotMethod.AVERAGE, 0)]
)
def test_a_partial_close_takes_the_cost_of_its_method(method: LotMethod, realised: int) -> None:
    holding = held_after(method, bought((10, 10), (10, 20), (-6, 15)))

    assert (holding.quantity, holding.realised_pnl, holding.cost) == money(14, realised, 210 + realised)


@pytest.mark.parametrize(("method", "first_lot"), [(LotMethod.FIFO, (4, 40)), (LotMethod.LIFO, (10, 100))])
def test_a_lot_closed_in_part_keeps_its_place(method: LotMethod, first_lot: tuple[int, int]) -> None:
    holding = held_after(method, bought((10, 10), (10, 20), (-6, 15)))

    assert holding.lots[0] == Lot(Decimal(first_lot[0]), Decimal(first_lot[1]))


def test_a_fill_through_zero_leaves_one_lot_at_its_price() -> None:
    holding = held_after(LotMethod.FIFO, bought((10, 10), (5, 12), (-20, 15)))

    assert holding.lots == [Lot(Decimal(-5), Decimal(-75))]
    assert (holding.quantity, holding.cost, holding.realised_pnl) == money(-5, -75, 65)


@pytest.mark.parametrize("method", LotMethod)
@pytest.mark.parametrize("ratio", ["0.66666666", "0.66666667"])
def test_a_ratio_that_was_rounded_realises_nothing(method: LotMethod, ratio: str) -> None:
    holding = held_after(method, bought((100, 10), (200, 20)))

    COST_METHODS[method].scale(holding, Decimal(ratio), lot_size=Decimal(1))

    assert (holding.quantity, holding.cost, holding.realised_pnl) == money(200, 5000, 0)
    assert sum(lot.quantity for lot in holding.lots) in (0, 200)


@given(methods, fills)
def test_what_was_paid_is_what_was_realised_less_what_is_held(
    method: LotMethod, fills: list[tuple[Decimal, Decimal]]
) -> None:
    holding, paid = Holding(), Fraction(0)

    for signed, price in fills:
        COST_METHODS[method].fill(holding, signed, unit_price=price)
        paid += Fraction(signed) * Fraction(price)

        assert -paid == Fraction(holding.realised_pnl) - Fraction(holding.cost)


@given(st.sampled_from([LotMethod.FIFO, LotMethod.LIFO]), fills)
def test_lots_add_up_to_the_position_and_are_all_on_its_side(
    method: LotMethod, fills: list[tuple[Decimal, Decimal]]
) -> None:
    holding = held_after(method, fills)

    assert sum(lot.quantity for lot in holding.lots) == holding.quantity
    assert sum(lot.cost for lot in holding.lots) == holding.cost
    assert all((lot.quantity > 0) == (holding.quantity > 0) for lot in holding.lots)


@given(fills)
def test_all_methods_realise_the_same_once_flat(fills: list[tuple[Decimal, Decimal]]) -> None:
    left = sum((signed for signed, _ in fills), Decimal(0))
    closing = [(-left, Decimal("99.99"))] if left else []

    realised = {held_after(method, [*fills, *closing]).realised_pnl for method in LotMethod}

    assert len(realised) == 1


@given(methods, fills, ratios)
def test_a_split_keeps_the_cost_but_for_what_the_fraction_had_cost(
    method: LotMethod, fills: list[tuple[Decimal, Decimal]], ratio: Decimal
) -> None:
    holding = held_after(method, fills)
    quantity, cost, realised = holding.quantity, holding.cost, holding.realised_pnl

    COST_METHODS[method].scale(holding, ratio, lot_size=Decimal(1))

    assert holding.quantity == holding.quantity.to_integral_value()
    assert abs(holding.quantity) <= abs(quantity * ratio) + Decimal("1E-4")
    assert abs(holding.quantity - quantity * ratio) < 1
    assert holding.cost - cost == holding.realised_pnl - realised
    if holding.lots:
        assert sum(lot.quantity for lot in holding.lots) == holding.quantity
        assert sum(lot.cost for lot in holding.lots) == holding.cost


@given(methods, fills, fills)
def test_positions_that_are_put_together_lose_nothing(
    method: LotMethod, fills: list[tuple[Decimal, Decimal]], others: list[tuple[Decimal, Decimal]]
) -> None:
    holding, other = held_after(method, fills), held_after(method, others)
    before = holding.realised_pnl - holding.cost - other.cost

    for lot in other.lots or [Lot(other.quantity, other.cost)]:
        COST_METHODS[method].add(holding, lot)

    assert holding.realised_pnl - holding.cost == before
    assert holding.quantity == sum(signed for signed, _ in [*fills, *others])


@given(fills)
def test_lots_at_one_price_cost_what_the_average_does(fills: list[tuple[Decimal, Decimal]]) -> None:
    at_one_price = [(signed, Decimal(10)) for signed, _ in fills]
    average = Holding()

    for signed, price in at_one_price:
        apply_fill(average, signed, unit_price=price)

    lots = held_after(LotMethod.FIFO, at_one_price)
    assert abs(lots.cost - average.cost) <= len(fills) * COST_QUANTUM
