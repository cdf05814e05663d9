"""Commands that change what a running daemon trades: halt, flatten, kill and others."""

import click

from ops.commands.to_daemon import ToDaemon, one_of, reason_option, to_daemon
from ops.control.commands import CONFIRMATION
from ops.control.requests import (
    CancelMany,
    CancelOne,
    Command,
    Flatten,
    Grave,
    OfStrategy,
    ReleaseKillSwitch,
    ReleaseStrategy,
    StopStrategy,
)

_strategy = click.option("--strategy", default="", metavar="NAME", help="The strategy.")
_every = click.option("--all", "is_all", is_flag=True, help="All of them.")
_symbol = click.option("--symbol", default="", metavar="SYMBOL", help="The symbol.")


@click.command("pause")
@_strategy
@_every
@reason_option()
@to_daemon
def pause_command(daemon: ToDaemon, *, strategy: str, is_all: bool, reason: str) -> None:
    """Pause strategies: no market data, no timers. Their orders and positions stay.

    \b
    Example:
      onetape pause paper.yaml --strategy swing --reason "results today"
    """
    one_of(strategy=strategy, all=is_all)
    body = OfStrategy(strategy=strategy, reason=reason)
    daemon.do("/v1/pause", body, f"{strategy or 'all strategies'}: paused")


@click.command("resume")
@_strategy
@_every
@click.option("--trading", "is_trading", is_flag=True, help="Trading, after halt or reduce-only.")
@reason_option()
@to_daemon
def resume_command(daemon: ToDaemon, *, strategy: str, is_all: bool, is_trading: bool, reason: str) -> None:
    """Let paused strategies go on; or trading as a whole, which needs a reason.

    \b
    Example:
      onetape resume paper.yaml --strategy swing
      onetape resume paper.yaml --trading --reason "the feed is sound again"
    """
    one_of(strategy=strategy, all=is_all, trading=is_trading)
    if not is_trading:
        body = OfStrategy(strategy=strategy, reason=reason)
        daemon.do("/v1/resume", body, f"{strategy or 'all strategies'}: running")
        return
    if not reason:
        raise click.UsageError("--trading needs a --reason")
    daemon.do("/v1/trading/resume", Grave(reason=reason), "trading is active")


@click.command("stop")
@_strategy
@_every
@click.option("--flatten", is_flag=True, help="Close the positions, too.")
@reason_option(required=True)
@to_daemon
def stop_command(daemon: ToDaemon, *, strategy: str, is_all: bool, flatten: bool, reason: str) -> None:
    """Stop strategies: pause them and cancel their orders; with --flatten close their positions.

    \b
    Example:
      onetape stop paper.yaml --strategy swing --flatten --reason "it lost its edge"
    """
    one_of(strategy=strategy, all=is_all)
    body = StopStrategy(strategy=strategy, flatten=flatten, reason=reason)
    daemon.do("/v1/stop", body, f"{strategy or 'all strategies'}: stopped")


@click.command("release")
@click.option("--strategy", required=True, metavar="NAME", help="The strategy.")
@reason_option()
@to_daemon
def release_command(daemon: ToDaemon, *, strategy: str, reason: str) -> None:
    """Take a strategy that failed too often out of quarantine.

    \b
    Example:
      onetape release paper.yaml --strategy swing --reason "the bad quote is gone"
    """
    body = ReleaseStrategy(strategy=strategy, reason=reason)
    daemon.do("/v1/release", body, f"{strategy}: released")


@click.command("halt")
@reason_option()
@to_daemon
def halt_command(daemon: ToDaemon, *, reason: str) -> None:
    """Let no order through except those of flatten, and cancel working orders.

    \b
    Example:
      onetape halt paper.yaml --reason "the market is in panic"
    """
    daemon.do("/v1/trading/halt", Command(reason=reason), "trading is halted")


@click.command("reduce-only")
@reason_option()
@to_daemon
def reduce_only_command(daemon: ToDaemon, *, reason: str) -> None:
    """Let only orders through that make positions smaller.

    \b
    Example:
      onetape reduce-only paper.yaml --reason "before the weekend"
    """
    daemon.do("/v1/trading/reduce-only", Command(reason=reason), "trading is reduce-only")


@click.command("flatten")
@_symbol
@_strategy
@_every
@reason_option(required=True)
@to_daemon
def flatten_command(daemon: ToDaemon, *, symbol: str, strategy: str, is_all: bool, reason: str) -> None:
    """Close positions at the market: of a symbol, of a strategy, of a strategy in a symbol, or all.

    It also works while trading is halted. The strategies go on, and may open positions again: pause or stop
    them first.

    \b
    Example:
      onetape flatten paper.yaml --symbol AAA --reason "a merger"
      onetape flatten paper.yaml --all --reason "end of the test"
    """
    if bool(symbol or strategy) is is_all:
        raise click.UsageError("expected one of --all or --symbol or --strategy")
    what = " in ".join(part for part in (strategy, symbol) if part) or "all positions"
    body = Flatten(symbol=symbol, strategy=strategy, reason=reason)
    daemon.do("/v1/flatten", body, f"{what}: closing orders are sent")


@click.command("cancel")
@click.option("--order", default="", metavar="ID", help="One order, by its client order id.")
@_symbol
@_every
@reason_option()
@to_daemon
def cancel_command(daemon: ToDaemon, *, order: str, symbol: str, is_all: bool, reason: str) -> None:
    """Cancel an order, the orders of a symbol, or all.

    \b
    Example:
      onetape cancel paper.yaml --order swing-1-7
      onetape cancel paper.yaml --all
    """
    one_of(order=order, symbol=symbol, all=is_all)
    if order:
        body = CancelOne(client_order_id=order, reason=reason)
        daemon.do("/v1/orders/cancel", body, f"{order}: cancel is sent")
        return
    many = CancelMany(symbol=symbol, reason=reason)
    daemon.do("/v1/orders/cancel-all", many, f"{symbol or 'all'}: cancels are sent")


@click.command("kill")
@click.option("--release", "is_release", is_flag=True, help="End the kill switch.")
@click.option("--confirm", default="", metavar="TEXT", help="The confirmation of --release, without asking.")
@reason_option()
@to_daemon
def kill_command(daemon: ToDaemon, *, is_release: bool, confirm: str, reason: str) -> None:
    """Engage the kill switch: no order passes any more, not even an exit, and all orders are cancelled.

    It holds over restarts until it is released, which needs a reason and a confirmation typed by hand.

    \b
    Example:
      onetape kill paper.yaml --reason "it buys without end"
      onetape kill paper.yaml --release --reason "mended"
    """
    if not is_release:
        daemon.do("/v1/kill", Command(reason=reason), "the kill switch is engaged")
        return
    if not reason:
        raise click.UsageError("--release needs a --reason")
    typed = confirm or click.prompt(f"Type {CONFIRMATION} and the name of the log", err=True)
    body = ReleaseKillSwitch(confirm=typed, reason=reason)
    daemon.do("/v1/kill/release", body, "the kill switch is released")
