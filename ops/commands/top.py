"""``onetape top``: a running daemon, redrawn each second."""

import asyncio
from pathlib import Path

import click
import msgspec
from rich.live import Live
from rich.text import Text

from kernel.clock import Clock, RealTimeClock
from kernel.errors import VenueUnavailable
from kernel.time_units import SECOND_NS
from ops.control.client import DaemonAddress, address_of, get
from ops.daemon.signals import StopRequest, stop_by_signal
from ops.daemon.status import DaemonStatus
from ops.event_loop import run
from ops.tables import TableConsole, has_width
from ops.top_frame import frame, rates_between
from replay.config import CONFIG_FILE


@click.command("top")
@click.argument("file", type=click.Path(path_type=Path), default=CONFIG_FILE)
@click.option("--once", is_flag=True, help="Print one frame, with the rates of one interval, and end.")
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(min=0.1),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="Time between two frames.",
)
def top_command(file: Path, *, once: bool, every_s: float) -> None:
    """Watch the daemon of FILE: P&L, positions, orders, rates, latencies, feeds. Ctrl-C ends it.

    FILE may be its store as well. The daemon computes the figures when they are asked for, and goes on when
    nobody watches.

    \b
    Example:
      onetape top paper.yaml
      onetape top paper.yaml --once
    """
    console = TableConsole()
    if not once and not console.is_terminal:
        raise click.UsageError("the output is no terminal; print a single frame with --once")
    address = address_of(file)
    every_ns = int(every_s * SECOND_NS)
    run(_print_once(address, console, every_ns) if once else _follow(address, console, every_ns))


async def _status(address: DaemonAddress) -> DaemonStatus:
    return msgspec.json.decode(await get(address, "/v1/status"), type=DaemonStatus)


async def _print_once(address: DaemonAddress, console: TableConsole, every_ns: int) -> None:
    clock = RealTimeClock()
    before = await _status(address)
    await clock.wait(asyncio.Event(), until_ts=clock.now() + every_ns)
    status = await _status(address)
    if not has_width(console):
        console = TableConsole(file=console.file, width=120)
    console.print(frame(status, rates_between(before, status), width=console.width, height=None))


async def _follow(address: DaemonAddress, console: TableConsole, every_ns: int) -> None:
    """Redraw until a signal. A daemon that answers no more is told above its last figures."""
    async with stop_by_signal() as stop:
        before = status = await _status(address)
        problem = ""
        with Live(Text(""), console=console, screen=True, auto_refresh=False) as live:
            while not stop.asked.is_set():
                rates = rates_between(before, status)
                live.update(
                    frame(status, rates, width=console.width, height=console.height, problem=problem),
                    refresh=True,
                )
                await _wait(stop, RealTimeClock(), every_ns)
                try:
                    before, status, problem = status, await _status(address), ""
                except VenueUnavailable as error:
                    if not await asyncio.to_thread(_is_there, address):  # stopped, not only slow
                        raise
                    problem = str(error)


async def _wait(stop: StopRequest, clock: Clock, ns: int) -> None:
    await clock.wait(stop.asked, until_ts=clock.now() + ns)


def _is_there(address: DaemonAddress) -> bool:
    return address.socket is not None and address.socket.exists()
