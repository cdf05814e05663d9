"""Trading with real orders: its confirmation by an operator, and what restricts it by itself."""

from decimal import Decimal
from enum import StrEnum

from kernel.events.accounts import TradingState
from kernel.events.header import Event
from kernel.identifiers import ClientOrderId


class DowngradeCause(StrEnum):
    """Why live trading was restricted."""

    REJECTIONS = "rejections"
    """The venue rejected several orders in a row."""
    UNKNOWN_ORDERS = "unknown_orders"
    """The outcome of several requests in a row was unknown."""
    POSITION_MISMATCH = "position_mismatch"
    """A position at the venue is not ours."""
    FOREIGN_ORDER = "foreign_order"
    """The venue works an order of the account that is not in the log."""
    DISCONNECTED = "disconnected"
    """The venue was away for too long."""


class CashMismatched(Event, frozen=True, tag=58):
    """The account's cash at the venue is not ours, by more than is tolerated."""

    account: str
    currency: str
    ours: Decimal
    theirs: Decimal


class ConfirmLiveTrading(Event, frozen=True, tag=90):
    """Operator: orders may go to this account at this venue, until the configuration names another one."""

    operator: str
    venue: str
    account: str
    reason: str = ""


class LiveTradingHeld(Event, frozen=True, tag=91):
    """No order goes to the venue before an operator confirms live trading with this account."""

    venue: str
    account: str


class LiveTradingConfirmed(Event, frozen=True, tag=92):
    """An operator has confirmed live trading; the hold is over."""

    venue: str
    account: str
    operator: str


class TradingDowngraded(Event, frozen=True, tag=93):
    """Live trading was restricted to ``state`` because of errors, until an operator resumes it.

    - ``value``, ``limit``: the figure that was too high, and its limit.
    - ``symbol``: the one that it is about, if it is about one.
    """

    trigger: DowngradeCause
    state: TradingState
    value: str
    limit: str
    symbol: str = ""


class ForeignOrderReported(Event, frozen=True, tag=94):
    """Input: the venue works an order of our account that is not in the log.

    Somebody else trades in the account, or the log has lost its end. The order is not touched.
    """

    broker: str
    client_order_id: ClientOrderId
    symbol: str
    leaves_quantity: Decimal


LiveEvent = (
    ConfirmLiveTrading | LiveTradingHeld | LiveTradingConfirmed | TradingDowngraded | ForeignOrderReported
)
"""The events of this module, in order of tag, but for ``CashMismatched``, whose tag is lower."""

LIVE_DERIVED: frozenset[type[Event]] = frozenset(
    {CashMismatched, LiveTradingHeld, LiveTradingConfirmed, TradingDowngraded}
)
"""Those that only the core may make."""
