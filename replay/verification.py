"""Plays a recorded run or live log again and compares it with the record, byte for byte.

These are checked: the opening (see ``record``), every derived event with its cause, and the counts, time and
digest at the end. In the middle of the run the core is replaced by a new one (see ``core_replacement``). So a
run with state that would not survive a restart fails.
"""

import msgspec

from eventstore import EventStore
from kernel.comparison import RecordDiffers
from kernel.configuration import listed
from kernel.decimals import exact
from kernel.errors import ReplayDiverged
from kernel.events import RunFinished
from replay.core_replacement import places_of, replacement
from replay.divergence import Cause, Diverged, diverged_by
from replay.evidence import changed_code, changed_record, other_core
from replay.record import Record, checked_plan, data_of, plan_after, plan_of, read_record
from replay.record_comparison import RecordComparison
from replay.run import NO_REPLACEMENT, CoreReplacement, Plan, Progress, play

RESTARTS = 1
"""Restarts in a verification, unless another number is given. A restart copies the whole state, which is
larger the more orders there were."""


NOT_FROM_SNAPSHOT = "the run repeats, but not from a snapshot of its state"
NOT_TWICE = "two replays of the same code and inputs differ from each other"


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
    store = await data_of(store, record)
    plan = await checked_plan(store, record, current_code=current_code)
    replay = _Replay(store, record, current_code=current_code)
    places = places_of(plan.event_count, restarts=restarts)
    try:
        finished = await replay.compare(
            plan, replacement(places=places, reload=replay.reload), progress=progress
        )
    except ReplayDiverged as diverged:
        raise await replay.explained(places, diverged) from diverged
    return Verified(
        run_stream,
        finished.input_count,
        finished.derived_count,
        finished.digest,
        len(places),
        record.opening_hash,
        is_ended=record.log is None,
    )


async def explained_difference(
    store: EventStore, record: Record, differs: RecordDiffers, *, restored_seq: int
) -> Diverged:
    """A difference that a replay from a moment on has found, with its likely cause.

    ``restored_seq``: of the snapshot that it began with; 0: from the beginning. The cause is found by
    replays from the beginning.
    """
    replay = _Replay(store, record, current_code=False)
    again = await replay.difference(replay.reload())
    if isinstance(again, RecordDiffers):
        cause, evidence = await replay.cause_of(again)
    elif again is not None:
        cause, evidence = Cause.DATA, "the end of the record does not fit its events"
    elif restored_seq:
        cause, evidence = Cause.NONDETERMINISM, NOT_FROM_SNAPSHOT
    else:
        cause, evidence = Cause.NONDETERMINISM, NOT_TWICE
    return diverged_by(differs, cause=cause, evidence=evidence)


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
        recorded = RecordComparison(self._store, self._record)
        try:
            played = await play(
                self._store, plan, recorded, progress=progress, replacement=replaced, next_plan=plan_after
            )
            return await recorded.finish(played)
        finally:
            await recorded.close()

    async def explained(self, places: tuple[int, ...], diverged: ReplayDiverged) -> ReplayDiverged:
        """The first difference with its likely cause, found by playing again in other ways."""
        again = await self.difference(self.reload())
        if again is None:
            lost = await self.lost_state(places, diverged)
            return diverged_by(
                _renamed(diverged, lost), cause=Cause.NONDETERMINISM, evidence=NOT_FROM_SNAPSHOT
            )
        if not isinstance(again, RecordDiffers):
            evidence = "the end of the record does not fit its events"
            return diverged_by(_renamed(again, str(again)), cause=Cause.DATA, evidence=evidence)
        cause, evidence = await self.cause_of(again)
        return diverged_by(again, cause=cause, evidence=evidence)

    async def cause_of(self, differs: RecordDiffers) -> tuple[Cause, str]:
        """The likely cause of a difference that a replay has just found, and what speaks for it."""
        record = self._record
        if (damage := await changed_record(self._store, record)) is not None:
            return Cause.DATA, damage
        third = await self.difference(self.reload())
        if not isinstance(third, RecordDiffers) or (third.seq, third.replayed) != (
            differs.seq,
            differs.replayed,
        ):
            return Cause.NONDETERMINISM, NOT_TWICE
        if self._current_code and (changed := changed_code(record)):
            as_recorded = _Replay(self._store, record, current_code=False)
            old = await as_recorded.difference(as_recorded.reload())
            if not isinstance(old, RecordDiffers) or old.seq != differs.seq:
                return Cause.CODE, f"the code on disk is not the recorded one: {listed(changed)}"
        if other := await other_core(self._store, record, before_seq=differs.seq):
            return Cause.CODE, other
        return (
            Cause.NONDETERMINISM,
            "code, configuration and data are as recorded, and two replays agree: the run depended on "
            "something that is in no log, such as a clock, chance or state outside of `self.state`",
        )

    async def difference(self, plan: Plan) -> ReplayDiverged | None:
        """The first difference without a restart; ``None`` if all is equal."""
        try:
            await self.compare(plan, NO_REPLACEMENT)
        except ReplayDiverged as diverged:
            return diverged
        return None

    async def lost_state(self, places: tuple[int, ...], diverged: ReplayDiverged) -> str:
        """The sentence for a run that differs only when its core is replaced.

        Strategies are rebuilt one at a time. If the run differs with one of them, that one is named.
        """
        whose = "the venue's models, or several strategies together, keep"
        for planned in self.reload().strategies:
            plan, key = self.reload(), planned.strategy_id
            try:
                await self.compare(plan, replacement(places=places, reload=self.reload, only=key))
            except ReplayDiverged as alone:
                whose, diverged = f"strategy {key!r} keeps", alone
                break
        after = ", ".join(map(str, places))
        return (
            f"{self._record.run_stream}: {whose} state outside `self.state`, or in a field of it that a "
            "snapshot changes: the run repeats, but not when a snapshot is put back into a new core "
            f"after input {after} of its data or live log: {diverged}"
        )


def _renamed(diverged: ReplayDiverged, message: str) -> RecordDiffers:
    """A difference with another sentence."""
    if isinstance(diverged, RecordDiffers):
        seq, number = diverged.seq, diverged.number
        recorded, replayed = diverged.recorded, diverged.replayed
    else:
        seq, number, recorded, replayed = 0, 0, None, None
    return RecordDiffers(message, seq=seq, recorded=recorded, replayed=replayed, number=number)
