"""Pages swapped, doubled, stale or zeroed, in any file of a store: never a shortened stream unseen."""

import asyncio
import random
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from eventstore import SqliteEventStore
from eventstore.block_id import block_id
from eventstore.planning import MAX_SEQ
from eventstore.sqlite_file import PAGE_SIZE
from eventstore.witness import witness_path
from kernel.errors import StoreDamaged, StoreError
from tests.eventstore.faults import (
    DAMAGES,
    PARTS,
    PATIENCE_S,
    State,
    World,
    event,
    judge,
    lay_out,
    state_of,
)


async def check_damages(folder: Path, *, seed: int, cases: int) -> Counter[str]:
    """One world of this seed, and so many damages to its files; how they ended."""
    chance = random.Random(seed)
    (folder / "world").mkdir()
    world = World(folder / "world" / "store.db", chance)
    await world.grow(20)
    await world.grow(25)
    world.remember_state()
    ends: Counter[str] = Counter()
    for number in range(cases):
        state, owed = world.states[-1] if chance.random() < 0.5 else chance.choice(world.states)
        older = chance.choice(world.states)[0]
        part = chance.choice([part for part in PARTS if state[part]])
        damage = chance.choice(DAMAGES[part])
        damaged: State = dict(state)
        content = bytearray(state[part])
        damage(chance, content, older[part])
        damaged[part] = bytes(content)
        path = lay_out(damaged, folder / "damaged")
        case = f"seed {seed}, case {number}, {damage.__qualname__} in store.db{part}"
        ends[await judge(path, owed, case=case)] += 1
    return ends


@pytest.mark.parametrize("seed", [1, 2])
async def test_damage_is_an_error_or_without_effect(tmp_path: Path, seed: int) -> None:
    ends = await check_damages(tmp_path, seed=seed, cases=25)

    assert ends["refused"] > 0
    assert ends["whole"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 13))
async def test_much_damage_is_an_error_or_without_effect(tmp_path: Path, seed: int) -> None:
    ends = await check_damages(tmp_path, seed=seed, cases=400)

    assert ends["damaged"] > 10


async def test_a_block_that_only_its_key_finds_ends_the_append_and_the_writer(tmp_path: Path) -> None:
    """Its place is taken, though the stream does not seem to reach there: trying again would never end.

    The witness would have said so first, so it is taken away.
    """
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as store:
        for seq in range(60):
            for stream in ("a", "b"):
                await store.append(stream, [event(seq, 600)], expected_seq=seq)
    hide_blocks(path, stream_id=1)
    witness_path(path).unlink()

    async with asyncio.timeout(PATIENCE_S):
        store = await SqliteEventStore.open(path)
        hidden_from = (await store.head("a")).seq
        with pytest.raises(StoreDamaged, match="has a block here that reading does not find") as caught:
            await store.append("a", [event(100, 5)], expected_seq=hidden_from)
        with pytest.raises(StoreError, match="until the store is opened again"):
            await store.append("b", [event(100, 5)], expected_seq=60)
        await store.close()

    assert caught.value.first_bad_seq == hidden_from + 1


def hide_blocks(path: Path, *, stream_id: int) -> None:
    """Zero pointers at the start of some page, so that ranges miss blocks of a stream, and keys do not."""
    good = path.read_bytes()
    for page in range(1, len(good) // PAGE_SIZE):
        content = bytearray(good)
        content[page * PAGE_SIZE + 16 : page * PAGE_SIZE + 80] = bytes(64)
        path.write_bytes(content)
        if hides_blocks(path, stream_id=stream_id):
            return
    raise AssertionError("no page hides a block")


def hides_blocks(path: Path, *, stream_id: int) -> bool:
    first, last = block_id(stream_id, 1), block_id(stream_id, MAX_SEQ)
    with closing(sqlite3.connect(f"file:{path}?immutable=1", uri=True)) as connection:
        try:
            query = "SELECT max(id) FROM block WHERE id BETWEEN ? AND ?"
            ((found,),) = connection.execute(query, (first, last)).fetchall()
            following = (found or first - 1) + 1
            return bool(connection.execute("SELECT 1 FROM block WHERE id = ?", (following,)).fetchall())
        except sqlite3.DatabaseError:
            return False


async def test_a_sound_store_is_whole(tmp_path: Path) -> None:
    """The judge itself: nothing is found where nothing is wrong."""
    world = World(tmp_path / "store.db", random.Random(3))
    await world.grow(10)
    world.remember_state()

    path = lay_out(state_of(world.path), tmp_path / "copy")

    assert await judge(path, world.acknowledged, case="no damage") == "whole"
    async with await SqliteEventStore.open(path) as store:
        assert await store.integrity() is None
