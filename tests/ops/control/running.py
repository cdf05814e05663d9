"""A whole daemon in this process, with its control API, and no feed: the test gives it quotes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from eventstore import Selection, StoreOnDisk, open_store
from eventstore.snapshot_files import SnapshotFiles
from kernel.clock import RealTimeClock
from kernel.engine import CoreEngine
from kernel.errors import ComponentError
from kernel.events import Event, Quote
from ops.alerts.alerting import Alerting
from ops.control.client import DaemonAddress, get, post
from ops.control.making import Control, ControlParts
from ops.control.receipts import Receipt
from ops.control.requests import Command
from ops.control.server import DEFAULT_LIMITS, RequestLimits
from ops.control.socket_file import SOCKET
from ops.daemon.canary import CanaryWatch
from ops.daemon.daemon import Daemon
from ops.daemon.day_reports import DayReports
from ops.daemon.deploying import Deploying
from ops.daemon.reloading import Reloading
from ops.daemon.service import Service
from ops.daemon.signals import StopRequest
from ops.daemon.status import DaemonStatus
from ops.daemon.upkeep import Upkeep
from ops.daemon.workers import Workers
from ops.secret_sources import SecretPlaces
from replay.run_config import RunConfig, load_run_config
from replay.session import LiveSession, begin_session
from replay.session_snapshots import FOLDER, SessionSnapshots
from tests.ops.daemon.worlds import write_world

T = TypeVar("T")
EventT = TypeVar("EventT", bound=Event)

HOLDER = '{strategy: "trade.py:Holder", symbols: [AAA, AAB]}'
"""Buys one on the first quote, and holds."""
LOG = "paper"
FREE = "{allow_short: true, require_cash: false}"
PATIENCE_S = 60.0


class Running:
    """A daemon that runs."""

    def __init__(
        self,
        config: RunConfig,
        session: LiveSession,
        store: StoreOnDisk,
        stop: StopRequest,
        control: Control,
        canaries: CanaryWatch,
    ) -> None:
        self.config = config
        self.session = session
        self.store = store
        self.stop = stop
        self.control = control
        self.canaries = canaries
        self.folder = Path(config.store)
        self.address = DaemonAddress(socket=self.folder / SOCKET)

    async def show(self, path: str, kind: type[T]) -> T:
        """The answer to a question."""
        return msgspec.json.decode(await get(self.address, f"/v1{path}", limit_s=PATIENCE_S), type=kind)

    async def do(self, path: str, body: Command) -> Receipt:
        """Have a command carried out."""
        return msgspec.json.decode(await post(self.address, f"/v1{path}", body), type=Receipt)

    async def do_kill(self) -> None:
        """Engage the kill switch."""
        await self.do("/kill", Command(reason="a test"))

    async def quote(self, symbol: str = "AAA", price: float = 100.0) -> None:
        """Give it a quote, and wait until that is durable."""
        await self.session.engine.post(Quote(0, symbol, price, price, 1_000.0, 1_000.0))
        await until_durable(self.session.engine)

    async def logged(self, *kinds: type[EventT]) -> list[EventT]:
        """The events of these types in the log, with all that was given to a running engine before."""
        with suppress(ComponentError):  # after its end
            await until_durable(self.session.engine)
        return await logged(self.store, *kinds)


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            if is_so():
                return
            await asyncio.sleep(0.001)


async def until_durable(engine: CoreEngine) -> None:
    """Wait until all that was given to a running engine before is on its tape, and what followed from it."""
    for _ in range(2):  # the first may come before the step that takes it
        await engine.snapshot()


async def logged(store: StoreOnDisk, *kinds: type[EventT], log: str = LOG) -> list[EventT]:
    """The events of these types in the log of a store."""
    found: list[EventT] = []
    async with aclosing(store.read(log, Selection(types=frozenset(kinds)))) as batches:
        async for batch in batches:
            found += [event for event in batch.events if isinstance(event, kinds)]
    return found


@asynccontextmanager
async def running(
    folder: Path,
    *extra: str,
    strategies: Sequence[str] = (HOLDER,),
    risk: str = FREE,
    status: Callable[[], DaemonStatus] | None = None,
    limits: RequestLimits = DEFAULT_LIMITS,
) -> AsyncGenerator[Running]:
    """A daemon on the configuration of a folder, which is written. ``extra``: more lines of it.

    ``status`` replaces the figures that it shows.
    """
    write_world(folder, "ws://unused", "reports: {daily: false}", *extra, strategies=strategies, risk=risk)
    config = load_run_config(folder / "paper.yaml")
    clock, stop = RealTimeClock(), StopRequest()
    async with await open_store(config.store, durability=config.durability) as store:
        snapshots = SessionSnapshots(SnapshotFiles(Path(config.store) / FOLDER, keep=2), store=store, log=LOG)
        session = await begin_session(
            store, LOG, config, clock=RealTimeClock(), mode=config.mode.value, snapshots=snapshots
        )
        upkeep = Upkeep(config, store, snapshots=snapshots, clock=clock)
        reloading = Reloading(config, session, store=store, clock=clock)
        deploying = Deploying(config, session, reloading)
        canaries = CanaryWatch(session, deploying, log=LOG, clock=clock, wall=clock)
        await canaries.begin(store)
        alerting = Alerting(
            config, session, feeds=(), upkeep=upkeep, secrets=SecretPlaces(), clock=clock, wall=clock
        )
        await alerting.begin(store)
        parts = ControlParts(
            config,
            session,
            store,
            upkeep=upkeep,
            reloading=reloading,
            deploying=deploying,
            alerting=alerting,
            stop=stop,
            clock=clock,
            limits=limits,
        )
        await parts.prepare()
        controls: list[Control] = []

        def made(figures: Callable[[], DaemonStatus]) -> Control:
            controls.append(parts.control(status or figures))
            return controls[-1]

        daemon = Daemon(
            config,
            session,
            feeds=(),
            upkeep=upkeep,
            reports=DayReports(config, clock=clock),
            reloading=reloading,
            canaries=canaries,
            alerting=alerting,
            workers=Workers(config, session, clock=clock, random=lambda: 0.0),
            control=made,
            service=Service({}),
            clock=clock,
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(daemon.run(stop), name="daemon")
            await until(lambda: daemon.status().is_ready and session.engine.last_seq > 0)
            try:
                yield Running(config, session, store, stop, controls[0], canaries)
            finally:
                if not stop.asked.is_set():
                    stop.ask("the test is over")
