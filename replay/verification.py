"""Plays a recorded run or live log again and compares it with the record, byte for byte.

These are checked: the opening (see ``record``), every derived event with its cause, and the counts, time and
digest at the end. In the middle of the run the core is replaced by a new one (see ``core_replacement``). So a
run with state that would not survive a restart fails.
"""

from collections.abc import Sequence
from hashlib import sha256

import msgspec

from eventstore import Batch, EventStore, Selection
from eventstore.block import item_bytes, items
from eventstore.recorded_data import recorded_data
from kernel.comparison import Comparison
from kernel.decimals import exact
from kernel.errors import ReplayDiverged, StreamMissing
from kernel.events import Event, RunFinished
from replay.core_replacement import places_of, replacement
from replay.record import Record, checked_plan, differences_of, plan_of, read_record
from replay.run import NO_REPLACEMENT, CoreReplacement, Plan, Played, Progress, play

RESTARTS = 1
"""Restarts in a verification, unless another number is given. A restart copies the whole state, which is
larger the more orders there were."""


class Verified(msgspec.Struct, frozen=True):
    """A run that was reproduced.

    - ``restarts``: the number of times that a snapshot was put back into a new core.
    - ``opening_hash``: the hash of the whole opening. ``None`` for a run older than this field: there only
      configuration, sources, data and period were checked directly, the rest by the events derived from it.
    - ``is_ended``: whether the record has an end, with counts, time and digest. A live log has none.
    """

    run_stream: str
    input_count: int
    derived_count: int
    digest: str
    restarts: int
    opening_hash: str | None
    is_ended: bool


@exact
async def verify_run(
    store: EventStore,
    run_stream: str,
    *,
    current_code: bool = False,
    progress: Progress | None = None,
    restarts: int = RESTARTS,
) -> Verified:
    """Replay a run's inputs and compare the derived events with the recorded ones.

    Runs the strategy and model code kept in the run's stream. With ``current_code`` it runs the code on disk,
    which may have another version and source. ``restarts`` are spread evenly over the run.

    Data streams that were put aside or replaced since are read as the run read them. Raises
    ``ReplayDiverged`` with the first record that differs, ``StreamMissing`` if the run does not exist or
    its data were deleted, and ``StoreDamaged`` if the store no longer holds the run or its data as they
    were written.
    """
    record = await read_record(store, run_stream)
    data = await recorded_data(store, record.started.sources)
    for lost in data.lost:
        raise StreamMissing(f"{run_stream} cannot be replayed: {lost}")
    store = data.store
    plan = await checked_plan(store, record, current_code=current_code)
    replay = _Replay(store, record, current_code=current_code)
    places = places_of(plan.event_count, restarts=restarts)
    try:
        finished = await replay.compare(
            plan, replacement(plan, places=places, reload=replay.reload), progress=progress
        )
    except ReplayDiverged as diverged:
        await replay.compare(replay.reload(), NO_REPLACEMENT)
        raise ReplayDiverged(await replay.lost_state(places, diverged)) from diverged
    return Verified(
        run_stream,
        finished.input_count,
        finished.derived_count,
        finished.digest,
        len(places),
        record.opening_hash,
        is_ended=record.log is None,
    )


class _Replay:
    """Replays of one record. Each loads the code again, so that no module remembers an earlier replay."""

    def __init__(self, store: EventStore, record: Record, *, current_code: bool) -> None:
        self._store = store
        self._record = record
        self._current_code = current_code

    def reload(self) -> Plan:
        """The recorded plan with its code loaded again."""
        return plan_of(self._record, current_code=self._current_code)

    async def compare(
        self, plan: Plan, replaced: CoreReplacement, *, progress: Progress | None = None
    ) -> RunFinished:
        """Play once; raises ``ReplayDiverged`` for the first record that differs."""
        recorded = _Record(self._store, self._record)
        try:
            played = await play(self._store, plan, recorded, progress=progress, replacement=replaced)
            return await recorded.finish(played)
        finally:
            await recorded.close()

    async def lost_state(self, places: tuple[int, ...], diverged: ReplayDiverged) -> str:
        """The sentence for a run that differs only when its core is replaced.

        Strategies are rebuilt one at a time. If the run differs with one of them, that one is named.
        """
        whose = "the venue's models, or several strategies together, keep"
        for planned in self.reload().strategies:
            plan, key = self.reload(), planned.strategy_id
            try:
                await self.compare(plan, replacement(plan, places=places, reload=self.reload, only=key))
            except ReplayDiverged as alone:
                whose, diverged = f"strategy {key!r} keeps", alone
                break
        after = ", ".join(map(str, places))
        return (
            f"{self._record.run_stream}: {whose} state outside `self.state`, or in a field of it that a "
            "snapshot changes: the run repeats, but not when a snapshot is put back into a new core "
            f"after input {after} of its data or live log: {diverged}"
        )


class _Record:
    """The sink that compares a run with its record, while the run goes on."""

    def __init__(self, store: EventStore, record: Record) -> None:
        self._run_stream = record.run_stream
        self._log = record.log
        self._comparison = Comparison()
        to_seq = None if record.log is None else record.log.last_seq
        self._batches = store.read(record.run_stream, Selection(to_seq=to_seq))
        self._derived_count = 0
        self._digest = sha256()

    async def record(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Compare records with the next ones of the stream."""
        comparison = self._comparison
        comparison.add_replayed(events, causes)
        while comparison.lacks > 0 and await self._read_more():
            pass
        try:
            comparison.check()
            if comparison.lacks > 0:
                comparison.finish()
        except ReplayDiverged as diverged:
            raise self._named(str(diverged)) from diverged

    async def finish(self, played: Played) -> RunFinished:
        """Check that the record ends here, with the ``RunFinished`` of the replay, which is returned.

        A live log has no ``RunFinished``: it goes on.
        """
        while await self._read_more():
            pass
        expected = RunFinished(
            played.last_ts, played.input_count, self._derived_count, self._digest.hexdigest()
        )
        if self._log is None:
            self._check_end(expected)
        try:
            self._comparison.finish()
        except ReplayDiverged as diverged:
            raise self._named(str(diverged)) from diverged
        return expected

    async def close(self) -> None:
        """Close the stream."""
        await self._batches.aclose()

    def _check_end(self, expected: RunFinished) -> None:
        """Compare the recorded ``RunFinished``; raises for its first field that differs."""
        ordinal = expected.input_count + 1
        following = self._comparison.next_recorded()
        if following is None:
            raise self._named("the recorded run was never finished: it has no RunFinished")
        seq, finished, cause = following
        if isinstance(finished, RunFinished):
            for difference in differences_of(seq, finished, expected):
                raise self._named(str(difference))
            if cause != -ordinal:
                raise self._named(f"seq {seq}: RunFinished is recorded as input {-cause}, found {ordinal}")
            self._comparison.add_replayed((expected,), (-ordinal,))

    def _named(self, problem: str) -> ReplayDiverged:
        return ReplayDiverged(f"{self._run_stream}: {problem}")

    async def _read_more(self) -> bool:
        batch = await anext(self._batches, None)
        if batch is None:
            return False
        assert batch.causes is not None, "every record of a run has its cause"
        self._comparison.add_recorded(batch.seqs, batch.events, batch.causes)
        self._sum_up(batch, batch.causes)
        return True

    def _sum_up(self, batch: Batch, causes: Sequence[int]) -> None:
        """Add derived events to the digest as they are stored: an older version wrote fewer fields."""
        assert batch.payload is not None, "a stream that is read whole comes in whole blocks"
        if min(causes) > 0:  # all but the first and the last blocks
            self._digest.update(item_bytes(batch.payload))
            self._derived_count += len(causes)
            return
        for raw, cause in zip(items(batch.payload), causes, strict=True):
            if cause > 0:
                self._digest.update(raw)
                self._derived_count += 1
