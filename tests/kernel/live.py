"""What the tests of the live side share: edges that do as a test tells them, and tapes that can fail."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from eventstore import MemoryEventStore, StreamTape
from kernel.bus import EventBus
from kernel.clock import Clock, RealTimeClock, VirtualClock
from kernel.edge import Delivery, Overflow
from kernel.engine import CoreEngine, EngineConfig
from kernel.errors import StoreError
from kernel.events import ComponentFailed, Event, Quote, SignalRaised, TimerFired, Trade
from kernel.lanes import Lanes
from kernel.tape import Tape
from kernel.time_units import SECOND_NS
from tests.kernel.listeners import Listener, quote, signal, timer

Act = Callable[[int, Event], Awaitable[None]]
Row = tuple[int, int, Event]
"""(seq, cause, event), as on the tape."""

PATIENCE_S = 60.0
"""When a test that waits for something that never comes gives up."""

BRISK = EngineConfig(delivery=Delivery(back_off_s=0.0))
"""No waiting between attempts."""


async def at_once(_seq: int, _event: Event) -> None:
    """The act of an edge that is never busy."""


class Edge:
    """Notes what it was handed, in ``begun``, and what it was done with, in ``handled``."""

    def __init__(
        self,
        name: str = "edge",
        event_types: Iterable[type[Event]] = (Quote,),
        *,
        act: Act = at_once,
        overflow: Overflow = Overflow.BLOCK,
        lane_capacity: int = 1000,
    ) -> None:
        self.name = name
        self.event_types = frozenset(event_types)
        self.overflow = overflow
        self.lane_capacity = lane_capacity
        self.begun: list[tuple[int, Event]] = []
        self.handled: list[tuple[int, Event]] = []
        self._act = act

    @property
    def seqs(self) -> list[int]:
        """What was handled, by seq."""
        return [seq for seq, _ in self.handled]

    async def handle(self, seq: int, event: Event) -> None:
        self.begun.append((seq, event))
        await self._act(seq, event)
        self.handled.append((seq, event))


class Gate:
    """An act that lets through what it was told to, one event per permit, or everything once open."""

    def __init__(self) -> None:
        self._permits = asyncio.Semaphore(0)
        self._is_open = False

    async def __call__(self, _seq: int, _event: Event) -> None:
        await self._permits.acquire()
        if self._is_open:
            self._permits.release()

    def permit(self) -> None:
        """Let one event through."""
        self._permits.release()

    def open(self) -> None:
        """Let everything through from now on."""
        self._is_open = True
        self._permits.release()


def gate_for(symbol: str, gate: Gate) -> Act:
    """An act that is gated for one symbol only."""

    async def act(seq: int, event: Event) -> None:
        if getattr(event, "symbol", "") == symbol:
            await gate(seq, event)

    return act


class Time:
    """The two clocks of a computer, moved by a test; the wall clock may be set."""

    def __init__(self, wall: int = 1_700_000_000 * SECOND_NS) -> None:
        self.wall = wall
        self.monotonic = 5

    def go_on(self, ns: int) -> None:
        """Let time pass."""
        self.wall += ns
        self.monotonic += ns

    def step(self, ns: int) -> None:
        """Set the wall clock forward, or back."""
        self.wall += ns

    def clock(self) -> RealTimeClock:
        """A clock that reads these two; a wait looks at them every millisecond."""
        return RealTimeClock(
            wall_ns=lambda: self.wall, monotonic_ns=lambda: self.monotonic, check_every_s=0.001
        )


class UnreliableTape(StreamTape):
    """A tape that can be held up before an append, told to fail, and tells what became durable."""

    def __init__(self, store: MemoryEventStore | None = None, *, stream: str = "log") -> None:
        super().__init__(store or MemoryEventStore(), stream)
        self.durable_seq = 0
        self.appends: list[int] = []
        """How many events each append held."""
        self.may_append = asyncio.Event()
        self.may_append.set()
        self.is_appending = asyncio.Event()
        self.is_broken = False
        self.cannot_save_checkpoints = False

    async def append(
        self, events: Sequence[Event], *, expected_seq: int, causes: Sequence[int] | None = None
    ) -> int:
        self.is_appending.set()
        await self.may_append.wait()
        self.is_appending.clear()
        if self.is_broken:
            raise StoreError("the disk is full")
        self.durable_seq = await super().append(events, expected_seq=expected_seq, causes=causes)
        self.appends.append(len(events))
        return self.durable_seq

    async def save_checkpoint(self, subscriber: str, seq: int) -> None:
        if self.cannot_save_checkpoints:
            raise StoreError(f"cannot save the checkpoint of {subscriber}")
        await super().save_checkpoint(subscriber, seq)


def memory_tape() -> StreamTape:
    """An empty tape."""
    return StreamTape(MemoryEventStore(), "log")


async def rows_of(tape: Tape) -> list[Row]:
    """All that is on a tape."""
    return [
        row
        async for page in tape.read(1)
        for row in zip(page.seqs, page.causes or [0] * len(page.seqs), page.events, strict=True)
    ]


def answering_bus() -> EventBus:
    """A bus with one component, which answers each quote with a signal named after its bid."""
    bus = EventBus()
    bus.register(Listener("answers", {Quote: _answer}))
    return bus


def _answer(event: Event) -> list[SignalRaised]:
    assert isinstance(event, Quote)
    return [signal(event.ts, str(event.bid))]


def timer_bus(due_ts: int, *, every_ns: int = 0) -> EventBus:
    """A bus whose one component sets a timer at each quote, and answers the timer with a signal."""
    bus = EventBus()
    bus.register(
        Listener(
            "alarm",
            {
                Quote: lambda event: [timer(event.ts, due_ts, every_ns=every_ns)],
                TimerFired: lambda event: [signal(event.ts, "rang")],
            },
        )
    )
    return bus


def quotes(first_ts: int, last_ts: int, symbol: str = "A") -> list[Event]:
    """One quote a ns, both ends included."""
    return [quote(ts, symbol) for ts in range(first_ts, last_ts + 1)]


def trade(ts: int, symbol: str = "A") -> Trade:
    """A market print."""
    return Trade(ts, symbol, 100.0, 1.0)


def engine_over(
    tape: Tape,
    *edges: Edge,
    bus: EventBus | None = None,
    clock: Clock | None = None,
    config: EngineConfig = BRISK,
) -> CoreEngine:
    """An engine with these edges; its clock stands still at 1,000 unless another is given."""
    engine = CoreEngine(bus or EventBus(), tape=tape, clock=clock or VirtualClock(1_000), config=config)
    for edge in edges:
        engine.subscribe(edge)
    return engine


@asynccontextmanager
async def running(engine: CoreEngine) -> AsyncGenerator[asyncio.Task[None]]:
    """Runs an engine, and stops it at the end."""
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        task = group.create_task(engine.run(), name="engine")
        yield task
        engine.stop()


async def run_until_stopped(engine: CoreEngine, inputs: Iterable[Event] = ()) -> None:
    """Post inputs to a running engine, stop it, and wait for its end."""
    async with running(engine):
        for event in inputs:
            await engine.post(event)


@asynccontextmanager
async def cancelled_at_the_end(engine: CoreEngine) -> AsyncGenerator[None]:
    """Runs an engine, and ends it as a crash would."""
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        task = group.create_task(engine.run(), name="engine")
        yield
        task.cancel()


async def until(holds: Callable[[], bool]) -> None:
    """Let the others run until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 - turns of the loop, no time: nobody tells what tests look for
            await asyncio.sleep(0)


async def idle() -> None:
    """Let the others run until they can go no further, as far as a test in memory can tell."""
    for _ in range(50):
        await asyncio.sleep(0)


class Delivered:
    """Lanes of one edge over a tape, fed as the engine feeds them."""

    def __init__(
        self, edge: Edge, tape: Tape, group: asyncio.TaskGroup, clock: Clock, delivery: Delivery
    ) -> None:
        self.failures: list[tuple[int, ComponentFailed]] = []
        self.lanes = Lanes(
            edge, tape=tape, clock=clock, group=group, on_failure=self._on_failure, delivery=delivery
        )
        self._tape = tape

    async def append(self, events: Sequence[Event]) -> int:
        """Make events durable; the first one's seq."""
        last_seq = await self._tape.last_seq()
        await self._tape.append(events, expected_seq=last_seq)
        return last_seq + 1

    async def release(self, events: Sequence[Event]) -> None:
        """Make events durable, then hand them over."""
        first_seq = await self.append(events)
        await self.lanes.release(first_seq, events, types=frozenset(map(type, events)))

    def _on_failure(self, _lanes: Lanes, seq: int, failed: ComponentFailed) -> None:
        self.failures.append((seq, failed))


@asynccontextmanager
async def lanes_of(
    edge: Edge, *, tape: Tape | None = None, clock: Clock | None = None, delivery: Delivery | None = None
) -> AsyncGenerator[Delivered]:
    """Lanes that run; closed at the end, without a last checkpoint."""
    async with asyncio.timeout(PATIENCE_S), asyncio.TaskGroup() as group:
        delivered = Delivered(
            edge,
            tape or memory_tape(),
            group=group,
            clock=clock or VirtualClock(),
            delivery=delivery or Delivery(back_off_s=0.0),
        )
        await delivered.lanes.start()
        yield delivered
        delivered.lanes.close()
