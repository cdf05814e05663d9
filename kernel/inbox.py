"""What waits to be taken by the engine, in two classes.

- *First*: reports of brokers and commands of operators.
- *Second*: everything else, market data before all. What the market says of instruments, sessions and rates
  keeps its place among the prices that it belongs to.

The first class is taken before the second, and the order within each is kept. What is passed by is stamped
later than it came. Until a session has started all are of the second class: a log begins with what its core
is made of, in that order.

Both are bounded, because a flood must cost its producer time, not the engine memory. A producer waits for
room in its own class: so neither a fill nor a halt waits behind quotes, not even to get in. Timers need no
class. They fire before the next input that is stamped later, and every step ends with those that are due.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from kernel.events import (
    AccountReported,
    AdjustPosition,
    BrokerConnected,
    BrokerDisconnected,
    CancelAllOrders,
    CancelOrder,
    CashMoved,
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
)

TAKEN_FIRST: frozenset[type[Event]] = frozenset(
    {
        ExecutionReport,
        CashMoved,
        AccountReported,
        PositionReported,
        BrokerConnected,
        BrokerDisconnected,
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
    }
)
"""Reports of brokers and commands of operators."""


class Inbox:
    """Inputs that wait; ``is_closed`` says whether waiting for room has become pointless."""

    def __init__(self, *, capacity: int, first_capacity: int, is_closed: Callable[[], bool]) -> None:
        self.peak = 0
        """The most inputs that ever waited to be taken at once."""
        self._first = _Queue(first_capacity, is_closed)
        self._second = _Queue(capacity, is_closed)
        self._has_session = False

    def __len__(self) -> int:
        """The number of inputs that wait."""
        return len(self._first.waiting) + len(self._second.waiting)

    def has_room_for(self, event: Event) -> bool:
        """Whether its class has room for the input, and nobody waits for it already."""
        return self._queue_of(event).is_free

    async def wait_for_room(self, event: Event) -> None:
        """Wait until its class has room for the input, behind those who waited before; not if closed."""
        await self._queue_of(event).wait_for_room()

    def put(self, event: Event) -> None:
        """Add an input, room or not: whoever must not wait is bounded elsewhere."""
        self._queue_of(event).waiting.append(event)

    def take(self, at_most: int) -> list[Event]:
        """The next inputs; those who waited for room are let on."""
        self.peak = max(self.peak, len(self))
        taken = self._first.take(at_most)
        taken += self._second.take(at_most - len(taken))
        if not self._has_session and any(isinstance(event, SessionStarted) for event in taken):
            self._has_session = True
            self._tell_apart()
        return taken

    def release(self) -> None:
        """Let everybody who waits for room look again."""
        self._first.has_room.set()
        self._second.has_room.set()

    def _tell_apart(self) -> None:
        """Put what waits into its class: later inputs of the first must not pass earlier ones."""
        waiting, self._second.waiting = self._second.waiting, deque()
        for event in waiting:
            self.put(event)

    def _queue_of(self, event: Event) -> "_Queue":
        return self._first if self._has_session and type(event) in TAKEN_FIRST else self._second


class _Queue:
    """The inputs of one class, and the producers who wait for room among them, one at a time."""

    def __init__(self, capacity: int, is_closed: Callable[[], bool]) -> None:
        self.waiting: deque[Event] = deque()
        self.has_room = asyncio.Event()
        self._capacity = capacity
        self._is_closed = is_closed
        self._turn = asyncio.Lock()
        self._producers = 0

    @property
    def is_free(self) -> bool:
        return not self._producers and len(self.waiting) < self._capacity

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
        taken = [self.waiting.popleft() for _ in range(min(at_most, len(self.waiting)))]
        self.has_room.set()
        return taken
