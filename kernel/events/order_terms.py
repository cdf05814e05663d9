"""The terms of an order: enums, and the ``Order`` that intents, approvals and submissions carry."""

from decimal import Decimal
from enum import StrEnum

import msgspec

from kernel.events.header import Record
from kernel.identifiers import ClientOrderId, StrategyId


class Side(StrEnum):
    """Direction of an order or fill."""

    BUY = "buy"
    SELL = "sell"


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


class TimeInForce(StrEnum):
    """How long an order works."""

    DAY = "day"
    GTC = "gtc"
    GTD = "gtd"
    IOC = "ioc"
    FOK = "fok"


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


class Liquidity(StrEnum):
    """Whether a fill added or removed liquidity."""

    MAKER = "maker"
    TAKER = "taker"
    UNKNOWN = "unknown"


class SignalDirection(StrEnum):
    """Where a signal points."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


class OrderStatus(StrEnum):
    """Where an order is in its life."""

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


class Order(Record, frozen=True):
    """The terms of an order. ``expire_ts`` is for GTD, 0 otherwise."""

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


class ApprovedOrder(Order, frozen=True):
    """An order that risk let through. Only the risk component makes one; brokers accept nothing else."""

    @classmethod
    def of(cls, order: Order) -> "ApprovedOrder":
        """The same terms, approved."""
        return cls(*msgspec.structs.astuple(order))
