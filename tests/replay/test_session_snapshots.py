"""A recovery begins with the newest snapshot that fits, and ends in the state of a whole replay."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from components.strategy_host.host import AnyStrategy
from eventstore import MemoryEventStore
from eventstore.snapshot_files import SnapshotFiles, SnapshotKey
from kernel import snapshot
from kernel.errors import ReplayDiverged
from kernel.events import Event
from replay.config import ReplayConfig
from replay.session import LiveSession
from replay.session_snapshots import SessionSnapshots, fingerprint
from replay.verification import verify_run
from strategies.sdk import RiskLimits
from tests.replay.live_sessions import LOG, live_session
from tests.replay.test_changed_sessions import BARS, CONFIG, FIRST, SECOND, THIRD, Other, Trader

OTHER_LIMIT = msgspec.structs.replace(
    CONFIG, risk=RiskLimits(allow_short=True, require_cash=False, max_order_quantity=Decimal(7))
)


class Log:
    """A live log with snapshots, one session after the other."""

    def __init__(self, folder: Path) -> None:
        self.store = MemoryEventStore()
        self.folder = folder
        self.restored_seq = 0
        """The end of the snapshot with which the last session began; 0 for a whole replay."""

    async def session(
        self,
        bars: Sequence[Event],
        strategies: Sequence[AnyStrategy],
        config: ReplayConfig = CONFIG,
        *,
        is_saved: bool = True,
    ) -> LiveSession:
        snapshots = SessionSnapshots(SnapshotFiles(self.folder), store=self.store, log=LOG)
        restored = await snapshots.restore()
        self.restored_seq = 0 if restored is None else restored.seq
        session = await live_session(self.store, bars, strategies, config, snapshots=snapshots)
        if is_saved:
            engine = session.engine
            await snapshots.save(
                session.cores, engine.last_seq, snapshot.take(engine.bus), epoch=session.epoch
            )
        return session

    async def states(self, *, from_snapshot: bool) -> bytes:
        """The state at the end of the log, as a recovery has it."""
        folder = self.folder if from_snapshot else self.folder / "none"
        snapshots = SessionSnapshots(SnapshotFiles(folder), store=self.store, log=LOG)
        copy = MemoryEventStore()
        async for batch in self.store.read(LOG):
            head = await copy.head(LOG)
            await copy.append(LOG, batch.events, expected_seq=head.seq, causes=batch.causes)
        restored = await snapshots.restore()
        session = await live_session(
            copy, THIRD[-1:], [Trader()], self.last_config, snapshots=snapshots if restored else None
        )
        return msgspec.msgpack.encode(snapshot.take(session.engine.bus).states)

    last_config = CONFIG


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "snapshots")


async def test_a_session_begins_with_the_snapshot_of_the_last_one(log: Log) -> None:
    await log.session(FIRST, [Trader()])
    end = (await log.store.head(LOG)).seq

    session = await log.session(SECOND, [Trader()])

    assert (log.restored_seq, session.epoch) == (end, 2)
    await verify_run(log.store, LOG)


async def test_the_events_after_a_snapshot_are_replayed_and_compared(log: Log) -> None:
    await log.session(FIRST, [Trader()])
    await log.session(SECOND, [Trader()], is_saved=False)

    third = await log.session(THIRD, [Trader()])

    assert third.core.hosts[0].strategy.state.bars == len(BARS)
    assert third.epoch == 3
    await verify_run(log.store, LOG)


async def test_a_changed_configuration_is_in_the_snapshot(log: Log) -> None:
    await log.session(FIRST, [Trader(), Other()])
    await log.session(SECOND, [Trader(), Other()], OTHER_LIMIT)

    third = await log.session(THIRD, [Trader(), Other()], OTHER_LIMIT)

    assert third.plan.config.risk.max_order_quantity == 7
    await verify_run(log.store, LOG)


@pytest.mark.parametrize("config", [CONFIG, OTHER_LIMIT], ids=["same", "changed"])
async def test_a_recovery_from_a_snapshot_ends_in_the_state_of_a_whole_replay(
    log: Log, config: ReplayConfig
) -> None:
    await log.session(FIRST, [Trader()])
    await log.session(SECOND, [Trader()], config, is_saved=False)
    log.last_config = config

    assert await log.states(from_snapshot=True) == await log.states(from_snapshot=False)


async def test_a_damaged_snapshot_is_ignored(log: Log) -> None:
    await log.session(FIRST, [Trader()])
    (path,) = log.folder.glob("*.snapshot")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)

    await log.session(SECOND, [Trader()])

    assert log.restored_seq == 0
    await verify_run(log.store, LOG)


def with_states_inside(body: bytes) -> bytes:
    """The body of a snapshot as it was before the states' data came after the rest."""
    saved, data = msgspec.msgpack.decode(body)
    for state, each in zip(saved["core"]["states"].values(), data, strict=True):
        state["data"] = each
    return msgspec.msgpack.encode(saved)


async def made_by_other_code(log: Log, change: Callable[[bytes], bytes] = bytes) -> None:
    """Mark the newest snapshot as made by another version. ``change``: what is different in its body."""
    files = SnapshotFiles(log.folder)
    found = await files.newest(log.store, LOG, fingerprint())
    assert found.snapshot is not None
    key = msgspec.structs.replace(found.snapshot.key, fingerprint="onetape 0.0.9")
    assert isinstance(key, SnapshotKey)
    files.save(key, change(found.snapshot.body))


@pytest.mark.parametrize("change", [bytes, with_states_inside], ids=["same", "states inside"])
async def test_after_a_clean_stop_another_version_goes_on_from_the_snapshot(
    log: Log, change: Callable[[bytes], bytes]
) -> None:
    await log.session(FIRST, [Trader()])
    end = (await log.store.head(LOG)).seq
    await made_by_other_code(log, change)

    await log.session(SECOND, [Trader()])

    assert log.restored_seq == end


async def test_events_after_the_snapshot_of_another_version_are_replayed_from_the_start(log: Log) -> None:
    await log.session(FIRST, [Trader()])
    await made_by_other_code(log)
    await log.session(SECOND, [Trader()], is_saved=False)

    await log.session(THIRD, [Trader()])

    assert log.restored_seq == 0
    await verify_run(log.store, LOG)


async def test_a_snapshot_of_another_history_is_ignored(log: Log) -> None:
    await log.session(FIRST, [Trader()])
    other = Log(log.folder)
    await other.session(FIRST, [Trader(quantity=Decimal(3))], is_saved=False)
    await other.session(SECOND, [Trader(quantity=Decimal(3))], is_saved=False)

    assert other.restored_seq == 0


async def test_a_state_that_was_changed_in_a_snapshot_is_found_by_the_events_after_it(log: Log) -> None:
    """The events after a snapshot are compared; what is wrong in it cannot go on unseen."""
    first = await log.session(FIRST, [Trader()])
    await log.session(SECOND, [Trader()], is_saved=False)
    snapshots = SessionSnapshots(SnapshotFiles(log.folder), store=log.store, log=LOG)
    first.core.portfolio.state.cash = Decimal(1)
    (old,) = log.folder.glob("*.snapshot")
    seq = int(old.name.rpartition("-")[2].removesuffix(".snapshot"))
    old.unlink()
    await snapshots.save(first.cores, seq, snapshot.take(first.engine.bus), epoch=1)

    with pytest.raises(ReplayDiverged):
        await log.session(THIRD, [Trader()])
