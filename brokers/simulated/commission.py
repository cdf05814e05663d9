"""What a simulated fill costs. To add a model, write a class with ``commission``."""

from decimal import Decimal
from typing import Protocol

from kernel.events import Order

CENT = Decimal("0.01")
ZERO = Decimal(0)


class CommissionModel(Protocol):
    """The cost of one fill, in the account's currency; positive is a cost."""

    def commission(self, order: Order, *, quantity: Decimal, price: Decimal, is_first: bool) -> Decimal:
        """``is_first`` is true for an order's first fill, which carries what is charged per order."""
        ...


class PerShareAndOrder:
    """``per_share`` for each unit, ``per_order`` once, ``rate`` of the notional; to the nearest cent."""

    def __init__(self, *, per_share: Decimal, per_order: Decimal, rate: Decimal) -> None:
        self._per_share = per_share
        self._per_order = per_order
        self._rate = rate
        self._is_free = not (per_share or per_order or rate)

    def commission(self, order: Order, *, quantity: Decimal, price: Decimal, is_first: bool) -> Decimal:  # noqa: ARG002  # the port's signature
        """Zero where nothing is charged."""
        if self._is_free:
            return ZERO
        cost = quantity * self._per_share + quantity * price * self._rate
        if is_first:
            cost += self._per_order
        return cost.quantize(CENT)
