"""Sessions in this process whose strategies run in processes of their own, as those of a daemon do."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from components.assembly.instruments import InstrumentConfig
from components.assembly.isolation import Isolation, WorkerConfig
from components.assembly.settings import StrategyConfig
from eventstore import StoreOnDisk, open_store
from kernel.clock import RealTimeClock
from kernel.events import Event
from kernel.supervision import RestartPolicy
from ops.daemon.workers import Workers, WorkerStatus
from replay.run_config import Mode, RunConfig, StopConfig
from replay.session import LiveSession, begin_session
from replay.verification import verify_run
from strategies.sdk import RiskLimits
from strategies.sdk.loading import LoadedStrategy, load_recorded

LOG = "paper"
PATIENCE_S = 120.0
"""How long anything may take that a quiet machine does in a second or two."""
BRISK = RestartPolicy(first_delay_s=0.05, longest_delay_s=0.1, most_restarts=40)


def worker_config(**limits: float) -> WorkerConfig:
    """Limits of a process, started again at once."""
    return WorkerConfig(restart=BRISK, **limits)  # type: ignore[arg-type]  # the settings of the test


class Working:
    """A session, and the processes of its strategies."""

    def __init__(self, session: LiveSession, workers: Workers, store: StoreOnDisk) -> None:
        self.session = session
        self.workers = workers
        self.store = store

    async def until(self, is_so: Callable[[], bool], *, look_s: float = 0.005) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                if is_so():
                    return
                await asyncio.sleep(look_s)

    @property
    def statuses(self) -> Mapping[str, WorkerStatus]:
        """The processes, by strategy."""
        return {one.strategy: one for one in self.workers.statuses}

    async def started(self, strategy: str) -> WorkerStatus:
        """Wait until the process of a strategy has reached the end of the log."""
        engine = self.session.engine
        while True:
            await self.until(lambda: engine.last_seq > 0 and not engine.inbox_depth)
            await engine.snapshot()
            seq = engine.last_seq
            await self.until(partial(self._has_reached, strategy, seq))
            await engine.snapshot()
            if engine.last_seq == seq and not engine.inbox_depth:
                return self.statuses[strategy]

    def _has_reached(self, strategy: str, seq: int) -> bool:
        one = self.statuses.get(strategy)
        return one is not None and one.seq >= seq

    async def take(self, events: Sequence[Event], *, paced_by: str = "") -> None:
        """Post events; with ``paced_by``, each when the process of that strategy has reached the end."""
        engine = self.session.engine
        for event in events:
            await engine.post(event)
            await self.until(lambda: not engine.inbox_depth)
            if paced_by:
                await self.started(paced_by)
        await engine.snapshot()

    def kill(self, strategy: str) -> None:
        """``kill -9`` the process of a strategy."""
        os.kill(self.statuses[strategy].pid, signal.SIGKILL)

    async def events(self) -> list[Event]:
        """The log so far."""
        return [event async for batch in self.store.read(LOG) for event in batch.events]


def config_of(folder: Path, entries: Sequence[StrategyConfig]) -> RunConfig:
    """A configuration whose store is in the folder."""
    return RunConfig(
        mode=Mode.PAPER,
        log=LOG,
        store=str(folder / "paper.tape"),
        instruments=(InstrumentConfig(symbol="A"),),
        risk=RiskLimits(allow_short=True, require_cash=False),
        strategies=tuple(entries),
        stop=StopConfig(workers_s=PATIENCE_S),
    )


def entry(
    name: str, *, isolation: Isolation = Isolation.PROCESS, worker: WorkerConfig | None = None
) -> StrategyConfig:
    """The entry of a strategy of this name."""
    return StrategyConfig(
        strategy=f"trade.py:{name.title()}", id=name, isolation=isolation, worker=worker or worker_config()
    )


def loaded(source: str, name: str) -> LoadedStrategy:
    """A strategy of a source that no linter has seen, as one that got past it."""
    return load_recorded(source, f"trade.py:{name.title()}")


@asynccontextmanager
async def working(config: RunConfig, codes: Sequence[LoadedStrategy] | None) -> AsyncGenerator[Working]:
    """A session of these strategies, or those of the files. Its log is verified at the end."""
    clock = RealTimeClock()
    async with await open_store(config.store) as store:
        session = await begin_session(store, LOG, config, clock=clock, mode="paper", loaded=codes)
        workers = Workers(config, session, clock=clock, random=lambda: 0.0)
        async with asyncio.TaskGroup() as group:
            engine = group.create_task(session.engine.run(), name="engine")
            running = group.create_task(workers.run(), name="workers")
            one = Working(session, workers, store)
            try:
                yield one
                session.end("end of day")
                await workers.settle(config.stop.workers_s)
                await workers.stop(config.stop.workers_s)
            finally:
                running.cancel()
                session.stop()
                await engine
        await verify_run(store, LOG)
