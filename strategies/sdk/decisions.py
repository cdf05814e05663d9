"""What a strategy hook may return: orders, cancels, replacements, signals and timers.

These are plain values. The strategy host turns them into events, with time, ids and quantities
quantised to the instrument's lot and tick; what is not valid comes back as ``DecisionRefused``.
``order_requests`` has the short ways to write orders down.
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
    """A quantity worth ``amount`` of the account's currency at the order's price, rounded down to lots.

    The order's price is its limit, else its stop, else the last price.
    """

    amount: Number


class EquityPercent(msgspec.Struct, frozen=True, gc=False):
    """A quantity worth ``percent`` of the account's equity (5 is 5 %), priced as ``Notional`` is.

    Where the configuration gives the strategy capital of its own, it is a percentage of that.
    """

    percent: Number


Quantity = Number | Notional | EquityPercent
"""How much: in units of the instrument, or by what it is worth."""


class PlaceOrder(msgspec.Struct, frozen=True, gc=False):
    """Please send this order. ``quantity`` is in units of the instrument, positive, or by its worth.

    ``stop_price`` is the trigger of stops and of if-touched orders. A trailing stop has one of
    ``trail_amount`` (in price) and ``trail_percent`` (5 is 5 %), and may have a first ``stop_price``.
    ``expire_ts`` (ns, UTC) belongs to GTD. ``post_only`` takes no liquidity, ``reduce_only`` opens or
    turns no position, ``display_quantity`` is what an iceberg shows.

    ``stop_loss`` and ``take_profit`` are prices of attached exits: once this order is filled, a stop and
    a limit order of the same quantity the other way, of which one cancels the other.
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

    One of the two is given; negative is short. A ``weight`` of 0.6 is worth 60 % of the account's
    equity (of the strategy's capital, where it has its own), rounded to lots towards zero. The order is for
    the difference to the position that this strategy holds now. Orders still working are not counted:
    cancel them first, or they fill besides. No order is made when the difference is less than a lot.
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
    """Please send these orders, two or more of one symbol: what one fills the others no longer may.

    A fill takes its quantity off the others, which are cancelled when nothing is left of them. An order
    that is cancelled, denied or expires leaves the others as they are.
    """

    orders: tuple[PlaceOrder, ...]


class OneTriggersOther(msgspec.Struct, frozen=True):
    """Please send ``first``, and ``then`` once it is filled.

    What waits is sent when ``first`` is completely filled, or ended with a part filled: then for that
    part. It is cancelled when ``first`` ends with nothing filled.
    """

    first: PlaceOrder
    then: tuple[PlaceOrder | OneCancelsOther, ...]


class Execute(msgspec.Struct, frozen=True):
    """Please work this order in parts, each an order of its own: tagged with the id of the whole.

    The order is a market or limit order, good till cancelled, without attached exits; a target's order is
    for the difference at the time of the decision. ``on_order_update`` hears ``ExecutionRequested`` with
    the id of the whole, updates of the parts, and ``ExecutionFinished`` at the end.
    """

    order: PlaceOrder | Target
    algorithm: Algorithm


class CancelExecution(msgspec.Struct, frozen=True, gc=False):
    """Please send no more parts of a worked order, and cancel the one at the venue."""

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
    """An opinion, recorded and handed on, without an order. ``strength`` is in 0..1.

    ``stop_loss`` and ``take_profit`` are prices for whoever acts on it.
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
    """Please call ``on_timer`` at the next moment that lies ``offset_ns`` after a session's open or close.

    Below 0 the moment is before it; at most seven days either way. ``every_session``: at that moment of each
    session from then on, until the timer is cancelled or set anew. On a half day the close is the early one.
    Sessions are those of the symbol's calendar (``Context.calendar``); a symbol without one is refused.
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
"""What every hook returns: nothing, one decision, or any iterable of them."""
