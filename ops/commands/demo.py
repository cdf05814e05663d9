"""``onetape demo``: imports the bundled data, replays a strategy over it and writes a report."""

from pathlib import Path

import click

from ops.commands.replay import replay_and_show
from ops.event_loop import run
from ops.run_output import Output
from ops.store_file import new_or_existing_store
from replay.demo import DEMO_STORE, demo_config, import_demo_data

DEMO_REPORT = Path("onetape-demo.html")


@click.command("demo")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the table.")
def demo_command(*, as_json: bool) -> None:
    """Import the bundled bars, replay a strategy over them, print the result and write a report.

    Real daily bars of AAPL, FB, GOOG, IBM and MSFT, 2000 to 2013, are imported into onetape-demo.db in the
    current folder, a store of its own that no other command uses unless told. A second run imports no bar
    twice and gives the same digest.

    \b
    Example:
      onetape demo
    """
    run(_demo(as_json=as_json))


async def _demo(*, as_json: bool) -> None:
    async with new_or_existing_store(Path(DEMO_STORE)) as store:
        await import_demo_data(store)
    await replay_and_show(demo_config(), Output(report=DEMO_REPORT, as_json=as_json))
