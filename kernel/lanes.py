"""Lanes: how events reach asynchronous subscribers, once they are durable.

A subscriber has one lane per symbol (and one for events without): in order within a lane, concurrent
across lanes, each bounded. A full lane does what the subscriber declared. Delivery is at least once:
a subscriber's checkpoint never passes an event that it has not handled.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import aclosing
from enum import StrEnum
from typing import Protocol

from kernel.events import BookSnapshot, Event, Quote
from kernel.tape import Tape

CHECKPOINT_EVERY = 256
"""Handled events between two saved checkpoints: what a crash may deliver again, per subscriber."""

CONFLATED = frozenset[type[Event]]({Quote, BookSnapshot})
"""Where the latest says it all. Orders, fills and risk events are never among them."""


class Overflow(StrEnum):
    """What a full lane does."""

    BLOCK = "block"
    """The producer waits."""
    CONFLATE = "conflate"
    """The latest quote or book of a symbol replaces the one that waits; other events block."""
    CATCH_UP = "catch_up"
    """The subscriber leaves memory and reads on from the tape, until it is level again."""


class EdgeSubscriber(Protocol):
    """An asynchronous subscriber. ``handle`` must be idempotent by ``seq``."""

    @property
    def name(self) -> str: ...
    @property
    def event_types(self) -> frozenset[type[Event]]: ...
    @property
    def overflow(self) -> Overflow: ...
    @property
    def lane_capacity(self) -> int:
        """Events that may wait in one lane: what the subscriber may lag without any effect on others."""
        ...

    async def handle(self, seq: int, event: Event) -> None:
        """Act on one durable event. If it raises it is called again, a bounded number of times."""
        ...


OnFailure = Callable[[str, Event, Exception], None]
"""Called with the subscriber, the event it could not handle, and why; delivery then goes on."""


class Lane:
    """Events that wait for one subscriber, of one symbol."""

    def __init__(self) -> None:
        self.waiting: deque[tuple[int, Event]] = deque()
        self.arrived = asyncio.Event()
        self.has_room = asyncio.Event()
        self.peak = 0

    def push(self, seq: int, event: Event) -> None:
        """Put an event at the end."""
        self.waiting.append((seq, event))
        self.peak = max(self.peak, len(self.waiting))
        self.arrived.set()

    def replace_latest(self, seq: int, event: Event) -> int | None:
        """Take out the waiting event of the same type and put this one at the end; the seq taken out."""
        for waiting in reversed(self.waiting):
            if type(waiting[1]) is type(event):
                self.waiting.remove(waiting)
                self.push(seq, event)
                return waiting[0]
        return None


class Lanes:
    """All lanes of one subscriber."""

    def __init__(
        self,
        subscriber: EdgeSubscriber,
        *,
        tape: Tape,
        group: asyncio.TaskGroup,
        on_failure: OnFailure,
        attempts: int = 3,
        back_off_s: float = 0.05,
    ) -> None:
        self.conflated = 0
        """How many events were replaced by a later one."""
        self._subscriber = subscriber
        self._tape = tape
        self._group = group
        self._on_failure = on_failure
        self._attempts = attempts
        self._back_off_s = back_off_s
        self._lanes: dict[str, Lane] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._outstanding: dict[int, None] = {}
        self._idle = asyncio.Event()
        self._idle.set()
        self._is_behind = False
        self._last_offered = 0
        self._handled_since_save = 0

    @property
    def depth(self) -> int:
        """Events that wait now, in all lanes."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    @property
    def peak(self) -> int:
        """The most that ever waited in one lane."""
        return max((lane.peak for lane in self._lanes.values()), default=0)

    @property
    def is_behind(self) -> bool:
        """Whether the subscriber is reading from the tape at present."""
        return self._is_behind

    @property
    def handled_seq(self) -> int:
        """Every event up to this seq was handled."""
        return next(iter(self._outstanding), self._last_offered + 1) - 1

    async def start(self) -> None:
        """Begin where the subscriber left off."""
        self._last_offered = await self._tape.checkpoint(self._subscriber.name)
        if self._last_offered < await self._tape.last_seq():
            self._fall_behind(self._last_offered + 1)

    async def offer(self, seq: int, event: Event) -> None:
        """Hand over a durable event, in order of seq; waits only if the subscriber's policy says so."""
        if type(event) not in self._subscriber.event_types:
            return
        if self._is_behind:
            self._last_offered = seq
            return
        lane = self._lane_of(event)
        if len(lane.waiting) >= self._subscriber.lane_capacity:
            match self._subscriber.overflow:
                case Overflow.CATCH_UP:
                    self._last_offered = seq
                    self._fall_behind(seq)
                    return
                case Overflow.CONFLATE if type(event) in CONFLATED:
                    replaced = lane.replace_latest(seq, event)
                    if replaced is not None:
                        self.conflated += 1
                        self._outstanding[seq] = None
                        self._last_offered = seq
                        self._outstanding.pop(replaced, None)
                        return
                case _:
                    pass
        await self._push(lane, seq, event=event)

    async def drain(self) -> None:
        """Wait until everything offered was handled."""
        while self._is_behind or self._outstanding:
            self._idle.clear()
            await self._idle.wait()

    async def stop(self) -> None:
        """Stop handling and save the checkpoint; what was not handled is delivered again next time."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self._tape.save_checkpoint(self._subscriber.name, self.handled_seq)

    async def _push(self, lane: Lane, seq: int, *, event: Event) -> None:
        while len(lane.waiting) >= self._subscriber.lane_capacity:
            lane.has_room.clear()
            await lane.has_room.wait()
        self._outstanding[seq] = None
        self._last_offered = max(self._last_offered, seq)
        lane.push(seq, event)

    def _lane_of(self, event: Event) -> Lane:
        key = str(getattr(event, "symbol", ""))
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = Lane()
            self._own(self._work(lane), name=f"{self._subscriber.name}: lane {key}")
        return lane

    def _fall_behind(self, seq: int) -> None:
        self._is_behind = True
        self._own(self._catch_up(seq), name=f"{self._subscriber.name}: catch up")

    async def _catch_up(self, next_seq: int) -> None:
        """Read on from the tape until nothing is left that was released meanwhile."""
        while True:
            async with aclosing(self._tape.read(next_seq)) as pages:
                async for page in pages:
                    for seq, event in zip(page.seqs, page.events, strict=True):
                        if type(event) in self._subscriber.event_types:
                            await self._push(self._lane_of(event), seq, event=event)
                    next_seq = page.seqs[-1] + 1
            if next_seq > self._last_offered:
                self._is_behind = False
                self._rest_if_done()
                return

    async def _work(self, lane: Lane) -> None:
        while True:
            while not lane.waiting:
                lane.arrived.clear()
                await lane.arrived.wait()
            seq, event = lane.waiting.popleft()
            lane.has_room.set()
            await self._deliver(seq, event)
            del self._outstanding[seq]
            self._rest_if_done()
            self._handled_since_save += 1
            if self._handled_since_save >= CHECKPOINT_EVERY:
                self._handled_since_save = 0
                await self._tape.save_checkpoint(self._subscriber.name, self.handled_seq)

    async def _deliver(self, seq: int, event: Event) -> None:
        for attempt in range(1, self._attempts + 1):
            try:
                await self._subscriber.handle(seq, event)
            except Exception as error:
                if attempt == self._attempts:
                    self._on_failure(self._subscriber.name, event, error)
                    return
                await asyncio.sleep(self._back_off_s * 2 ** (attempt - 1))
            else:
                return

    def _rest_if_done(self) -> None:
        if not self._outstanding and not self._is_behind:
            self._idle.set()

    def _own(self, work: Coroutine[object, object, None], *, name: str) -> None:
        task = self._group.create_task(work, name=name)
        self._tasks.append(task)
        task.add_done_callback(self._tasks.remove)
