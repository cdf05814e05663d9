"""``onetape alerts``: the alerts of a daemon."""

from pathlib import Path

import click
import msgspec

from kernel.clock import RealTimeClock
from kernel.errors import InputError
from kernel.events import Severity
from ops.alert_rows import alert_rows
from ops.alerts.notices import Message
from ops.alerts.record import DAYS_READ, AlertRecord, read_alerts
from ops.alerts.sending import AppriseSender, require_library
from ops.command_group import REFUSED
from ops.commands.to_daemon import ToDaemon, reason_option, to_daemon
from ops.control.requests import AcknowledgeAlert
from ops.event_loop import run
from ops.secret_sources import SecretPlaces
from ops.store_file import existing_store
from ops.tables import TableConsole, print_rows
from replay.alert_settings import ChannelSettings
from replay.config import CONFIG_FILE
from replay.run_config import load_run_config

_file = click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=CONFIG_FILE)


@click.group("alerts")
def alerts_command() -> None:
    """List the alerts of a daemon, test its channels, acknowledge an alert.

    \b
    Example:
      onetape alerts list paper.yaml
      onetape alerts test paper.yaml
    """


@alerts_command.command("list")
@_file
@click.option(
    "--days",
    type=click.IntRange(min=1),
    default=DAYS_READ,
    show_default=True,
    help="How far back to read the log.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_command(file: Path, *, days: int, as_json: bool) -> None:
    """List the alerts in the log of FILE: those that are open, then the last ones that are over.

    The daemon may run, or be stopped.

    \b
    Example:
      onetape alerts list paper.yaml --days 7
    """
    config = load_run_config(file)
    record = run(_read(Path(config.store), config.log, days))
    if as_json:
        click.echo(msgspec.json.encode(list(record)).decode())
        return
    rows = alert_rows(record)
    if not rows.rows:
        click.echo(f"there were no alerts in the last {days} days")
        return
    print_rows(rows, TableConsole())


@alerts_command.command("test")
@_file
@click.option("--channel", "names", multiple=True, help="Only this channel; may be repeated.")
def test_command(file: Path, *, names: tuple[str, ...]) -> None:
    """Send a message to each channel of FILE now. No daemon is needed, and nothing is recorded.

    Exit code 1: a channel did not take it.

    \b
    Example:
      onetape alerts test paper.yaml --channel desk
    """
    config = load_run_config(file)
    channels = [one for one in config.alerts.channels if not names or one.name in names]
    known = [one.name for one in config.alerts.channels]
    unknown = [name for name in names if name not in known]
    if not known:
        raise InputError(f"alerts.channels: {file} names no channel, so nobody is told; see docs/alerts.md")
    if unknown:
        there = ", ".join(known)
        raise InputError(f"alerts.channels: there is no channel {unknown[0]!r}; the channels are: {there}")
    require_library(channels)
    message = Message(Severity.INFO, f"onetape {config.log}: test", "A test of this channel: all is well.")
    secrets, has_failed = SecretPlaces(config.secrets.folder), False
    for one in channels:
        error = run(_sent(one, message, secrets, config.alerts.delivery.limit_s))
        click.echo(f"{one.name}: {error or 'delivered'}")
        has_failed |= bool(error)
    if has_failed:
        raise click.exceptions.Exit(REFUSED)


@alerts_command.command("ack")
@click.option("--alert", required=True, metavar="ID", help="The alert, by its id.")
@reason_option()
@to_daemon
def ack_command(daemon: ToDaemon, *, alert: str, reason: str) -> None:
    """Acknowledge an open alert of the daemon of FILE: it is neither repeated nor escalated any more.

    \b
    Example:
      onetape alerts ack paper.yaml --alert 3-17 --reason "the venue is in maintenance"
    """
    body = AcknowledgeAlert(alert_id=alert, reason=reason)
    daemon.do("/v1/alerts/ack", body, f"alert {alert} is acknowledged")


async def _read(store_path: Path, log: str, days: int) -> AlertRecord:
    async with existing_store(store_path) as store:
        return await read_alerts(store, log, now_ts=RealTimeClock().now(), days=days)


async def _sent(channel: ChannelSettings, message: Message, secrets: SecretPlaces, limit_s: float) -> str:
    return await AppriseSender(channel.url, secrets=secrets, limit_s=limit_s).send(message)
