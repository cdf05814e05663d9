"""``onetape advice``: what the strategies of a log decided, for a person to carry out."""

from pathlib import Path

import click
import msgspec

from ops.control_rows import advice_rows
from ops.event_loop import run
from ops.store_file import existing_store
from ops.tables import TableConsole, print_rows
from replay.advice import AdviceList, latest_advice
from replay.config import CONFIG_FILE
from replay.run_config import RunConfig, load_run_config


@click.command("advice")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False), default=CONFIG_FILE)
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many.")
@click.option("--symbol", default="", metavar="SYMBOL", help="Only of this symbol.")
@click.option("--strategy", default="", metavar="NAME", help="Only of this strategy.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def advice_command(file: Path, *, limit: int, symbol: str, strategy: str, as_json: bool) -> None:
    """List the latest decisions in the log of FILE, oldest first, and what became of them on paper.

    In mode advisory no order leaves: a person carries out what is advised. The daemon may run, or be stopped.

    \b
    Example:
      onetape advice desk.yaml --limit 5
    """
    found = run(_read(load_run_config(file), limit=limit, symbol=symbol, strategy=strategy))
    if as_json:
        click.echo(msgspec.json.encode(found.advice).decode())
        return
    rows = advice_rows(found)
    if not rows:
        click.echo("there is no advice in the log")
        return
    print_rows(rows, TableConsole(), all_with="--json")


async def _read(config: RunConfig, *, limit: int, symbol: str, strategy: str) -> AdviceList:
    async with existing_store(Path(config.store)) as store:
        last_seq = (await store.head(config.log)).seq
        return await latest_advice(
            store, config.log, last_seq=last_seq, limit=limit, symbol=symbol, strategy=strategy
        )
