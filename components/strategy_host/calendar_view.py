"""A strategy's view of trading sessions."""

from collections.abc import Callable
from typing import Protocol

from kernel.events import TradingSession


class HoursView(Protocol):
    """Trading hours."""

    def is_open(self, symbol: str, ts: int) -> bool: ...
    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session at ``ts``, else the next one; ``None`` without a calendar."""
        ...

    def next_session(self, symbol: str, ts: int) -> TradingSession | None:
        """The first session that opens after ``ts``; ``None`` if no such session is known."""
        ...

    def calendar(self, symbol: str) -> str:
        """The name of the symbol's calendar; empty if its sessions are not known."""
        ...

    def trading_day(self, symbol: str, ts: int) -> int:
        """The day, as YYYYMMDD, of the session at or after ``ts``; without a calendar, the UTC date."""
        ...


class StrategyCalendar:
    """Implements the SDK's ``CalendarView``, which explains each answer."""

    def __init__(self, hours: HoursView, now: Callable[[], int]) -> None:
        self._hours = hours
        self._now = now

    def is_open(self, symbol: str) -> bool:
        """Whether its market trades now."""
        return self._hours.is_open(symbol, self._now())

    def session(self, symbol: str) -> TradingSession | None:
        """The present session, else the next one."""
        return self._hours.session(symbol, self._now())

    def next_open(self, symbol: str) -> int | None:
        """The time at which the first session after now opens."""
        session = self._hours.next_session(symbol, self._now())
        return None if session is None else session.open_ts

    def next_close(self, symbol: str) -> int | None:
        """The time at which the present session closes, else the next one."""
        session = self.session(symbol)
        return None if session is None else session.close_ts

    def trading_day(self, symbol: str) -> int:
        """The day, as YYYYMMDD."""
        return self._hours.trading_day(symbol, self._now())
