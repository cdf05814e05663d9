"""The cost methods first in first out and last in first out.

A close takes the cost of the oldest or of the newest lot. A partly closed lot keeps its place. The
arithmetic is exact, as in ``position``.
"""

from decimal import Decimal

from components.portfolio.position import ZERO, Holding, Lot, part_of, rest_of
from kernel.corporate_actions import fraction_after, units_after

QUANTITY_QUANTUM = Decimal("1E-20")
"""The step of a lot's quantity after a split, finer than any lot size: only the sum of lots is whole."""


class LotCost:
    """Closes one lot after the other. ``closes_at``: the index of the first one, 0 or -1."""

    def __init__(self, closes_at: int) -> None:
        assert closes_at in (0, -1)
        self._closes_at = closes_at

    def fill(self, holding: Holding, signed_quantity: Decimal, *, unit_price: Decimal) -> None:
        self.add(holding, Lot(signed_quantity, signed_quantity * unit_price))

    def add(self, holding: Holding, lot: Lot) -> None:
        lots, place = holding.lots, self._closes_at
        while lot.quantity and lots and (lots[place].quantity > 0) != (lot.quantity > 0):
            own = lots[place]
            closed = min(abs(own.quantity), abs(lot.quantity))
            taken, against = part_of(own, closed), part_of(lot, closed)
            holding.realised_pnl -= taken.cost + against.cost
            holding.quantity -= taken.quantity
            holding.cost -= taken.cost
            self._shorten(lots, closed)
            lot = rest_of(lot, closed)
        if lot.quantity:
            lots.append(lot)
            holding.quantity += lot.quantity
            holding.cost += lot.cost

    def scale(self, holding: Holding, ratio: Decimal, *, lot_size: Decimal) -> None:
        whole = units_after(holding.quantity, ratio, lot_size=lot_size)
        fraction = fraction_after(holding.quantity, ratio, lot_size=lot_size)
        lots = [Lot((lot.quantity * ratio).quantize(QUANTITY_QUANTUM), lot.cost) for lot in holding.lots]
        surplus = abs(sum((lot.quantity for lot in lots), ZERO)) - abs(whole)
        if surplus and whole and not fraction:  # the ratio was rounded: that realises no cost
            _lengthen(lots, -surplus)
            surplus = ZERO
        while lots and (surplus > 0 or not whole):
            own = lots[self._closes_at]
            taken = part_of(own, min(surplus, abs(own.quantity)))
            holding.realised_pnl -= taken.cost
            holding.cost -= taken.cost
            surplus -= abs(taken.quantity)
            self._shorten(lots, abs(taken.quantity))
        holding.lots = lots
        holding.quantity = whole

    def _shorten(self, lots: list[Lot], quantity: Decimal) -> None:
        """Take a quantity from the next lot, and remove the lot if it is empty."""
        rest = rest_of(lots[self._closes_at], quantity)
        if rest.quantity:
            lots[self._closes_at] = rest
        else:
            del lots[self._closes_at]


def _lengthen(lots: list[Lot], quantity: Decimal) -> None:
    """Add units to the last lot, or take them (``quantity`` below 0) from the largest; costs stay."""
    place = len(lots) - 1 if quantity > 0 else max(range(len(lots)), key=lambda one: abs(lots[one].quantity))
    lot = lots[place]
    lots[place] = Lot(lot.quantity + quantity.copy_sign(quantity * lot.quantity), lot.cost)


FIRST_IN_FIRST_OUT = LotCost(0)
LAST_IN_FIRST_OUT = LotCost(-1)
