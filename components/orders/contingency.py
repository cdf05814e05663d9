"""What orders mean for each other: parents and children, and groups of which one cancels the other.

Pure bookkeeping and arithmetic; the component acts on it. A child waits until its parent is completely
filled, or ended with a part filled: then it is for that part. A parent that ends with nothing filled takes
its children with it. In a group each fill takes its quantity off the others; a member that is cancelled,
denied or expires leaves the others as they are.
"""

from collections.abc import Iterable
from decimal import Decimal

from components.orders.state import ZERO, OrderEntry


def released_quantity(child: OrderEntry, parent: OrderEntry, *, lot_size: Decimal) -> Decimal:
    """What a child is for once its parent has ended, in whole lots; 0 for nothing.

    In proportion to what was filled of what the parent was for when the child was attached. A parent
    that was replaced by a larger order makes its exits larger too; any other child never grows beyond
    what risk approved.
    """
    order, filled = child.order, parent.filled_quantity + child.parent_split_quantity
    if filled == child.parent_quantity:
        return order.quantity
    wanted = order.quantity * filled / child.parent_quantity // lot_size * lot_size
    is_exit = order.symbol == parent.order.symbol and order.side is not parent.order.side
    return wanted if is_exit else min(wanted, order.quantity)


def restate_parent(
    parent: OrderEntry, children: Iterable[OrderEntry], *, old_quantity: Decimal, ratio: Decimal
) -> None:
    """A split restated a parent: what its children wait for is in new units, its earlier fills included."""
    filled = parent.filled_quantity
    for child in children:
        before = child.parent_split_quantity
        child.parent_split_quantity = (filled + before) * ratio - filled
        whole = parent.order.quantity + child.parent_split_quantity
        child.parent_quantity = child.parent_quantity * whole / (old_quantity + before)


def take_back_split(children: Iterable[OrderEntry], quantity: Decimal) -> None:
    """A fill of before a split was undone: what the split made of it was never traded either."""
    for child in children:
        child.parent_split_quantity -= quantity


def is_reduced_to_nothing(entry: OrderEntry) -> bool:
    """Whether what its group filled leaves nothing of the order."""
    return entry.owed_reduction >= entry.leaves_quantity


def owes(entry: OrderEntry) -> bool:
    """Whether something must still be taken off the order."""
    return entry.owed_reduction > ZERO
