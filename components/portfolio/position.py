"""Exact position arithmetic: payments, cost and realised P&L always add up.

For a position, with signed quantities (``cost`` has the sign of ``quantity``, or of an inverse contract the
opposite one):

    sum of -signed notionals of all fills  ==  realised_pnl - cost

That holds for every ``CostMethod``. The methods differ in the cost that a partial close takes: the average
cost here, first in first out and last in first out in ``lots``. A part of a cost is rounded once to
``COST_QUANTUM``; the rounding difference stays in the remaining cost, so nothing is lost.
"""

from decimal import Decimal
from typing import Protocol

import msgspec

from kernel.corporate_actions import fraction_after, units_after

COST_QUANTUM = Decimal("1E-10")
ZERO = Decimal(0)


class Lot(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A part of a position with its own cost; signs as in the position."""

    quantity: Decimal
    cost: Decimal


class Holding(msgspec.Struct, gc=False):
    """A quantity and its cost.

    - ``quantity``: signed.
    - ``cost``: has the sign of ``quantity``; of an inverse contract the opposite one.
    - ``realised_pnl``: of the parts that were closed, before commissions.
    - ``lots``: oldest first; they add up to quantity and cost. Empty at average cost.
    """

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    lots: list[Lot] = []


class CostMethod(Protocol):
    """Decides which cost a partial close takes. It has no state."""

    def fill(self, holding: Holding, signed_quantity: Decimal, *, unit_price: Decimal) -> None:
        """Change ``holding`` by a fill at ``unit_price`` (price times multiplier)."""
        ...

    def add(self, holding: Holding, lot: Lot) -> None:
        """Add a lot at its cost. A lot of the opposite sign closes units of ``holding``."""
        ...

    def scale(self, holding: Holding, ratio: Decimal, *, lot_size: Decimal) -> None:
        """Replace one old unit by ``ratio`` new ones at the same cost.

        A fraction of a lot is removed and its cost is a realised loss. The cash in lieu is booked elsewhere.
        """
        ...


def apply_fill(holding: Holding, signed_quantity: Decimal, *, unit_price: Decimal) -> None:
    """Change ``holding`` by a fill at ``unit_price`` (price times multiplier), at average cost.

    Here and wherever an order passes, decimals are compared with ``ZERO``: an int 0 is converted each time.
    """
    held = holding.quantity
    notional = signed_quantity * unit_price
    if not held or (held > ZERO) == (signed_quantity > ZERO):
        holding.quantity = held + signed_quantity
        holding.cost += notional
        return
    left = held + signed_quantity
    if not left or (left > ZERO) == (held > ZERO):  # closes a part, or all
        removed = holding.cost
        if left:
            removed = (removed * -signed_quantity / held).quantize(COST_QUANTUM)
        holding.realised_pnl -= notional + removed
        holding.quantity = left
        holding.cost -= removed
        return
    holding.realised_pnl += held * unit_price - holding.cost  # closes all and opens the other way
    holding.quantity = left
    holding.cost = left * unit_price


def release_cost(holding: Holding, fraction: Decimal) -> Decimal:
    """Take a fraction of the cost, of each lot alike, and return the amount taken."""
    taken = (holding.cost * fraction).quantize(COST_QUANTUM)
    if holding.lots:
        left = [
            Lot(lot.quantity, lot.cost - (lot.cost * fraction).quantize(COST_QUANTUM)) for lot in holding.lots
        ]
        taken = holding.cost - sum((lot.cost for lot in left), ZERO)
        holding.lots = left
    holding.cost -= taken
    return taken


class AverageCost:
    """The average cost: every unit costs the same. See ``apply_fill``."""

    fill = staticmethod(apply_fill)

    def add(self, holding: Holding, lot: Lot) -> None:
        rest = lot
        if holding.quantity * lot.quantity < 0:
            closed = min(abs(holding.quantity), abs(lot.quantity))
            own, rest = part_of(Lot(holding.quantity, holding.cost), closed), rest_of(lot, closed)
            other = part_of(lot, closed)
            holding.realised_pnl -= own.cost + other.cost
            holding.quantity -= own.quantity
            holding.cost -= own.cost
        holding.quantity += rest.quantity
        holding.cost += rest.cost

    def scale(self, holding: Holding, ratio: Decimal, *, lot_size: Decimal) -> None:
        whole = units_after(holding.quantity, ratio, lot_size=lot_size)
        fraction = abs(fraction_after(holding.quantity, ratio, lot_size=lot_size))
        if fraction:
            lost = part_of(Lot(holding.quantity * ratio, holding.cost), fraction)
            holding.realised_pnl -= lost.cost
            holding.cost -= lost.cost
        elif not whole:
            holding.realised_pnl -= holding.cost
            holding.cost = ZERO
        holding.quantity = whole


def part_of(lot: Lot, quantity: Decimal) -> Lot:
    """A part of a lot with its share of the cost.

    ``quantity`` is unsigned and at most the whole lot. The whole lot has the whole cost, without rounding.
    """
    if quantity == abs(lot.quantity):
        return lot
    signed = quantity.copy_sign(lot.quantity)
    return Lot(signed, (lot.cost * signed / lot.quantity).quantize(COST_QUANTUM))


def rest_of(lot: Lot, quantity: Decimal) -> Lot:
    """The rest of a lot after ``part_of`` it is taken."""
    part = part_of(lot, quantity)
    return Lot(lot.quantity - part.quantity, lot.cost - part.cost)
