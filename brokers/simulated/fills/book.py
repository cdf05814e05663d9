"""Fills on order books: an order takes the levels of the other side, best first.

How a book is used up. Our orders are not in the data, so the book still shows the levels that they took. The
quantity taken from a level is remembered until the level's size changes or a new snapshot arrives. Until then
our other orders get only the rest. This is cautious: a level that was refilled to exactly the same size
counts as not refilled.

- A market order takes each level at its price. So does a limit order in its first book, within its limit.
- An unfilled limit order rests. When the other side reaches its limit, it fills at its limit.
- A trigger is compared with the best price that the order would take.
- A FOK order is filled only if all levels within its limit are enough.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol

import msgspec

from brokers.simulated.fills.port import Price
from brokers.simulated.fills.triggers import has_triggered_at, is_within_limit
from brokers.simulated.resting import Resting
from kernel.events import BUY, FOK, SELL, Side

_ZERO = Decimal(0)
_LARGEST = 1e18
"""Larger sizes count as this one. So whole lots stay within the digits of exact arithmetic."""


class BookView(Protocol):
    """The part of an order book that fills need."""

    @property
    def snapshot_count(self) -> int:
        """Number of snapshots of the symbol so far."""
        ...

    def taken_by(self, side: Side) -> Iterator[tuple[float, float]]:
        """(price, size) of the levels that an order of this side would take, best first."""
        ...

    def size_at(self, side: Side, price: float) -> float:
        """The size shown at a price, of the bids for ``BUY`` and of the asks for ``SELL``."""
        ...


class BooksView(Protocol):
    """The order books by symbol."""

    def book(self, symbol: str) -> BookView | None:
        """The present book; ``None`` without one, or while it is broken or crossed."""
        ...

    def is_kept(self, symbol: str) -> bool:
        """Whether the symbol has had a book, even if it is broken or crossed now."""
        ...


class NoBooks:
    """No symbol has a book."""

    def book(self, symbol: str) -> BookView | None:  # noqa: ARG002  # the port's signature
        return None

    def is_kept(self, symbol: str) -> bool:  # noqa: ARG002  # the port's signature
        return False


class ConsumedLevel(msgspec.Struct, gc=False):
    """The quantity that our orders took of a level while it showed ``shown``."""

    shown: float
    quantity: Decimal


class Consumed(msgspec.Struct):
    """The levels that our orders took of one book, by price. ``buys`` took asks, ``sales`` took bids."""

    snapshot_count: int = 0
    buys: dict[float, ConsumedLevel] = {}
    sales: dict[float, ConsumedLevel] = {}


class OpenBook:
    """A book at ``ts`` without the quantities that our orders took, in whole lots."""

    def __init__(self, book: BookView, consumed: Consumed, *, lot: Decimal, ts: int) -> None:
        self.ts = ts
        self._book = book
        self._consumed = consumed
        self._lot = lot
        if consumed.snapshot_count != book.snapshot_count:
            consumed.snapshot_count = book.snapshot_count
            consumed.buys.clear()
            consumed.sales.clear()

    def best(self, side: Side) -> float | None:
        """The best price that the book shows to an order of this side, even if our orders took it."""
        return next(self._book.taken_by(side), (None, 0.0))[0]

    def size_at(self, side: Side, price: float) -> float:
        """The size shown at a price, of the bids for ``BUY`` and of the asks for ``SELL``."""
        return self._book.size_at(side, price)

    def levels(self, side: Side) -> Iterator[tuple[float, Decimal]]:
        """(price, whole lots left) for an order of this side, best first. Empty levels are left out."""
        taken = self._taken(side)
        for price, shown in self._book.taken_by(side):
            left = Decimal(repr(min(shown, _LARGEST)))
            gone = taken.get(price)
            if gone is not None and gone.shown == shown:
                left -= gone.quantity
            lots = left // self._lot * self._lot
            if lots > _ZERO:
                yield price, lots

    def take(self, side: Side, quantity: Decimal) -> None:
        """Remember that an order of this side took ``quantity`` from the best levels."""
        taken, book = self._taken(side), self._book
        other = SELL if side is BUY else BUY
        for price in [price for price, gone in taken.items() if book.size_at(other, price) != gone.shown]:
            del taken[price]
        parts: list[tuple[float, Decimal]] = []
        for price, left in self.levels(side):
            parts.append((price, min(left, quantity)))
            quantity -= left
            if quantity <= _ZERO:
                break
        for price, part in parts:
            gone = taken.setdefault(price, ConsumedLevel(book.size_at(other, price), _ZERO))
            gone.quantity += part

    def _taken(self, side: Side) -> dict[float, ConsumedLevel]:
        return self._consumed.buys if side is BUY else self._consumed.sales


class BookFill(Protocol):
    """Whether an order book fills an order, at what price, and in what quantity.

    After each fill the venue takes the filled quantity from the best levels and asks again, until the answer
    is ``None`` or the order is finished. ``executed_ts`` is ``book.ts``.
    """

    def fill(self, resting: Resting, book: OpenBook) -> Price | None: ...


class WalkBook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An order takes the levels from the best on, each at its price."""

    def fill(self, resting: Resting, book: OpenBook) -> Price | None:
        order = resting.order
        if resting.waits_for:
            best = book.best(order.side)
            if best is None or not has_triggered_at(resting, best):
                return None
        level = next(book.levels(order.side), None)
        if level is None or (resting.is_limited and not is_within_limit(resting, level[0])):
            resting.is_posted = resting.is_posted or resting.is_limited
            return None
        if order.time_in_force is FOK and not _holds_all(book, resting):
            return None
        price, quantity = level
        if resting.is_limited and resting.is_posted:
            return Price(resting.limit, slips=False, executed_ts=book.ts, quantity=quantity)
        return Price(price, slips=True, executed_ts=book.ts, quantity=quantity)


def _holds_all(book: OpenBook, resting: Resting) -> bool:
    """Whether the levels within the order's limit are enough for the whole order."""
    left = resting.leaves
    for price, quantity in book.levels(resting.order.side):
        if resting.is_limited and not is_within_limit(resting, price):
            return False
        left -= quantity
        if left <= _ZERO:
            return True
    return False
