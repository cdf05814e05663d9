"""Commands about a running daemon itself: what it has and does, its snapshots and segments, its end."""

from urllib.parse import quote

import click

from ops.commands.to_daemon import ToDaemon, reason_option, to_daemon
from ops.control.log_views import Fills
from ops.control.requests import Command, Grave
from ops.control_rows import fill_rows
from ops.daemon.status import HeldPosition, OpenOrder
from ops.status_rows import order_rows, position_rows


@click.command("positions")
@to_daemon
def positions_command(daemon: ToDaemon) -> None:
    """Show the open positions of the daemon of FILE.

    \b
    Example:
      onetape positions paper.yaml
    """
    daemon.show("/v1/positions", tuple[HeldPosition, ...], lambda held: (position_rows(held),))


@click.command("orders")
@to_daemon
def orders_command(daemon: ToDaemon) -> None:
    """Show the orders of the daemon of FILE that are not finished.

    \b
    Example:
      onetape orders paper.yaml
    """
    daemon.show("/v1/orders", tuple[OpenOrder, ...], lambda orders: (order_rows(orders),))


@click.command("fills")
@click.option("--limit", type=click.IntRange(1, 1_000), default=20, show_default=True, help="How many.")
@click.option("--symbol", default="", metavar="SYMBOL", help="Only of this symbol.")
@to_daemon
def fills_command(daemon: ToDaemon, *, limit: int, symbol: str) -> None:
    """Show the latest fills of the daemon of FILE, oldest first.

    \b
    Example:
      onetape fills paper.yaml --limit 5
    """
    wanted = f"&symbol={quote(symbol)}" if symbol else ""
    daemon.show(f"/v1/fills?limit={limit}{wanted}", Fills, lambda fills: (fill_rows(fills),))


@click.command("snapshot")
@reason_option()
@to_daemon
def snapshot_command(daemon: ToDaemon, *, reason: str) -> None:
    """Save a snapshot of the core now, so that the next start is quick.

    \b
    Example:
      onetape snapshot paper.yaml
    """
    daemon.do("/v1/snapshot", Command(reason=reason), "a snapshot is saved")


@click.command("roll")
@reason_option()
@to_daemon
def roll_command(daemon: ToDaemon, *, reason: str) -> None:
    """End the open segment of the log and go on in a new one.

    \b
    Example:
      onetape roll paper.yaml --reason "before a copy"
    """
    daemon.do("/v1/roll", Command(reason=reason), "the log goes on in a new segment")


@click.command("shutdown")
@reason_option(required=True)
@to_daemon
def shutdown_command(daemon: ToDaemon, *, reason: str) -> None:
    """Stop the daemon in order, as SIGTERM does. Positions stay; to close them, stop the strategies first.

    \b
    Example:
      onetape shutdown paper.yaml --reason "an update"
    """
    daemon.do("/v1/shutdown", Grave(reason=reason), "the daemon stops")
