"""Fills on order books: an order takes what rests there, level by level, and what it took stays taken.

Our orders are not in the data, so the levels that they took are still shown. What was taken of a level is
remembered until its size changes or a whole new book comes; until then others of our orders find only the
rest. That is on the safe side: a level that was refilled to the very same size counts as not refilled.

A market order, and a limit order that its first book allows, take at the prices of the levels; what is
left of a limit order rests, and when the market comes to it fills at its limit. A trigger looks at the
best price that the order would take. Fill or kill looks at everything within its limit first.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol

import msgspec

from brokers.simulated.fills.port import Price
from brokers.simulated.fills.triggers import has_triggered_at, is_within_limit
from brokers.simulated.resting import Resting
from kernel.events import Side, TimeInForce

# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_BUY = Side.BUY
_SELL = Side.SELL
_FOK = TimeInForce.FOK
_ZERO = Decimal(0)
_LARGEST = 1e18  # no market has more; keeps whole lots within the digits of exact arithmetic


class BookView(Protocol):
    """What is read of an order book."""

    @property
    def snapshot_count(self) -> int:
        """Which whole book this is, counted from 1."""
        ...

    def taken_by(self, side: Side) -> Iterator[tuple[float, float]]:
        """(price, size) of the levels that an order of this side trades with, best first."""
        ...

    def size_at(self, side: Side, price: float) -> float:
        """The size that waits at a price, on the bid for ``BUY``, on the ask for ``SELL``."""
        ...


class BooksView(Protocol):
    """Where order books are found."""

    def book(self, symbol: str) -> BookView | None:
        """The book as of now; ``None`` where there is none, or none that can be trusted."""
        ...

    def is_kept(self, symbol: str) -> bool:
        """Whether the symbol has had a book, even if it cannot be trusted now."""
        ...


class NoBooks:
    """No order book of anything."""

    def book(self, symbol: str) -> BookView | None:  # noqa: ARG002  # the port's signature
        return None

    def is_kept(self, symbol: str) -> bool:  # noqa: ARG002  # the port's signature
        return False


class ConsumedLevel(msgspec.Struct, gc=False):
    """What our orders took of a level while it showed a size of ``shown``."""

    shown: float
    quantity: Decimal


class Consumed(msgspec.Struct):
    """What our orders took of one book, by price, for each side of orders."""

    snapshot_count: int = 0
    buys: dict[float, ConsumedLevel] = {}
    sales: dict[float, ConsumedLevel] = {}


class OpenBook:
    """A book at ``ts`` as our orders find it: without what they took, in whole lots."""

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
        """The best price for an order of this side, whoever may have it."""
        return next(self._book.taken_by(side), (None, 0.0))[0]

    def size_at(self, side: Side, price: float) -> float:
        """The size that waits at a price, on the bid for ``BUY``, on the ask for ``SELL``."""
        return self._book.size_at(side, price)

    def levels(self, side: Side) -> Iterator[tuple[float, Decimal]]:
        """(price, what is left in whole lots) for an order of this side, best first; no level without."""
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
        """Note that an order of this side took ``quantity`` from the best levels."""
        taken, book = self._taken(side), self._book
        other = _SELL if side is _BUY else _BUY
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
        return self._consumed.buys if side is _BUY else self._consumed.sales


class BookFill(Protocol):
    """Whether, at what price and in what quantity an order book fills an order.

    Asked again after each fill, until it answers ``None`` or the order is done; the venue takes what was
    filled from the best levels in between. ``executed_ts`` is ``book.ts``.
    """

    def fill(self, resting: Resting, book: OpenBook) -> Price | None: ...


class WalkBook(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Takes the levels from the best on, each at its price."""

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
        if order.time_in_force is _FOK and not _holds_all(book, resting):
            return None
        price, quantity = level
        if resting.is_limited and resting.is_posted:
            return Price(resting.limit, slips=False, executed_ts=book.ts, quantity=quantity)
        return Price(price, slips=True, executed_ts=book.ts, quantity=quantity)


def _holds_all(book: OpenBook, resting: Resting) -> bool:
    """Whether what is within the order's limit is enough for all of it."""
    left = resting.leaves
    for price, quantity in book.levels(resting.order.side):
        if resting.is_limited and not is_within_limit(resting, price):
            return False
        left -= quantity
        if left <= _ZERO:
            return True
    return False
