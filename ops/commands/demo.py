"""``onetape demo``: imports the bundled data, replays a strategy over it and writes a report."""

from pathlib import Path

import click

from ops.commands.replay import replay_and_show
from ops.event_loop import run
from replay.demo import demo_config


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def demo_command(*, as_json: bool) -> None:
    """Import the bundled bars, replay a strategy over them, print the result and write a report.

    Real daily bars of AAPL, FB, GOOG, IBM and MSFT, 2000 to 2013, are imported into onetape-demo.db in the
    current folder. A second run imports no bar twice and gives the same digest.

    \b
    Example:
      onetape demo
    """
    run(replay_and_show(demo_config(), report=Path("onetape-demo.html"), as_json=as_json))
