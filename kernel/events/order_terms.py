"""The terms of an order: enums, and the ``Order`` that intents, approvals and submissions carry."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from kernel.events.header import Record
from kernel.identifiers import ClientOrderId, StrategyId

# Members of enums that are read for each order stand beside their enum under their own name: on 3.11 a member
# takes 0.1 us to look up, a global 0.02. A name of two enums (``CANCELLED``) stays with its only reader.


class Side(StrEnum):
    """Direction of an order or fill."""

    BUY = "buy"
    SELL = "sell"


BUY, SELL = Side.BUY, Side.SELL


class OrderType(StrEnum):
    """How an order finds its price."""

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
    """What an execution report says (FIX ExecType)."""

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
    """Where a signal points."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


LONG, SHORT, FLAT = SignalDirection.LONG, SignalDirection.SHORT, SignalDirection.FLAT


class OrderStatus(StrEnum):
    """Where an order is in its life. ``PENDING``: approved, and held here until it may be sent."""

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
    """The strategy that it is booked under, or the plan of signals, which is booked like one."""
    RISK = "risk"
    """Risk, to close a position: its strategy may neither cancel nor change it."""


class AlgorithmKind(StrEnum):
    """How a large order is worked in parts."""

    TWAP = "twap"
    VWAP = "vwap"
    PARTICIPATION = "participation"
    ICEBERG = "iceberg"


PARTICIPATION = AlgorithmKind.PARTICIPATION


class Order(Record, frozen=True):
    """The terms of an order. ``expire_ts`` is for GTD, 0 otherwise.

    ``stop_price`` is the trigger of stops and of if-touched orders. A trailing stop has one of
    ``trail_amount`` (in price) and ``trail_percent`` (5 is 5 %), and perhaps a first ``stop_price``.
    ``display_quantity`` is what an iceberg shows. ``parent_id`` names the order that must fill first
    (one triggers other); orders of one ``group_id`` cancel or reduce each other (one cancels other).
    ``whole_id`` names the order that this one is a part of, if it is worked in parts.
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
    """How to work an order in parts, from ``start_ts`` to ``end_ts`` (ns; iceberg and participation: 0 for
    no end).

    TWAP and VWAP send a part at each of ``len(weights)`` equal steps, in proportion to its weight.
    Participation follows the market's volume at ``rate`` (0.1 is 10 %). An iceberg shows
    ``display_quantity`` at a time.
    """

    kind: AlgorithmKind
    start_ts: int = 0
    end_ts: int = 0
    weights: tuple[Decimal, ...] = ()
    rate: Decimal = Decimal(0)
    display_quantity: Decimal = Decimal(0)
