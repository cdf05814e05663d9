"""``replay explain``: one order, from its fill back to what its strategy saw."""

from pathlib import Path

import click
import msgspec

from eventstore import EventStore
from kernel.configuration import listed
from kernel.errors import InputError
from ops.completion import complete_runs
from ops.event_loop import run
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, print_titled
from replay.past.explanation import Explanation, explain_order, logs_with_order
from replay.past.explanation_rows import as_object, explanation_rows, headline
from replay.report.order_page import write_order_page
from replay.run_snapshots import snapshots_beside


@click.command("explain")
@click.argument("order_id")
@click.option(
    "--run",
    "run_stream",
    default="",
    shell_complete=complete_runs,
    help="Run or live log of the order [default: the only one that has it].",
)
@store_option
@click.option("--html", "html_path", type=click.Path(path_type=Path), help="Write a page too.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of the tables.")
def explain_command(
    order_id: str, *, run_stream: str, store_path: Path, html_path: Path | None, as_json: bool
) -> None:
    """Explain an order: its fills, the answers of venue and risk, the intent, and what its strategy saw.

    Shown are the times between the steps, the market and the account as they were known at the decision, and
    the strategy's parameters and own state, before it and after.

    \b
    Example:
      replay explain 1-macross-163 --run run.ma_cross.1
      replay explain 1-macross-163 --run run.ma_cross.1 --html order.html
    """
    found = run(_explained(order_id, run_stream, store_path))
    if html_path is not None:
        write_order_page(found, html_path)
    if as_json:
        click.echo(msgspec.json.encode(as_object(found)).decode())
        return
    console = TableConsole()
    console.print(headline(found), style="bold", soft_wrap=True)
    print_titled(explanation_rows(found), console)
    if html_path is not None:
        console.print()
        console.print(f"Page: {html_path.resolve()}", soft_wrap=True)


async def _explained(order_id: str, run_stream: str, path: Path) -> Explanation:
    async with existing_store(path) as store:
        log = run_stream or await _only_log(store, order_id)
        return await explain_order(store, log, order_id, snapshots=snapshots_beside(path))


async def _only_log(store: EventStore, order_id: str) -> str:
    logs = await logs_with_order(store, order_id)
    if not logs:
        raise InputError(f"order {order_id!r} is in no run or live log of the store")
    first, *others = logs
    if others:
        raise InputError(f"order {order_id!r} is in several runs, name one with --run: {listed(logs)}")
    return first
