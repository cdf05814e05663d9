"""The simulated venue by itself: orders in, market data in, execution reports out."""

from collections.abc import Sequence
from decimal import Decimal

from brokers.simulated.broker import SimulatedBroker
from brokers.simulated.config import SimulatedBrokerConfig
from brokers.simulated.models import VenueModels
from kernel.bus import EventBus
from kernel.events import (
    ApprovedOrder,
    Bar,
    CancelSubmitted,
    Event,
    ExecutionKind,
    ExecutionReport,
    InstrumentDefined,
    OrderSubmitted,
    OrderType,
    ReplaceSubmitted,
    Side,
    TimeInForce,
)
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.time_units import MINUTE_NS as MINUTE


def order(
    side: Side,
    quantity: int | str = 10,
    *,
    limit: float | str | None = None,
    stop: float | str | None = None,
    key: str = "o",
    symbol: str = "A",
    order_type: OrderType | None = None,
    time_in_force: TimeInForce = TimeInForce.GTC,
) -> ApprovedOrder:
    """An order whose type follows from its prices, unless one is given."""
    if stop is None:
        kind = OrderType.MARKET if limit is None else OrderType.LIMIT
    else:
        kind = OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    return ApprovedOrder(
        ClientOrderId(key),
        StrategyId("s"),
        symbol,
        side,
        order_type or kind,
        Decimal(quantity),
        None if limit is None else Decimal(str(limit)),
        None if stop is None else Decimal(str(stop)),
        time_in_force,
    )


def bar(minute: int, prices: str, *, symbol: str = "A", length: int = 1) -> Bar:
    """The bar that ends at a minute; prices as ``"open/high/low/close"``. An open time of 0 means none."""
    opened, high, low, close = (float(price) for price in prices.split("/"))
    open_ts = max(1, (minute - length) * MINUTE)
    return Bar(minute * MINUTE, symbol, f"{length}m", opened, high, low, close, 1.0, open_ts)


class Venue:
    """The broker on a bus of its own. What it is told to do happens at ``now``, the last event's time."""

    def __init__(
        self,
        config: SimulatedBrokerConfig | None = None,
        *,
        tick: str = "0.01",
        models: VenueModels | None = None,
    ) -> None:
        self.bus = EventBus()
        self.broker = SimulatedBroker(self.bus, config or SimulatedBrokerConfig(), models=models)
        self.bus.register_watching(self.broker)
        self.hear(InstrumentDefined(0, "A", tick_size=Decimal(tick)))

    def hear(self, *events: Event) -> Sequence[ExecutionReport]:
        """The venue's reports on these events."""
        self.bus.dispatch(events)
        reports = self.bus.take_derived().events
        assert all(isinstance(report, ExecutionReport) for report in reports), reports
        return [report for report in reports if isinstance(report, ExecutionReport)]

    def submit(self, *orders: ApprovedOrder) -> Sequence[ExecutionReport]:
        """Send orders."""
        return self.hear(*(OrderSubmitted(self.bus.now, one) for one in orders))

    def send(self, *orders: ApprovedOrder) -> None:
        """Send orders to a venue that they take time to reach."""
        self.bus.dispatch([OrderSubmitted(self.bus.now, one) for one in orders])
        self.bus.take_derived()

    def send_cancel(self, key: str = "o") -> None:
        """Ask for an order's cancellation at a venue that the request takes time to reach."""
        self.bus.dispatch((CancelSubmitted(self.bus.now, ClientOrderId(key), StrategyId("s"), "A"),))
        self.bus.take_derived()

    def cancel(self, key: str = "o", *, symbol: str = "A") -> Sequence[ExecutionReport]:
        """Ask for an order's cancellation."""
        return self.hear(CancelSubmitted(self.bus.now, ClientOrderId(key), StrategyId("s"), symbol))

    def replace(self, new: ApprovedOrder) -> Sequence[ExecutionReport]:
        """Ask for new terms."""
        return self.hear(ReplaceSubmitted(self.bus.now, new))

    def fills(self, *events: Event) -> list[tuple[int, float]]:
        """The events that fill an order, by position, and the prices."""
        filled: list[tuple[int, float]] = []
        for position, event in enumerate(events):
            for report in self.hear(event):
                if report.kind is ExecutionKind.FILL:
                    assert report.price is not None
                    filled.append((position, float(report.price)))
        return filled


def kinds(reports: Sequence[ExecutionReport]) -> list[ExecutionKind]:
    """The kinds of the reports, in order."""
    return [report.kind for report in reports]
