"""The hours in which a feed must deliver, and the trading days of the bars that are built from it."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol

from kernel.events import TradingSession
from kernel.resampling import TradingDay, utc_day


class FeedHours(Protocol):
    """When data are expected."""

    def expects_data(self, ts: int) -> bool:
        """Whether silence at this moment is a fault."""
        ...

    def trading_day(self, ts: int) -> TradingDay:
        """The trading day that contains a moment, else the next one."""
        ...


class AlwaysOpen:
    """Data are always expected, and days are UTC days."""

    def expects_data(self, ts: int) -> bool:  # noqa: ARG002  # the port's signature
        """Always."""
        return True

    def trading_day(self, ts: int) -> TradingDay:
        """The UTC date."""
        return utc_day(ts)


class SessionHours:
    """The sessions of a calendar. Beyond the last one that is known, data are not expected."""

    def __init__(self, sessions: Sequence[TradingSession]) -> None:
        self._sessions: list[TradingSession] = []
        self._closes: list[int] = []
        self.renew(sessions)

    def renew(self, sessions: Sequence[TradingSession]) -> None:
        """Take other sessions, oldest first, from now on: trading hours are known only so far ahead."""
        self._sessions = list(sessions)
        self._closes = [session.close_ts for session in sessions]

    def expects_data(self, ts: int) -> bool:
        """Whether a session is under way."""
        session = self._next(ts)
        return session is not None and session.open_ts <= ts

    def trading_day(self, ts: int) -> TradingDay:
        """The session that contains a moment, else the next one; the UTC date beyond the last one."""
        session = self._next(ts)
        return utc_day(ts) if session is None else (session.day, session.open_ts, session.close_ts)

    def _next(self, ts: int) -> TradingSession | None:
        place = bisect_right(self._closes, ts)
        return self._sessions[place] if place < len(self._sessions) else None
