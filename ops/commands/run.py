"""``onetape run``: the daemon."""

import sys
from pathlib import Path

import click

from kernel.identifiers import StrategyId
from ops.daemon.starting import run_daemon
from ops.event_loop import run
from ops.text_log import log_daemon
from replay.reopening import Orphan
from replay.run_config import load_run_config


def _orphans(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[StrategyId, Orphan]:
    del ctx, param
    found: dict[StrategyId, Orphan] = {}
    for value in values:
        name, sign, fate = value.rpartition("=")
        if not sign or not name or fate not in tuple(Orphan):
            raise click.BadParameter(f"{value!r}: expected STRATEGY=keep or STRATEGY=flatten")
        found[StrategyId(name)] = Orphan(fate)
    return found


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--orphan",
    "orphans",
    multiple=True,
    callback=_orphans,
    metavar="STRATEGY=FATE",
    help="What becomes of the positions of a strategy that FILE no longer has: keep or flatten.",
)
@click.option("--stop-at-end", is_flag=True, help="Stop when the last feed has ended, as a playback does.")
def run_command(file: Path, orphans: dict[StrategyId, Orphan], *, stop_at_end: bool) -> None:
    """Start the daemon of FILE: it takes live data, trades, and goes on where it was.

    SIGTERM or Ctrl-C stops it in order: feeds, orders in flight, a last snapshot. A second one stops it at
    once; the next start recovers from its log.

    \b
    Example:
      onetape config init paper paper.yaml
      onetape run paper.yaml
      onetape status paper.yaml
    """
    config = load_run_config(file)
    log_daemon(as_json=not sys.stderr.isatty())
    run(run_daemon(config, orphans=orphans, stops_with_feeds=stop_at_end))
