"""Lanes: how events reach asynchronous subscribers, once they are durable.

A subscriber has one lane per symbol (and one for events without): in order within a lane, concurrent
across lanes, each bounded. A full lane does what the subscriber declared. Delivery is at least once:
a subscriber's checkpoint never passes an event that it has not handled.

A lane lives from the first event that waits in it until the last one is handled. Lanes wait for a worker
(a task) in the order of their first event. A worker that takes one calls the next worker first: should
the subscriber make it wait, the other lanes do not. So what is kept depends on how many symbols are busy
at once, not on how many there have ever been, and a subscriber that does not wait needs two workers.
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
"""Where the latest says it all. Orders, fills and risk events are never among them."""


IDLE_WORKERS = 64
"""Workers that a subscriber keeps for its next lanes, of 5 kB each; a new one costs about 20 us."""


class Lane:
    """Events of one symbol that wait for one subscriber."""

    def __init__(self, symbol: str, *, capacity: int) -> None:
        self.symbol = symbol
        self.waiting: deque[tuple[int, Event]] = deque()
        self.has_room = asyncio.Event()
        self._capacity = capacity

    @property
    def is_full(self) -> bool:
        """Whether no more may wait."""
        return len(self.waiting) >= self._capacity

    def take(self) -> tuple[int, Event]:
        """Take the first event out."""
        self.has_room.set()
        return self.waiting.popleft()

    def drop_oldest(self, event_type: type[Event]) -> int | None:
        """Take out the oldest waiting event of a type, so that what waits is the latest; its seq."""
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
        """How many events were replaced by a later one."""
        self.failures = 0
        """How many events the subscriber could not handle."""
        self.peak = 0
        """The most that ever waited in one lane."""
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
        """Whether a worker was called that has not come yet."""
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._next_seq = 1
        """What comes before it is in a lane, handled or not asked for."""
        self._released_seq = 0
        self._unsettled: dict[int, None] = {}
        """Taken, and neither handled nor on record as failed; in order of seq."""
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
        """Symbols with an event that waits or is being handled."""
        return len(self._lanes)

    @property
    def task_count(self) -> int:
        """Tasks that work lanes off, wait for one, or read on from the tape."""
        return len(self._tasks)

    @property
    def is_behind(self) -> bool:
        """Whether the subscriber is reading from the tape at present."""
        return self._is_behind

    @property
    def handled_seq(self) -> int:
        """Every event up to this seq was handled, or is on record as failed."""
        return next(iter(self._unsettled), self._next_seq) - 1

    async def start(self) -> None:
        """Begin where the subscriber left off; a new one begins at the tape's beginning.

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
        """Take durable events over, in order of seq; waits only if the subscriber's policy says so.

        ``types`` are the types among ``events``: most subscribers ask for none of them, and cost nothing.
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

    def settle(self, seq: int) -> None:
        """The event was handled, or its failure is on record: the checkpoint may pass it."""
        del self._unsettled[seq]

    async def drain(self) -> None:
        """Wait until everything released was handled or has failed, or the lanes are closed."""
        while (self._is_behind or self._in_hand) and not self._closed.is_set():
            self._idle.clear()
            await self._idle.wait()

    def close(self) -> None:
        """Take nothing more and stop handling; what is not handled is delivered next time."""
        if self._closed.is_set():
            return  # a task that was cancelled may be cleaning up
        self._closed.set()
        self._idle.set()
        for lane in self._lanes.values():
            lane.has_room.set()
        for task in self._tasks:
            task.cancel()

    async def save_checkpoint(self) -> None:
        """Remember on the tape what was handled. Raises ``StoreError``."""
        seq = self.handled_seq
        if seq > self._saved_seq:
            self._saved_seq = seq
            await self._tape.save_checkpoint(self._subscriber.name, seq)

    # --- into a lane --------------------------------------------------------------------------

    async def _put(self, seq: int, event: Event) -> bool:
        """Put an event into its lane once there is room; ``False`` if the lanes were closed before."""
        symbol = self._symbol_of[type(event)](event)
        while (lane := self._lanes.get(symbol)) is not None and lane.is_full and not self._closed.is_set():
            await self._make_room(lane, event)
        if self._closed.is_set():
            return False
        self._unsettled[seq] = None
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
        """Conflate, or wait until an event was taken out; by then the lane may be gone."""
        if self._subscriber.overflow is Overflow.CONFLATE and type(event) in CONFLATED:
            replaced = lane.drop_oldest(type(event))
            if replaced is not None:
                self.conflated += 1
                self._in_hand -= 1
                self.settle(replaced)
                return
        lane.has_room.clear()
        await lane.has_room.wait()

    def _has_no_room(self, event: Event) -> bool:
        lane = self._lanes.get(self._symbol_of[type(event)](event))
        return lane is not None and lane.is_full

    def _call_worker(self) -> None:
        """See to it that a worker comes for the lanes without one: an idle one, or a new one."""
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
        """Read on from the tape until nothing is left that was released meanwhile."""
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
        """Work off one lane after the other; end where enough others are idle."""
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
        """Handle what waits in a lane until it is empty, or the lanes are closed."""
        while lane.waiting and not self._closed.is_set():
            seq, event = lane.take()
            error = await self._deliver(seq, event)
            if error is None:
                self.settle(seq)
            else:
                self._fail(seq, event, error=error)
            self._in_hand -= 1
            self._rest_if_idle()
            self._handled_since_save += 1
            if self._handled_since_save >= self._delivery.checkpoint_every:
                self._handled_since_save = 0
                await self.save_checkpoint()

    async def _deliver(self, seq: int, event: Event) -> BaseException | None:
        """Call the subscriber until it succeeds or has had its attempts; the last error."""
        error = await self._call(seq, event)
        for retry in range(self._delivery.attempts - 1):
            if error is None:
                break
            back_off_ns = int(self._delivery.back_off_s * 2**retry * SECOND_NS)
            await self._clock.wait(self._closed, until_ts=self._clock.now() + back_off_ns)
            error = await self._call(seq, event)
        return error

    async def _call(self, seq: int, event: Event) -> BaseException | None:
        """A cancellation that is not ours, of something the subscriber waited for, is a failure too, and so
        is ``sys.exit`` in its code.
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
        """Put a failure on its way to the tape; one to hear of a failure would fail again for ever."""
        self.failures += 1
        if type(event) is ComponentFailed:
            self.settle(seq)
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
"""Called with the seq that a subscriber could not handle; answers with ``settle`` once that is durable."""
