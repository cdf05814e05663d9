"""Loads changed code of strategies while they trade, and goes back to recorded code.

- What it remembers: the code that it has tried last for each strategy, so that a bad file is told once.
- What changes it: a file is written, or an operator asks. New code is linted, tried on the recent past in a
  child process, and swapped in between two events. Whatever fails, the old code trades on, and the reason is
  an event.
- What never happens: code trades that was not tried as it is: the file may be written again meanwhile.
"""

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import structlog
from watchfiles import (
    PythonFilter,
    awatch,  # pyright: ignore[reportUnknownVariableType]  # its event may be trio's
)

from components.assembly.code_on_disk import code_on_disk
from components.assembly.hosts import Place
from components.assembly.settings import StrategyConfig
from components.assembly.setup import PlannedStrategy
from eventstore import EventStore
from kernel.clock import Clock
from kernel.errors import ComponentError, ConfigError, InputError, OnetapeError
from kernel.events import StrategyLoadRefused
from kernel.identifiers import StrategyId
from kernel.loggable import message_of
from ops.daemon.trials import TrialLimits, tried_apart
from ops.daemon.worker import folder_of
from replay.code_versions import CodeVersion, before_of, chosen, difference, versions_of
from replay.live_change import Change
from replay.run_config import ReloadConfig, RunConfig
from replay.session import LiveSession
from replay.session_snapshots import FOLDER
from replay.trial import Tried
from strategies.sdk.loading import LoadedStrategy
from strategies.sdk.references import find_source_file, parse_reference

_log = structlog.get_logger()

WATCHER = "file watcher"
"""The operator of a change that nobody asked for by hand."""
SETTLED_MS = 200
"""Changes within this time are one: editors write a file in several steps."""
LOOK_EVERY_MS = 5_000
"""How often the watcher looks which folders there are: strategies come and go."""


class Reloaded(msgspec.Struct, frozen=True, kw_only=True):
    """A swap that was made: at ``seq``, to the code with this hash. ``tried``: what it did on the tail."""

    strategy: StrategyId
    seq: int
    code_hash: str
    version: str
    tried: Tried | None = None


class Reloading:
    """The code of one daemon's strategies."""

    def __init__(self, config: RunConfig, session: LiveSession, *, store: EventStore, clock: Clock) -> None:
        self._config = config
        self._session = session
        self._store = store
        self._clock = clock
        self._tried: dict[StrategyId, str] = {}
        self.turn = asyncio.Lock()
        """Held while code is changed."""

    @property
    def settings(self) -> ReloadConfig:
        """How code is loaded."""
        return self._config.reload

    async def run(self) -> None:
        """Watch the files of all strategies that are not deployed until cancelled."""
        if not self.settings.watch:
            return
        while True:
            folders = self._folders()
            changes = awatch(
                *folders,
                watch_filter=PythonFilter(),
                debounce=SETTLED_MS,
                step=SETTLED_MS,
                recursive=False,
                rust_timeout=LOOK_EVERY_MS,
                yield_on_timeout=True,
            )
            is_first = True  # a file may have changed before anybody watched it
            async for changed in changes:
                if changed or is_first:
                    await self._reload_changed()
                is_first = False
                if self._folders() != folders:
                    break

    async def reload(
        self, name: str, *, operator: str, reason: str = "", is_forced: bool = False
    ) -> Reloaded:
        """Swap in the code of a strategy's file. ``is_forced``: whatever the comparison says.

        Raises ``InputError``, ``StrategyRefused``, ``ConfigError`` or ``ComponentError`` if the old code
        trades on; the reason is on record.
        """
        planned, entry = self._placed(StrategyId(name))
        async with self.turn:
            try:
                code = await asyncio.to_thread(code_on_disk, entry)
                return await self._swap(planned, code, operator=operator, reason=reason, is_forced=is_forced)
            except OnetapeError as error:
                self._refuse(planned, error)
                raise

    async def check_new(self, key: StrategyId, code: LoadedStrategy, *, symbols: Sequence[str]) -> None:
        """Try the code of a strategy that is to be deployed: a new one from the tail's start on.

        Raises ``InputError`` for code that does not get through. Nothing is swapped.
        """
        running = next((one for one, _ in self._running() if one.strategy_id == key), None)
        is_apart = running is not None and running.place is Place.APART
        tried = await self._tried_on_tail(
            key, code, is_apart=is_apart, symbols=symbols if running is None else None
        )
        if tried is not None:
            _check_errors(key, tried)

    async def rollback(self, name: str, *, to: str = "", operator: str, reason: str = "") -> Reloaded:
        """Go back at once to a recorded version, by the begin of its hash, or to the one before.

        The version that runs is not loaded from its file again until the file is edited. Raises
        ``InputError`` without such a version, and as ``reload`` does.
        """
        planned, _ = self._placed(StrategyId(name))
        key, running = planned.strategy_id, planned.loaded.code_hash
        async with self.turn:
            versions = await self.versions(name)
            wanted = chosen(versions, to, strategy=key) if to else before_of(versions, running, strategy=key)
            if wanted.code_hash == running:
                raise InputError(f"{key}: version {running[:8]} runs already")
            code = wanted.build()
            change = Change(operator=operator, reason=reason, versions={key: code}, refused={key: running})
            seq = await self._session.change(change)
        _log.warning("strategy_rolled_back", strategy=key, version=code.version, code=code.code_hash[:8])
        return Reloaded(strategy=key, seq=seq, code_hash=code.code_hash, version=code.version)

    async def versions(self, name: str) -> tuple[CodeVersion, ...]:
        """The recorded code of a strategy, in the order in which it came."""
        return await versions_of(self._store, self._config.log, StrategyId(name))

    async def diff(self, name: str, *, to: str = "") -> str:
        """The lines that are different between the code that runs and a recorded version, or the file."""
        planned, entry = self._placed(StrategyId(name))
        if to:
            other = chosen(await self.versions(name), to, strategy=planned.strategy_id).build()
            return difference(other, planned.loaded)
        anew = await asyncio.to_thread(code_on_disk, entry)
        return difference(planned.loaded, anew)

    # --- swapping -----------------------------------------------------------------------------

    async def _swap(
        self,
        planned: PlannedStrategy,
        code: LoadedStrategy,
        *,
        operator: str,
        reason: str,
        is_forced: bool,
    ) -> Reloaded:
        key, settings = planned.strategy_id, self.settings
        self._tried[key] = code.code_hash
        if code.code_hash == planned.loaded.code_hash:
            raise InputError(f"{key}: the code in its file is the code that runs")
        tried = await self._tried_on_tail(key, code, is_apart=planned.place is Place.APART)
        if tried is not None and not is_forced:
            _check_errors(key, tried)
            _check_changed(key, tried, settings)
        change = Change(operator=operator, reason=reason, versions={key: code})
        seq = await self._session.change(change)
        _log.info(
            "strategy_reloaded",
            strategy=key,
            version=code.version,
            code=code.code_hash[:8],
            decisions_changed=None if tried is None else tried.gone + tried.added,
        )
        return Reloaded(strategy=key, seq=seq, code_hash=code.code_hash, version=code.version, tried=tried)

    async def _tried_on_tail(
        self,
        key: StrategyId,
        code: LoadedStrategy,
        *,
        is_apart: bool = False,
        symbols: Sequence[str] | None = None,
    ) -> Tried | None:
        """What code decides over the recent past; ``None`` if nothing is tried."""
        settings, store = self.settings, Path(self._config.store)
        if not settings.tail_s:
            return None
        limits = TrialLimits(tail_s=settings.tail_s, time_s=settings.limit_s, memory_mb=settings.memory_mb)
        snapshots = folder_of(store, key) if is_apart else store / FOLDER
        return await tried_apart(
            store, self._config.log, key, code, limits, snapshots=snapshots, symbols=symbols
        )

    def _refuse(self, planned: PlannedStrategy, error: OnetapeError) -> None:
        """Put on record that the old code trades on, and why."""
        why = message_of(error)
        _log.warning("strategy_not_reloaded", strategy=planned.strategy_id, error=why)
        refused = StrategyLoadRefused(self._clock.now(), planned.strategy_id, planned.loaded.reference, why)
        self._session.engine.report(refused)

    def _placed(self, key: StrategyId) -> tuple[PlannedStrategy, StrategyConfig]:
        """A strategy that runs, and its entry in the configuration."""
        for planned, entry in self._running():
            if planned.strategy_id == key:
                return planned, entry
        known = ", ".join(planned.strategy_id for planned, _ in self._running())
        raise InputError(f"there is no strategy {key!r}; the session runs {known or 'none'}")

    def _running(self) -> Iterator[tuple[PlannedStrategy, StrategyConfig]]:
        plan = self._session.plan
        return zip(plan.strategies, plan.config.enabled_strategies, strict=False)

    # --- watching -----------------------------------------------------------------------------

    def _folders(self) -> tuple[Path, ...]:
        """The folders of the files that are watched."""
        deployed = self._session.deployments.strategies
        watched = (entry for one, entry in self._running() if one.strategy_id not in deployed)
        found = {self._file(entry).resolve().parent for entry in watched}
        return tuple(sorted(folder for folder in found if folder.is_dir()))

    def _file(self, entry: StrategyConfig) -> Path:
        reference = parse_reference(entry.strategy)
        return Path(reference.location) if reference.is_path else find_source_file(reference)

    async def _reload_changed(self) -> None:
        """Reload each strategy whose code on disk is neither that which runs nor one that was tried."""
        for planned, entry in tuple(self._running()):
            key = planned.strategy_id
            if key in self._session.deployments.strategies:
                continue
            try:
                code = await asyncio.to_thread(code_on_disk, entry)
            except InputError as error:
                if self._tried.get(key) != str(error):
                    self._tried[key] = str(error)
                    self._refuse(planned, error)
                continue
            host = next(one for one in self._session.core.hosts if one.strategy_id == key)
            known = {planned.loaded.code_hash, self._tried.get(key), *host.state.refused}
            if code.code_hash in known:
                continue
            try:
                async with self.turn:
                    await self._swap(
                        planned, code, operator=WATCHER, reason=f"{entry.strategy} changed", is_forced=False
                    )
            except (InputError, ConfigError, ComponentError) as error:
                self._refuse(planned, error)


def _check_errors(key: StrategyId, tried: Tried) -> None:
    """Raise ``InputError`` for code that raised over the tail."""
    if tried.errors:
        raise InputError(
            f"{key}: the new code raised {len(tried.errors)} errors over the last {tried.inputs:,} inputs: "
            f"{tried.errors[0]}"
        )


def _check_changed(key: StrategyId, tried: Tried, settings: ReloadConfig) -> None:
    """Raise ``InputError`` for code that the comparison vetoes."""
    if tried.changed_share > settings.most_changed:
        raise InputError(
            f"{key}: {tried.changed_share:.0%} of the decisions over the last {tried.inputs:,} inputs would "
            f"be different ({tried.gone} gone, {tried.added} new, {tried.kept} kept), and "
            f"reload.most_changed allows {settings.most_changed:.0%}"
        )
