"""Holding arithmetic against fractions: what was paid, what it cost and what was realised add up."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.portfolio.position import COST_QUANTUM, Holding, apply_fill

quantities = st.decimals(Decimal("-5000"), Decimal(5000), places=8).filter(bool)
prices = st.decimals(Decimal("0.0001"), Decimal(100_000), places=4)
fills = st.lists(st.tuples(quantities, prices), max_size=30)
closing = st.lists(st.tuples(st.sampled_from([-3, -2, -1, 1, 2, 3]).map(Decimal), prices), max_size=30)
"""Small whole numbers: positions that are closed, flipped and opened again all the time."""


class AverageCost:
    """The textbook in fractions: a fill adds at its price, or closes at the average and then adds."""

    def __init__(self) -> None:
        self.quantity = Fraction(0)
        self.cost = Fraction(0)
        self.realised = Fraction(0)

    def fill(self, signed: Fraction, price: Fraction) -> None:
        closed = Fraction(0)
        if self.quantity * signed < 0:
            closed = min(abs(signed), abs(self.quantity)) * (1 if signed > 0 else -1)
            average = self.cost / self.quantity
            self.realised += -closed * (price - average)
            self.cost += closed * average
        self.cost += (signed - closed) * price
        self.quantity += signed


@given(fills | closing)
def test_what_was_paid_is_what_was_realised_less_what_is_held(fills: list[tuple[Decimal, Decimal]]) -> None:
    position = Holding()
    paid = Fraction(0)

    for signed, price in fills:
        apply_fill(position, signed, unit_price=price)
        paid += Fraction(signed) * Fraction(price)

        assert -paid == Fraction(position.realised_pnl) - Fraction(position.cost)


@given(fills | closing)
def test_quantity_is_exact_and_cost_is_the_average_to_the_quantum(
    fills: list[tuple[Decimal, Decimal]],
) -> None:
    position, model = Holding(), AverageCost()

    for number, (signed, price) in enumerate(fills, 1):
        apply_fill(position, signed, unit_price=price)
        model.fill(Fraction(signed), Fraction(price))

        assert Fraction(position.quantity) == model.quantity
        assert abs(Fraction(position.cost) - model.cost) <= number * Fraction(COST_QUANTUM)
        assert abs(Fraction(position.realised_pnl) - model.realised) <= number * Fraction(COST_QUANTUM)


@given(fills | closing)
def test_a_flat_position_costs_nothing(fills: list[tuple[Decimal, Decimal]]) -> None:
    position = Holding()
    for signed, price in fills:
        apply_fill(position, signed, unit_price=price)

    if position.quantity:
        apply_fill(position, -position.quantity, unit_price=Decimal(1))

    assert (position.quantity, position.cost) == (Decimal(0), Decimal(0))


@pytest.mark.parametrize(
    ("fills", "quantity", "cost", "realised"),
    [
        pytest.param([(10, 5), (10, 7)], 20, 120, 0, id="adds to a long"),
        pytest.param([(-10, 5), (-10, 7)], -20, -120, 0, id="adds to a short"),
        pytest.param([(10, 5), (-4, 8)], 6, 30, 12, id="closes part of a long"),
        pytest.param([(-10, 5), (4, 8)], -6, -30, -12, id="closes part of a short"),
        pytest.param([(10, 5), (-10, 8)], 0, 0, 30, id="closes a long"),
        pytest.param([(-10, 5), (10, 3)], 0, 0, 20, id="closes a short"),
        pytest.param([(10, 5), (-15, 8)], -5, -40, 30, id="flips a long"),
        pytest.param([(-10, 5), (15, 3)], 5, 15, 20, id="flips a short"),
    ],
)
def test_fills_of_every_kind(fills: list[tuple[int, int]], quantity: int, cost: int, realised: int) -> None:
    position = Holding()

    for signed, price in fills:
        apply_fill(position, Decimal(signed), unit_price=Decimal(price))

    held = (position.quantity, position.cost, position.realised_pnl)
    assert held == (Decimal(quantity), Decimal(cost), Decimal(realised))


def test_what_rounding_leaves_stays_in_the_cost_of_the_rest() -> None:
    position = Holding()
    apply_fill(position, Decimal(3), unit_price=Decimal("3.33333333333"))

    apply_fill(position, Decimal(-1), unit_price=Decimal(0))

    assert position.realised_pnl == Decimal("-3.3333333333")
    assert position.cost == Decimal("9.99999999999") - Decimal("3.3333333333")
