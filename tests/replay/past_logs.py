"""A run and a live log to go back in, each with the states that it really had after each of its inputs."""

from decimal import Decimal
from pathlib import Path

import msgspec

from eventstore import EventStore, MemoryEventStore, SnapshotFiles
from kernel import snapshot
from kernel.bus import EventBus
from replay.backtesting import from_instance, record_run
from replay.commands import Deposit, Flatten
from replay.config import ReplayConfig
from replay.past.log_player import LogPlayer, first_start
from replay.planning import plan_run
from replay.record import checked_plan, read_record
from replay.session_snapshots import SessionSnapshots
from strategies.sdk import RiskLimits
from tests.replay.live_sessions import LOG, live_session
from tests.replay.market import walk
from tests.replay.playing import store_of
from tests.replay.sample_strategies import RandomOrders
from tests.replay.test_changed_sessions import CONFIG, Other, Trader, with_risk

RUN_CONFIG = ReplayConfig(
    streams=("a.1d", "b.1d"),
    risk=RiskLimits(allow_short=True, require_cash=False),
    commands=(Deposit(at="2004-02-01", amount=Decimal(500)), Flatten(at="2004-02-20")),
    snapshot_every=30,
)


async def run_of_two_symbols(files: SnapshotFiles | None = None) -> tuple[MemoryEventStore, str]:
    """A run of two streams with equal times, commands, timers and, in ``files``, snapshots."""
    store = await store_of(a_1d=walk("A", 70, seed=3), b_1d=walk("B", 60, seed=4))
    loaded = [from_instance(one) for one in (Trader(), RandomOrders(activity=0.4))]
    plan = await plan_run(store, RUN_CONFIG, loaded=loaded)
    run, _ = await record_run(store, plan, snapshots=files)
    return store, run


async def log_of_three_sessions(files: SnapshotFiles | None = None) -> tuple[MemoryEventStore, str]:
    """A live log with a session that was killed, one with other limits, and snapshots in ``files``."""
    store, bars = MemoryEventStore(), walk("A", 90, seed=8)
    others = with_risk(max_order_quantity=7)
    for number, config in enumerate((CONFIG, CONFIG, others)):
        part = bars[30 * number : 30 * number + 30]
        strategies = [Trader(), Other()]
        snapshots = None if files is None else SessionSnapshots(files, store=store, log=LOG)
        session = await live_session(
            store, part, strategies, config, is_killed=number == 1, snapshots=snapshots
        )
        if snapshots is not None:
            engine = session.engine
            await snapshots.save(
                session.cores, engine.last_seq, snapshot.take(engine.bus), epoch=session.epoch
            )
    return store, LOG


async def states_by_number(store: EventStore, log: str) -> dict[int, tuple[int, bytes]]:
    """The seq and the state after each input, from one replay without any snapshot."""
    record = await read_record(store, log)
    plan = await checked_plan(store, record, current_code=False)
    player = LogPlayer(store, record, first_start(plan, record))
    found = {0: (0, state_of(player.core.bus))}
    while await player.play(1) is not None:
        found[player.input_count] = (player.seq, state_of(player.core.bus))
    await player.close()
    return found


def state_of(bus: EventBus) -> bytes:
    """All of a core's state."""
    return msgspec.msgpack.encode(snapshot.take(bus))


def files_in(folder: Path) -> SnapshotFiles:
    """Snapshots in a folder, all of them kept."""
    return SnapshotFiles(folder, keep=1_000)
