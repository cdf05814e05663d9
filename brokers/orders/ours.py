"""What the edge reads of our own record of orders and positions. The daemon hands it in."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Protocol

from kernel.events import ApprovedOrder, Order, OrderStatus
from kernel.identifiers import ClientOrderId


class FillRecord(Protocol):
    """A booked fill as it is now; a busted one has the quantity 0."""

    @property
    def quantity(self) -> Decimal: ...
    @property
    def price(self) -> Decimal: ...


class OrderRecord(Protocol):
    """An order in our record. ``replacement``: the new terms of a replacement under way."""

    @property
    def order(self) -> ApprovedOrder: ...
    @property
    def status(self) -> OrderStatus: ...
    @property
    def filled_quantity(self) -> Decimal: ...
    @property
    def replacement(self) -> ApprovedOrder | None: ...
    @property
    def fills(self) -> Mapping[str, FillRecord]:
        """Booked fills by their ids."""
        ...


class OurRecord(Protocol):
    """Orders and positions as the core has them now."""

    def record(self, client_order_id: ClientOrderId) -> OrderRecord | None:
        """An order that is open or ended lately; ``None`` for any other id."""
        ...

    def open_records(self) -> Iterable[OrderRecord]:
        """Orders that are not finished, oldest first."""
        ...

    def is_open(self, client_order_id: ClientOrderId) -> bool:
        """Whether an order is not finished."""
        ...

    def held_symbols(self) -> Iterable[str]:
        """The symbols in which we hold a position."""
        ...

    def refusal(self, order: Order) -> str:
        """The reason why an order may not leave now; empty if it may: the last look before it does."""
        ...
