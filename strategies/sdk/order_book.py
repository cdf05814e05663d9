"""The order book that a strategy sees through ``ctx.book``."""

from collections.abc import Iterator
from typing import Protocol

from kernel.events import Side


class OrderBook(Protocol):
    """One symbol's book by price, as of now. It changes with the market: read it, do not keep it.

    Prices are the market's floats. A figure is ``None`` if it needs a side of the book that is empty.
    """

    @property
    def best_bid(self) -> float | None: ...
    @property
    def best_ask(self) -> float | None: ...
    @property
    def bid_size(self) -> float:
        """The size at the best bid; 0 without bids."""
        ...

    @property
    def ask_size(self) -> float:
        """The size at the best ask; 0 without asks."""
        ...

    @property
    def spread(self) -> float | None: ...
    @property
    def mid(self) -> float | None: ...
    @property
    def microprice(self) -> float | None:
        """The mid price moved to the side with less size: each best price is weighted by the other's size."""
        ...

    def bids(self) -> Iterator[tuple[float, float]]:
        """(price, size) of the bids, highest first."""
        ...

    def asks(self) -> Iterator[tuple[float, float]]:
        """(price, size) of the asks, lowest first."""
        ...

    def size_at(self, side: Side, price: float) -> float:
        """The size that waits at a price, on the bid for ``BUY``, on the ask for ``SELL``."""
        ...

    def depth(self, side: Side, price: float) -> float:
        """The size that an order of this side can take at ``price`` or better."""
        ...

    def cost_to_fill(self, side: Side, quantity: float) -> float | None:
        """The average price of an order of this side and quantity; ``None`` if the book has less."""
        ...
