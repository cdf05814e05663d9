"""Trading hours: the part of a calendar that the simulated venue reads."""

from typing import Protocol

from kernel.events import Bar, TradingSession
from kernel.time_units import DAY_NS


class TradingHours(Protocol):
    """The hours of a venue, by symbol. Times are ns, UTC."""

    def is_open(self, symbol: str, ts: int) -> bool:
        """Whether orders are matched; always ``True`` without a calendar."""
        ...

    def is_halted(self, symbol: str) -> bool:
        """Whether the venue has halted trading."""
        ...

    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session that contains ``ts``, else the next one; ``None`` without a calendar."""
        ...

    def day_end(self, symbol: str, ts: int) -> int:
        """The time at which a DAY order expires that arrives at ``ts``."""
        ...


class RoundTheClock:
    """No calendar: the venue is always open, and days end at midnight UTC."""

    def is_open(self, symbol: str, ts: int) -> bool:  # noqa: ARG002  # the port's signature
        """Always."""
        return True

    def is_halted(self, symbol: str) -> bool:  # noqa: ARG002  # the port's signature
        """Never."""
        return False

    def session(self, symbol: str, ts: int) -> TradingSession | None:  # noqa: ARG002  # the port's signature
        """No session is known."""
        return None

    def day_end(self, symbol: str, ts: int) -> int:  # noqa: ARG002  # the port's signature
        """The first ns of the next day, UTC."""
        return (ts // DAY_NS + 1) * DAY_NS


def is_in_session(hours: TradingHours, bar: Bar) -> bool:
    """Whether a part of the bar is in a session; ``True`` for a bar without ``open_ts``."""
    if not bar.open_ts:
        return True
    session = hours.session(bar.symbol, bar.open_ts)
    return session is None or session.open_ts < bar.ts


def next_open(hours: TradingHours, symbol: str, ts: int) -> int:
    """The first open at or after ``ts``; without a calendar, midnight UTC."""
    session = hours.session(symbol, ts)
    if session is not None and session.open_ts < ts:
        session = hours.session(symbol, session.close_ts)
    return -(-ts // DAY_NS) * DAY_NS if session is None else session.open_ts


def next_close(hours: TradingHours, symbol: str, ts: int) -> int:
    """The first close after ``ts``; without a calendar, midnight UTC."""
    session = hours.session(symbol, ts)
    return (ts // DAY_NS + 1) * DAY_NS if session is None else session.close_ts
