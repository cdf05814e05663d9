"""The deployments of a live log, folded from its events: the version of each strategy, and its canary.

- What it remembers: of each deployed strategy its versions, the present one last, with the step of its
  schedule and whether it was stopped.
- What changes it: the events of ``kernel.events.deployments``.
- What never happens: a strategy that was never deployed is here. The configuration file says what runs then.

A deployed strategy belongs to its deployments and not to the file: a later session runs the version that was
deployed, whatever the file or the code on disk says by then.
"""

from collections.abc import Collection, Sequence
from contextlib import aclosing
from decimal import Decimal

import msgspec

from components.assembly.settings import StrategyConfig
from eventstore import EventStore, Selection
from kernel.errors import StreamMissing
from kernel.events import Event
from kernel.events.deployments import (
    DeploymentMarked,
    DeploymentRolledBack,
    DeploymentStep,
    DeploymentStepped,
    DeploymentStopped,
    StrategyDeployed,
)
from kernel.identifiers import StrategyId
from kernel.time_units import SECOND_NS
from replay.deploying.canary_schedule import with_share
from replay.run import Plan

DEPLOYMENT_TYPES: frozenset[type[Event]] = frozenset(
    {StrategyDeployed, DeploymentStepped, DeploymentStopped, DeploymentRolledBack, DeploymentMarked}
)
KEPT = 20
"""Versions of a strategy that can be gone back to, one after another."""


class Deployment(msgspec.Struct, kw_only=True):
    """A version that was deployed.

    - ``seq``: of its event; 0 for one that is not read from a log.
    - ``step``: the step of its schedule, from ``step_ts`` on. ``stopped``: why it was stopped; empty: it was
      not.
    - ``best``: the net P&L from which its loss is counted; ``None``: that of the next look. ``noted``: the
      one that is on the log.
    """

    event: StrategyDeployed
    seq: int
    step: int = 0
    step_ts: int = 0
    stopped: str = ""
    best: Decimal | None = None
    noted: Decimal | None = None

    @property
    def settings(self) -> StrategyConfig:
        """Its entry in the configuration, with its whole capital."""
        return entry_in(self.event.settings)

    @property
    def in_force(self) -> StrategyConfig:
        """Its entry with the capital of the present step."""
        return with_share(self.settings, self.share)

    @property
    def share(self) -> Decimal:
        """That of the present step."""
        return self.event.steps[self.step].share

    @property
    def next_step(self) -> DeploymentStep | None:
        """The step after the present one; ``None`` if its schedule is over."""
        later = self.event.steps[self.step + 1 :]
        return later[0] if later else None

    @property
    def is_canary(self) -> bool:
        """Whether its schedule goes on, so that it is watched."""
        return self.next_step is not None and not self.stopped

    @property
    def due_ts(self) -> int:
        """When its next step is due; 0: when somebody promotes it."""
        lasts_s = self.event.steps[self.step].lasts_s
        return self.step_ts + lasts_s * SECOND_NS if lasts_s and self.is_canary else 0


def entry_in(settings: str) -> StrategyConfig:
    """The entry of a configuration that an event holds."""
    return msgspec.json.decode(settings, type=StrategyConfig)


def settings_of(entry: StrategyConfig) -> str:
    """An entry as events hold it."""
    return msgspec.json.encode(entry, order="deterministic").decode()


class Deployments:
    """The fold."""

    def __init__(self) -> None:
        self._versions: dict[StrategyId, list[Deployment]] = {}

    @property
    def strategies(self) -> Collection[StrategyId]:
        """The strategies that are deployed."""
        return self._versions.keys()

    @property
    def current(self) -> Sequence[Deployment]:
        """The version of each strategy that is in force."""
        return [versions[-1] for versions in self._versions.values()]

    def of(self, strategy: StrategyId) -> Deployment | None:
        """The version that is in force; ``None`` for a strategy that is not deployed."""
        versions = self._versions.get(strategy)
        return versions[-1] if versions else None

    def before(self, strategy: StrategyId) -> Deployment | None:
        """The version that was deployed before the present one; ``None`` if none was."""
        versions = self._versions.get(strategy, [])
        return versions[-2] if len(versions) > 1 else None

    def fold(self, event: Event, *, seq: int = 0) -> None:
        """Take the next event of the log; others than those of deployments are ignored."""
        match event:
            case StrategyDeployed(strategy=strategy):
                versions = self._versions.setdefault(strategy, [])
                pnl = event.pnl
                versions.append(Deployment(event=event, seq=seq, step_ts=event.ts, best=pnl, noted=pnl))
                del versions[:-KEPT]
            case DeploymentStepped(strategy=strategy):
                one = self.of(strategy)
                if one is not None:
                    one.step, one.step_ts, one.stopped = event.step, event.ts, ""
            case DeploymentStopped(strategy=strategy):
                one = self.of(strategy)
                if one is not None:
                    one.stopped = event.reason
            case DeploymentMarked(strategy=strategy):
                one = self.of(strategy)
                if one is not None:
                    one.best = one.noted = event.best
            case DeploymentRolledBack(strategy=strategy):
                versions = self._versions.get(strategy, [])
                del versions[-1:]
                if versions:
                    versions[-1].step_ts, versions[-1].stopped = event.ts, ""
                    versions[-1].best = versions[-1].noted = None
                else:
                    self._versions.pop(strategy, None)
            case _:
                pass


async def read_deployments(store: EventStore, log: str) -> Deployments:
    """The deployments of a log; none if there is no log yet."""
    found = Deployments()
    try:
        async with aclosing(store.read(log, Selection(types=DEPLOYMENT_TYPES))) as batches:
            async for batch in batches:
                for seq, event in zip(batch.seqs, batch.events, strict=True):
                    found.fold(event, seq=seq)
    except StreamMissing:
        pass
    return found


def with_deployed(today: Plan, before: Plan, deployed: Collection[StrategyId]) -> tuple[StrategyConfig, ...]:
    """The strategies of today's file, with those that are deployed as they were when the log ended."""
    ran = {
        one.strategy_id: msgspec.structs.replace(entry, id=one.strategy_id)
        for one, entry in zip(before.strategies, before.config.enabled_strategies, strict=False)
        if one.strategy_id in deployed
    }
    keys = iter(today.strategies)
    entries: list[StrategyConfig] = []
    for entry in today.config.strategies:
        key = next(keys).strategy_id if entry.enabled else StrategyId(entry.id)
        entries.append(ran.pop(key, entry))
    return (*entries, *ran.values())
