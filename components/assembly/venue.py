"""The interface of a venue to the core.

A simulated venue is in the core and hears market data before strategies do. Real brokers are edges: they read
orders from the log and report as inputs, and the core knows only what they take.
"""

from typing import Protocol

import msgspec

from components.market_data import MarketData
from components.order_books.order_books import OrderBooks
from components.portfolio.hedged_portfolio import HedgedPortfolio
from components.portfolio.portfolio import Portfolio
from components.risk_monitor.margin_watch import MarginWatch
from components.venue_facts import VenueFacts
from kernel.bus import EventBus
from kernel.cost_view import CostView
from kernel.events import VenueDeclared
from kernel.rules import RULES


class CoreView(msgspec.Struct, frozen=True):
    """The components that a venue inside the core can read, and the bus that it registers with.

    ``hedged``: the account once more in hedging mode. ``margin``: ``None`` if no margin is watched.
    """

    bus: EventBus
    market: MarketData
    hours: VenueFacts
    books: OrderBooks
    account: Portfolio
    hedged: HedgedPortfolio | None = None
    margin: MarginWatch | None = None
    rules: int = RULES


class Venue(Protocol):
    """A venue of orders."""

    @property
    def is_in_core(self) -> bool:
        """Whether it fills orders inside the core; else an edge sends them."""
        ...

    @property
    def lacks(self) -> tuple[str, ...]:
        """The names of missing features. Orders that need one are emulated."""
        ...

    @property
    def reads_books(self) -> bool:
        """Whether it fills orders on order books. It then needs the books of all symbols."""
        ...

    @property
    def costs(self) -> CostView | None:
        """The estimated costs of orders; ``None`` if orders are checked without their costs."""
        ...

    def declared(self, ts: int) -> VenueDeclared:
        """The input that declares its features."""
        ...

    def register(self, core: CoreView) -> None:
        """Construct its components and register them."""
        ...
