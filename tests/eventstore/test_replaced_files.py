"""The files of an open store are deleted, moved or replaced: nothing more is acknowledged."""

import asyncio
import shutil
from collections.abc import Callable
from itertools import count
from pathlib import Path

import pytest

from eventstore import SqliteEventStore
from eventstore.sqlite_file import FileFailed
from kernel.errors import LogTruncated, StoreError
from tests.eventstore.faults import PARTS, PATIENCE_S, lay_out, state_of
from tests.eventstore.samples import quotes, read_events


def delete(file: Path) -> None:
    file.unlink()


def move(file: Path) -> None:
    file.rename(file.with_name(f"moved-{file.name}"))


def replace(file: Path) -> None:
    copy = file.with_name(f"copy-{file.name}")
    shutil.copy(file, copy)
    copy.rename(file)


async def append(store: SqliteEventStore, expected_seq: int) -> None:
    await store.append("s", quotes(2, first_ts=expected_seq), expected_seq=expected_seq)


async def append_until_refused(store: SqliteEventStore, first_seq: int) -> None:
    """Under load the files are looked at now and then; the time for that passes here."""
    async with asyncio.timeout(PATIENCE_S):
        for seq in count(first_seq, 2):
            await append(store, seq)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("change", [delete, move, replace])
async def test_nothing_is_acknowledged_once_a_file_is_another(
    tmp_path: Path, part: str, change: Callable[[Path], None]
) -> None:
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as store:
        await append(store, 0)
        change(Path(f"{path}{part}"))

        with pytest.raises(FileFailed, match="deleted, moved or replaced"):
            await append_until_refused(store, 2)
        with pytest.raises(StoreError, match="until the store is opened again"):
            await append(store, 2)
        with pytest.raises(StoreError, match="until the store is opened again"):
            await store.save_checkpoint("edge", 1)


async def test_a_checkpoint_is_not_acknowledged_either(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as store:
        await append(store, 0)
        delete(path)

        with pytest.raises(FileFailed):
            await store.save_checkpoint("edge", 1)


async def test_a_folder_that_is_moved_away_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "here" / "store.db"
    path.parent.mkdir()
    async with await SqliteEventStore.open(path) as store:
        await append(store, 0)
        path.parent.rename(tmp_path / "there")

        with pytest.raises(FileFailed):
            await append_until_refused(store, 2)

    async with await SqliteEventStore.open(tmp_path / "there" / "store.db") as moved:
        assert (await moved.head("s")).seq >= 2


async def test_a_store_put_in_the_place_of_an_open_one_keeps_its_own_wal(tmp_path: Path) -> None:
    """SQLite deletes the ``-wal`` at its path when the last connection is closed, whosever it is."""
    path, other = tmp_path / "here" / "store.db", tmp_path / "other" / "store.db"
    path.parent.mkdir()
    other.parent.mkdir()
    async with await SqliteEventStore.open(other) as store:
        await append(store, 0)
        restored = state_of(other)
    assert restored["-wal"]

    async with await SqliteEventStore.open(path) as store:
        await append(store, 0)
        await append(store, 2)
        lay_out(restored, path.parent)

    assert state_of(path) == restored
    async with await SqliteEventStore.open(path) as store:
        assert len(await read_events(store, "s")) == 2


async def test_a_store_whose_file_was_deleted_is_not_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    async with await SqliteEventStore.open(path) as store:
        await append(store, 0)
        delete(path)

    with pytest.raises(LogTruncated, match="the file is gone"):
        await SqliteEventStore.open(path)


async def test_a_store_reached_through_a_link_is_the_file_that_the_link_names(tmp_path: Path) -> None:
    real = lay_out({}, tmp_path / "real")
    link = tmp_path / "link.db"
    link.symlink_to(real)

    async with await SqliteEventStore.open(link) as store:
        await append(store, 0)
        await append(store, 2)
        link.unlink()
        link.symlink_to(lay_out({"": b"x"}, tmp_path / "elsewhere"))
        with pytest.raises(FileFailed):
            await append_until_refused(store, 4)
