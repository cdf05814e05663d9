"""A change of configuration or code while a session runs, between two of its events.

The running session goes on from an opening of its own (``kernel.reopenings``), as a later session does from
today's files. So a replay, a recovery and an audit see every change in the same way, with its code.

Code stays as it runs unless a change asks for that on disk or for a recorded version: a change of limits
never loads a file that somebody is editing. A version that was refused is not loaded again; an edited file is
a version of its own.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

import msgspec

from components.assembly.code_on_disk import code_on_disk
from components.assembly.core import Core
from components.assembly.opening import reopening_inputs
from components.assembly.settings import StrategyConfig
from components.assembly.setup import PlannedStrategy
from kernel.errors import ConfigError
from kernel.events import CalendarDefined, Event, SessionChanged, VersionRefused
from kernel.identifiers import StrategyId
from replay.config import DAEMON_SECTIONS, ReplayConfig
from replay.reopening import new_instruments
from replay.run import Plan
from strategies.sdk.loading import LoadedStrategy, load_recorded
from strategies.sdk.parameters import rows_of

WHILE_STOPPED = (DAEMON_SECTIONS - {"mode"}) | {"store", "cash"}
"""Settings that are read at the start alone."""

Versions = Mapping[StrategyId, LoadedStrategy]
NO_VERSIONS: Versions = MappingProxyType({})

Records = Callable[[Plan, int], Iterable[Event]]
"""Makes further inputs of a change, from the plan after it and its time."""


def no_records(_after: Plan, _ts: int) -> Iterable[Event]:
    """For a change that has no other inputs than its own."""
    return ()


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked for, by whom and why.

    - ``config``: the configuration from now on; ``None``: as it is.
    - ``reload``: strategies whose code is read from disk again.
    - ``versions``: strategies that get this code.
    - ``refused``: code that is not to be loaded again, by strategy: the hash of each.
    - ``records``: other inputs that are recorded with it. With them, a change may change nothing else.
    """

    operator: str
    reason: str = ""
    config: ReplayConfig | None = None
    reload: Collection[StrategyId] = ()
    versions: Versions = NO_VERSIONS
    refused: Mapping[StrategyId, str] = MappingProxyType({})
    records: Records = no_records

    @property
    def is_told(self) -> bool:
        """Whether it is on record even if configuration and code stay as they are."""
        return bool(self.refused) or self.records is not no_records


class Codes:
    """Finds the code of each strategy of a changed configuration: by default the code that runs."""

    def __init__(self, before: Plan, change: Change, refused: Mapping[StrategyId, Collection[str]]) -> None:
        placed = zip(_entries(before), before.strategies, strict=False)
        self._running = {_key(entry): planned for entry, planned in placed}
        self._change = change
        self._refused = refused

    def __call__(self, wanted: StrategyConfig) -> LoadedStrategy:
        """The code of a strategy. Raises ``InputError`` and ``StrategyRefused`` for one that cannot run."""
        running = self._running.get(_key(wanted))
        given = self._change.versions.get(StrategyId(wanted.id))
        if given is not None:
            return _with_params(given, wanted)
        if running is None:
            return code_on_disk(wanted)
        key, loaded = running.strategy_id, running.loaded
        if key in self._change.versions:
            loaded = self._change.versions[key]
        elif key in self._change.reload or not _is_same_file(wanted, running):
            anew = code_on_disk(wanted)
            if anew.code_hash not in self._refused.get(key, ()):
                return anew
        return _with_params(loaded, wanted)


def _key(wanted: StrategyConfig) -> str:
    return wanted.id or wanted.strategy


def _is_same_file(wanted: StrategyConfig, running: PlannedStrategy) -> bool:
    return running.loaded.reference.startswith(wanted.strategy)


def check_while_running(before: ReplayConfig, after: ReplayConfig) -> None:
    """Raise ``ConfigError`` for settings that only change at a start."""
    for field in msgspec.structs.fields(type(before)):
        was, given = getattr(before, field.name), getattr(after, field.name, None)
        if field.encode_name in WHILE_STOPPED and was != given:
            raise ConfigError(f"{field.encode_name}: cannot change while the session runs; restart with it")


def changed_strategies(before: Plan, after: Plan) -> tuple[StrategyId, ...]:
    """The strategies that are new, or have other code or other parameters than tunable ones."""
    known = {one.strategy_id: one for one in before.strategies}
    return tuple(
        one.strategy_id
        for one in after.strategies
        if (was := known.get(one.strategy_id)) is None or _code_of(was) != _code_of(one)
    )


def _code_of(planned: PlannedStrategy) -> object:
    """What makes a strategy start again if it differs: the code, and parameters that are not tunable."""
    strategy = planned.loaded.strategy
    names = [row.name for row in rows_of(strategy.params_type) if not row.is_tunable]
    params = [getattr(strategy.params, name) for name in names]
    return planned.loaded.code_hash, msgspec.json.encode(params)


def opening_of_change(
    before: Plan,
    after: Plan,
    change: Change,
    *,
    ts: int,
    epoch: int,
    calendars: Sequence[CalendarDefined],
    file_hash: str,
) -> tuple[Event, ...]:
    """The inputs from which the session goes on."""
    ended_by = SessionChanged(
        ts,
        epoch,
        after.mode,
        change.operator,
        change.reason,
        changed_strategies(before, after),
        file_hash=file_hash,
    )
    return reopening_inputs(
        after,
        after.venue,
        session=ended_by,
        calendars=calendars,
        instruments=new_instruments(before, after),
        told=(*_refusals(change, ts), *change.records(after, ts)),
    )


def _refusals(change: Change, ts: int) -> Iterator[Event]:
    for strategy, code_hash in change.refused.items():
        yield VersionRefused(ts, change.operator, strategy, code_hash, change.reason)


def refused_versions(core: Core) -> dict[StrategyId, Collection[str]]:
    """The code that is not to be loaded again, by strategy."""
    return {host.strategy_id: tuple(host.state.refused) for host in core.hosts}


def codes_that_stay(
    before: Plan, staying: Collection[StrategyId]
) -> Callable[[StrategyConfig], LoadedStrategy]:
    """Finds the code of each strategy at a start: for those that stay the code that ran, else the file's."""
    ran = {one.strategy_id: one.loaded for one in before.strategies if one.strategy_id in staying}

    def code_of(wanted: StrategyConfig) -> LoadedStrategy:
        loaded = ran.get(StrategyId(wanted.id))
        return code_on_disk(wanted) if loaded is None else _with_params(loaded, wanted)

    return code_of


def without_refused(before: Plan, after: Plan, refused: Mapping[StrategyId, Collection[str]]) -> Plan:
    """The plan with the code that ran before, where the code on disk was refused."""
    known = {one.strategy_id: one.loaded for one in before.strategies}
    wanted = {one.strategy_id: entry for one, entry in zip(after.strategies, _entries(after), strict=False)}
    strategies = [
        msgspec.structs.replace(one, loaded=_with_params(known[one.strategy_id], wanted[one.strategy_id]))
        if one.loaded.code_hash in refused.get(one.strategy_id, ())
        else one
        for one in after.strategies
    ]
    return msgspec.structs.replace(after, strategies=tuple(strategies))


def _entries(plan: Plan) -> tuple[StrategyConfig, ...]:
    return plan.config.enabled_strategies


def _with_params(code: LoadedStrategy, wanted: StrategyConfig) -> LoadedStrategy:
    """The same code with the parameters of the configuration."""
    return load_recorded(code.source, code.reference, wanted.params, modules=code.modules)
