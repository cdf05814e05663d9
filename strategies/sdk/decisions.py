"""What a strategy hook may return: orders, cancels, replacements, signals and timers.

These are plain values. The strategy host turns them into events, with time, ids and quantities
quantised to the instrument's lot and tick; what is not valid comes back as ``DecisionRefused``.
"""

from collections.abc import Iterable
from decimal import Decimal

import msgspec

from kernel.events import OrderType, Side, SignalDirection, TimeInForce
from kernel.identifiers import ClientOrderId, TimerName

Number = int | float | Decimal


class PlaceOrder(msgspec.Struct, frozen=True, gc=False):
    """Please send this order. ``quantity`` is in units of the instrument, positive."""

    symbol: str
    side: Side
    quantity: Number
    order_type: OrderType = OrderType.MARKET
    limit_price: Number | None = None
    stop_price: Number | None = None
    time_in_force: TimeInForce = TimeInForce.GTC
    tag: str = ""


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
    """An opinion, recorded and handed on, without an order. ``strength`` is in 0..1."""

    symbol: str
    direction: SignalDirection
    strength: float = 1.0
    reason: str = ""


class SetTimer(msgspec.Struct, frozen=True, gc=False):
    """Please call ``on_timer`` at ``due_ts`` (ns, UTC), then every ``every_ns`` if that is not 0."""

    name: TimerName
    due_ts: int
    every_ns: int = 0


class CancelTimer(msgspec.Struct, frozen=True, gc=False):
    """Please forget the timer."""

    name: TimerName


Decision = PlaceOrder | Cancel | Replace | Signal | SetTimer | CancelTimer
Decisions = Decision | Iterable[Decision] | None
"""What every hook returns: nothing, one decision, or any iterable of them."""


# Read once: on 3.11 a member of an enum takes 0.1 us to look up, a global 0.02.
_BUY = Side.BUY
_SELL = Side.SELL
_MARKET = OrderType.MARKET


def buy(
    symbol: str,
    quantity: Number,
    *,
    limit: Number | None = None,
    stop: Number | None = None,
    time_in_force: TimeInForce = TimeInForce.GTC,
    tag: str = "",
) -> PlaceOrder:
    """An order to buy: market, or limit, stop or stop-limit by the prices given."""
    return PlaceOrder(symbol, _BUY, quantity, _order_type(limit, stop), limit, stop, time_in_force, tag)


def sell(
    symbol: str,
    quantity: Number,
    *,
    limit: Number | None = None,
    stop: Number | None = None,
    time_in_force: TimeInForce = TimeInForce.GTC,
    tag: str = "",
) -> PlaceOrder:
    """An order to sell: market, or limit, stop or stop-limit by the prices given."""
    return PlaceOrder(symbol, _SELL, quantity, _order_type(limit, stop), limit, stop, time_in_force, tag)


def _order_type(limit: Number | None, stop: Number | None) -> OrderType:
    if stop is not None:
        return OrderType.STOP if limit is None else OrderType.STOP_LIMIT
    return _MARKET if limit is None else OrderType.LIMIT
