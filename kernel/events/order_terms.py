"""The terms of an order: enums, and the ``Order`` that intents, approvals and submissions carry."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from kernel.events.header import Record
from kernel.identifiers import ClientOrderId, StrategyId

# Enum members that are read for each order have a short name beside their enum: on 3.11 a member takes 0.1 us
# to look up, a global 0.02. A short name that would fit two enums (``CANCELLED``) is defined where it is
# used.


class Side(StrEnum):
    """Direction of an order or fill."""

    BUY = "buy"
    SELL = "sell"


BUY, SELL = Side.BUY, Side.SELL


class PositionSide(StrEnum):
    """One of the two positions that a strategy can hold in a symbol in hedging mode: its *legs*.

    In netting mode there is one net position, and fields of this type are ``None``.
    """

    LONG = "long"
    SHORT = "short"


class OrderType(StrEnum):
    """The type of an order, which determines when and at which price it fills."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING_STOP = "trailing_stop"
    MARKET_IF_TOUCHED = "market_if_touched"
    LIMIT_IF_TOUCHED = "limit_if_touched"
    MARKET_ON_OPEN = "market_on_open"
    MARKET_ON_CLOSE = "market_on_close"
    LIMIT_ON_OPEN = "limit_on_open"
    LIMIT_ON_CLOSE = "limit_on_close"


MARKET, LIMIT = OrderType.MARKET, OrderType.LIMIT
STOP, TRAILING_STOP = OrderType.STOP, OrderType.TRAILING_STOP


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "day"
    GTC = "gtc"
    GTD = "gtd"
    IOC = "ioc"
    FOK = "fok"


DAY, GTC, GTD, FOK = TimeInForce.DAY, TimeInForce.GTC, TimeInForce.GTD, TimeInForce.FOK


class ExecutionKind(StrEnum):
    """The kind of an execution report (FIX ExecType)."""

    ACCEPTED = "accepted"
    REJECTED = "rejected"
    FILL = "fill"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REPLACED = "replaced"
    TRIGGERED = "triggered"
    CANCEL_REJECTED = "cancel_rejected"
    REPLACE_REJECTED = "replace_rejected"
    FILL_CORRECTED = "fill_corrected"
    FILL_BUSTED = "fill_busted"
    UNKNOWN = "unknown"


FILL, REPLACED, TRIGGERED = ExecutionKind.FILL, ExecutionKind.REPLACED, ExecutionKind.TRIGGERED


class Liquidity(StrEnum):
    """Whether a fill added or removed liquidity."""

    MAKER = "maker"
    TAKER = "taker"
    UNKNOWN = "unknown"


MAKER, TAKER = Liquidity.MAKER, Liquidity.TAKER


class SignalDirection(StrEnum):
    """The direction of a signal."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


LONG, SHORT, FLAT = SignalDirection.LONG, SignalDirection.SHORT, SignalDirection.FLAT


class OrderStatus(StrEnum):
    """The status of an order. ``PENDING``: approved, and held here until it may be sent."""

    PENDING = "pending"
    SUBMITTED = "submitted"
    ACCEPTED = "accepted"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CANCELLED = "cancelled"
    REJECTED = "rejected"
    DENIED = "denied"
    EXPIRED = "expired"
    PENDING_CANCEL = "pending_cancel"
    PENDING_REPLACE = "pending_replace"
    UNKNOWN = "unknown"


PENDING, SUBMITTED, FILLED = OrderStatus.PENDING, OrderStatus.SUBMITTED, OrderStatus.FILLED
PENDING_REPLACE = OrderStatus.PENDING_REPLACE


class HoldReason(StrEnum):
    """Why an approved order is not sent to the venue yet."""

    PARENT = "parent"
    EMULATED = "emulated"


class OrderOrigin(StrEnum):
    """Who made an order."""

    STRATEGY = "strategy"
    """The strategy in ``Order.strategy``, or the plan of signals, which has a name there like a strategy."""
    RISK = "risk"
    """Risk, to close a position: its strategy may neither cancel nor change it."""


class AlgorithmKind(StrEnum):
    """The algorithm that works a large order in parts."""

    TWAP = "twap"
    VWAP = "vwap"
    PARTICIPATION = "participation"
    ICEBERG = "iceberg"


PARTICIPATION = AlgorithmKind.PARTICIPATION


class Order(Record, frozen=True):
    """The terms of an order.

    - ``stop_price``: the trigger of stops and if-touched orders; for a trailing stop the first one, or
      ``None``.
    - ``expire_ts``: the end of a GTD order; 0 for others.
    - ``trail_amount`` (in price) or ``trail_percent`` (5 is 5 %): one of them, for a trailing stop.
    - ``display_quantity``: the quantity that an iceberg shows.
    - ``parent_id``: the order that must fill first (one triggers other).
    - ``group_id``: orders of one group cancel or reduce each other (one cancels other).
    - ``whole_id``: the worked order that this one is a part of.
    """

    client_order_id: ClientOrderId
    strategy: StrategyId
    symbol: str
    side: Side
    order_type: OrderType
    quantity: Decimal
    limit_price: Decimal | None = None
    stop_price: Decimal | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    expire_ts: int = 0
    post_only: bool = False
    reduce_only: bool = False
    tag: str = ""
    trail_amount: Decimal | None = None
    trail_percent: Decimal | None = None
    display_quantity: Decimal | None = None
    parent_id: ClientOrderId = ClientOrderId("")
    group_id: str = ""
    origin: OrderOrigin = OrderOrigin.STRATEGY
    whole_id: ClientOrderId = ClientOrderId("")


class ApprovedOrder(Order, frozen=True):
    """An order that risk let through. Only the risk component makes one; brokers accept nothing else."""

    @classmethod
    def of(cls, order: Order) -> "ApprovedOrder":
        """The same terms, approved."""
        return cls(*msgspec.structs.astuple(order))


class AlgorithmTerms(Record, frozen=True):
    """How to work an order in parts.

    - ``start_ts``, ``end_ts``: the period, in ns. For iceberg and participation, an ``end_ts`` of 0 is no
      end.
    - ``weights``: TWAP and VWAP send a part at each of ``len(weights)`` equal steps, in proportion to its
      weight.
    - ``rate``: participation follows the market's volume at this rate (0.1 is 10 %).
    - ``display_quantity``: an iceberg shows this quantity at a time.
    """

    kind: AlgorithmKind
    start_ts: int = 0
    end_ts: int = 0
    weights: tuple[Decimal, ...] = ()
    rate: Decimal = Decimal(0)
    display_quantity: Decimal = Decimal(0)
