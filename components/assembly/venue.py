"""The venue as the assembly is handed it: what executes orders, and what it brings into the core.

A simulated venue lives in the core, where it hears the market before strategies do. Where real brokers are
edges there is nothing to hand in: they hear of orders from the log and report as inputs.
"""

from typing import Protocol

import msgspec

from components.market_data import MarketData
from components.order_books.order_books import OrderBooks
from components.portfolio.portfolio import Portfolio
from components.venue_facts import VenueFacts
from kernel.bus import EventBus
from kernel.events import VenueDeclared


class CoreView(msgspec.Struct, frozen=True):
    """What a venue inside the core is registered with, and what it may look at."""

    bus: EventBus
    market: MarketData
    hours: VenueFacts
    books: OrderBooks
    account: Portfolio


class Venue(Protocol):
    """A venue inside the core."""

    @property
    def lacks(self) -> tuple[str, ...]:
        """Names of what it does not take. Orders that need it are emulated."""
        ...

    @property
    def reads_books(self) -> bool:
        """Whether it fills orders on order books, and so needs those of every symbol."""
        ...

    def declared(self, ts: int) -> VenueDeclared:
        """The input that says what it takes."""
        ...

    def register(self, core: CoreView) -> None:
        """Construct its components and register them."""
        ...
