"""Orders on a bus, driven by events alone: approvals and requests in, execution reports back."""

from collections.abc import Sequence
from decimal import Decimal
from typing import TypeVar

from components.orders.orders import Orders
from components.orders.state import OrderEntry
from kernel.bus import EventBus
from kernel.events import (
    ApprovedOrder,
    CancelIntent,
    Event,
    ExecutionKind,
    ExecutionReport,
    OrderApproved,
    OrderStatus,
    OrderType,
    ReplaceApproved,
    Side,
    VenueFeature,
)
from kernel.identifiers import BrokerOrderId, ClientOrderId, FillId, StrategyId

STRATEGY = StrategyId("s")
EventT = TypeVar("EventT", bound=Event)


def approved(key: str, *, quantity: int | str = 100, limit: int | str = 50) -> ApprovedOrder:
    """A limit order to buy, past risk."""
    return ApprovedOrder(
        ClientOrderId(key),
        STRATEGY,
        "A",
        Side.BUY,
        OrderType.LIMIT,
        Decimal(quantity),
        Decimal(limit),
    )


def child(
    key: str, parent: str, *, quantity: int | str = 100, stop: int | str = 40, group: str = ""
) -> ApprovedOrder:
    """A stop order to sell, past risk, that waits for another."""
    return ApprovedOrder(
        ClientOrderId(key),
        STRATEGY,
        "A",
        Side.SELL,
        OrderType.STOP,
        Decimal(quantity),
        None,
        Decimal(stop),
        parent_id=ClientOrderId(parent),
        group_id=group,
    )


def member(key: str, group: str, *, quantity: int | str = 100, limit: int | str = 60) -> ApprovedOrder:
    """A limit order to sell, past risk, in a group."""
    return ApprovedOrder(
        ClientOrderId(key),
        STRATEGY,
        "A",
        Side.SELL,
        OrderType.LIMIT,
        Decimal(quantity),
        Decimal(limit),
        group_id=group,
    )


class OrderFlow:
    """The orders component by itself, at a venue that ``lacks`` some features; every method says what
    followed.

    ``shut`` is what the gate says; orders of a type in ``held_types`` are held for emulation.
    """

    def __init__(self, *lacks: VenueFeature) -> None:
        self.bus = EventBus()
        self.shut = ""
        self.held_types: frozenset[OrderType] = frozenset()
        self.orders = Orders(
            gate=lambda _: self.shut,
            holds=lambda order: order.order_type in self.held_types,
            has=lambda feature: feature not in lacks,
        )
        self.bus.register(self.orders)

    def hear(self, event: Event) -> Sequence[Event]:
        """Any event."""
        self.bus.dispatch([event])
        return self.bus.take_derived().events

    def approve(self, key: str, *, quantity: int | str = 100) -> Sequence[Event]:
        """Risk lets an order through."""
        return self.hear(OrderApproved(0, approved(key, quantity=quantity)))

    def send(self, *orders: ApprovedOrder) -> Sequence[Event]:
        """Risk lets these orders through."""
        return [event for order in orders for event in self.hear(OrderApproved(0, order))]

    def replace(self, key: str, *, quantity: int | str = 100, limit: int | str = 51) -> Sequence[Event]:
        """Risk lets new terms through."""
        return self.hear(ReplaceApproved(0, approved(key, quantity=quantity, limit=limit)))

    def cancel(self, key: str, *, strategy: StrategyId = STRATEGY) -> Sequence[Event]:
        """The strategy wants the order cancelled."""
        return self.hear(CancelIntent(0, ClientOrderId(key), strategy, "A"))

    def report(self, key: str, kind: ExecutionKind, *, broker_order_id: str = "") -> Sequence[Event]:
        """The venue says something other than a fill."""
        return self.hear(
            ExecutionReport(0, kind, ClientOrderId(key), "A", BrokerOrderId(broker_order_id), reason="so")
        )

    def restate(self, key: str, *, quantity: int, limit: int) -> Sequence[Event]:
        """The venue says that these terms hold."""
        return self.hear(
            ExecutionReport(
                0,
                ExecutionKind.REPLACED,
                ClientOrderId(key),
                "A",
                quantity=Decimal(quantity),
                limit_price=Decimal(limit),
            )
        )

    def fill(
        self,
        key: str,
        fill_id: str,
        quantity: int | str | Decimal | None,
        *,
        price: str | None = "50",
        kind: ExecutionKind = ExecutionKind.FILL,
    ) -> Sequence[Event]:
        """The venue reports a fill, or corrects one."""
        return self.hear(
            ExecutionReport(
                0,
                kind,
                ClientOrderId(key),
                "A",
                BrokerOrderId(""),
                FillId(fill_id),
                None if quantity is None else Decimal(quantity),
                None if price is None else Decimal(price),
            )
        )

    def entry(self, key: str) -> OrderEntry:
        """The order, open or closed."""
        state = self.orders.state
        return state.open.get(ClientOrderId(key)) or state.closed[ClientOrderId(key)]

    def status(self, key: str) -> OrderStatus:
        """Where the order is in its life."""
        return self.entry(key).status

    def is_open(self, key: str) -> bool:
        """Whether the order is among the open ones."""
        return ClientOrderId(key) in self.orders.state.open


def only(events: Sequence[Event], kind: type[EventT]) -> EventT:
    """The one event there is, which must be of this type."""
    (event,) = events
    assert isinstance(event, kind)
    return event
