"""Moved streams of a SQLite store: other processes, the witness, a file opened again."""

from pathlib import Path

import pytest

from eventstore import SqliteEventStore
from eventstore.catalogue import delete_stream, read_history, restore, set_aside
from eventstore.stream_keys import CATALOGUE, aside_key
from kernel.errors import AppendConflict
from tests.eventstore.samples import quotes, read_events

NOW = 1_000_000


async def test_a_store_whose_last_commit_was_deleted_opens_and_is_intact(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as store:
        await store.append("t", quotes(3), expected_seq=0)
        await store.append("s", quotes(3), expected_seq=0)
        await delete_stream(store, "s", ts=NOW, reason="")

    async with await SqliteEventStore.open(path) as store:
        assert await store.integrity() is None
        assert [info.stream for info in await store.streams()] == ["t"]


async def test_deletion_without_a_close_is_no_lost_commit(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteEventStore.open(path)
    await store.append("s", quotes(3), expected_seq=0)
    await delete_stream(store, "s", ts=NOW, reason="")

    async with await SqliteEventStore.open(path) as other:  # checks all streams, as there is a -wal
        assert await other.integrity() is None
    await store.close()


async def test_a_writer_of_another_process_gets_a_conflict_and_writes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with (
        await SqliteEventStore.open(path) as writer,
        await SqliteEventStore.open(path) as operator,
    ):
        await writer.append("s", quotes(3), expected_seq=0)
        await set_aside(operator, "s", ts=NOW, reason="")

        with pytest.raises(AppendConflict):
            await writer.append("s", quotes(1, first_ts=9), expected_seq=3)
        await writer.append("s", quotes(2), expected_seq=0)
        await writer.append("t", quotes(1), expected_seq=0)

        assert len(await read_events(operator, aside_key("s", 1))) == 3
        assert await read_events(operator, "s") == quotes(2)
        assert await read_events(writer, "s") == quotes(2)
        assert await writer.integrity() is None


async def test_a_reader_of_another_process_sees_the_stream_that_came_back(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as operator:
        head = await operator.append("s", quotes(3), expected_seq=0)
        async with await SqliteEventStore.open(path, read_only=True) as reader:
            assert await reader.head("s") == head
            await set_aside(operator, "s", ts=NOW, reason="")
            assert (await reader.head("s")).seq == 0
            assert await reader.streams(["s"]) == ()
            await restore(operator, "s", ts=NOW, reason="")

            assert await reader.head("s") == head
            assert [info.stream for info in await reader.streams(["s"])] == ["s"]


async def test_a_deleted_stream_of_a_store_written_to_by_another_process_is_not_damage(
    tmp_path: Path,
) -> None:
    path = tmp_path / "store.db"
    async with (
        await SqliteEventStore.open(path) as writer,
        await SqliteEventStore.open(path) as operator,
    ):
        await writer.append("s", quotes(3), expected_seq=0)
        await delete_stream(operator, "s", ts=NOW, reason="")

        assert (await writer.head("s")).seq == 0
        with pytest.raises(AppendConflict):
            await writer.append("s", quotes(1, first_ts=9), expected_seq=3)

    async with await SqliteEventStore.open(path) as store:
        assert await store.integrity() is None
        assert len((await read_history(store)).changes) == 1
        assert await store.verify(CATALOGUE) is None
