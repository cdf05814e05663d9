"""``onetape streams``: lists the streams of a store."""

from collections.abc import Sequence
from pathlib import Path

import click
import msgspec

from eventstore.data_facts import is_facts
from eventstore.moments import iso_utc
from eventstore.port import StreamInfo
from ops.commands.stream_changes import (
    delete_command,
    history_command,
    replace_command,
    restore_command,
    set_aside_command,
)
from ops.event_loop import run
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, print_rows
from replay import figures
from replay.rows import Rows, number, text

_LISTED_SYMBOLS = 3


@click.group("streams", invoke_without_command=True)
@store_option
@click.option("--json", "as_json", is_flag=True, help="One JSON array instead of a table.")
@click.pass_context
def streams_command(ctx: click.Context, store_path: Path, as_json: bool) -> None:
    """List the streams of a store, or change one of them as a whole.

    Facts about a stream (NAME.facts) are only in the JSON.

    \b
    Example:
      onetape streams --store market.db
      onetape streams delete goog.1d --store market.db --yes
    """
    if ctx.invoked_subcommand is not None:
        return
    infos = run(_streams(store_path))
    if as_json:
        click.echo(msgspec.json.encode([_as_dict(info) for info in infos]).decode())
        return
    print_rows(_rows(infos), TableConsole())


def _rows(infos: Sequence[StreamInfo]) -> Rows:
    """A row for each stream."""
    columns = (
        text("stream"), number("events"), text("first"), text("last"), text("symbols"), text("types", rank=2),
        number("bytes", rank=3), number("blocks", rank=4), text("head", rank=4),
    )  # fmt: skip
    return Rows("Streams", columns, tuple(_cells(info) for info in infos if not is_facts(info.stream)))


for _change in (delete_command, set_aside_command, restore_command, replace_command, history_command):
    streams_command.add_command(_change)


async def _streams(path: Path) -> tuple[StreamInfo, ...]:
    async with existing_store(path) as store:
        return await store.streams()


def _as_dict(info: StreamInfo) -> dict[str, object]:
    fields: dict[str, object] = {name: getattr(info, name) for name in info.__struct_fields__}
    return fields | {"first_time": iso_utc(info.first_ts), "last_time": iso_utc(info.last_ts)}


def _cells(info: StreamInfo) -> tuple[str, ...]:
    shown = ", ".join(info.symbols[:_LISTED_SYMBOLS])
    more = f" +{len(info.symbols) - _LISTED_SYMBOLS}" if len(info.symbols) > _LISTED_SYMBOLS else ""
    return (
        info.stream,
        f"{info.last_seq:,}",
        figures.iso(info.first_ts)[:10],
        figures.iso(info.last_ts)[:10],
        shown + more,
        ", ".join(info.event_types),
        f"{info.payload_bytes:,}",
        f"{info.block_count:,}",
        info.head_hash[:12],
    )
