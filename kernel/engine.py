"""The live engine: takes inputs as they arrive, runs the core, writes the tape, hands events to the edges.

- Intake: an input is converted into the form in which the tape will hold it, or refused alone, and waits.
- A step: take the inputs that have arrived as a batch, stamp them, dispatch them through the bus as a replay
  does, write inputs and derived events to the tape in one append, and hand them to the edges. The batch is
  larger when the load is higher.

No event reaches an edge before it is durable. If the tape fails, no event of the step does, and ``run``
raises. The time comes from the engine's clock only.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Annotated, TypeVar

import msgspec

from kernel.admission import admitted, check_readable
from kernel.bus import EventBus
from kernel.clock import Clock
from kernel.edge import Delivery, EdgeSubscriber
from kernel.errors import ComponentError, InputError, OnetapeError, StoreError
from kernel.events import ClockTicked, ComponentFailed, Event
from kernel.intake import Intake
from kernel.lanes import Lanes
from kernel.loggable import words_of
from kernel.recovery import Recovery, Reopen, step
from kernel.snapshot import Snapshot, take
from kernel.tape import Tape
from kernel.time_units import MS_NS, SECOND_NS


def _no_reopening(bus: EventBus, opening: Sequence[Event]) -> EventBus:
    """For logs of one configuration."""
    raise ComponentError(
        f"a later session begins with another configuration ({len(opening)} inputs), and nothing here makes "
        f"a core from it to follow the one of {len(bus.components)} components"
    )


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
    step_ms: Annotated[float, msgspec.Meta(gt=0)] = 20.0
    """How long a step should compute at most: then fewer inputs are taken at once. A command that arrives
    waits for the step that runs; a commit takes under a ms, so shorter steps would gain little."""
    drain_timeout_s: Annotated[float, msgspec.Meta(ge=0)] = 10.0
    """How long a stopping engine waits for its edges. The rest is delivered at the next start."""
    delivery: Delivery = Delivery()
    pressure_every_s: Annotated[float, msgspec.Meta(gt=0)] = 10.0
    """The shortest time between two records that edges or producers had to wait. A minute has six of them."""
    overload_ms: Annotated[float, msgspec.Meta(ge=0)] = 1_000.0
    """The wait of all producers, in that time, above which it is on record: a tenth of it."""
    slow_hook_ms: Annotated[float, msgspec.Meta(ge=0)] = 100.0
    """A step of the core that takes longer is told, with the strategy in it: at 50,000 events per second,
    5,000 wait by then. 0: no step is told."""


_DEFAULTS = EngineConfig()

LEAST_TAKEN = 256
"""Inputs that a step takes however slow they are: a commit for each would be slower still."""

STEPS_TIMED = 1_024
"""Steps whose times are kept, for the figures of a status."""


T = TypeVar("T")

OpeningAt = Callable[[int], Sequence[Event]]
"""Makes the opening of a change, at a time in ns. Raises an ``OnetapeError`` for one that cannot be made."""


class CoreEngine:
    """Owns bus, clock and tape. Components are registered on ``bus`` before it runs. Runs once."""

    def __init__(
        self,
        bus: EventBus,
        *,
        tape: Tape,
        clock: Clock,
        config: EngineConfig = _DEFAULTS,
        reopen: Reopen = _no_reopening,
    ) -> None:
        self.bus = bus
        """The bus of the present session."""
        self._reopen = reopen
        self._recovery = Recovery(bus, tape=tape, reopen=reopen)
        self.lanes: dict[str, Lanes] = {}
        self._tape = tape
        self._clock = clock
        self._config = config
        self._edges: list[EdgeSubscriber] = []
        self._intake = Intake(
            self.lanes,
            clock=clock,
            capacity=config.inbox_capacity,
            first_capacity=config.reports_capacity,
            pressure_every_s=config.pressure_every_s,
            overload_ms=config.overload_ms,
        )
        self._failures: list[EdgeFailure] = []
        self._seq = 0
        self.last_seq = 0
        """The last durable record that the core knows."""
        self.steps = 0
        """Steps of this run."""
        self.stepping = 0
        """The number of the step in which the core is now; 0 between steps. Another thread may read it."""
        self.on_commit: Callable[[], None] | None = None
        """Called after each step, when it is durable."""
        self._commit_ns = deque[int](maxlen=STEPS_TIMED)
        self._batch = config.batch_limit
        """Inputs that the next step takes at most."""
        self._is_started = False
        self._between = deque[tuple[Callable[[], Awaitable[object]], asyncio.Future[object]]]()
        """Work that was asked for, which the pump does between two steps."""

    @property
    def last_epoch(self) -> int:
        """The epoch of the tape's last session, after recovery. The first input of a new session must be a
        ``SessionStarted`` with the next epoch, so that ids never recur."""
        return self._recovery.epoch

    @property
    def inbox_depth(self) -> int:
        """Inputs that wait now."""
        return self._intake.depth

    @property
    def is_committing(self) -> bool:
        """Whether a step was computed that is not durable yet."""
        return self._seq != self.last_seq

    @property
    def inbox_peak(self) -> int:
        """The most inputs that ever waited."""
        return self._intake.peak

    @property
    def commit_ms(self) -> tuple[float, float]:
        """Median and 99th percentile of the last steps: from taking inputs to their being durable, in ms."""
        times = sorted(self._commit_ns)
        if not times:
            return 0.0, 0.0
        return times[len(times) // 2] / MS_NS, times[len(times) * 99 // 100] / MS_NS

    @property
    def refused(self) -> int:
        """Malformed inputs that were refused."""
        return self._intake.refused

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
        await self._intake.post(event)

    async def post_all(self, events: Sequence[Event]) -> None:
        """Give the engine inputs in this order, as ``post`` does one by one, at a third of the cost of each.

        Malformed inputs are refused and put on record; the others pass. So nobody who posts a frame of a
        venue must look at refusals. Raises ``ComponentError`` once the engine is stopping, when the first
        inputs may have been taken.
        """
        await self._intake.post_all(events)

    def report(self, event: Event) -> None:
        """Give the engine the result of an edge's work, such as a broker's answer; stamped as by ``post``.

        Never waits, because the engine may be waiting for that edge. Reports need no bound of their own:
        edges report only on events that they were handed. A draining engine takes reports too, because the
        outcome of the last effects belongs on the tape. Raises ``InputError`` as ``post`` does, and
        ``ComponentError`` after the end.
        """
        self._intake.report(event)

    def stop(self) -> None:
        """Take no more inputs. ``run`` returns after all inputs taken so far are durable and delivered."""
        self._intake.close()

    # --- the run ------------------------------------------------------------------------------

    async def recover(self, *, after_seq: int = 0, epoch: int = 0) -> int:
        """Replay the tape into the core, without effects; returns its last seq. Done once.

        ``after_seq``: the bus has the state after this seq, from a snapshot, and the session then was
        ``epoch``; only the rest is replayed. 0: the whole tape.

        Raises ``ReplayDiverged`` if the core derives other events than the tape holds, or in another place;
        bus and engine cannot be used then. Raises ``ComponentError`` for a bus that was used before, and
        while another recovery runs.
        """
        if not self._recovery.is_done:
            await self._recovery.run(after_seq=after_seq, epoch=epoch)
            self.bus, self._seq = self._recovery.bus, self._recovery.seq
            self.last_seq = self._seq
            self._clock.begin(self.bus.state.now)
        return self._recovery.seq

    def reopen(self, opening: Sequence[Event]) -> None:
        """Begin a session with an opening of its own, after the recovery and before ``run``.

        Raises ``ComponentError``, with nothing recorded, if the states of the core do not fit the new one.
        """
        if not self._recovery.is_done or self._is_started or self._intake.depth:
            raise ComponentError("a session begins after the recovery, before the engine has other inputs")
        self.bus = self._reopen(self.bus, opening)
        for event in opening:
            self.report(event)

    async def change(self, opening_at: OpeningAt) -> int:
        """Go on with another configuration or other code: from an opening that is made between two steps.

        Returns the seq at which the opening is durable. Raises what ``opening_at`` raises, and
        ``ComponentError`` if the states of the core do not fit the new one or after the end. Nothing is
        recorded or changed then.
        """
        return await self._between_steps(partial(self._change, opening_at))

    async def snapshot(self) -> tuple[int, Snapshot]:
        """The state of the core after a seq that is durable. Waits until the engine runs, between two steps.

        Raises ``ComponentError`` for a state that cannot be written, and after the end.
        """
        return await self._between_steps(self._snapshot)

    async def run(self) -> None:
        """Run until ``stop``; recovers first, unless that was done.

        Cancelling it is like a crash: durable events that were not handled are delivered next time. Raises
        ``StoreError`` if the tape fails; events that were not durable were not released. If several things
        fail at once, the first is raised and the others are its notes.
        """
        if self._is_started:
            raise ComponentError("an engine runs once: make another one over the same tape")
        if not self._recovery.is_done:
            self._recovery.refuse_another()
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
            await self._work_between_steps()
            failures, self._failures = self._failures, []
            inputs = self._take_inputs(failures)
            if inputs:
                await self._commit(inputs, failures)
            elif not self._intake.closed.is_set():
                self._intake.arrived.clear()
                due_ts = min(self.bus.timers.next_due + 1, self._intake.due_ts)
                await self._clock.wait(self._intake.arrived, until_ts=due_ts)
            else:
                for lanes in self.lanes.values():
                    await lanes.drain()
                if not (self._failures or self._intake.has_more or self._intake.has_pressure):
                    return

    async def _between_steps(self, work: Callable[[], Awaitable[T]]) -> T:
        """Let the pump do some work when all that the core has done is on the tape; returns its result."""
        if self._intake.is_over:
            raise ComponentError("the engine has stopped: there is no step to do this after")
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._between.append((work, done))  # type: ignore[arg-type]  # each future has the type of its work
        self._intake.arrived.set()
        return await done

    async def _work_between_steps(self) -> None:
        """Do what was asked for. Its errors go to those who asked, except those of the tape."""
        while self._between:
            work, done = self._between[0]
            try:
                result = await work()
            except StoreError:
                raise
            except OnetapeError as error:
                if not done.cancelled():
                    done.set_exception(error)
            else:
                if not done.cancelled():
                    done.set_result(result)
            self._between.popleft()

    async def _snapshot(self) -> tuple[int, Snapshot]:
        return self._seq, take(self.bus)

    async def _change(self, opening_at: OpeningAt) -> int:
        ts = max(self._clock.now(), self.bus.state.now)
        opening = [admitted(event) for event in opening_at(ts)]
        self.bus = self._reopen(self.bus, opening)
        await self._commit(opening, ())
        return self.last_seq

    def _take_inputs(self, failures: Sequence[EdgeFailure]) -> list[Event]:
        """The inputs that have arrived, stamped, and those of the clock.

        The clock adds a tick only if a timer is due that the other inputs would not fire.
        """
        now, earliest = self._clock.now(), self.bus.state.now
        inputs = self._intake.take(
            [failed for _, _, failed in failures], at_most=self._batch, earliest=earliest, now=now
        )
        now, due = self._intake.reached(now, earliest=earliest), self.bus.timers.next_due
        if due < now and not self._intake.closed.is_set() and not (inputs and inputs[-1].ts > due):
            inputs.append(ClockTicked(now))
        return inputs

    async def _commit(self, inputs: Sequence[Event], failures: Sequence[EdgeFailure]) -> None:
        """Run one step: through the core, onto the tape, and only then to the edges."""
        first_seq, began = self._seq + 1, self._clock.now()
        self.stepping = self.steps + 1
        made = step(self.bus, inputs)
        self.stepping = 0
        self._seq += len(made.events)
        self._size_batch(len(inputs), took_ns=self._clock.now() - began)
        try:
            last_seq = await self._tape.append(made.events, expected_seq=first_seq - 1, causes=made.causes)
        except StoreError as error:
            for seq, event in enumerate(made.events, first_seq):
                _check_derived(seq, event, cause=error)
            raise
        if last_seq != self._seq:
            raise StoreError(f"appended seq {first_seq} to {self._seq}, but the tape ends at {last_seq}")
        self.steps += 1
        self.last_seq = last_seq
        self._commit_ns.append(self._clock.now() - began)
        for lanes, seq, _ in failures:
            lanes.mark_done(seq)
        if self.on_commit is not None:
            self.on_commit()
        types = frozenset(map(type, made.events))
        for lanes in self.lanes.values():
            await lanes.release(first_seq, made.events, types=types)
        if any(lanes.is_busy for lanes in self.lanes.values()):
            await asyncio.sleep(0)  # an order goes out before the next step is computed

    def _size_batch(self, count: int, *, took_ns: int) -> None:
        """Set how many inputs the next step takes: as many as fit its time, by the last large step."""
        if count >= LEAST_TAKEN:
            fitting = int(count * self._config.step_ms * MS_NS / max(1, took_ns))
            self._batch = min(max(LEAST_TAKEN, fitting), self._config.batch_limit)

    async def _limit_drain(self) -> None:
        await self._intake.closed.wait()
        until_ts = self._clock.now() + int(self._config.drain_timeout_s * SECOND_NS)
        while self._clock.now() < until_ts:
            await self._clock.wait(asyncio.Event(), until_ts=until_ts)
        self._refuse_everything()

    def _refuse_everything(self) -> None:
        """Take and hand out nothing from now on; wake all who wait."""
        self._intake.end()
        for _, done in self._between:
            done.cancel()
        for lanes in self.lanes.values():
            lanes.close()

    def _on_edge_failure(self, lanes: Lanes, seq: int, failed: ComponentFailed) -> None:
        """Record the failure as an input. The inbox's bound does not apply: it must not be lost."""
        self._failures.append((lanes, seq, failed))
        self._intake.arrived.set()


def _check_derived(seq: int, event: Event, *, cause: StoreError) -> None:
    """Raise ``StoreError`` if the tape cannot hold this event, which only a component can have made."""
    try:
        check_readable(event)
    except InputError as malformed:
        raise StoreError(f"seq {seq} cannot be put on the tape: {malformed}") from cause
