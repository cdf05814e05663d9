"""A daemon removes what its retention no longer keeps, while it trades; what is left verifies."""

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from eventstore import SegmentedEventStore, Selection
from eventstore.segment_records import StoreRecord
from kernel.events import MARKET_TYPES, OrderSubmitted, SessionStarted
from tests.ops.daemon.processes import Daemon, Forks, exchange
from tests.ops.daemon.worlds import write_world

pytestmark = pytest.mark.slow

SMALL_SEGMENTS = "segments: {roll_mb: 0.03}"
AT_ONCE = "{market_data_days: 0, archive_after_days: 0, needs_backup: false, apply_every_s: 0.2}"
ROOM = "disk: {warn_mb: 3, thin_mb: 2, halt_mb: 1, reserve_mb: 0}"
TIGHT = "disk: {warn_mb: 1e9, thin_mb: 1e9, halt_mb: 1, reserve_mb: 0}"


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    with Forks() as started:
        yield started


async def record_of(path: Path) -> StoreRecord:
    async with await SegmentedEventStore.open(path, read_only=True) as store:
        return await store.files.record()


async def check_what_is_left(path: Path) -> int:
    """The chain, the files and the ids of the log are in order; returns the first seq that is left."""
    async with await SegmentedEventStore.open(path, read_only=True) as store:
        assert await store.verify("paper") is None
        assert await store.integrity() is None
        records = Selection(types=frozenset({OrderSubmitted, SessionStarted}))
        kept = [event async for batch in store.read("paper", records) for event in batch.events]
        first_seq = await store.first_seq("paper")
        left = Selection(from_seq=first_seq)
        assert [batch async for batch in store.read("paper", left)]
    ids = Counter(one.order.client_order_id for one in kept if isinstance(one, OrderSubmitted))
    assert ids
    assert set(ids.values()) == {1}
    epochs = [one.epoch for one in kept if isinstance(one, SessionStarted)]
    assert epochs == list(range(1, len(epochs) + 1))
    return first_seq


def removes_thrice(daemon: Daemon) -> Callable[[object], bool]:
    return lambda _: daemon.complaint.count("market data removed") >= 3


async def test_daemon_removes_old_market_data_under_load_and_goes_on_after_a_kill(
    forks: Forks, tmp_path: Path
) -> None:
    """Its records are all kept, and each start recovers from what is left."""
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "2000", "--batch", "10") as url:
        write_world(tmp_path, url, SMALL_SEGMENTS, f"retention: {AT_ONCE}")
        for _ in range(3):
            daemon = Daemon(forks, tmp_path).started()
            await daemon.until(removes_thrice(daemon))
            daemon.kill()
        last = Daemon(forks, tmp_path).started()
        seq = (await last.status()).seq
        await last.until(lambda status: status.seq > seq + 200)
        assert last.stop() == 0, last.complaint

    first_seq = await check_what_is_left(last.store)
    assert first_seq > 1
    assert len((await record_of(last.store)).pruned) >= 3
    assert "retention_failed" not in last.complaint
    again = Daemon(forks, tmp_path)
    assert again.started().stop() == 0
    async with await SegmentedEventStore.open(last.store, read_only=True) as store:
        left = Selection(from_seq=await store.first_seq("paper"))  # it may have removed some more
        whole = [event async for batch in store.read("paper", left) for event in batch.events]
    assert any(type(event) in MARKET_TYPES for event in whole)


async def test_tight_disk_lets_it_compress_at_once_whatever_the_age(forks: Forks, tmp_path: Path) -> None:
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "2000", "--batch", "10") as url:
        write_world(tmp_path, url, SMALL_SEGMENTS, ROOM)
        daemon = Daemon(forks, tmp_path).started()
        await daemon.until(lambda _: (tmp_path / "paper.tape" / "segments" / "000003.db").exists())
        assert daemon.stop() == 0, daemon.complaint
        write_world(tmp_path, url, SMALL_SEGMENTS, TIGHT)

        tight = Daemon(forks, tmp_path).started()
        await tight.until(lambda _: tight.complaint.count("segment_changed") >= 2)
        assert tight.stop() == 0, tight.complaint

    record = await record_of(tight.store)
    assert [number for number, each in record.segments.items() if each.archived][:2] == [1, 2]
    assert not record.pruned
    await check_what_is_left(tight.store)


async def test_nothing_is_removed_that_no_backup_holds_and_that_is_told(forks: Forks, tmp_path: Path) -> None:
    guarded = AT_ONCE.replace("needs_backup: false", "needs_backup: true")
    with exchange(forks, tmp_path, "--symbols", "4", "--rate", "2000", "--batch", "10") as url:
        write_world(tmp_path, url, SMALL_SEGMENTS, f"retention: {guarded}")
        daemon = Daemon(forks, tmp_path).started()
        await daemon.until(lambda _: "segment_is_due_but_kept" in daemon.complaint)
        backed_up = forks.run(tmp_path, "backup", "held", "--store", "paper.tape")
        assert backed_up.code == 0, backed_up.complaint

        await daemon.until(lambda _: "market data removed" in daemon.complaint)
        assert daemon.stop() == 0, daemon.complaint

    assert "no backup holds it" in daemon.complaint
    assert await check_what_is_left(daemon.store) > 1
