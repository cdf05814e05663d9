"""What is asked about one stream of a SQLite store costs the same among few streams and among many.

Cost is counted in steps of SQLite's virtual machine and in rows read, not in time.
"""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosqlite
import pytest

from eventstore import SqliteEventStore
from eventstore.sqlite_file import SqliteFile, SqlRow, SqlValue
from eventstore.sqlite_listing import list_streams
from eventstore.stream_names import StreamNames
from kernel.errors import AppendConflict
from tests.eventstore.samples import quotes, read_events

FEW, MANY = 10, 200

TABLE = "CREATE TABLE stream (id INTEGER PRIMARY KEY, name TEXT NOT NULL"
INDEX = "'sqlite_autoindex_stream_1'"


class CountedFile(SqliteFile):
    """A connection that counts queries, rows and steps of SQLite's virtual machine."""

    queries = rows = steps = 0

    async def fetch(self, sql: str, parameters: tuple[SqlValue, ...] = ()) -> list[SqlRow]:  # type: ignore[override]  # narrower
        found = await super().fetch(sql, parameters)
        self.queries += 1
        self.rows += len(found)
        return found

    def step(self) -> int:
        self.steps += 1
        return 0


@asynccontextmanager
async def counted(path: Path) -> AsyncGenerator[CountedFile]:
    connection = await aiosqlite.connect(path, isolation_level=None)
    file = CountedFile(path, connection)
    await connection.set_progress_handler(file.step, 1)
    yield file
    await file.close()


async def make_store(path: Path, *, streams: int) -> Path:
    """Streams ``s000``, ``s001`` ... of two events in two blocks each."""
    async with await SqliteEventStore.open(path) as store:
        for seq in (0, 1):
            await asyncio.gather(
                *(store.append(f"s{n:03}", quotes(1, first_ts=seq), expected_seq=seq) for n in range(streams))
            )
    return path


async def cost_of_lookup(path: Path) -> tuple[int, int]:
    async with counted(path) as file:
        assert await StreamNames(file).ids_of(["s007"]) == {"s007": 8}
        return file.rows, file.steps


async def cost_of_description(path: Path) -> tuple[int, int]:
    async with counted(path) as file:
        (info,) = await list_streams(file, [8])
        assert (info.stream, info.last_seq) == ("s007", 2)
        return file.rows, file.steps


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("stores")
    few = asyncio.run(make_store(folder / "few.db", streams=FEW))
    return few, asyncio.run(make_store(folder / "many.db", streams=MANY))


async def test_finding_a_stream_does_not_depend_on_how_many_there_are(stores: tuple[Path, Path]) -> None:
    few, many = stores

    assert await cost_of_lookup(few) == await cost_of_lookup(many)


async def test_describing_a_stream_does_not_depend_on_how_many_there_are(stores: tuple[Path, Path]) -> None:
    few, many = stores

    assert await cost_of_description(few) == await cost_of_description(many)


async def test_all_streams_are_listed_in_as_many_queries_as_one(stores: tuple[Path, Path]) -> None:
    queries: list[int] = []
    for path, count in zip(stores, (FEW, MANY), strict=True):
        async with counted(path) as file:
            assert len(await list_streams(file)) == count
            queries.append(file.queries)

    assert queries == [2, 2]


async def test_listing_costs_the_same_for_each_stream(stores: tuple[Path, Path]) -> None:
    steps: list[int] = []
    for path in stores:
        async with counted(path) as file:
            await list_streams(file)
            steps.append(file.steps)

    assert steps[1] / MANY < 1.2 * steps[0] / FEW


async def test_a_new_name_reads_the_names_added_since_the_last_one_only(stores: tuple[Path, Path]) -> None:
    _, path = stores
    async with counted(path) as file:
        names = StreamNames(file)
        await names.ids_of(["nobody"])
        assert file.rows == MANY

        for number in range(5):
            assert await names.ids_of([f"new{number}"]) == {}

        assert file.rows == MANY


async def test_new_streams_that_wait_together_are_made_together(tmp_path: Path) -> None:
    async with await SqliteEventStore.open(tmp_path / "store.db") as ours:
        await ours.append("first", quotes(1), expected_seq=0)
        async with await SqliteEventStore.open(tmp_path / "store.db") as theirs:
            await theirs.append("theirs", quotes(2), expected_seq=0)

        assert (await ours.append("theirs", quotes(1, first_ts=9), expected_seq=2)).seq == 3
        with pytest.raises(AppendConflict) as caught:
            await ours.append("nobody", quotes(1), expected_seq=4)

    assert caught.value.actual_seq == 0


async def test_a_name_that_fell_out_of_its_index_does_not_make_its_stream_vanish(tmp_path: Path) -> None:
    path = await make_store(tmp_path / "store.db", streams=3)
    without_index_entry(path, "s001")

    async with await SqliteEventStore.open(path) as store:
        assert len(await read_events(store, "s001")) == 2
        assert [info.stream for info in await store.streams(["s001"])] == ["s001"]
        with pytest.raises(AppendConflict):
            await store.append("s001", quotes(1), expected_seq=0)
        assert (await store.append("s001", quotes(1, first_ts=9), expected_seq=2)).seq == 3
        assert [info.stream for info in await store.streams()] == ["s000", "s001", "s002"]


async def test_an_index_that_leads_to_another_stream_is_not_believed(tmp_path: Path) -> None:
    path = await make_store(tmp_path / "store.db", streams=3)
    without_index_entry(path, "s001", instead="s009")

    async with await SqliteEventStore.open(path) as store:
        assert (await store.head("s009")).seq == 0
        assert (await store.head("s001")).seq == 2


def without_index_entry(path: Path, name: str, *, instead: str = "gone") -> None:
    """Let the index on names say ``instead`` where the table says ``name``."""
    run(path, f"UPDATE stream SET name = '{instead}' WHERE name = '{name}'")
    index = run(path, f"SELECT rootpage FROM sqlite_schema WHERE name = {INDEX}")[0]
    run(
        path,
        f"DELETE FROM sqlite_schema WHERE name = {INDEX}",
        f"UPDATE sqlite_schema SET sql = '{TABLE})' WHERE name = 'stream'",
    )
    run(path, f"UPDATE stream SET name = '{name}' WHERE name = '{instead}'")
    run(
        path,
        f"UPDATE sqlite_schema SET sql = '{TABLE} UNIQUE)' WHERE name = 'stream'",
        f"INSERT INTO sqlite_schema VALUES ('index', {INDEX}, 'stream', {index[0]}, NULL)",
    )


def run(path: Path, *statements: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA writable_schema = ON")
    rows = [row for sql in statements for row in connection.execute(sql)]
    connection.close()
    return rows
