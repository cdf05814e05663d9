"""Time as events. A timer due at T sees every input stamped T or earlier."""

from kernel.events.header import Event
from kernel.events.timer_purposes import TimerPurpose
from kernel.identifiers import TimerName


class TimerScheduled(Event, frozen=True, tag=20):
    """``owner`` wants a timer at ``due_ts``, and then every ``every_ns`` unless that is 0.

    Scheduling a name again replaces the earlier timer. ``purpose`` is that of a timer of the core; ``None``
    for a strategy's own.
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
    """A timer fell due. ``ts`` is its due time, or later if kernel time had passed that already.

    ``purpose`` is the one it was scheduled with.
    """

    owner: str
    name: TimerName
    due_ts: int
    purpose: TimerPurpose | None = None


class ClockTicked(Event, frozen=True, tag=23):
    """Input: a live clock makes time pass, because a timer is due and no other input came."""


class ClockJumped(Event, frozen=True, tag=24):
    """Input: the wall clock stepped by ``step_ns`` against the monotonic clock.

    - Forward (positive): kernel time followed. A computer that slept shows a step too.
    - Backward: kernel time went on at half speed until the wall clock had caught up.
    """

    step_ns: int
