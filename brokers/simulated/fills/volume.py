"""Volume models: the part of a market event's volume that our orders can take together."""

from typing import Protocol

import msgspec

from kernel.events import BUY, Bar, Quote, Side, Trade


class VolumeModel(Protocol):
    """The volume that our orders can take of an event, all of them together."""

    def available(self, event: Bar | Quote | Trade, side: Side) -> float:
        """In units of the instrument. A quote has a size for each side; a bar or trade has one volume."""
        ...


class VolumeShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most ``limit`` (0.1 is 10 %) of a bar's or trade's volume, or of the size on one side of a quote.

    An event without volume fills nothing. Each quote has its full size again, even if it repeats the last
    one.
    """

    limit: float = 0.1

    def __post_init__(self) -> None:
        if not 0.0 < self.limit <= 1.0:
            raise ValueError(f"limit {self.limit} is not above 0 and at most 1")

    def available(self, event: Bar | Quote | Trade, side: Side) -> float:
        match event:
            case Bar(volume=volume):
                return self.limit * volume
            case Trade(size=size):
                return self.limit * size
            case Quote():
                return self.limit * (event.ask_size if side is BUY else event.bid_size)
