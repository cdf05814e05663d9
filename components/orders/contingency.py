"""What orders mean for each other: parents and children, and groups of which one cancels the other.

Pure bookkeeping and arithmetic; the component acts on it. A child waits until its parent is completely
filled, or ended with a part filled: then it is for that part. A parent that ends with nothing filled takes
its children with it. In a group each fill takes its quantity off the others; a member that is cancelled,
denied or expires leaves the others as they are.
"""

from decimal import Decimal

from components.orders.state import ZERO, OrderEntry, OrdersState
from kernel.events import Order
from kernel.identifiers import ClientOrderId


def attach(state: OrdersState, entry: OrderEntry, *, parent: OrderEntry | None) -> None:
    """Note whom an approved order waits for, and which group it is in."""
    order = entry.order
    if parent is not None:
        entry.parent_quantity = parent.order.quantity
        state.children.setdefault(parent.order.client_order_id, []).append(order.client_order_id)
    if order.group_id:
        state.groups.setdefault(order.group_id, []).append(order.client_order_id)


def leave_group(state: OrdersState, order: Order) -> None:
    """Take a finished order out of its group."""
    members = state.groups.get(order.group_id)
    if members is not None and order.client_order_id in members:
        members.remove(order.client_order_id)
        if not members:
            del state.groups[order.group_id]


def others_in_group(state: OrdersState, order: Order) -> list[OrderEntry]:
    """The open orders that a fill of this one is taken off."""
    members = state.groups.get(order.group_id, ()) if order.group_id else ()
    return [state.open[key] for key in members if key != order.client_order_id]


def children_of(state: OrdersState, parent_id: ClientOrderId) -> list[OrderEntry]:
    """The orders that wait for this one."""
    keys = state.children.get(parent_id, ())
    return [state.open[key] for key in keys if key in state.open]


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


def restate_parent(state: OrdersState, parent: OrderEntry, *, old_quantity: Decimal, ratio: Decimal) -> None:
    """A split restated a parent: what its children wait for is in new units, its earlier fills included."""
    filled = parent.filled_quantity
    for child in children_of(state, parent.order.client_order_id):
        before = child.parent_split_quantity
        child.parent_split_quantity = (filled + before) * ratio - filled
        whole = parent.order.quantity + child.parent_split_quantity
        child.parent_quantity = child.parent_quantity * whole / (old_quantity + before)


def take_back_split(state: OrdersState, parent: OrderEntry, quantity: Decimal) -> None:
    """A fill of before a split was undone: what the split made of it was never traded either."""
    for child in children_of(state, parent.order.client_order_id):
        child.parent_split_quantity -= quantity


def is_reduced_to_nothing(entry: OrderEntry) -> bool:
    """Whether what its group filled leaves nothing of the order."""
    return entry.owed_reduction >= entry.leaves_quantity


def owes(entry: OrderEntry) -> bool:
    """Whether something must still be taken off the order."""
    return entry.owed_reduction > ZERO
