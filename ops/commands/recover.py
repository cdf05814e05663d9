"""``onetape recover``: replays a log to its end and saves a snapshot there, without trading."""

from pathlib import Path

import click

from eventstore import open_store
from eventstore.snapshot_files import SnapshotFiles
from kernel.clock import RealTimeClock
from kernel.decimals import exact
from kernel.snapshot import take
from ops.event_loop import run
from ops.store_file import require_store
from replay.run_config import RunConfig, load_run_config
from replay.session import recovered
from replay.session_snapshots import FOLDER, SessionSnapshots


@click.command("recover")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def recover_command(file: Path) -> None:
    """Replay the log of FILE to its end, compare it with the record, and save a snapshot there.

    Nothing is traded and nothing is appended. After a crash, do this with the version of onetape that wrote
    the log, before a new version takes over.

    \b
    Example:
      onetape recover paper.yaml
    """
    seq = run(_recover(load_run_config(file)))
    click.echo(f"recovered to seq {seq:,}; the next start begins there")


@exact
async def _recover(config: RunConfig) -> int:
    path = Path(config.store)
    require_store(path)
    store = await open_store(path, durability=config.durability, segments=config.segments)
    try:
        files = SnapshotFiles.kept_by(config.snapshots, path / FOLDER)
        snapshots = SessionSnapshots(files, store=store, log=config.log)
        engine, cores = await recovered(store, config.log, clock=RealTimeClock(), snapshots=snapshots)
        await snapshots.save(cores, engine.last_seq, take(engine.bus), epoch=engine.last_epoch)
    finally:
        await store.close()
    return engine.last_seq
