"""Deleting, replacing, putting aside and restoring streams: what every store promises."""

from contextlib import aclosing

import pytest

from eventstore import EventStore, Selection, StreamHead
from eventstore.catalogue import (
    delete_aside,
    delete_stream,
    discard_new,
    put_new_in_place,
    read_history,
    restore,
    set_aside,
)
from eventstore.encoding import BLOCK_EVENTS
from eventstore.port import StreamMove
from eventstore.stream_keys import CATALOGUE, aside_key, new_key
from kernel.errors import AppendConflict, InputError, StoreError, StreamMissing
from kernel.events import Event, StreamDeleted, StreamReplaced
from tests.eventstore.samples import quotes, read_events

NOW = 1_000_000


async def names(store: EventStore) -> list[str]:
    return [info.stream for info in await store.streams()]


async def test_a_deleted_stream_is_gone_and_the_catalogue_says_what_it_held(store: EventStore) -> None:
    head = await store.append("s", quotes(3), expected_seq=0)
    await store.append("other", quotes(2), expected_seq=0)

    await delete_stream(store, "s", ts=NOW, reason="bad vendor")

    assert await names(store) == ["other"]
    assert await store.head("s") == StreamHead(stream="s")
    (change,) = (await read_history(store)).changes
    assert isinstance(change, StreamDeleted)
    (version,) = change.versions
    assert (change.ts, change.reason) == (NOW, "bad vendor")
    assert (version.stream, version.last_seq, version.first_ts, version.last_ts) == ("s", 3, 1, 3)
    assert version.head_hash == head.block_hash.hex()


async def test_a_deleted_stream_can_be_written_anew_from_its_beginning(store: EventStore) -> None:
    await store.append("s", quotes(3), expected_seq=0)
    await delete_stream(store, "s", ts=NOW, reason="")

    await store.append("s", quotes(2, first_ts=9), expected_seq=0)

    assert await read_events(store, "s") == quotes(2, first_ts=9)
    assert await store.verify("s") is None


async def test_a_writer_that_knew_the_stream_gets_a_conflict_and_nothing_is_appended(
    store: EventStore,
) -> None:
    await store.append("s", quotes(3), expected_seq=0)
    await set_aside(store, "s", ts=NOW, reason="")

    with pytest.raises(AppendConflict):
        await store.append("s", quotes(1, first_ts=9), expected_seq=3)

    assert len(await read_events(store, aside_key("s", 1))) == 3


async def test_a_stream_put_aside_keeps_its_hashes_and_comes_back_as_it_was(store: EventStore) -> None:
    head = await store.append("s", quotes(3), expected_seq=0)
    await set_aside(store, "s", ts=NOW, reason="")
    gone = await names(store)
    assert await store.block_hash(aside_key("s", 1), 3) == head.block_hash

    await restore(store, "s", ts=NOW + 1, reason="")

    assert gone == []
    assert await store.head("s") == head
    assert await store.verify("s") is None
    after = await store.append("s", quotes(1, first_ts=9), expected_seq=3)
    assert after.seq == 4


async def test_siblings_go_with_their_stream_and_come_back_with_it(store: EventStore) -> None:
    for name in ("s", "s.quarantine", "s.facts", "s.1d"):
        await store.append(name, quotes(2), expected_seq=0)

    await set_aside(store, "s", ts=NOW, reason="")
    without = await names(store)
    await restore(store, "s", ts=NOW, reason="")

    assert without == ["s.1d"]
    assert await names(store) == ["s", "s.1d", "s.facts", "s.quarantine"]


async def test_a_version_put_aside_earlier_is_restored_by_its_number(store: EventStore) -> None:
    await store.append("s", quotes(3), expected_seq=0)
    await set_aside(store, "s", ts=NOW, reason="first")
    await store.append("s", quotes(5), expected_seq=0)
    await set_aside(store, "s", ts=NOW, reason="second")

    await restore(store, "s", ts=NOW, reason="", number=1)

    assert len(await read_events(store, "s")) == 3
    assert [version.number for version in (await read_history(store)).aside_of("s")] == [2]


async def test_a_stream_with_events_is_not_overwritten_by_a_restore(store: EventStore) -> None:
    await store.append("s", quotes(3), expected_seq=0)
    await set_aside(store, "s", ts=NOW, reason="")
    await store.append("s", quotes(1), expected_seq=0)

    with pytest.raises(InputError, match="has events"):
        await restore(store, "s", ts=NOW, reason="")

    assert len(await read_events(store, "s")) == 1


async def test_a_version_that_is_put_aside_can_be_deleted(store: EventStore) -> None:
    await store.append("s", quotes(3), expected_seq=0)
    await set_aside(store, "s", ts=NOW, reason="")

    await delete_aside(store, "s", 1, ts=NOW, reason="")

    assert (await read_history(store)).aside == ()
    with pytest.raises(StreamMissing, match="put aside"):
        await restore(store, "s", ts=NOW, reason="")


@pytest.mark.parametrize("keeps_old", [True, False])
async def test_a_replacement_takes_the_place_of_the_old_events_in_one_step(
    store: EventStore, *, keeps_old: bool
) -> None:
    old = await store.append("s", quotes(3), expected_seq=0)
    await store.append(new_key("s"), quotes(5), expected_seq=0)
    before = await read_events(store, "s"), await names(store)

    await put_new_in_place(store, ["s"], ts=NOW, reason="restated", keeps_old=keeps_old)

    assert before == (quotes(3), ["s"])
    assert await read_events(store, "s") == quotes(5)
    assert await store.verify("s") is None
    history = await read_history(store)
    (change,) = history.changes
    assert isinstance(change, StreamReplaced)
    assert change.versions[0].head_hash == old.block_hash.hex()
    assert change.by[0].head_hash == (await store.head("s")).block_hash.hex()
    assert len(history.aside) == keeps_old


async def test_events_written_for_a_replacement_have_the_hashes_of_the_stream_itself(
    store: EventStore,
) -> None:
    await store.append("s", quotes(3), expected_seq=0)
    fresh = await store.append(new_key("s"), quotes(3), expected_seq=0)

    assert fresh.block_hash == (await store.head("s")).block_hash


async def test_what_an_interrupted_replacement_left_is_discarded(store: EventStore) -> None:
    await store.append("s", quotes(3), expected_seq=0)
    await store.append(new_key("s"), quotes(5), expected_seq=0)

    await discard_new(store, ["s"], ts=NOW)

    assert (await store.head(new_key("s"))).seq == 0
    assert await read_events(store, "s") == quotes(3)


async def test_a_reader_at_work_reads_a_stream_that_is_put_aside_to_its_end(store: EventStore) -> None:
    many = quotes(BLOCK_EVENTS * 5)
    for start in range(0, len(many), BLOCK_EVENTS):
        await store.append("s", many[start : start + BLOCK_EVENTS], expected_seq=start)
    found: list[Event] = []

    async with aclosing(store.read("s")) as batches:
        found += (await anext(batches)).events
        await set_aside(store, "s", ts=NOW, reason="")
        await store.append("s", quotes(2), expected_seq=0)
        async for batch in batches:
            found += batch.events

    assert found == many
    assert await read_events(store, "s") == quotes(2)


async def test_a_reader_at_work_is_told_that_its_stream_was_deleted_and_sees_no_damage(
    store: EventStore,
) -> None:
    events = 12 * BLOCK_EVENTS
    await store.append("s", quotes(events), expected_seq=0)

    async with aclosing(store.read("s")) as batches:
        await anext(batches)
        await delete_stream(store, "s", ts=NOW, reason="")
        with pytest.raises(StreamMissing, match="while it was being read"):
            async for _ in batches:
                pass


async def test_a_follower_is_told_that_its_stream_was_put_aside(store: EventStore) -> None:
    await store.append("s", quotes(2), expected_seq=0)

    async with aclosing(store.follow("s")) as batches:
        await anext(batches)
        await set_aside(store, "s", ts=NOW, reason="")
        with pytest.raises(StreamMissing, match="while it was being read"):
            await anext(batches)


async def test_one_move_that_cannot_be_done_stops_all_of_them(store: EventStore) -> None:
    head = await store.append("s", quotes(3), expected_seq=0)
    other = await store.append("t", quotes(3), expected_seq=0)
    moves = [StreamMove("s", None, head.block_hash), StreamMove("t", "u", b"another")]
    record = StreamDeleted(NOW, ())

    with pytest.raises(StoreError, match="changed meanwhile"):
        await store.move(moves, record=record, expected_seq=0)

    assert await store.head("s") == head
    assert await store.head("t") == other
    assert (await store.head(CATALOGUE)).seq == 0


async def test_two_changes_of_the_catalogue_at_once_cannot_both_be_made(store: EventStore) -> None:
    head = await store.append("s", quotes(3), expected_seq=0)
    await store.append("t", quotes(3), expected_seq=0)
    await delete_stream(store, "t", ts=NOW, reason="")

    with pytest.raises(AppendConflict):
        await store.move(
            [StreamMove("s", None, head.block_hash)], record=StreamDeleted(NOW, ()), expected_seq=0
        )

    assert await store.head("s") == head


async def test_a_stream_that_is_not_there_is_not_deleted(store: EventStore) -> None:
    with pytest.raises(StreamMissing):
        await delete_stream(store, "nobody", ts=NOW, reason="")


async def test_the_catalogue_is_a_chain_that_verify_checks(store: EventStore) -> None:
    await store.append("s", quotes(3), expected_seq=0)
    await set_aside(store, "s", ts=NOW, reason="")
    await restore(store, "s", ts=NOW - 5, reason="")

    assert await store.verify(CATALOGUE) is None
    stamps = [event.ts for event in await read_events(store, CATALOGUE, Selection())]
    assert stamps == [NOW, NOW], "a clock that went back does not stop a change"
