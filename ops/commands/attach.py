"""``replay attach``: code of today over a past log."""

from pathlib import Path

import click
import msgspec

from kernel.errors import ConfigError
from ops.commands.fork import pairs_of
from ops.completion import complete_runs
from ops.event_loop import run
from ops.periods import period_of
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, print_titled
from replay.past.attached_code import Attachable, load_attached
from replay.past.attached_rows import attached_objects, attached_rows, attached_words, write_attached
from replay.past.attaching import Attached, attached
from replay.run_snapshots import snapshots_beside


@click.command("attach")
@click.argument("code", metavar="CODE")
@click.argument("log", metavar="LOG", shell_complete=complete_runs)
@store_option
@click.option("--from", "start", metavar="TIME", help="First UTC day or moment [default: the beginning].")
@click.option("--to", "end", metavar="TIME", help="Last UTC day or moment, inclusive [default: the end].")
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="A field of its class.")
@click.option("--csv", "csv_path", type=click.Path(path_type=Path), help="Write a CSV file instead.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def attach_command(
    code: str,
    log: str,
    *,
    store_path: Path,
    start: str | None,
    end: str | None,
    params: tuple[str, ...],
    csv_path: Path | None,
    as_json: bool,
) -> None:
    """Run a metric, feature or risk rule of today over a past run or live log, as of then.

    CODE is file.py:Class or module:Class. A subscriber has hooks named after events, such as
    on_bar(self, event, past) or on_order_filled, and returns named values; past shows the account and the
    market as they were. Of a risk rule, the orders are listed that it would have denied. Nothing is written
    to the store, and nothing later than the event is seen.

    \b
    Examples:
      replay attach spread.py:Spread paper --from 2024-05-01 --csv spread.csv
      replay attach rules.py:MaxSpread run.ma_cross.1 --param limit_bps=5

    Exit code 1: the code raised an exception; stderr has the seq and the event.
    """
    if csv_path is not None and as_json:
        raise click.UsageError("--csv and --json exclude each other")
    from_ts, to_ts = period_of(start, end)
    try:
        made = load_attached(code, pairs_of(params, "--param"))
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    found = run(_attached(log, store_path, made, from_ts, to_ts))
    if csv_path is not None:
        write_attached(found, csv_path)
        click.echo(f"{attached_words(found)}: {csv_path}")
    elif as_json:
        for one in attached_objects(found):
            click.echo(msgspec.json.encode(one).decode())
    else:
        _show(found)


async def _attached(
    log: str, path: Path, made: Attachable, from_ts: int | None, to_ts: int | None
) -> Attached:
    async with existing_store(path) as store:
        files = snapshots_beside(path)
        return await attached(store, log, made, from_ts=from_ts, to_ts=to_ts, snapshots=files)


def _show(found: Attached) -> None:
    console = TableConsole()
    console.print(attached_words(found), soft_wrap=True)
    print_titled(attached_rows(found), console, all_with="--csv, --json")
