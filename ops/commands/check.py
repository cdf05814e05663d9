"""``replay check``: whether the strategies of a run know the future, or depend on where history began."""

from pathlib import Path

import click
import msgspec

from ops.commands.replay import ReplayOptions, configure, naming_lines, nothing_to_play
from ops.completion import complete_data, complete_runs
from ops.event_loop import run
from ops.store_file import existing_store, store_option
from ops.tables import TableConsole, has_width
from replay.checks.decision_checks import DecisionChecks
from replay.checks.decision_trials import CUTS, check_configuration, check_run
from replay.config import ReplayConfig
from replay.performance.diagnosis_rows import finding_fields

FOUND = 1


@click.command("check")
@click.argument("run_stream", default="", metavar="[RUN]", shell_complete=complete_runs)
@store_option
@click.option(
    "--stream",
    "streams",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_data,
    help="Without RUN: data to run over; may be given several times.",
)
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="CODE",
    help="Without RUN: module:Class or file.py:Class.",
)
@click.option("--param", "params", multiple=True, metavar="NAME=VALUE", help="Parameter of the strategy.")
@click.option(
    "--cuts",
    type=click.IntRange(1),
    default=CUTS,
    show_default=True,
    help="Earlier ends of the data that are tried.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of sentences.")
@click.pass_context
def check_command(
    ctx: click.Context,
    run_stream: str,
    *,
    store_path: Path,
    streams: tuple[str, ...],
    strategies: tuple[str, ...],
    params: tuple[str, ...],
    cuts: int,
    as_json: bool,
) -> None:
    """Check the strategies of a run for look-ahead, and for indicators that depend on their first bar.

    The code on disk is run again on data that end earlier, on mirrored prices, with more history, and with
    later beginnings; what it decides and logs is compared. Nothing is written.

    Without RUN, strategy and data are those of the options and of onetape.yaml in the current folder, as for
    `replay`; no run is needed before.

    \b
    Example:
      replay check run.ma_cross.1 --store market.db
      replay check --store market.db --stream goog.1d --strategy swing.py:Swing --param fast=20

    Exit code 0: nothing found. 1: something was found.
    """
    if run_stream:
        if streams or strategies or params:
            raise click.UsageError(
                f"--stream, --strategy and --param are for a check without a run: {run_stream}"
            )
        found = run(_checked(run_stream, store_path, cuts))
    else:
        wanted = ReplayOptions(store=str(store_path), streams=streams, strategies=strategies, params=params)
        found = run(_checked_configuration(configure(wanted), store_path, cuts))
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


async def _checked_configuration(config: ReplayConfig, path: Path, cuts: int) -> DecisionChecks:
    async with existing_store(path) as store:
        if not config.streams:
            raise click.UsageError(await nothing_to_play(store, path))
        with naming_lines(None):
            return await check_configuration(store, config, cuts=cuts)
