"""Watches deployments whose schedule goes on: takes the steps that are due, and stops what goes wrong.

- What it remembers: nothing that the deployments (``replay.deploying.deployments``) do not.
- What changes it: events, once they are durable, and a look each second.
- What never happens: the core waits for it. What it does becomes inputs of the log, as commands of
  operators do, so a replay repeats it at the same place.

A canary is stopped if its strategy raises, if a limit of risk is breached (of the account, or its own), or if
it has lost more from its best P&L than its deployment allows. After the last step limits of risk and alerts
watch a strategy, as any other. A strategy that an operator has paused takes no step.
"""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from decimal import Decimal

import structlog

from components.strategy_host.translation import host_name
from eventstore import EventStore, StreamTape
from kernel.clock import Clock
from kernel.decimals import exact
from kernel.edge import Overflow
from kernel.errors import ComponentError, OnetapeError
from kernel.events import (
    CancelOrder,
    ComponentFailed,
    ComponentQuarantined,
    Event,
    FlattenPositions,
    PauseStrategy,
    RiskLimitBreached,
    StrategyFailedApart,
)
from kernel.events.deployments import DeploymentMarked, DeploymentStopped
from kernel.identifiers import ClientOrderId, StrategyId
from kernel.loggable import message_of
from kernel.time_units import SECOND_NS
from ops.daemon.deploying import NOW, Deploying
from replay.deploying.canary_schedule import PERCENT, shown_share
from replay.deploying.deployments import Deployment
from replay.session import LiveSession

_log = structlog.get_logger()

OPERATOR = "deployment"
"""The operator of what nobody asked for by hand."""
LOOK_NS = SECOND_NS
NOTED_SHARE = Decimal("0.1")
"""A new best P&L is put on the log once it has risen by this part of what may be lost."""


class CanaryWatch:
    """The watch of one daemon. An ``EdgeSubscriber``."""

    name = "deployments"
    event_types: frozenset[type[Event]] = frozenset(
        {ComponentFailed, ComponentQuarantined, StrategyFailedApart, RiskLimitBreached}
    )
    overflow = Overflow.CATCH_UP
    lane_capacity = 256
    """A strategy that fails at each quote; the first failure stops it."""

    def __init__(
        self, session: LiveSession, deploying: Deploying, *, log: str, clock: Clock, wall: Clock
    ) -> None:
        """``clock``: of the engine, for the times of steps. ``wall``: for looks."""
        self._session = session
        self._deploying = deploying
        self._log = log
        self._clock = clock
        self._wall = wall

    async def begin(self, store: EventStore) -> None:
        """Subscribe. Before the engine runs."""
        tape = StreamTape(store, self._log)
        if not await tape.checkpoint(self.name):  # the first time: nothing was deployed in the past
            await tape.save_checkpoint(self.name, await tape.last_seq())
        self._session.engine.subscribe(self)

    async def handle(self, seq: int, event: Event) -> None:
        """Stop the canaries that an event is about; see ``EdgeSubscriber``."""
        del seq
        for one in self._canaries():
            key = one.event.strategy
            if event.ts < one.event.ts:  # of the version before
                continue
            match event:
                case ComponentFailed(component=component) if component == host_name(key):
                    self._stop(one, f"it raised {event.error}")
                case ComponentQuarantined(component=component) if component == host_name(key):
                    self._stop(one, "it was taken out of service")
                case StrategyFailedApart(strategy=owner) if owner == key:
                    self._stop(one, f"it failed with {event.error}")
                case RiskLimitBreached(strategy=owner) if not event.is_rearmed and owner in ("", key):
                    self._stop(one, f"the limit {event.rule} of {event.limit} was breached: {event.value}")
                case _:
                    pass

    async def run(self) -> None:
        """Look each second until cancelled."""
        while True:
            await self._wall.wait(asyncio.Event(), until_ts=self._wall.now() + LOOK_NS)
            await self.look()

    async def look(self) -> None:
        """Stop canaries that have lost too much, and take the steps that are due."""
        now = self._clock.now()
        for one in self._canaries():
            lost = self._lost(one)
            if lost:
                self._stop(one, lost)
            elif one.due_ts and now >= one.due_ts and not self._session.is_paused(one.event.strategy):
                await self._step(one)

    def _canaries(self) -> Iterator[Deployment]:
        return (one for one in tuple(self._session.deployments.current) if one.is_canary)

    async def _step(self, one: Deployment) -> None:
        key = one.event.strategy
        try:
            await self._deploying.promote(key, operator=OPERATOR, reason="its schedule")
        except OnetapeError as error:
            why = f"the next step of its schedule cannot be taken: {message_of(error)}"
            self._report(self._stopped(one, why))

    @exact
    def _lost(self, one: Deployment) -> str:
        """What it has lost in words, if that is more than it may; else empty."""
        key, portfolio = one.event.strategy, self._session.core.portfolio
        pnl = portfolio.strategies.net_pnl(key)
        share = one.in_force.capital
        if pnl is None or share is None:
            return ""
        best = one.best = pnl if one.best is None else max(one.best, pnl)
        capital = share.amount if share.amount is not None else portfolio.equity * (share.fraction or 0)
        limit, drawdown = capital * one.event.max_drawdown, best - pnl
        if one.noted is None or (best > one.noted and best - one.noted >= limit * NOTED_SHARE):
            self._mark(one, best)
        if drawdown <= limit:
            return ""
        allowed = shown_share(one.event.max_drawdown)
        part = f"{drawdown / capital * PERCENT:.2f}%" if capital > 0 else f"{drawdown:.2f}"
        return f"it has lost {part} of the capital of its step from its best; {allowed} are allowed"

    @exact
    def _stop(self, one: Deployment, why: str) -> None:
        """Pause a strategy, cancel its orders, and close its positions if its deployment says so."""
        key, commands = one.event.strategy, list[Event]()
        commands.append(PauseStrategy(NOW, OPERATOR, key, why))
        commands += [CancelOrder(NOW, OPERATOR, order, why) for order in self._orders_of(key)]
        if one.event.flattens:
            commands.append(FlattenPositions(NOW, OPERATOR, "", key, why))
        for command in (*commands, self._stopped(one, why)):
            self._report(command)
        pnl = self._session.core.portfolio.strategies.net_pnl(key)
        if pnl is not None:  # if it is promoted all the same, its loss is counted from here
            self._mark(one, pnl)
        _log.error("deployment_stopped", strategy=key, why=why)

    def _stopped(self, one: Deployment, why: str) -> DeploymentStopped:
        """The record of a stop, after which the schedule rests."""
        stopped = DeploymentStopped(NOW, one.event.strategy, why)
        self._session.deployments.fold(stopped)
        return stopped

    def _mark(self, one: Deployment, best: Decimal) -> None:
        """Note the P&L from which its loss is counted."""
        marked = DeploymentMarked(NOW, one.event.strategy, best)
        self._session.deployments.fold(marked)
        self._report(marked)

    def _orders_of(self, strategy: StrategyId) -> list[ClientOrderId]:
        core = self._session.core
        works = [key for key, work in core.execution.state.works.items() if work.order.strategy == strategy]
        return works + [order.client_order_id for order in core.orders.open_orders(strategy, None)]

    def _report(self, event: Event) -> None:
        with suppress(ComponentError):  # of an engine that has stopped
            self._session.engine.report(event)
