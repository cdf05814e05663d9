"""Stores in folders with a live log: sessions, quotes, orders; a segment for each day."""

from pathlib import Path

from eventstore import SegmentedEventStore
from eventstore.backup_note import BackupNote, note_backup
from eventstore.segment_folder import SegmentFolder
from eventstore.snapshot_files import SnapshotFiles, SnapshotKey
from kernel.events import Event, SessionStarted
from kernel.time_units import DAY_NS
from tests.eventstore.samples import intent, quote

LOG = "log"
EVENTS_OF_A_DAY = 7
RECORDS_OF_A_DAY = 3


def a_day(day: int) -> list[Event]:
    """Quotes around a session's begin and two orders."""
    ts = day * DAY_NS
    session = SessionStarted(ts, epoch=day, mode="paper", version="1", python="3")
    return [
        session, quote(ts + 1), quote(ts + 2), intent(ts + 3), quote(ts + 4), intent(ts + 5), quote(ts + 6)
    ]  # fmt: skip


async def live_log(path: Path, *, days: int) -> list[Event]:
    """A store whose log has a segment for each day, from day 1 on; the last one is open."""
    now = [DAY_NS]
    events: list[Event] = []
    async with await SegmentedEventStore.open(path, now_ns=lambda: now[0]) as store:
        for day in range(1, days + 1):
            now[0] = day * DAY_NS
            events += a_day(day)
            causes = [-place for place in range(1, EVENTS_OF_A_DAY + 1)]
            seq = (day - 1) * EVENTS_OF_A_DAY
            await store.append(LOG, a_day(day), expected_seq=seq, causes=causes)
            await store.append("spy.1d", [quote(day)], expected_seq=day - 1)
    return events


async def save_snapshot(store: SegmentedEventStore, *, seq: int = 0, follower: str = "") -> None:
    """A snapshot at a seq or the present end of the log; of the daemon, or of one that follows the log."""
    head = await store.head(LOG)
    key = SnapshotKey(LOG, seq or head.seq, head.block_hash, "code")
    SnapshotFiles(store.folder.snapshots / follower).save(key, b"state")


def pretend_backup(path: Path, segment: int) -> None:
    """Note a backup of the segments up to this one."""
    note_backup(SegmentFolder(path), BackupNote(1, segment))
