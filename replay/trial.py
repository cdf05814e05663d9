"""New code of a strategy, tried on the recent past of a live log before it trades.

The core of a snapshot gets the new code, with the state that the strategy had then, and the inputs that came
after it. What the new code decides is compared with what was decided and recorded. Nothing is appended, and
nothing leaves.

    tried = await try_out(store, "paper", strategy, code, snapshots=snapshots, tail_s=3600)
    tried.kept, tried.gone, tried.added

The fills that follow from other decisions are those of the simulated venue, as in a fork. A comparison says
what is different, never that the new code is good.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import aclosing
from itertools import islice

import msgspec

from components.assembly.hosts import Place
from components.assembly.setup import PlannedStrategy
from components.strategy_host.translation import host_name
from eventstore import EventStore, Selection
from eventstore.moments import iso_utc
from kernel.decimals import exact
from kernel.events import (
    ComponentFailed,
    Event,
    SessionChanged,
    StrategyDecided,
)
from kernel.identifiers import StrategyId
from kernel.recovery import step
from kernel.reopenings import Reopenings
from kernel.time_units import SECOND_NS
from replay.checks.decisions import Decision, decisions_of
from replay.record import checked_plan, plan_after, read_record
from replay.reopening import Cores
from replay.run import Plan, core_after
from replay.session_snapshots import SessionSnapshots
from strategies.sdk.loading import LoadedStrategy

LATEST = 100_000
"""Inputs that may have come between the one at which a process decided, and its decision."""

SHOWN = 20
"""Decisions of each kind that are kept in words."""


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What the new code did over the tail.

    - ``from_ts``, ``to_ts``: the tail, in ns; ``inputs``: how many.
    - ``kept``: decisions that both made, at the same time; ``gone``, ``added``: of one of them alone.
    - ``examples``: the first decisions that differ, in words.
    - ``errors``: exceptions in its hooks.
    """

    from_ts: int
    to_ts: int
    inputs: int
    kept: int
    gone: int
    added: int
    examples: tuple[str, ...]
    errors: tuple[str, ...]

    @property
    def changed_share(self) -> float:
        """The share of all decisions that only one of the two made; 0 if there were none."""
        return (self.gone + self.added) / max(1, self.kept + self.gone + self.added)


@exact
async def try_out(
    store: EventStore,
    log: str,
    strategy: StrategyId,
    code: LoadedStrategy,
    *,
    snapshots: SessionSnapshots,
    tail_s: float,
    symbols: Sequence[str] | None = None,
) -> Tried:
    """Play the last ``tail_s`` seconds of a log, or what a snapshot allows, with new code for a strategy.

    ``symbols``: of a strategy that is new; empty: all. ``None``: it is tried where the log has it.
    ``snapshots``: for a strategy in a process of its own, those of that process, which have its state.

    The tail begins at the last snapshot before it, else at the oldest one there is, else with the log. Raises
    ``ComponentError`` for a state that does not fit the new code.
    """
    head = await store.head(log)
    restored = await snapshots.restore_before(head.ts - int(tail_s * SECOND_NS))
    if restored is None:
        record = await read_record(store, log)
        plan = await checked_plan(store, record, current_code=False)
        cores, after_seq = Cores(plan, record.opening, started=record.started), 0
    else:
        cores, after_seq = restored.cores, restored.seq
    trial = _Trial(cores, strategy, code, symbols)
    trial.swap()
    if restored is not None:
        trial.begin(epoch=restored.epoch)
    as_decided = _AsDecided(strategy)
    reopenings = Reopenings(has_begun=restored is not None)
    async with aclosing(store.read(log, Selection(from_seq=after_seq + 1, to_seq=head.seq))) as batches:
        async for batch in batches:
            causes = batch.causes or [0] * len(batch.events)
            inputs = [event for event, cause in zip(batch.events, causes, strict=True) if cause <= 0]
            trial.recorded.update(decisions_of(as_decided.of(batch.events, causes), strategy))
            for part, is_opening in reopenings.parts(inputs):
                trial.play(part, is_opening=is_opening)
    return trial.result()


class _AsDecided:
    """Gives decisions that came from another process the time at which they were decided there.

    The new code decides in this process, at that time.
    """

    def __init__(self, strategy: StrategyId) -> None:
        self._strategy = strategy
        self._times: dict[int, int] = {}
        self._decided_ts: dict[int, int] = {}

    def of(self, events: Sequence[Event], causes: Sequence[int]) -> Iterator[Event]:
        """The next records of the log."""
        for event, cause in zip(events, causes, strict=True):
            if cause < 0:
                self._note(event, -cause)
            decided_ts = self._decided_ts.get(cause)
            yield event if decided_ts is None else msgspec.structs.replace(event, ts=decided_ts)

    def _note(self, event: Event, number: int) -> None:
        self._times[number] = event.ts
        self._times.pop(number - LATEST, None)
        if isinstance(event, StrategyDecided) and event.strategy == self._strategy:
            self._decided_ts[number] = self._times.get(event.after, event.ts)


class _Trial:
    """A core with the new code, and the decisions of both."""

    def __init__(
        self, cores: Cores, strategy: StrategyId, code: LoadedStrategy, symbols: Sequence[str] | None
    ) -> None:
        self.recorded = Counter[Decision]()
        self._strategy, self._code, self._symbols = strategy, code, symbols
        self._made = Counter[Decision]()
        self._errors: list[str] = []
        self._plan, self._core = cores.plan, cores.core
        self._inputs, self._from_ts, self._to_ts = 0, 0, 0

    def swap(self) -> None:
        """Give the core the new code, if it has the strategy or gets it as a new one."""
        self._plan = _with_code(self._plan, self._strategy, self._code, self._symbols)
        self._core = core_after(self._plan, self._core.bus)

    def begin(self, *, epoch: int) -> None:
        """Start the new code, as the change of a session does."""
        now = self._core.bus.state.now
        self._play([SessionChanged(now, epoch, self._plan.mode, "trial", strategies=(self._strategy,))])

    def play(self, inputs: Sequence[Event], *, is_opening: bool) -> None:
        """Give the core the next inputs."""
        if is_opening:
            self._plan = plan_after(self._plan, inputs)
            self.swap()
        if inputs:
            self._play(inputs)

    def _play(self, inputs: Sequence[Event]) -> None:
        self._inputs += len(inputs)
        self._from_ts, self._to_ts = self._from_ts or inputs[0].ts, inputs[-1].ts
        made = step(self._core.bus, inputs).events
        self._made.update(decisions_of(made, self._strategy))
        self._errors += [
            f"{event.error} in {event.where or event.event_type}"
            for event in made
            if isinstance(event, ComponentFailed) and event.component == host_name(self._strategy)
        ]

    def result(self) -> Tried:
        gone, added = self.recorded - self._made, self._made - self.recorded
        return Tried(
            from_ts=self._from_ts,
            to_ts=self._to_ts,
            inputs=self._inputs,
            kept=(self.recorded & self._made).total(),
            gone=gone.total(),
            added=added.total(),
            examples=tuple(islice(_examples(gone, added), SHOWN)),
            errors=tuple(self._errors[:SHOWN]),
        )


def _with_code(plan: Plan, strategy: StrategyId, code: LoadedStrategy, symbols: Sequence[str] | None) -> Plan:
    def placed(one: PlannedStrategy) -> PlannedStrategy:
        if one.strategy_id != strategy:
            return one
        return msgspec.structs.replace(one, loaded=code, place=Place.IN_CORE)

    strategies = tuple(map(placed, plan.strategies))
    if symbols is not None and strategy not in (one.strategy_id for one in strategies):
        new = PlannedStrategy(strategy, code, tuple(symbols) or plan.symbols, was_told=bool(symbols))
        strategies = (*strategies, new)
    return msgspec.structs.replace(plan, strategies=strategies)


def _examples(gone: Counter[Decision], added: Counter[Decision]) -> Iterator[str]:
    """The decisions that differ, in order of time."""
    marked = [(ts, "-", words) for ts, words in gone] + [(ts, "+", words) for ts, words in added]
    return (f"{sign} {iso_utc(ts)} {words}" for ts, sign, words in sorted(marked))
