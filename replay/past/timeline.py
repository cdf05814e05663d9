"""A run or live log, and its core as it was at any of its moments.

    timeline = await Timeline.open(store, "run.ma_cross.1", snapshots=snapshots_beside(path))
    await timeline.goto_seq(1_200)          # the core as record 1,200 left it
    timeline.core.portfolio.equity
    await timeline.step()                   # the next input
    await timeline.back()                   # and back

A moment lies between two inputs: the core is never inside of one. The state is restored from the nearest
snapshot before the moment, of the run, of the daemon, or of the moments that were visited. From there the
recorded code plays the inputs, and every event that it derives is compared with the record.
"""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager

import msgspec

from components.assembly.assumed_terms import AssumedTerms
from components.assembly.core import Core
from eventstore import EventStore, Selection, SnapshotFiles
from eventstore.moments import iso_utc
from kernel.comparison import RecordDiffers, shown
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import Event, TimerFired
from kernel.records import Records
from kernel.snapshot import Snapshot, put_back, take
from replay.past.log_player import LogPlayer, Part, Start, first_start
from replay.past.saved_starts import saved_start
from replay.record import Record, checked_plan, data_of, plan_of, read_record
from replay.record_comparison import RecordComparison
from replay.reopening import Cores
from replay.run import Plan

VISITED = 64
"""Most moments whose states are kept in memory."""

NEAR = 1_000
"""Inputs ahead that are played without looking for a snapshot, which takes as long as some thousands."""

LOOK_AHEAD = 16_384
"""Most inputs that are played at once while an event is searched for."""


class Moment(msgspec.Struct, frozen=True):
    """A place on a run or live log, between two inputs.

    - ``seq``: the last record of the log's own stream until then.
    - ``number``: the number of the last input; 0 at the very beginning.
    - ``ts``: kernel time.
    """

    seq: int
    number: int
    ts: int


BEGINNING = Moment(0, 0, 0)
"""Before the first input."""


class _Visited(msgspec.Struct, frozen=True):
    """The state at a moment that was visited, and what a core for it is made of."""

    moment: Moment
    data_count: int
    epoch: int
    plan: Plan
    opening: tuple[Event, ...]
    assumed: tuple[AssumedTerms, ...]
    states: Snapshot


class Timeline:
    """One run or live log, with its core at one moment."""

    def __init__(
        self,
        store: EventStore,
        record: Record,
        plan: Plan,
        *,
        snapshots: SnapshotFiles | None,
        is_compared: bool,
        current_code: bool,
    ) -> None:
        self.record = record
        self._store = store
        self._plan = plan
        self._snapshots = snapshots
        self._is_compared = is_compared
        self._current_code = current_code
        self._visited: list[_Visited] = []
        self._player: LogPlayer | None = None
        """``None`` at the beginning, until its core is needed: most ways begin at a snapshot."""
        self.is_past_input = False
        """Whether timers have fired after the last input."""
        self.restored_seq = 0
        """The record whose state was taken up to play on from; 0: the beginning."""
        self._comparison: RecordComparison | None = None

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        store: EventStore,
        log: str,
        *,
        snapshots: SnapshotFiles | None = None,
        current_code: bool = False,
    ) -> "AsyncGenerator[Timeline]":
        """A run or live log at its beginning, before the first input.

        ``current_code``: of strategies and models; what it derives is not compared. Raises ``StreamMissing``
        and ``ReplayDiverged`` as ``verify_run`` does.
        """
        record = await read_record(store, log)
        data = await data_of(store, record)
        plan = await checked_plan(data, record, current_code=current_code)
        timeline = cls(
            data,
            record,
            plan,
            snapshots=snapshots,
            is_compared=not current_code,
            current_code=current_code,
        )
        try:
            yield timeline
        finally:
            await timeline.close()

    @property
    def core(self) -> Core:
        """The core at this moment. It must only be read."""
        return self.player.core

    @property
    def plan(self) -> Plan:
        """What the core was made of."""
        return self.player.cores.plan

    @property
    def store(self) -> EventStore:
        """The store, in which the data of a run are as the run read them."""
        return self._store

    @property
    def opening(self) -> Sequence[Event]:
        """The opening of which the core was made."""
        return self.player.cores.opening

    @property
    def assumed(self) -> Sequence[AssumedTerms]:
        """The terms of instruments that were recorded before that opening."""
        return self.player.cores.assumed

    @property
    def player(self) -> LogPlayer:
        """The player, at this moment."""
        return self._player or self._begin(first_start(self._plan, self.record))

    @property
    def moment(self) -> Moment:
        """Where the core is now."""
        player = self._player
        if player is None:
            return BEGINNING
        return Moment(player.seq, player.input_count, player.core.bus.state.now)

    async def last_seq_at(self, ts: int) -> int:
        """The last record of the log's own stream at or before a time; 0 if there is none."""
        chosen = Selection(from_ts=ts + 1)
        async with aclosing(self._store.read(self.record.run_stream, chosen)) as batches:
            async for batch in batches:
                return min(batch.seqs[0] - 1, await self._end())
        return await self._end()

    async def end_words(self) -> str:
        """Where the log ends, for an error about what comes after it."""
        seq = await self._end()
        record, _ = await self._record_at(seq)
        return f"its last record is seq {seq} at {iso_utc(record.ts)}"

    async def close(self) -> None:
        """Stop reading the store."""
        if self._player is not None:
            await self._player.close()
        if self._comparison is not None:
            await self._comparison.close()

    # --- going to a moment ----------------------------------------------------------------------

    async def goto_seq(self, seq: int) -> Moment:
        """Go to where a record of the log's own stream was made: after its input, and all that this caused.

        For an event of a timer, that is after the timers that were due then. Raises ``InputError`` for a seq
        that is not in the log.
        """
        if seq == 0:
            return await self.goto_number(0)
        record, cause = await self._record_at(seq)
        await self._go_before(lambda at: at.number <= abs(cause), to_seq=seq)
        await self._play_to(abs(cause))
        if self.moment.seq < seq and cause > 0:
            await self._fire_timers(record.ts)
        return self._arrived()

    async def goto_time(self, ts: int) -> Moment:
        """Go to the last moment at or before a time: after all inputs and timers until then."""
        seq = await self.last_seq_at(ts)
        await self._go_before(lambda at: at.ts <= ts, to_seq=seq)
        while await self.play(until_ts=ts) is not None:
            pass
        await self.fire_timers(ts)
        return self._arrived()

    async def goto_number(self, number: int, *, before_seq: int | None = None) -> Moment:
        """Go to after the input of this number, or to the end if there are fewer.

        ``before_seq``: a record that comes after it, if the caller knows one. It bounds the search for a
        snapshot.
        """
        here = self.moment
        if self.is_past_input or not 0 <= number - here.number <= NEAR:
            if before_seq is not None:
                to_seq = before_seq - 1
            else:
                to_seq = await self._end() if number > here.number else here.seq
            await self._go_before(lambda at: at.number <= number, to_seq=to_seq)
        await self._play_to(number)
        return self._arrived()

    async def goto_end(self) -> Moment:
        """Go to the end of the log."""
        await self._go_before(lambda _at: True, to_seq=await self._end())
        while await self.play() is not None:
            pass
        return self._arrived()

    @exact
    async def step(self) -> Part | None:
        """Play the next input; ``None`` at the end."""
        return await self.play(1)

    @exact
    async def play(self, most: int | None = None, *, until_ts: int | None = None) -> Part | None:
        """Play the next inputs as ``LogPlayer.play`` does, and compare them with the record."""
        part = await self.player.play(most, until_ts=until_ts)
        if part is not None:
            self.is_past_input = False
            await self._check(part.records)
        return part

    @exact
    async def fire_timers(self, ts: int) -> Records:
        """Fire the timers that are due up to a time after which the log goes on; returns their records.

        All inputs up to that time must have been played.
        """
        if self.player.next_ts is None or self.core.bus.timers.next_due > ts:
            return Records()
        return await self._fire_timers(ts)

    @exact
    async def check_reached(self, ts: int | None) -> None:
        """Check that everything that the record has up to a time was made; ``None``: up to its end.

        Raises ``ReplayDiverged`` with the first record that was not.
        """
        if self._comparison is None:
            return
        seq = self.moment.seq
        if ts is None or await self.last_seq_at(ts) >= await self._end():
            number, now = self.moment.number, self.core.bus.now
            await self._comparison.finish_last_part(input_count=number, last_ts=now)
        elif seq < await self.last_seq_at(ts):
            event, cause = await self._record_at(seq + 1)
            raise RecordDiffers(
                f"{self.record.run_stream}: seq {seq + 1}: recorded {shown(event)}, but the replay makes "
                "nothing more at that time",
                seq=seq + 1,
                recorded=event,
                replayed=None,
                number=abs(cause),
            )

    async def back(self, count: int = 1) -> Moment:
        """Go back by so many inputs, at most to the beginning."""
        return await self.goto_number(max(0, self.moment.number - count))

    async def run_to(self, is_sought: Callable[[Part], bool]) -> Part | None:
        """Play until a part with one input has what is sought; ``None``: the end is reached.

        The core is looked at after each input, so ``is_sought`` may read it.
        """
        while (part := await self.step()) is not None:
            if is_sought(part):
                self._arrived()
                return part
        return None

    async def run_to_event(self, is_sought: Callable[[Event], bool]) -> Part | None:
        """Play until an event that is sought was played or made; returns the part with its input.

        Many inputs are played at once; then the input of the first event that fits is gone to.
        """
        most = 1
        while True:
            self._visit()
            before = self.moment.number
            part = await self.play(most)
            if part is None:
                return None
            number = _first_number(part, is_sought)
            if number is not None:
                await self.goto_number(before)
                found = await self._play_to(number - 1)
                if self.moment.number < number:  # else an opening ends with it
                    found = await self.step()
                self._arrived()
                return found
            most = min(2 * most, LOOK_AHEAD)

    # --- inside -----------------------------------------------------------------------------------

    async def _record_at(self, seq: int) -> tuple[Event, int]:
        chosen = Selection(from_seq=seq, to_seq=seq)
        async with aclosing(self._store.read(self.record.run_stream, chosen)) as batches:
            async for batch in batches:
                return batch.events[0], (batch.causes or (0,))[0]
        raise InputError(f"seq {seq} is not in {self.record.run_stream}; {await self.end_words()}")

    async def _end(self) -> int:
        """The last record; of a log that grows, of the part that was there when it was opened."""
        log = self.record.log
        return (await self._store.head(self.record.run_stream)).seq if log is None else log.last_seq

    async def _go_before(self, fits: Callable[[Moment], bool], *, to_seq: int) -> None:
        """Take the nearest state that fits: of this moment, one that was visited, or a snapshot.

        ``to_seq``: no snapshot after this record fits.
        """
        here = self.moment
        is_here = fits(here) and not self.is_past_input
        visited = [each for each in self._visited if fits(each.moment)]
        near = max(visited, key=lambda each: each.moment.number, default=None)
        best = max(near.moment.number if near else 0, here.number if is_here else 0)
        saved = await self._saved(to_seq, fits, after=best)
        if saved is not None:
            await self._restart(saved)
        elif near is not None and not (is_here and near.moment.number <= here.number):
            await self._restart(_start_of(near, self.record))
        elif not is_here:
            await self._restart(first_start(self._plan_anew(), self.record))

    async def _saved(self, to_seq: int, fits: Callable[[Moment], bool], *, after: int) -> Start | None:
        """The newest snapshot that fits, if it is after the input of a number."""
        if self._snapshots is None or self._current_code:
            return None

        def is_fitting(seq: int, saved: Snapshot) -> bool:
            return fits(Moment(seq, saved.input_count, saved.now))

        start = await saved_start(
            self._snapshots,
            self._store,
            self.record,
            to_seq,
            first=self._first,
            fits=is_fitting,
            after=after,
        )
        if start is None:
            return None
        state = start.cores.core.bus.state
        is_fit = fits(Moment(start.seq, state.input_count, state.now))
        return start if is_fit and state.input_count > after else None

    def _plan_anew(self) -> Plan:
        """The plan with its code loaded again, so that no module remembers an earlier replay."""
        return plan_of(self.record, current_code=self._current_code)

    def _first(self) -> Start:
        return first_start(self._plan, self.record)

    async def _restart(self, start: Start) -> None:
        await self.close()
        self._begin(start)

    def _begin(self, start: Start) -> LogPlayer:
        self._player = player = LogPlayer(self._store, self.record, start)
        self.is_past_input, self.restored_seq = False, start.seq
        if self._is_compared:
            self._comparison = RecordComparison(self._store, self.record, after_seq=start.seq)
        return player

    async def _play_to(self, number: int) -> Part | None:
        """Play up to an input, or to the end of its opening; returns the last part that was played."""
        last: Part | None = None
        while (left := number - self.player.input_count) > 0:
            part = await self.play(left)
            if part is None:
                break
            last = part
        return last

    async def _fire_timers(self, ts: int) -> Records:
        self.is_past_input = True
        records = self.player.fire_timers(ts)
        await self._check(records)
        return records

    async def _check(self, records: Records) -> None:
        if self._comparison is not None and records.events:
            await self._comparison.record(records.events, records.causes)

    def _arrived(self) -> Moment:
        self._visit()
        return self.moment

    def _visit(self) -> None:
        """Keep the state of this moment in memory, if it is right after an input and none near it is kept."""
        moment, player = self.moment, self.player
        kept = (moment.number - each.moment.number for each in self._visited)
        if self.is_past_input or any(0 <= inputs <= NEAR for inputs in kept):
            return
        cores = player.cores
        made_of = (cores.plan, tuple(cores.opening), tuple(cores.assumed))
        place = (moment, player.data_count, player.epoch)
        self._visited.append(_Visited(*place, *made_of, take(self.core.bus)))
        if len(self._visited) > VISITED:
            del self._visited[: VISITED // 2 : 2]


def _start_of(visited: _Visited, record: Record) -> Start:
    """A new core with the state of a moment that was visited."""
    cores = Cores(visited.plan, visited.opening, started=record.started, assumed=visited.assumed)
    put_back(cores.core.bus, visited.states)
    return Start(cores, visited.moment.seq, visited.data_count, visited.epoch)


def _first_number(part: Part, is_sought: Callable[[Event], bool]) -> int | None:
    """The number of the first input that is sought, or at which an event is made that is sought.

    A timer that fires before an input is played with that input, and its events name the input before.
    """
    found = (part.first_number + place for place, event in enumerate(part.inputs) if is_sought(event))
    first, fired_after = next(found, None), 0
    for event, cause in zip(part.records.events, part.records.causes, strict=True):
        if cause > 0:
            fired_after = cause if isinstance(event, TimerFired) else fired_after
            number = cause + 1 if cause == fired_after else cause
            if is_sought(event):
                return number if first is None else min(first, number)
    return first
