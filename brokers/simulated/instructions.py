"""Instructions of orders on bars, quotes and trades: post-only, IOC and FOK, on open and on close.

An order with one of these does not go to the fill model directly:

- On open, on close: it fills at the one price of its auction, and expires if that is beyond its limit.
- Post-only: if its first event would let it take liquidity, it is cancelled. From then on it rests.
- IOC, FOK: the model sees the first moment of the event, of a bar its open. The rest is cancelled. A stop
  waits for its trigger first.

Instructions about quantity (reduce-only, iceberg, groups, the "all" of FOK) are in ``fill_sharing``. Order
books follow the same rules level by level, in ``book_matching``.
"""

from collections.abc import Callable
from typing import TypeVar

import msgspec

from brokers.simulated.fills.port import Price
from brokers.simulated.fills.triggers import fill_at, is_within_limit
from brokers.simulated.reports import (
    INSTEAD_OF_TAKING,
    NOT_AT_CLOSE,
    NOT_AT_OPEN,
    cancelled,
    expired,
    not_at_once,
)
from brokers.simulated.resting import AT_ONCE, ON_CLOSE, ON_OPEN, Resting
from kernel.events import Bar, ExecutionReport, Quote, Trade

MarketT = TypeVar("MarketT", Bar, Quote, Trade)


class Ending(msgspec.Struct, frozen=True):
    """An order that ends with this event, unless the event fills it."""

    resting: Resting
    make_report: Callable[[int, Resting, str], ExecutionReport]
    reason: str


def price_as_instructed(
    resting: Resting,
    event: MarketT,
    fill: Callable[[Resting, MarketT], Price | None],
    endings: list[Ending],
) -> Price | None:
    """The price at which the event fills an order with instructions.

    ``fill`` is the fill model. An order that the event ends is added to ``endings``.
    """
    order = resting.order
    if order.order_type in ON_OPEN or order.order_type in ON_CLOSE:
        return _auction_price(resting, event, endings)
    if order.post_only and not resting.is_posted:
        if _takes_at_once(resting, event):
            endings.append(Ending(resting, cancelled, INSTEAD_OF_TAKING))
            return None
        resting.is_posted = True
    if order.time_in_force not in AT_ONCE:
        return fill(resting, event)
    price = fill(resting, event if resting.waits_for else _first_moment(event))
    if not resting.waits_for:
        endings.append(Ending(resting, cancelled, not_at_once(order.time_in_force)))
    return price


def last_moment(bar: Bar) -> Bar:
    """A bar's close as a bar of its own."""
    close = bar.close
    return msgspec.structs.replace(bar, open=close, high=close, low=close, open_ts=bar.ts)


def _first_moment(event: MarketT) -> MarketT:
    """A bar's open as a bar of its own; any other event as it is."""
    if not isinstance(event, Bar):
        return event
    opened = event.open
    return msgspec.structs.replace(event, high=opened, low=opened, close=opened)


def _auction_price(resting: Resting, event: Bar | Quote | Trade, endings: list[Ending]) -> Price | None:
    """The price of an order on open or on close, if this event holds its auction."""
    is_for_open = resting.order.order_type in ON_OPEN
    found = _open_in(event, resting) if is_for_open else _close_in(event, resting)
    if found is None:
        return None
    endings.append(Ending(resting, expired, NOT_AT_OPEN if is_for_open else NOT_AT_CLOSE))
    price, executed_ts = found
    return fill_at(resting, price, executed_ts)


def _open_in(event: Bar | Quote | Trade, resting: Resting) -> tuple[float, int] | None:
    """The price and time of the open that the order is for, if this event is the first to know it."""
    due_ts = resting.due_ts
    if isinstance(event, Bar):
        if event.ts <= due_ts:
            return None
        return event.open, min(max(event.open_ts or event.ts, due_ts), event.ts)
    price = _first_price(resting, event)
    if event.ts < due_ts or not price or price != price:  # without its side, the next quote is the first
        return None
    return price, event.ts


def _close_in(event: Bar | Quote | Trade, resting: Resting) -> tuple[float, int] | None:
    """The price and time of the close that the order is for. Without bars, ``expiry`` finds the close."""
    if isinstance(event, Bar) and event.ts >= resting.due_ts:
        return event.close, event.ts
    return None


def _takes_at_once(resting: Resting, event: Bar | Quote | Trade) -> bool:
    """Whether a limit order would take liquidity. A bar or trade right at the limit does not prove it."""
    price = _first_price(resting, event)
    if not price:
        return False
    return is_within_limit(resting, price) and (isinstance(event, Quote) or price != resting.limit)


def _first_price(resting: Resting, event: Bar | Quote | Trade) -> float:
    """The first price of the event that the order meets."""
    match event:
        case Bar():
            return event.open
        case Trade():
            return event.price
        case Quote():
            return event.ask if resting.is_buy else event.bid
