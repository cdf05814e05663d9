"""A restored log goes on beside its original, and no order id is in both."""

import time
from collections.abc import Sequence
from pathlib import Path

from eventstore import open_store
from eventstore.backup import back_up, restore_backup
from kernel.events import Event, OrderSubmitted
from kernel.time_units import MS_NS
from replay.verification import verify_run
from tests.eventstore.samples import quotes
from tests.replay.live_sessions import LOG, live_session
from tests.replay.test_changed_sessions import CONFIG, FIRST, SECOND, THIRD, Trader


async def one_session(path: Path, bars: Sequence[Event]) -> int:
    """A session that trades; returns its epoch."""
    async with await open_store(path) as store:
        session = await live_session(store, bars, [Trader()], CONFIG)
        return session.epoch


async def order_ids(path: Path) -> list[str]:
    """The ids of all orders of a log, which a fresh replay derives again."""
    async with await open_store(path, read_only=True) as store:
        await verify_run(store, LOG)
        return [
            event.order.client_order_id
            async for batch in store.read(LOG)
            for event in batch.events
            if isinstance(event, OrderSubmitted)
        ]


async def test_sessions_after_a_restore_share_no_order_id_with_the_original(tmp_path: Path) -> None:
    original, again, third = tmp_path / "a.tape", tmp_path / "b.tape", tmp_path / "c.tape"
    await one_session(original, FIRST)
    before = await order_ids(original)
    await back_up(original, tmp_path / "backup", now_ts=time.time_ns())
    for bars in (SECOND, THIRD):
        await one_session(original, bars)
    now = time.time_ns()
    await restore_backup(tmp_path / "backup", again, now_ts=now)
    await restore_backup(tmp_path / "backup", third, now_ts=now + MS_NS * 1_000)

    epochs = [await one_session(path, bars) for path in (again, third) for bars in (SECOND, THIRD)]

    ms = now // MS_NS
    assert epochs == [ms, ms + 1, ms + 1_000, ms + 1_001]
    later = [(await order_ids(path))[len(before) :] for path in (original, again, third)]
    assert all(later)
    assert len({*before}.union(*later)) == len(before) + sum(map(len, later))


async def test_log_that_begins_in_a_restored_store_has_epochs_of_its_own(tmp_path: Path) -> None:
    """The original may have begun a log of that name after the backup."""
    original, again = tmp_path / "a.tape", tmp_path / "b.tape"
    async with await open_store(original) as store:
        await store.append("market", quotes(3), expected_seq=0)
    await back_up(original, tmp_path / "backup", now_ts=time.time_ns())
    await restore_backup(tmp_path / "backup", again, now_ts=time.time_ns())

    await one_session(original, FIRST)
    await one_session(again, FIRST)

    assert set(await order_ids(original)).isdisjoint(await order_ids(again))
