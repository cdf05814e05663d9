"""Timers relative to the open or close of trading sessions.

What it remembers: every session timer of the strategy by name, with its next moment. A timer whose next
session is not known has no moment; it waits for new sessions of its calendar.

What changes it:

- A decision sets or cancels a timer.
- A timer fires. With ``every_session`` it is set for the next session before the strategy hears of it;
  otherwise it is forgotten.
- A calendar gets new sessions. They may move the moment of a timer.
- The strategy returns to service. A timer that fell due in the meantime is treated as if it had fired.

What never happens: two timers of one name.
"""

from collections.abc import Sequence

import msgspec

from components.strategy_host.calendar_view import HoursView
from components.strategy_host.plain_values import choice, flag, text
from components.strategy_host.state import HostState, SessionTimer
from kernel.events import (
    CalendarDefined,
    ComponentRestarted,
    Event,
    TimerCancelled,
    TimerFired,
    TimerScheduled,
)
from kernel.identifiers import TimerName
from kernel.time_units import DAY_NS
from kernel.timers import NEVER
from strategies.sdk.decisions import SessionMoment, SetSessionTimer

LARGEST_OFFSET_NS = 7 * DAY_NS
"""The largest distance of a timer from its session. A larger one was probably not meant as nanoseconds."""


class SessionTimers:
    """The session timers of one strategy; ``owner`` is its component."""

    def __init__(self, owner: str, *, state: HostState, hours: HoursView) -> None:
        self._owner = owner
        self._state = state
        self._hours = hours

    def set(self, ts: int, wanted: SetSessionTimer) -> Sequence[Event]:
        """Set the timer of a decision; raises ``ValueError`` with a sentence if it is not valid."""
        name, symbol = TimerName(text(wanted.name, "timer name")), text(wanted.symbol, "symbol")
        offset_ns = wanted.offset_ns
        if type(offset_ns) is not int or abs(offset_ns) > LARGEST_OFFSET_NS:
            raise ValueError(
                f"timer {name!r}: expected offset_ns as whole nanoseconds within seven days of the session; "
                f"got {offset_ns!r}"
            )
        if not self._hours.calendar(symbol):
            raise ValueError(
                f"timer {name!r}: {symbol} has no calendar, so its sessions are not known; name one under "
                "instruments, or use SetTimer"
            )
        timer = SessionTimer(
            symbol,
            choice(SessionMoment, wanted.moment, "moment"),
            offset_ns,
            flag(wanted.every_session, "every_session"),
        )
        self._state.session_timers.pop(name, None)
        return (self._armed(ts, name, timer) or TimerCancelled(ts, self._owner, name),)

    def forget(self, name: TimerName) -> None:
        """Forget a timer that was cancelled, or whose name a plain timer has taken."""
        self._state.session_timers.pop(name, None)

    def repeats(self, name: TimerName) -> bool:
        """Whether a timer that has just fired was set for the next session."""
        return name in self._state.session_timers

    def on_timer(self, fired: TimerFired) -> Sequence[Event] | None:
        """Set the timer for the next session, or forget it if it was for one session."""
        timer = self._state.session_timers.get(fired.name) if fired.owner == self._owner else None
        return None if timer is None else self._rearmed(fired.ts, fired.name, timer) or None

    def on_calendar(self, event: CalendarDefined) -> Sequence[Event] | None:
        """Move timers whose moment has changed, and set those that waited for new sessions."""
        moved: list[Event] = []
        for name, timer in tuple(self._state.session_timers.items()):
            if self._hours.calendar(timer.symbol) == event.calendar:
                moved += self._moved(event.ts, name, timer)
        return moved or None

    def on_restarted(self, event: ComponentRestarted) -> Sequence[Event] | None:
        """Update all timers after the strategy was out of service."""
        if event.component != self._owner:
            return None
        made: list[Event] = []
        for name, timer in tuple(self._state.session_timers.items()):
            is_missed = timer.due_ts <= event.ts
            made += self._rearmed(event.ts, name, timer) if is_missed else self._moved(event.ts, name, timer)
        return made or None

    def _moved(self, ts: int, name: str, timer: SessionTimer) -> Sequence[Event]:
        """Set a timer for its present moment, if that has changed."""
        made = self._armed(ts, name, timer)
        if made is None:
            return () if timer.due_ts == NEVER else (TimerCancelled(ts, self._owner, TimerName(name)),)
        return () if made.due_ts == timer.due_ts else (made,)

    def _rearmed(self, ts: int, name: str, timer: SessionTimer) -> Sequence[Event]:
        """Set a timer that fell due for the next session, or forget it if it was for one session."""
        if not timer.every_session:
            del self._state.session_timers[name]
            return ()
        made = self._armed(ts, name, timer)
        return () if made is None else (made,)

    def _armed(self, ts: int, name: str, timer: SessionTimer) -> TimerScheduled | None:
        """Remember a timer with its next moment after ``ts``; ``None`` if that session is not known."""
        after = max(0, ts - timer.offset_ns)
        if timer.moment is SessionMoment.CLOSE:
            session = self._hours.session(timer.symbol, after)
            due_ts = NEVER if session is None else session.close_ts + timer.offset_ns
        else:
            session = self._hours.next_session(timer.symbol, after)
            due_ts = NEVER if session is None else session.open_ts + timer.offset_ns
        self._state.session_timers[name] = msgspec.structs.replace(timer, due_ts=due_ts)
        if session is None:
            return None
        return TimerScheduled(ts, self._owner, TimerName(name), due_ts)
