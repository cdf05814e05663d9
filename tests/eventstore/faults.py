"""Stores of several streams, what they acknowledged, and what a damaged copy of one may do."""

import asyncio
import random
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from eventstore import Durability, SqliteEventStore
from eventstore.sqlite_file import PAGE_SIZE
from kernel.errors import StoreError
from kernel.events import Event, TimerFired
from kernel.identifiers import TimerName
from tests.eventstore.samples import read_events

PATIENCE_S = 60
"""Nothing below takes a second; whatever has not ended by now never will."""

PARTS = ("", "-wal", ".witness")
"""The files that make a store, by what follows its name."""

SECTOR = 512

Acknowledged = dict[str, list[Event]]
State = dict[str, bytes]
"""The bytes of each part."""


def state_of(path: Path) -> State:
    """A store's files as they are now; one that is not there is as good as empty."""
    state: State = {}
    for part in PARTS:
        file = Path(f"{path}{part}")
        state[part] = file.read_bytes() if file.exists() else b""
    return state


def lay_out(state: State, folder: Path) -> Path:
    """Files of this state in a fresh folder; the store's path."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for part, content in state.items():
        if content:
            (folder / f"store.db{part}").write_bytes(content)
    return folder / "store.db"


def event(ts: int, size: int) -> Event:
    return TimerFired(ts=ts, owner="x" * size, name=TimerName("t"), due_ts=ts)


class World:
    """A store that grows by chance, the states it went through, and all that it acknowledged."""

    def __init__(self, path: Path, chance: random.Random) -> None:
        self.path = path
        self.chance = chance
        self.acknowledged: Acknowledged = {}
        self.states: list[tuple[State, Acknowledged]] = []

    async def grow(
        self,
        appends: int,
        *,
        streams: int = 5,
        durability: Durability = Durability.FULL,
        remember_each: bool = False,
    ) -> None:
        """One session: small and large appends, now and then several that share a commit."""
        async with await SqliteEventStore.open(self.path, durability=durability) as store:
            for _ in range(appends):
                names = self.chance.sample(
                    [f"s{place}" for place in range(streams)], self.chance.choice((1, 1, 3))
                )
                async with asyncio.TaskGroup() as group:
                    for name in names:
                        group.create_task(self._append(store, name), name=name)
                if remember_each or self.chance.random() < 0.3:
                    self.remember_state()

    def remember_state(self) -> None:
        """Keep the files as a crash would leave them here, and what they owe."""
        owed = {stream: list(events) for stream, events in self.acknowledged.items()}
        self.states.append((state_of(self.path), owed))

    async def _append(self, store: SqliteEventStore, name: str) -> None:
        known = self.acknowledged.setdefault(name, [])
        size = self.chance.choice((5, 200, 3000, 30_000))
        events = [event(len(known) + place, size) for place in range(self.chance.choice((1, 2, 6)))]
        await store.append(name, events, expected_seq=len(known))
        known += events


async def judge(path: Path, owed: Acknowledged, *, case: str) -> str:
    """Open a damaged store, read, append, close, and open it again.

    Whatever was acknowledged is read back, or an error says that it is not; no stream is shorter unseen,
    no seq is used twice, nothing hangs, and an open that is refused changes nothing.
    """
    before = state_of(path)
    appended: Acknowledged = {}
    async with asyncio.timeout(PATIENCE_S):
        try:
            store = await SqliteEventStore.open(path)
        except StoreError:
            assert state_of(path) == before, f"{case}: the refused open changed the files"
            return "refused"
        outcomes: set[str] = set()
        try:
            for name, events in owed.items():
                outcomes.add(await _use(store, name, events, case=case, appended=appended))
        finally:
            with suppress(StoreError):
                await store.close()
        await _look_again(path, {name: owed[name] + more for name, more in appended.items()}, case=case)
    return "damaged" if "damaged" in outcomes else "whole"


async def _use(
    store: SqliteEventStore, name: str, owed: list[Event], *, case: str, appended: Acknowledged
) -> str:
    outcome = "whole"
    try:
        found = await read_events(store, name)
    except StoreError:
        outcome = "damaged"
    else:
        assert found == owed, f"{case}: stream {name} reads back {len(found)} events of {len(owed)}, no error"
    try:
        seq = (await store.head(name)).seq
        more = event(10**6, 10)
        head = await store.append(name, [more], expected_seq=seq)
    except StoreError:
        return "damaged"
    assert seq == len(owed), f"{case}: stream {name} goes on after seq {seq}, {len(owed)} were acknowledged"
    assert head.seq == seq + 1
    appended[name] = [more]
    return outcome


async def _look_again(path: Path, owed: Acknowledged, *, case: str) -> None:
    try:
        store = await SqliteEventStore.open(path, read_only=True)
    except StoreError:
        return
    async with store:
        for name, events in owed.items():
            with suppress(StoreError):
                found = await read_events(store, name)
                assert found == events, (
                    f"{case}: stream {name}, opened again, has {len(found)} of {len(events)}"
                )


# --- kinds of damage ------------------------------------------------------------------------------

Damage = Callable[[random.Random, bytearray, bytes], None]
"""Damages a file in place; the last argument is an older state of the same file."""


def flip_bits(chance: random.Random, content: bytearray, _older: bytes) -> None:
    for _ in range(chance.choice((1, 1, 3))):
        content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)


def zero_range(chance: random.Random, content: bytearray, _older: bytes) -> None:
    length = chance.choice((2, 16, 64, SECTOR, 4096))
    start = chance.randrange(len(content))
    content[start : start + length] = bytes(len(content[start : start + length]))


def swap(unit: int) -> Damage:
    def damage(chance: random.Random, content: bytearray, _older: bytes) -> None:
        one, two = (chance.randrange(max(1, len(content) // unit)) * unit for _ in range(2))
        first, second = content[one : one + unit], content[two : two + unit]
        if len(first) == len(second):
            content[one : one + unit], content[two : two + unit] = second, first

    return damage


def double(unit: int) -> Damage:
    def damage(chance: random.Random, content: bytearray, _older: bytes) -> None:
        one, two = (chance.randrange(max(1, len(content) // unit)) * unit for _ in range(2))
        copied = content[one : one + unit]
        content[two : two + len(copied)] = copied

    return damage


def make_stale(unit: int) -> Damage:
    def damage(chance: random.Random, content: bytearray, older: bytes) -> None:
        shared = min(len(content), len(older)) // unit
        if shared:
            place = chance.randrange(shared) * unit
            content[place : place + unit] = older[place : place + unit]

    return damage


def zero(unit: int) -> Damage:
    def damage(chance: random.Random, content: bytearray, _older: bytes) -> None:
        place = chance.randrange(max(1, len(content) // unit)) * unit
        content[place : place + unit] = bytes(len(content[place : place + unit]))

    return damage


def truncate(chance: random.Random, content: bytearray, _older: bytes) -> None:
    del content[chance.randrange(len(content)) :]


FRAME = PAGE_SIZE + 24

DAMAGES: dict[str, tuple[Damage, ...]] = {
    "": (
        flip_bits,
        zero_range,
        swap(PAGE_SIZE),
        double(PAGE_SIZE),
        make_stale(PAGE_SIZE),
        make_stale(SECTOR),
        zero(PAGE_SIZE),
        truncate,
    ),
    "-wal": (flip_bits, zero_range, swap(FRAME), double(FRAME), zero(SECTOR), zero(4096), truncate),
    ".witness": (
        flip_bits,
        zero_range,
        swap(64),
        double(64),
        swap(SECTOR),
        make_stale(64),
        make_stale(SECTOR),
        zero(SECTOR),
        truncate,
    ),
}
"""The kinds of damage to each part of a store."""
