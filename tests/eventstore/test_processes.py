"""Processes that write, fight and die: what was acknowledged is there."""

import random
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from eventstore import Durability, Selection, SqliteEventStore, open_store
from tests.eventstore.samples import read_all, read_events
from tests.eventstore.writer_process import STREAM

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 60


@contextmanager
def writer(
    path: Path, symbol: str, appends: int, *limit: int, durability: Durability = Durability.FULL
) -> Generator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.eventstore.writer_process", str(path), symbol]
    with subprocess.Popen(
        [*command, str(appends), durability.value, *map(str, limit)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def kill_after(process: subprocess.Popen[str], acknowledgements: int) -> int:
    """Kill a writer once it has acknowledged so many appends; the last seq that it acknowledged."""
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(acknowledgements)]
    process.send_signal(signal.SIGKILL)
    said += process.stdout.read().splitlines()
    process.wait(PATIENCE_S)
    assert process.returncode == -signal.SIGKILL
    return int(said[-1])


async def check_after_kill(path: Path, acknowledged_seq: int) -> None:
    async with await open_store(path) as store:
        assert store.possible_loss is None
        assert (await store.head(STREAM)).seq >= acknowledged_seq
        assert await store.verify(STREAM) is None
        assert await store.integrity() is None


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("durability", Durability)
async def test_a_killed_writer_loses_nothing_that_it_acknowledged(
    tmp_path: Path, seed: int, durability: Durability
) -> None:
    path = tmp_path / "store.db"

    with writer(path, "A", 1_000_000, durability=durability) as process:
        acknowledged_seq = kill_after(process, random.Random(seed).randrange(5, 200))

    await check_after_kill(path, acknowledged_seq)


@pytest.mark.parametrize("seed", [4, 5])
async def test_a_killed_writer_of_a_folder_loses_nothing_whether_it_rolled_or_not(
    tmp_path: Path, seed: int
) -> None:
    path = tmp_path / "store.tape"
    chance = random.Random(seed)

    for _ in range(3):
        with writer(path, "A", 1_000_000) as process:
            acknowledged_seq = kill_after(process, chance.randrange(5, 100))
        await check_after_kill(path, acknowledged_seq)

    assert len(list(path.glob("segments/*.db"))) > 3


@pytest.mark.slow
async def test_a_writer_killed_again_and_again_loses_nothing(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    chance = random.Random(3)

    for number in range(30):
        durability = (Durability.FULL, Durability.NORMAL)[number % 2]
        with writer(path, "A", 1_000_000, durability=durability) as process:
            acknowledged_seq = kill_after(process, chance.randrange(1, 100))
        await check_after_kill(path, acknowledged_seq)


async def test_two_processes_write_one_stream_and_never_interleave(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    appends = 60

    with writer(path, "A", appends) as one, writer(path, "B", appends) as two:
        said = [process.communicate(timeout=PATIENCE_S)[0].splitlines() for process in (one, two)]
    said = [[line for line in lines if line.isdigit()] for lines in said]  # not what was logged

    assert [len(lines) for lines in said] == [appends, appends]
    async with await SqliteEventStore.open(path, read_only=True) as store:
        found = await read_all(store, STREAM)
        of_a = await read_events(store, STREAM, Selection(symbols=frozenset({"A"})))
        assert await store.verify(STREAM) is None
    assert [seq for seq, _cause, _event in found] == list(range(1, len(found) + 1))
    assert len(of_a) * 2 == len(found)
    assert {*said[0]}.isdisjoint(said[1])


async def test_a_disk_that_takes_no_more_refuses_and_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "store.db"

    with writer(path, "A", 1_000_000, 400_000) as process:
        *acknowledged, refusal = process.communicate(timeout=PATIENCE_S)[0].splitlines()

    assert refusal.startswith(f"refused: event store {path}:")
    await check_after_kill(path, int(acknowledged[-1]))
    async with await SqliteEventStore.open(path) as store:
        assert (await store.head(STREAM)).seq == int(acknowledged[-1])
