"""Backups made online, checked, and restored with a mark for the next epoch."""

import asyncio
from pathlib import Path

import pytest

from eventstore import RetentionConfig, SegmentedEventStore, SegmentsConfig, SqliteEventStore, open_store
from eventstore.backup import back_up, last_restore, read_manifest, restore_backup
from eventstore.backup_note import last_backup
from eventstore.segment_folder import SegmentFolder, files_stay
from eventstore.segment_pruning import archive_segment, archive_segments, prune_segments
from kernel.errors import InputError, StoreError
from kernel.time_units import DAY_NS
from tests.eventstore.samples import quotes, read_events
from tests.eventstore.segment_worlds import LOG, live_log, save_snapshot

NOW = 10 * DAY_NS


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.tape"


async def test_a_backup_of_a_folder_restores_to_the_same_store(path: Path, tmp_path: Path) -> None:
    events = await live_log(path, days=4)
    async with await SegmentedEventStore.open(path) as store:
        await save_snapshot(store)
        await archive_segment(store, 1, now_ts=NOW)
        infos = await store.streams()
    await back_up(path, tmp_path / "backup", now_ts=NOW)

    await restore_backup(tmp_path / "backup", tmp_path / "again.tape", now_ts=NOW + 5)

    async with await open_store(tmp_path / "again.tape", read_only=True) as restored:
        assert await restored.streams() == infos
        assert await read_events(restored, LOG) == events
        assert await restored.integrity() is None
    assert len(list((tmp_path / "again.tape" / "snapshots").iterdir())) == 1


async def test_a_backup_of_a_file_restores_to_the_same_store(tmp_path: Path) -> None:
    async with await SqliteEventStore.open(tmp_path / "a.db") as store:
        head = await store.append("s", quotes(5), expected_seq=0)
    await back_up(tmp_path / "a.db", tmp_path / "backup", now_ts=NOW)

    await restore_backup(tmp_path / "backup", tmp_path / "b.db", now_ts=NOW)

    async with await SqliteEventStore.open(tmp_path / "b.db") as restored:
        assert await restored.head("s") == head
        assert await restored.integrity() is None
        assert [info.stream for info in await restored.streams()] == ["s"]


async def test_a_restored_store_says_so_and_an_original_does_not(path: Path, tmp_path: Path) -> None:
    await live_log(path, days=2)
    await back_up(path, tmp_path / "backup", now_ts=NOW)
    await restore_backup(tmp_path / "backup", tmp_path / "again.tape", now_ts=NOW + 5)

    async with await open_store(path, read_only=True) as store:
        assert await last_restore(store) is None
    async with await open_store(tmp_path / "again.tape", read_only=True) as restored:
        mark = await last_restore(restored)

    assert mark is not None
    assert (mark.ts, mark.backup_ts) == (NOW + 5, NOW)


async def test_a_backup_is_made_while_the_store_is_written_to_and_rolls(path: Path, tmp_path: Path) -> None:
    is_done, has_rolled = asyncio.Event(), asyncio.Event()

    async def write() -> int:
        async with await SegmentedEventStore.open(path, settings=SegmentsConfig(roll_mb=0.01)) as store:
            seq = 0
            while not is_done.is_set():
                seq = (await store.append("s", quotes(20, first_ts=seq + 1), expected_seq=seq)).seq
                if store.files.current.number >= 3:
                    has_rolled.set()
            return seq

    async with asyncio.TaskGroup() as group:
        writing = group.create_task(write(), name="writer")
        await has_rolled.wait()
        manifest = await back_up(path, tmp_path / "backup", now_ts=NOW)
        is_done.set()

    assert 40 <= manifest.heads["s"] <= writing.result()
    await restore_backup(tmp_path / "backup", tmp_path / "again.tape", now_ts=NOW)
    async with await open_store(path, read_only=True) as original:
        written = await read_events(original, "s")
    async with await SegmentedEventStore.open(tmp_path / "again.tape") as restored:
        seq = manifest.heads["s"]
        assert await read_events(restored, "s") == written[:seq]
        assert (await restored.append("s", quotes(1, first_ts=seq + 1), expected_seq=seq)).seq == seq + 1


async def test_no_segment_is_replaced_while_a_backup_copies_the_files(path: Path) -> None:
    await live_log(path, days=4)
    due = RetentionConfig(market_data_days=1, archive_after_days=0, needs_snapshot=False, needs_backup=False)
    async with await SegmentedEventStore.open(path) as store:
        async with files_stay(store.folder):
            kept = [
                *await prune_segments(store, due, now_ts=NOW),
                *await archive_segments(store, due, now_ts=NOW),
            ]
            alone = await archive_segment(store, 2, now_ts=NOW)
        archived = await archive_segments(store, due, now_ts=NOW)

    assert [(change.number, change.refusal) for change in (*kept, alone)] == [
        (1, "a backup copies the files now"),
        (1, "a backup copies the files now"),
        (2, "a backup copies the files now"),
    ]
    assert [(change.number, change.refusal) for change in archived] == [(1, ""), (2, ""), (3, "")]


async def test_files_that_cannot_be_locked_are_not_copied(path: Path, tmp_path: Path) -> None:
    await live_log(path, days=1)
    SegmentFolder(path).files_lock.mkdir()

    with pytest.raises(StoreError, match="its files cannot be locked"):
        await back_up(path, tmp_path / "backup", now_ts=NOW)


async def test_backups_are_intact_while_the_writer_rolls_and_compresses(path: Path, tmp_path: Path) -> None:
    at_once = RetentionConfig(archive_after_days=0)
    is_done, has_archived = asyncio.Event(), asyncio.Event()

    async def write() -> None:
        async with await SegmentedEventStore.open(path, settings=SegmentsConfig(roll_mb=0.01)) as store:
            seq = 0
            while not is_done.is_set():
                seq = (await store.append("s", quotes(20, first_ts=seq + 1), expected_seq=seq)).seq
                if await archive_segments(store, at_once, now_ts=NOW):
                    has_archived.set()

    async with asyncio.TaskGroup() as group:
        group.create_task(write(), name="writer")
        await has_archived.wait()
        made = [await back_up(path, tmp_path / f"backup {number}", now_ts=NOW) for number in range(5)]
        is_done.set()

    assert made[0].heads["s"] < made[-1].heads["s"]


async def test_a_reader_finds_no_fault_while_the_writer_compresses(path: Path) -> None:
    await live_log(path, days=12)
    is_done = asyncio.Event()

    async def read() -> int:
        looks = 0
        async with await SegmentedEventStore.open(path, read_only=True) as reader:
            while not (looks and is_done.is_set()):
                assert await reader.integrity() is None
                looks += 1
        return looks

    async with asyncio.TaskGroup() as group:
        reading = group.create_task(read(), name="reader")
        async with await SegmentedEventStore.open(path) as store:
            assert len(await archive_segments(store, RetentionConfig(archive_after_days=0), now_ts=NOW)) > 5
        is_done.set()

    assert reading.result()


async def test_a_backup_lets_pruning_go_on(path: Path, tmp_path: Path) -> None:
    await live_log(path, days=4)
    retention = RetentionConfig(market_data_days=1, needs_snapshot=False)

    await back_up(path, tmp_path / "backup", now_ts=NOW)

    note = last_backup(SegmentFolder(path))
    assert note is not None
    assert note.segment == 4
    async with await SegmentedEventStore.open(path) as store:
        changes = await prune_segments(store, retention, now_ts=NOW)
    assert [change.refusal for change in changes] == ["", "", ""]


async def test_a_store_that_is_not_intact_is_not_backed_up(path: Path, tmp_path: Path) -> None:
    await live_log(path, days=3)
    (path / "segments" / "000001.db").unlink()

    with pytest.raises(StoreError, match="not intact"):
        await back_up(path, tmp_path / "backup", now_ts=NOW)

    assert not (tmp_path / "backup").exists()


async def test_a_backup_that_was_damaged_is_not_restored(path: Path, tmp_path: Path) -> None:
    await live_log(path, days=3)
    await back_up(path, tmp_path / "backup", now_ts=NOW)
    (tmp_path / "backup" / "store.tape" / "segments" / "000002.db").unlink()

    with pytest.raises(StoreError, match="not intact"):
        await restore_backup(tmp_path / "backup", tmp_path / "again.tape", now_ts=NOW)

    assert not (tmp_path / "again.tape").exists()


async def test_nothing_is_written_over(path: Path, tmp_path: Path) -> None:
    await live_log(path, days=1)
    await back_up(path, tmp_path / "backup", now_ts=NOW)

    with pytest.raises(InputError, match="exists already"):
        await back_up(path, tmp_path / "backup", now_ts=NOW)
    with pytest.raises(InputError, match="exists already"):
        await restore_backup(tmp_path / "backup", path, now_ts=NOW)
    with pytest.raises(InputError, match="is a folder"):
        await restore_backup(tmp_path / "backup", tmp_path / "b.db", now_ts=NOW)
    with pytest.raises(InputError, match="not a backup"):
        read_manifest(tmp_path)
