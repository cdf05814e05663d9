"""The inputs that wait for the engine, in two classes.

- What it remembers: the waiting inputs of each class, in order. The first class has reports of brokers,
  commands of operators and decisions made in other processes. The second has all other inputs, mainly market
  data; instruments, sessions and rates are in it too, so that they keep their place among prices.
- What changes it: producers put inputs in, and the engine takes them out, the first class before the second.
  An input that waits while others go first gets a later ``ts``; a played one keeps its own (``Intake``).
  Until a session has started, all inputs are in the second class, because the opening of a log must keep its
  order.
- What never happens: inputs of one class never change their order. A fill or a halt never waits for quotes,
  because each class has its own bound, and a full class makes only its own producers wait. A kill
  switch does not wait for quotes that were taken beside it.

Timers need no class: they fire before the next input with a later ``ts``, and every step ends with the timers
that are due.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence

from kernel.events import (
    AccountReported,
    AdjustPosition,
    BrokerConnected,
    BrokerDisconnected,
    CancelAllOrders,
    CancelOrder,
    CashMoved,
    ControlRequested,
    EngageKillSwitch,
    Event,
    ExecutionReport,
    FlattenPositions,
    HaltTrading,
    PauseStrategy,
    PositionReported,
    ReduceOnlyTrading,
    ReleaseComponent,
    ResumeStrategy,
    ResumeTrading,
    SessionStarted,
    SignalPosted,
    StrategyDecided,
    StrategyFailedApart,
)
from kernel.events.live import ConfirmLiveTrading, ForeignOrderReported

TAKEN_FIRST: frozenset[type[Event]] = frozenset(
    {
        ExecutionReport,
        CashMoved,
        AccountReported,
        PositionReported,
        BrokerConnected,
        BrokerDisconnected,
        ForeignOrderReported,
        ConfirmLiveTrading,
        EngageKillSwitch,
        HaltTrading,
        ReduceOnlyTrading,
        ResumeTrading,
        CancelAllOrders,
        CancelOrder,
        FlattenPositions,
        AdjustPosition,
        PauseStrategy,
        ResumeStrategy,
        ReleaseComponent,
        ControlRequested,
        SignalPosted,
        StrategyDecided,
        StrategyFailedApart,
    }
)
"""Reports of brokers, commands of operators, and decisions and signals made in other processes."""

URGENT: frozenset[type[Event]] = frozenset({EngageKillSwitch})
"""Commands that cannot wait. The step that takes one takes no market data, so that it is over soon."""


class Inbox:
    """Inputs that wait. If ``is_closed`` is true, nobody waits for room any more."""

    def __init__(self, *, capacity: int, first_capacity: int, is_closed: Callable[[], bool]) -> None:
        self.peak = 0
        """The most inputs that ever waited at the same time."""
        self._first = _Queue(first_capacity, is_closed)
        self._second = _Queue(capacity, is_closed)
        self._has_session = False
        self._is_urgent = False

    def __len__(self) -> int:
        """The number of inputs that wait."""
        return len(self._first.waiting) + len(self._second.waiting)

    def has_room_for(self, event: Event) -> bool:
        """Whether its class has room for the input, and no producer waits already."""
        return self._queue_of(event).room > 0

    def room_for(self, events: Sequence[Event]) -> int:
        """How many of these inputs have room together: none if producers wait, or if they differ in class."""
        if self._has_session and not TAKEN_FIRST.isdisjoint(map(type, events)):
            return 0
        return self._second.room

    async def wait_for_room(self, event: Event) -> None:
        """Wait until its class has room for the input, after those who waited before. Returns if closed."""
        await self._queue_of(event).wait_for_room()

    def put(self, event: Event) -> None:
        """Add an input, even if there is no room: edges must not wait, and are bounded elsewhere."""
        queue = self._queue_of(event)
        queue.waiting.append(event)
        if queue is self._first and type(event) in URGENT:
            self._is_urgent = True

    def put_together(self, events: Sequence[Event]) -> None:
        """Add inputs for which ``room_for`` found room."""
        self._second.waiting.extend(events)

    def take(self, at_most: int) -> list[Event]:
        """Remove and return the next inputs, and wake producers who wait for room."""
        self.peak = max(self.peak, len(self))
        taken = self._first.take(at_most)
        if self._is_urgent:
            self._is_urgent = bool(self._first.waiting)
            return taken
        taken += self._second.take(at_most - len(taken))
        if not self._has_session and any(isinstance(event, SessionStarted) for event in taken):
            self._has_session = True
            self._tell_apart()
        return taken

    def next_ts(self, *, earliest: int, default: int) -> int:
        """The ``ts`` of the next input of the second class, without those of before ``earliest``."""
        return next((event.ts for event in self._second.waiting if event.ts >= earliest), default)

    def release(self) -> None:
        """Wake all who wait for room, to check again."""
        self._first.has_room.set()
        self._second.has_room.set()

    def _tell_apart(self) -> None:
        """Put each waiting input into its class, in order, so that later ones do not overtake it."""
        waiting, self._second.waiting = self._second.waiting, deque()
        for event in waiting:
            self.put(event)

    def _queue_of(self, event: Event) -> "_Queue":
        return self._first if self._has_session and type(event) in TAKEN_FIRST else self._second


class _Queue:
    """The inputs of one class. Producers wait for room one after another."""

    def __init__(self, capacity: int, is_closed: Callable[[], bool]) -> None:
        self.waiting: deque[Event] = deque()
        self.has_room = asyncio.Event()
        self._capacity = capacity
        self._is_closed = is_closed
        self._turn = asyncio.Lock()
        self._producers = 0

    @property
    def room(self) -> int:
        return 0 if self._producers else max(0, self._capacity - len(self.waiting))

    async def wait_for_room(self) -> None:
        self._producers += 1
        try:
            async with self._turn:
                while len(self.waiting) >= self._capacity and not self._is_closed():
                    self.has_room.clear()
                    await self.has_room.wait()
        finally:
            self._producers -= 1

    def take(self, at_most: int) -> list[Event]:
        waiting = self.waiting
        if len(waiting) <= at_most:
            taken = list(waiting)
            waiting.clear()
        else:
            taken = [waiting.popleft() for _ in range(at_most)]
        self.has_room.set()
        return taken
