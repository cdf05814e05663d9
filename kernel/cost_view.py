"""What risk and the sizes of strategies ask about the costs of orders that are not sent yet."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Protocol

from kernel.events import InstrumentDefined, Order, Quote


class CostView(Protocol):
    """The estimated costs of orders that are not sent yet."""

    def estimate(
        self,
        order: Order,
        *,
        quantity: Decimal,
        price: Decimal,
        quote: Quote | None,
        instrument: InstrumentDefined,
    ) -> Iterable[tuple[Decimal, str]]:
        """Commission and slippage if ``quantity`` fills around ``price``: amounts with their currencies."""
        ...
