"""Live sessions whose strategy runs apart, with a follower in the same process, moved by hand."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from components.assembly.instruments import InstrumentConfig
from components.assembly.isolation import Isolation
from components.assembly.settings import StrategyConfig
from eventstore import EventStore
from eventstore.snapshot_files import SnapshotFiles
from kernel.clock import VirtualClock
from kernel.events import Event
from kernel.identifiers import StrategyId
from replay.config import ReplayConfig
from replay.follower import NOTHING, Follower, Sent, begin_following, captured
from replay.session import LiveSession, begin_session
from replay.session_snapshots import SessionSnapshots
from strategies.sdk import RiskLimits
from tests.kernel.live import until
from tests.replay.live_sessions import LOG
from tests.replay.market import walk

BARS = walk("A", 120, seed=8)
KEY = StrategyId("trader")
CODE = """
from decimal import Decimal
from strategies.sdk import (
    Cancel, Metadata, SetTimer, Strategy, StrategyParams, StrategyState, buy, sell,
)


class Params(StrategyParams, frozen=True):
    raises_at: int = 0


class State(StrategyState):
    bars: int = 0
    updates: int = 0
    resting: str = ""


class Trader(Strategy[Params, State]):
    metadata = Metadata(name="trader", version="1")

    def on_start(self):
        self.ctx.log(f"start at bar {self.state.bars}")
        return SetTimer("rebalance", self.ctx.now + 7 * 86_400_000_000_000, every_ns=7 * 86_400_000_000_000)

    def on_bar(self, bar):
        self.state.bars += 1
        if self.state.bars == self.params.raises_at:
            raise ValueError(f"no idea at bar {self.state.bars}")
        if self.state.bars % 5 == 0:
            size = 1 + int(self.ctx.random.random() * 10)
            yield buy(bar.symbol, size, stop_loss=round(bar.close * 0.9, 2))
        if self.state.bars % 7 == 0 and self.ctx.portfolio.position(bar.symbol) > 5:
            yield sell(bar.symbol, 5)
        if self.state.bars % 11 == 0:
            yield buy(bar.symbol, 1, limit=round(bar.close * 0.5, 2))

    def on_timer(self, timer):
        self.ctx.log("timer", equity=self.ctx.portfolio.equity)
        for order in self.ctx.portfolio.open_orders():
            if order.limit_price is not None:
                yield Cancel(order.client_order_id)

    def on_order_update(self, update):
        self.state.updates += 1
"""


def config_of(
    folder: Path, *, code: str = CODE, isolation: Isolation = Isolation.PROCESS, **params: int
) -> ReplayConfig:
    """A session of one strategy, whose file is written into the folder."""
    path = folder / "trade.py"
    path.write_text(code, "utf-8")
    return ReplayConfig(
        instruments=(InstrumentConfig(symbol="A"),),
        risk=RiskLimits(allow_short=True, require_cash=False),
        strategies=(
            StrategyConfig(strategy=f"{path}:Trader", id=KEY, params=dict(params), isolation=isolation),
        ),
    )


class Followed:
    """A session that gets bars, and the follower of its strategy."""

    def __init__(self, session: LiveSession, store: EventStore, clock: VirtualClock, folder: Path) -> None:
        self.session = session
        self.sent: list[Sent] = []
        """All that followers have sent."""
        self.is_cut = False
        """Nothing that a follower sends arrives."""
        self.inputs: list[int] = []
        """The numbers of all inputs that followers have taken."""
        self._store = store
        self._clock = clock
        self._folder = folder
        self._follower: Follower | None = None

    @property
    def follower(self) -> Follower:
        """The follower that runs."""
        assert self._follower is not None
        return self._follower

    def snapshots(self) -> SessionSnapshots:
        """The snapshots of followers."""
        return SessionSnapshots(
            SnapshotFiles(self._folder / "snapshots"), store=self._store, log=LOG, adapt=captured(KEY)
        )

    async def start(self, *, broken_at: int = NOTHING) -> None:
        """Start a follower; one that ran before is gone, as after a kill."""
        await self.settle()
        self._follower = await begin_following(
            self._store,
            LOG,
            KEY,
            snapshots=self.snapshots(),
            send=self._send,
            at_input=self.inputs.append,
            broken_at=broken_at,
        )
        await self.catch_up()

    def kill(self) -> None:
        """The follower is gone."""
        self._follower = None

    def _send(self, sent: Sent) -> None:
        self.sent.append(sent)
        if not self.is_cut:
            self.session.engine.report(sent)

    async def settle(self) -> None:
        """Wait until all inputs are durable."""
        await until(lambda: not self.session.engine.inbox_depth)
        await self.session.engine.snapshot()

    async def catch_up(self) -> None:
        """Let the follower reach the end of the log, with the decisions that it makes on the way."""
        await self.settle()
        while self._follower is not None and self._follower.seq < self.session.engine.last_seq:
            await self._follower.follow(self.session.engine.last_seq)
            await self.settle()

    async def take(self, bars: Sequence[Event]) -> None:
        """Post bars, one after another. Each is followed at once, and so is each timer before it."""
        for bar in bars:
            timers = self.session.engine.bus.timers
            while timers.next_due + 1 < bar.ts:
                self._clock.advance(to_ts=max(timers.next_due + 1, self._clock.now()))
                await self._fired(timers.next_due)
                await self.catch_up()
            self._clock.advance(to_ts=max(bar.ts, self._clock.now()))
            await self.session.engine.post(bar)
            await self.catch_up()

    async def _fired(self, due_ts: int) -> None:
        """Wait until the timers due at a time have fired."""
        timers = self.session.engine.bus.timers
        await until(lambda: timers.next_due > due_ts)

    def command(self, command: Event) -> None:
        """Post a command of an operator."""
        self.session.engine.report(command)


@asynccontextmanager
async def followed(store: EventStore, config: ReplayConfig, folder: Path) -> AsyncGenerator[Followed]:
    """A session, stopped at the end of the block. A follower is started by hand."""
    clock = VirtualClock()
    clock.advance(to_ts=max(BARS[0].ts, (await store.head(LOG)).ts))
    session = await begin_session(store, LOG, config, clock=clock, mode="paper")
    async with asyncio.TaskGroup() as group:
        task = group.create_task(session.engine.run(), name="engine")
        one = Followed(session, store, clock, folder)
        try:
            yield one
        finally:
            session.stop("end of day")
            await task
