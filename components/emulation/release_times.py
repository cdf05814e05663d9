"""When emulated orders on open or close go out, when a time in force kept here ends, what is in session.

Hours are those of the instrument's calendar. Without one the venue is open round the clock and its day
is that of UTC, which opens and closes at midnight.
"""

from typing import Protocol

from kernel.events import Bar, Order, OrderType, Quote, TimeInForce, Trade, TradingSession
from kernel.time_units import MINUTE_NS

CLOSE_LEAD_NS = MINUTE_NS
"""How long before the close an order on close goes out: an order sent at the close comes too late, and a
minute is the least that data in bars of a minute can show."""

ON_OPEN = frozenset({OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN})
ON_CLOSE = frozenset({OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE})


class TradingHours(Protocol):
    """What is read of the calendar."""

    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session with ``open_ts <= ts < close_ts``, else the next one; ``None`` without a calendar."""
        ...

    def day_end(self, symbol: str, ts: int) -> int:
        """When a DAY order given at ``ts`` ends."""
        ...


def release_ts(order: Order, ts: int, *, hours: TradingHours) -> int | None:
    """When an order on open or close that came at ``ts`` is sent; ``None`` for other types."""
    if order.order_type in ON_OPEN:
        return _next_open(order.symbol, ts, hours)
    if order.order_type in ON_CLOSE:
        return _before_close(order.symbol, ts, hours)
    return None


def expiry_ts(order: Order, ts: int, *, hours: TradingHours) -> int | None:
    """When an order that came at ``ts`` is over; ``None`` if no time ends it."""
    if order.time_in_force is TimeInForce.DAY:
        return hours.day_end(order.symbol, ts)
    return order.expire_ts if order.time_in_force is TimeInForce.GTD else None


def is_out_of_session(event: Bar | Quote | Trade, *, hours: TradingHours) -> bool:
    """Whether the event lies wholly outside the sessions; of a bar that does not say when it began, no."""
    opened_ts = event.open_ts if isinstance(event, Bar) else event.ts
    session = hours.session(event.symbol, opened_ts) if opened_ts else None
    return session is not None and opened_ts < session.open_ts >= event.ts


def _next_open(symbol: str, ts: int, hours: TradingHours) -> int:
    session = hours.session(symbol, ts)
    if session is not None and session.open_ts <= ts:
        session = hours.session(symbol, session.close_ts)
    return hours.day_end(symbol, ts) if session is None else session.open_ts


def _before_close(symbol: str, ts: int, hours: TradingHours) -> int:
    """Before the close of the session that ``ts`` is in; before that of the next one if it is too late."""
    close = hours.day_end(symbol, ts)
    if close - CLOSE_LEAD_NS < ts:
        close = hours.day_end(symbol, close)
    return close - CLOSE_LEAD_NS
