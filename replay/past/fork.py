"""What would have happened from a moment on, with other code, parameters, limits, fills or fees.

    changes = ForkChanges(settings={"risk.max_order_quantity": "5"})
    found = await fork(store, "paper", changes=changes, seq=900)
    found.comparison.fills.only_a, found.comparison.b.metrics.total_return

The core of the moment gets the changed configuration and code, with the states that it had, and plays the
inputs that came after. Nothing is written. Fills are those of the simulated venue, so the log of real orders
can only be forked with nothing changed.

A fork in which nothing is changed gives the recorded events, byte for byte.
"""

from collections.abc import Mapping, Sequence
from contextlib import aclosing

import msgspec

from components.assembly.hosts import Place
from components.assembly.setup import PlannedStrategy
from components.assembly.user_models import LoadedModel, load_rules
from eventstore import EventStore, MemoryEventStore, Selection, SnapshotFiles, encode_events
from eventstore.moments import iso_utc
from kernel.configuration import listed
from kernel.decimals import exact
from kernel.errors import ConfigError, InputError
from kernel.events import Event, RunFinished, SessionChanged
from kernel.recovery import step
from kernel.snapshot import take, take_over
from replay.config import ReplayConfig
from replay.live_change import changed_strategies
from replay.overlay_store import OverlayStore
from replay.past.changed_config import changed_config
from replay.past.log_player import LogPlayer, Start
from replay.past.run_comparison import ComparedRun, RunComparison, compare_runs
from replay.past.timeline import Moment, Timeline
from replay.record import Record
from replay.reopening import Cores, is_changed
from replay.run import Plan
from replay.simulated_venue import SimulatedVenue, load_models
from strategies.sdk.loading import LoadedStrategy, load_recorded, load_strategy

OPERATOR = "replay fork"
NO_CHANGES: Mapping[str, str] = {}


class ForkChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What is changed.

    - ``settings``: of the configuration by path: ``risk.max_order_quantity``, ``broker.slippage_bps``.
    - ``params``: of strategies: ``fast`` if there is one strategy, else ``ma_cross.fast``.
    - ``code``: other code by strategy: ``module:Class`` or ``file.py:Class``.
    - ``current_code``: the code on disk of all strategies, models and risk rules.
    """

    settings: Mapping[str, str] = NO_CHANGES
    params: Mapping[str, str] = NO_CHANGES
    code: Mapping[str, str] = NO_CHANGES
    current_code: bool = False


class Forked(msgspec.Struct, frozen=True, eq=False):
    """A fork beside what happened: ``comparison.a`` is the record, ``comparison.b`` the fork.

    - ``is_changed``: whether code or configuration are others.
    - ``restored_seq``: of the snapshot from which the way to the moment was played; 0: from the beginning.
    """

    moment: Moment
    is_changed: bool
    comparison: RunComparison
    restored_seq: int = 0


@exact
async def fork(
    store: EventStore,
    log: str,
    *,
    changes: ForkChanges,
    seq: int | None = None,
    ts: int | None = None,
    to_ts: int | None = None,
    snapshots: SnapshotFiles | None = None,
) -> Forked:
    """Play a run or live log from a record or a time on with changes, and compare it with what happened.

    Without ``seq`` and ``ts`` it begins right after the opening. ``to_ts``: the last moment that is played
    and compared; ``None``: the end of the log.

    Raises ``ConfigError`` and ``InputError`` for a change that cannot be made, ``InputError`` for a moment
    after the end, ``ComponentError`` for a state that does not fit the changed core, and as
    ``Timeline.open`` does.
    """
    async with Timeline.open(store, log, snapshots=snapshots) as timeline:
        record, adapt = timeline.record, _Adapted(changes)
        if seq is not None or ts is None or ts < record.started.ts:
            moment = await timeline.goto_seq(record.seqs[-1] if seq is None else seq)
        else:
            moment = await timeline.goto_time(ts)
            if ts > moment.ts and timeline.player.next_ts is None:
                raise InputError(f"{iso_utc(ts)} is after the end of {log}, {await timeline.end_words()}")
        before = timeline.plan
        cores = Cores(before, timeline.opening, started=record.started, assumed=timeline.assumed, adapt=adapt)
        take_over(cores.core.bus, take(timeline.core.bus))
        has_changed = is_changed(before, cores.plan)
        made = _Made(moment.seq)
        if has_changed:
            _check_venue(before)
            made.add(*_begin(cores, before, timeline.player.epoch))
        start = Start(cores, moment.seq, timeline.player.data_count, timeline.player.epoch, int(has_changed))
        player = LogPlayer(timeline.store, record, start)
        try:
            while (part := await player.play(until_ts=to_ts)) is not None:
                made.add(part.records.events, part.records.causes)
            if to_ts is not None and player.next_ts is not None:
                fired = player.fire_timers(to_ts)
                made.add(fired.events, fired.causes)
        finally:
            await player.close()
        number, now = player.input_count, player.core.bus.state.now
        forked = await _as_run(timeline.store, record, made, name=f"{log} fork", number=number, now=now)
        happened = ComparedRun(timeline.store, log)
        if to_ts is not None and player.next_ts is not None:
            until, name = _Made(await timeline.last_seq_at(to_ts)), f"{log} recorded"
            number -= int(has_changed)
            happened = await _as_run(timeline.store, record, until, name=name, number=number, now=now)
        elif record.log is not None:  # it may have grown since it was opened
            until = _Made(record.log.last_seq)
            happened = await _as_run(timeline.store, record, until, name=log, number=number, now=now)
        compared = await compare_runs(happened, forked, shared_seq=moment.seq)
        return Forked(moment, has_changed, compared, timeline.restored_seq)


class _Made:
    """The records of a fork, after those that it shares with the log."""

    def __init__(self, shared_seq: int) -> None:
        self.shared_seq = shared_seq
        self.events: list[Event] = []
        self.causes: list[int] = []

    def add(self, events: Sequence[Event], causes: Sequence[int]) -> None:
        """Add the next records."""
        self.events += events
        self.causes += causes


def _begin(cores: Cores, before: Plan, epoch: int) -> tuple[Sequence[Event], Sequence[int]]:
    """Start the strategies whose code or parameters changed, as a change of a running session does."""
    bus = cores.core.bus
    changed = changed_strategies(before, cores.plan)
    told = SessionChanged(bus.state.now, epoch, cores.plan.mode, OPERATOR, "a fork", strategies=changed)
    records = step(bus, [told])
    return records.events, records.causes


def _check_venue(plan: Plan) -> None:
    """Refuse changes to a log of real orders: nobody knows how the venue would have filled others."""
    if not isinstance(plan.venue, SimulatedVenue):
        raise ConfigError(
            "a fork with changes needs fills that never were: the orders of this log went to a real venue. "
            "Fork a run or a paper log, or play its data with replay"
        )


async def _as_run(
    store: EventStore, record: Record, made: _Made, *, name: str, number: int, now: int
) -> ComparedRun:
    """The first records of a log and those that were made as a stream of its own, ended as the log is."""
    stream, memory = name, MemoryEventStore()
    seq = 0
    if made.shared_seq:
        shared = Selection(to_seq=made.shared_seq)
        async with aclosing(store.read(record.run_stream, shared)) as batches:
            async for batch in batches:
                encoded = encode_events(stream, batch.events, causes=batch.causes)
                seq = (await memory.append(stream, encoded, expected_seq=seq)).seq
    events, causes = made.events, made.causes
    if record.log is None:
        derived_count = sum(cause > 0 for cause in causes)
        events = [*events, RunFinished(now, number, derived_count, "")]
        causes = [*causes, -(number + 1)]
    if events:
        encoded = encode_events(stream, events, causes=causes)
        await memory.append(stream, encoded, expected_seq=seq)
    return ComparedRun(OverlayStore(store, memory, stream), stream)


# --- the changed plan -------------------------------------------------------------------------------


class _Adapted:
    """Changes each plan of a log, at the fork and where configuration or code change later."""

    def __init__(self, changes: ForkChanges) -> None:
        self._changes = changes

    def __call__(self, plan: Plan) -> Plan:
        changes = self._changes
        strategies = tuple(self._strategy(one) for one in plan.strategies)
        self._check_names(plan)
        config = changed_config(plan.config, changes.settings)
        return msgspec.structs.replace(
            plan, config=config, strategies=strategies, models=self._models(plan, config)
        )

    def _check_names(self, plan: Plan) -> None:
        known = [one.strategy_id for one in plan.strategies]
        for name in self._changes.code:
            if name not in known:
                raise InputError(f"there is no strategy {name!r}; there are: {listed(known)}")
        for path in self._changes.params:
            owner = path.rpartition(".")[0]
            if (owner and owner not in known) or (not owner and len(known) != 1):
                raise InputError(f"parameter {path!r}: expected STRATEGY.NAME; there are: {listed(known)}")

    def _models(self, plan: Plan, config: ReplayConfig) -> tuple[LoadedModel, ...]:
        """The user's models and risk rules: as recorded, where the configuration names the same."""
        if self._changes.current_code:
            return (*load_models(config.broker), *load_rules(config.risk))
        if config.broker == plan.config.broker and config.risk == plan.config.risk:
            return plan.models
        recorded = {_named(one): one for one in plan.models}
        wanted = (*load_models(config.broker), *load_rules(config.risk))
        return tuple(recorded.get(_named(one), one) for one in wanted)

    def _strategy(self, one: PlannedStrategy) -> PlannedStrategy:
        changes, key = self._changes, one.strategy_id
        params = dict(_params_of(one.loaded))
        own = {
            path.rpartition(".")[2]: value
            for path, value in changes.params.items()
            if path.rpartition(".")[0] in ("", key)
        }
        reference = changes.code.get(key, "")
        if not own and not reference and not changes.current_code:
            return one
        params.update(own)
        if reference or changes.current_code:
            loaded = load_strategy(reference or one.loaded.reference, params)
        else:
            loaded = load_recorded(
                one.loaded.source, one.loaded.reference, params, modules=one.loaded.modules
            )
        return msgspec.structs.replace(one, loaded=loaded, place=Place.IN_CORE)


def _params_of(loaded: LoadedStrategy) -> dict[str, object]:
    """The parameters as the record has them."""
    return msgspec.json.decode(msgspec.json.encode(loaded.strategy.params), type=dict[str, object])


def _named(model: LoadedModel) -> tuple[str, str, bytes]:
    return model.role, model.reference, msgspec.json.encode(model.params, order="deterministic")
