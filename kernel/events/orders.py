"""Orders at the venue: requests to the broker, reports of the venue, and our own record.

The path of an order: ``OrderIntent`` (strategy) -> ``OrderApproved`` or ``OrderDenied`` (risk) ->
``OrderSubmitted`` (orders; the effect that a broker acts on) -> ``ExecutionReport`` (venue) ->
``OrderAccepted``, ``OrderFilled`` ... (orders). An order that waits for its parent, or whose type the
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
    PositionSide,
    Side,
)
from kernel.identifiers import BrokerOrderId, ClientOrderId, FillId, StrategyId


class ExecutionReport(Event, frozen=True, tag=50):
    """A venue's report on one of our orders. It may repeat, skip states or come late.

    - Fills have ``quantity``, ``price``, ``fill_id``, ``commission`` and ``liquidity``.
    - Replacements have ``quantity``, ``limit_price`` and ``stop_price``.
    - ``executed_ts``: the time of the execution itself, 0 if the venue gave none.
    - ``raw``: a message that could not be understood.
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
    """The order goes to the broker, but only after this event is durable."""

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
    """The venue accepted the order and works it."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    broker_order_id: BrokerOrderId = BrokerOrderId("")


class OrderRejected(Event, frozen=True, tag=64):
    """The venue rejected the order."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    reason: str = ""


class OrderFilled(Event, frozen=True, tag=65):
    """We traded: ``quantity`` at ``price``; ``leaves_quantity`` is still working.

    Made once per ``fill_id``. ``commission`` is a cost if positive. ``executed_ts`` is the time of the
    execution (for example the bar's open), never later than ``ts``. ``position_side``: the leg that it
    changes in hedging mode.
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
    position_side: PositionSide | None = None


class OrderCancelled(Event, frozen=True, tag=66):
    """The order was cancelled; ``leaves_quantity`` was not filled."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    leaves_quantity: Decimal
    reason: str = ""


class OrderExpired(Event, frozen=True, tag=67):
    """The order's time in force ended; ``leaves_quantity`` was not filled."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    leaves_quantity: Decimal
    reason: str = ""


class OrderReplaced(Event, frozen=True, tag=68):
    """The venue accepted the new terms."""

    order: Order
    broker_order_id: BrokerOrderId = BrokerOrderId("")


class OrderTriggered(Event, frozen=True, tag=69):
    """A stop was reached; the order now works as a market or limit order."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str


class CancelRejected(Event, frozen=True, tag=70):
    """The venue refused to cancel; the order keeps working."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    reason: str = ""


class ReplaceRejected(Event, frozen=True, tag=71):
    """The venue rejected the new terms; the old ones stay in force."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    reason: str = ""


class OrderStateUnknown(Event, frozen=True, tag=72):
    """The outcome of a request is unknown. The broker must be asked; nothing is sent again."""

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    reason: str = ""


class TransitionRefused(Event, frozen=True, tag=73):
    """A report did not fit the order's status and changed nothing."""

    client_order_id: ClientOrderId
    symbol: str
    status: OrderStatus
    kind: ExecutionKind
    reason: str = ""


class FillCorrected(Event, frozen=True, tag=74):
    """The venue corrected a fill afterwards. Quantity 0 means that the fill was busted.

    - Quantities and prices are on the terms of the day of the fill.
    - ``filled_symbol``: the name of the symbol on that day; empty if it is still ``symbol``.
    - ``actions_since``: the number of corporate actions since the fill, of all symbols, without dividends.
    - ``commission_returned``: the commission that a bust gives back, in ``currency``.
    - ``position_side``: the leg that the fill changed in hedging mode.
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
    position_side: PositionSide | None = None


class OrderHeld(Event, frozen=True, tag=75):
    """An approved order waits here for its parent's fill, or for a condition that the venue cannot watch."""

    order: ApprovedOrder
    reason: HoldReason


class HeldOrderTriggered(Event, frozen=True, tag=76):
    """The condition of an emulated order came true. ``order`` is sent if risk's gate lets it through."""

    order: ApprovedOrder


class OrderAdjusted(Event, frozen=True, tag=77):
    """A corporate action changed the terms of a working order; ``order`` holds all of them."""

    order: Order
    reason: str = ""
