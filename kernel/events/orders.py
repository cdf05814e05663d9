"""Orders: what strategies want, what risk said, what the venue reported, what we hold to be true.

The way of an order: ``OrderIntent`` (strategy) -> ``OrderApproved`` or ``OrderDenied`` (risk) ->
``OrderSubmitted`` (orders; the effect that a broker acts on) -> ``ExecutionReport`` (venue) ->
``OrderAccepted``, ``OrderFilled`` ... (orders). One that waits for its parent, or is of a type that the
venue lacks, is ``OrderHeld`` before it is submitted. Quantities and prices are ``Decimal``, on the
instrument's lot and tick.
"""

from decimal import Decimal

from kernel.events.header import Event
from kernel.events.order_terms import (
    ApprovedOrder,
    ExecutionKind,
    HoldReason,
    Liquidity,
    Order,
    OrderStatus,
    Side,
)
from kernel.identifiers import BrokerOrderId, ClientOrderId, FillId, StrategyId


class ExecutionReport(Event, frozen=True, tag=50):
    """What a venue said of one of our orders; may repeat, skip states or come late.

    ``quantity``, ``price``, ``fill_id``, ``commission`` and ``liquidity`` belong to fills;
    ``quantity``, ``limit_price`` and ``stop_price`` to replacements. ``executed_ts`` is the time of
    the execution itself, 0 where the venue gave none. ``raw`` keeps a message nobody understood.
    """

    kind: ExecutionKind
    client_order_id: ClientOrderId
    symbol: str
    broker_order_id: BrokerOrderId = BrokerOrderId("")
    fill_id: FillId = FillId("")
    quantity: Decimal | None = None
    price: Decimal | None = None
    commission: Decimal | None = None
    commission_currency: str = ""
    liquidity: Liquidity = Liquidity.UNKNOWN
    executed_ts: int = 0
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    reason: str = ""
    raw: str = ""


class OrderSubmitted(Event, frozen=True, tag=60):
    """The order goes to the broker. The effect: released only after it is durable."""

    order: ApprovedOrder


class CancelSubmitted(Event, frozen=True, tag=61):
    """The cancel request goes to the broker."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    broker_order_id: BrokerOrderId = BrokerOrderId("")


class ReplaceSubmitted(Event, frozen=True, tag=62):
    """New terms go to the broker."""

    order: ApprovedOrder
    broker_order_id: BrokerOrderId = BrokerOrderId("")


class OrderAccepted(Event, frozen=True, tag=63):
    """The venue works the order."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    broker_order_id: BrokerOrderId = BrokerOrderId("")


class OrderRejected(Event, frozen=True, tag=64):
    """The venue refused the order."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    reason: str = ""


class OrderFilled(Event, frozen=True, tag=65):
    """We traded: ``quantity`` at ``price``; ``leaves_quantity`` is still working.

    Booked once per ``fill_id``. ``commission`` is a cost when positive. ``executed_ts`` is the time
    of the execution (the bar's open, say), never later than ``ts``.
    """

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    side: Side
    quantity: Decimal
    price: Decimal
    commission: Decimal
    leaves_quantity: Decimal
    fill_id: FillId
    executed_ts: int = 0
    liquidity: Liquidity = Liquidity.UNKNOWN
    currency: str = "USD"


class OrderCancelled(Event, frozen=True, tag=66):
    """The order is off the venue, ``leaves_quantity`` undone."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    leaves_quantity: Decimal
    reason: str = ""


class OrderExpired(Event, frozen=True, tag=67):
    """The order's time in force ran out, ``leaves_quantity`` undone."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    leaves_quantity: Decimal
    reason: str = ""


class OrderReplaced(Event, frozen=True, tag=68):
    """The venue took the new terms."""

    order: Order
    broker_order_id: BrokerOrderId = BrokerOrderId("")


class OrderTriggered(Event, frozen=True, tag=69):
    """A stop was reached; the order now works as a market or limit order."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str


class CancelRejected(Event, frozen=True, tag=70):
    """The venue refused to cancel; the order goes on."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    reason: str = ""


class ReplaceRejected(Event, frozen=True, tag=71):
    """The venue refused the new terms; the old ones hold."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    reason: str = ""


class OrderStateUnknown(Event, frozen=True, tag=72):
    """The outcome of a request is not known and must be asked for; nothing is sent again."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    reason: str = ""


class TransitionRefused(Event, frozen=True, tag=73):
    """A report that the order's state does not allow; it changed nothing."""

    client_order_id: ClientOrderId
    symbol: str
    status: OrderStatus
    kind: ExecutionKind
    reason: str = ""


class FillCorrected(Event, frozen=True, tag=74):
    """The venue changed a fill after the fact; quantity 0 means that it was undone (a bust).

    Quantities and prices are those of the day of the fill. ``filled_symbol`` is what its symbol was called
    then, empty if that is ``symbol``. ``actions_since`` counts the corporate actions since the fill, of all
    symbols, without dividends. ``commission_returned``, in ``currency``, is what a bust gives back.
    """

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    side: Side
    fill_id: FillId
    old_quantity: Decimal
    old_price: Decimal
    quantity: Decimal
    price: Decimal
    filled_symbol: str = ""
    actions_since: int = 0
    commission_returned: Decimal = Decimal(0)
    currency: str = "USD"


class OrderHeld(Event, frozen=True, tag=75):
    """An approved order waits here: for its parent's fill, or for a condition the venue cannot watch."""

    order: ApprovedOrder
    reason: HoldReason


class HeldOrderTriggered(Event, frozen=True, tag=76):
    """The condition of an emulated order came true: it is to be sent as ``order``, if the gate lets it."""

    order: ApprovedOrder


class OrderAdjusted(Event, frozen=True, tag=77):
    """A corporate action changed the terms of a working order; ``order`` holds them whole."""

    order: Order
    reason: str = ""
