"""``replay execution``: how the orders of a run or live log were executed."""

from pathlib import Path

import click
import msgspec

from components.assembly.moments import moment_ns
from ops.completion import complete_runs
from ops.event_loop import run
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, print_rows
from replay.execution_analysis.execution_rows import execution_rows, order_object, totals_object
from replay.execution_analysis.reading import read_executions
from replay.execution_analysis.records import ExecutedOrder
from replay.execution_analysis.totals import GROUPS, refusals, totals
from replay.past.core import time_ns


@click.command("execution")
@click.argument("run_stream", shell_complete=complete_runs)
@store_option
@click.option("--from", "start", help="First UTC day, or moment, of the decisions.")
@click.option("--to", "end", help="Last UTC day, or moment, inclusive.")
@click.option("--by", type=click.Choice(list(GROUPS)), default=None, help="Group the orders.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, with every order.")
def execution_command(
    run_stream: str, *, store_path: Path, start: str | None, end: str | None, by: str | None, as_json: bool
) -> None:
    """Measure how orders were executed: slippage, shortfall, fill rate, times, spread, fees, refusals.

    Costs are above 0. Slippage is measured against the price when the strategy decided.

    \b
    Examples:
      replay execution run.ma_cross.1
      replay execution paper --from 2024-05-06 --by hour --store paper.tape
    """
    from_ts = 0 if start is None else moment_ns(start, key="--from")
    executed = run(_executed(run_stream, store_path, from_ts, time_ns(end, key="--to")))
    groups, refused = totals(executed, by or ""), refusals(executed)
    if as_json:
        told = {
            "run_stream": run_stream,
            "by": by,
            "groups": [totals_object(one) for one in groups],
            "refusals": refused,
            "orders": [order_object(one) for one in executed],
        }
        click.echo(msgspec.json.encode(told).decode())
        return
    if not executed:
        click.echo(f"{run_stream}: no orders in that period")
        return
    console = TableConsole()
    for rows in execution_rows(groups, refused, by=by or ""):
        if rows:
            console.print(f"{rows.title}:", style="bold")
            print_rows(rows, console)
            console.print()


async def _executed(
    run_stream: str, path: Path, from_ts: int, to_ts: int | None
) -> tuple[ExecutedOrder, ...]:
    async with existing_store(path) as store:
        return await read_executions(store, run_stream, from_ts=from_ts, to_ts=to_ts)
