"""The live engine: takes inputs as they arrive, runs the core, makes the outcome durable, releases it.

One step: take what has arrived as a batch -> stamp it -> dispatch it through the bus, the same way a
replay does -> append inputs and derived events as one append -> once that is durable, offer them to
the edges. Batches grow with the load by themselves. Nothing leaves before it is durable; if the tape
fails, nothing leaves at all and ``run`` raises.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing

import msgspec

from kernel.bus import Derived, EventBus
from kernel.clock import Clock
from kernel.errors import ComponentError, ReplayDiverged, StoreError
from kernel.events import ClockTicked, ComponentFailed, Event
from kernel.lanes import EdgeSubscriber, Lanes
from kernel.tape import Tape

INBOX_CAPACITY = 16_384
"""Inputs that may wait: a third of a second at 50,000 a second; beyond it producers wait."""

BATCH_LIMIT = 4_096
"""Inputs in one step: bounds how long an effect can wait for its commit."""

DRAIN_TIMEOUT_S = 10.0
"""How long a stopping engine waits for its edges; what is left is delivered at the next start."""

_encode = msgspec.msgpack.Encoder().encode


class CoreEngine:
    """Owns bus, clock and tape; components are registered on ``bus`` before it runs."""

    def __init__(self, bus: EventBus, *, tape: Tape, clock: Clock) -> None:
        self.bus = bus
        self.lanes: dict[str, Lanes] = {}
        self._tape = tape
        self._clock = clock
        self._edges: list[EdgeSubscriber] = []
        self._inbox: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._has_room = asyncio.Event()
        self._seq = 0
        self._last_input_seq = 0
        self._is_stopping = False
        self._is_over = False

    def subscribe(self, edge: EdgeSubscriber) -> None:
        """Add an asynchronous subscriber; before ``run``."""
        if any(edge.name == other.name for other in self._edges):
            raise ComponentError(f"edge subscriber {edge.name!r} is registered twice")
        if edge.lane_capacity < 1:
            raise ComponentError(
                f"edge subscriber {edge.name!r}: lane_capacity {edge.lane_capacity} is below 1"
            )
        self._edges.append(edge)

    async def recover(self) -> int:
        """Replay the tape into the core, sending nothing; returns its last seq.

        Raises ``ReplayDiverged`` if the core does not derive what the tape says it derived.
        """
        recorded: list[Event] = []
        produced: list[Event] = []
        async with aclosing(self._tape.read(1)) as pages:
            async for page in pages:
                causes = page.causes or [0] * len(page.events)
                inputs: list[Event] = []
                for seq, event, cause in zip(page.seqs, page.events, causes, strict=True):
                    if cause > 0:
                        recorded.append(event)
                    else:
                        inputs.append(event)
                        self._last_input_seq = seq
                self._seq = page.seqs[-1]
                produced += self.step(inputs).events
                _compare(recorded, produced, before_seq=self._seq)
        if recorded or produced:
            raise ReplayDiverged(
                f"the tape ends with {len(recorded)} derived events, the core with {len(produced)}"
            )
        return self._seq

    def step(self, inputs: Sequence[Event]) -> Derived:
        """Dispatch a batch of inputs and hand over what they caused. Synchronous; no effects."""
        self.bus.dispatch(inputs)
        return self.bus.take_derived()

    async def post(self, event: Event) -> None:
        """Give the engine an input; waits while the inbox is full.

        Its ``ts`` is kept if it lies between the last input's and now, and moved into that range
        otherwise. Raises ``ComponentError`` once the engine has stopped.
        """
        while len(self._inbox) >= INBOX_CAPACITY and not self._is_over:
            self._has_room.clear()
            await self._has_room.wait()
        if self._is_over or self._is_stopping:
            raise ComponentError("the engine has stopped and takes no more inputs")
        self._inbox.append(event)
        self._arrived.set()

    def stop(self) -> None:
        """Take no more inputs; ``run`` returns once what was taken is durable and delivered."""
        self._is_stopping = True
        self._arrived.set()

    async def run(self) -> None:
        """Run until ``stop``; recover first if the tape holds something.

        Raises ``StoreError`` if the tape fails: what was not durable was not released.
        """
        try:
            if self._seq == 0:
                await self.recover()
            async with asyncio.TaskGroup() as group:
                for edge in self._edges:
                    lanes = Lanes(edge, tape=self._tape, group=group, on_failure=self._on_edge_failure)
                    self.lanes[edge.name] = lanes
                    await lanes.start()
                try:
                    await self._pump()
                    await self._drain()
                finally:
                    for lanes in self.lanes.values():
                        await lanes.stop()
        finally:
            self._is_over = True
            self._has_room.set()

    # --- one step -----------------------------------------------------------------------------

    async def _pump(self) -> None:
        while True:
            await self._wait_for_work()
            inputs = self._take_inputs()
            if not inputs:
                if self._is_stopping:
                    return
                continue
            first_ordinal = self.bus.state.input_count + 1
            derived = self.step(inputs)
            events, causes = self._in_log_order(inputs, derived, first_ordinal=first_ordinal)
            first_seq = self._seq + 1
            self._seq = await self._tape.append(events, expected_seq=self._seq, causes=causes)
            if self._seq != first_seq + len(events) - 1:
                raise StoreError(
                    f"appended {len(events)} events from seq {first_seq}, but the tape ends at {self._seq}"
                )
            await self._release(first_seq, events)

    async def _wait_for_work(self) -> None:
        if not self._inbox and not self._is_stopping:
            self._arrived.clear()
            await self._clock.wait(self._arrived, until_ts=self.bus.timers.next_due + 1)

    def _take_inputs(self) -> list[Event]:
        """What has arrived, stamped; or a tick of the clock if a timer is due."""
        now = max(self._clock.now(), self.bus.state.now)
        taken: list[Event] = []
        earliest = self.bus.state.now
        while self._inbox and len(taken) < BATCH_LIMIT:
            event = self._inbox.popleft()
            ts = min(max(event.ts, earliest), now)
            taken.append(event if event.ts == ts else msgspec.structs.replace(event, ts=ts))
            earliest = ts
        self._has_room.set()
        if not taken and self.bus.timers.next_due < now:
            taken.append(ClockTicked(now))
        return taken

    def _in_log_order(
        self, inputs: Sequence[Event], derived: Derived, *, first_ordinal: int
    ) -> tuple[list[Event], list[int]]:
        """Each input, then what followed from it; a derived event names the input's seq."""
        events: list[Event] = []
        causes: list[int] = []
        waiting = deque(zip(derived.events, derived.causes, strict=True))
        for ordinal, event in enumerate(inputs, first_ordinal):
            while waiting and waiting[0][1] < ordinal:
                events.append(waiting.popleft()[0])
                causes.append(self._last_input_seq)
            events.append(event)
            causes.append(0)
            self._last_input_seq = self._seq + len(events)
        for event, _ in waiting:
            events.append(event)
            causes.append(self._last_input_seq)
        return events, causes

    async def _release(self, first_seq: int, events: Sequence[Event]) -> None:
        for lanes in self.lanes.values():
            for seq, event in enumerate(events, first_seq):
                await lanes.offer(seq, event)

    async def _drain(self) -> None:
        try:
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                for lanes in self.lanes.values():
                    await lanes.drain()
        except TimeoutError:
            return

    def _on_edge_failure(self, name: str, event: Event, error: Exception) -> None:
        """Put the failure on record as an input, ahead of the bound: it must not be lost."""
        self._inbox.append(
            ComponentFailed(
                self.bus.state.now, name, type(event).__name__, f"{type(error).__name__}: {error}", 1
            )
        )
        self._arrived.set()


def _compare(recorded: list[Event], produced: list[Event], *, before_seq: int) -> None:
    """Check what both sides have so far, and forget it."""
    count = min(len(recorded), len(produced))
    if _encode(recorded[:count]) != _encode(produced[:count]):
        for old, new in zip(recorded, produced, strict=False):
            if _encode(old) != _encode(new):
                raise ReplayDiverged(f"before seq {before_seq}: the tape says {old}, the core says {new}")
    del recorded[:count], produced[:count]
