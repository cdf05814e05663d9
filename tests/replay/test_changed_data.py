"""Verifying and reading runs whose data streams were deleted, put aside or replaced since."""

import pytest

from eventstore import MemoryEventStore, read_story
from eventstore.catalogue import delete_aside, delete_stream, put_new_in_place, restore, set_aside
from eventstore.stream_keys import new_key
from kernel.errors import ReplayDiverged, StreamMissing
from replay.config import ReplayConfig
from replay.performance.journal import read_journal
from replay.results import read_results
from replay.verification import verify_run
from strategies.buy_and_hold import BuyAndHold
from tests.replay.market import walk
from tests.replay.playing import record_run, store_of

NOW = 1_700_000_000_000_000_000
DAY = ReplayConfig(streams=("a.1d",))


async def recorded() -> tuple[MemoryEventStore, str]:
    """A store with one stream of bars and a run over it."""
    store = await store_of(a_1d=walk("A", 30, seed=1))
    return store, await record_run(store, [BuyAndHold()], DAY)


async def restate(store: MemoryEventStore, *, keeps_old: bool = True) -> None:
    """Replace the stream by other bars."""
    await store.append(new_key("a.1d"), walk("A", 40, seed=9), expected_seq=0)
    await put_new_in_place(store, ["a.1d"], ts=NOW, reason="restated", keeps_old=keeps_old)


async def test_a_run_verifies_over_data_that_was_replaced_since_and_is_kept() -> None:
    store, run = await recorded()
    before = await read_results(store, run)
    await restate(store)

    verified = await verify_run(store, run)

    assert verified.digest == before.digest
    after = await read_results(store, run)
    assert (after.start_ts, after.metrics) == (before.start_ts, before.metrics)
    assert await read_journal(store, after) == await read_journal(store, before)


async def test_the_story_of_a_run_has_the_data_that_it_read() -> None:
    store, run = await recorded()
    before = [batch.events async for batch in read_story(store, run)]
    await restate(store)

    assert [batch.events async for batch in read_story(store, run)] == before


async def test_a_run_verifies_over_data_that_is_put_aside_and_after_it_came_back() -> None:
    store, run = await recorded()
    await set_aside(store, "a.1d", ts=NOW, reason="")
    aside = await verify_run(store, run)
    await restore(store, "a.1d", ts=NOW, reason="")

    assert await verify_run(store, run) == aside


async def test_a_run_over_a_part_of_a_stream_verifies_after_the_stream_has_grown_and_was_replaced() -> None:
    store, run = await recorded()
    last = (await store.head("a.1d")).seq
    later = walk("A", 45, seed=1)[30:]
    await store.append("a.1d", later, expected_seq=last)
    await restate(store)

    assert (await verify_run(store, run)).run_stream == run


@pytest.mark.parametrize(("word", "keeps_old"), [("deleted", None), ("replaced", False), ("deleted", True)])
async def test_a_run_whose_data_are_gone_says_so_and_never_speaks_of_damage(
    word: str, *, keeps_old: bool | None
) -> None:
    store, run = await recorded()
    if keeps_old is None:
        await delete_stream(store, "a.1d", ts=NOW, reason="bad vendor")
    else:
        await restate(store, keeps_old=keeps_old)
    if keeps_old:
        await delete_aside(store, "a.1d", 1, ts=NOW, reason="bad vendor")

    with pytest.raises(StreamMissing) as caught:
        await verify_run(store, run)

    said = str(caught.value)
    assert said.startswith(
        f"{run} cannot be replayed: stream 'a.1d', which it read up to seq 30, was {word} on"
    )
    assert "2023-11-14T22:13:20Z" in said
    assert "its former events were not kept" in said


async def test_the_results_of_a_run_never_use_the_new_events_of_a_replaced_stream() -> None:
    store, run = await recorded()
    before = await read_results(store, run)
    await restate(store, keeps_old=False)

    after = await read_results(store, run)

    assert after.metrics.final_equity == before.metrics.final_equity


async def test_data_that_differ_for_no_recorded_reason_are_still_a_difference() -> None:
    store, run = await recorded()
    other = await store_of(a_1d=walk("A", 30, seed=9))
    run_head = await store.head(run)
    copied = [event async for batch in store.read(run) for event in batch.events]
    causes = [cause async for batch in store.read(run) for cause in batch.causes or ()]
    await other.append(run, copied, expected_seq=0, causes=causes)

    with pytest.raises(ReplayDiverged, match="was changed since the run read it"):
        await verify_run(other, run)
    assert run_head.seq == len(copied)


async def test_a_deleted_run_is_said_to_be_deleted() -> None:
    store, run = await recorded()
    await delete_stream(store, run, ts=NOW, reason="no use")

    with pytest.raises(StreamMissing, match=r"it was deleted on 2023-11-14T22:13:20Z \(no use\)"):
        await verify_run(store, run)
