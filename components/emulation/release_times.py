"""Times of emulated orders: when an order on open or on close is sent, and when an order expires.

Hours come from the instrument's calendar. Without one the venue is open round the clock, and its day is the
UTC day, which opens and closes at midnight.

An order whose time is over may have to wait for a bar that has not arrived, as at a venue that sees bars:

- A DAY order on bars of whole days without a calendar: its day is the next bar, whenever that comes.
- The time ends inside a bar: if the venue is in the core, it has not seen the part of the bar before that
  moment. A venue outside of the core trades in real time, so there the order ends at once.
"""

from typing import Protocol

from kernel.bar_times import end_of_bar_around, has_days_without_hours, last_bar_before
from kernel.bus import EventBus
from kernel.events import Bar, Order, OrderType, Quote, TimeInForce, Trade, TradingSession
from kernel.rules import RULES, deciding_ts
from kernel.time_units import MINUTE_NS
from kernel.timers import NEVER

CLOSE_LEAD_NS = MINUTE_NS
"""Time between the sending of an order on close and the close, in ns.

At the close itself it would be too late. With one-minute bars a shorter time makes no difference.
"""

ON_OPEN = frozenset({OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN})
ON_CLOSE = frozenset({OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE})


class TradingHours(Protocol):
    """The part of the calendar that emulation reads."""

    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session with ``open_ts <= ts < close_ts``, else the next one; ``None`` without a calendar."""
        ...

    def day_end(self, symbol: str, ts: int) -> int:
        """The time at which a DAY order given at ``ts`` ends."""
        ...


def release_ts(order: Order, ts: int, *, hours: TradingHours) -> int | None:
    """The time to send an order on open or on close that arrived at ``ts``; ``None`` for other types."""
    if order.order_type in ON_OPEN:
        return _next_open(order.symbol, ts, hours)
    if order.order_type in ON_CLOSE:
        return _before_close(order.symbol, ts, hours)
    return None


def expiry_ts(order: Order, ts: int, *, hours: TradingHours, rules: int = RULES) -> int | None:
    """The time at which an order that arrived at ``ts`` expires; ``None`` if it does not."""
    if order.time_in_force is TimeInForce.DAY:
        return hours.day_end(order.symbol, deciding_ts(ts, rules=rules))
    return order.expire_ts if order.time_in_force is TimeInForce.GTD else None


def overdue_until(
    order: Order, ts: int, *, since_ts: int, hours: TradingHours, bus: EventBus, sees_bars: bool
) -> int:
    """How long an order from ``since_ts``, whose time is over at ``ts``, waits for the next bar at most.

    ``ts``: it does not wait. ``NEVER``: until the bar comes.
    """
    bar = last_bar_before(bus, order.symbol, ts)
    if bar is None:
        return ts
    is_day = order.time_in_force is TimeInForce.DAY
    if is_day and bar.ts <= since_ts and has_days_without_hours(hours, bus, order.symbol, since_ts):
        return NEVER
    return (end_of_bar_around(ts, bar) or NEVER) if sees_bars else ts


def is_out_of_session(event: Bar | Quote | Trade, *, hours: TradingHours) -> bool:
    """Whether the whole event is outside trading sessions; ``False`` for a bar without ``open_ts``."""
    opened_ts = event.open_ts if isinstance(event, Bar) else event.ts
    session = hours.session(event.symbol, opened_ts) if opened_ts else None
    return session is not None and opened_ts < session.open_ts >= event.ts


def _next_open(symbol: str, ts: int, hours: TradingHours) -> int:
    session = hours.session(symbol, ts)
    if session is not None and session.open_ts <= ts:
        session = hours.session(symbol, session.close_ts)
    return hours.day_end(symbol, ts) if session is None else session.open_ts


def _before_close(symbol: str, ts: int, hours: TradingHours) -> int:
    """``CLOSE_LEAD_NS`` before the next close. If ``ts`` is later than that, before the close after it."""
    close = hours.day_end(symbol, ts)
    if close - CLOSE_LEAD_NS < ts:
        close = hours.day_end(symbol, close)
    return close - CLOSE_LEAD_NS
