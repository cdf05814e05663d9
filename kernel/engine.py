"""The live engine: takes inputs as they arrive, runs the core, writes the tape, hands events to the edges.

- Admission: an input is converted into the form in which the tape will hold it, or refused alone.
- A step: take the inputs that have arrived as a batch, stamp them, dispatch them through the bus as a replay
  does, write inputs and derived events to the tape in one append, and hand them to the edges. The batch is
  larger when the load is higher.

No event reaches an edge before it is durable. If the tape fails, no event of the step does, and ``run``
raises. The time comes from the engine's clock only.
"""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from enum import Enum, auto
from typing import Annotated

import msgspec

from kernel.admission import Refusals, admitted, check_readable
from kernel.bus import EventBus
from kernel.clock import Clock
from kernel.comparison import Comparison
from kernel.edge import Delivery, EdgeSubscriber
from kernel.errors import ComponentError, InputError, StoreError
from kernel.events import ClockJumped, ClockTicked, ComponentFailed, Event, SessionStarted
from kernel.inbox import Inbox
from kernel.lanes import Lanes
from kernel.loggable import words_of
from kernel.records import InputNumbers, Records, interleaved
from kernel.tape import Tape
from kernel.time_units import SECOND_NS

EdgeFailure = tuple[Lanes, int, ComponentFailed]
"""The lanes, the seq that was not handled, and the record of the failure."""


class EngineConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The engine's bounds."""

    inbox_capacity: Annotated[int, msgspec.Meta(ge=1)] = 16_384
    """Inputs that may wait; beyond it producers wait. It is a third of a second at 50,000 per second."""
    reports_capacity: Annotated[int, msgspec.Meta(ge=1)] = 4_096
    """Broker reports and commands that may wait in addition: as many as one step takes."""
    batch_limit: Annotated[int, msgspec.Meta(ge=1)] = 4_096
    """The most inputs in one step. It limits the wait of an effect for its commit."""
    drain_timeout_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    """How long a stopping engine waits for its edges. The rest is delivered at the next start."""
    delivery: Delivery = Delivery()


_DEFAULTS = EngineConfig()


class _Recovery(Enum):
    """The stages of the recovery, which is done once."""

    DUE = auto()
    RUNNING = auto()
    DONE = auto()
    FAILED = auto()


class CoreEngine:
    """Owns bus, clock and tape. Components are registered on ``bus`` before it runs. Runs once."""

    def __init__(self, bus: EventBus, *, tape: Tape, clock: Clock, config: EngineConfig = _DEFAULTS) -> None:
        self.bus = bus
        self.lanes: dict[str, Lanes] = {}
        self.last_epoch = 0
        """The epoch of the tape's last session, after recovery. The first input of a new session must be a
        ``SessionStarted`` with the next epoch, so that ids never recur."""
        self._tape = tape
        self._clock = clock
        self._config = config
        self._edges: list[EdgeSubscriber] = []
        self._inbox = Inbox(
            capacity=config.inbox_capacity,
            first_capacity=config.reports_capacity,
            is_closed=lambda: self._is_closed,
        )
        self._failures: list[EdgeFailure] = []
        self._refusals = Refusals()
        self._arrived = asyncio.Event()
        self._seq = 0
        self._recovery = _Recovery.DUE
        self._is_started = False
        self._stopping = asyncio.Event()
        self._is_over = False

    @property
    def _is_closed(self) -> bool:
        return self._is_over or self._stopping.is_set()

    @property
    def inbox_depth(self) -> int:
        """Inputs that wait now."""
        return len(self._inbox)

    @property
    def inbox_peak(self) -> int:
        """The most inputs that ever waited."""
        return self._inbox.peak

    @property
    def refused(self) -> int:
        """Malformed inputs that were refused."""
        return self._refusals.count

    def subscribe(self, edge: EdgeSubscriber) -> None:
        """Add an asynchronous subscriber. Only before ``run``."""
        if self._is_started:
            raise ComponentError(f"edge subscriber {edge.name!r} comes too late: the engine runs")
        if any(edge.name == other.name for other in self._edges):
            raise ComponentError(f"edge subscriber {edge.name!r} is registered twice")
        if edge.lane_capacity < 1:
            raise ComponentError(
                f"edge subscriber {edge.name!r}: lane_capacity {edge.lane_capacity} is below 1"
            )
        self._edges.append(edge)

    # --- from outside -------------------------------------------------------------------------

    async def post(self, event: Event) -> None:
        """Give the engine an input. While the inbox is full, producers wait in the order in which they came.

        Reports of brokers and commands are taken before market data, and have room of their own (see
        ``inbox``). An input keeps its ``ts`` if that lies between the last input's and now; otherwise it gets
        the time now. Raises ``InputError`` for a malformed input, which is refused alone and put on record;
        raises ``ComponentError`` once the engine is stopping.
        """
        if not self._inbox.has_room_for(event):
            await self._inbox.wait_for_room(event)
        if self._is_closed:
            raise ComponentError("the engine has stopped and takes no more inputs")
        self._admit(event)

    def report(self, event: Event) -> None:
        """Give the engine the result of an edge's work, such as a broker's answer; stamped as by ``post``.

        Never waits, because the engine may be waiting for that edge. Reports need no bound of their own:
        edges report only on events that they were handed. A draining engine takes reports too, because the
        outcome of the last effects belongs on the tape. Raises ``InputError`` as ``post`` does, and
        ``ComponentError`` after the end.
        """
        if self._is_over:
            raise ComponentError("the engine has stopped and takes no more reports")
        self._admit(event)

    def stop(self) -> None:
        """Take no more inputs. ``run`` returns after all inputs taken so far are durable and delivered."""
        self._stopping.set()
        self._arrived.set()
        self._inbox.release()

    # --- the run ------------------------------------------------------------------------------

    async def recover(self) -> int:
        """Replay the tape into the core, without effects; returns its last seq. Done once.

        Raises ``ReplayDiverged`` if the core derives other events than the tape holds, or in another place;
        bus and engine cannot be used then. Raises ``ComponentError`` for a bus that was used before, and
        while another recovery runs.
        """
        if self._recovery is _Recovery.DONE:
            return self._seq
        self._refuse_recovery()
        self._recovery = _Recovery.RUNNING
        try:
            await self._replay_tape()
        except BaseException:
            self._recovery = _Recovery.FAILED
            raise
        self._recovery = _Recovery.DONE
        self._clock.begin(self.bus.state.now)
        return self._seq

    async def run(self) -> None:
        """Run until ``stop``; recovers first, unless that was done.

        Cancelling it is like a crash: durable events that were not handled are delivered next time. Raises
        ``StoreError`` if the tape fails; events that were not durable were not released. If several things
        fail at once, the first is raised and the others are its notes.
        """
        if self._is_started:
            raise ComponentError("an engine runs once: make another one over the same tape")
        if self._recovery is _Recovery.RUNNING:
            self._refuse_recovery()
        self._is_started = True
        try:
            await self.recover()
            await self._run_with_edges()
        except ExceptionGroup as failures:
            first, *others = failures.exceptions
            for other in others:
                first.add_note(f"and {words_of(other)}")
            raise first from first.__cause__
        finally:
            self._refuse_everything()

    def step(self, inputs: Sequence[Event]) -> Records:
        """Run inputs through the core; returns them and the events they caused. Synchronous; no effects."""
        first_ordinal = self.bus.state.input_count + 1
        self.bus.dispatch(inputs)
        records = interleaved(inputs, self.bus.take_derived(), first_ordinal=first_ordinal)
        self._seq += len(records.events)
        return records

    def _refuse_recovery(self) -> None:
        """Raise ``ComponentError`` if a recovery may not begin now."""
        if self._recovery is _Recovery.RUNNING:
            raise ComponentError("the engine is recovering already: wait until that is done")
        if self._recovery is _Recovery.FAILED:
            raise ComponentError("the engine's recovery failed: make another engine with a new bus")
        if self.bus.state.input_count:
            raise ComponentError(
                f"the bus has taken {self.bus.state.input_count} inputs; recover with a new one"
            )

    async def _replay_tape(self) -> None:
        comparison, numbers = Comparison(), InputNumbers()
        async with aclosing(self._tape.read(1)) as pages:
            async for page in pages:
                causes = numbers.of(page.seqs, page.causes)
                inputs = [event for event, cause in zip(page.events, causes, strict=True) if cause < 0]
                for event in inputs:
                    if isinstance(event, SessionStarted):
                        self.last_epoch = max(self.last_epoch, event.epoch)
                replayed = self.step(inputs)
                comparison.add_recorded(page.seqs, page.events, causes)
                comparison.add_replayed(replayed.events, replayed.causes)
                comparison.check()
        comparison.finish()

    async def _run_with_edges(self) -> None:
        async with asyncio.TaskGroup() as group:
            try:
                for edge in self._edges:
                    self.lanes[edge.name] = self._lanes_of(edge, group)
                    await self.lanes[edge.name].start()
                limit = group.create_task(self._limit_drain(), name="engine: drain limit")
                await self._pump()
                limit.cancel()
            finally:
                self._refuse_everything()
        for lanes in self.lanes.values():
            await lanes.save_checkpoint()

    def _lanes_of(self, edge: EdgeSubscriber, group: asyncio.TaskGroup) -> Lanes:
        return Lanes(
            edge,
            tape=self._tape,
            clock=self._clock,
            group=group,
            on_failure=self._on_edge_failure,
            delivery=self._config.delivery,
        )

    async def _pump(self) -> None:
        """Run step after step, until the engine is stopping and no work is left."""
        while True:
            failures, self._failures = self._failures, []
            inputs = self._take_inputs(failures)
            if inputs:
                await self._commit(inputs, failures)
            elif not self._stopping.is_set():
                self._arrived.clear()
                due_ts = min(self.bus.timers.next_due + 1, self._refusals.due_ts)
                await self._clock.wait(self._arrived, until_ts=due_ts)
            else:
                for lanes in self.lanes.values():
                    await lanes.drain()
                if not self._inbox and not self._failures and not self._refusals.unrecorded:
                    return

    def _take_inputs(self, failures: Sequence[EdgeFailure]) -> list[Event]:
        """The inputs that have arrived, stamped, and those of the clock.

        The clock adds a tick only if a timer is due that the other inputs would not fire.
        """
        now = self._clock.now()
        arrived = [event for _, _, event in failures] + self._inbox.take(self._config.batch_limit)
        inputs: list[Event] = []
        earliest = self.bus.state.now
        for event in arrived:
            ts = event.ts if earliest <= event.ts <= now else now
            inputs.append(event if event.ts == ts else msgspec.structs.replace(event, ts=ts))
            earliest = ts
        inputs += [ClockJumped(now, step_ns) for step_ns in self._clock.take_steps()]
        if self._refusals.unrecorded and (self._stopping.is_set() or self._refusals.due_ts <= now):
            inputs.append(self._refusals.summarise(now=now))
        due = self.bus.timers.next_due
        if due < now and not self._stopping.is_set() and not (inputs and inputs[-1].ts > due):
            inputs.append(ClockTicked(now))
        return inputs

    async def _commit(self, inputs: Sequence[Event], failures: Sequence[EdgeFailure]) -> None:
        """Run one step: through the core, onto the tape, and only then to the edges."""
        first_seq = self._seq + 1
        step = self.step(inputs)
        try:
            last_seq = await self._tape.append(step.events, expected_seq=first_seq - 1, causes=step.causes)
        except StoreError as error:
            for seq, event in enumerate(step.events, first_seq):
                _check_derived(seq, event, cause=error)
            raise
        if last_seq != self._seq:
            raise StoreError(f"appended seq {first_seq} to {self._seq}, but the tape ends at {last_seq}")
        for lanes, seq, _ in failures:
            lanes.mark_done(seq)
        types = frozenset(map(type, step.events))
        for lanes in self.lanes.values():
            await lanes.release(first_seq, step.events, types=types)

    async def _limit_drain(self) -> None:
        await self._stopping.wait()
        until_ts = self._clock.now() + int(self._config.drain_timeout_s * SECOND_NS)
        while self._clock.now() < until_ts:
            await self._clock.wait(asyncio.Event(), until_ts=until_ts)
        self._refuse_everything()

    def _refuse_everything(self) -> None:
        """Take and hand out nothing from now on; wake all who wait."""
        self._is_over = True
        self._inbox.release()
        for lanes in self.lanes.values():
            lanes.close()

    def _admit(self, event: Event) -> None:
        """Put an input into the inbox. If it is refused, put a record there and raise ``InputError``."""
        try:
            self._inbox.put(admitted(event))
        except InputError as refusal:
            record = self._refusals.note(event, reason=str(refusal), now=self._clock.now())
            if record is not None:
                self._inbox.put(record)
            raise
        finally:
            self._arrived.set()

    def _on_edge_failure(self, lanes: Lanes, seq: int, failed: ComponentFailed) -> None:
        """Record the failure as an input. The inbox's bound does not apply: it must not be lost."""
        self._failures.append((lanes, seq, failed))
        self._arrived.set()


def _check_derived(seq: int, event: Event, *, cause: StoreError) -> None:
    """Raise ``StoreError`` if the tape cannot hold this event, which only a component can have made."""
    try:
        check_readable(event)
    except InputError as malformed:
        raise StoreError(f"seq {seq} cannot be put on the tape: {malformed}") from cause
