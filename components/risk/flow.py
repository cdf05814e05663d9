"""What is remembered of the flow of orders: when the last ones went, which ones went lately."""

import msgspec

from kernel.events import Order


class Ring(msgspec.Struct, gc=False):
    """The times of the last ``size`` orders, overwritten in turn: ``place`` is the oldest once it is full."""

    size: int
    times: list[int] = []
    place: int = 0

    def oldest(self) -> int | None:
        """When the order ``size`` orders ago went; ``None`` if there were fewer."""
        return self.times[self.place] if len(self.times) == self.size else None

    def add(self, ts: int) -> None:
        """Note one more."""
        if len(self.times) < self.size:
            self.times.append(ts)
        else:
            self.times[self.place] = ts
            self.place = (self.place + 1) % self.size


class FlowState(msgspec.Struct):
    """Rings by rule; the orders of the present window and of the one before, with when they went.

    Windows change whole, so that no order has to be taken out one by one.
    """

    rings: dict[str, Ring] = {}
    recent: dict[str, int] = {}
    recent_before: dict[str, int] = {}
    window_ts: int = 0

    def last_like(self, key: str) -> int | None:
        """When an order like this went last, if that was in the present window or the one before."""
        found = self.recent.get(key)
        return self.recent_before.get(key) if found is None else found

    def note(self, key: str, ts: int, *, window_ns: int) -> None:
        """Remember an order for one window at least, two at most."""
        if ts - self.window_ts >= window_ns:
            self.recent_before = self.recent if ts - self.window_ts < 2 * window_ns else {}
            self.recent = {}
            self.window_ts = ts
        self.recent[key] = ts


def likeness(order: Order) -> str:
    """What two orders share that look like one sent twice."""
    return (
        f"{order.strategy}|{order.symbol}|{order.side}|{order.order_type}|{order.quantity.normalize()}"
        f"|{order.limit_price}|{order.stop_price}|{order.trail_amount}|{order.trail_percent}"
    )
