"""``onetape strategies``: the strategies of a running daemon, and their code."""

from urllib.parse import urlencode

import click

from ops.commands.deploy import rollback_command
from ops.commands.to_daemon import ToDaemon, reason_option, to_daemon
from ops.control.requests import ReloadStrategy
from ops.control.views import Difference, StrategyView, VersionView
from ops.control_rows import strategy_rows, version_rows

_name = click.argument("name")


@click.group("strategies")
def strategies_command() -> None:
    """Show the strategies of a running daemon, load their code again, and go back to recorded code.

    \b
    Example:
      onetape strategies list paper.yaml
      onetape strategies diff swing paper.yaml
      onetape strategies reload swing paper.yaml
    """


@strategies_command.command("list")
@to_daemon
def list_command(daemon: ToDaemon) -> None:
    """Show state, parameters, version and P&L of each strategy.

    \b
    Example:
      onetape strategies list paper.yaml
    """
    daemon.show("/v1/strategies", tuple[StrategyView, ...], lambda found: (strategy_rows(found),))


@strategies_command.command("versions")
@_name
@to_daemon
def versions_command(daemon: ToDaemon, *, name: str) -> None:
    """Show the code of a strategy that the log holds.

    \b
    Example:
      onetape strategies versions swing paper.yaml
    """
    path = f"/v1/strategies/versions?{urlencode({'strategy': name})}"
    daemon.show(path, tuple[VersionView, ...], lambda found: (version_rows(found),))


@strategies_command.command("diff")
@_name
@click.option("--to", default="", metavar="HASH", help="Recorded code: begin of its hash.")
@to_daemon
def diff_command(daemon: ToDaemon, *, name: str, to: str) -> None:
    """Show the lines in which the file, or recorded code, differs from the code that runs.

    \b
    Example:
      onetape strategies diff swing paper.yaml
    """
    asked = {"strategy": name, **({"to": to} if to else {})}
    daemon.print_text(f"/v1/strategies/diff?{urlencode(asked)}", Difference, lambda found: found.lines)


@strategies_command.command("reload")
@_name
@click.option("--force", is_flag=True, help="Whatever the comparison with the old code says.")
@reason_option()
@to_daemon
def reload_command(daemon: ToDaemon, *, name: str, force: bool, reason: str) -> None:
    """Load the code of a strategy's file again. It is tried on the recent past first.

    \b
    Example:
      onetape strategies reload swing paper.yaml --reason "a wider stop"
    """
    body = ReloadStrategy(strategy=name, force=force, reason=reason)
    daemon.do("/v1/strategies/reload", body, f"{name}: the code of its file runs")


strategies_command.add_command(rollback_command)
