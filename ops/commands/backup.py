"""``onetape backup`` and ``onetape restore``."""

import time
from pathlib import Path

import click
import msgspec

from eventstore.backup import BackupManifest, back_up, restore_backup
from ops.event_loop import run
from ops.store_file import require_store, store_option
from replay import figures

_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a line.")


@click.command("backup")
@click.argument("path", type=click.Path(path_type=Path))
@store_option
@_json_option
def backup_command(path: Path, *, store_path: Path, as_json: bool) -> None:
    """Copy the store into a new folder PATH, while others write to it, and check the copy.

    A store in a folder takes its snapshots along, and notes which segments the backup holds.

    \b
    Example:
      onetape backup backups/monday --store paper.tape
    """
    require_store(store_path)
    manifest = run(back_up(store_path, path, now_ts=time.time_ns()))
    _show(manifest, f"{store_path} backed up to {path}", as_json=as_json)


@click.command("restore")
@click.argument("path", type=click.Path(path_type=Path))
@store_option
@_json_option
def restore_command(path: Path, *, store_path: Path, as_json: bool) -> None:
    """Make a store, which must not exist yet, from the backup in folder PATH, and check it.

    The store records that it was restored. The next session of a log in it begins a later epoch, so that
    ids of orders sent since the backup do not recur.

    \b
    Example:
      onetape restore backups/monday --store paper.tape
    """
    manifest = run(restore_backup(path, store_path, now_ts=time.time_ns()))
    _show(manifest, f"{store_path} restored from {path}", as_json=as_json)


def _show(manifest: BackupManifest, what: str, *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(manifest).decode())
        return
    streams = "1 stream" if len(manifest.heads) == 1 else f"{len(manifest.heads):,} streams"
    events = f"{streams}, {sum(manifest.heads.values()):,} events"
    click.echo(f"{what}: {events}, as of {figures.iso(manifest.ts)}; intact")
