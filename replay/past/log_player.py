"""Plays the inputs of a run or live log into a core, from its beginning or from a snapshot on.

- What it remembers: the core, and how far it is on its log: the number of inputs, the last record of the
  log's own stream, and how many events of its data it has.
- What changes it: playing inputs.
- What never happens: an input is played in part. Between two calls the core is as it was between two inputs.

The inputs of a run are its opening, its data merged by (ts, stream, seq), its commands, and the end of its
session. Those of a live log are on the log. Where configuration or code change, the core is made anew from
the opening of the change, which is never split.
"""

from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from enum import Enum, auto
from operator import attrgetter

import msgspec

from components.assembly.core import Core
from eventstore import EventStore, Selection, StreamSlice, merge
from kernel.decimals import exact
from kernel.events import Event, SessionStarted, SessionStopped, StreamRange
from kernel.records import InputNumbers, Records, interleaved
from kernel.reopenings import Reopenings
from replay.commands import command_inputs
from replay.record import Record
from replay.reopening import Cores
from replay.run import Plan, with_commands

_ts_of = attrgetter("ts")


class Start(msgspec.Struct, frozen=True):
    """A core, and how far it is on its log.

    - ``seq``: the last record of the log's own stream that it has.
    - ``data_count``: events of a run's data that it has.
    - ``epoch``: of its session.
    - ``added``: inputs that the core had beside those of the log, as a fork has.
    """

    cores: Cores
    seq: int = 0
    data_count: int = 0
    epoch: int = 0
    added: int = 0


class Part(msgspec.Struct, frozen=True):
    """Inputs that were played together.

    - ``first_number``: of the first one.
    - ``records``: what they added to the log's own stream, to which the data of a run do not belong.
    """

    inputs: Sequence[Event]
    first_number: int
    records: Records


class _Kind(Enum):
    OWN = auto()
    DATA = auto()
    OPENING = auto()


_Portion = tuple[Sequence[Event], _Kind]


def first_start(plan: Plan, record: Record) -> Start:
    """The beginning of a run or live log: a core that has heard nothing."""
    return Start(Cores(plan, record.opening, started=record.started))


class LogPlayer:
    """Plays one run or live log forward. ``cores`` has the core; close the player at the end."""

    def __init__(self, store: EventStore, record: Record, start: Start) -> None:
        self.cores = start.cores
        self.seq = start.seq
        self.data_count = start.data_count
        self.epoch = start.epoch
        self._added = start.added
        self._store = store
        self._record = record
        self._reopenings = Reopenings(has_begun=start.epoch > 0)
        self._portions = self._of_run() if record.log is None else self._of_log(record.log)
        self._rest: Sequence[Event] = ()
        self._kind = _Kind.OWN

    @property
    def core(self) -> Core:
        """The core of the session that is reached."""
        return self.cores.core

    @property
    def input_count(self) -> int:
        """How many inputs were played: the number of the last one."""
        return self.core.bus.state.input_count

    @property
    def next_ts(self) -> int | None:
        """The time of the next input, if it is read already."""
        return self._rest[0].ts if self._rest else None

    @exact
    async def play(self, most: int | None = None, *, until_ts: int | None = None) -> Part | None:
        """Play the next inputs, at most this many, none later than ``until_ts``.

        ``None`` if there are none. An opening inside of a live log is played whole.
        """
        if not self._rest:
            portion = await anext(self._portions, None)
            if portion is None:
                return None
            self._rest, self._kind = portion
        is_opening = self._kind is _Kind.OPENING
        count = len(self._rest) if most is None or is_opening else min(most, len(self._rest))
        if until_ts is not None and self._rest[count - 1].ts > until_ts:
            count = sum(event.ts <= until_ts for event in self._rest[:count])
            if not count:
                return None
        if is_opening:
            self.cores.reopen(self.core.bus, self._rest)
        inputs, self._rest = self._rest[:count], self._rest[count:]
        return self._played(inputs)

    @exact
    def fire_timers(self, ts: int) -> Records:
        """Fire the timers that are due up to a time. No input up to that time may be left."""
        bus = self.core.bus
        bus.advance(ts)
        derived = bus.take_derived()
        self.seq += len(derived.events)
        return derived

    async def close(self) -> None:
        """Stop reading the store."""
        await self._portions.aclose()

    def _played(self, inputs: Sequence[Event]) -> Part:
        bus = self.core.bus
        first = bus.state.input_count + 1
        bus.dispatch(inputs)
        records = bus.take_derived()
        if self._kind is _Kind.DATA:
            self.data_count += len(inputs)
        else:
            records = interleaved(inputs, records, first_ordinal=first)
            if SessionStarted in map(type, inputs):
                self.epoch = max(event.epoch for event in inputs if isinstance(event, SessionStarted))
        self.seq += len(records.events)
        return Part(inputs, first, records)

    # --- the inputs ---------------------------------------------------------------------------

    async def _of_run(self) -> AsyncGenerator[_Portion]:
        plan, opening = self.cores.plan, self._record.opening
        played = self.input_count - self._added
        for event in opening[played:]:
            yield (event,), _Kind.OWN
        commands = deque(
            command_inputs(
                plan.config.commands, start_ts=plan.start_ts, currency=plan.config.portfolio.currency
            )
        )
        for _ in range(max(0, played - len(opening) - self.data_count)):
            if commands:
                commands.popleft()
        data = data_after(self._store, plan.sources, now=self.core.bus.state.now, count=self.data_count)
        async with aclosing(data) as batches:
            async for batch in batches:
                for events, is_command in with_commands(batch, commands):
                    yield events, _Kind.OWN if is_command else _Kind.DATA
        while commands:
            yield (commands.popleft(),), _Kind.OWN
        if self.input_count - self._added < self._last_number():
            yield (SessionStopped(self.core.bus.now, 1, "end of data"),), _Kind.OWN

    def _last_number(self) -> int:
        """The number of the last input of a run: the end of its session."""
        config = self.cores.plan.config
        return len(self._record.opening) + self.cores.plan.event_count + len(config.commands) + 1

    async def _of_log(self, log: StreamRange) -> AsyncGenerator[_Portion]:
        numbers = InputNumbers()
        chosen = Selection(from_seq=self.seq + 1, to_seq=log.last_seq)
        async with aclosing(self._store.read(log.stream, chosen)) as batches:
            async for batch in batches:
                causes = numbers.of(batch.seqs, batch.causes)
                inputs = [event for event, cause in zip(batch.events, causes, strict=True) if cause < 0]
                if not inputs:
                    continue
                for part, is_opening in self._reopenings.parts(inputs):
                    yield part, _Kind.OPENING if is_opening else _Kind.OWN


async def data_after(
    store: EventStore, sources: Sequence[StreamRange], *, now: int, count: int
) -> AsyncGenerator[list[Event]]:
    """The merged data of a run without its first ``count`` events, which were played by the time ``now``.

    All events before that time were played, and none after it. The count tells how many of those at that
    very time were played, because the order of the merge is always the same. In a single source the count is
    enough.
    """
    skipped, slices = count, list[StreamSlice]()
    for source in sources:
        first = source.first_seq
        if count and len(sources) == 1:
            first, skipped = first + count, 0
        elif count:
            first = await _first_seq_at(store, source, now)
            skipped -= first - source.first_seq
        if first <= source.last_seq:
            slices.append(StreamSlice(source.stream, Selection(from_seq=first, to_seq=source.last_seq)))
    async with aclosing(merge(store, slices)) as batches:
        async for batch in batches:
            events = batch[skipped:] if skipped else batch
            skipped = max(0, skipped - len(batch))
            if events:
                yield events


async def _first_seq_at(store: EventStore, source: StreamRange, ts: int) -> int:
    """The first event of a source at ``ts`` or later; the seq after its end if there is none."""
    chosen = Selection(from_seq=source.first_seq, to_seq=source.last_seq, from_ts=ts)
    async with aclosing(store.read(source.stream, chosen)) as batches:
        async for batch in batches:
            return batch.seqs[0]
    return source.last_seq + 1
