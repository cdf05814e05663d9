"""Opening a store: what is refused is left as it was, what may be lost is said, and who may open what."""

import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from eventstore import Durability, SqliteEventStore
from eventstore.boot import this_boot
from eventstore.sqlite_file import BUSY_TIMEOUT_MS
from eventstore.witness import Witness, witness_path
from kernel.errors import LogTruncated, StoreError
from tests.eventstore.faults import State, lay_out, state_of
from tests.eventstore.samples import quotes

ROOT = Path(__file__).resolve().parents[2]


async def append(store: SqliteEventStore, stream: str, count: int = 2) -> int:
    seq = (await store.head(stream)).seq
    return (await store.append(stream, quotes(count, first_ts=seq + 1), expected_seq=seq)).seq


@pytest.fixture
async def moments(tmp_path: Path) -> list[State]:
    """A store of two streams at four moments: open, open and longer, closed, closed once more."""
    path = tmp_path / "original" / "store.db"
    states: list[State] = []
    path.parent.mkdir()
    for _ in range(2):
        async with await SqliteEventStore.open(path) as store:
            for _ in range(4):
                await append(store, "a")
                await append(store, "b")
            states.append(state_of(path))
            await append(store, "a")
            states.append(state_of(path))
        states.append(state_of(path))
    return [states[0], states[1], states[2], states[5]]


def witness_of(path: Path) -> Witness:
    witness = Witness.open_for_writing(path)
    assert witness is not None
    return witness


async def refusal_of(path: Path, *, read_only: bool = False) -> StoreError:
    """How an open is refused, which it must be, with every byte in its place."""
    before = state_of(path)
    with pytest.raises(StoreError) as caught:
        await SqliteEventStore.open(path, read_only=read_only)
    assert state_of(path) == before
    return caught.value


# --- a refused open changes nothing ---------------------------------------------------------------


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_stale_wal_beside_a_newer_file_is_refused_and_taken_away_again_leaves_all(
    tmp_path: Path, moments: list[State], read_only: bool
) -> None:
    early, _later, _closed, latest = moments
    path = lay_out({**latest, "-wal": early["-wal"]}, tmp_path / "mixed")

    assert isinstance(await refusal_of(path, read_only=read_only), LogTruncated)

    path.with_name("store.db-wal").unlink()
    path.with_name("store.db-shm").unlink(missing_ok=True)
    async with await SqliteEventStore.open(path) as store:
        assert (await store.head("a")).seq == 20
        assert await store.verify("a") is None


async def test_a_flipped_bit_in_a_wal_is_refused_and_flipped_back_loses_nothing(
    tmp_path: Path, moments: list[State]
) -> None:
    _early, later, _closed, _latest = moments
    wal = bytearray(later["-wal"])
    wal[len(wal) // 2] ^= 1
    path = lay_out({**later, "-wal": bytes(wal)}, tmp_path / "flipped")

    await refusal_of(path)

    path.with_name("store.db-wal").write_bytes(later["-wal"])
    async with await SqliteEventStore.open(path) as store:
        assert (await store.head("a")).seq == 10


async def test_a_stream_that_is_short_beside_a_sound_last_commit_is_refused_while_the_wal_is_hot(
    tmp_path: Path, moments: list[State]
) -> None:
    """The last two commits are of ``a``; only the witness of each stream knows how ``b`` ended."""
    _early, _later, closed, _latest = moments
    path = lay_out(closed, tmp_path / "short")
    async with await SqliteEventStore.open(path) as store:
        await append(store, "a")
        await append(store, "a")
        state = state_of(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("DELETE FROM block WHERE id = (SELECT max(id) FROM block WHERE id >> 42 = 2)")
        state = {**state_of(path), ".witness": state[".witness"]}
    assert state["-wal"]
    short = lay_out(state, tmp_path / "scratch")

    error = await refusal_of(short)

    assert isinstance(error, LogTruncated)
    assert "stream 'b' ends before seq 7" in str(error)


@pytest.mark.parametrize("read_only", [True, False])
async def test_a_foreign_file_beside_a_witness_is_refused_and_left_as_it_is(
    tmp_path: Path, moments: list[State], read_only: bool
) -> None:
    path = lay_out({**moments[3], "": b"not a database " * 2000}, tmp_path / "foreign")

    await refusal_of(path, read_only=read_only)


@pytest.mark.parametrize("content", [b"", None])
async def test_an_empty_or_missing_file_beside_its_witness_is_not_made_anew(
    tmp_path: Path, moments: list[State], content: bytes | None
) -> None:
    path = lay_out({**moments[3], "": b""}, tmp_path / "gone")
    if content is not None:
        path.write_bytes(content)

    assert isinstance(await refusal_of(path), LogTruncated)


async def test_a_wal_without_its_file_is_not_taken_away(tmp_path: Path, moments: list[State]) -> None:
    """SQLite deletes it when it makes a file beside it."""
    path = lay_out({"-wal": moments[1]["-wal"]}, tmp_path / "alone")

    assert isinstance(await refusal_of(path), LogTruncated)


# --- a store of an older version, or without its witness ------------------------------------------


async def test_a_witness_that_knows_no_streams_is_taken_over_at_the_first_writing_open(
    tmp_path: Path, moments: list[State]
) -> None:
    path = lay_out({**moments[3], ".witness": moments[3][".witness"][:128]}, tmp_path / "old")

    with capture_logs() as logs:
        async with await SqliteEventStore.open(path):
            pass

    assert logs == []
    with closing(witness_of(path)) as witness:
        assert witness.remembers_streams
        assert [entry.block_id & 0xFF for entry in witness.last_blocks(1, 10)] == [19, 15]


async def test_a_deleted_witness_is_renewed_for_every_stream_with_a_warning(
    tmp_path: Path, moments: list[State]
) -> None:
    path = lay_out({**moments[3], ".witness": b""}, tmp_path / "without")

    with capture_logs() as logs:
        async with await SqliteEventStore.open(path):
            pass

    assert [entry["event"] for entry in logs] == ["event_store_without_witness"]
    with closing(witness_of(path)) as witness:
        assert len(witness.commits()) == 1
        assert len(witness.last_blocks(1, 10)) == 2


async def test_a_new_store_is_not_without_witness(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    with capture_logs() as logs:
        async with await SqliteEventStore.open(path) as one:
            await append(one, "a")
            async with await SqliteEventStore.open(path) as two:
                await append(two, "a")

    assert logs == []


# --- a power cut in durability normal -------------------------------------------------------------


async def test_a_session_in_normal_that_another_boot_ended_is_announced_until_a_clean_end(
    tmp_path: Path, moments: list[State]
) -> None:
    path = lay_out(moments[3], tmp_path / "cut")
    with closing(witness_of(path)) as witness:
        witness.begin_unsynced_session("another boot")

    with capture_logs() as logs:
        async with await SqliteEventStore.open(path, read_only=True) as reader:
            said = reader.possible_loss
        async with await SqliteEventStore.open(path) as store:
            await append(store, "a")
        async with await SqliteEventStore.open(path) as store:
            assert store.possible_loss is None

    assert said is not None
    assert "last commits may be missing" in said
    assert [(entry["event"], entry["path"]) for entry in logs] == [
        ("event_store_may_lack_commits", str(path))
    ] * 2


async def test_an_unclean_end_in_normal_within_one_boot_says_nothing(tmp_path: Path) -> None:
    path = tmp_path / "original" / "store.db"
    path.parent.mkdir()
    async with await SqliteEventStore.open(path, durability=Durability.NORMAL) as store:
        await append(store, "a")
        killed = lay_out(state_of(path), tmp_path / "killed")

    with capture_logs() as logs:
        async with await SqliteEventStore.open(killed) as store:
            assert store.possible_loss is None
            assert (await store.head("a")).seq == 2

    assert logs == []


async def test_the_mark_of_a_session_in_normal_outlives_every_other_but_not_the_last(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    marks: list[str | None] = []

    full = await SqliteEventStore.open(path)
    one = await SqliteEventStore.open(path, durability=Durability.NORMAL)
    two = await SqliteEventStore.open(path, durability=Durability.NORMAL)
    for store in (one, full, two):
        with closing(witness_of(path)) as witness:
            marks.append(witness.unsynced_boot())
        await store.close()
    with closing(witness_of(path)) as witness:
        marks.append(witness.unsynced_boot())

    assert marks == [this_boot(), this_boot(), this_boot(), None]


async def test_a_mark_that_cannot_be_read_counts_as_one_of_another_boot(
    tmp_path: Path, moments: list[State]
) -> None:
    path = lay_out(moments[3], tmp_path / "torn")
    with witness_path(path).open("r+b") as file:
        file.seek(192)
        file.write(b"\xff\xfe\xfd")

    with capture_logs() as logs:
        async with await SqliteEventStore.open(path, read_only=True):
            pass

    assert [entry["event"] for entry in logs] == ["event_store_may_lack_commits"]


# --- who may open what ----------------------------------------------------------------------------

MAKE = """
import asyncio, sys
from eventstore import SqliteEventStore
from kernel.errors import StoreError
async def make(path):
    async with await SqliteEventStore.open(path) as store:
        await store.head("s")
for line in sys.stdin:
    try:
        asyncio.run(make(line.strip()))
        print("made", flush=True)
    except StoreError as error:
        print(error, flush=True)
"""


def test_processes_that_make_one_store_at_once_all_get_it(tmp_path: Path) -> None:
    """Four processes, fifteen stores: each is made by all of them at the same time."""
    with ExitStack() as stack:
        makers: list[subprocess.Popen[str]] = [
            stack.enter_context(
                subprocess.Popen(
                    [sys.executable, "-c", MAKE],
                    cwd=ROOT,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            )
            for _ in range(4)
        ]
        said = [in_step(makers, str(tmp_path / f"store{number}.db")) for number in range(15)]

    assert said == [["made\n"] * 4] * 15


def in_step(processes: list[subprocess.Popen[str]], line: str) -> list[str]:
    """Give all the same line at once; what each answers."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
    return [process.stdout.readline() for process in processes if process.stdout is not None]


@pytest.mark.slow
async def test_how_long_was_waited_for_a_lock_is_said_as_it_was(tmp_path: Path) -> None:
    """Takes the five seconds that are waited."""
    path = tmp_path / "store.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE x (y)")
        connection.execute("DROP TABLE x")
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreError, match="still locked by another connection") as caught:
            await SqliteEventStore.open(path)

    (waited_ms,) = (int(word) for word in str(caught.value).split() if word.isdigit())
    assert waited_ms >= BUSY_TIMEOUT_MS


READ = """
import asyncio, os, sys
from eventstore import SqliteEventStore
from kernel.errors import StoreError
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
async def read():
    async with await SqliteEventStore.open(sys.argv[1], read_only=True) as store:
        print((await store.head("a")).seq, await store.verify("a"), await store.integrity())
try:
    asyncio.run(read())
except StoreError as error:
    print(error)
"""


@pytest.fixture
def closed_folder() -> Iterator[Path]:
    """A folder that others may read; pytest's own are for their owner alone."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)
        for inner in Path(folder).iterdir():
            inner.chmod(0o755)


def read_without_writing(path: Path) -> str:
    """What a process says that may read a store, but not write beside it; it is no superuser."""
    for part in path.parent.iterdir():
        part.chmod(0o444)
    path.parent.chmod(0o555)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.strip()


async def test_a_store_closed_in_good_order_is_read_where_nothing_may_be_written(
    closed_folder: Path, moments: list[State]
) -> None:
    path = lay_out(moments[3], closed_folder / "locked")

    assert read_without_writing(path) == "20 None None"
    assert state_of(path) == moments[3]


async def test_a_store_that_was_not_closed_says_why_it_cannot_be_read_where_nothing_may_be_written(
    closed_folder: Path, moments: list[State]
) -> None:
    path = lay_out(moments[0], closed_folder / "locked")

    assert "copy all its files to a folder where you may write" in read_without_writing(path)


async def test_a_file_that_nobody_may_write_to_is_refused_to_writers_of_any_rights(tmp_path: Path) -> None:
    """Root may write to it, while readers take it as unchangeable and would miss what was written."""
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as store:
        await append(store, "a")
    path.chmod(0o444)

    with pytest.raises(StoreError, match="it is read-only for this process, so nothing can be appended"):
        await SqliteEventStore.open(path)

    async with await SqliteEventStore.open(path, read_only=True) as store:
        assert (await store.head("a")).seq == 2
