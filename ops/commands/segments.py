"""``onetape segments``: the files of a store in a folder."""

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import click
import msgspec

from eventstore import RetentionConfig, SegmentedEventStore, Selection
from eventstore.segment_export import ExportedFile, export_segments, require_pyarrow
from eventstore.segment_folder import is_folder_store
from eventstore.segment_pruning import SegmentChange, archive_segment, archive_segments, prune_segments
from eventstore.segment_status import SegmentState, SegmentStatus
from kernel.errors import InputError
from kernel.events import Event
from ops.commands.log import EventName
from ops.completion import complete_streams
from ops.event_loop import run
from ops.store_file import require_store, require_streams, store_option
from ops.tables import TableConsole, print_rows
from replay import figures
from replay.rows import Rows, number, text
from replay.run_config import load_run_config

_DEFAULTS = RetentionConfig()

_json_option = click.option("--json", "as_json", is_flag=True, help="One JSON array instead of lines.")
_trial_option = click.option("--dry-run", "is_trial", is_flag=True, help="Only say what would be done.")
_config_option = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Take the store and the retention from this file, instead of from options.",
)
_numbers = click.argument("numbers", nargs=-1, type=click.IntRange(1), metavar="[NUMBER]...")


@click.group("segments")
def segments_command() -> None:
    """List, check, compress, prune and export the segments of a store in a folder (NAME.tape).

    \b
    Example:
      onetape segments list --store paper.tape
      onetape segments prune --store paper.tape --market-data-days 30 --dry-run
    """


@segments_command.command("list")
@store_option
@_json_option
def list_command(*, store_path: Path, as_json: bool) -> None:
    """List the segments: open, sealed, archived or pruned, with period and size.

    \b
    Example:
      onetape segments list --store paper.tape
    """
    _show(run(_statuses(store_path)), as_json=as_json)


@segments_command.command("seal")
@store_option
def seal_command(*, store_path: Path) -> None:
    """End the open segment now; the next one begins. Needs a store that no daemon writes to.

    \b
    Example:
      onetape segments seal --store paper.tape
    """
    click.echo(f"segment {run(_seal(store_path))} is sealed")


@segments_command.command("verify")
@store_option
@_json_option
@click.pass_context
def verify_segments_command(ctx: click.Context, *, store_path: Path, as_json: bool) -> None:
    """Compare the file of each segment with the SHA-256 on record. For the events in them: onetape verify.

    Exit code 1: a file is missing or was changed.

    \b
    Example:
      onetape segments verify --store paper.tape
    """
    found = run(_statuses(store_path, is_checked=True))
    _show(found, as_json=as_json)
    damaged = [each.damage for each in found if each.damage]
    if damaged:
        click.echo(f"onetape: {damaged[0]}", err=True)
        ctx.exit(1)


@segments_command.command("archive")
@_numbers
@store_option
@_config_option
@click.option(
    "--older-than-days", type=click.FloatRange(0), help=f"[default: {_DEFAULTS.archive_after_days}]"
)
@_trial_option
@_json_option
@click.pass_context
def archive_command(
    ctx: click.Context,
    numbers: tuple[int, ...],
    *,
    store_path: Path,
    config_path: Path | None,
    older_than_days: float | None,
    is_trial: bool,
    as_json: bool,
) -> None:
    """Compress sealed segments (Zstandard): those named, else those that are old enough.

    They are read as before, after unpacking into a temporary folder. Needs the package zstandard.

    \b
    Example:
      onetape segments archive --store paper.tape --older-than-days 7
      onetape segments archive --config paper.yaml
    """
    days = _DEFAULTS.archive_after_days if older_than_days is None else older_than_days
    retention = RetentionConfig(archive_after_days=days)
    if config_path is not None:
        store_path, retention = _configured(ctx, config_path)
    _show_changes(
        run(_archive(store_path, numbers, retention, is_trial=is_trial)), as_json=as_json, is_trial=is_trial
    )


@segments_command.command("prune")
@store_option
@_config_option
@click.option(
    "--market-data-days",
    type=click.FloatRange(0),
    default=_DEFAULTS.market_data_days,
    show_default=True,
    help="Days for which live logs keep quotes, trades, bars and books.",
)
@click.option(
    "--records-years",
    type=click.FloatRange(0),
    default=_DEFAULTS.records_years,
    show_default=True,
    help="Years for which they keep orders, fills and all else.",
)
@click.option("--without-backup", is_flag=True, help="Also prune what no backup holds.")
@click.option("--without-snapshot", is_flag=True, help="Also prune a log without a snapshot after it.")
@_trial_option
@_json_option
@click.pass_context
def prune_command(
    ctx: click.Context,
    *,
    store_path: Path,
    config_path: Path | None,
    market_data_days: float,
    records_years: float,
    without_backup: bool,
    without_snapshot: bool,
    is_trial: bool,
    as_json: bool,
) -> None:
    """Remove events of live logs from old sealed segments: market data first, years later the rest.

    Orders, fills and commands keep their seqs. Streams that are no live logs stay whole. What was removed is
    recorded, and onetape verify understands it.

    \b
    Example:
      onetape segments prune --store paper.tape --market-data-days 30 --dry-run
      onetape segments prune --config paper.yaml
    """
    try:
        retention = RetentionConfig(
            market_data_days=market_data_days,
            records_years=records_years,
            needs_backup=not without_backup,
            needs_snapshot=not without_snapshot,
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if config_path is not None:
        store_path, retention = _configured(ctx, config_path)
    _show_changes(run(_prune(store_path, retention, is_trial=is_trial)), as_json=as_json, is_trial=is_trial)


@segments_command.command("export")
@_numbers
@store_option
@click.option(
    "--to", "folder", required=True, type=click.Path(path_type=Path, file_okay=False), help="A folder."
)
@click.option(
    "--stream",
    "streams",
    multiple=True,
    shell_complete=complete_streams,
    help="Only this stream; may be repeated.",
)
@click.option(
    "--type", "types", multiple=True, type=EventName(), help="Only this event type; may be repeated."
)
@click.option("--symbol", "symbols", multiple=True, help="Only this symbol; may be repeated.")
@_json_option
def export_command(
    numbers: tuple[int, ...],
    *,
    store_path: Path,
    folder: Path,
    streams: tuple[str, ...],
    types: tuple[type[Event], ...],
    symbols: tuple[str, ...],
    as_json: bool,
) -> None:
    """Export events to Parquet, by stream, kind and symbol: those of the named segments, else of all.

    DuckDB, pandas and Polars read the folder as one table. Needs the package pyarrow.

    \b
    Example:
      onetape segments export --store paper.tape --to parquet --type Quote --type OrderFilled
    """
    require_pyarrow()
    selection = Selection(symbols=frozenset(symbols) or None, types=frozenset(types) or None)
    found = run(_export(store_path, numbers, folder, streams=streams, selection=selection))
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    for each in found:
        click.echo(f"{each.path}: {each.event_count:,} events")
    click.echo(f"{len(found):,} files, {sum(each.event_count for each in found):,} events")


_POLICY = {
    "store_path": "--store",
    "older_than_days": "--older-than-days",
    "market_data_days": "--market-data-days",
    "records_years": "--records-years",
    "without_backup": "--without-backup",
    "without_snapshot": "--without-snapshot",
}
"""The options whose values a configuration has."""


def _configured(ctx: click.Context, path: Path) -> tuple[Path, RetentionConfig]:
    """Store and retention of a configuration. Raises ``UsageError`` if an option says the same."""
    for name, option in _POLICY.items():
        if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"{option} is in the configuration: give --config or {option}, not both")
    config = load_run_config(path)
    return Path(config.store), config.retention


@asynccontextmanager
async def _folder_store(path: Path, *, read_only: bool) -> AsyncGenerator[SegmentedEventStore]:
    require_store(path)
    if not is_folder_store(path):
        raise InputError(
            f"{path} is a store in one file, which has no segments; a store in a folder is NAME.tape"
        )
    async with await SegmentedEventStore.open(path, read_only=read_only) as store:
        yield store


async def _statuses(path: Path, *, is_checked: bool = False) -> list[SegmentStatus]:
    async with _folder_store(path, read_only=True) as store:
        return await store.segments(is_checked=is_checked)


async def _seal(path: Path) -> int:
    async with _folder_store(path, read_only=False) as store:
        number_before = store.files.current.number
        await store.roll()
        return number_before


async def _archive(
    path: Path, numbers: Sequence[int], retention: RetentionConfig, *, is_trial: bool
) -> list[SegmentChange]:
    async with _folder_store(path, read_only=False) as store:
        now_ts = time.time_ns()
        if not numbers:
            return await archive_segments(store, retention, now_ts=now_ts, is_trial=is_trial)
        if is_trial:
            return [SegmentChange(each, "archived") for each in numbers]
        return [await archive_segment(store, each, now_ts=now_ts) for each in numbers]


async def _prune(path: Path, retention: RetentionConfig, *, is_trial: bool) -> list[SegmentChange]:
    async with _folder_store(path, read_only=False) as store:
        return await prune_segments(store, retention, now_ts=time.time_ns(), is_trial=is_trial)


async def _export(
    path: Path, numbers: Sequence[int], folder: Path, *, streams: tuple[str, ...], selection: Selection
) -> list[ExportedFile]:
    async with _folder_store(path, read_only=True) as store:
        await require_streams(store, streams)
        last = store.files.current.number
        unknown = [each for each in numbers if each > last]
        if unknown:
            raise InputError(f"there is no segment {unknown[0]}; the last one is {last}")
        found: list[ExportedFile] = []
        for stream in streams or tuple(info.stream for info in await store.streams()):
            found += await export_segments(store, stream, folder, numbers=numbers, selection=selection)
        return found


def _show(found: list[SegmentStatus], *, as_json: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(found).decode())
        return
    columns = (
        number("segment"), text("state"), text("first"), text("last"), number("bytes"), text("file", rank=2),
        text("sha256", rank=3), text("damage"),
    )  # fmt: skip
    print_rows(Rows("Segments", columns, tuple(map(_cells, found))), TableConsole())


def _cells(status: SegmentStatus) -> tuple[str, ...]:
    has_period = status.state is not SegmentState.OPEN and status.last_ts
    return (
        str(status.number),
        status.state.value,
        figures.iso(status.first_ts) if has_period else "",
        figures.iso(status.last_ts) if has_period else "",
        f"{status.size_bytes:,}",
        status.file,
        status.sha256[:12],
        status.damage,
    )


def _show_changes(changes: list[SegmentChange], *, as_json: bool, is_trial: bool) -> None:
    if as_json:
        click.echo(msgspec.json.encode(changes).decode())
        return
    for change in changes:
        if change.refusal:
            click.echo(f"segment {change.number}: {change.what}: not done: {change.refusal}")
        elif is_trial:
            click.echo(f"segment {change.number}: {change.what}: would be done")
        else:
            sizes = f"{change.bytes_before:,} to {change.bytes_after:,} bytes"
            click.echo(f"segment {change.number}: {change.what}, {sizes}")
    if not changes:
        click.echo("nothing is old enough")
