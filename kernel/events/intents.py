"""What strategies want of orders, and what risk said to it."""

from decimal import Decimal

from kernel.events.header import Event
from kernel.events.order_terms import ApprovedOrder, Order, SignalDirection
from kernel.identifiers import ClientOrderId, StrategyId


class OrderIntent(Event, frozen=True, tag=30):
    """A strategy wants this order."""

    order: Order


class CancelIntent(Event, frozen=True, tag=31):
    """A strategy wants an order cancelled."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str


class ReplaceIntent(Event, frozen=True, tag=32):
    """A strategy wants new terms for a working order; ``None`` keeps the old term."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    quantity: Decimal | None = None
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None


class SignalRaised(Event, frozen=True, tag=33):
    """A strategy's opinion, without an order. ``strength`` is in 0..1."""

    strategy: StrategyId
    symbol: str
    direction: SignalDirection
    strength: float = 1.0
    reason: str = ""


class DecisionRefused(Event, frozen=True, tag=34):
    """A strategy returned something that is not a valid decision; nothing was done with it."""

    strategy: StrategyId
    symbol: str
    reason: str


class OrderApproved(Event, frozen=True, tag=40):
    """Risk let the order through, perhaps smaller than intended."""

    order: ApprovedOrder


class OrderDenied(Event, frozen=True, tag=41):
    """Risk refused the order: ``rule`` had ``limit`` and saw ``value``."""

    order: Order
    rule: str
    reason: str
    limit: str = ""
    value: str = ""


class ReplaceApproved(Event, frozen=True, tag=42):
    """Risk let new terms through; ``order`` holds them whole."""

    order: ApprovedOrder


class ReplaceDenied(Event, frozen=True, tag=43):
    """Risk refused new terms; the order works on under the old ones."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    rule: str
    reason: str
