"""Contingent orders: parents and children, and groups in which one order cancels the others.

What it remembers (in ``OrderEntry``): for a child, its parent's quantity at the time it was attached. For a
member of a group, the quantity by which it must still be reduced.

What changes it:

- A child waits until its parent ends. If the parent is completely filled, the whole child is sent. If a part
  of the parent is filled, that part of the child is sent. If nothing is filled, the child is cancelled. An
  exit is for the units that the parent delivered, less a fee that was taken out of them.
- Each fill of a group member reduces the other members by its quantity.
- A split restates all these quantities.

What never happens: a member that is cancelled, denied or expired changes the others; a child becomes larger
than risk approved (except an exit whose parent was replaced by a larger order).

The functions are pure arithmetic. ``outbox`` and ``groups`` send what follows.
"""

from collections.abc import Iterable
from decimal import Decimal

from components.orders.state import ZERO, OrderEntry
from kernel.events import InstrumentDefined
from kernel.fees import is_taken_in_units


def released_quantity(child: OrderEntry, parent: OrderEntry, *, terms: InstrumentDefined) -> Decimal:
    """The quantity of a child after its parent has ended, in whole lots; 0 if nothing is to be sent.

    It is the child's quantity times the parent's filled quantity, over the parent's quantity when the child
    was attached. Only an exit (same symbol, opposite side) can become larger than it was approved.

    ``terms``: of the child's symbol.
    """
    order, filled = child.order, parent.filled_quantity + child.parent_split_quantity
    is_exit = order.symbol == parent.order.symbol and order.side is not parent.order.side
    if terms.fee_currency and is_exit:
        filled -= _fees_in_units(parent, terms)
    if filled == child.parent_quantity:
        return order.quantity
    lot_size = terms.lot_size
    wanted = order.quantity * filled / child.parent_quantity // lot_size * lot_size
    return wanted if is_exit else min(wanted, order.quantity)


def _fees_in_units(parent: OrderEntry, terms: InstrumentDefined) -> Decimal:
    """The units that were taken out of the parent's fills as their fees."""
    if not is_taken_in_units(parent.order.side, terms):
        return ZERO
    fills = parent.fills.values()
    return sum((fill.commission for fill in fills if fill.currency == terms.fee_currency), ZERO)


def restate_parent(
    parent: OrderEntry, children: Iterable[OrderEntry], *, old_quantity: Decimal, ratio: Decimal
) -> None:
    """Restate the parent's quantities in its children after a split, earlier fills included."""
    filled = parent.filled_quantity
    for child in children:
        before = child.parent_split_quantity
        child.parent_split_quantity = (filled + before) * ratio - filled
        whole = parent.order.quantity + child.parent_split_quantity
        child.parent_quantity = child.parent_quantity * whole / (old_quantity + before)


def undo_split_of_fill(children: Iterable[OrderEntry], quantity: Decimal) -> None:
    """Subtract the ``quantity`` that splits had added to a parent's fill, after the fill was undone."""
    for child in children:
        child.parent_split_quantity -= quantity


def is_reduced_to_nothing(entry: OrderEntry) -> bool:
    """Whether the fills of its group leave nothing of the order."""
    return entry.owed_reduction >= entry.leaves_quantity


def must_be_reduced(entry: OrderEntry) -> bool:
    """Whether the order must still be reduced by fills of its group."""
    return entry.owed_reduction > ZERO
