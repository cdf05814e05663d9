"""Instructions of orders on bars, quotes and trades: post-only, IOC and FOK, on open and on close.

An order with one of these is priced here, before or instead of the fill model:

- On open, on close: it fills at the price of its auction, and expires if that is beyond its limit.
- Post-only: it is cancelled if it would take liquidity at its first event. Otherwise it rests.
- IOC, FOK: the model gets only the first moment of the event (the open of a bar). The rest is cancelled. A
  stop order waits for its trigger first.

Instructions about quantity (reduce-only, iceberg, groups, the "all" of FOK) are in ``fill_sharing``. For
order books the same rules are in ``book_matching``, level by level.
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
    """The price and time of the open that the order waits for, if this event is the first to show it."""
    due_ts = resting.due_ts
    if isinstance(event, Bar):
        if event.ts <= due_ts:
            return None
        return event.open, min(max(event.open_ts or event.ts, due_ts), event.ts)
    price = _first_price(resting, event)
    if event.ts < due_ts or not price or price != price:  # a quote without the needed side does not count
        return None
    return price, event.ts


def _close_in(event: Bar | Quote | Trade, resting: Resting) -> tuple[float, int] | None:
    """The price and time of the close that the order waits for. Without bars, ``expiry`` finds it."""
    if isinstance(event, Bar) and event.ts >= resting.due_ts:
        return event.close, event.ts
    return None


def _takes_at_once(resting: Resting, event: Bar | Quote | Trade) -> bool:
    """Whether a limit order would take liquidity. A bar or trade exactly at the limit is no proof."""
    price = _first_price(resting, event)
    if not price:
        return False
    return is_within_limit(resting, price) and (isinstance(event, Quote) or price != resting.limit)


def _first_price(resting: Resting, event: Bar | Quote | Trade) -> float:
    """The first price of the event at which the order could trade."""
    match event:
        case Bar():
            return event.open
        case Trade():
            return event.price
        case Quote():
            return event.ask if resting.is_buy else event.bid
