"""The way into the engine: admission, room for what waits, records of what was refused or had to wait.

- What it remembers: the inputs that wait (``inbox``), refused ones without a record of their own
  (``admission.Refusals``), and how long producers waited (``backpressure``).
- What changes it: producers and edges give inputs, and the engine takes them, a step at a time.
- What never happens: an input that the tape cannot hold gets in, or one that was taken in is lost.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress

import msgspec

from kernel.admission import Refusals, admitted, admitted_together
from kernel.backpressure import Backpressure
from kernel.clock import Clock
from kernel.errors import ComponentError, InputError
from kernel.events import ClockJumped, Event
from kernel.inbox import Inbox
from kernel.lanes import Lanes
from kernel.time_units import SECOND_NS
from kernel.timers import NEVER


class Intake:
    """The inputs of one engine."""

    def __init__(
        self,
        lanes: Mapping[str, Lanes],
        *,
        clock: Clock,
        capacity: int,
        first_capacity: int,
        pressure_every_s: float,
        overload_ms: float,
    ) -> None:
        """``lanes``: of the engine's edges. The rest as in ``EngineConfig``."""
        self.arrived = asyncio.Event()
        """Set when there may be work for the engine."""
        self.closed = asyncio.Event()
        """Set when producers can give nothing more. Edges still can."""
        self.is_over = False
        """Whether edges cannot either."""
        self._clock = clock
        self._inbox = Inbox(
            capacity=capacity, first_capacity=first_capacity, is_closed=lambda: self._is_closed
        )
        self._refusals = Refusals()
        self._backpressure = Backpressure(lanes, every_s=pressure_every_s, overload_ms=overload_ms)

    @property
    def depth(self) -> int:
        """Inputs that wait now."""
        return len(self._inbox)

    @property
    def peak(self) -> int:
        """The most inputs that ever waited."""
        return self._inbox.peak

    @property
    def refused(self) -> int:
        """Malformed inputs that were refused."""
        return self._refusals.count

    @property
    def has_more(self) -> bool:
        """Whether there are inputs to take, or refusals to put on record."""
        return bool(self._inbox or self._refusals.unrecorded)

    @property
    def has_pressure(self) -> bool:
        """Whether somebody had to wait, and that is not on record."""
        return self._backpressure.due_ts != NEVER

    @property
    def due_ts(self) -> int:
        """When the next record is due, in ns; ``NEVER`` if there is nothing to say."""
        return min(self._refusals.due_ts, self._backpressure.due_ts)

    @property
    def _is_closed(self) -> bool:
        return self.is_over or self.closed.is_set()

    # --- for producers and edges: see ``CoreEngine`` --------------------------------------------

    async def post(self, event: Event) -> None:
        """Take an input; wait for room."""
        if not self._inbox.has_room_for(event):
            loop = asyncio.get_running_loop()
            began = loop.time()
            await self._inbox.wait_for_room(event)
            self._backpressure.waited(int((loop.time() - began) * SECOND_NS))
        if self._is_closed:
            raise ComponentError("the engine has stopped and takes no more inputs")
        self._admit(event)

    async def post_all(self, events: Sequence[Event]) -> None:
        """Take inputs in this order; wait for room."""
        start = 0
        while start < len(events):
            part = events[start : start + self._inbox.room_for(events)]
            together = admitted_together(part) if part and not self._is_closed else None
            if together is None:
                part = part or events[start : start + 1]
                for event in part:
                    with suppress(InputError):  # on record there
                        await self.post(event)
            else:
                self._inbox.put_together(together)
                self.arrived.set()
            start += len(part)

    def report(self, event: Event) -> None:
        """Take an input of an edge, whether there is room or not."""
        if self.is_over:
            raise ComponentError("the engine has stopped and takes no more reports")
        self._admit(event)

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
            self.arrived.set()

    # --- for the engine -------------------------------------------------------------------------

    def close(self) -> None:
        """Take nothing more from producers, and wake those who wait for room."""
        self.closed.set()
        self.arrived.set()
        self._inbox.release()

    def end(self) -> None:
        """Take nothing more from anybody."""
        self.is_over = True
        self._inbox.release()

    def reached(self, now: int, *, earliest: int) -> int:
        """The time that a step may reach: now, but not beyond the next played input that still waits."""
        return min(now, self._inbox.next_ts(earliest=earliest, default=now)) if self._clock.is_moved else now

    def take(self, first: Sequence[Event], *, at_most: int, earliest: int, now: int) -> list[Event]:
        """The inputs of the next step, stamped from ``earliest`` to ``now``, and the records that are due.

        ``first``: inputs that go before those that wait. ``at_most``: how many of the latter.
        """
        stamped = _stamped_as_played if self._clock.is_moved else _stamped
        arrived = [*first, *self._inbox.take(at_most)]
        now = self.reached(now, earliest=earliest)
        inputs = stamped(arrived, earliest=earliest, now=now)
        inputs += [ClockJumped(now, step_ns) for step_ns in self._clock.take_steps()]
        is_last = self.closed.is_set()
        if self._refusals.unrecorded and (is_last or self._refusals.due_ts <= now):
            inputs.append(self._refusals.summarise(now=now))
        if is_last or self._backpressure.due_ts <= now:
            inputs += self._backpressure.records(now)
        return inputs


def _stamped(arrived: list[Event], *, earliest: int, now: int) -> list[Event]:
    """The inputs, each with its ``ts`` if that lies between the last input's and now, else with now."""
    stamps = [event.ts for event in arrived]
    if stamps == sorted(stamps) and (not stamps or (earliest <= stamps[0] and stamps[-1] <= now)):
        return arrived
    inputs: list[Event] = []
    for event in arrived:
        ts = event.ts if earliest <= event.ts <= now else now
        inputs.append(event if event.ts == ts else msgspec.structs.replace(event, ts=ts))
        earliest = ts
    return inputs


def _stamped_as_played(arrived: list[Event], *, earliest: int, now: int) -> list[Event]:
    """The inputs of a clock that is ahead of them: none is later than what follows it.

    What overtakes played inputs, or comes from an edge with a clock of its own, has a later time than they:
    it gets theirs, and not they its.
    """
    latest, stamps = now, list[int]()
    for event in reversed(arrived):
        if event.ts >= earliest:
            latest = min(latest, event.ts)
        stamps.append(min(latest, event.ts))
    inputs: list[Event] = []
    for event, stamp in zip(arrived, reversed(stamps), strict=True):
        earliest = max(earliest, stamp)
        inputs.append(event if event.ts == earliest else msgspec.structs.replace(event, ts=earliest))
    return inputs
