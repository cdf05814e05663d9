"""The simulated venue with order books: orders, books and prints in, execution reports out."""

from collections.abc import Sequence
from decimal import Decimal

import msgspec

from brokers.simulated.broker import SimulatedBroker
from brokers.simulated.config import SimulatedBrokerConfig
from components.order_books.order_books import OrderBooks
from kernel.bus import EventBus
from kernel.events import (
    SELLER,
    AggressorSide,
    ApprovedOrder,
    Event,
    ExecutionKind,
    ExecutionReport,
    InstrumentDefined,
    OrderSubmitted,
    ReplaceSubmitted,
    Trade,
)
from kernel.state import put_fields


class BookVenue:
    """The broker and the books it looks at, on a bus of their own."""

    def __init__(self, config: SimulatedBrokerConfig, *, lot: str = "1") -> None:
        self.bus = EventBus()
        self.books = OrderBooks()
        self.broker = SimulatedBroker(self.bus, config, books=self.books)
        self.bus.register(self.books)
        self.bus.register_watching(self.broker)
        self.hear(InstrumentDefined(0, "A", lot_size=Decimal(lot)))

    def hear(self, *events: Event) -> list[ExecutionReport]:
        """The venue's reports on these events."""
        self.bus.dispatch(events)
        reports = self.bus.take_derived().events
        return [report for report in reports if isinstance(report, ExecutionReport)]

    def submit(self, *orders: ApprovedOrder) -> list[ExecutionReport]:
        """Send orders."""
        return self.hear(*(OrderSubmitted(self.bus.now, one) for one in orders))

    def replace(self, order: ApprovedOrder) -> list[ExecutionReport]:
        """Ask for new terms."""
        return self.hear(ReplaceSubmitted(self.bus.now, order))

    def restart(self) -> None:
        """Write every state, and read it back."""
        for component in (self.books, self.broker):
            written = msgspec.msgpack.encode(component.state)
            put_fields(component.state, msgspec.msgpack.decode(written, type=type(component.state)))


def fills(reports: Sequence[ExecutionReport]) -> list[tuple[float, float]]:
    """(quantity, price) of the fills."""
    return [
        (float(report.quantity), float(report.price))
        for report in reports
        if report.kind is ExecutionKind.FILL and report.quantity is not None and report.price is not None
    ]


def kinds(reports: Sequence[ExecutionReport]) -> list[str]:
    """The kinds of the reports."""
    return [report.kind.value for report in reports]


def trade(price: float, size: float, *, ts: int = 5, aggressor: AggressorSide = SELLER) -> Trade:
    """A print."""
    return Trade(ts, "A", price, size, aggressor)
