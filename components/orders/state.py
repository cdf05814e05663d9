"""What is remembered of orders."""

from decimal import Decimal

import msgspec

from kernel.events import ApprovedOrder, HoldReason, OrderStatus
from kernel.identifiers import BrokerOrderId, ClientOrderId

ZERO = Decimal(0)


class BookedFill(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A fill as booked, kept to recognise repeats and to correct.

    ``symbol`` is what it was booked under, ``action_count`` how many corporate actions there had been.
    """

    quantity: Decimal
    price: Decimal
    symbol: str = ""
    action_count: int = 0
    commission: Decimal = ZERO
    currency: str = "USD"


class OrderSplit(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A split of what was left of an order: ``leaves`` became ``leaves * ratio``, in whole lots."""

    action: int
    ratio: Decimal
    leaves: Decimal
    lot_size: Decimal


class OrderEntry(msgspec.Struct, gc=False):
    """One order and where it is in its life.

    ``order`` is as the venue has it; an emulated order changes its type when it is sent. ``held`` says
    why it is ``PENDING``. ``parent_quantity`` is what its parent was for when this order was attached,
    ``parent_split_quantity`` what splits made more of its fills after they were booked.
    ``owed_reduction`` is what fills of its group still take off it, ``reducing`` the part of that in a
    replacement under way; ``has_asked`` that it was cancelled for it. ``is_taken_off``: its group made room
    for it when it was sent, its fills change nothing more. ``is_expiring``: its time is over, and the venue
    must be asked to cancel it. ``splits`` are those since it was approved, by the number of the action.
    """

    order: ApprovedOrder
    status: OrderStatus
    filled_quantity: Decimal = ZERO
    broker_order_id: BrokerOrderId = BrokerOrderId("")
    fills: dict[str, BookedFill] = {}
    replacement: ApprovedOrder | None = None
    held: HoldReason | None = None
    parent_quantity: Decimal = ZERO
    parent_split_quantity: Decimal = ZERO
    owed_reduction: Decimal = ZERO
    reducing: Decimal = ZERO
    has_asked: bool = False
    is_expiring: bool = False
    is_taken_off: bool = False
    splits: tuple[OrderSplit, ...] = ()

    @property
    def leaves_quantity(self) -> Decimal:
        """What is not filled."""
        return self.order.quantity - self.filled_quantity


class OrdersState(msgspec.Struct):
    """Open orders, and the most recent finished ones, by client order id, oldest first.

    ``children`` are the orders that wait for a parent, ``groups`` the open orders that cancel each other.
    ``action_count`` counts corporate actions, without dividends.
    """

    open: dict[ClientOrderId, OrderEntry] = {}
    closed: dict[ClientOrderId, OrderEntry] = {}
    children: dict[ClientOrderId, list[ClientOrderId]] = {}
    groups: dict[str, list[ClientOrderId]] = {}
    action_count: int = 0
