"""Power cuts, modelled over files: what was synced is there, sectors written since are there or not.

In ``full`` every acknowledged commit was synced, so all of them survive. In ``normal`` nothing was, but the
mark of the session: whatever is lost is refused (``LogTruncated``), damage that is named, or announced.
"""

import random
from collections import Counter
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from eventstore import Durability, SqliteEventStore
from eventstore.sqlite_file import PAGE_SIZE
from kernel.errors import LogTruncated, StoreDamaged, StoreError
from tests.eventstore.faults import SECTOR, Acknowledged, State, World, lay_out, state_of
from tests.eventstore.samples import read_events

ANOTHER_BOOT = b"another boot".ljust(64, b"\0")
MARK_AT = 192


def unsynced(chance: random.Random, synced: bytes, written: bytes) -> bytes:
    """A file that only grew since it was synced: sectors behind that are written, zero, or cut off."""
    content = bytearray(synced)
    odds = chance.choice((0.1, 0.5, 0.9, 1.0))
    for start in range(len(synced) - len(synced) % SECTOR, len(written), SECTOR):
        begin = max(start, len(synced))
        sector = written[begin : start + SECTOR]
        content += sector if chance.random() < odds else bytes(len(sector))
    kept = chance.choice((len(content), chance.randint(len(synced), len(content))))
    return bytes(content[:kept])


def of_several_ages(chance: random.Random, ages: list[bytes]) -> bytes:
    """A file that is overwritten in place: each sector as it was at one of these times."""
    longest = max(map(len, ages))
    content = bytearray()
    for start in range(0, longest, SECTOR):
        sector = chance.choice(ages)[start : start + SECTOR]
        content += sector.ljust(min(SECTOR, longest - start), b"\0")
    return bytes(content)


async def session(path: Path, chance: random.Random, durability: Durability) -> World:
    """A world and the states of its last session, one after each append; mostly there was one before."""
    path.parent.mkdir()
    world = World(path, chance)
    if chance.random() < 0.7:
        await world.grow(8)
        world.states.clear()
    await world.grow(15, durability=durability, remember_each=True)
    return world


async def read_back(path: Path, owed: Acknowledged, most: Acknowledged, *, case: str) -> tuple[int, str]:
    """How many of the events owed are missing, and how the loss is told: an error, a warning, or not."""
    before = state_of(path)
    missing, told = 0, ""
    with capture_logs() as logs:
        try:
            store = await SqliteEventStore.open(path)
        except StoreError as error:
            assert state_of(path) == before, f"{case}: the refused open changed the files"
            return 1, type(error).__name__
    async with store:
        if store.possible_loss is not None:
            assert [entry["event"] for entry in logs] == ["event_store_may_lack_commits"]
            told = "announced"
        for stream, events in most.items():
            try:
                found = await read_events(store, stream) if (await store.head(stream)).seq else []
            except StoreDamaged:
                missing, told = missing + 1, told or "StoreDamaged"
                continue
            assert found == events[: len(found)], f"{case}: stream {stream} holds what was never written"
            missing += max(0, len(owed.get(stream, [])) - len(found))
    return missing, told


async def cut_in_full(folder: Path, *, seed: int, cuts: int) -> None:
    chance = random.Random(seed)
    world = await session(folder / "world" / "store.db", chance, Durability.FULL)
    for number in range(cuts):
        case = f"seed {seed}, cut {number}"
        last = chance.randrange(len(world.states))
        synced, owed = world.states[last]
        written, most = world.states[chance.randrange(last, len(world.states))]
        witnesses = [state[".witness"] for state, _owed in world.states[: last + 1]]
        cut: State = {
            "": synced[""],
            "-wal": unsynced(chance, synced["-wal"], written["-wal"]),
            ".witness": of_several_ages(chance, witnesses),
        }

        missing, told = await read_back(lay_out(cut, folder / "cut"), owed, most, case=case)

        assert (missing, told) == (0, ""), f"{case}: {missing} events are missing; told: {told}"


async def cut_in_normal(folder: Path, *, seed: int, cuts: int) -> Counter[str]:
    chance = random.Random(seed)
    world = await session(folder / "world" / "store.db", chance, Durability.NORMAL)
    ends: Counter[str] = Counter()
    for number in range(cuts):
        case = f"seed {seed}, cut {number}"
        last = chance.randrange(len(world.states))
        written, owed = world.states[last]
        ages = [state[".witness"] for state, _owed in world.states[: last + 1]]
        witness = bytearray(of_several_ages(chance, ages))
        witness[MARK_AT : MARK_AT + len(ANOTHER_BOOT)] = ANOTHER_BOOT
        cut: State = {
            "": written[""] if len(written[""]) > PAGE_SIZE or chance.random() < 0.5 else b"",
            "-wal": unsynced(chance, b"", written["-wal"]),
            ".witness": bytes(witness),
        }

        missing, told = await read_back(lay_out(cut, folder / "cut"), owed, owed, case=case)

        assert told in (LogTruncated.__name__, "announced"), f"{case}: {missing} missing, told: {told!r}"
        ends[told if missing else "whole"] += 1
    return ends


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_power_cut_in_full_takes_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    await cut_in_full(tmp_path, seed=seed, cuts=12)


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_what_a_power_cut_in_normal_takes_is_told(tmp_path: Path, seed: int) -> None:
    ends = await cut_in_normal(tmp_path, seed=seed, cuts=12)

    assert ends["announced"] + ends["LogTruncated"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 14))
async def test_many_power_cuts_in_full_take_nothing_that_was_acknowledged(tmp_path: Path, seed: int) -> None:
    await cut_in_full(tmp_path, seed=seed, cuts=250)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 14))
async def test_what_many_power_cuts_in_normal_take_is_told(tmp_path: Path, seed: int) -> None:
    ends = await cut_in_normal(tmp_path, seed=seed, cuts=250)

    assert ends["announced"] > 0
    assert ends["LogTruncated"] > 0
