"""What the SQLite store promises beyond the port: formats, other writers, errors, the witness."""

import asyncio
import sqlite3
from contextlib import aclosing
from pathlib import Path

import pytest

from eventstore import Durability, Selection, SqliteEventStore
from eventstore.encoding import BLOCK_EVENTS
from eventstore.sqlite_file import APPLICATION_ID, FORMAT_VERSION, SEGMENT_FORMAT
from eventstore.witness import witness_path
from kernel.errors import AppendConflict, StoreError
from tests.eventstore.samples import collected, flattened, quotes, read_events, trade


async def make_store(path: Path, *, blocks: int = 3, durability: Durability = Durability.FULL) -> None:
    """A closed store whose stream ``s`` holds ``blocks`` blocks of two events."""
    async with await SqliteEventStore.open(path, durability=durability) as store:
        await extend(store, blocks=blocks)


async def extend(store: SqliteEventStore, *, blocks: int) -> None:
    seq = (await store.head("s")).seq
    for _ in range(blocks):
        seq = (await store.append("s", quotes(2, first_ts=seq + 1), expected_seq=seq)).seq


# --- opening --------------------------------------------------------------------------------------


@pytest.mark.parametrize("durability", Durability)
async def test_a_store_holds_its_events_after_it_is_opened_again(
    tmp_path: Path, durability: Durability
) -> None:
    path = tmp_path / "store.db"
    await make_store(path, durability=durability)

    async with await SqliteEventStore.open(path) as store:
        assert (await store.head("s")).seq == 6
        assert await store.verify("s") is None
        assert await store.integrity() is None


async def test_a_closed_store_leaves_one_file_and_its_witness(tmp_path: Path) -> None:
    await make_store(tmp_path / "store.db")

    assert names_in(tmp_path) == ["store.db", "store.db.witness"]


@pytest.mark.parametrize(
    ("pragma", "match"),
    [
        (
            f"PRAGMA user_version = {SEGMENT_FORMAT + 1}",
            "format 3; .* reads only format 1",
        ),
        ("PRAGMA application_id = 7", "not an event store"),
    ],
)
@pytest.mark.parametrize("read_only", [True, False])
async def test_a_newer_or_foreign_format_is_refused(
    tmp_path: Path, pragma: str, match: str, read_only: bool
) -> None:
    path = tmp_path / "store.db"
    await make_store(path)
    with_connection(path, pragma)

    with pytest.raises(StoreError, match=match):
        await SqliteEventStore.open(path, read_only=read_only)


async def test_another_programs_database_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with_connection(path, "CREATE TABLE mine (x)")
    before = path.read_bytes()

    with pytest.raises(StoreError, match="not an event store"):
        await SqliteEventStore.open(path)

    assert path.read_bytes() == before
    assert names_in(tmp_path) == ["other.db"]


async def test_a_text_file_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database " * 100)

    with pytest.raises(StoreError, match=r"notes\.txt.*not a SQLite file"):
        await SqliteEventStore.open(path)

    assert path.read_text() == "not a database " * 100


async def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"missing/store\.db.*folder"):
        await SqliteEventStore.open(tmp_path / "missing" / "store.db")


async def test_reading_only_needs_a_store_and_creates_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no event store"):
        await SqliteEventStore.open(tmp_path / "store.db", read_only=True)

    assert names_in(tmp_path) == []


async def test_a_store_opened_for_reading_reads_and_refuses_to_write(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await make_store(path)
    witness = witness_path(path).read_bytes()

    async with await SqliteEventStore.open(path, read_only=True) as store:
        assert len(await read_events(store, "s")) == 6
        with pytest.raises(StoreError, match="read-only"):
            await store.append("s", quotes(1, first_ts=99), expected_seq=6)
        with pytest.raises(StoreError, match="read-only"):
            await store.save_checkpoint("x", 1)

    assert witness_path(path).read_bytes() == witness


async def test_paths_with_characters_special_to_uris_work(tmp_path: Path) -> None:
    path = tmp_path / "a b?mode=ro#100%.db"

    await make_store(path)

    assert path.exists()


# --- other writers and readers --------------------------------------------------------------------


async def test_another_writers_append_is_seen_by_head_and_conflicts(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as ours, await SqliteEventStore.open(path) as theirs:
        await extend(ours, blocks=1)
        await extend(theirs, blocks=1)

        assert (await ours.head("s")).seq == 4
        with pytest.raises(AppendConflict) as caught:
            await ours.append("s", quotes(1, first_ts=9), expected_seq=2)
        assert caught.value.actual_seq == 4
        assert (await ours.append("s", quotes(1, first_ts=9), expected_seq=4)).seq == 5


async def test_another_writers_conflict_fails_only_the_stream_it_wrote_to(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as ours, await SqliteEventStore.open(path) as theirs:
        await extend(ours, blocks=1)
        await ours.append("t", quotes(1), expected_seq=0)
        await extend(theirs, blocks=1)

        outcomes = await asyncio.gather(
            ours.append("t", quotes(1, first_ts=9), expected_seq=1),
            ours.append("s", quotes(1, first_ts=9), expected_seq=2),
            ours.append("t", quotes(1, first_ts=9), expected_seq=2),
            return_exceptions=True,
        )

        assert [type(outcome).__name__ for outcome in outcomes] == [
            "StreamHead",
            "AppendConflict",
            "StreamHead",
        ]
        assert await ours.verify("s") is None
        assert await ours.verify("t") is None


async def test_two_writers_race_and_never_interleave(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    async def write(store: SqliteEventStore, symbol: str, *, appends: int) -> None:
        done = 0
        while done < appends:
            seq = (await store.head("s")).seq
            try:
                await store.append("s", [trade(seq, symbol), trade(seq, symbol)], expected_seq=seq)
            except AppendConflict:
                continue
            done += 1

    async with await SqliteEventStore.open(path) as one, await SqliteEventStore.open(path) as two:
        async with asyncio.TaskGroup() as group:
            group.create_task(write(one, "A", appends=50), name="one")
            group.create_task(write(two, "B", appends=50), name="two")

        found = flattened(await collected(one.read("s")))
        assert [seq for seq, _cause, _event in found] == list(range(1, 201))
        assert len(await read_events(two, "s", Selection(symbols=frozenset({"A"})))) == 100
        assert await one.verify("s") is None


async def test_a_follower_sees_what_another_writer_appends(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with (
        await SqliteEventStore.open(path) as ours,
        await SqliteEventStore.open(path) as theirs,
        aclosing(ours.follow("s")) as batches,
    ):
        first = asyncio.ensure_future(anext(batches))
        await asyncio.wait([first], timeout=0)
        await extend(theirs, blocks=1)
        async with asyncio.timeout(60):
            seqs = [*(await first).seqs]
            second = asyncio.ensure_future(anext(batches))
            await asyncio.wait([second], timeout=0)
            await extend(theirs, blocks=1)
            seqs += (await second).seqs

    assert seqs == [1, 2, 3, 4]


@pytest.mark.slow
async def test_a_locked_file_refuses_the_append_and_recovers(
    sqlite_store: SqliteEventStore, tmp_path: Path
) -> None:
    """Takes the five seconds that the store waits for the other process."""
    connection = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    await sqlite_store.head("s")

    with pytest.raises(StoreError, match="locked"):
        await sqlite_store.append("s", quotes(1), expected_seq=0)
    connection.execute("ROLLBACK")
    connection.close()

    assert (await sqlite_store.append("s", quotes(1), expected_seq=0)).seq == 1


# --- group commit ---------------------------------------------------------------------------------


async def test_appends_that_wait_together_share_a_block(sqlite_store: SqliteEventStore) -> None:
    chain = [sqlite_store.append("s", quotes(1, first_ts=seq), expected_seq=seq) for seq in range(100)]

    await asyncio.gather(*chain)

    (info,) = await sqlite_store.streams()
    assert info.last_seq == 100
    assert info.block_count <= 3  # the first, perhaps, went alone


async def test_streams_that_wait_together_commit_together(sqlite_store: SqliteEventStore) -> None:
    heads = await asyncio.gather(
        *(sqlite_store.append(f"s{place}", quotes(3), expected_seq=0) for place in range(30))
    )

    assert {head.seq for head in heads} == {3}
    assert len(await sqlite_store.streams()) == 30


async def test_a_cancelled_append_is_committed_all_the_same(sqlite_store: SqliteEventStore) -> None:
    append = asyncio.ensure_future(sqlite_store.append("s", quotes(2), expected_seq=0))
    await asyncio.sleep(0)
    append.cancel()
    await asyncio.wait([append])

    later = await sqlite_store.append("s", quotes(1, first_ts=5), expected_seq=2)

    assert later.seq == 3


async def test_more_than_the_queue_takes_waits_its_turn(sqlite_store: SqliteEventStore) -> None:
    """About 40 MB of events against a queue of 16 MB."""
    events = quotes(2 * BLOCK_EVENTS, first_ts=0)
    chain = [sqlite_store.append(f"s{place}", events, expected_seq=0) for place in range(80)]

    heads = await asyncio.gather(*chain)

    assert {head.seq for head in heads} == {2 * BLOCK_EVENTS}


async def test_closing_commits_what_waits(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    store = await SqliteEventStore.open(path)
    appends = [
        asyncio.ensure_future(store.append("s", quotes(1, first_ts=seq), expected_seq=seq))
        for seq in range(20)
    ]
    await asyncio.sleep(0)

    await store.close()

    assert [(await append).seq for append in appends] == list(range(1, 21))
    async with await SqliteEventStore.open(path) as reopened:
        assert (await reopened.head("s")).seq == 20


# --- what is written on the outside ---------------------------------------------------------------


async def test_the_file_says_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    await make_store(path)

    header = path.read_bytes()[:100]

    assert header[68:72] == APPLICATION_ID.to_bytes(4, "big")
    assert header[60:64] == FORMAT_VERSION.to_bytes(4, "big")


def names_in(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def with_connection(path: Path, sql: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(sql)
    connection.close()
