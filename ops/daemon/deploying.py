"""Deploys versions of strategies while a daemon trades, scales them, and goes back.

- What it remembers: nothing. The deployments are those of the session, and so of the log.
- What changes it: an operator, or the watch of canaries (``ops.daemon.canary``), asks. Each change is one
  opening between two events, with the configuration, the code, and the event of the deployment.
- What never happens: code is deployed that was not linted, and tried as a reload tries it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from hashlib import sha256

import msgspec
import structlog

from components.assembly.settings import StrategyConfig
from components.strategy_host.translation import host_name
from kernel.decimals import exact
from kernel.errors import InputError
from kernel.events import Event, FlattenPositions, ReleaseComponent, ResumeStrategy
from kernel.events.deployments import (
    DeploymentRolledBack,
    DeploymentStepped,
    GateJudged,
    StrategyDeployed,
)
from kernel.identifiers import StrategyId
from ops.daemon.reloading import Reloading
from ops.daemon.wanted_deployment import Judged, Wanted, code_of
from replay.code_versions import chosen
from replay.config import ReplayConfig, check_config
from replay.deploying.canary_schedule import shown_share, with_share
from replay.deploying.deployments import Deployment, entry_in, settings_of
from replay.deploying.settings import check_max_drawdown
from replay.live_change import Change, Records
from replay.reopening import Orphan
from replay.run import Plan
from replay.run_config import RunConfig
from replay.session import NO_ORPHANS, LiveSession
from strategies.sdk.loading import LoadedStrategy

_log = structlog.get_logger()

NOW = 0
ZERO = Decimal(0)


class Deploying:
    """The deployments of one daemon."""

    def __init__(self, config: RunConfig, session: LiveSession, reloading: Reloading) -> None:
        self._config = config
        self._session = session
        self._reloading = reloading

    async def deploy(self, wanted: Wanted, *, operator: str, reason: str) -> Deployment:
        """Put a version of a strategy into force, at the first step of its schedule.

        A strategy that runs keeps its state, its orders and its positions. Raises ``InputError``,
        ``StrategyRefused``, ``ConfigError`` or ``ComponentError`` if it cannot be; nothing is changed then.
        """
        entry = wanted.entry or self._entry_named(wanted.name)
        code, origin = await code_of(wanted, entry)
        key = StrategyId(entry.id or code.strategy.metadata.name)
        entry = msgspec.structs.replace(entry, id=key, enabled=True)
        if wanted.max_drawdown is not None:
            check_max_drawdown(wanted.max_drawdown, key="max_drawdown")
        async with self._reloading.turn:
            self._check_symbols(entry)
            self._check_gate(key, wanted)
            check_config(_with_entry(self._session.plan, key, entry))
            await self._reloading.check_new(key, code, symbols=entry.symbols)
            if wanted.code is not None:
                entry = msgspec.structs.replace(entry, strategy=code.reference)
            records = self._deployed(key, entry, wanted, operator=operator, reason=reason, origin=origin)
            replaced = self._session.deployments.of(key)
            was_running = key in _entries(self._session.plan) and not (replaced and replaced.stopped)
            await self._change(
                _with_entry(self._session.plan, key, with_share(entry, wanted.steps[0].share)),
                records,
                operator=operator,
                reason=reason,
                versions={key: code},
            )
        self._put_in_service(key, operator=operator, reason=reason, was_running=was_running)
        done = self._current(key)
        _log.info(
            "strategy_deployed",
            strategy=key,
            version=code.version,
            share=shown_share(done.share),
            by=operator,
        )
        return done

    async def promote(self, name: str, *, operator: str, reason: str) -> Deployment:
        """Go on to the next step of a schedule at once. Raises as ``deploy`` does."""
        key = StrategyId(name)
        async with self._reloading.turn:
            one = self._current(key)
            if one.next_step is None:
                raise InputError(
                    f"{key}: it has its whole capital, and its schedule has no step left; --to names the "
                    "environment that it is promoted to"
                )
            stopped, step = one.stopped, one.next_step
            entry = with_share(one.settings, step.share)
            stepped = DeploymentStepped(NOW, operator, key, one.step + 1, step.share, reason)
            await self._change(
                _with_entry(self._session.plan, key, entry),
                _stamped(stepped),
                operator=operator,
                reason=reason,
            )
        if stopped:
            self._put_in_service(key, operator=operator, reason=reason, was_running=False)
        _log.info("deployment_stepped", strategy=key, share=shown_share(one.share), by=operator)
        return one

    async def roll_back(
        self,
        name: str,
        *,
        to: str = "",
        orphan: Orphan | None = None,
        operator: str,
        reason: str = "",
    ) -> str:
        """Go back at once: to the version before, or to recorded code by the begin of its hash.

        The version before is the code that ran before a reload, else that of the deployment before with its
        settings and its capital, else none. ``orphan``: what becomes of the positions; left out, they stay,
        and a strategy that has some is not removed. Returns what is in force now, in words. Raises as
        ``deploy`` does.
        """
        key = StrategyId(name)
        one = self._session.deployments.of(key)
        if to or one is None or self._code_hash(key) != one.event.code_hash:
            done = await self._reloading.rollback(name, to=to, operator=operator, reason=reason)
            self._close(key, orphan, operator=operator, reason=reason)
            return f"the code {done.code_hash[:8]} runs"
        async with self._reloading.turn:
            is_removed = not one.event.settings_before
            if is_removed:
                await self._remove(key, one, orphan, operator=operator, reason=reason)
            else:
                await self._restore(key, one, operator=operator, reason=reason)
        if is_removed:
            return "it is not deployed any more"
        self._put_in_service(key, operator=operator, reason=reason, was_running=not one.stopped)
        self._close(key, orphan, operator=operator, reason=reason)
        return f"the code {self._code_hash(key)[:8]} runs with its settings of before"

    # --- steps of a change --------------------------------------------------------------------

    @exact
    def _deployed(
        self,
        key: StrategyId,
        entry: StrategyConfig,
        wanted: Wanted,
        *,
        operator: str,
        reason: str,
        origin: str,
    ) -> Records:
        """Makes the events of a deployment, when its plan is known."""
        before = _entries(self._session.plan).get(key)
        code_before = "" if before is None else self._code_hash(key)
        drawdown = self._config.deploy.max_drawdown if wanted.max_drawdown is None else wanted.max_drawdown

        def records(after: Plan, ts: int) -> Iterator[Event]:
            if wanted.judged is not None or wanted.forced:
                judged = wanted.judged or Judged(rows=())
                yield GateJudged(
                    ts,
                    operator,
                    key,
                    origin,
                    judged.is_passed,
                    judged.rows,
                    judged.reviewed_by,
                    judged.alerts_confirmed_by,
                    wanted.forced,
                )
            code = next(one.loaded.code_hash for one in after.strategies if one.strategy_id == key)
            yield StrategyDeployed(
                ts,
                operator,
                key,
                code,
                sha256(msgspec.json.encode(after.config, order="deterministic")).hexdigest(),
                settings_of(entry),
                wanted.steps,
                drawdown,
                wanted.flattens,
                self._session.core.portfolio.strategies.net_pnl(key) or ZERO,
                "" if before is None else settings_of(msgspec.structs.replace(before, id=key)),
                code_before,
                origin,
                reason,
            )

        return records

    async def _restore(self, key: StrategyId, one: Deployment, *, operator: str, reason: str) -> None:
        """Go back to the version that ran before a deployment."""
        settings, code_before = one.event.settings_before, one.event.code_before
        versions = await self._reloading.versions(key)
        code = chosen(versions, code_before, strategy=key).build()
        is_files = self._session.deployments.before(key) is None and code_before != one.event.code_hash
        rolled = DeploymentRolledBack(NOW, operator, key, code_before, settings, reason)
        await self._change(
            _with_entry(self._session.plan, key, entry_in(settings)),
            _stamped(rolled),
            operator=operator,
            reason=reason,
            versions={key: code},
            refused={key: one.event.code_hash} if is_files else {},
        )
        _log.warning("deployment_rolled_back", strategy=key, code=code_before[:8], by=operator)

    async def _remove(
        self, key: StrategyId, one: Deployment, orphan: Orphan | None, *, operator: str, reason: str
    ) -> None:
        """Take a strategy out that did not run before its deployment."""
        core = self._session.core
        held = core.portfolio.strategy_positions(key)
        if orphan is None and (held or core.orders.open_orders(key, None)):
            shown = ", ".join(f"{quantity:f} {symbol}" for symbol, quantity in held.items()) or "open orders"
            raise InputError(
                f"{key}: before this version it did not run, and it has {shown}. Say what becomes of them: "
                "--flatten or --keep"
            )
        rolled = DeploymentRolledBack(NOW, operator, key, "", "", reason)
        await self._change(
            _with_entry(self._session.plan, key, None),
            _stamped(rolled),
            operator=operator,
            reason=reason,
            orphans=NO_ORPHANS if orphan is None else {key: orphan},
        )
        _log.warning("deployment_removed", strategy=key, code=one.event.code_hash[:8], by=operator)

    async def _change(
        self,
        config: ReplayConfig,
        records: Records,
        *,
        operator: str,
        reason: str,
        versions: Mapping[StrategyId, LoadedStrategy] | None = None,
        refused: Mapping[StrategyId, str] | None = None,
        orphans: Mapping[StrategyId, Orphan] = NO_ORPHANS,
    ) -> None:
        change = Change(
            operator=operator,
            reason=reason,
            config=config,
            versions=versions or {},
            refused=refused or {},
            records=records,
        )
        await self._session.change(change, orphans=orphans)

    def _put_in_service(self, key: StrategyId, *, operator: str, reason: str, was_running: bool) -> None:
        """Let a strategy go on that was stopped: out of quarantine, and unless an operator paused it."""
        bus, report = self._session.core.bus, self._session.engine.report
        if host_name(key) in bus.state.quarantined:
            report(ReleaseComponent(NOW, operator, host_name(key), reason))
        if not was_running and self._session.is_paused(key):
            report(ResumeStrategy(NOW, operator, key, reason))

    def _close(self, key: StrategyId, orphan: Orphan | None, *, operator: str, reason: str) -> None:
        """Close the positions of a strategy that stays, if that is asked for."""
        if orphan is Orphan.FLATTEN:
            self._session.engine.report(FlattenPositions(NOW, operator, strategy=key, reason=reason))

    # --- what is there ------------------------------------------------------------------------

    def _current(self, key: StrategyId) -> Deployment:
        found = self._session.deployments.of(key)
        if found is None:
            known = ", ".join(self._session.deployments.strategies) or "none"
            raise InputError(f"{key}: it is not deployed here; deployed are: {known}")
        return found

    def _code_hash(self, key: StrategyId) -> str:
        found = (one for one in self._session.plan.strategies if one.strategy_id == key)
        return next((one.loaded.code_hash for one in found), "")

    def _entry_named(self, name: str) -> StrategyConfig:
        """An entry of the configuration by its id or its reference, also one that is not enabled."""
        plan = self._session.plan
        found = _entries(plan).get(StrategyId(name))
        if found is not None:
            one = self._session.deployments.of(StrategyId(name))
            return found if one is None else one.settings
        for entry in plan.config.strategies:
            if name in (entry.id, entry.strategy):
                return entry
        known = ", ".join((*_entries(plan), *(one.id for one in plan.config.strategies if not one.enabled)))
        raise InputError(
            f"there is no strategy {name!r} in the configuration, which has: {known or 'none'}; "
            "expected one of these, or module:Class or file.py:Class"
        )

    def _check_symbols(self, entry: StrategyConfig) -> None:
        """Refuse symbols that the daemon has no terms for."""
        for symbol in entry.symbols:
            if symbol not in self._session.plan.symbols:
                known = ", ".join(self._session.plan.symbols)
                raise InputError(f"{entry.id}: the daemon does not trade {symbol!r}; it has: {known}")

    def _check_gate(self, key: StrategyId, wanted: Wanted) -> None:
        """Refuse a version that did not pass the gate, unless a reason is given for it."""
        judged = wanted.judged
        if wanted.forced or (judged is not None and judged.is_passed):
            return
        if judged is not None:
            failed = (
                ", ".join(row.check for row in judged.rows if not row.is_passed) or "nothing was measured"
            )
            raise InputError(
                f"{key}: the gate is not passed: {failed}. --force-gate REASON deploys it anyway"
            )
        if self._config.mode.sends_orders:
            raise InputError(
                f"{key}: a strategy comes into a live environment by onetape promote, which computes the "
                "gate; --force-gate REASON deploys it without"
            )


def _entries(plan: Plan) -> dict[StrategyId, StrategyConfig]:
    """The entries of the strategies that run."""
    pairs = zip(plan.strategies, plan.config.enabled_strategies, strict=True)
    return {planned.strategy_id: entry for planned, entry in pairs}


@exact
def _with_entry(plan: Plan, key: StrategyId, entry: StrategyConfig | None) -> ReplayConfig:
    """The configuration with another entry for a strategy, or without it."""
    old = _entries(plan).get(key)
    kept = [
        entry if one is old or (not one.enabled and one.id == key) else one for one in plan.config.strategies
    ]
    if entry is not None and entry not in kept:
        kept.append(entry)
    strategies = tuple(one for one in kept if one is not None)
    return msgspec.structs.replace(plan.config, strategies=strategies)


def _stamped(event: Event) -> Callable[[Plan, int], Iterable[Event]]:
    """Makes an event with the time of the change."""
    return lambda _after, ts: (msgspec.structs.replace(event, ts=ts),)
