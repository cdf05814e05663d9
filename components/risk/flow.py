"""The flow of approved orders: the times of the last ones, and the terms of those sent lately."""

from decimal import Decimal

import msgspec

from kernel.events import Order, OrderType, Side
from kernel.identifiers import StrategyId

DuplicateKey = tuple[
    StrategyId,
    str,
    Side,
    OrderType,
    Decimal,
    Decimal | None,
    Decimal | None,
    Decimal | None,
    Decimal | None,
]
"""Strategy, symbol, side, type, quantity; limit, stop, trail in price and in per cent."""


class Ring(msgspec.Struct, gc=False):
    """The times of the last ``size`` orders; once it is full, ``place`` is the oldest one's."""

    size: int
    times: list[int] = []
    place: int = 0

    def oldest(self) -> int | None:
        """The time of the order ``size`` orders ago; ``None`` if there were fewer."""
        return self.times[self.place] if len(self.times) == self.size else None

    def add(self, ts: int) -> None:
        """Note one more."""
        if len(self.times) < self.size:
            self.times.append(ts)
        else:
            self.times[self.place] = ts
            self.place = (self.place + 1) % self.size


class FlowState(msgspec.Struct):
    """The orders approved lately.

    A duplicate is searched in the present window and in the one before. Old orders are dropped a window at a
    time, not one by one.
    """

    rings: dict[str, Ring] = {}
    """By rule."""
    recent: dict[DuplicateKey, int] = {}
    """The time of the last order of the present window, by ``duplicate_key``."""
    recent_before: dict[DuplicateKey, int] = {}
    """The same of the window before."""
    window_ts: int = 0
    """The beginning of the present window."""

    def last_like(self, key: DuplicateKey) -> int | None:
        """The time of the last order with this key; ``None`` if neither window has one."""
        found = self.recent.get(key)
        return self.recent_before.get(key) if found is None else found

    def note(self, key: DuplicateKey, ts: int, *, window_ns: int) -> None:
        """Remember an order for one window at least, two at most."""
        if ts - self.window_ts >= window_ns:
            self.recent_before = self.recent if ts - self.window_ts < 2 * window_ns else {}
            self.recent = {}
            self.window_ts = ts
        self.recent[key] = ts


def duplicate_key(order: Order) -> DuplicateKey:
    """The terms by which a duplicate order is recognised."""
    return (
        order.strategy,
        order.symbol,
        order.side,
        order.order_type,
        order.quantity,
        order.limit_price,
        order.stop_price,
        order.trail_amount,
        order.trail_percent,
    )
