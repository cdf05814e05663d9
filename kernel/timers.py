"""Timers: components schedule them with events, and get an event when they fire.

A timer due at T fires before the first input stamped later than T, so it sees everything up to
and including T. Timers due at the same time fire in the order in which they were scheduled.
"""

import heapq
from collections.abc import Iterable

import msgspec

from kernel.component import STEADFAST, FailurePolicy, Subscription
from kernel.events import TimerCancelled, TimerFired, TimerPurpose, TimerScheduled
from kernel.identifiers import TimerName

NEVER = 2**63 - 1
"""Later than every ``ts``."""

DEAD_KEPT = 64
"""Dead (cancelled or replaced) timers kept in the heap beyond the number of live ones. More are removed."""


class PendingTimer(msgspec.Struct, order=True, frozen=True, array_like=True, gc=False):
    """A timer that waits; ordered by due time, then by when it was scheduled."""

    due_ts: int
    number: int
    owner: str
    name: str
    every_ns: int
    purpose: TimerPurpose | None = None


class TimersState(msgspec.Struct):
    """The heap of waiting timers. Dead ones stay in it until they are first or too many.

    ``live`` maps (owner, name) to the number of the live timer.
    """

    heap: list[PendingTimer] = []
    live: dict[tuple[str, str], int] = {}
    count: int = 0


class Timers:
    """The kernel's own component; always registered first."""

    name = "timers"
    failure_policy: FailurePolicy = STEADFAST

    def __init__(self) -> None:
        self.state = TimersState()
        self.next_due = NEVER
        """When the next timer is due; read by the dispatch loop."""

    def subscriptions(self) -> Iterable[Subscription]:
        return (
            Subscription(TimerScheduled, self.on_scheduled),
            Subscription(TimerCancelled, self.on_cancelled),
        )

    def restored(self) -> None:
        self._surface()

    def on_scheduled(self, event: TimerScheduled) -> None:
        self._push(
            event.owner, event.name, due_ts=event.due_ts, every_ns=event.every_ns, purpose=event.purpose
        )

    def on_cancelled(self, event: TimerCancelled) -> None:
        self.state.live.pop((event.owner, event.name), None)
        self._surface()

    def forget(self, owners: Iterable[str]) -> None:
        """Drop all timers of these owners."""
        gone = dict.fromkeys(owners)
        self.state.live = {key: number for key, number in self.state.live.items() if key[0] not in gone}
        self._surface()

    def is_waiting(self, owner: str, name: str) -> bool:
        """Whether a timer of this name will fire. A repeating one still will right after it fired."""
        return (owner, name) in self.state.live

    def fire(self, *, now: int) -> TimerFired:
        """Fire the next due timer; there must be one. ``ts`` is its due time, or ``now`` if later."""
        timer = heapq.heappop(self.state.heap)
        if timer.every_ns > 0:
            due_ts = timer.due_ts + timer.every_ns
            self._push(timer.owner, timer.name, due_ts=due_ts, every_ns=timer.every_ns, purpose=timer.purpose)
        else:
            del self.state.live[timer.owner, timer.name]
        self._surface()
        ts, name = max(timer.due_ts, now), TimerName(timer.name)
        return TimerFired(ts, timer.owner, name, timer.due_ts, timer.purpose)

    def _push(
        self, owner: str, name: str, *, due_ts: int, every_ns: int, purpose: TimerPurpose | None
    ) -> None:
        state = self.state
        state.count += 1
        timer = PendingTimer(due_ts, state.count, owner, name, every_ns, purpose)
        state.live[owner, name] = timer.number
        if len(state.heap) > 2 * len(state.live) + DEAD_KEPT:
            state.heap = [waiting for waiting in state.heap if self._is_live(waiting)]
            heapq.heapify(state.heap)
        heapq.heappush(state.heap, timer)
        self._surface()

    def _is_live(self, timer: PendingTimer) -> bool:
        return self.state.live.get((timer.owner, timer.name)) == timer.number

    def _surface(self) -> None:
        """Drop dead timers from the top, and set when the next live one is due."""
        heap = self.state.heap
        while heap and not self._is_live(heap[0]):
            heapq.heappop(heap)
        self.next_due = heap[0].due_ts if heap else NEVER
