"""The decisions that a strategy hook may return: orders, cancels, replacements, signals and timers.

These are plain values. The strategy host turns them into events: it adds time and ids, and rounds quantities
and prices to the instrument's lot and tick. An invalid decision comes back as ``DecisionRefused``.
``order_requests`` has short functions that make orders.
"""

from collections.abc import Iterable
from decimal import Decimal
from enum import StrEnum

import msgspec

from kernel.events import OrderType, Side, SignalDirection, TimeInForce
from kernel.identifiers import ClientOrderId, TimerName
from strategies.sdk.algorithms import Algorithm

Number = int | float | Decimal


class Notional(msgspec.Struct, frozen=True, gc=False):
    """A quantity with a value of ``amount`` at the order's price, rounded down to lots.

    ``amount`` is in the account's currency. The order's price is its limit, else its stop, else the last
    price.
    """

    amount: Number


class EquityPercent(msgspec.Struct, frozen=True, gc=False):
    """A quantity with a value of ``percent`` of the account's equity (5 is 5 %), priced like ``Notional``.

    For a strategy with capital of its own, it is a percentage of that.
    """

    percent: Number


Quantity = Number | Notional | EquityPercent
"""A quantity in units of the instrument, or by value."""


class PlaceOrder(msgspec.Struct, frozen=True, gc=False):
    """Please send this order.

    - ``quantity``: in units of the instrument, above 0, or by value.
    - ``stop_price``: the trigger of a stop or if-touched order; optional first trigger of a trailing stop.
    - ``expire_ts``: ns, UTC; only for GTD.
    - ``post_only``: the order takes no liquidity.
    - ``reduce_only``: the order neither opens nor turns a position.
    - ``trail_amount`` (in price), ``trail_percent`` (5 is 5 %): a trailing stop has one of them.
    - ``display_quantity``: the visible quantity of an iceberg.
    - ``stop_loss``, ``take_profit``: prices of attached exits. When this order is filled, a stop and a limit
      order of the same quantity are sent on the other side. One cancels the other.
    """

    symbol: str
    side: Side
    quantity: Quantity
    order_type: OrderType = OrderType.MARKET
    limit_price: Number | None = None
    stop_price: Number | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    tag: str = ""
    expire_ts: int = 0
    post_only: bool = False
    reduce_only: bool = False
    trail_amount: Number | None = None
    trail_percent: Number | None = None
    display_quantity: Number | None = None
    stop_loss: Number | None = None
    take_profit: Number | None = None


class Target(msgspec.Struct, frozen=True, gc=False):
    """Please bring this strategy's position to ``position`` units, or to ``weight`` of the equity.

    Give one of the two; a negative number is a short position. A ``weight`` of 0.6 is 60 % of the account's
    equity, or of the strategy's own capital, rounded to lots towards zero.

    The order is for the difference to the strategy's present position; below one lot, no order is made.
    Working orders are not counted: cancel them first, or they fill in addition.
    """

    symbol: str
    position: Number | None = None
    weight: Number | None = None
    order_type: OrderType = OrderType.MARKET
    limit_price: Number | None = None
    stop_price: Number | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    tag: str = ""
    expire_ts: int = 0


class OneCancelsOther(msgspec.Struct, frozen=True):
    """Please send these orders, two or more of one symbol. A fill of one reduces the others.

    A fill takes its quantity from the others; an order with no quantity left is cancelled. An order that is
    cancelled, denied or expired does not change the others.
    """

    orders: tuple[PlaceOrder, ...]


class OneTriggersOther(msgspec.Struct, frozen=True):
    """Please send ``first``, and ``then`` once it is filled.

    The waiting orders are sent when ``first`` is completely filled. If ``first`` ends partly filled, they are
    sent for the filled quantity; if it ends without a fill, they are cancelled.
    """

    first: PlaceOrder
    then: tuple[PlaceOrder | OneCancelsOther, ...]


class Execute(msgspec.Struct, frozen=True):
    """Please work this order in parts. Each part is an order, tagged with the id of the whole.

    The order must be a market or limit order, good till cancelled, without attached exits. For a target, it
    is the difference at the time of the decision. ``on_order_update`` hears ``ExecutionRequested`` with the
    id of the whole, updates of the parts, and ``ExecutionFinished`` at the end.
    """

    order: PlaceOrder | Target
    algorithm: Algorithm


class CancelExecution(msgspec.Struct, frozen=True, gc=False):
    """Please stop a worked order: cancel its part at the venue and send no more parts."""

    client_order_id: ClientOrderId


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Please cancel this working order."""

    client_order_id: ClientOrderId


class Replace(msgspec.Struct, frozen=True, gc=False):
    """Please change a working order; ``None`` keeps the old term."""

    client_order_id: ClientOrderId
    quantity: Number | None = None
    limit_price: Number | None = None
    stop_price: Number | None = None


class Signal(msgspec.Struct, frozen=True, gc=False):
    """A view of a symbol's direction. It is recorded, but is not an order.

    - ``strength``: in 0..1.
    - ``stop_loss``, ``take_profit``: prices of exits, for orders that are made of the signal.
    """

    symbol: str
    direction: SignalDirection
    strength: float = 1.0
    reason: str = ""
    stop_loss: Number | None = None
    take_profit: Number | None = None


class SetTimer(msgspec.Struct, frozen=True, gc=False):
    """Please call ``on_timer`` at ``due_ts`` (ns, UTC), then every ``every_ns`` if that is not 0."""

    name: TimerName
    due_ts: int
    every_ns: int = 0


class SessionMoment(StrEnum):
    """The moments of a trading session that a timer can be relative to."""

    OPEN = "open"
    CLOSE = "close"


class SetSessionTimer(msgspec.Struct, frozen=True, gc=False):
    """Please call ``on_timer`` at a time relative to the open or close of a session.

    - ``offset_ns``: after the open or close; below 0: before it. At most seven days either way.
    - ``every_session``: repeat for each session, until the timer is cancelled or set again.

    Sessions are those of the symbol's calendar (``Context.calendar``), with early closes on half days. A
    symbol without a calendar is refused.
    """

    name: TimerName
    symbol: str
    moment: SessionMoment = SessionMoment.CLOSE
    offset_ns: int = 0
    every_session: bool = False


class CancelTimer(msgspec.Struct, frozen=True, gc=False):
    """Please forget the timer."""

    name: TimerName


Decision = (
    PlaceOrder
    | Cancel
    | Replace
    | Signal
    | SetTimer
    | SetSessionTimer
    | CancelTimer
    | Target
    | OneCancelsOther
    | OneTriggersOther
    | Execute
    | CancelExecution
)
Decisions = Decision | Iterable[Decision] | None
"""The return value of every hook: nothing, one decision, or any iterable of them."""
