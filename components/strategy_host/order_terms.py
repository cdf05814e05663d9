"""Checks the terms of one order: the prices of its type, and the instructions that it allows."""

from decimal import Decimal
from typing import NamedTuple

import msgspec

from components.strategy_host.plain_values import (
    choice,
    exact_number,
    flag,
    nanoseconds,
    order_price,
    to_ticks,
)
from components.strategy_host.sizes import Sizes
from kernel.events import GTC, GTD, MARKET, TRAILING_STOP, InstrumentDefined, OrderType, TimeInForce
from strategies.sdk.decisions import PlaceOrder, Target

Type = OrderType
DISPLAY = "display quantity"


class Needs(NamedTuple):
    """The prices of an order type. ``True``: required; ``False``: not allowed; ``None``: optional."""

    limit: bool
    stop: bool | None
    trail: bool = False


NEEDS: dict[OrderType, Needs] = {
    Type.MARKET: Needs(limit=False, stop=False),
    Type.LIMIT: Needs(limit=True, stop=False),
    Type.STOP: Needs(limit=False, stop=True),
    Type.STOP_LIMIT: Needs(limit=True, stop=True),
    Type.TRAILING_STOP: Needs(limit=False, stop=None, trail=True),
    Type.MARKET_IF_TOUCHED: Needs(limit=False, stop=True),
    Type.LIMIT_IF_TOUCHED: Needs(limit=True, stop=True),
    Type.MARKET_ON_OPEN: Needs(limit=False, stop=False),
    Type.MARKET_ON_CLOSE: Needs(limit=False, stop=False),
    Type.LIMIT_ON_OPEN: Needs(limit=True, stop=False),
    Type.LIMIT_ON_CLOSE: Needs(limit=True, stop=False),
}

_HUNDRED = Decimal(100)


class Terms(msgspec.Struct, frozen=True, gc=False):
    """The checked terms of an order except its quantity; prices are on the tick."""

    order_type: OrderType
    limit_price: Decimal | None
    stop_price: Decimal | None
    time_in_force: TimeInForce
    expire_ts: int


def terms_of(ts: int, wanted: PlaceOrder | Target, instrument: InstrumentDefined) -> Terms:
    """The terms of an order or a target; raises ``ValueError`` for terms that do not fit."""
    order_type = choice(OrderType, wanted.order_type, "order_type")
    limit_price = order_price(wanted.limit_price, instrument)
    stop_price = order_price(wanted.stop_price, instrument)
    needs = NEEDS[order_type]
    if needs.limit is (limit_price is None):
        raise _misfit(order_type, "limit price", wanted.limit_price)
    if needs.stop is (stop_price is None):
        raise _misfit(order_type, "stop price", wanted.stop_price)
    if needs.trail and not isinstance(wanted, PlaceOrder):
        raise ValueError(f"a target is no {order_type.value} order")
    time_in_force, expire_ts = wanted.time_in_force, wanted.expire_ts
    if time_in_force is not GTC or expire_ts:
        time_in_force = choice(TimeInForce, time_in_force, "time_in_force")
        expire_ts = _expiry(ts, time_in_force, nanoseconds(expire_ts, "expire_ts"))
    return Terms(order_type, limit_price, stop_price, time_in_force, expire_ts)


AT_MARKET = Terms(OrderType.MARKET, None, None, TimeInForce.GTC, 0)
"""The terms of most orders."""


def is_priced(wanted: PlaceOrder) -> bool:
    """Whether an order has a price or a time limit; a plain market order has neither."""
    return not (
        wanted.order_type is MARKET
        and wanted.limit_price is None
        and wanted.stop_price is None
        and wanted.time_in_force is GTC
        and wanted.expire_ts == 0
    )


def is_plain(wanted: PlaceOrder, order_type: OrderType) -> bool:
    """Whether an order has no trail, instruction or display quantity; nearly all orders are plain."""
    return (
        wanted.trail_amount is None
        and wanted.trail_percent is None
        and wanted.display_quantity is None
        and wanted.post_only is False
        and wanted.reduce_only is False
        and order_type is not TRAILING_STOP
    )


def trail_of(
    wanted: PlaceOrder, order_type: OrderType, instrument: InstrumentDefined
) -> tuple[Decimal | None, Decimal | None]:
    """Trail amount, on the tick, and trail percent. A trailing stop has exactly one of them."""
    amount, percent = wanted.trail_amount, wanted.trail_percent
    if amount is None and percent is None:
        if NEEDS[order_type].trail:
            raise ValueError(f"a {order_type.value} order needs a trail amount or a trail percent")
        return None, None
    if not NEEDS[order_type].trail:
        raise ValueError(f"a {order_type.value} order takes no trail")
    if amount is not None and percent is not None:
        raise ValueError("a trail is an amount or a percent; got both")
    if percent is None:
        return to_ticks(amount, instrument.tick_size), None
    if instrument.allow_negative_prices:
        raise ValueError(f"trail percent: prices of {instrument.symbol} may be below 0; give a trail amount")
    exact = exact_number(percent, "trail percent")
    if not 0 < exact < _HUNDRED:
        raise ValueError(f"trail percent {percent!r} is not between 0 and 100")
    return None, exact


def instructions_of(wanted: PlaceOrder, terms: Terms) -> tuple[bool, bool]:
    """Post-only and reduce-only."""
    post_only, reduce_only = flag(wanted.post_only, "post_only"), flag(wanted.reduce_only, "reduce_only")
    if post_only and terms.limit_price is None:
        raise ValueError(f"a {terms.order_type.value} order cannot be post-only: it needs a limit price")
    if post_only and terms.time_in_force in (TimeInForce.IOC, TimeInForce.FOK):
        raise ValueError(f"an order that is {terms.time_in_force.value} cannot be post-only")
    return post_only, reduce_only


def display_of(
    wanted: PlaceOrder, terms: Terms, *, quantity: Decimal, instrument: InstrumentDefined, sizes: Sizes
) -> tuple[Decimal | None, str]:
    """The quantity that an iceberg shows, in whole lots, and words if it was cut.

    ``None`` for an order that shows everything.
    """
    if wanted.display_quantity is None:
        return None, ""
    if terms.limit_price is None:
        raise ValueError(f"a {terms.order_type.value} order cannot be an iceberg: it needs a limit price")
    display, cut = sizes.whole_lots(wanted.display_quantity, instrument, what=DISPLAY)
    return (None, "") if display >= quantity else (display, cut)


def _misfit(order_type: OrderType, what: str, given: object) -> ValueError:
    if given is None:
        return ValueError(f"a {order_type.value} order needs a {what}")
    return ValueError(f"a {order_type.value} order takes no {what}; got {given!r}")


def _expiry(ts: int, time_in_force: TimeInForce, expire_ts: int) -> int:
    if time_in_force is not GTD:
        if expire_ts:
            raise ValueError(f"expire_ts belongs to gtd; the order is {time_in_force.value}")
    elif expire_ts <= ts:
        raise ValueError(f"a gtd order needs an expire_ts after now ({ts}); got {expire_ts}")
    return expire_ts
