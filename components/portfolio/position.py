"""Position arithmetic, exact: what is paid out, what it cost and what was realised always add up.

For a position, with signed quantities (``cost`` has the sign of ``quantity``):

    sum of -signed notionals of all fills  ==  realised_pnl - cost

Average cost: a partial close takes a share of the cost, rounded once to ``COST_QUANTUM``; what is
rounded away stays in the cost of the rest, so nothing is lost.
"""

from decimal import Decimal

import msgspec

COST_QUANTUM = Decimal("1E-10")
ZERO = Decimal(0)


class Position(msgspec.Struct, gc=False):
    """Signed quantity, its cost, and what closing parts of it brought, before commissions."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO
    realised_pnl: Decimal = ZERO
    commissions: Decimal = ZERO


def apply_fill(position: Position, signed_quantity: Decimal, *, unit_price: Decimal) -> None:
    """Change ``position`` by a fill at ``unit_price`` (price times multiplier)."""
    held = position.quantity
    notional = signed_quantity * unit_price
    if not held or (held > 0) == (signed_quantity > 0):
        position.quantity = held + signed_quantity
        position.cost += notional
        return
    left = held + signed_quantity
    if not left or (left > 0) == (held > 0):  # closes a part, or all
        removed = position.cost
        if left:
            removed = (removed * -signed_quantity / held).quantize(COST_QUANTUM)
        position.realised_pnl -= notional + removed
        position.quantity = left
        position.cost -= removed
        return
    position.realised_pnl += held * unit_price - position.cost  # closes all and opens the other way
    position.quantity = left
    position.cost = left * unit_price
