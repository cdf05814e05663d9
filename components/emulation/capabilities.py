"""The order that is sent to a venue in place of one that it does not accept. Pure functions."""

import msgspec

from kernel.events import ApprovedOrder, Order, OrderType, TimeInForce, VenueDeclared, VenueFeature

Type = OrderType
Tif = TimeInForce

SENT_AS: dict[OrderType, OrderType] = {
    Type.STOP: Type.MARKET,
    Type.STOP_LIMIT: Type.LIMIT,
    Type.TRAILING_STOP: Type.MARKET,
    Type.MARKET_IF_TOUCHED: Type.MARKET,
    Type.LIMIT_IF_TOUCHED: Type.LIMIT,
    Type.MARKET_ON_OPEN: Type.MARKET,
    Type.MARKET_ON_CLOSE: Type.MARKET,
    Type.LIMIT_ON_OPEN: Type.LIMIT,
    Type.LIMIT_ON_CLOSE: Type.LIMIT,
}
"""The order type that is sent for an emulated type, once its condition is true."""

AT_ONE_MOMENT = frozenset({Type.LIMIT_ON_OPEN, Type.LIMIT_ON_CLOSE})
"""Types that trade at one moment only. Emulated, they are sent IOC, so the unfilled rest is cancelled."""

TIMED = frozenset({Tif.DAY, Tif.GTD, Tif.IOC})
"""Times in force that can be emulated: the order is sent GTC and cancelled later.

FOK cannot be emulated, because a GTC order can fill in part.
"""


def takes_as_it_is(order: Order, declared: VenueDeclared) -> bool:
    """Whether the venue supports every feature of the order itself. Groups are not looked at."""
    return (
        order.order_type in declared.order_types
        and order.time_in_force in declared.times_in_force
        and not (order.post_only and VenueFeature.POST_ONLY not in declared.features)
        and not (order.reduce_only and VenueFeature.REDUCE_ONLY not in declared.features)
        and not (order.display_quantity is not None and VenueFeature.ICEBERG not in declared.features)
    )


def must_wait_for_group(order: Order, declared: VenueDeclared) -> bool:
    """Whether a stop order of a group is held here although the venue accepts stop orders.

    A partial fill of another member must make the stop smaller. A venue without groups and without
    replacement can only cancel the stop, and the rest of the position would lose its protection.
    """
    return (
        bool(order.group_id)
        and order.stop_price is not None
        and VenueFeature.OCO not in declared.features
        and VenueFeature.REPLACE not in declared.features
    )


def can_be_sent(order: Order, declared: VenueDeclared) -> bool:
    """Whether the order can be traded at the venue, directly or emulated."""
    return _type_sent(order, declared) is not None and _time_sent(order, declared) is not None


def as_sent(order: ApprovedOrder, declared: VenueDeclared) -> ApprovedOrder:
    """The order that goes to the venue when the emulated conditions are true."""
    order_type, time_in_force = _type_sent(order, declared), _time_sent(order, declared)
    assert order_type is not None
    assert time_in_force is not None
    is_plain = order_type is not order.order_type
    return msgspec.structs.replace(
        order,
        order_type=order_type,
        time_in_force=time_in_force,
        expire_ts=order.expire_ts if time_in_force is Tif.GTD else 0,
        stop_price=None if is_plain else order.stop_price,
        trail_amount=None if is_plain else order.trail_amount,
        trail_percent=None if is_plain else order.trail_percent,
        post_only=order.post_only and VenueFeature.POST_ONLY in declared.features,
        reduce_only=order.reduce_only and VenueFeature.REDUCE_ONLY in declared.features,
    )


def is_emulated_type(order: Order, declared: VenueDeclared) -> bool:
    """Whether the order is sent as another order type."""
    return _type_sent(order, declared) is not order.order_type


def time_wanted(order: Order, declared: VenueDeclared) -> TimeInForce:
    """The time in force that the sent order should have, whether the venue or emulation enforces it."""
    if order.order_type in AT_ONE_MOMENT and is_emulated_type(order, declared):
        return Tif.IOC
    return order.time_in_force


def _type_sent(order: Order, declared: VenueDeclared) -> OrderType | None:
    if order.display_quantity is not None and VenueFeature.ICEBERG not in declared.features:
        return None  # not emulated here: the iceberg execution algorithm does this
    if order.order_type in declared.order_types and not must_wait_for_group(order, declared):
        return order.order_type
    plain = SENT_AS.get(order.order_type)
    return plain if plain in declared.order_types else None


def _time_sent(order: Order, declared: VenueDeclared) -> TimeInForce | None:
    wanted = time_wanted(order, declared)
    if wanted in declared.times_in_force:
        return wanted
    return Tif.GTC if wanted in TIMED and Tif.GTC in declared.times_in_force else None
