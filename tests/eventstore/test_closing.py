"""Closing: what is under way is committed and told, whoever cancels, however often."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path

import pytest

from eventstore import SqliteEventStore, StreamHead
from kernel.errors import StoreError
from tests.eventstore.faults import PATIENCE_S, state_of
from tests.eventstore.samples import quotes


def appends(store: SqliteEventStore, count: int) -> list["asyncio.Future[StreamHead]"]:
    """Appends that follow each other, all on their way."""
    return [
        asyncio.ensure_future(store.append("s", quotes(50, first_ts=50 * place), expected_seq=50 * place))
        for place in range(count)
    ]


async def outcomes_of(waiting: list["asyncio.Future[StreamHead]"]) -> list[int | None]:
    """The seq that each append was told; ``None`` where it failed."""
    async with asyncio.timeout(PATIENCE_S):
        done = await asyncio.gather(*waiting, return_exceptions=True)
    return [head.seq if isinstance(head, StreamHead) else None for head in done]


async def check_told_is_true(path: Path, told: list[int | None]) -> None:
    """What was acknowledged is there; what is there was acknowledged."""
    async with await SqliteEventStore.open(path) as store:
        head = await store.head("s")
        assert await store.verify("s") is None if head.seq else True
    assert head.seq == max([seq for seq in told if seq is not None], default=0)


async def step(times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8, 13])
@pytest.mark.parametrize("cancellations", [1, 2])
async def test_a_cancelled_close_tells_every_append_how_it_ended(
    tmp_path: Path, steps: int, cancellations: int
) -> None:
    """At whatever point of the first commit the cancellation comes."""
    path = tmp_path / "store.db"
    store = await SqliteEventStore.open(path)
    waiting = appends(store, 5)
    await step(steps)
    closing = asyncio.ensure_future(store.close())
    for _ in range(cancellations):
        await step(1)
        closing.cancel()

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.wait([closing])
    files = state_of(path)
    told = await outcomes_of(waiting)

    assert closing.cancelled()
    assert files["-wal"] == b"", "the files were not released when the cancellation was passed on"
    await check_told_is_true(path, told)


async def test_a_close_that_takes_longer_than_its_caller_waits_is_done_all_the_same(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteEventStore.open(path)
    waiting = appends(store, 5)
    await step(1)

    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await store.close()

    assert await outcomes_of(waiting) == [50, 100, 150, 200, 250]
    await check_told_is_true(path, [250])


async def test_closing_twice_at_once_waits_for_the_one_end(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteEventStore.open(path)
    waiting = appends(store, 3)
    await step(1)

    await asyncio.gather(store.close(), store.close())
    await store.close()

    assert await outcomes_of(waiting) == [50, 100, 150]
    assert state_of(path)["-wal"] == b""


async def test_closing_while_others_append_ends_all_of_them(tmp_path: Path) -> None:
    """Those that came in time are committed, the others refused; none waits for ever."""
    path = tmp_path / "store.db"
    store = await SqliteEventStore.open(path)

    async def write() -> list[int]:
        told: list[int] = []
        try:
            while True:
                seq = told[-1] if told else 0
                told.append((await store.append("s", quotes(1, first_ts=seq), expected_seq=seq)).seq)
        except StoreError:
            return told

    writer = asyncio.ensure_future(write())
    saving = [asyncio.ensure_future(store.save_checkpoint(f"edge{place}", place)) for place in range(5)]
    await step(200)
    async with asyncio.timeout(PATIENCE_S):
        await store.close()
        told = await writer
        saved = await asyncio.gather(*saving, return_exceptions=True)

    await check_told_is_true(path, list(told))
    async with await SqliteEventStore.open(path) as reopened:
        for place, outcome in enumerate(saved):
            assert (await reopened.checkpoint(f"edge{place}") == place) == (outcome is None)


async def test_a_cancelled_append_does_not_disturb_a_close(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteEventStore.open(path)
    waiting = appends(store, 2)
    await step(1)
    waiting[0].cancel()

    await close_within(store.close())

    assert await outcomes_of(waiting) == [None, 100]


async def close_within(closing: Awaitable[None]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await closing
