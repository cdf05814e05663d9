"""The port of a feed: a source of market data that is not under our control.

To add a venue's feed, write a class with these members and give it to a ``FeedPipeline``. It connects,
subscribes, and turns the venue's messages into events; everything else (restarts, order, checks, staleness,
bars) is the pipeline's work.
"""

from collections.abc import Sequence
from typing import Protocol

from kernel.events import Event


class FeedSink(Protocol):
    """Takes what a feed receives. Its methods wait while the engine's inbox is full."""

    async def opened(self) -> None:
        """The feed is connected, and the venue has confirmed its subscriptions."""
        ...

    async def post(self, events: Sequence[Event], seqs: Sequence[int] = ()) -> None:
        """Give the events of a frame, stamped now, and their numbers if the source numbers its messages."""
        ...

    async def refuse(self, raw: str, reason: str) -> None:
        """Put on record a message that cannot be understood."""
        ...


class Feed(Protocol):
    """A source of market data."""

    @property
    def name(self) -> str:
        """Unique among the feeds of a daemon."""
        ...

    async def run(self, sink: FeedSink) -> None:
        """Connect, subscribe, and post until cancelled, or until there is nothing more.

        Raises ``VenueUnavailable`` when the connection cannot be made or is lost: it is called again later,
        and subscribes anew. Raises ``ConfigError`` for settings that no other attempt can mend.
        """
        ...
