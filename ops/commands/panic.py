"""``onetape panic``: stop a daemon's trading, even if it hangs."""

import os
import pwd
import signal
from pathlib import Path

import click

from kernel.errors import ConfigError, OnetapeError, VenueUnavailable
from ops.command_group import REFUSED
from ops.control.client import DaemonAddress, post, process_of, store_of_daemon
from ops.control.outside import cancel_outside
from ops.control.panic import Panic, write_marker
from ops.control.requests import Command
from ops.control.socket_file import SOCKET
from ops.event_loop import run
from replay.config import CONFIG_FILE
from replay.run_config import load_run_config


@click.command("panic")
@click.argument("file", type=click.Path(path_type=Path), default=CONFIG_FILE)
@click.option("--reason", default="", metavar="TEXT", help="Why; it is recorded.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(min=0.1),
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    help="How long the daemon may take to answer.",
)
@click.option("--kill-process", is_flag=True, help="Kill the process (SIGKILL) if it does not answer.")
def panic_command(file: Path, *, reason: str, wait_s: float, kill_process: bool) -> None:
    """Engage the kill switch of the daemon of FILE, also if it hangs or does not run.

    A daemon that does not answer finds a file in its store: as soon as it turns again, and before anything
    else after its next start. Orders at a real venue are cancelled by a connection of this command.

    \b
    Example:
      onetape panic paper.yaml --reason "it does not stop buying"
    """
    store = store_of_daemon(file)
    if not store.is_dir():
        raise ConfigError(f"{store} is no store of a daemon; expected a configuration, or a folder")
    if _is_killed(store, reason, wait_s=wait_s):
        click.echo("the kill switch is engaged")
    else:
        path = write_marker(store, Panic(operator=pwd.getpwuid(os.getuid()).pw_name, reason=reason))
        click.echo(f"the daemon does not answer; it finds {path} as soon as it turns, or at its next start")
        if kill_process:
            _kill(store)
    if file.is_dir():
        click.echo("orders at a venue are not looked for: name the configuration for that")
        return
    try:
        click.echo(cancel_outside(load_run_config(file), reason))
    except OnetapeError as error:
        click.echo(f"orders at the venue: {error}", err=True)
        raise click.exceptions.Exit(REFUSED) from error


def _is_killed(store: Path, reason: str, *, wait_s: float) -> bool:
    """Whether the daemon engaged its kill switch in time."""
    try:
        run(post(DaemonAddress(socket=store / SOCKET), "/v1/kill", Command(reason=reason), limit_s=wait_s))
    except OnetapeError:
        return False
    return True


def _kill(store: Path) -> None:
    try:
        pid = process_of(store)
    except VenueUnavailable as error:
        click.echo(str(error))
        return
    os.kill(pid, signal.SIGKILL)
    click.echo(f"process {pid} is killed; its log is recovered at the next start")
