"""``onetape status`` and ``onetape health``: ask a running daemon."""

import asyncio
import json
from pathlib import Path

import click
import msgspec

from kernel.clock import RealTimeClock
from kernel.errors import VenueUnavailable
from kernel.time_units import MS_NS, SECOND_NS
from ops.command_group import REFUSED
from ops.control.client import address_of, get
from ops.daemon.status import DaemonStatus
from ops.event_loop import run
from ops.status_rows import problems, status_rows
from ops.tables import TableConsole, print_rows
from replay.config import CONFIG_FILE

LOOK_EVERY_NS = 200 * MS_NS
"""How often ``health --wait`` asks."""

_file = click.argument("file", type=click.Path(path_type=Path), default=CONFIG_FILE)


@click.command("status")
@_file
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status_command(file: Path, *, as_json: bool) -> None:
    """Show what the daemon of FILE does: positions, orders, feeds, health. FILE may be its store as well.

    \b
    Example:
      onetape status paper.yaml
    """
    body = run(get(address_of(file), "/v1/status"))
    if as_json:
        click.echo(body)
        return
    console = TableConsole()
    for number, rows in enumerate(status_rows(msgspec.json.decode(body, type=DaemonStatus))):
        if number:
            console.print()
            console.print(rows.title, style="bold")
        print_rows(rows, console)


@click.command("health")
@_file
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Wait up to so long until it is ready, as after a start.",
)
def health_command(file: Path, *, wait_s: float) -> None:
    """Exit with 0 if the daemon of FILE is ready to trade, with 1 if not; stderr says why not.

    \b
    Example:
      onetape health paper.yaml
    """
    is_ready = run(_is_ready(file, wait_s))
    click.echo("ready" if is_ready else "not ready")
    if not is_ready:
        status = msgspec.json.decode(run(get(address_of(file), "/v1/status")), type=DaemonStatus)
        for problem in problems(status):
            click.echo(problem, err=True)
        raise click.exceptions.Exit(REFUSED)


async def _is_ready(file: Path, wait_s: float) -> bool:
    """Whether a daemon is ready, now or within some seconds.

    Raises ``VenueUnavailable`` if none answers until then.
    """
    clock = RealTimeClock()
    until_ts = clock.now() + int(wait_s * SECOND_NS)
    while True:
        try:
            is_ready = bool(json.loads(await get(address_of(file), "/v1/health/ready"))["ready"])
        except VenueUnavailable:
            if clock.now() >= until_ts:
                raise
            is_ready = False
        if is_ready or clock.now() >= until_ts:
            return is_ready
        await clock.wait(asyncio.Event(), until_ts=min(until_ts, clock.now() + LOOK_EVERY_NS))
