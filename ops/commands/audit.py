"""``onetape audit``: who changed what in a log, when and why."""

from contextlib import aclosing
from pathlib import Path

import click
import msgspec

from eventstore import open_store
from eventstore.moments import iso_utc
from kernel.errors import StoreError
from ops.commands.log import TimeBound
from ops.event_loop import run
from ops.store_file import require_store
from ops.tables import TableConsole, print_rows
from replay.audit import AuditLine, audit, checked
from replay.config import CONFIG_FILE
from replay.rows import Rows, number, text
from replay.run_config import RunConfig, load_run_config


@click.command("audit")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=CONFIG_FILE)
@click.option("--from", "from_ts", type=TimeBound(date_means_end=False), help="First time, UTC.")
@click.option(
    "--to", "to_ts", type=TimeBound(date_means_end=True), help="Last time, UTC; a date means its end."
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object in each line.")
def audit_command(file: Path, *, from_ts: int | None, to_ts: int | None, as_json: bool) -> None:
    """Print every deployment, change of configuration or code, command, session and alert in a log.

    The hash chain of the log is checked first: an entry that was changed afterwards is found.

    \b
    Example:
      onetape audit paper.yaml
      onetape audit paper.yaml --from 2024-05-01 --json
    """
    run(_audit(load_run_config(file), from_ts=from_ts, to_ts=to_ts, as_json=as_json))


async def _audit(config: RunConfig, *, from_ts: int | None, to_ts: int | None, as_json: bool) -> None:
    path = Path(config.store)
    require_store(path)
    store = await open_store(path, read_only=True)
    try:
        chain = await checked(store, config.log)
        async with aclosing(audit(store, config.log, from_ts=from_ts, to_ts=to_ts)) as found:
            lines = [line async for line in found]
    finally:
        await store.close()
    if as_json:
        for line in lines:
            click.echo(msgspec.json.encode({"time": iso_utc(line.ts), **msgspec.structs.asdict(line)}))
    else:
        print_rows(_rows(lines), TableConsole(), all_with="--json")
        click.echo(f"checked: the chain of {config.log} up to seq {chain.seq:,}, hash {chain.block_hash}")
    if chain.damage:
        raise StoreError(f"{config.log} is damaged: {chain.damage}")


def _rows(lines: list[AuditLine]) -> Rows:
    columns = (
        number("Seq", rank=2), text("Time"), text("Who"), text("Event", rank=1), text("What"),
        text("Why"),
    )  # fmt: skip
    cells = tuple(
        (f"{line.seq}", iso_utc(line.ts)[:19], line.who, line.event, line.what, line.why) for line in lines
    )
    return Rows("Audit", columns, cells)
