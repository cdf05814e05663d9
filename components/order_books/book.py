"""One instrument's order book by price (L2): its levels, and figures computed from them.

What it remembers: for each side, a sorted list of keys and the size at each key. The key of a bid is its
price, the key of an ask is minus its price. So the best price is last on both sides. Most changes are near
the best price, and inserting near the end of a list is cheapest.

What changes it: a snapshot replaces all levels. A delta sets sizes of single levels; a size of 0 removes one.

What never happens: a level without size, or two levels at one price.

Measured on the deltas of a Binance future (median 34 levels, 5,000 a side): 0.34 us a level, against 0.42 us
with asks in ascending order and 0.81 us with two parallel lists.
"""

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from math import inf, isfinite

import msgspec

from kernel.events import BUY, PriceLevel, Side


class BookSide(msgspec.Struct):
    """The bids or the asks. ``sign`` is 1 for bids, -1 for asks; a key is ``sign * price``."""

    sign: float
    keys: list[float] = []
    sizes: dict[float, float] = {}

    def replace(self, levels: Iterable[PriceLevel]) -> None:
        """Replace all levels."""
        sign = self.sign
        self.sizes = {
            sign * level.price: level.size
            for level in levels
            if 0.0 < level.size < inf and isfinite(level.price)
        }
        self.keys = sorted(self.sizes)

    def apply(self, levels: Iterable[PriceLevel]) -> None:
        """Set the sizes of some levels. A size of 0, or one that is not finite, removes its level."""
        sign, keys, sizes = self.sign, self.keys, self.sizes
        for level in levels:
            key = sign * level.price
            size = level.size
            if 0.0 < size < inf:
                if key not in sizes:
                    if not isfinite(key):
                        continue  # not a price
                    insort(keys, key)
                sizes[key] = size
            elif sizes.pop(key, None) is not None:
                del keys[bisect_left(keys, key)]

    def best(self) -> float | None:
        """The best price; ``None`` without levels."""
        return self.sign * self.keys[-1] if self.keys else None

    def best_size(self) -> float:
        """The size at the best price; 0 without levels."""
        return self.sizes[self.keys[-1]] if self.keys else 0.0

    def levels(self) -> Iterator[tuple[float, float]]:
        """(price, size) of each level, best price first."""
        sign, sizes = self.sign, self.sizes
        for key in reversed(self.keys):
            yield sign * key, sizes[key]


class Book(msgspec.Struct):
    """The book of one symbol.

    - ``book_seq``: number of the last update; 0 if the feed does not number updates.
    - ``snapshot_count``: number of snapshots so far.
    - ``is_broken``: updates are missing. The levels are those before the gap.
    """

    symbol: str
    bid_side: BookSide = msgspec.field(default_factory=lambda: BookSide(1.0))
    ask_side: BookSide = msgspec.field(default_factory=lambda: BookSide(-1.0))
    book_seq: int = 0
    snapshot_count: int = 0
    is_broken: bool = False

    @property
    def best_bid(self) -> float | None:
        """The highest bid price; ``None`` without bids."""
        return self.bid_side.best()

    @property
    def best_ask(self) -> float | None:
        """The lowest ask price; ``None`` without asks."""
        return self.ask_side.best()

    @property
    def bid_size(self) -> float:
        """The size at the best bid; 0 without bids."""
        return self.bid_side.best_size()

    @property
    def ask_size(self) -> float:
        """The size at the best ask; 0 without asks."""
        return self.ask_side.best_size()

    @property
    def is_crossed(self) -> bool:
        """Whether the best bid is above the best ask. At a venue these orders would have traded."""
        bid, ask = self.best_bid, self.best_ask
        return bid is not None and ask is not None and bid > ask

    @property
    def spread(self) -> float | None:
        """Best ask minus best bid; ``None`` while a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else ask - bid

    @property
    def mid(self) -> float | None:
        """The mean of best bid and best ask; ``None`` while a side is empty."""
        bid, ask = self.best_bid, self.best_ask
        return None if bid is None or ask is None else (bid + ask) / 2

    @property
    def microprice(self) -> float | None:
        """The mean of best bid and best ask, each weighted by the size on the other side.

        That is ``(bid * ask_size + ask * bid_size) / (bid_size + ask_size)``; Gatheral and Oomen (2010),
        "Zero-intelligence realized variance estimation", Finance and Stochastics 14, section 2.
        """
        bid, ask = self.best_bid, self.best_ask
        if bid is None or ask is None:
            return None
        bid_size, ask_size = self.bid_size, self.ask_size
        return (bid * ask_size + ask * bid_size) / (bid_size + ask_size)

    def bids(self) -> Iterator[tuple[float, float]]:
        """(price, size) of the bids, highest first."""
        return self.bid_side.levels()

    def asks(self) -> Iterator[tuple[float, float]]:
        """(price, size) of the asks, lowest first."""
        return self.ask_side.levels()

    def taken_by(self, side: Side) -> Iterator[tuple[float, float]]:
        """The levels that an order of this side trades with, best first: asks for a buy, bids for a sale."""
        return self.ask_side.levels() if side is BUY else self.bid_side.levels()

    def size_at(self, side: Side, price: float) -> float:
        """The resting size at a price: of bids for ``BUY``, of asks for ``SELL``."""
        resting = self.bid_side if side is BUY else self.ask_side
        return resting.sizes.get(resting.sign * price, 0.0)

    def depth(self, side: Side, price: float) -> float:
        """The size that an order of this side can take at ``price`` or better."""
        total = 0.0
        for at, size in self.taken_by(side):
            if at > price if side is BUY else at < price:
                break
            total += size
        return total

    def cost_to_fill(self, side: Side, quantity: float) -> float | None:
        """The average price of a fill of this side and quantity; ``None`` if the book has too little size."""
        left, cost = quantity, 0.0
        if not left > 0.0:
            return None
        for price, size in self.taken_by(side):
            if size >= left:
                return (cost + price * left) / quantity
            cost += price * size
            left -= size
        return None
