"""The trading sessions of symbols, as a strategy sees them."""

from collections.abc import Callable
from typing import Protocol

from kernel.events import TradingSession


class HoursView(Protocol):
    """What is read of trading hours."""

    def is_open(self, symbol: str, ts: int) -> bool: ...
    def session(self, symbol: str, ts: int) -> TradingSession | None:
        """The session that ``ts`` is in, else the next one; ``None`` where no calendar is known."""
        ...

    def next_session(self, symbol: str, ts: int) -> TradingSession | None:
        """The first session that opens after ``ts``; ``None`` where none is known."""
        ...

    def calendar(self, symbol: str) -> str:
        """The name of the calendar whose sessions are known for a symbol; empty where there is none."""
        ...

    def trading_day(self, symbol: str, ts: int) -> int:
        """The day, as YYYYMMDD, of the session that ``ts`` is in or before; or the date in UTC."""
        ...


class StrategyCalendar:
    """The one implementation of the SDK's ``CalendarView``, which says what each answer means."""

    def __init__(self, hours: HoursView, now: Callable[[], int]) -> None:
        self._hours = hours
        self._now = now

    def is_open(self, symbol: str) -> bool:
        """Whether its market trades now."""
        return self._hours.is_open(symbol, self._now())

    def session(self, symbol: str) -> TradingSession | None:
        """The session that now belongs to, else the next one."""
        return self._hours.session(symbol, self._now())

    def next_open(self, symbol: str) -> int | None:
        """When the first session after now opens."""
        session = self._hours.next_session(symbol, self._now())
        return None if session is None else session.open_ts

    def next_close(self, symbol: str) -> int | None:
        """When the session that now belongs to ends, else the next one."""
        session = self.session(symbol)
        return None if session is None else session.close_ts

    def trading_day(self, symbol: str) -> int:
        """The day, as YYYYMMDD."""
        return self._hours.trading_day(symbol, self._now())
