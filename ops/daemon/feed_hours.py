"""The trading hours of feeds: always those that the core has, which renewals and changes bring it."""

from collections.abc import Sequence

from brokers.feeds.hours import SessionHours
from kernel.events import TradingSession
from kernel.resampling import TradingDay
from replay.session import LiveSession


class CoreHours:
    """``FeedHours`` of a calendar, as the core of a session has it at the moment."""

    def __init__(self, session: LiveSession, calendar: str) -> None:
        self._session = session
        self._calendar = calendar
        self._taken: Sequence[TradingSession] = ()
        self._hours = SessionHours(())

    def expects_data(self, ts: int) -> bool:
        """Whether a session is under way."""
        return self._present().expects_data(ts)

    def trading_day(self, ts: int) -> TradingDay:
        """The session that contains a moment, else the next one."""
        return self._present().trading_day(ts)

    def _present(self) -> SessionHours:
        known = self._session.core.hours.state.sessions.get(self._calendar, ())
        if known is not self._taken:
            self._taken = known
            self._hours.renew(known)
        return self._hours
