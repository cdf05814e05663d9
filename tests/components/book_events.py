"""Order book events from plain numbers."""

from collections.abc import Sequence

from kernel.events import BookDelta, BookSnapshot, PriceLevel

Levels = Sequence[tuple[float, float]]


def levels(pairs: Levels) -> tuple[PriceLevel, ...]:
    """Price levels of (price, size)."""
    return tuple(PriceLevel(price, size) for price, size in pairs)


def snapshot(bids: Levels, asks: Levels, *, seq: int = 0, ts: int = 1, symbol: str = "A") -> BookSnapshot:
    """A whole book."""
    return BookSnapshot(ts, symbol, levels(bids), levels(asks), seq)


def delta(
    bids: Levels, asks: Levels, *, seq: int = 0, previous: int = 0, ts: int = 2, symbol: str = "A"
) -> BookDelta:
    """A change of some levels."""
    return BookDelta(ts, symbol, levels(bids), levels(asks), seq, previous)
