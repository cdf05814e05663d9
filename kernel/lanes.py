"""Lanes: how durable events reach asynchronous subscribers.

A subscriber has one lane per symbol, and one for events without a symbol. Events are handled in order within
a lane, and concurrently across lanes. Each lane is bounded; the subscriber declares what a full one does.

- What it remembers: the waiting events, and the seqs that are taken but not done. A lane exists from its
  first waiting event until its last one is handled, so memory grows with the symbols that are busy at once,
  not with all symbols ever seen.
- What changes it: ``release`` puts events into lanes, and workers (tasks) take them out. Lanes get a worker
  in the order of their first event. A worker that takes a lane calls the next worker first, so a slow lane
  does not hold up the others. A subscriber that never waits needs two workers.
- What never happens: the checkpoint never passes an event that is not done. So each event is delivered at
  least once. A new task never holds an event outside the bound of its lane.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing

from kernel.clock import Clock
from kernel.edge import Delivery, EdgeSubscriber, Overflow
from kernel.errors import StoreError
from kernel.events import EVENT_TYPES, BookSnapshot, ComponentFailed, Event, Quote
from kernel.events.symbols import symbol_getter
from kernel.loggable import place_of, words_of
from kernel.tape import Tape
from kernel.time_units import SECOND_NS

CONFLATED = frozenset[type[Event]]({Quote, BookSnapshot})
"""Types of which only the latest event matters. Orders, fills and risk events are never conflated."""


IDLE_WORKERS = 64
"""Idle workers that a subscriber keeps, of 5 kB each; a new one costs about 20 us."""


class Lane:
    """Events of one symbol that wait for one subscriber."""

    def __init__(self, symbol: str, *, capacity: int) -> None:
        self.symbol = symbol
        self.waiting: deque[tuple[int, Event]] = deque()
        self.has_room = asyncio.Event()
        self._capacity = capacity

    @property
    def is_full(self) -> bool:
        """Whether it has no room for another event."""
        return len(self.waiting) >= self._capacity

    def take(self) -> tuple[int, Event]:
        """Remove and return the first event."""
        self.has_room.set()
        return self.waiting.popleft()

    def drop_oldest(self, event_type: type[Event]) -> int | None:
        """Remove the oldest waiting event of a type. Returns its seq, ``None`` if none waits."""
        for place, (seq, event) in enumerate(self.waiting):
            if type(event) is event_type:
                del self.waiting[place]
                return seq
        return None


class Lanes:
    """All lanes of one subscriber."""

    def __init__(
        self,
        subscriber: EdgeSubscriber,
        *,
        tape: Tape,
        clock: Clock,
        group: asyncio.TaskGroup,
        on_failure: "OnFailure",
        delivery: Delivery,
    ) -> None:
        self.conflated = 0
        """Events that were replaced by a later one."""
        self.failures = 0
        """Events that the subscriber could not handle."""
        self.peak = 0
        """The most events that ever waited in one lane."""
        self._subscriber = subscriber
        self._tape = tape
        self._clock = clock
        self._group = group
        self._on_failure = on_failure
        self._delivery = delivery
        self._types = subscriber.event_types
        self._symbol_of = {kind: symbol_getter(kind) for kind in EVENT_TYPES if kind in self._types}
        self._lanes: dict[str, Lane] = {}
        self._unattended: deque[Lane] = deque()
        """Lanes that wait for a worker."""
        self._idle_workers: list[asyncio.Event] = []
        self._is_calling = False
        """Whether a worker was called and has not started yet."""
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._next_seq = 1
        """Each event before it is in a lane, was handled, or is of an unwanted type."""
        self._released_seq = 0
        self._not_done: dict[int, None] = {}
        """Seqs that were taken, and are neither handled nor recorded as failed; in order."""
        self._in_hand = 0
        """Events that wait or are being handled."""
        self._is_behind = False
        self._idle = asyncio.Event()
        self._closed = asyncio.Event()
        self._handled_since_save = 0
        self._saved_seq = 0

    @property
    def depth(self) -> int:
        """Events that wait now, in all lanes."""
        return sum(len(lane.waiting) for lane in self._lanes.values())

    @property
    def lane_count(self) -> int:
        """Symbols with events that wait or are being handled."""
        return len(self._lanes)

    @property
    def task_count(self) -> int:
        """Tasks that handle a lane, wait for one, or read from the tape."""
        return len(self._tasks)

    @property
    def is_busy(self) -> bool:
        """Whether events wait or are being handled."""
        return self._in_hand > 0

    @property
    def is_behind(self) -> bool:
        """Whether the subscriber reads from the tape now."""
        return self._is_behind

    @property
    def handled_seq(self) -> int:
        """Each event up to this seq was handled or is recorded as failed."""
        return next(iter(self._not_done), self._next_seq) - 1

    async def start(self) -> None:
        """Begin where the subscriber stopped; a new one begins at the tape's beginning.

        Raises ``StoreError`` if the subscriber is ahead of the tape.
        """
        handled_seq = await self._tape.checkpoint(self._subscriber.name)
        last_seq = await self._tape.last_seq()
        if handled_seq > last_seq:
            raise StoreError(
                f"subscriber {self._subscriber.name!r} has handled seq {handled_seq}, "
                f"but the tape ends at {last_seq}"
            )
        self._next_seq, self._saved_seq, self._released_seq = handled_seq + 1, handled_seq, last_seq
        if handled_seq < last_seq:
            self._fall_behind()

    async def release(
        self, first_seq: int, events: Sequence[Event], *, types: frozenset[type[Event]]
    ) -> None:
        """Take over durable events, in order of seq. Waits only if the subscriber's policy says so.

        ``types`` are the types of ``events``: a subscriber that wants other types costs nothing here.
        """
        self._released_seq = first_seq + len(events) - 1
        if self._is_behind or self._closed.is_set():
            return
        if not self._types.isdisjoint(types):
            for seq, event in enumerate(events, first_seq):
                if type(event) not in self._types or seq < self._next_seq:  # read from the tape already
                    continue
                if self._subscriber.overflow is Overflow.CATCH_UP and self._has_no_room(event):
                    self._fall_behind()
                    return
                if not await self._put(seq, event):
                    return
        self._next_seq = max(self._next_seq, self._released_seq + 1)

    def mark_done(self, seq: int) -> None:
        """Let the checkpoint pass an event: it was handled, or its failure is recorded."""
        del self._not_done[seq]

    async def drain(self) -> None:
        """Wait until each released event was handled or has failed, or the lanes are closed."""
        while (self._is_behind or self._in_hand) and not self._closed.is_set():
            self._idle.clear()
            await self._idle.wait()

    def close(self) -> None:
        """Take no more events and stop handling. Events that are not done are delivered next time."""
        if self._closed.is_set():
            return  # cancelled tasks may be cleaning up: do not cancel them again
        self._closed.set()
        self._idle.set()
        for lane in self._lanes.values():
            lane.has_room.set()
        for task in self._tasks:
            task.cancel()

    async def save_checkpoint(self) -> None:
        """Save ``handled_seq`` on the tape. Raises ``StoreError``."""
        seq = self.handled_seq
        if seq > self._saved_seq:
            self._saved_seq = seq
            await self._tape.save_checkpoint(self._subscriber.name, seq)

    # --- into a lane --------------------------------------------------------------------------

    async def _put(self, seq: int, event: Event) -> bool:
        """Put an event into its lane when there is room; ``False`` if the lanes were closed before."""
        symbol = self._symbol_of[type(event)](event)
        while (lane := self._lanes.get(symbol)) is not None and lane.is_full and not self._closed.is_set():
            await self._make_room(lane, event)
        if self._closed.is_set():
            return False
        self._not_done[seq] = None
        self._in_hand += 1
        self._next_seq = seq + 1
        if lane is None:
            lane = self._lanes[symbol] = Lane(symbol, capacity=self._subscriber.lane_capacity)
            self._unattended.append(lane)
            self._call_worker()
        lane.waiting.append((seq, event))
        self.peak = max(self.peak, len(lane.waiting))
        return True

    async def _make_room(self, lane: Lane, event: Event) -> None:
        """Conflate, or wait until an event was taken out. The lane may be gone afterwards."""
        if self._subscriber.overflow is Overflow.CONFLATE and type(event) in CONFLATED:
            replaced = lane.drop_oldest(type(event))
            if replaced is not None:
                self.conflated += 1
                self._in_hand -= 1
                self.mark_done(replaced)
                return
        lane.has_room.clear()
        await lane.has_room.wait()

    def _has_no_room(self, event: Event) -> bool:
        lane = self._lanes.get(self._symbol_of[type(event)](event))
        return lane is not None and lane.is_full

    def _call_worker(self) -> None:
        """Call an idle or a new worker for the lanes without one, unless one was called already."""
        if self._is_calling or not self._unattended:
            return
        self._is_calling = True
        if self._idle_workers:
            self._idle_workers.pop().set()
        else:
            self._own(self._work(), name=f"{self._subscriber.name}: worker")

    def _fall_behind(self) -> None:
        self._is_behind = True
        self._own(self._catch_up(), name=f"{self._subscriber.name}: catch up")

    async def _catch_up(self) -> None:
        """Read on from the tape until all released events are taken."""
        while self._next_seq <= self._released_seq:
            end_seq = self._released_seq
            async with aclosing(self._tape.read(self._next_seq, self._types)) as pages:
                async for page in pages:
                    for seq, event in zip(page.seqs, page.events, strict=True):
                        if not await self._put(seq, event):
                            return
            self._next_seq = max(self._next_seq, end_seq + 1)
        self._is_behind = False
        self._rest_if_idle()

    # --- out of a lane ------------------------------------------------------------------------

    async def _work(self) -> None:
        """Handle one lane after the other. Ends when enough other workers are idle."""
        called = asyncio.Event()
        while True:
            self._is_calling = False
            while self._unattended and not self._closed.is_set():
                lane = self._unattended.popleft()
                self._call_worker()
                await self._work_off(lane)
                del self._lanes[lane.symbol]
            if self._closed.is_set() or len(self._idle_workers) >= IDLE_WORKERS:
                return
            called.clear()
            self._idle_workers.append(called)
            await called.wait()

    async def _work_off(self, lane: Lane) -> None:
        """Handle the events of a lane until it is empty, or the lanes are closed."""
        while lane.waiting and not self._closed.is_set():
            seq, event = lane.take()
            error = await self._deliver(seq, event)
            if error is None:
                self.mark_done(seq)
            else:
                self._fail(seq, event, error=error)
            self._in_hand -= 1
            self._rest_if_idle()
            self._handled_since_save += 1
            if self._handled_since_save >= self._delivery.checkpoint_every:
                self._handled_since_save = 0
                await self.save_checkpoint()

    async def _deliver(self, seq: int, event: Event) -> BaseException | None:
        """Call the subscriber until it succeeds or has no attempts left; returns the last error."""
        error = await self._call(seq, event)
        for retry in range(self._delivery.attempts - 1):
            if error is None:
                break
            back_off_ns = int(self._delivery.back_off_s * 2**retry * SECOND_NS)
            await self._clock.wait(self._closed, until_ts=self._clock.now() + back_off_ns)
            error = await self._call(seq, event)
        return error

    async def _call(self, seq: int, event: Event) -> BaseException | None:
        """Call the subscriber once; returns its error.

        ``sys.exit`` in its code is an error too, and so is a cancellation of something that it waited for. A
        cancellation of this task is not.
        """
        try:
            await self._subscriber.handle(seq, event)
        except (Exception, asyncio.CancelledError, SystemExit) as error:
            task = asyncio.current_task()
            assert task is not None
            if task.cancelling():
                raise asyncio.CancelledError from error
            return error
        return None

    def _fail(self, seq: int, event: Event, *, error: BaseException) -> None:
        """Report a failure, except of handling a ``ComponentFailed``: that could go on for ever."""
        self.failures += 1
        if type(event) is ComponentFailed:
            self.mark_done(seq)
            return
        name, kind, where = self._subscriber.name, type(event).__name__, place_of(error)
        self._on_failure(
            self, seq, ComponentFailed(self._clock.now(), name, kind, words_of(error), self.failures, where)
        )

    def _rest_if_idle(self) -> None:
        if not self._in_hand and not self._is_behind:
            self._idle.set()

    def _own(self, work: Coroutine[object, object, None], *, name: str) -> None:
        task = self._group.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.__delitem__)


OnFailure = Callable[[Lanes, int, ComponentFailed], None]
"""Called with the seq that a subscriber could not handle; calls ``mark_done`` once the failure is durable."""
