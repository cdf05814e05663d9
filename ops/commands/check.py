"""``replay check``: whether the strategies of a run know the future, or depend on where history began."""

from pathlib import Path

import click
import msgspec

from ops.completion import complete_runs
from ops.event_loop import run
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, has_width
from replay.checks.decision_checks import DecisionChecks
from replay.checks.decision_trials import CUTS, check_run
from replay.performance.diagnosis_rows import finding_fields

FOUND = 1


@click.command("check")
@click.argument("run_stream", shell_complete=complete_runs)
@store_option
@click.option(
    "--cuts",
    type=click.IntRange(1),
    default=CUTS,
    show_default=True,
    help="Earlier ends of the data that are tried.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of sentences.")
@click.pass_context
def check_command(ctx: click.Context, run_stream: str, *, store_path: Path, cuts: int, as_json: bool) -> None:
    """Check the strategies of a run for look-ahead, and for indicators that depend on their first bar.

    The code on disk is run again on data that end earlier, on mirrored prices, with more history, and with
    later beginnings; what it decides and logs is compared. Nothing is written.

    \b
    Example:
      replay check run.ma_cross.1 --store market.db

    Exit code 0: nothing found. 1: something was found.
    """
    found = run(_checked(run_stream, store_path, cuts))
    if as_json:
        told = {"is_passed": found.is_passed, "findings": finding_fields(found.findings)}
        click.echo(msgspec.json.encode({**told, "checks": found}).decode())
    else:
        console = TableConsole()
        for one in found.findings:
            mark = "WARNING" if one.is_warning else "ok"
            console.print(f"{mark}: {one.words}", soft_wrap=not has_width(console))
    if not found.is_passed:
        ctx.exit(FOUND)


async def _checked(run_stream: str, path: Path, cuts: int) -> DecisionChecks:
    async with existing_store(path) as store:
        return await check_run(store, run_stream, cuts=cuts)
