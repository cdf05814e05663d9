"""The state of a snapshot from which a run or a live log is played on."""

from collections.abc import Callable

from eventstore import EventStore, SnapshotFiles
from replay.past.log_player import Start
from replay.record import Record
from replay.run_snapshots import Fits, run_start_at
from replay.session_snapshots import SessionSnapshots


async def saved_start(
    files: SnapshotFiles,
    store: EventStore,
    record: Record,
    to_seq: int,
    *,
    first: Callable[[], Start],
    fits: Fits | None = None,
    after: int = 0,
) -> Start | None:
    """The newest state at or before a seq; ``None`` if none fits.

    ``first`` makes a core of a run; ``fits`` and ``after``, for runs: see ``run_start_at``.
    """
    log = record.run_stream
    if record.log is None:
        return await run_start_at(files, store, log, to_seq, first=first, fits=fits, after=after)
    restored = await SessionSnapshots(files, store=store, log=log).restore_at(to_seq)
    return None if restored is None else Start(restored.cores, restored.seq, epoch=restored.epoch)
