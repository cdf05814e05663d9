"""How much our orders can have of what traded or was offered."""

import msgspec

from kernel.events import Bar, Quote, Side, Trade

_BUY = Side.BUY


class VolumeShare(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """At most ``limit`` (0.1 is 10 %) of a bar's or print's volume, or of the quoted size of a side.

    Shared by all orders that the event fills. An event without volume fills nothing; each quote offers
    its size anew.
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
                return self.limit * (event.ask_size if side is _BUY else event.bid_size)
