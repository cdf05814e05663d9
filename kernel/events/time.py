"""Time as events. A timer due at T sees every input stamped T or earlier."""

from kernel.events.header import Event
from kernel.events.timer_purposes import TimerPurpose
from kernel.identifiers import TimerName


class TimerScheduled(Event, frozen=True, tag=20):
    """``owner`` wants to be called at ``due_ts``, and every ``every_ns`` after it if that is not 0.

    Scheduling a name again replaces the earlier timer. ``purpose`` is what a timer of the core is for;
    ``None`` for a strategy's own.
    """

    owner: str
    name: TimerName
    due_ts: int
    every_ns: int = 0
    purpose: TimerPurpose | None = None


class TimerCancelled(Event, frozen=True, tag=21):
    """``owner`` no longer wants the timer."""

    owner: str
    name: TimerName


class TimerFired(Event, frozen=True, tag=22):
    """A timer fell due. ``ts`` is its due time, or later if the log had already passed it.

    ``purpose`` is the one it was scheduled with.
    """

    owner: str
    name: TimerName
    due_ts: int
    purpose: TimerPurpose | None = None


class ClockTicked(Event, frozen=True, tag=23):
    """Input of a live clock when a timer is due and no other input came."""


class ClockJumped(Event, frozen=True, tag=24):
    """Input: the wall clock was seen to have stepped by ``step_ns`` against the monotonic clock.

    Forward (positive): kernel time followed it; a computer that slept shows this too. Backward: kernel
    time went on at half speed until the wall clock had caught up.
    """

    step_ns: int
