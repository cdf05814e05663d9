"""``replay twin``: the orders of a log beside what the fill models make of them."""

from pathlib import Path

import click
import msgspec

from components.assembly.moments import moment_ns
from ops.commands.fork import pairs_of
from ops.completion import complete_runs
from ops.event_loop import run
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, print_rows
from replay.past.core import time_ns
from replay.twin.reading import TwinRecord, read_twin
from replay.twin.rows import headline, twin_object, twin_tables


@click.command("twin")
@click.argument("log", shell_complete=complete_runs)
@store_option
@click.option("--from", "start", help="Orders from this UTC day or moment on.")
@click.option("--to", "end", help="Orders up to this UTC day or moment, inclusive.")
@click.option(
    "--set", "settings", multiple=True, metavar="PATH=VALUE", help="Another setting: broker.slippage_bps=2"
)
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0),
    metavar="SECONDS",
    help="How long a simulated order may work on after the live one has ended [default: shadow.wait_s, 60].",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the tables.")
def twin_command(
    log: str,
    *,
    store_path: Path,
    start: str | None,
    end: str | None,
    settings: tuple[str, ...],
    wait_s: float | None,
    as_json: bool,
) -> None:
    """Fill the orders of a log by the fill models, and compare with the fills that it has.

    The orders are those that went to the venue; market data, latency, fees and fill models are those of the
    log and its configuration (broker). Of a log of real orders this shows what the models got wrong; a
    simulated log is equal to its twin, unless settings are changed.

    \b
    Examples:
      replay twin live --store live.tape --from 2024-05-06
      replay twin live --store live.tape --set broker.slippage_bps=2 --json
    """
    found = run(_found(log, store_path, start, end, settings, wait_s))
    if as_json:
        click.echo(msgspec.json.encode(twin_object(found)).decode())
        return
    console = TableConsole()
    console.print(headline(found), style="bold", soft_wrap=True)
    for rows in twin_tables(found):
        if rows:
            console.print()
            console.print(f"{rows.title}:", style="bold")
            print_rows(rows, console)


async def _found(
    log: str,
    path: Path,
    start: str | None,
    end: str | None,
    settings: tuple[str, ...],
    wait_s: float | None,
) -> TwinRecord:
    async with existing_store(path) as store:
        return await read_twin(
            store,
            log,
            from_ts=None if start is None else moment_ns(start, key="--from"),
            to_ts=time_ns(end, key="--to"),
            wait_s=wait_s,
            settings=pairs_of(settings, "--set"),
        )
